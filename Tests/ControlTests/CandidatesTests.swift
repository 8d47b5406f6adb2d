import Core
import Testing

@testable import Control

@Suite struct CandidatesTests {
  private static let plan = Bench.plan([1_000, 2_000, 10_000], soak: .zero)

  /// The evidence after a candidate failed often.
  private func broken(_ bench: Bench, _ number: Int) throws -> RolloutEvidence {
    var evidence = try bench.quiet(requests: 1_000)
    let place = evidence.rivalIndex(of: bench.v(number))
    evidence[rival: place].record(metric: .errors, arm: .candidate, bad: 60, count: 60)
    return evidence
  }

  @Test func eachHasTheSameWeight() throws {
    let bench = try Bench.ramping(CandidatesTests.plan, rivals: [3, 4])
    let split = try #require(try bench.here.split)
    #expect(split.shares.map(\.weight) == [7_000, 1_000, 1_000, 1_000])
    #expect(try bench.rollout.candidates == [bench.v(2), bench.v(3), bench.v(4)])
    #expect(try bench.rollout.evidence.rivals?.map(\.version) == [bench.v(3), bench.v(4)])
    #expect(try bench.here.role(of: bench.v(4)) == "canary")
    let unload = Command.unload(endpoint: bench.endpoint, version: bench.v(3))
    #expect(bench.refusal(unload).message.contains("being ramped"))
  }

  @Test func aRivalThatBreachesIsDroppedAlone() throws {
    var bench = try Bench.ramping(CandidatesTests.plan, rivals: [3])
    let event = try bench.mustLook(try broken(bench, 3))
    #expect(event.kind == "candidate-dropped" && event.severity == .bad)
    #expect(event.after?.weight(of: bench.v(1)) == 9_000)
    #expect(try bench.here.closed == [bench.v(3)])
    let rollout = try bench.rollout
    #expect(rollout.candidates == [bench.v(2)] && rollout.evidence.rivals == nil)
    // Another share of both: another epoch, and the step clock goes on.
    #expect(rollout.epoch == 1 && rollout.stage == 0 && rollout.evidence.epoch == 1)
    #expect(rollout.evidence.epochs.map { $0.whole ?? 10_000 } == [9_000, 10_000])
    #expect(rollout.droppedRequests == 1_000)
    // The last one that breaches is a rollback.
    #expect(bench.look(try broken(bench, 2))?.kind == "rolled-back")
    #expect(try bench.here.closed == [bench.v(2), bench.v(3)])
  }

  @Test func theFirstRivalLeadsWhenTheLeaderIsDropped() throws {
    var bench = try Bench.ramping(CandidatesTests.plan, rivals: [3, 4])
    var live = try broken(bench, 2)
    let kept = try #require(live.rivals?.first?.evidence.epochs.first?.errors)
    #expect(bench.look(live)?.kind == "candidate-dropped")
    let rollout = try bench.rollout
    #expect(rollout.candidates == [bench.v(3), bench.v(4)] && rollout.candidate == bench.v(3))
    #expect(rollout.evidence.epochs[0].errors == kept)
    // What the node has live follows to the same.
    live.follow(rollout)
    live.watched = rollout.evidence.watched
    #expect(live == rollout.evidence)
    #expect(bench.look(live) == nil)
  }

