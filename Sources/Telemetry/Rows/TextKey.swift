/// A text of any length in 16 bytes, comparable in one instruction: how feature rows carry
/// categories through the tap without pointers.
///
/// Up to 15 bytes are held as they are, so that an unseen category can be shown by name. A longer
/// text keeps its first 7 bytes and a 64-bit hash of all of it; two of those are taken for equal
/// when both agree. The last byte tells the forms apart: the length, or 255 for the hashed form.
/// The empty text is the missing value.
public struct TextKey: Hashable, Sendable, BitwiseCopyable {
  /// Bytes 0 to 7, little endian.
  public let low: UInt64
  /// Bytes 8 to 14 and the length, or the hash's form; see the type.
  public let high: UInt64

  /// The missing value.
  public static let missing = TextKey(low: 0, high: 0)

  /// Puts two words together, as ``low`` and ``high`` gave them.
  @inlinable
  public init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  /// Takes `count` bytes; nil or none is ``missing``.
  @inlinable
  public init(bytes: UnsafePointer<UInt8>?, count: Int) {
    guard let bytes, count > 0 else {
      self = .missing
      return
    }
    if count <= 15 {
      low = TextKey.word(bytes, min(count, 8))
      high = (count > 8 ? TextKey.word(bytes + 8, count - 8) : 0) | UInt64(count) << 56
    } else {
      // The hash is spread over the seven free bytes of each half.
      let hash = TextKey.hash(bytes, count)
      low = TextKey.word(bytes, 7) | hash << 56
      high = hash >> 8 | 0xFF << 56
    }
  }

  /// Takes a text's UTF-8 bytes.
  public init(_ text: String) {
    var text = text
    self = text.withUTF8 { TextKey(bytes: $0.baseAddress, count: $0.count) }
  }

  /// The decimal digits of a number, as a text would hold them.
  @inlinable
  public init(decimal number: Int64) {
    if (0...9).contains(number) {
      // Nearly every label is one digit.
      self.init(low: 0x30 + UInt64(number), high: 1 << 56)
    } else {
      self = TextKey.digits(of: number)
    }
  }

  @usableFromInline
  static func digits(of number: Int64) -> TextKey {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { buffer in
      var at = 20
      var rest = number.magnitude
      repeat {
        at -= 1
        buffer[at] = 0x30 + UInt8(rest % 10)
        rest /= 10
      } while rest > 0
      if number < 0 {
        at -= 1
        buffer[at] = 0x2D
      }
      return TextKey(bytes: buffer.baseAddress.map { UnsafePointer($0 + at) }, count: 20 - at)
    }
  }

  /// True for the empty text.
  @inlinable
  public var isMissing: Bool { low | high == 0 }

  /// The text, or for a long one its beginning and `…`.
  ///
  /// It came from outside: screens must make it harmless.
  public var text: String {
    let form = Int(high >> 56)
    var bytes: [UInt8] = []
    for i in 0..<(form == 0xFF ? 7 : min(form, 15)) {
      bytes.append(UInt8(truncatingIfNeeded: (i < 8 ? low >> (8 * i) : high >> (8 * (i - 8)))))
    }
    let text = String(decoding: bytes, as: UTF8.self)
    return form == 0xFF ? text + "…" : text
  }

  /// 64 well-mixed bits for a hash table.
  @inlinable
  public var mixed: UInt64 {
    let product = (low ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(
      by: high ^ 0xD1B5_4A32_D192_ED03)
    return product.high ^ product.low
  }

  @inlinable
  static func word(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
    if count == 8 { return UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self).littleEndian }
    var word: UInt64 = 0
    for i in 0..<count { word |= UInt64(bytes[i]) << (8 * UInt64(i)) }
    return word
  }

  /// FNV-1a, 64 bits, of all bytes (Fowler, Noll & Vo).
  @inlinable
  static func hash(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for i in 0..<count { hash = (hash ^ UInt64(bytes[i])) &* 0x0000_0100_0000_01B3 }
    return hash
  }
}
