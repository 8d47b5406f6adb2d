import Core

/// Bytes that grow at their end, in memory that stays when they are taken away.
///
/// Not thread-safe.
final class ByteBuffer {
  private(set) var base: UnsafeMutablePointer<UInt8>
  private(set) var count = 0
  private var capacity: Int

  init(capacity: Int = 64 * 1_024) {
    self.capacity = max(64, capacity)
    base = .allocate(capacity: self.capacity)
  }

  deinit { base.deallocate() }

  /// All of them; valid until the next change.
  var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base, count: count) }

  /// Takes all bytes away; the memory stays.
  func removeAll() { count = 0 }

  /// Adds one byte.
  @inline(__always)
  func append(_ byte: UInt8) {
    if count == capacity { grow(1) }
    base[count] = byte
    count &+= 1
  }

  /// Adds bytes.
  @inline(__always)
  func append(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard let from = bytes.baseAddress else { return }
    if capacity - count < bytes.count { grow(bytes.count) }
    (base + count).update(from: from, count: bytes.count)
    count &+= bytes.count
  }

  /// Adds bytes.
  func append(_ bytes: [UInt8]) { bytes.withUnsafeBufferPointer { append($0) } }

  /// Adds a text.
  @inline(__always)
  func append(_ text: consuming String) { text.withUTF8 { append($0) } }

  @inline(never)
  private func grow(_ needed: Int) {
    let larger = max(2 * capacity, count + needed)
    let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
    memory.update(from: base, count: count)
    base.deallocate()
    base = memory
    capacity = larger
  }

  // MARK: Texts as formats want them

  /// Adds a cell of a table, in quotes when it needs them (RFC 4180).
  func appendCSV(_ text: UnsafeBufferPointer<UInt8>) {
    let isPlain =
      text.count > 0
      && text.allSatisfy { $0 != 0x22 && $0 != 0x2C && $0 != 0x0A && $0 != 0x0D }
    if isPlain { return append(text) }
    append(0x22)
    for byte in text {
      if byte == 0x22 { append(0x22) }
      append(byte)
    }
    append(0x22)
  }

  /// Adds a JSON string (RFC 8259); bytes that are no UTF-8 become the replacement character.
  func appendJSON(_ text: UnsafeBufferPointer<UInt8>) {
    append(0x22)
    if CellReader.isUTF8(text) {
      appendEscaped(text)
    } else {
      var repaired = String(decoding: text, as: UTF8.self)
      repaired.withUTF8 { appendEscaped($0) }
    }
    append(0x22)
  }

  private func appendEscaped(_ text: UnsafeBufferPointer<UInt8>) {
    for byte in text {
      switch byte {
      case 0x22, 0x5C:
        append(0x5C)
        append(byte)
      case 0x0A: append("\\n")
      case 0x00...0x1F, 0x7F:
        append("\\u00")
        append(ByteBuffer.hexDigit(byte >> 4))
        append(ByteBuffer.hexDigit(byte & 15))
      default: append(byte)
      }
    }
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 { value + (value < 10 ? 0x30 : 0x57) }
}