  @Test func beforeAllTrafficAPersonPicks() throws {
    var bench = try Bench.ramping(CandidatesTests.plan, rivals: [3])
    let e = bench.endpoint
    #expect(bench.look(try bench.quiet(minutes: 2))?.kind == "stepped")
    #expect(bench.look(try bench.quiet(minutes: 2))?.kind == "held")
    #expect(try bench.rollout.hold == .choice)
    let seen = try bench.quiet()
    #expect(bench.refusal(.resume(endpoint: e, reason: "x"), seen).message.contains("choice"))
    let next = Command.step(endpoint: e, direction: .next, reason: "x")
    #expect(bench.refusal(next, seen).message.contains("pick one"))
    #expect(bench.refusal(.promote(endpoint: e, reason: "x"), seen).message.contains("pick one"))
    let stranger = Command.promote(endpoint: e, reason: "x", version: bench.v(4))
    #expect(bench.refusal(stranger, seen).message.contains("no candidate"))

    // Dropping one leaves the other, which goes on.
    var dropping = bench
    let drop = try dropping.give(.drop(endpoint: e, version: bench.v(2), reason: "slower"), seen)
    #expect(drop.commandLine == "sluice drop flight-delay flight-delay@2 --reason slower")
    #expect(try dropping.rollout.hold == nil && dropping.rollout.candidate == bench.v(3))
    let last = Command.drop(endpoint: e, version: bench.v(3), reason: nil)
    #expect(dropping.refusal(last).message.contains("abort"))
    #expect(dropping.look(try dropping.quiet(minutes: 2))?.after == Split(all: bench.v(3)))

    // Picking one closes the other.
    let event = try bench.give(.promote(endpoint: e, reason: "better", version: bench.v(3)), seen)
    #expect(event.commandLine?.contains("--version flight-delay@3") == true)
    #expect(try bench.here.stable == bench.v(3) && bench.here.closed == [bench.v(2)])
    #expect(try bench.here.ended.first?.end == .completed)
  }

  @Test func aSuspicionIsAboutOne() throws {
    var bench = try Bench.ramping(CandidatesTests.plan, rivals: [3])
    var evidence = try bench.quiet(requests: 1_000)
    let place = evidence.rivalIndex(of: bench.v(3))
    evidence[rival: place].record(metric: .errors, arm: .candidate, bad: 4, count: 4)
    let event = try bench.mustLook(evidence)
    #expect(event.kind == "held")
    #expect(try bench.rollout.heldCandidate == bench.v(3))
    try bench.give(.resume(endpoint: bench.endpoint, reason: "a bad client"), evidence)
    #expect(try bench.rollout.rivals?.first?.overridden == [.errors])
    #expect(try bench.rollout.overridden.isEmpty)
    #expect(bench.look(evidence) == nil)
  }

  @Test func theCapIsOnAllTogether() throws {
    let plan = Bench.plan([1_000, 10_000], blast: BlastCap(requests: 250))
    var bench = try Bench.ramping(plan, rivals: [3])
    #expect(bench.look(try bench.quiet(requests: 124)) == nil)
    #expect(bench.look(try bench.quiet(requests: 125))?.kind == "held")
    #expect(try bench.rollout.hold == .budgetSpent && bench.here.split == Split(all: bench.v(1)))
  }

  @Test func whatCannotStandBesideEachOther() throws {
    let bench = try Bench.serving()
    func refusal(_ rivals: [Int], _ plan: Plan = CandidatesTests.plan) -> String {
      bench.refusal(
        .startRamp(
          endpoint: bench.endpoint, version: bench.v(2), plan: plan,
          options: RampOptions(rivals: rivals.map { bench.v($0) }))
      ).message
    }
    #expect(refusal([2]).contains("twice"))
    #expect(refusal([1]).contains("stable"))
    #expect(refusal([9]).contains("no version"))
    #expect(refusal([3], Bench.plan([5_000, 10_000])).contains("nothing for the stable"))
    var ramping = try Bench.ramping(CandidatesTests.plan, rivals: [3])
    let heavy = Command.setCandidateWeight(endpoint: ramping.endpoint, weight: 5_000, reason: "x")
    #expect(ramping.refusal(heavy).code == .badInput)
    // A rollback closes all candidates; trying again begins with all.
    try ramping.give(.abort(endpoint: ramping.endpoint, reason: nil))
    #expect(try ramping.here.closed == [ramping.v(2), ramping.v(3)])
    try ramping.give(.retry(endpoint: ramping.endpoint))
    #expect(try ramping.rollout.candidates == [ramping.v(2), ramping.v(3)])
  }
}
