import Core
import Glibc
import Testing

/// `kill -9` of a real node at random moments while commands are given to it.
@Suite("A killed node", .serialized)
struct KillTests {
  /// Kills in one run of the test; `make soak` asks for more.
  private static let cycles =
    getenv("SLUICE_KILL_CYCLES").flatMap { Int(String(cString: $0)) } ?? 25

  private func sluice(_ words: [String], _ state: String) throws -> Executable.Result {
    try Executable.run(
      Executable.built, words + ["--state", state, "--json"], limitSeconds: 20)
  }

  private func sequence(_ result: Executable.Result) -> Int? {
    result.output.firstMatch(of: /"sequence":(\d+)/).flatMap { Int($0.1) }
  }

  @Test("no acknowledged change is lost, the chain holds, and it comes back in the same state")
  func killed() throws {
    let folder = try TestFolder()
    let state = folder.path + "/n"
    try Executable.prepareState(state, versions: 2)
    var acknowledged = 4
    var random = SplitMix64(seed: 7)
    for cycle in 0..<Self.cycles {
      let node = try RunningNode(state: state)
      let before = try sluice(["status"], state)
      try #require(before.output.contains("\"pid\":\(node.process)"), "\(before.errors)")
      #expect((sequence(before) ?? 0) >= acknowledged, "cycle \(cycle): \(before.output)")
      let killer = node.killed(afterMicroseconds: UInt32(random.next() % 90_000))
      // Ramps and rollbacks until the node is gone; each answer is a promise.
      for step in 0..<40 where node.isRunning {
        let words =
          step % 2 == 0
          ? ["ramp", "flight-delay", "flight-delay@2", "--plan", "quick-ramp"]
          : ["rollback", "flight-delay"]
        let result = try sluice(words, state)
        // A call that finds no node opens the state itself: that is an acknowledged change too.
        if result.exitCode == 0, let promised = sequence(result) { acknowledged = promised }
      }
      killer.join()
      let check = try sluice(["journal", "verify"], state)
      #expect(check.exitCode == 0, "cycle \(cycle): \(check.output) \(check.errors)")
    }
    let after = try sluice(["status"], state)
    #expect((sequence(after) ?? 0) >= acknowledged, "an acknowledged change is lost")
  }
}

/// `sluice serve` in a process of its own that ends with this object at the latest.
final class RunningNode {
  let process: pid_t
  private var hasEnded = false

  /// Starts it and waits until it answers.
  init(state: String, environment: [String: String] = [:]) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    for descriptor: Int32 in [1, 2] {
      posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
    }
    process = try Executable.spawn(
      Executable.built, ["serve", "--state", state], environment, &actions)
    let process = process
    let answers = try Terminal.isSo(within: 10) {
      let words = ["status", "--state", state, "--json"]
      let status = try Executable.run(Executable.built, words, limitSeconds: 10)
      return status.output.contains("\"pid\":\(process)")
    }
    guard answers else { throw InvalidValue("the node did not answer within 10 s") }
  }

  deinit {
    if isRunning {
      kill(process, SIGKILL)
      waitpid(process, nil, 0)
    }
  }

  /// Whether it has not ended yet.
  var isRunning: Bool {
    if !hasEnded { hasEnded = waitpid(process, nil, WNOHANG) == process }
    return !hasEnded
  }

  /// Asks it to stop, and waits until it has.
  func stop() {
    kill(process, SIGTERM)
    for _ in 0..<1_000 where isRunning { usleep(10_000) }
  }

  /// Kills it from a thread of its own after a while.
  func killed(afterMicroseconds delay: UInt32) -> KillerThread {
    KillerThread(process: process, delayMicroseconds: delay)
  }
}

/// Kills a process after a while.
final class KillerThread {
  private var thread = pthread_t()

  init(process: pid_t, delayMicroseconds: UInt32) {
    let order = UnsafeMutablePointer<(pid_t, UInt32)>.allocate(capacity: 1)
    order.initialize(to: (process, delayMicroseconds))
    pthread_create(
      &thread, nil,
      { argument in
        guard let order = argument?.assumingMemoryBound(to: (pid_t, UInt32).self) else {
          return nil
        }
        usleep(order.pointee.1)
        kill(order.pointee.0, SIGKILL)
        order.deallocate()
        return nil
      }, order)
  }

  /// Waits until it has done so.
  func join() { pthread_join(thread, nil) }
}
