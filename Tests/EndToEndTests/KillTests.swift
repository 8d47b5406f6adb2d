import Foundation
import Testing

/// `kill -9` of a real node at random moments while commands are given to it.
@Suite("A killed node", .serialized)
struct KillTests {
  /// Kills in one run of the test; `make soak` asks for more.
  private static let cycles =
    ProcessInfo.processInfo.environment["SLUICE_KILL_CYCLES"].flatMap(Int.init) ?? 25

  private func sluice(_ words: String..., state: String) throws -> Shell.Result {
    try Shell.run(Scratch.program, words + ["--state", state, "--json"])
  }

  private func startNode(_ state: String) throws -> Process {
    let node = Process()
    node.executableURL = URL(fileURLWithPath: Scratch.program)
    node.arguments = ["serve", "--state", state]
    node.standardInput = FileHandle.nullDevice
    node.standardOutput = FileHandle.nullDevice
    node.standardError = FileHandle.nullDevice
    try node.run()
    for _ in 0..<500 {
      if let status = try? sluice("status", state: state), status.status == 0,
        status.output.contains("\"pid\":\(node.processIdentifier)")
      {
        return node
      }
      usleep(10_000)
    }
    Issue.record("the node did not answer within 5 s")
    return node
  }

  private func sequence(_ result: Shell.Result) -> Int? {
    result.output.firstMatch(of: /"sequence":(\d+)/).flatMap { Int($0.1) }
  }

  @Test("no acknowledged change is lost, the chain holds, and it comes back in the same state")
  func killed() throws {
    let state = try Scratch.directory()
    defer { try? FileManager.default.removeItem(atPath: state) }
    let sample = Scratch.root + "/samples/flight-delay"
    for number in 1...2 {
      let imported = try sluice(
        "model", "import", "\(sample)/models/flight-delay-\(number).onnx", "--name",
        "flight-delay", state: state)
      #expect(imported.status == 0, "\(imported.errors)")
    }
    _ = try sluice("endpoint", "create", "flight-delay", state: state)
    _ = try sluice("deploy", "flight-delay", "flight-delay@1", state: state)
    var acknowledged = 4
    for cycle in 0..<Self.cycles {
      let node = try startNode(state)
      let before = try sluice("status", state: state)
      #expect((sequence(before) ?? 0) >= acknowledged, "cycle \(cycle): \(before.output)")
      let killer = Thread {
        usleep(UInt32.random(in: 0...120_000))
        kill(node.processIdentifier, SIGKILL)
      }
      killer.start()
      // Ramps and rollbacks until the node is gone; each answer is a promise.
      for step in 0..<40 {
        let words =
          step % 2 == 0
          ? ["ramp", "flight-delay", "flight-delay@2", "--plan", "quick-ramp"]
          : ["rollback", "flight-delay"]
        let result = try Shell.run(Scratch.program, words + ["--state", state, "--json"])
        // A call that finds no node opens the state itself: that is an acknowledged change too.
        if result.status == 0, let promised = sequence(result) { acknowledged = promised }
        if !node.isRunning { break }
      }
      node.waitUntilExit()
      let check = try sluice("journal", "verify", state: state)
      #expect(check.status == 0, "cycle \(cycle): \(check.output) \(check.errors)")
      let after = try sluice("status", state: state)
      #expect((sequence(after) ?? 0) >= acknowledged, "cycle \(cycle): lost an acknowledged change")
    }
  }
}
