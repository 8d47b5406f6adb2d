/// Writes protobuf wire format, the counterpart of ``ProtobufReader``.
///
/// Source of the format: <https://protobuf.dev/programming-guides/encoding/>.
struct ProtobufWriter {
  /// What was written so far.
  private(set) var bytes: [UInt8] = []

  init() {}

  /// The bytes that `body` writes.
  static func message(_ body: (inout ProtobufWriter) -> Void) -> [UInt8] {
    var writer = ProtobufWriter()
    body(&writer)
    return writer.bytes
  }

  private mutating func raw(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private mutating func tag(_ field: Int, _ wire: UInt64) { raw(UInt64(field) << 3 | wire) }

  /// An integer field; negative numbers take ten bytes.
  mutating func int(_ field: Int, _ value: Int64) {
    tag(field, 0)
    raw(UInt64(bitPattern: value))
  }

  /// A 32-bit float field.
  mutating func float(_ field: Int, _ value: Float) {
    tag(field, 5)
    withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// A field of bytes: text, or a message written before.
  mutating func content(_ field: Int, _ content: some Collection<UInt8>) {
    tag(field, 2)
    raw(UInt64(content.count))
    bytes.append(contentsOf: content)
  }

  /// A field of text.
  mutating func text(_ field: Int, _ text: String) { content(field, text.utf8) }

  /// A list of 32-bit floats in one piece; nothing when it is empty.
  mutating func packed(_ field: Int, _ values: [Float]) {
    if values.isEmpty { return }
    tag(field, 2)
    raw(UInt64(values.count * 4))
    bytes.reserveCapacity(bytes.count + values.count * 4)
    for value in values {
      withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
    }
  }

  /// A list of integers in one piece; nothing when it is empty.
  mutating func packed(_ field: Int, _ values: [Int]) {
    if values.isEmpty { return }
    var list = ProtobufWriter()
    for value in values { list.raw(UInt64(bitPattern: Int64(value))) }
    content(field, list.bytes)
  }

  /// Fields that were read from another file, as they stand there.
  mutating func verbatim(_ fields: some Collection<UInt8>) { bytes.append(contentsOf: fields) }
}
