import Core
import Testing

@testable import Control

/// What a candidate may cost before its last step.
@Suite struct BlastTests {
  private func plan(requests: Int? = nil, errors: Int? = nil) -> Plan {
    Bench.plan(minRequests: 1_000_000, blast: BlastCap(requests: requests, errors: errors))
  }

  @Test func atTheCapOnRequestsTheTrafficStops() throws {
    var bench = try Bench.ramping(plan(requests: 100))
    #expect(bench.look(try bench.quiet(requests: 99)) == nil)
    let held = try bench.mustLook(bench.quiet(requests: 100))
    #expect(held.summary.contains("share of requests is spent"))
    #expect(held.reason == "100 requests answered, the plan allows 100")
    #expect(try bench.here.split == Split(all: bench.v(1)) && bench.rollout.weight == 0)
    #expect(try bench.rollout.hold == .budgetSpent)
    // The weight comes back only by a person who says why.
    let e = bench.endpoint
    #expect(bench.refusal(.resume(endpoint: e, reason: nil)).message.contains("needs a reason"))
    #expect(
      bench.refusal(.setCandidateWeight(endpoint: e, weight: 100, reason: "x")).message
        .contains("sluice resume"))
    #expect(bench.look(try bench.rollout.evidence) == nil)
    let resumed = try bench.give(.resume(endpoint: e, reason: "labels are fine"))
    #expect(resumed.after == Split(stable: bench.v(1), candidate: bench.v(2), weight: 500))
    #expect(try bench.rollout.weight == 500 && !bench.rollout.isUnverified)
    // Not again in this rollout.
    #expect(bench.look(try bench.quiet(requests: 500)) == nil)
  }

  @Test func atTheCapOnErrorsItIsRolledBack() throws {
    let bench = try Bench.ramping(plan(errors: 12))
    var evidence = try bench.quiet(requests: 100)
    #expect(evidence.candidateBadAnswers == 10)
    evidence.record(metric: .errors, arm: .candidate, bad: 1, count: 1)
    var quiet = bench
    #expect(quiet.look(evidence) == nil)
    evidence.recordLabel(.candidate, wrong: true)
    var other = bench
    let event = try other.mustLook(evidence)
    #expect(event.kind == "rolled-back" && event.severity == .bad && event.actor == .guard)
    #expect(event.reason == "12 failed or wrong answers, the plan allows 12")
    guard case .rolledBack(let rollback) = event.body else { return }
    #expect(rollback.cause == .budget && rollback.closed == [bench.v(2)])
  }

  @Test func theLastStepHasNoCap() throws {
    var bench = try Bench.ramping(plan(requests: 100, errors: 1))
    try bench.give(.promote(endpoint: bench.endpoint, reason: "x"))
    #expect(bench.look(try bench.quiet(requests: 900)) == nil)
  }

  @Test func aBreachIsNotHiddenByTheCap() throws {
    var bench = try Bench.ramping(plan(requests: 10))
    var evidence = try bench.quiet(requests: 100)
    evidence.record(metric: .errors, arm: .candidate, bad: 100, count: 100)
    #expect(try bench.mustLook(evidence).kind == "rolled-back")
  }

  /// I19: traffic that stops at each verdict exposes no more than the cap and what was under way.
  @Test(arguments: [1, 7, 50, 333]) func exposureIsBounded(batch: Int) throws {
    var bench = try Bench.ramping(plan(requests: 1_000))
    var evidence = try bench.rollout.evidence
    for _ in 0..<5_000 {
      guard try bench.rollout.weight > 0 else { break }
      for _ in 0..<batch { evidence.recordWarmUp(failed: false) }
      bench.look(evidence)
      evidence.follow(try bench.rollout)
    }
    #expect(try bench.rollout.hold == .budgetSpent)
    #expect(evidence.candidateRequests >= 1_000 && evidence.candidateRequests < 1_000 + batch)
  }
}
