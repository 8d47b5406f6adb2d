import Core
import Testing

@testable import Control

/// Long enough for a few rollouts with faults in between, short enough for a thousand runs.
private let steps = 45

@Suite("Simulated rollouts")
struct RolloutSimulationTests {
  @Test("a thousand runs keep every promise", arguments: [UInt64(0), 1, 2, 3, 4, 5, 6, 7])
  func promises(part: UInt64) {
    let simulation = RolloutSimulation(steps: steps)
    var kinds: Set<String> = []
    var restarts = 0
    var tombstones = 0
    for seed in part * 125 + 1...part * 125 + 125 {
      let result = simulation.play(seed: seed)
      kinds.formUnion(result.kinds)
      restarts += result.restarts
      tombstones += result.tombstones
      if let violation = result.violation {
        Issue.record("seed \(seed): \(violation.invariant) \(violation.message)")
        return
      }
    }
    #expect(restarts > 100 && tombstones > 2)
    let wanted: Set = [
      "ramp-started", "held", "resumed", "stepped", "weight-set", "promoted", "soaking",
      "completed", "rolled-back", "aborted", "approved", "freeze-added", "unloaded",
    ]
    #expect(wanted.subtracting(kinds).isEmpty, "never seen: \(wanted.subtracting(kinds))")
  }

  /// Whoever changes what happens by itself, or the order of random choices, changes these too; the
  /// test prints the new ones.
  @Test("a seed has the same trace on every machine")
  func golden() {
    let simulation = RolloutSimulation(steps: steps)
    let hashes = (UInt64(1)...UInt64(traceHashes.count)).map { simulation.play(seed: $0).traceHash }
    #expect(hashes == traceHashes)
    #expect(simulation.play(seed: 1).traceHash == hashes[0])
    #expect(Set(hashes).count == hashes.count)
  }

  private let traceHashes: [String] = [
    "47697b5e1cb28f34", "f51cded3bbc09984",
    "9a47bb16dc49d46f", "feb9e3ff999866fd",
    "200e674743c96b9e", "8f64730370d8a079",
    "a04f1ed5480cf8ac", "b6b053183d829921",
  ]

  @Test("a run without some of its steps is a run, and the trace does not change it")
  func scripts() {
    let simulation = RolloutSimulation(steps: steps)
    let script = simulation.script(seed: 3)
    let traced = simulation.play(seed: 3, script: script, isTracing: true)
    #expect(traced.traceHash == simulation.play(seed: 3).traceHash)
    #expect(traced.trace.count == script.count + 2)
    let less = simulation.play(seed: 3, script: Array(script.prefix(5)))
    #expect(less.violation == nil && less.traceHash != traced.traceHash)
    #expect(simulation.play(seed: 3, script: []).violation == nil)
  }

  /// How many seeds it takes at most to find each way of breaking the node.
  private static let needed: [Mutation: UInt64] = [
    .savedEvidenceIgnored: 150, .rollbackBlockedByFreeze: 150, .tombstoneOutlivesDeploy: 150,
    .oldEvidenceRestored: 150,
  ]
  /// Where to begin with what takes some thousand runs to be found.
  private static let first: [Mutation: UInt64] = [
    .standInKept: 4_650, .foreseenStaysClosed: 40_080,
  ]

  @Test("each way of breaking the node is found", arguments: Mutation.allCases)
  func broken(mutation: Mutation) throws {
    let simulation = RolloutSimulation(steps: steps, mutation: mutation)
    let most = RolloutSimulationTests.needed[mutation] ?? 50
    let first = RolloutSimulationTests.first[mutation] ?? 1
    let found = (first..<first + most).lazy.compactMap { simulation.play(seed: $0).violation }.first
    #expect(found != nil, "\(mutation.rawValue) was not found in \(most) runs")
  }

  @Test("a broken promise is shrunk to a few steps that still break it")
  func shrinking() throws {
    let simulation = RolloutSimulation(steps: steps, mutation: .fenceAfterCommit)
    let seed = try #require((UInt64(1)...50).first { simulation.play(seed: $0).violation != nil })
    let violation = try #require(simulation.play(seed: seed).violation)
    let script = simulation.shrunk(seed: seed, invariant: violation.invariant)
    #expect(script.count < simulation.script(seed: seed).count && script.count <= 4)
    let again = try #require(simulation.play(seed: seed, script: script).violation)
    #expect(again.invariant == violation.invariant)
    // No step of it can be left out.
    for index in script.indices {
      var less = script
      less.remove(at: index)
      let result = simulation.play(seed: seed, script: less)
      #expect(result.violation?.invariant != violation.invariant)
    }
  }
}
