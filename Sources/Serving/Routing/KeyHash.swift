/// A fast, well-mixing 64-bit hash of a sticky key, in the manner of wyhash (Wang Yi, public
/// domain): 128-bit products of data and odd constants, folded.
///
/// Not cryptographic: a caller who knows the salt could choose keys for a bucket, which harms
/// nobody but that caller's own share. Equal on every machine.
public enum KeyHash {
  @usableFromInline static let first: UInt64 = 0xA076_1D64_78BD_642F
  @usableFromInline static let second: UInt64 = 0xE703_7ED1_A0B4_28DB

  /// Hashes `count` bytes under `salt`.
  @inlinable
  public static func hash(_ bytes: UnsafePointer<UInt8>, count: Int, salt: UInt64) -> UInt64 {
    let raw = UnsafeRawPointer(bytes)
    var state = salt ^ first
    var at = 0
    while count - at > 16 {
      state = fold(word(raw, at) ^ first, word(raw, at + 8) ^ state)
      at += 16
    }
    let rest = count - at
    let low = rest >= 8 ? word(raw, at) : partial(raw, at, rest)
    let high = rest >= 8 ? partial(raw, at + 8, rest - 8) : 0
    state = fold(low ^ second, high ^ state)
    return fold(state ^ UInt64(truncatingIfNeeded: count), second)
  }

  /// Hashes a key in an array.
  public static func hash(_ key: [UInt8], salt: UInt64) -> UInt64 {
    key.withUnsafeBufferPointer { buffer in
      // An empty array may have no address; the second line is what no bytes come to.
      buffer.baseAddress.map { hash($0, count: buffer.count, salt: salt) }
        ?? fold(fold(second, salt ^ first), second)
    }
  }

  /// The bucket, 0 to 9,999, of a hash: its place on the unit interval times 10,000.
  @inlinable
  public static func bucket(of hash: UInt64) -> Int {
    Int(hash.multipliedFullWidth(by: 10_000).high)
  }

  /// What a key is hashed with to know it again in every rollout.
  @usableFromInline static let identitySalt: UInt64 = 0x8EBC_6AF0_9C88_C6E3

  /// The hash of a key that is the same in every rollout.
  @inlinable
  public static func identity(_ bytes: UnsafePointer<UInt8>, count: Int) -> UInt64 {
    hash(bytes, count: count, salt: identitySalt)
  }

  /// The salt of a text, such as an endpoint's name and a rollout's number.
  public static func salt(_ text: String) -> UInt64 {
    hash(Array(text.utf8), salt: second)
  }

  @inlinable
  static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }

  @inlinable
  static func word(_ raw: UnsafeRawPointer, _ at: Int) -> UInt64 {
    UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: at, as: UInt64.self))
  }

  /// Up to 8 bytes as one little-endian word.
  @inlinable
  static func partial(_ raw: UnsafeRawPointer, _ at: Int, _ count: Int) -> UInt64 {
    if count == 8 { return word(raw, at) }
    var result: UInt64 = 0
    for i in 0..<count {
      result |= UInt64(raw.load(fromByteOffset: at + i, as: UInt8.self)) << UInt64(8 * i)
    }
    return result
  }
}
