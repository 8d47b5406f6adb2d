import Core
import Testing

@testable import Control

/// Events as they were written before plans had strategies, candidates and rules: they mean what
/// they meant.
@Suite struct OldJournalTests {
  private static let plan = """
    {"holdRisk":0.05,"latencySlack":5000,"metrics":[{"metric":"errors","riskShare":1,\
    "tolerance":1.25}],"name":"old","rollbackRisk":0.01,"soak":0,"steps":[{"hold":60000000,\
    "minRequests":10,"needsApproval":false,"weight":500},{"hold":0,"minRequests":0,\
    "needsApproval":false,"weight":10000}],"summary":"","warmUpAnswers":200}
    """

  /// The ramp of @2 on the bench's endpoint, in the shape of an older journal.
  private func oldStart(_ bench: Bench) throws -> Event {
    let actor = try bench.json(bench.actor)
    let text = """
      {"actor":\(actor),"after":[{"version":"flight-delay@1","weight":9500},\
      {"version":"flight-delay@2","weight":500}],\
      "before":[{"version":"flight-delay@1","weight":10000}],\
      "data":{"candidate":"flight-delay@2","fallback":"flight-delay@1",\
      "plan":\(OldJournalTests.plan),"rollout":1},"endpoint":"flight-delay",\
      "generation":\(try bench.here.generation + 1),"kind":"ramp-started",\
      "time":1700000000000000}
      """
    return try CanonicalJSON.decode(Event.self, from: Array(text.utf8))
  }

  @Test func anOldRampStarts() throws {
    var bench = try Bench.serving()
    let event = try oldStart(bench)
    guard case .rampStarted(let start) = event.body else {
      Issue.record("no start")
      return
    }
    #expect(start.rivals == nil && start.hold == nil && start.plan.steps[0].kind == .canary)
    #expect(start.plan.holdPolicy == nil && start.plan.after == nil && start.plan.judge == nil)
    // The plan's digest, which approvals are bound to, is that of the plan as it was written.
    let bytes = Array(OldJournalTests.plan.utf8)
    #expect(try CanonicalJSON.encode(start.plan) == bytes)
    #expect(try start.plan.digest == Digest(bytes: sha256(bytes)))
    bench.commit(event)
    let rollout = try bench.rollout
    #expect(rollout.phase == .baking && rollout.weight == 500 && rollout.isStarted)
    #expect(rollout.candidates == [bench.v(2)] && rollout.epoch == 0)
    #expect(try bench.here.route?.rules.isEmpty == true)
  }
}
