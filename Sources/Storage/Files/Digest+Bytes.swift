import Core

extension Digest {
  /// The SHA-256 digest of bytes.
  public init(ofBytes bytes: [UInt8]) { self = SHA256.digest(of: bytes) }
}
