import CSodium
import Core

/// SHA-256 by libsodium, of bytes as they come (FIPS 180-4).
struct SHA256: ~Copyable {
  private var state = crypto_hash_sha256_state()

  /// Begins an empty message.
  init() { crypto_hash_sha256_init(&state) }

  /// Adds bytes to the message.
  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    crypto_hash_sha256_update(
      &state, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
  }

  /// Adds bytes to the message.
  mutating func update(_ bytes: [UInt8]) {
    crypto_hash_sha256_update(&state, bytes, UInt64(bytes.count))
  }

  /// Adds eight bytes, the most significant first.
  mutating func update(bigEndian word: UInt64) {
    withUnsafeBytes(of: word.bigEndian) { update($0) }
  }

  /// Adds a length in eight bytes and then the bytes, so that no two lists of fields give the same
  /// message.
  mutating func updateWithLength(_ bytes: [UInt8]) {
    update(bigEndian: UInt64(bytes.count))
    update(bytes)
  }

  /// Ends the message.
  consuming func finish() -> Digest {
    var result = [UInt8](repeating: 0, count: 32)
    crypto_hash_sha256_final(&state, &result)
    guard let digest = try? Digest(bytes: result) else {
      preconditionFailure("SHA-256 gives 32 bytes")
    }
    return digest
  }

  /// The digest of bytes that are all there.
  static func digest(of bytes: [UInt8]) -> Digest {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finish()
  }
}
