import Core
import Glibc

/// Who may use a control socket.
///
/// The kernel names each peer's user when it connects (SO_PEERCRED of unix(7)); whether that user
/// belongs to the group is looked up then, so that somebody who leaves it is not let in again.
public struct SocketAdmission: Sendable, Hashable {
  /// The group whose members may; nil lets in the node's own user and root only.
  public let group: Group?

  /// A group of the system.
  public struct Group: Sendable, Hashable {
    /// Its number.
    public let id: UInt32
    /// Its name.
    public let name: String
  }

  /// The node's own user, and root.
  public static let owner = SocketAdmission(group: nil)

  private init(group: Group?) { self.group = group }

  /// The members of a group besides.
  /// - Throws: ``GatewayError`` when the system knows no such group.
  public init(groupNamed name: String) throws(GatewayError) {
    var entry = Glibc.group()
    var found: UnsafeMutablePointer<Glibc.group>?
    var buffer = [CChar](repeating: 0, count: 65_536)
    guard getgrnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else {
      throw GatewayError(
        .system,
        "there is no group \"\(printable(name, limit: 60))\" on this system: groupadd makes one")
    }
    self.init(group: Group(id: entry.gr_gid, name: name))
  }

  /// Whether a peer may.
  func admits(_ peer: PeerCredentials) -> Bool {
    if peer.userID == geteuid() || peer.userID == 0 { return true }
    guard let group else { return false }
    return peer.isMember(of: group.id)
  }

  /// Gives the socket's file the mode by which they can connect.
  func open(_ path: String) -> Bool {
    guard let group else { return chmod(path, 0o600) == 0 }
    return lchown(path, uid_t.max, group.id) == 0 && chmod(path, 0o660) == 0
  }

  /// Refuses a folder in which another user could put a socket of his own in this one's place.
  func checkFolder(of path: String) throws(GatewayError) {
    guard group != nil else { return }
    guard path.hasPrefix("/") else {
      throw GatewayError(
        .system, "the shared socket \(printable(path)) needs a path that begins with /")
    }
    let folder = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    var status = stat()
    guard stat(folder.isEmpty ? "/" : folder, &status) == 0 else {
      throw GatewayError.system("open the folder of", path, errno)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw GatewayError.system("open the folder of", path, ENOTDIR)
    }
    guard status.st_uid == geteuid() || status.st_uid == 0, status.st_mode & 0o022 == 0 else {
      throw GatewayError(
        .system,
        "the folder of the shared socket \(printable(path)) belongs to or can be written by other "
          + "users: give it a folder of this user with mode 0755 or 0750")
    }
  }
}
