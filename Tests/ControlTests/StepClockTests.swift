import Core
import Testing

@testable import Control

@Suite struct StepClockTests {
  @Test func aPlanRunsThroughByItself() throws {
    var bench = try Bench.ramping()
    var kinds: [String] = []
    for _ in 0..<8 {
      guard bench.state.endpoint(bench.endpoint)?.rollout != nil else { break }
      if let event = bench.look(try bench.quiet(minutes: 2)) { kinds.append(event.kind) }
    }
    #expect(kinds == ["stepped", "stepped", "soaking", "completed"])
    let here = try bench.here
    #expect(here.stable == bench.v(2) && here.goodVersions == [bench.v(1)])
    #expect(here.split == Split(all: bench.v(2)))
    #expect(here.ended.first?.end == .completed && here.ended.first?.isUnverified == false)
    #expect(here.closed.isEmpty)
    // Both ways back are there.
    #expect(rollbackPreview(bench.state, bench.endpoint, now: bench.now)?.target == bench.v(1))
    try bench.give(.undo(endpoint: bench.endpoint))
    #expect(try bench.here.stable == bench.v(1))
  }

  @Test func timeAndRequestsMustBothBeSeen() throws {
    var bench = try Bench.ramping(Bench.plan(minRequests: 150))
    #expect(bench.look(try bench.quiet(minutes: 5, requests: 149)) == nil)
    var evidence = try bench.quiet(requests: 150)
    evidence.observedTime(add: .seconds(59))
    #expect(try bench.rollout.remaining(evidence) == .seconds(1))
    #expect(bench.look(evidence) == nil)
    evidence.observedTime(add: .seconds(1))
    let event = try bench.mustLook(evidence)
    #expect(event.kind == "stepped" && event.actor == .system)
    #expect(event.summary == "flight-delay: step 2 of 3: @1 95% -> 75%, @2 5% -> 25%")
    // The clock begins anew, the counts stay.
    let kept = try bench.rollout.evidence
    #expect(kept.stepObserved == .zero && kept.stepCandidateRequests == 0)
    #expect(kept.candidateRequests == 150 && kept.epochs.map(\.weight) == [500, 2_500])
    // Live evidence follows.
    evidence.follow(try bench.rollout)
    evidence.watched = kept.watched
    #expect(evidence == kept)
    #expect(bench.look(evidence) == nil)
  }

  @Test func aStepThatNeedsApprovalWaits() throws {
    var bench = try Bench.ramping(Bench.plan(approval: [0]))
    let evidence = try bench.quiet(minutes: 2)
    #expect(bench.look(evidence)?.summary.contains("waits for approval") == true)
    #expect(bench.look(evidence) == nil)
    let event = try bench.give(.resume(endpoint: bench.endpoint, reason: nil), evidence)
    #expect(event.summary.contains("approved"))
    #expect(bench.look(evidence)?.kind == "stepped")
    #expect(try !bench.rollout.isUnverified)
  }

