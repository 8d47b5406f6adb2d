import Core
import Glibc

/// The directory that holds all the state of one node.
///
/// ```
/// lock         who writes here                    sluice.db    journal, evidence (SQLite)
/// tombstones   fences of rollbacks that could     artifacts/   models, cards: named by SHA-256
///              not be committed                   control.sock where the node listens
/// crash.log    what a crash left to read          signing.key  signs checkpoints; signing.pub
/// checkpoints.jsonl  signed heads of the journal; people.jsonl  names behind its pseudonyms
/// recordings/  sampled requests, a folder for each endpoint that is recorded
/// ```
/// Opening it changes nothing but a missing directory; writing needs ``acquireLock()``.
public final class StateDirectory: Sendable {
  /// The real path: absolute, links resolved.
  public let path: String
  /// The control socket; a short path elsewhere when the directory's own is too long for a socket.
  public let socketPath: String

  /// The SQLite database.
  public var databasePath: String { path + "/sluice.db" }
  /// The content-addressed files.
  public var artifactsPath: String { path + "/artifacts" }
  /// The preallocated file of fences.
  public var tombstonesPath: String { path + "/tombstones" }
  /// The secret that signs checkpoints.
  public var signingKeyPath: String { path + "/signing.key" }
  /// The public keys that checkpoints were ever signed with here, one a line.
  public var publicKeysPath: String { path + "/signing.pub" }
  /// The signed heads of the journal, one a line.
  public var checkpointsPath: String { path + "/checkpoints.jsonl" }
  /// The names behind the journal's pseudonyms, one a line.
  public var peoplePath: String { path + "/people.jsonl" }
  /// The recordings of endpoints.
  public var recordingsPath: String { path + "/recordings" }
  /// Where a crashing process leaves its last words.
  public var crashLogPath: String { path + "/crash.log" }

  /// `$XDG_STATE_HOME/sluice`, or `$HOME/.local/state/sluice` (XDG Base Directory Specification
  /// 0.8).
  /// - Throws: ``StorageError`` when neither variable is set.
  public static func defaultPath() throws(StorageError) -> String {
    if let base = environment("XDG_STATE_HOME"), base.hasPrefix("/") { return base + "/sluice" }
    if let home = environment("HOME"), home.hasPrefix("/") { return home + "/.local/state/sluice" }
    throw StorageError(
      .directory,
      "no state directory: neither XDG_STATE_HOME nor HOME is set, give one with --state")
  }

  /// Opens the state directory at `path`.
  /// - Parameter create: whether a missing directory (and its parents) is made, with mode 0700.
  /// - Throws: ``StorageError`` with code `directory`, or the system's trouble.
  public init(_ path: String, create: Bool) throws(StorageError) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw StorageError(.directory, "the state directory's path is empty or holds a NUL character")
    }
    if create { try StateDirectory.makeMissing(path) }
    var status = stat()
    guard stat(path, &status) == 0 else { throw StateDirectory.refusal(path, errno) }
    guard status.isDirectory else { throw StateDirectory.refusal(path, ENOTDIR) }
    try StateDirectory.checkOwner(path, status)
    guard access(path, R_OK | W_OK | X_OK) == 0 else { throw StateDirectory.refusal(path, errno) }
    guard let resolved = realpath(path, nil) else { throw StateDirectory.refusal(path, errno) }
    defer { free(resolved) }
    self.path = String(cString: resolved)
    socketPath = SocketLocation.path(
      for: self.path, runtimeDirectory: StateDirectory.environment("XDG_RUNTIME_DIR"))
  }

  /// Takes the right to write, held until the result is released or the process ends.
  /// - Throws: ``StorageError`` with code `locked` that names the process holding it.
  public func acquireLock() throws(StorageError) -> DirectoryLock {
    let lock = try DirectoryLock(self)
    try SocketLocation.prepareFolder(of: socketPath, stateDirectory: path)
    return lock
  }

  /// Whether a node has written here before.
  public var holdsState: Bool { access(databasePath, F_OK) == 0 }

  /// When the database was last written, by the files' own times; nil when there is none.
  public var lastWritten: Timestamp? {
    [databasePath, databasePath + "-wal"].compactMap { path -> Timestamp? in
      var status = stat()
      guard stat(path, &status) == 0 else { return nil }
      return Timestamp(
        microseconds: Int64(status.st_mtim.tv_sec) * 1_000_000
          + Int64(status.st_mtim.tv_nsec) / 1_000)
    }.max()
  }

  private static func environment(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    let text = String(cString: value)
    return text.isEmpty ? nil : text
  }

  /// Makes `path` and its missing parents.
  private static func makeMissing(_ path: String) throws(StorageError) {
    let parts = path.split(separator: "/", maxSplits: 256)
    guard parts.count <= 256 else {
      throw StorageError(.directory, "the state directory's path has more than 256 parts")
    }
    var prefix = path.hasPrefix("/") ? "" : "."
    for part in parts {
      prefix += "/" + part
      if access(prefix, F_OK) == 0 { continue }
      guard mkdir(prefix, 0o700) == 0 || errno == EEXIST else { throw refusal(prefix, errno) }
    }
  }

  /// Refuses a directory that another user owns or may write: who writes there decides what is
  /// served.
  private static func checkOwner(_ path: String, _ status: stat) throws(StorageError) {
    guard status.st_uid == geteuid() || geteuid() == 0 else {
      throw StorageError(
        .directory,
        "the state directory \(printable(path)) belongs to user \(status.st_uid): choose another "
          + "with --state"
      )
    }
    guard status.st_mode & 0o022 == 0 else {
      throw StorageError(
        .directory,
        "the state directory \(printable(path)) can be written by other users: chmod 700 it, or "
          + "choose another with --state")
    }
  }

  /// The sentence for a directory that cannot be used.
  private static func refusal(_ path: String, _ number: Int32) -> StorageError {
    let shown = printable(path)
    let sentence =
      switch number {
      case ENOENT:
        "there is no state directory \(shown): check --state, or let 'sluice serve' create it"
      case ENOTDIR: "\(shown) is not a directory: choose another path with --state"
      case EACCES, EPERM:
        "the state directory \(shown) is not readable and writable for this user: change its mode, "
          + "or choose another with --state"
      case EROFS:
        "the state directory \(shown) is on a read-only file system: choose another with --state"
      case ENAMETOOLONG: "the state directory's path is too long: choose a shorter one with --state"
      default: "cannot use the state directory \(shown): \(StorageError.reason(number))"
      }
    return StorageError(.directory, sentence, detail: number)
  }
}
