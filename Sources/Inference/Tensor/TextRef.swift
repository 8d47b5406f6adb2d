/// A piece of UTF-8 text, owned by somebody else: the caller for inputs, the session for outputs.
public struct TextRef {
  /// The first byte; may be `nil` when `count` is 0.
  public var bytes: UnsafePointer<UInt8>?
  /// The number of bytes.
  public var count: Int

  /// Refers to `count` bytes at `bytes`.
  public init(bytes: UnsafePointer<UInt8>?, count: Int) {
    self.bytes = bytes
    self.count = count
  }

  /// A copy of the text.
  public var string: String {
    String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
  }

  /// Whether both hold the same bytes.
  func isEqual(_ other: TextRef) -> Bool {
    guard count == other.count else { return false }
    for i in 0..<count where bytes?[i] != other.bytes?[i] { return false }
    return true
  }

  /// Whether these bytes come before the other's, byte by byte.
  func isLess(_ other: TextRef) -> Bool {
    let shared = min(count, other.count)
    guard let a = bytes, let b = other.bytes else { return count < other.count }
    for i in 0..<shared where a[i] != b[i] { return a[i] < b[i] }
    return count < other.count
  }
}

/// Where one input's data is, and of which type: row-major, for all rows of the request.
public enum ColumnPointer {
  /// 32-bit floats.
  case float32(UnsafePointer<Float>)
  /// 64-bit floats.
  case float64(UnsafePointer<Double>)
  /// 64-bit integers.
  case int64(UnsafePointer<Int64>)
  /// 32-bit integers.
  case int32(UnsafePointer<Int32>)
  /// Truth values, one byte each, 0 or 1.
  case bool(UnsafePointer<UInt8>)
  /// Texts.
  case text(UnsafePointer<TextRef>)
}
