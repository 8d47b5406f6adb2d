import Core
import Glibc

/// Where the control socket of a state directory is.
///
/// The kernel admits 107 bytes of path in a socket's address (`sun_path` of unix(7)). A state
/// directory with a longer path has its socket in a private directory under `$XDG_RUNTIME_DIR` or
/// `/tmp`, under a name made of the path's hash, which the command line finds by the same rule.
enum SocketLocation {
  /// The most bytes a socket's path may have.
  static let limitBytes = 107

  /// The socket's path for a state directory.
  /// - Parameters:
  ///   - directory: the state directory's real path.
  ///   - runtimeDirectory: `$XDG_RUNTIME_DIR`, when it is set.
  static func path(for directory: String, runtimeDirectory: String?) -> String {
    let direct = directory + "/control.sock"
    if direct.utf8.count <= limitBytes { return direct }
    let name = String(SHA256.digest(of: Array(directory.utf8)).description.prefix(16))
    let folder = "sluice-\(geteuid())"
    if let runtimeDirectory, runtimeDirectory.hasPrefix("/") {
      let path = "\(runtimeDirectory)/\(folder)/\(name).sock"
      if path.utf8.count <= limitBytes { return path }
    }
    return "/tmp/\(folder)/\(name).sock"
  }

  /// Makes sure that the folder of a short path is there and that no one else can enter it.
  /// - Throws: ``StorageError`` when somebody else made it, or it is a link.
  static func prepareFolder(of socketPath: String, stateDirectory: String) throws(StorageError) {
    let folder = String(socketPath[..<(socketPath.lastIndex(of: "/") ?? socketPath.startIndex)])
    if folder == stateDirectory { return }
    try FileSystem.makeDirectory(folder)
    guard let status = try FileSystem.status(ofLinkAt: folder), status.isDirectory,
      status.st_uid == geteuid(), status.st_mode & 0o077 == 0
    else {
      throw StorageError(
        .directory,
        "\(printable(folder)) must be a directory of this user with mode 0700: remove it, or "
          + "choose a state directory with a shorter path")
    }
  }
}
