import Core

/// Puts the text of one cell into a batch, as the type of the model's input.
enum CellReader {
  /// What was wrong with a cell: `expected a number, got "abc"`.
  struct Fault: Error {
    let message: String
  }

  /// Reads a cell into the row that is being read.
  ///
  /// Blanks around numbers do not count; an empty cell is a missing number (NaN) or the empty text,
  /// and an error for whole numbers and truth values, which have no missing value.
  /// - Parameter isTemporary: whether the bytes go away before the batch does.
  static func store(
    _ bytes: UnsafeBufferPointer<UInt8>, in batch: RowBatch, _ input: Int, _ element: Int,
    isTemporary: Bool = false
  ) throws(Fault) {
    let type = batch.type(of: input)
    if type == .text {
      guard isUTF8(bytes) else { throw Fault(message: "expected UTF-8 text, got other bytes") }
      batch.set(text: bytes, input, element, isTemporary: isTemporary)
      return
    }
    let cell = trimmed(bytes)
    if cell.isEmpty {
      try storeMissing(in: batch, input, element)
      return
    }
    switch type {
    case .float64:
      guard let value = NumberText.double(cell) else { throw expected("a number", cell) }
      batch.set(double: value, input, element)
    case .int64:
      guard let value = NumberText.integer(cell) else { throw expected("a whole number", cell) }
      batch.set(int64: value, input, element)
    case .int32:
      guard let value = NumberText.integer(cell), let narrow = Int32(exactly: value) else {
        throw expected("a whole number of 32 bits", cell)
      }
      batch.set(int32: narrow, input, element)
    case .bool:
      guard let value = truth(cell) else { throw expected("true or false", cell) }
      batch.set(bool: value, input, element)
    default:
      guard let value = NumberText.float(cell) else { throw expected("a number", cell) }
      batch.set(float: value, input, element)
    }
  }

  /// Puts "there is no value" into the row: NaN or the empty text.
  static func storeMissing(
    in batch: RowBatch, _ input: Int, _ element: Int
  ) throws(Fault) {
    switch batch.type(of: input) {
    case .float32: batch.set(float: .nan, input, element)
    case .float64: batch.set(double: .nan, input, element)
    case .text: batch.set(text: UnsafeBufferPointer(start: nil, count: 0), input, element)
    case .bool: throw Fault(message: "expected true or false, got nothing")
    default: throw Fault(message: "expected a whole number, got nothing")
    }
  }

  /// The complaint about a cell, with the beginning of it.
  static func expected(_ what: String, _ bytes: UnsafeBufferPointer<UInt8>) -> Fault {
    let shown = String(decoding: bytes.prefix(200), as: UTF8.self)
    return Fault(message: "expected \(what), got \"\(printable(shown, limit: 40))\"")
  }

  private static func truth(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool? {
    guard bytes.count <= 5 else { return nil }
    switch String(decoding: bytes, as: UTF8.self).lowercased() {
    case "true", "1", "1.0": return true
    case "false", "0", "0.0": return false
    default: return nil
    }
  }

  private static func trimmed(_ bytes: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
    var first = 0
    var end = bytes.count
    while first < end, isBlank(bytes[first]) { first += 1 }
    while end > first, isBlank(bytes[end - 1]) { end -= 1 }
    return UnsafeBufferPointer(rebasing: bytes[first..<end])
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

  /// Whether the bytes are well-formed UTF-8.
  static func isUTF8(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    isASCII(bytes) || String(validating: bytes, as: UTF8.self) != nil
  }

  /// Whether no byte is 128 or more.
  static func isASCII(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    guard let base = bytes.baseAddress else { return true }
    // Four words at a time; the compiler makes vectors of them.
    let words = UnsafeRawPointer(base)
    var high: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    var at = 0
    while at &+ 32 <= bytes.count {
      high.0 |= words.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      high.1 |= words.loadUnaligned(fromByteOffset: at &+ 8, as: UInt64.self)
      high.2 |= words.loadUnaligned(fromByteOffset: at &+ 16, as: UInt64.self)
      high.3 |= words.loadUnaligned(fromByteOffset: at &+ 24, as: UInt64.self)
      at &+= 32
    }
    var rest: UInt8 = 0
    while at < bytes.count {
      rest |= base[at]
      at &+= 1
    }
    return rest < 0x80 && (high.0 | high.1 | high.2 | high.3) & 0x8080_8080_8080_8080 == 0
  }
}
