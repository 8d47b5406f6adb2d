import Core
import Glibc
import Testing

@testable import Gateway

/// Who is let in at a control socket that is shared with a group.
@Suite struct SocketAdmissionTests {
  /// The group of this process, by name; every user belongs to one.
  private func ownGroup() throws -> String {
    var entry = group()
    var found: UnsafeMutablePointer<group>?
    var buffer = [CChar](repeating: 0, count: 65_536)
    try #require(getgrgid_r(getegid(), &entry, &buffer, buffer.count, &found) == 0 && found != nil)
    return String(cString: try #require(entry.gr_name))
  }

  @Test func aMemberIsAdmittedAndAStrangerIsNot() throws {
    let admission = try SocketAdmission(groupNamed: try ownGroup())
    let stranger = PeerCredentials(userID: 3_999_999_999, processID: 1, userName: "nobody-here")
    #expect(!admission.admits(stranger))
    #expect(admission.admits(.current()))
    #expect(!SocketAdmission.owner.admits(stranger))
    #expect(PeerCredentials.current().isMember(of: getegid()))
    #expect(!PeerCredentials.current().isMember(of: 3_999_999_998))
  }

  @Test func aGroupThatIsNotThereIsNamed() {
    let error = gatewayError { _ = try SocketAdmission(groupNamed: "no-such-group-here") }
    #expect(error?.message.contains("there is no group \"no-such-group-here\"") == true)
  }

  @Test func theSharedSocketHasTheGroupAndNoMore() throws {
    let folder = try TemporaryFolder()
    let admission = try SocketAdmission(groupNamed: try ownGroup())
    let server = try ControlSocketServer(path: folder.socket, admits: admission) { _, bytes in bytes
    }
    defer { server.stop() }
    var status = stat()
    #expect(lstat(folder.socket, &status) == 0)
    #expect(status.st_mode & 0o777 == 0o660)
    #expect(status.st_gid == admission.group?.id)
    #expect(try ControlSocketClient(path: folder.socket).call([1, 2]) == [1, 2])
  }

  @Test func aFolderThatOthersCanWriteIsRefused() throws {
    let folder = try TemporaryFolder()
    let admission = try SocketAdmission(groupNamed: try ownGroup())
    chmod(folder.path, 0o777)
    let open = gatewayError {
      _ = try ControlSocketServer(path: folder.socket, admits: admission) { _, bytes in bytes }
    }
    #expect(open?.message.contains("can be written by other users") == true)
    let relative = gatewayError { try admission.checkFolder(of: "ops.sock") }
    #expect(relative?.message.contains("begins with /") == true)
    let missing = gatewayError { try admission.checkFolder(of: folder.path + "/none/ops.sock") }
    #expect(missing?.message.contains("cannot open the folder of") == true)
  }
}
