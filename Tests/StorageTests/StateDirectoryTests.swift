import Core
import Glibc
import Testing

@testable import Storage

@Suite struct StateDirectoryTests {
  @Test func aMissingDirectoryIsMadeForItsOwnerOnly() throws {
    let state = try TemporaryState()
    let path = state.path + "/a/b/c"
    #expect(
      storageError { _ = try StateDirectory(path, create: false) }?.message.contains("--state")
        == true)
    let made = try StateDirectory(path, create: true)
    #expect(made.path == path)
    #expect(made.holdsState == false)
    let status = try #require(try FileSystem.status(ofLinkAt: path))
    #expect(status.st_mode & 0o777 == 0o700)
    do { _ = try Journal(made.acquireLock()) }
    #expect(made.holdsState)
    for file in ["sluice.db", "lock"] {
      let status = try #require(try FileSystem.status(ofLinkAt: "\(path)/\(file)"))
      #expect(status.st_mode & 0o077 == 0)
    }
  }

  @Test func whatIsNoDirectoryIsRefused() throws {
    let state = try TemporaryState()
    let file = state.path + "/file"
    do { _ = try OpenFile(file, O_CREAT | O_WRONLY, doing: "write") }
    for path in [file, file + "/below", "", "a\0b"] {
      let error = storageError { _ = try StateDirectory(path, create: true) }
      #expect(error?.code == .directory)
      #expect(error?.exitCode == .system)
    }
    #expect(
      storageError { _ = try StateDirectory(file, create: true) }?.message.contains(
        "not a directory")
        == true)
  }

  @Test func aDirectoryThatOthersCanWriteIsRefused() throws {
    let state = try TemporaryState()
    chmod(state.path, 0o777)
    #expect(
      storageError { _ = try StateDirectory(state.path, create: true) }?.message.contains(
        "chmod 700")
        == true)
  }

  @Test func hostileTextInAPathIsShownHarmless() throws {
    let error = storageError { _ = try StateDirectory("/nowhere/\u{1B}[2J", create: false) }
    #expect(error?.message.contains("\u{1B}") == false)
    #expect(error?.message.contains("^[[2J") == true)
  }

  @Test func aSecondHolderIsRefusedWithTheFirstOnesNumber() throws {
    let state = try TemporaryState()
    do {
      let first = try state.directory.acquireLock()
      let started = ContinuousClock.now
      let error = storageError { _ = try state.directory.acquireLock() }
      #expect(ContinuousClock.now - started < .seconds(1))
      #expect(error?.code == .locked)
      #expect(error?.message.contains("process \(getpid())") == true)
      first.release()
      let second = try state.directory.acquireLock()
      first.release()
      #expect(storageError { _ = try state.directory.acquireLock() }?.code == .locked)
      withExtendedLifetime(second) {}
    }
    _ = try state.directory.acquireLock()
  }

  @Test func aLinkInPlaceOfTheLockIsNotFollowed() throws {
    let state = try TemporaryState()
    symlink("/tmp/sluice-elsewhere", state.path + "/lock")
    #expect(storageError { _ = try state.directory.acquireLock() }?.code == .inputOutput)
    #expect(access("/tmp/sluice-elsewhere", F_OK) != 0)
  }

  @Test func aLongPathGetsAShortSocket() throws {
    let short = "/srv/sluice"
    #expect(SocketLocation.path(for: short, runtimeDirectory: nil) == "/srv/sluice/control.sock")
    let long = "/srv/" + String(repeating: "d", count: 120)
    let inRuntime = SocketLocation.path(for: long, runtimeDirectory: "/run/user/1000")
    #expect(inRuntime.hasPrefix("/run/user/1000/sluice-\(geteuid())/"))
    let inTmp = SocketLocation.path(for: long, runtimeDirectory: nil)
    #expect(inTmp.hasPrefix("/tmp/sluice-\(geteuid())/"))
    #expect(SocketLocation.path(for: long, runtimeDirectory: "relative") == inTmp)
    #expect(SocketLocation.path(for: long, runtimeDirectory: "/" + long) == inTmp)
    #expect(SocketLocation.path(for: long + "x", runtimeDirectory: nil) != inTmp)
    for count in 80...110 {
      let path = "/" + String(repeating: "é", count: count / 2)
      #expect(SocketLocation.path(for: path, runtimeDirectory: nil).utf8.count <= 107)
    }
  }

  @Test func theFolderOfAShortSocketMustBeOurs() throws {
    let state = try TemporaryState()
    let socket = state.path + "/run/x.sock"
    try SocketLocation.prepareFolder(of: socket, stateDirectory: "/other")
    try SocketLocation.prepareFolder(of: socket, stateDirectory: "/other")
    chmod(state.path + "/run", 0o755)
    #expect(
      storageError { try SocketLocation.prepareFolder(of: socket, stateDirectory: "/o") }?.code
        == .directory)
    symlink(state.path, state.path + "/link")
    #expect(
      storageError {
        try SocketLocation.prepareFolder(of: state.path + "/link/x.sock", stateDirectory: "/o")
      }?.code == .directory)
  }

  @Test func systemErrorsSayWhatHelps() {
    #expect(StorageError.system("write", "/x", ENOSPC).code == .full)
    #expect(StorageError.system("write", "/x", EDQUOT).code == .full)
    #expect(
      StorageError.system("write", "/x", EROFS).message
        == "cannot write /x: Read-only file system; the file system is mounted read-only: choose "
        + "another "
        + "directory with --state")
  }
}
