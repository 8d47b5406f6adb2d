import CSodium
import Core
import Glibc

/// The secret under which a recording keeps sticky keys: equal keys have equal hashes, and without
/// the secret nobody can find a key by trying the likely ones.
///
/// 32 random bytes in `recordings/key.secret`, readable by its user only. Without the file earlier
/// recordings can still be read; the same caller then has another hash in later ones.
public struct RecordingSecret: Sendable {
  private let bytes: [UInt8]
  private static let count = 32

  /// The state's secret; made at its first use.
  /// - Throws: ``StorageError`` when it cannot be read or written, or others can read it.
  public init(of directory: StateDirectory) throws(StorageError) {
    let path = "\(directory.recordingsPath)/key.secret"
    if try FileSystem.status(ofLinkAt: path) == nil {
      try FileSystem.makeDirectory(directory.recordingsPath)
      try RecordingSecret.make(path)
    }
    let file = try OpenFile(path, O_RDONLY | O_NOFOLLOW, doing: "read the recordings' secret")
    let status = try file.status()
    guard status.isRegularFile, status.st_mode & 0o077 == 0 else {
      throw StorageError(
        .unacceptable,
        "\(printable(path)) can be read by other users: chmod 600 it, or remove it")
    }
    bytes = try file.read(count: RecordingSecret.count, at: 0)
    guard bytes.count == RecordingSecret.count else {
      throw StorageError(
        .damaged, "\(printable(path)) has fewer than \(RecordingSecret.count) bytes: remove it")
    }
  }

  private static func make(_ path: String) throws(StorageError) {
    let file = try OpenFile(
      path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, doing: "make the recordings' secret")
    var secret = [UInt8](repeating: 0, count: count)
    randombytes_buf(&secret, secret.count)
    try file.write(secret, at: 0)
    try file.synchronize()
  }

  /// What is recorded of a key: 8 bytes of a SHA-256 over the secret and the key's hash.
  public func pseudonym(of keyHash: UInt64) -> UInt64 {
    var hash = SHA256()
    hash.update(bytes)
    hash.update(bigEndian: keyHash)
    return hash.finish().bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
  }
}
