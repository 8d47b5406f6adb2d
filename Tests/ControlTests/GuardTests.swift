import Core
import Statistics
import Testing

@testable import Control

@Suite struct GuardTests {
  /// Evidence with so many failed answers of the candidate among good ones of the stable.
  private func failing(_ bench: Bench, bad: Int, of total: Int = 100) throws -> RolloutEvidence {
    var evidence = try bench.quiet()
    evidence.record(metric: .errors, arm: .candidate, bad: bad, count: total)
    evidence.record(metric: .errors, arm: .stable, bad: 1, count: total)
    return evidence
  }

  @Test func quietEvidenceDoesNothing() throws {
    var bench = try Bench.ramping()
    #expect(bench.look(try bench.quiet()) == nil)
    #expect(try bench.rollout.phase == .baking)
  }

  @Test func evidenceOverTheLineRollsBack() throws {
    var bench = try Bench.ramping()
    let event = try bench.mustLook(try failing(bench, bad: 12))
    #expect(event.kind == "rolled-back" && event.severity == .bad && event.actor == .guard)
    #expect(
      event.summary.hasPrefix("flight-delay: @2 5% -> 0%, @1 95% -> 100%: failed answers, E "))
    let here = try bench.here
    #expect(here.rollout == nil && here.closed == [bench.v(2)])
    #expect(here.ended.first?.endedBy == .guard && here.split == Split(all: bench.v(1)))
    guard case .rolledBack(let rollback) = event.body else {
      Issue.record("no rollback")
      return
    }
    #expect(rollback.cause == .evidence(.errors))
    // The verdict can be computed again from what the journal holds.
    let kept = try #require(rollback.evidence)
    let again = Judge.evaluate(kept, plan: Bench.plan()).first { $0.metric == .errors }
    #expect(again == rollback.metric)
    #expect((again?.eValue ?? 0) >= 200)
  }

  @Test func fewBadEventsHoldButDoNotRollBack() throws {
    var bench = try Bench.ramping(Bench.plan([100, 10_000]))
    var evidence = try bench.rollout.evidence
    // Four failures at 1 % share: E is far over both lines.
    evidence.record(metric: .errors, arm: .candidate, bad: 4, count: 40)
    let metric = try #require(Judge.evaluate(evidence, plan: try bench.rollout.plan).first)
    #expect(metric.eValue > metric.rollbackAt && !metric.isBreach)
    let event = try bench.mustLook(evidence)
    #expect(event.kind == "held" && event.severity == .warn)
    #expect(try bench.rollout.hold == .suspect(.errors))
    // The fifth rolls back, out of the hold.
    evidence.record(metric: .errors, arm: .candidate, bad: 1, count: 1)
    #expect(bench.look(evidence)?.kind == "rolled-back")
  }

  @Test func aHoldNeedsAReasonAndTheSameTestGoesOn() throws {
    var bench = try Bench.ramping()
    let e = bench.endpoint
    var evidence = try bench.quiet()
    while bench.look(evidence) == nil {
      evidence.record(metric: .errors, arm: .candidate, bad: 1, count: 10)
      evidence.record(metric: .errors, arm: .stable, bad: 4, count: 190)
    }
    #expect(try bench.rollout.hold == .suspect(.errors))
    for command in [
      Command.resume(endpoint: e, reason: nil), .resume(endpoint: e, reason: "  "),
      .step(endpoint: e, direction: .next, reason: nil), .promote(endpoint: e, reason: nil),
      .setCandidateWeight(endpoint: e, weight: 900, reason: nil),
    ] {
      #expect(bench.refusal(command, evidence).message.contains("reason"))
    }
    // Going down needs none.
    _ = try decide(
      bench.state, .setCandidateWeight(endpoint: e, weight: 100, reason: nil), bench.context())
    let event = try bench.give(.resume(endpoint: e, reason: "known, harmless"), evidence)
    #expect(event.summary.contains("known, harmless"))
    #expect(try bench.rollout.isUnverified && bench.rollout.overridden == [.errors])
    // The same evidence does not hold again, more of it rolls back.
    #expect(bench.look(evidence) == nil)
    evidence.record(metric: .errors, arm: .candidate, bad: 20, count: 20)
    #expect(bench.look(evidence)?.kind == "rolled-back")
  }

  @Test func theGuardWatchesHeldAndSoakingRollouts() throws {
    var held = try Bench.ramping()
    try held.give(.pause(endpoint: held.endpoint))
    #expect(held.look(try failing(held, bad: 12))?.kind == "rolled-back")

    var soaking = try Bench.ramping()
    let quiet = try soaking.quiet()
    try soaking.give(.promote(endpoint: soaking.endpoint, reason: "hurry"), quiet)
    #expect(try soaking.rollout.phase == .soaking)
    var evidence = try soaking.rollout.evidence
    // Nothing can be compared at 100 %: failures alone are no evidence ...
    evidence.record(metric: .errors, arm: .candidate, bad: 50, count: 5_000)
    #expect(soaking.look(evidence) == nil)
    // ... but late labels of the first step are,
    evidence.record(metric: .wrongAnswers, arm: .candidate, bad: 60, count: 60, epoch: 0)
    #expect(soaking.look(evidence)?.kind == "rolled-back")
  }

  @Test func theBreakerRollsBackAtOnceInEveryPhase() throws {
    for promote in [false, true] {
      var bench = try Bench.ramping()
      if promote { try bench.give(.promote(endpoint: bench.endpoint, reason: "hurry")) }
      var evidence = try bench.rollout.evidence
      for _ in 0..<4 { evidence.recordAnswer(.candidate, failed: true, latencyMicroseconds: 1) }
      evidence.recordAnswer(.candidate, failed: false, latencyMicroseconds: 1)
      for _ in 0..<4 { evidence.recordWarmUp(failed: true) }
      #expect(bench.look(evidence)?.kind != "rolled-back")
      evidence.recordWarmUp(failed: true)
      let event = try bench.mustLook(evidence)
      #expect(event.kind == "rolled-back" && event.summary.contains("one after another"))
    }
  }

  @Test func aHoldByHandBecomesAGuardsHold() throws {
    var bench = try Bench.ramping(Bench.plan([100, 10_000]))
    try bench.give(.pause(endpoint: bench.endpoint))
    var evidence = try bench.rollout.evidence
    evidence.record(metric: .errors, arm: .candidate, bad: 4, count: 40)
    #expect(bench.look(evidence)?.kind == "held")
    #expect(try bench.rollout.hold == .suspect(.errors))
    #expect(bench.look(evidence) == nil)
  }

  @Test func linesFollowTheRiskShare() throws {
    let bench = try Bench.ramping()
    let metrics = Judge.evaluate(try bench.quiet(), plan: try bench.rollout.plan)
    #expect(metrics.map(\.metric) == [.errors, .wrongAnswers])
    for metric in metrics {
      #expect(abs(metric.holdAt - 40) < 1e-9 && abs(metric.rollbackAt - 200) < 1e-9)
    }
    #expect(metrics[1].requestsToVerdict != nil)
    #expect(metrics[0].requestsToVerdict == nil, "without a base rate there is no forecast")
  }

  @Test func evidenceOfAnotherRolloutIsIgnored() throws {
    var bench = try Bench.ramping()
    let old = try failing(bench, bad: 50)
    try bench.give(.abort(endpoint: bench.endpoint, reason: nil))
    #expect(bench.look(old) == nil)
    try bench.give(
      .startRamp(endpoint: bench.endpoint, version: bench.v(3), plan: Bench.plan()))
    #expect(bench.look(old) == nil)
    #expect(observe(bench.state, endpoint: try Name("no"), evidence: old, now: bench.now).isEmpty)
  }

  @Test func latencyIsJudgedOnceThresholdsAreKnown() throws {
    let plan = Bench.plan(
      metrics: [JudgedMetric(metric: .latency, tolerance: 1, riskShare: 1)])
    var bench = try Bench.serving()
    try bench.give(.startRamp(endpoint: bench.endpoint, version: bench.v(2), plan: plan))
    var evidence = try bench.rollout.evidence
    for _ in 0..<200 {
      evidence.recordAnswer(.candidate, failed: false, latencyMicroseconds: 9_000)
      evidence.recordAnswer(.stable, failed: false, latencyMicroseconds: 90)
    }
    #expect(bench.look(evidence) == nil)
    evidence.judgeLatency(
      by: LatencyThresholds(p50Microseconds: 100, p90Microseconds: 200, p99Microseconds: 500))
    for _ in 0..<20 {
      evidence.recordAnswer(.candidate, failed: false, latencyMicroseconds: 9_000)
      for _ in 0..<19 { evidence.recordAnswer(.stable, failed: false, latencyMicroseconds: 90) }
    }
    let event = try bench.mustLook(evidence)
    #expect(event.kind == "rolled-back" && event.summary.contains("slow answers"))
  }
}
