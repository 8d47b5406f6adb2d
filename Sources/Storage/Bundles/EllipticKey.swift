import COpenSSL
import Core

/// A key for ECDSA on one of the curves P-256, P-384 and P-521 (FIPS 186-5), by OpenSSL.
///
/// The hash is that of the curve's strength: SHA-256, SHA-384 or SHA-512, as Sigstore has it.
public final class EllipticKey {
  /// The SHA-256 of the public key's PEM, in hexadecimal digits: what signatures name the key by.
  public let fingerprint: String
  /// Whether it can sign.
  public let isPrivate: Bool
  private let key: OpaquePointer

  /// The most bytes of a key file.
  public static let fileBytesMax = 64 << 10
  private static let curves = ["prime256v1", "secp384r1", "secp521r1"]

  /// Reads a private key in PEM that needs no passphrase.
  /// - Parameter name: what errors call the file.
  /// - Throws: ``StorageError`` (`unacceptable`) when it is none, or of another kind.
  public convenience init(privatePEM pem: [UInt8], name: String) throws(StorageError) {
    try self.init(pem, name, isPrivate: true)
  }

  /// Reads a public key in PEM.
  /// - Parameter name: what errors call the file.
  /// - Throws: ``StorageError`` (`unacceptable`) when it is none, or of another kind.
  public convenience init(publicPEM pem: [UInt8], name: String) throws(StorageError) {
    try self.init(pem, name, isPrivate: false)
  }

  private init(_ pem: [UInt8], _ name: String, isPrivate: Bool) throws(StorageError) {
    let shown = printable(name)
    let kind = isPrivate ? "private" : "public"
    guard pem.count <= EllipticKey.fileBytesMax,
      let key = EllipticKey.parse(pem, isPrivate: isPrivate)
    else {
      throw StorageError(
        .unacceptable,
        "\(shown) is not a \(kind) key in PEM"
          + (isPrivate ? " without a passphrase" : "")
          + ": make one with \"openssl ecparam -name prime256v1 -genkey -noout -out key.pem\""
          + (isPrivate ? "" : " and \"openssl ec -in key.pem -pubout -out pub.pem\""))
    }
    guard EllipticKey.curves.contains(EllipticKey.curve(of: key)),
      let text = EllipticKey.publicPEM(of: key)
    else {
      EVP_PKEY_free(key)
      throw StorageError(
        .unacceptable,
        "\(shown) is not a key on the curve P-256, P-384 or P-521, which signatures of models need")
    }
    self.key = key
    self.isPrivate = isPrivate
    fingerprint = SHA256.digest(of: text).description
  }

  deinit { EVP_PKEY_free(key) }

  /// Makes a new key on the curve P-256.
  /// - Returns: both halves in PEM: the private one is a secret.
  /// - Throws: ``StorageError`` when the system gives no randomness.
  public static func makePair() throws(StorageError) -> (private: [UInt8], public: [UInt8]) {
    let context = EVP_PKEY_CTX_new_from_name(nil, "EC", nil)
    var key: OpaquePointer?
    defer {
      EVP_PKEY_CTX_free(context)
      EVP_PKEY_free(key)
      ERR_clear_error()
    }
    guard EVP_PKEY_keygen_init(context) == 1,
      EVP_PKEY_CTX_set_group_name(context, "prime256v1") == 1,
      EVP_PKEY_generate(context, &key) == 1, let key,
      let secret = text({ PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) }),
      let open = publicPEM(of: key)
    else { throw StorageError(.inputOutput, "no key can be made: the system gives no randomness") }
    return (secret, open)
  }

  /// Signs a message.
  /// - Returns: the signature in DER.
  /// - Throws: ``StorageError`` for a public key.
  public func sign(_ message: [UInt8]) throws(StorageError) -> [UInt8] {
    let context = EVP_MD_CTX_new()
    defer { EVP_MD_CTX_free(context) }
    var size = 0
    guard isPrivate, EVP_DigestSignInit(context, nil, hash, nil, key) == 1,
      EVP_DigestSign(context, nil, &size, message, message.count) == 1
    else { throw EllipticKey.failure }
    var signature = [UInt8](repeating: 0, count: size)
    guard EVP_DigestSign(context, &signature, &size, message, message.count) == 1 else {
      throw EllipticKey.failure
    }
    return Array(signature[..<size])
  }

  /// Whether `signature` (DER) was made over `message` with this key's secret.
  public func verifies(_ signature: [UInt8], of message: [UInt8]) -> Bool {
    let context = EVP_MD_CTX_new()
    defer {
      EVP_MD_CTX_free(context)
      ERR_clear_error()
    }
    return EVP_DigestVerifyInit(context, nil, hash, nil, key) == 1
      && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
  }

  private var hash: OpaquePointer? {
    switch EllipticKey.curve(of: key) {
    case "secp384r1": EVP_sha384()
    case "secp521r1": EVP_sha512()
    default: EVP_sha256()
    }
  }

  private static var failure: StorageError {
    ERR_clear_error()
    return StorageError(.unacceptable, "the key cannot sign: give a private key")
  }

  /// Never asks a person for a passphrase.
  private static func parse(_ pem: [UInt8], isPrivate: Bool) -> OpaquePointer? {
    guard let memory = BIO_new_mem_buf(pem, Int32(pem.count)) else { return nil }
    defer {
      BIO_free(memory)
      ERR_clear_error()
    }
    let refuse:
      @convention(c) (
        UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?
      ) -> Int32 = { _, _, _, _ in -1 }
    return isPrivate
      ? PEM_read_bio_PrivateKey(memory, nil, refuse, nil)
      : PEM_read_bio_PUBKEY(memory, nil, refuse, nil)
  }

  private static func curve(of key: OpaquePointer) -> String {
    var name = [CChar](repeating: 0, count: 64)
    var size = 0
    guard EVP_PKEY_get_group_name(key, &name, name.count, &size) == 1 else {
      ERR_clear_error()
      return ""
    }
    return String(decoding: name.prefix(size).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func publicPEM(of key: OpaquePointer) -> [UInt8]? {
    text { PEM_write_bio_PUBKEY($0, key) }
  }

  /// What `write` puts out; nil when it fails.
  private static func text(_ write: (OpaquePointer) -> Int32) -> [UInt8]? {
    guard let memory = BIO_new(BIO_s_mem()) else { return nil }
    defer { BIO_free(memory) }
    guard write(memory) == 1 else { return nil }
    var text = [UInt8](repeating: 0, count: 4_096)
    let count = BIO_read(memory, &text, Int32(text.count))
    return count > 0 ? Array(text[..<Int(count)]) : nil
  }
}
