import CSodium
import Core
import Glibc

/// The Ed25519 key that a state directory signs its checkpoints with (libsodium).
///
/// The secret is in the file `signing.key` of the state directory, which only its user can read;
/// the public keys that were ever used there are in `signing.pub`, one a line, so that checkpoints
/// made before a restore without the secret can still be checked.
public struct SigningKey: Sendable {
  /// What a checkpoint is checked with.
  public let publicKey: PublicKey
  private let secret: [UInt8]

  private static let mark = "sluice-signing-key-1 "

  /// The key made of a 32-byte seed (RFC 8032 calls it the private key).
  /// - Precondition: the seed has 32 bytes.
  init(seed: [UInt8]) {
    precondition(seed.count == Int(crypto_sign_SEEDBYTES), "an Ed25519 seed has 32 bytes")
    var publicBytes = [UInt8](repeating: 0, count: Int(crypto_sign_PUBLICKEYBYTES))
    var secret = [UInt8](repeating: 0, count: Int(crypto_sign_SECRETKEYBYTES))
    crypto_sign_seed_keypair(&publicBytes, &secret, seed)
    publicKey = PublicKey(bytes: publicBytes)
    self.secret = secret
  }

  /// The state's key; made at its first use.
  ///
  /// Safe when two processes make it at once: one of them wins, and both use its key.
  /// - Throws: ``StorageError`` when the file is damaged, others can read it, or it cannot be
  ///   written.
  public init(of directory: StateDirectory) throws(StorageError) {
    if try FileSystem.status(ofLinkAt: directory.signingKeyPath) == nil {
      try SigningKey.make(directory)
    }
    self = try SigningKey.load(directory.signingKeyPath)
    try SigningKey.publish(publicKey, in: directory)
  }

  /// The state's key, nil when it has none yet; nothing is made or written.
  /// - Throws: ``StorageError`` when the file is damaged or others can read it.
  public static func existing(in directory: StateDirectory) throws(StorageError) -> SigningKey? {
    guard try FileSystem.status(ofLinkAt: directory.signingKeyPath) != nil else { return nil }
    return try load(directory.signingKeyPath)
  }

  /// Signs a message: 64 bytes.
  func sign(_ message: [UInt8]) -> [UInt8] {
    var signature = [UInt8](repeating: 0, count: Int(crypto_sign_BYTES))
    crypto_sign_detached(&signature, nil, message, UInt64(message.count), secret)
    return signature
  }

  /// The public keys that the state has ever signed with; empty before the first.
  public static func known(in directory: StateDirectory) throws(StorageError) -> [PublicKey] {
    guard let text = try TextLines.read(directory.publicKeysPath, limitBytes: 1 << 20) else {
      return []
    }
    var keys: [PublicKey] = []
    for (number, line) in text.lines.enumerated() where !line.isEmpty {
      do {
        keys.append(try PublicKey(hex: line))
      } catch {
        throw StorageError(
          .damaged,
          "line \(number + 1) of \(printable(directory.publicKeysPath)): \(error.message); "
            + "remove the line")
      }
    }
    return keys
  }

  private static func load(_ path: String) throws(StorageError) -> SigningKey {
    let file = try OpenFile(path, O_RDONLY | O_NOFOLLOW, doing: "read the signing key")
    let status = try file.status()
    guard status.isRegularFile, status.st_mode & 0o077 == 0 else {
      throw StorageError(
        .unacceptable,
        "\(printable(path)) can be used by others than its owner: chmod 600 it, or remove it when "
          + "somebody may have read it; a new key is made then")
    }
    let text = String(decoding: try file.read(count: 256, at: 0), as: UTF8.self)
    guard text.hasPrefix(mark), text.hasSuffix("\n"),
      let seed = Hexadecimal.bytes(String(text.dropFirst(mark.count).dropLast())),
      seed.count == Int(crypto_sign_SEEDBYTES)
    else {
      throw StorageError(
        .damaged,
        "\(printable(path)) is not a signing key: remove it, and a new one is made at the next "
          + "checkpoint")
    }
    return SigningKey(seed: seed)
  }

  /// Writes a new key under a name of its own, and gives it the real one unless there is one.
  private static func make(_ directory: StateDirectory) throws(StorageError) {
    var seed = [UInt8](repeating: 0, count: Int(crypto_sign_SEEDBYTES))
    randombytes_buf(&seed, seed.count)
    let path = directory.signingKeyPath
    let temporary = "\(path).new-\(getpid())-\(randombytes_random())"
    defer { unlink(temporary) }
    let file = try OpenFile(
      temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, doing: "create the signing key")
    try file.write(Array("\(mark)\(Hexadecimal.text(seed))\n".utf8), at: 0)
    try file.synchronize()
    guard link(temporary, path) == 0 || errno == EEXIST else {
      throw StorageError.system("create the signing key", path, errno)
    }
    try FileSystem.synchronizeDirectory(directory.path)
  }

  private static func publish(
    _ key: PublicKey, in directory: StateDirectory
  ) throws(StorageError) {
    if try known(in: directory).contains(key) { return }
    try TextLines.append("\(key)", to: directory.publicKeysPath)
  }
}
