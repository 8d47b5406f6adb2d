/// Reads protobuf wire format from a range of bytes, checking every step against the range.
///
/// Written for hostile input: a length is compared with what is left before it is used, a varint
/// has at most ten bytes, groups (obsolete, and only good for nesting) are refused.
/// Source of the format: <https://protobuf.dev/programming-guides/encoding/>.
struct ProtobufReader {
  /// One field's tag.
  struct Field {
    let number: Int
    let wire: UInt8
  }

  private let bytes: UnsafeRawBufferPointer
  /// Where the next byte is read, in bytes from the start of the file.
  private(set) var offset: Int
  /// The first offset that does not belong to this message.
  let end: Int
  /// How many messages enclose this one.
  let depth: Int

  /// Reads all of `bytes`, which the caller keeps alive.
  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
    offset = 0
    end = bytes.count
    depth = 0
  }

  private init(_ bytes: UnsafeRawBufferPointer, range: Range<Int>, depth: Int) {
    self.bytes = bytes
    offset = range.lowerBound
    end = range.upperBound
    self.depth = depth
  }

  /// Whether everything was read.
  var isAtEnd: Bool { offset >= end }

  /// The next field's tag, or `nil` at the end.
  mutating func next() throws(InferenceError) -> Field? {
    if isAtEnd { return nil }
    let tag = try varint()
    let number = Int(truncatingIfNeeded: tag >> 3)
    guard number >= 1, tag >> 3 < 1 << 29 else { throw fault("field number \(tag >> 3)") }
    return Field(number: number, wire: UInt8(tag & 7))
  }

  /// A base-128 integer.
  mutating func varint() throws(InferenceError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while shift < 70 {
      guard offset < end else { throw fault("an integer is cut off") }
      let byte = bytes[offset]
      offset += 1
      if shift == 63 && byte > 1 { throw fault("an integer has more than 64 bits") }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw fault("an integer has more than ten bytes")
  }

  /// A varint field as a signed integer.
  mutating func int64(_ field: Field) throws(InferenceError) -> Int64 {
    guard field.wire == 0 else { throw wrongWire(field) }
    return Int64(bitPattern: try varint())
  }

  /// Four bytes, little-endian.
  mutating func fixed32() throws(InferenceError) -> UInt32 {
    guard end - offset >= 4 else { throw fault("four bytes are cut off") }
    let value = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
    offset += 4
    return UInt32(littleEndian: value)
  }

  /// Eight bytes, little-endian.
  mutating func fixed64() throws(InferenceError) -> UInt64 {
    guard end - offset >= 8 else { throw fault("eight bytes are cut off") }
    let value = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    offset += 8
    return UInt64(littleEndian: value)
  }

  /// A 32-bit float field.
  mutating func float(_ field: Field) throws(InferenceError) -> Float {
    guard field.wire == 5 else { throw wrongWire(field) }
    return Float(bitPattern: try fixed32())
  }

  /// The range of a length-delimited field's content; the reader moves past it.
  mutating func content(_ field: Field) throws(InferenceError) -> Range<Int> {
    guard field.wire == 2 else { throw wrongWire(field) }
    let length = try varint()
    guard length <= UInt64(end - offset) else {
      throw fault("a field says \(length) bytes where \(end - offset) are left")
    }
    let range = offset..<(offset + Int(length))
    offset = range.upperBound
    return range
  }

  /// A nested message.
  mutating func message(_ field: Field, depthMax: Int) throws(InferenceError) -> ProtobufReader {
    let range = try content(field)
    guard depth < depthMax else {
      throw InferenceError(
        .limit,
        "the model file nests messages more than \(depthMax) deep; export it without "
          + "nested subgraphs")
    }
    return ProtobufReader(bytes, range: range, depth: depth + 1)
  }

  /// A reader over a range that ``content(_:)`` gave.
  func reader(over range: Range<Int>) -> ProtobufReader {
    ProtobufReader(bytes, range: range, depth: depth + 1)
  }

  /// Text; ill-formed UTF-8 is repaired.
  mutating func text(_ field: Field) throws(InferenceError) -> String {
    let range = try content(field)
    return String(decoding: bytes[range], as: UTF8.self)
  }

  /// Passes over a field that is of no interest.
  mutating func skip(_ field: Field) throws(InferenceError) {
    switch field.wire {
    case 0: _ = try varint()
    case 1: _ = try fixed64()
    case 2: _ = try content(field)
    case 5: _ = try fixed32()
    default: throw wrongWire(field)
    }
  }

  /// How often each field occurs in the message, looking ahead from here; fields numbered 32 and
  /// above are not counted.
  ///
  /// Lists that are made with their final size never take more than they hold.
  func fieldCounts() throws(InferenceError) -> InlineArray<32, Int> {
    var counts = InlineArray<32, Int>(repeating: 0)
    var ahead = self
    while let field = try ahead.next() {
      if field.number < 32 { counts[field.number] += 1 }
      try ahead.skip(field)
    }
    return counts
  }

  /// How many varints the range holds: bytes without the continuation bit.
  func countOfVarints(in range: Range<Int>) -> Int {
    var count = 0
    for index in range { count &+= bytes[index] < 0x80 ? 1 : 0 }
    return count
  }

  /// The bytes of a range.
  subscript(range: Range<Int>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[range])
  }

  /// An error that gives the place.
  func fault(_ what: String) -> InferenceError {
    InferenceError(
      .malformed, "the model file is damaged at byte \(offset): \(what); export or copy it again")
  }

  private func wrongWire(_ field: Field) -> InferenceError {
    fault("field \(field.number) has the wire type \(field.wire)")
  }
}

/// Counts the memory that decoding takes against the size of the file, so that a small file can
/// never ask for much.
struct AllocationBudget {
  /// What every file may take, whatever its size, in bytes.
  static let baseBytes = 1 << 20
  private(set) var leftBytes: Int
  private let fileBytes: Int

  /// Four times the file and the base.
  init(fileBytes: Int) {
    self.fileBytes = fileBytes
    leftBytes = 4 * fileBytes + AllocationBudget.baseBytes
  }

  /// What an array or a long text takes beside its elements, in bytes.
  static let headerBytes = 32

  /// Takes an array of `count` elements of `stride` bytes, or refuses; an empty one takes nothing.
  mutating func chargeArray(_ count: Int, stride: Int) throws(InferenceError) {
    if count == 0 { return }
    try charge(1, stride: AllocationBudget.headerBytes)
    try charge(count, stride: stride)
  }

  /// Takes `count` elements of `stride` bytes, or refuses.
  mutating func charge(_ count: Int, stride: Int) throws(InferenceError) {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: stride)
    guard !overflow, count >= 0, bytes <= leftBytes else {
      throw InferenceError(
        .limit,
        "decoding this model file of \(fileBytes) bytes would take more than four times "
          + "its size; it is damaged or made to exhaust memory")
    }
    leftBytes -= bytes
  }
}
