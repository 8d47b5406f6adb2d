import Control
import Core
import Storage
import Testing

@testable import Node

@Suite("Simulated rollouts on the node's own core")
struct NodeSimulationTests {
  @Test("the node's transaction and recovery keep every promise, and do what their model does")
  func promises() throws {
    let simulation = RolloutSimulation(steps: 45)
    for seed in UInt64(1)...60 {
      let real = simulation.play(seed: seed, program: NodeProgram(), isTracing: false)
      if let violation = real.violation {
        Issue.record("seed \(seed): \(violation.invariant) \(violation.message)")
      }
      #expect(real.traceHash == simulation.play(seed: seed).traceHash, "seed \(seed)")
    }
  }

  @Test("many runs give the same report on any number of threads")
  func threads() throws {
    let simulation = RolloutSimulation(steps: 20)
    let reports = try [1, 3].map { threads in
      try RolloutSimulationRuns.play(
        simulation, .model, seed: 7, runs: 70, threads: threads) { _ in }
    }
    #expect(reports[0].keepsItsPromises && reports[0].runs == 70)
    #expect(try CanonicalJSON.encode(reports[0]) == CanonicalJSON.encode(reports[1]))
  }

  @Test("a broken node is reported with its seed, a few steps and both states")
  func broken() throws {
    let report = try RolloutSimulationRuns.play(
      RolloutSimulation(steps: 45, mutation: .tombstoneNotWritten), .model, seed: 1, runs: 400,
      threads: 1) { _ in }
    let violation = try #require(report.violation)
    #expect(!report.keepsItsPromises && violation.steps < 12)
    #expect(violation.trace.count == violation.steps + 2 || !violation.trace.isEmpty)
  }

  @Test("a rollback of a candidate that has no traffic yet is obeyed at a start")
  func waitingCandidate() throws {
    let bench = try Workbench()
    try bench.register(2)
    try bench.give(.createEndpoint(bench.endpoint))
    try bench.give(.deploy(endpoint: bench.endpoint, version: bench.v(1)))
    let plan = Plan(
      name: "p", summary: "", steps: [PlanStep(weight: 10_000, hold: .seconds(1))], metrics: [],
      approvals: ApprovalRule(count: 1))
    try bench.give(.startRamp(endpoint: bench.endpoint, version: bench.v(2), plan: plan))
    bench.log.isFull = true
    try bench.give(.abort(endpoint: bench.endpoint, reason: nil))
    // A new process has the journal and the tombstone only.
    let state = try bench.replayed()
    let tombstone = try #require(try bench.tombstones.pending().first)
    #expect(state.endpoint(bench.endpoint)?.rollout != nil)
    #expect(!Recovery.isDone(tombstone, in: state))
  }
}
