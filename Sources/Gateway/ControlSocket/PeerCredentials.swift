import CSystem
import Core
import Glibc

/// Who is at the other end of a local connection, as the kernel says; it cannot be forged.
public struct PeerCredentials: Sendable, Hashable {
  /// The user's number.
  public let userID: UInt32
  /// The process that connected.
  ///
  /// It may have ended since, so it is for people to read only.
  public let processID: Int32
  /// The user's login name, or `uid 1000` when the system knows no name.
  public let userName: String

  /// Puts the three together.
  public init(userID: UInt32, processID: Int32, userName: String) {
    self.userID = userID
    self.processID = processID
    self.userName = userName
  }

  /// This process itself, for the calls that it makes without a socket.
  public static func current() -> PeerCredentials {
    PeerCredentials(
      userID: geteuid(), processID: getpid(), userName: PeerCredentials.name(of: geteuid()))
  }

  /// The peer of a connected socket, nil when the kernel does not say.
  init?(ofSocket descriptor: Int32) {
    var uid: UInt32 = 0
    var gid: UInt32 = 0
    var pid: Int32 = 0
    guard sluice_peer_credentials(descriptor, &uid, &gid, &pid) == 0 else { return nil }
    self.init(userID: uid, processID: pid, userName: PeerCredentials.name(of: uid))
  }

  /// Whether the user belongs to a group, as the first or a further one.
  func isMember(of group: UInt32) -> Bool {
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: 4_096)
    guard getpwuid_r(userID, &entry, &buffer, buffer.count, &found) == 0, found != nil,
      let name = entry.pw_name
    else { return false }
    var count: Int32 = 256
    var groups = [gid_t](repeating: 0, count: Int(count))
    if getgrouplist(name, entry.pw_gid, &groups, &count) < 0 {
      // At most 65,536 (NGROUPS_MAX): `count` says how many there are.
      guard count > 0, count <= 65_536 else { return false }
      groups = [gid_t](repeating: 0, count: Int(count))
      guard getgrouplist(name, entry.pw_gid, &groups, &count) >= 0 else { return false }
    }
    return groups.prefix(Int(count)).contains(group)
  }

  /// The login name in the system's user database.
  private static func name(of uid: UInt32) -> String {
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: 4_096)
    guard getpwuid_r(uid, &entry, &buffer, buffer.count, &found) == 0, found != nil,
      let name = entry.pw_name
    else { return "uid \(uid)" }
    return String(cString: name)
  }
}
