import Core

/// Walks over the frames of one file of a recording, past damage.
///
/// Bytes from a file are not trusted: every length is checked, nothing is read beyond the end.
struct RecordingScanner {
  /// A whole frame.
  struct Frame {
    let kind: UInt8
    /// Where its payload lies.
    let payload: Range<Int>
  }

  let bytes: [UInt8]
  /// The file's header.
  let header: RecordingHeader
  /// Stretches without a whole frame.
  private(set) var damaged = 0
  /// The bytes of them.
  private(set) var damagedBytes = 0
  /// The bytes of a last frame that was not written to its end.
  private(set) var tornBytes = 0
  private var at: Int

  /// Reads the header.
  /// - Throws: ``StorageError`` with code `damaged`, or `newerSchema`.
  init(_ bytes: [UInt8], name: String) throws(StorageError) {
    let shown = printable(name)
    let damage = StorageError(
      .damaged, "\(shown) does not begin like a recording: remove it, the others can be read")
    guard bytes.count >= 20, Array(bytes[..<8]) == RecordingFrame.fileMark else { throw damage }
    let format = RecordingScanner.word(bytes, 8)
    guard format == RecordingFrame.format else {
      throw StorageError(
        .newerSchema,
        "\(shown) is a recording of format \(format), this program reads format "
          + "\(RecordingFrame.format): use the program that wrote it")
    }
    let count = Int(RecordingScanner.word(bytes, 12))
    guard count <= RecordingFrame.headerBytesMax, bytes.count >= 20 + count,
      bytes.withUnsafeBytes({
        CRC32C.of(UnsafeRawBufferPointer(rebasing: $0[20..<(20 + count)]))
      }) == RecordingScanner.word(bytes, 16)
    else { throw damage }
    do {
      header = try CanonicalJSON.decode(RecordingHeader.self, from: Array(bytes[20..<(20 + count)]))
    } catch {
      throw damage
    }
    self.bytes = bytes
    at = 20 + count
  }

  /// The next whole frame; nil at the end.
  mutating func next() -> Frame? {
    var lost = 0
    let start = at
    while at < bytes.count {
      if let frame = frame(at: at) {
        at = frame.payload.upperBound
        if lost > 0 { noteDamage(lost) }
        return frame
      }
      at += 1
      while at < bytes.count, bytes[at] != RecordingFrame.mark.0 { at += 1 }
      lost = at - start
    }
    if lost > 0 {
      if isTorn(from: start) { tornBytes += lost } else { noteDamage(lost) }
    }
    return nil
  }

  /// Counts a frame whose payload makes no sense although its checksum is right.
  mutating func noteNonsense(_ frame: Frame) {
    noteDamage(frame.payload.count + RecordingFrame.prefixBytes)
  }

  private mutating func noteDamage(_ count: Int) {
    damaged += 1
    damagedBytes += count
  }

  /// Whether what is there is the beginning of a frame that the file's end cuts off.
  private func isTorn(from start: Int) -> Bool {
    let rest = bytes.count - start
    guard rest >= 8 else { return true }
    guard bytes[start] == RecordingFrame.mark.0, bytes[start + 1] == RecordingFrame.mark.1 else {
      return false
    }
    let count = Int(RecordingScanner.word(bytes, start + 4))
    return count <= RecordingFrame.payloadBytesMax && rest < RecordingFrame.prefixBytes + count
  }

  private func frame(at start: Int) -> Frame? {
    guard bytes.count - start >= RecordingFrame.prefixBytes, bytes[start] == RecordingFrame.mark.0,
      bytes[start + 1] == RecordingFrame.mark.1
    else { return nil }
    let count = Int(RecordingScanner.word(bytes, start + 4))
    let first = start + RecordingFrame.prefixBytes
    guard count <= RecordingFrame.payloadBytesMax, bytes.count - first >= count else { return nil }
    let sum = bytes.withUnsafeBytes { RecordingFrame.sum(of: $0, at: start, payload: count) }
    guard sum == RecordingScanner.word(bytes, start + 8) else { return nil }
    return Frame(kind: bytes[start + 2], payload: first..<(first + count))
  }

