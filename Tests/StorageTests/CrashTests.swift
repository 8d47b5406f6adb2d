import Core
import Glibc
import Testing

@testable import Storage

/// A process that writes is killed at a random time, again and again on the same state; nothing
/// that it acknowledged may be lost.
@Suite struct CrashTests {
  /// The number of kills; `SLUICE_CRASH_CYCLES` sets another for long runs.
  private static var cycleCount: Int {
    getenv("SLUICE_CRASH_CYCLES").flatMap { Int(String(cString: $0)) } ?? 200
  }

  @Test func killsLoseNothingAcknowledged() throws {
    let state = try TemporaryState()
    var random = SplitMix64(seed: 42)
    var expectedAtLeast = 0
    var cyclesWithWork = 0
    for cycle in 0..<CrashTests.cycleCount {
      let child = try CrashChild(state.path, seed: UInt64(cycle))
      // A quarter of them while it starts and recovers, the others in the middle of its work.
      if cycle % 4 != 0 { child.waitForWork() }
      child.kill(afterMicroseconds: UInt32(random.next() % 8_000))
      let (acknowledged, complaint) = try child.result()
      #expect(complaint == "", "cycle \(cycle)")
      if let last = acknowledged.last {
        cyclesWithWork += 1
        #expect(last > expectedAtLeast)
        #expect(zip(acknowledged, acknowledged.dropFirst()).allSatisfy { $0 < $1 })
        expectedAtLeast = last
      }
      try check(state, atLeast: expectedAtLeast, cycle: cycle)
      expectedAtLeast = try lastSequence(state)
    }
    // Killed before the first append in every cycle, the test would show nothing.
    #expect(cyclesWithWork > CrashTests.cycleCount / 2)
    #expect(try !JournalReader(state.directory).savedSequences().isEmpty)
    #expect(try !People(readingFrom: state.directory).all.isEmpty)
    #expect(try fullCheck(state) == expectedAtLeast)
  }

  /// Opens the state as a restarted node does and looks at the newest rows.
  private func check(_ state: TemporaryState, atLeast: Int, cycle: Int) throws {
    let lock = try state.directory.acquireLock()
    let journal = try Journal(lock)
    #expect(journal.head.sequence >= atLeast, "cycle \(cycle) lost acknowledged entries")
    let store = ArtifactStore(state.directory)
    try store.removeLeftovers(lock)
    for digest in try store.digests() { try store.verify(digest) }
    // As a node that obeys them does; else their slots would be full after some hundred kills.
    let tombstones = try Tombstones(lock)
    let pending = try tombstones.pending()
    #expect(pending.count <= 1, "cycle \(cycle)")
    try tombstones.clear(Set(pending.map(\.sequence)))
    if let key = try SigningKey.existing(in: state.directory) {
      let saved = try checkSavedStates(journal.reader, key)
      #expect(saved.allSatisfy { $0 <= journal.head.sequence }, "cycle \(cycle)")
    }
    // A name that was acknowledged is there, whole; and none is there twice.
    let names = try People(readingFrom: state.directory).all.compactMap(\.name)
    #expect(Set(names).count == names.count, "cycle \(cycle)")
    if cycle % 20 == 19 { #expect(try journal.reader.verify().fault == nil, "cycle \(cycle)") }
  }

  private func lastSequence(_ state: TemporaryState) throws -> Int {
    guard state.directory.holdsState else { return 0 }
    return try JournalReader(state.directory).head().sequence
  }

  private func fullCheck(_ state: TemporaryState) throws -> Int {
    let connection = try SQLiteConnection(state.directory.databasePath, role: .writer)
    let integrity = try connection.prepare("PRAGMA integrity_check")
    #expect(try integrity.step())
    #expect(integrity.text(0) == "ok")
    let check = try JournalReader(state.directory).verify()
    #expect(check.fault == nil)
    return check.count
  }
}

/// The process that is killed.
///
/// It writes to files: no end of a pipe can leak into another test's child.
private struct CrashChild {
  private let pid: pid_t
  private let folder: TemporaryState

  init(_ path: String, seed: UInt64) throws {
    folder = try TemporaryState()
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (descriptor, name) in [(STDOUT_FILENO, "output"), (STDERR_FILENO, "error")] {
      posix_spawn_file_actions_addopen(
        &actions, descriptor, "\(folder.path)/\(name)", O_WRONLY | O_CREAT | O_APPEND, 0o600)
    }
    let program = CrashChild.program
    let arguments: [UnsafeMutablePointer<CChar>?] = [
      strdup(program), strdup(path), strdup(String(seed)), nil,
    ]
    defer { for argument in arguments { free(argument) } }
    var child: pid_t = 0
    let failed = posix_spawn(&child, program, &actions, nil, arguments, nil)
    guard failed == 0 else { throw StorageError.system("start", program, failed) }
    pid = child
  }

  /// Beside the test's own executable.
  private static var program: String {
    var buffer = [CChar](repeating: 0, count: 4_096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    let bytes = buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }
    let own = String(decoding: bytes, as: UTF8.self)
    return own[..<(own.lastIndex(of: "/") ?? own.startIndex)] + "/storage-crash-child"
  }

  /// Returns when it has acknowledged something, or after two seconds.
  func waitForWork() {
    for _ in 0..<4_000 {
      var status = stat()
      if stat("\(folder.path)/output", &status) == 0, status.st_size > 0 { return }
      usleep(500)
    }
  }

  func kill(afterMicroseconds delay: UInt32) {
    usleep(delay)
    Glibc.kill(pid, SIGKILL)
    var status: Int32 = 0
    waitpid(pid, &status, 0)
  }

  /// What it acknowledged, and what it complained of, after its end.
  func result() throws -> (acknowledged: [Int], complaint: String) {
    let bytes = try content("output")
    let words = stride(from: 0, to: bytes.count - 7, by: 8).map { offset in
      (0..<8).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
    }
    return (words, String(decoding: try content("error"), as: UTF8.self))
  }

  private func content(_ name: String) throws -> [UInt8] {
    let path = "\(folder.path)/\(name)"
    // It may have been killed before it opened anything.
    guard access(path, F_OK) == 0 else { return [] }
    let file = try OpenFile(path, O_RDONLY, doing: "read")
    return try file.read(count: Int(try file.status().st_size), at: 0)
  }
}