  @Test func withoutTrafficTimeStandsStillAndComesBack() throws {
    var bench = try Bench.ramping()
    var evidence = try bench.quiet()
    evidence.idleTime(add: .seconds(59))
    #expect(bench.look(evidence) == nil)
    evidence.idleTime(add: .seconds(1))
    #expect(bench.look(evidence)?.kind == "held")
    #expect(try bench.rollout.hold == .noData)
    #expect(
      bench.refusal(.resume(endpoint: bench.endpoint, reason: "x")).message.contains("by itself"))
    #expect(bench.look(evidence) == nil)
    evidence.observedTime(add: .seconds(1))
    #expect(bench.look(evidence)?.kind == "resumed")
    #expect(try bench.rollout.phase == .baking)
    // Nothing was lost.
    #expect(try bench.rollout.evidence.epochs == evidence.epochs)
  }

  @Test func anUnseenMetricHoldsBeforeAllTraffic() throws {
    var bench = try Bench.ramping(Bench.plan([500, 10_000]))
    var evidence = try bench.rollout.evidence
    for arm in RolloutEvidence.Arm.allCases {
      evidence.recordAnswer(arm, failed: false, latencyMicroseconds: 1)
    }
    evidence.observedTime(add: .minutes(5))
    #expect(bench.look(evidence)?.kind == "held")
    #expect(try bench.rollout.hold == .inconclusive(.wrongAnswers))
    let e = bench.endpoint
    #expect(bench.refusal(.resume(endpoint: e, reason: nil), evidence).message.contains("reason"))
    try bench.give(.resume(endpoint: e, reason: "no labels here"), evidence)
    #expect(bench.look(evidence)?.kind == "stepped")
    #expect(try bench.rollout.isUnverified)
  }

  @Test func aHoldDeadlineRollsBack() throws {
    var bench = try Bench.ramping(Bench.plan(deadline: .minutes(10)))
    try bench.give(.pause(endpoint: bench.endpoint))
    let evidence = try bench.quiet()
    bench.now = bench.now + .minutes(9)
    #expect(bench.look(evidence) == nil)
    bench.now = bench.now + .minutes(1)
    #expect(bench.look(evidence)?.kind == "rolled-back")
    #expect(try bench.here.rollout == nil)
  }

  @Test func stepsByHand() throws {
    var bench = try Bench.ramping()
    let e = bench.endpoint
    let back = Command.step(endpoint: e, direction: .previous, reason: nil)
    #expect(bench.refusal(back).message.contains("abort"))
    try bench.give(.step(endpoint: e, direction: .next, reason: nil), bench.quiet())
    #expect(try bench.rollout.weight == 2_500)
    // The step's time was not seen.
    #expect(try bench.rollout.isUnverified)
    let event = try bench.give(back)
    #expect(event.commandLine == "sluice step flight-delay --back")
    #expect(try bench.rollout.weight == 500 && bench.rollout.step == 0)
    try bench.give(.step(endpoint: e, direction: .next, reason: nil), bench.quiet())
    // The last step gives all traffic: without its evidence it takes a reason.
    let next = Command.step(endpoint: e, direction: .next, reason: nil)
    #expect(bench.refusal(next, try bench.quiet()).message.contains("reason"))
    try bench.give(next, bench.quiet(minutes: 2))
    #expect(try bench.rollout.weight == 10_000)
    #expect(bench.refusal(next).message.contains("promote"))
  }

  @Test func weightsByHandBetweenSteps() throws {
    var bench = try Bench.ramping()
    let e = bench.endpoint
    for bad in [0, 10_000, -1, 20_000] {
      let command = Command.setCandidateWeight(endpoint: e, weight: bad, reason: nil)
      #expect(bench.refusal(command).code == .badInput)
    }
    let same = Command.setCandidateWeight(endpoint: e, weight: 500, reason: nil)
    #expect(bench.refusal(same).message.contains("already"))
    try bench.give(.setCandidateWeight(endpoint: e, weight: 3_000, reason: nil))
    #expect(try bench.here.split?.weight(of: bench.v(2)) == 3_000)
    #expect(try bench.rollout.step == 1 && bench.rollout.isUnverified)
    // The next step is the first one above, never a step down.
    #expect(bench.look(try bench.quiet(minutes: 2))?.kind == "stepped")
    #expect(try bench.rollout.weight == 10_000 && bench.rollout.step == 2)
    // Out of the soak by hand, and back to it.
    #expect(bench.look(try bench.quiet(minutes: 2))?.kind == "soaking")
    try bench.give(.setCandidateWeight(endpoint: e, weight: 100, reason: nil))
    #expect(try bench.rollout.phase == .baking && bench.rollout.step == 0)
    #expect(bench.look(try bench.quiet(minutes: 2))?.kind == "stepped")
    #expect(try bench.rollout.weight == 2_500)
  }

  @Test func aOneStepPlanComesBackToAllTraffic() throws {
    var bench = try Bench.ramping(Bench.plan([10_000]))
    try bench.give(.setCandidateWeight(endpoint: bench.endpoint, weight: 5_000, reason: nil))
    try bench.give(.pause(endpoint: bench.endpoint))
    let next = Command.step(endpoint: bench.endpoint, direction: .next, reason: nil)
    try bench.give(next, bench.quiet(minutes: 2))
    #expect(try bench.rollout.phase == .baking && bench.rollout.weight == 10_000)
  }

  @Test func weightChangesByHandAreBounded() throws {
    var bench = try Bench.ramping()
    let e = bench.endpoint
    for i in 0..<ControlLimits.manualWeightChangesMax {
      try bench.give(.setCandidateWeight(endpoint: e, weight: 1_000 + i, reason: nil))
    }
    let more = Command.setCandidateWeight(endpoint: e, weight: 7, reason: nil)
    #expect(bench.refusal(more).message.contains("most allowed"))
    // The plan itself goes on.
    #expect(bench.look(try bench.quiet(minutes: 2))?.kind == "stepped")
  }

  @Test func promotionTakesAReasonWhileEvidenceIsShort() throws {
    var bench = try Bench.ramping()
    let e = bench.endpoint
    let promote = Command.promote(endpoint: e, reason: nil)
    #expect(bench.refusal(promote, try bench.quiet(minutes: 5)).message.contains("not the last"))
    let event = try bench.give(.promote(endpoint: e, reason: "hot fix"), bench.quiet())
    #expect(event.severity == .warn && event.commandLine?.contains("--reason 'hot fix'") == true)
    #expect(try bench.rollout.phase == .soaking && bench.rollout.isUnverified)
    #expect(bench.refusal(promote).message.contains("soak"))
    try bench.give(.promote(endpoint: e, reason: "enough"))
    #expect(try bench.here.rollout == nil)
    #expect(try bench.here.ended.first?.isUnverified == true)
  }

  @Test func withoutASoakPromotionCompletes() throws {
    var bench = try Bench.ramping(Bench.plan(soak: .zero))
    let event = try bench.give(.promote(endpoint: bench.endpoint, reason: "hot fix"))
    #expect(event.summary.contains("completed"))
    #expect(try bench.here.stable == bench.v(2))
    #expect(try bench.here.rollout == nil)
  }

  @Test func commandsWithoutARolloutAreRefused() throws {
    let bench = try Bench.serving()
    let e = bench.endpoint
    let commands: [Command] = [
      .pause(endpoint: e), .resume(endpoint: e, reason: nil), .abort(endpoint: e, reason: nil),
      .step(endpoint: e, direction: .next, reason: nil), .promote(endpoint: e, reason: nil),
      .setCandidateWeight(endpoint: e, weight: 5, reason: nil),
    ]
    for command in commands {
      #expect(bench.refusal(command).message.contains("no ramp runs"))
    }
  }

  @Test func pauseAndResume() throws {
    var bench = try Bench.ramping()
    let e = bench.endpoint
    #expect(bench.refusal(.resume(endpoint: e, reason: nil)).message.contains("not held"))
    try bench.give(.pause(endpoint: e), bench.quiet(minutes: 5))
    #expect(bench.refusal(.pause(endpoint: e)).message.contains("held already"))
    #expect(bench.look(try bench.quiet(minutes: 5)) == nil)
    try bench.give(.resume(endpoint: e, reason: nil))
    #expect(bench.look(try bench.quiet())?.kind == "stepped")
  }

  @Test func aLongOutageHoldsUntilSomeoneLooked() throws {
    var bench = try Bench.ramping()
    let down = bench.now
    #expect(recover(bench.state, downSince: down, now: down + .minutes(5)).isEmpty)
    let events = recover(bench.state, downSince: down, now: down + .minutes(6))
    #expect(events.map(\.kind) == ["held"])
    bench.commit(events[0])
    #expect(try bench.rollout.hold == .recovered)
    #expect(bench.look(try bench.quiet(minutes: 9)) == nil)
    try bench.give(.resume(endpoint: bench.endpoint, reason: nil))
    #expect(bench.look(try bench.quiet(minutes: 9))?.kind == "stepped")
  }

  @Test func theForecastSaysWhatWouldHappen() throws {
    let bench = try Bench.serving()
    let plan = Bench.plan(minRequests: 10, approval: [1])
    let good = rampPreview(
      bench.state, bench.endpoint, bench.v(2), plan, bench.context(), requestsPerSecond: 100)
    #expect(good.refusal == nil && good.fallback == bench.v(1) && good.steps.count == 3)
    #expect(good.steps[0] == "5% for 1m and 10 requests (about 300 requests at the present rate)")
    #expect(good.steps[1].contains("waits for approval") && good.steps[2].contains("soaks for 2m"))
    #expect(good.summary.contains("5% to 100% in 3 steps"))
    let bad = rampPreview(bench.state, bench.endpoint, bench.v(1), plan, bench.context())
    #expect(bad.refusal?.contains("stable") == true)
    let unwatched = rampPreview(
      bench.state, bench.endpoint, bench.v(2), Bench.plan(metrics: []), bench.context())
    #expect(unwatched.summary.contains("no metric is judged"))
  }
}