  private static func word(_ bytes: [UInt8], _ place: Int) -> UInt32 {
    bytes.withUnsafeBytes {
      UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: place, as: UInt32.self))
    }
  }
}

/// Takes a payload apart; nil for one that is too short or has a value that cannot be.
struct RecordingPayload {
  private let bytes: [UInt8]
  private var at: Int
  private let end: Int

  init(_ bytes: [UInt8], _ range: Range<Int>) {
    self.bytes = bytes
    at = range.lowerBound
    end = range.upperBound
  }

  /// A label's frame.
  mutating func label() -> RecordedLabel? {
    guard let time: UInt64 = word(), let id: UInt64 = word(), let label: UInt64 = word() else {
      return nil
    }
    return RecordedLabel(
      time: Timestamp(microseconds: Int64(bitPattern: time)), id: id,
      label: Int64(bitPattern: label))
  }

  /// How many requests a loss frame tells of.
  mutating func loss() -> Int? {
    guard let _: UInt64 = word(), let count: UInt64 = word() else { return nil }
    return Int(clamping: count)
  }

  /// A request's frame; `columns` are those of the file's header.
  mutating func request(_ columns: [RecordingHeader.Column]) -> RecordedRequest? {
    guard let time: UInt64 = word(), let id: UInt64 = word(), let key: UInt64 = word(),
      let generation: UInt64 = word(), let latency: UInt32 = word(), let score: UInt32 = word(),
      let weight: UInt16 = word(), let flagByte: UInt8 = word(), let routed = version(),
      let version = routed, let other = self.version(), let label = text(),
      let count: UInt16 = word(),
      Int(count) == columns.count
    else { return nil }
    let flags = RecordingFrame.Flags(rawValue: flagByte)
    var row: [RecordedValue] = []
    row.reserveCapacity(columns.count)
    for column in columns {
      if column.isWithheld == true {
        row.append(.withheld)
      } else if column.isText {
        guard let text = text() else { return nil }
        row.append(.text(text))
      } else {
        guard let bits: UInt32 = word() else { return nil }
        row.append(.number(Float(bitPattern: bits)))
      }
    }
    guard at == end else { return nil }
    let value = Float(bitPattern: score)
    return RecordedRequest(
      time: Timestamp(microseconds: Int64(bitPattern: time)), id: id, row: row,
      keyHash: flags.contains(.keyed) ? key : nil, version: version,
      answeredBy: flags.contains(.answered) ? other ?? version : nil,
      label: label.isMissing ? nil : label, score: value.isNaN ? nil : value,
      failed: flags.contains(.failed), latency: TimeSpan(microseconds: Int64(latency)),
      weight: Int(weight), isDrawn: flags.contains(.drawn),
      generation: Int(Int64(bitPattern: generation)))
  }

  /// A version; nil for the empty text, and no value at all when there is no legal one.
  private mutating func version() -> VersionID?? {
    guard let count: UInt8 = word(), end - at >= Int(count) else { return nil }
    defer { at += Int(count) }
    if count == 0 { return .some(nil) }
    let text = String(decoding: bytes[at..<(at + Int(count))], as: UTF8.self)
    guard let version = try? VersionID(text) else { return nil }
    return .some(version)
  }

  private mutating func text() -> RecordedText? {
    guard let form: UInt8 = word() else { return nil }
    if form == 0xFF {
      guard let low: UInt64 = word(), let high: UInt64 = word() else { return nil }
      let text = RecordedText(low: low, high: high)
      return text.isShortened ? text : nil
    }
    guard form <= 15, end - at >= Int(form) else { return nil }
    defer { at += Int(form) }
    return RecordedText(bytes: bytes[at..<(at + Int(form))])
  }

  private mutating func word<Word: FixedWidthInteger>() -> Word? {
    let size = MemoryLayout<Word>.size
    guard end - at >= size else { return nil }
    defer { at += size }
    return bytes.withUnsafeBytes {
      Word(littleEndian: $0.loadUnaligned(fromByteOffset: at, as: Word.self))
    }
  }
}
