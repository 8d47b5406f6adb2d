import Core

/// The bytes of a recording's file; all numbers are little endian.
///
/// ```
/// file    "SLUCEREC", format 1 (4), header bytes (4), CRC-32C of the header (4), header (JSON)
/// frame   mark C5 1E (2), kind (1), 0 (1), payload bytes (4), CRC-32C (4), payload
/// ```
/// A frame's checksum covers kind, length and payload, so that a reader that meets damage finds the
/// next whole frame by its mark.
enum RecordingFrame {
  /// What a frame holds.
  enum Kind: UInt8 {
    case request = 1
    case label = 2
    /// Requests that were to be recorded and were not.
    case loss = 3
  }

  static let fileMark = Array("SLUCEREC".utf8)
  static let format: UInt32 = 1
  static let headerBytesMax = 1 << 20
  static let prefixBytes = 12
  /// 1,024 values of 17 bytes and the fixed part fit well.
  static let payloadBytesMax = 32_768
  static let mark: (UInt8, UInt8) = (0xC5, 0x1E)

  /// The beginning of a file.
  static func file(_ header: RecordingHeader) throws(StorageError) -> [UInt8] {
    let json: [UInt8]
    do {
      json = try CanonicalJSON.encode(header)
    } catch {
      throw StorageError(
        .unacceptable, "the recording's header cannot be written: \(error.message)")
    }
    var bytes = fileMark
    append(format, to: &bytes)
    append(UInt32(json.count), to: &bytes)
    append(json.withUnsafeBytes { CRC32C.of($0) }, to: &bytes)
    return bytes + json
  }

  /// Appends a frame whose payload `body` appends.
  static func append(
    _ kind: Kind, to bytes: inout [UInt8], _ body: (inout [UInt8]) -> Void
  ) {
    let start = bytes.count
    bytes.append(mark.0)
    bytes.append(mark.1)
    bytes.append(kind.rawValue)
    bytes.append(0)
    append(UInt64(0), to: &bytes)
    body(&bytes)
    let count = bytes.count - start - prefixBytes
    precondition(count <= payloadBytesMax, "a recorded row is larger than a frame")
    store(UInt32(count), in: &bytes, at: start + 4)
    let checksum = bytes.withUnsafeBytes { sum(of: $0, at: start, payload: count) }
    store(checksum, in: &bytes, at: start + 8)
  }

  static func append(_ request: RecordedRequest, to bytes: inout [UInt8]) {
    append(.request, to: &bytes) { bytes in
      append(UInt64(bitPattern: request.time.microseconds), to: &bytes)
      append(request.id, to: &bytes)
      append(request.keyHash ?? 0, to: &bytes)
      append(UInt64(bitPattern: Int64(request.generation)), to: &bytes)
      append(UInt32(clamping: request.latency.microseconds), to: &bytes)
      append((request.score ?? .nan).bitPattern, to: &bytes)
      append(UInt16(clamping: request.weight), to: &bytes)
      bytes.append(flags(of: request).rawValue)
      append(Array(request.version.description.utf8), to: &bytes)
      let other = request.answeredBy == request.version ? nil : request.answeredBy
      append(Array((other?.description ?? "").utf8), to: &bytes)
      append(request.label ?? RecordedText(low: 0, high: 0), to: &bytes)
      append(UInt16(clamping: request.row.count), to: &bytes)
      for value in request.row {
        switch value {
        case .number(let number): append(number.bitPattern, to: &bytes)
        case .text(let text): append(text, to: &bytes)
        case .withheld: break
        }
      }
    }
  }

  static func append(_ label: RecordedLabel, to bytes: inout [UInt8]) {
    append(.label, to: &bytes) { bytes in
      append(UInt64(bitPattern: label.time.microseconds), to: &bytes)
      append(label.id, to: &bytes)
      append(UInt64(bitPattern: label.label), to: &bytes)
    }
  }

  static func append(loss count: Int, time: Timestamp, to bytes: inout [UInt8]) {
    append(.loss, to: &bytes) { bytes in
      append(UInt64(bitPattern: time.microseconds), to: &bytes)
      append(UInt64(max(0, count)), to: &bytes)
    }
  }

  /// Facts about a request.
  struct Flags: OptionSet {
    let rawValue: UInt8
    static let keyed = Flags(rawValue: 1)
    static let drawn = Flags(rawValue: 2)
    static let failed = Flags(rawValue: 4)
    static let answered = Flags(rawValue: 8)
  }

  private static func flags(of request: RecordedRequest) -> Flags {
    var flags: Flags = []
    if request.keyHash != nil { flags.insert(.keyed) }
    if request.isDrawn { flags.insert(.drawn) }
    if request.failed { flags.insert(.failed) }
    if request.answeredBy != nil { flags.insert(.answered) }
    return flags
  }

  /// The checksum of the frame at `start`.
  static func sum(of bytes: UnsafeRawBufferPointer, at start: Int, payload count: Int) -> UInt32 {
    var sum = CRC32C()
    sum.add(UnsafeRawBufferPointer(rebasing: bytes[(start + 2)..<(start + 8)]))
    sum.add(
      UnsafeRawBufferPointer(rebasing: bytes[(start + prefixBytes)..<(start + prefixBytes + count)])
    )
    return sum.value
  }

  private static func append(_ text: RecordedText, to bytes: inout [UInt8]) {
    guard text.isShortened else {
      let known = text.bytes
      bytes.append(UInt8(known.count))
      bytes += known
      return
    }
    bytes.append(0xFF)
    append(text.low, to: &bytes)
    append(text.high, to: &bytes)
  }

  /// A text of at most 255 bytes with its length; names and version numbers are shorter.
  private static func append(_ text: [UInt8], to bytes: inout [UInt8]) {
    bytes.append(UInt8(clamping: text.count))
    bytes += text.prefix(255)
  }

  private static func append<Word: FixedWidthInteger>(_ word: Word, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: word.littleEndian) { bytes += $0 }
  }

  private static func store(_ word: UInt32, in bytes: inout [UInt8], at place: Int) {
    for i in 0..<4 { bytes[place + i] = UInt8(truncatingIfNeeded: word >> UInt32(8 * i)) }
  }
}

/// CRC-32C (Castagnoli's polynomial, reflected 82F63B78), as iSCSI uses it (RFC 3720, B.4), eight
/// bytes a step by tables (Kounavis & Berry 2008).
struct CRC32C {
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var value = UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
      tables[byte] = value
    }
    for table in 1..<8 {
      for byte in 0..<256 {
        let below = tables[(table - 1) * 256 + byte]
        tables[table * 256 + byte] = below >> 8 ^ tables[Int(below & 0xFF)]
      }
    }
    return tables
  }()

  private var state: UInt32 = .max

  /// The checksum of what was added.
  var value: UInt32 { ~state }

  /// Adds bytes.
  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    var state = state
    CRC32C.tables.withUnsafeBufferPointer { table in
      var at = 0
      while bytes.count - at >= 8 {
        let word =
          UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
          ^ UInt64(state)
        state = 0
        for i in 0..<8 {
          let byte = Int(truncatingIfNeeded: word >> UInt64(8 * i) & 0xFF)
          state ^= table[(7 - i) * 256 + byte]
        }
        at += 8
      }
      while at < bytes.count {
        state = state >> 8 ^ table[Int((state ^ UInt32(bytes[at])) & 0xFF)]
        at += 1
      }
    }
    self.state = state
  }

  /// The checksum of bytes that are all there.
  static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var sum = CRC32C()
    sum.add(bytes)
    return sum.value
  }
}
