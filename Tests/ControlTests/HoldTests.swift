import Core
import Testing

@testable import Control

@Suite struct HoldTests {
  /// Evidence that is suspect and no breach.
  private func suspicious(_ bench: Bench) throws -> RolloutEvidence {
    var evidence = try bench.quiet(requests: 1_000)
    evidence.record(metric: .errors, arm: .candidate, bad: 4, count: 4)
    return evidence
  }

  private func plan(
    _ weight: HoldPolicy.Weight = .keep, _ then: HoldPolicy.Ending = .rollback,
    deadline: TimeSpan? = nil
  ) -> Plan {
    Bench.plan(
      steps: [500, 1_000, 10_000].map { PlanStep(weight: $0, hold: .minutes(1)) },
      deadline: deadline, policy: HoldPolicy(weight: weight, then: then),
      metrics: [JudgedMetric(metric: .errors, tolerance: 1, riskShare: 0.5)]
        + [JudgedMetric(metric: .wrongAnswers, tolerance: 1, riskShare: 0.5)])
  }

  @Test(arguments: [(HoldPolicy.Weight.keep, 1_000), (.floor, 500), (.zero, 0)])
  func aHoldTakesWeightAndGivesItBack(policy: HoldPolicy.Weight, held: BasisPoints) throws {
    var bench = try Bench.ramping(plan(policy))
    bench.look(try bench.quiet(minutes: 2))
    #expect(bench.look(try suspicious(bench))?.kind == "held")
    #expect(try bench.rollout.weight == held)
    #expect(try bench.here.split?.weight(of: bench.v(2)) == held)
    try bench.give(.resume(endpoint: bench.endpoint, reason: "known"))
    #expect(try bench.rollout.weight == 1_000 && bench.rollout.heldWeight == nil)
    #expect(try bench.rollout.step == 1)
  }

  @Test func aPauseKeepsTheWeight() throws {
    var bench = try Bench.ramping(plan(.zero))
    try bench.give(.pause(endpoint: bench.endpoint))
    #expect(try bench.rollout.weight == 500)
  }

  @Test func aDeadlineIsNotForTheClockOnTheWall() throws {
    var bench = try Bench.ramping(plan(deadline: .minutes(10)))
    try bench.give(.pause(endpoint: bench.endpoint))
    let rollout = try bench.rollout
    func look(watched span: TimeSpan, jump: TimeSpan) -> Event? {
      var evidence = rollout.evidence
      evidence.watched = (evidence.watched ?? .zero) + span
      return observe(
        bench.state, endpoint: bench.endpoint, evidence: evidence, now: bench.now + jump
      ).first
    }
    let year = TimeSpan.seconds(365 * 86_400)
    #expect(look(watched: .minutes(9), jump: year) == nil)
    #expect(look(watched: .minutes(9), jump: .zero - year) == nil)
    #expect(look(watched: .minutes(10), jump: .zero - year)?.kind == "rolled-back")
  }

  @Test func deadlines() throws {
    for then in HoldPolicy.Ending.allCases {
      var bench = try Bench.ramping(plan(.keep, then, deadline: .minutes(10)))
      try bench.give(.pause(endpoint: bench.endpoint))
      var kinds: [String] = []
      for _ in 0..<30 where bench.state.endpoint(bench.endpoint)?.rollout != nil {
        bench.now = bench.now + .minutes(2)
        if let event = bench.look(try bench.rollout.evidence) {
          kinds.append(event.kind)
          if event.kind == "escalated" { #expect(event.severity == .bad) }
        }
      }
      switch then {
      case .rollback: #expect(kinds == ["rolled-back"])
      case .escalate: #expect(kinds == ["escalated"])
      case .extend: #expect(kinds == ["hold-extended", "rolled-back"])
      }
    }
  }

  @Test func whatTheNodeKnowsOfItself() throws {
    var bench = try Bench.ramping(plan(.zero))
    bench.conditions = Conditions(incident: "the disk is full \u{1B}[2J")
    let event = try bench.mustLook(try bench.quiet(minutes: 2))
    #expect(event.kind == "held" && !event.summary.contains("\u{1B}"))
    #expect(try bench.rollout.hold == .incident && bench.rollout.weight == 0)
    #expect(bench.look(try bench.rollout.evidence) == nil)
    let resume = Command.resume(endpoint: bench.endpoint, reason: "x")
    #expect(bench.refusal(resume).message.contains("by itself"))
    bench.conditions = Conditions(overCapacity: "all cores are busy")
    #expect(bench.look(try bench.rollout.evidence)?.kind == "resumed")
    #expect(try bench.rollout.weight == 500)
    #expect(bench.look(try bench.rollout.evidence)?.kind == "held")
    #expect(try bench.rollout.hold == .capacity)
    // A freeze begins meanwhile: what gives weight back waits for its end.
    try bench.give(.addFreeze(endpoint: nil, window: .untilReleased, reason: nil))
    bench.conditions = Conditions()
    #expect(bench.look(try bench.rollout.evidence) == nil)
    try bench.give(.removeFreeze(id: nil, reason: nil))
    #expect(bench.look(try bench.rollout.evidence)?.kind == "resumed")
  }

  @Test func aStepThatStarvesIsShown() throws {
    var bench = try Bench.ramping(Bench.plan(minRequests: 10_000))
    var evidence = try bench.quiet(minutes: 9)
    #expect(bench.look(evidence) == nil)
    evidence.observedTime(add: .minutes(1))
    #expect(bench.look(evidence)?.kind == "held")
    #expect(try bench.rollout.hold == .lowTraffic)
    for _ in 0..<10_000 { evidence.recordWarmUp(failed: false) }
    #expect(bench.look(evidence)?.kind == "resumed")
    #expect(bench.look(evidence)?.kind == "stepped")
  }

  // MARK: - The start

  private func start(
    _ bench: inout Bench, _ plan: Plan = Bench.plan(), at time: Timestamp? = nil
  ) throws {
    try bench.give(
      .startRamp(
        endpoint: bench.endpoint, version: bench.v(2), plan: plan, options: RampOptions(at: time)))
  }

  private func look(_ bench: inout Bench) throws -> Event? {
    bench.look(try bench.rollout.evidence)
  }

  @Test func aScheduledStartWaits() throws {
    var bench = try Bench.serving()
    // It is held by the freezes of its time, not by those of the order's.
    try bench.give(.addFreeze(endpoint: nil, window: .untilReleased, reason: nil))
    let time = bench.now + .minutes(30)
    try start(&bench, at: time)
    #expect(
      try bench.rollout.phaseWord == "scheduled" && bench.here.split == Split(all: bench.v(1)))
    #expect(try look(&bench) == nil)
    bench.now = time
    #expect(try look(&bench)?.kind == "held")
    #expect(try bench.rollout.hold == .freeze)
    try bench.give(.removeFreeze(id: nil, reason: nil))
    #expect(try look(&bench)?.after?.weight(of: bench.v(2)) == 500)
    #expect(try bench.rollout.phase == .baking)
    // The times of the order are kept for those who repeat it.
    let line = bench.journal.first { $0.kind == "ramp-started" }?.commandLine
    #expect(line?.hasSuffix("--at \(time)") == true)
  }

  @Test func aCandidateWarmsBeforeItsFirstRequest() throws {
    var bench = try Bench.serving()
    bench.prepared.remove(bench.v(2))
    try start(&bench)
    #expect(try bench.rollout.phaseWord == "warming" && bench.rollout.weight == 0)
    let begin = Command.step(endpoint: bench.endpoint, direction: .next, reason: "x")
    #expect(bench.refusal(begin).message.contains("not loaded"))
    // Nobody asked: it goes on waiting.
    #expect(try look(&bench) == nil)
    bench.conditions.prepared = [bench.v(1)]
    #expect(try look(&bench) == nil)
    var late = bench
    late.now = late.now + ControlLimits.warmingMax
    let event = try late.mustLook(try late.rollout.evidence)
    #expect(event.kind == "rolled-back" && event.after == nil)
    // No freeze keeps it from ending.
    var frozen = bench
    try frozen.give(.addFreeze(endpoint: nil, window: .untilReleased, reason: nil))
    frozen.now = frozen.now + ControlLimits.warmingMax
    #expect(try look(&frozen)?.kind == "rolled-back")
    bench.conditions.prepared = [bench.v(1), bench.v(2)]
    #expect(try look(&bench)?.after?.weight(of: bench.v(2)) == 500)
  }

  @Test func oneRolloutAfterAnother() throws {
    var bench = try Bench.serving()
    let other = try Name("carriers")
    try bench.give(.createEndpoint(other))
    try bench.give(.deploy(endpoint: other, version: bench.v(1)))
    try bench.give(.startRamp(endpoint: other, version: bench.v(3), plan: Bench.plan()))
    let plan = Bench.plan(
      steps: [PlanStep(weight: 500, hold: .zero), PlanStep(weight: 10_000, hold: .zero)],
      after: [other])
    try start(&bench, plan)
    #expect(try bench.rollout.hold == .dependency(other))
    #expect(try look(&bench) == nil)
    // They cannot wait for each other.
    let back = Bench.plan(
      steps: [PlanStep(weight: 10_000, hold: .zero)], after: [bench.endpoint])
    var third = bench
    try third.give(.abort(endpoint: other, reason: nil))
    let circle = Command.startRamp(endpoint: other, version: third.v(4), plan: back)
    #expect(third.refusal(circle).message.contains("wait for each other"))
    // One that failed keeps it waiting, until a person gives a reason.
    #expect(try look(&third) == nil)
    let resume = Command.resume(endpoint: third.endpoint, reason: nil)
    #expect(third.refusal(resume).message.contains("reason"))
    try third.give(.resume(endpoint: third.endpoint, reason: "not needed any more"))
    #expect(try look(&third)?.kind == "stepped")
    // One that completed lets it go on.
    try bench.give(.promote(endpoint: other, reason: "x"))
    #expect(try look(&bench) == nil)
    try bench.give(.promote(endpoint: other, reason: "x"))
    #expect(try look(&bench)?.kind == "stepped")
  }

  // MARK: - Readiness

  @Test func aCandidateThatIsNotReadyAnyMoreGoesBack() throws {
    var bench = try Bench.ramping()
    bench.conditions.prepared = [bench.v(1)]
    let event = try bench.mustLook(try bench.quiet())
    #expect(event.kind == "rolled-back" && event.after == Split(all: bench.v(1)))
  }

  @Test func withNoWayBackItIsStuckUntilThereIsOne() throws {
    var bench = try Bench.ramping()
    bench.conditions.prepared = [bench.v(2)]
    // Nothing is wrong with the candidate: it only does not go on.
    #expect(bench.look(try bench.quiet(minutes: 2))?.kind == "held")
    #expect(try bench.rollout.phaseWord == "stuck" && bench.rollout.owedRollback == nil)
    bench.conditions.prepared = [bench.v(1), bench.v(2)]
    #expect(bench.look(try bench.quiet())?.kind == "resumed")
    // A breach with no way back is owed.
    bench.conditions.prepared = [bench.v(2)]
    var evidence = try bench.quiet()
    for _ in 0..<5 { evidence.recordWarmUp(failed: true) }
    let event = try bench.mustLook(evidence)
    #expect(event.kind == "held" && event.severity == .bad)
    #expect(try bench.rollout.owedRollback == .breaker && bench.rollout.weight == 500)
    #expect(bench.look(evidence) == nil)
    #expect(bench.refusal(.pause(endpoint: bench.endpoint)).message.contains("stuck"))
    bench.conditions.prepared = [bench.v(1)]
    let end = try bench.mustLook(evidence)
    guard case .rolledBack(let rollback) = end.body else {
      Issue.record("\(end)")
      return
    }
    #expect(rollback.cause == .breaker && rollback.target == bench.v(1))
  }

  @Test func anAbortWithNoWayBackIsOwed() throws {
    var bench = try Bench.ramping()
    bench.prepared = [bench.v(2)]
    let abort = Command.abort(endpoint: bench.endpoint, reason: "bad")
    #expect(try bench.give(abort).kind == "held")
    #expect(bench.refusal(abort).message.contains("not loaded"))
    bench.conditions.prepared = [bench.v(1), bench.v(2)]
    #expect(bench.look(try bench.quiet())?.kind == "rolled-back")
  }

  @Test func theBestReadyVersionIsTheTarget() throws {
    var bench = try Bench.serving()
    try bench.give(.deploy(endpoint: bench.endpoint, version: bench.v(4)))
    try bench.give(.setSplit(endpoint: bench.endpoint, split: Split(all: bench.v(4))))
    try bench.give(.startRamp(endpoint: bench.endpoint, version: bench.v(2), plan: Bench.plan()))
    bench.conditions.prepared = [bench.v(1)]
    #expect(bench.look(try bench.quiet())?.after == Split(all: bench.v(1)))
  }

  // MARK: - Segments and other judges

  @Test func aSegmentThatBreachesAloneGoesAlone() throws {
    let plan = Bench.plan(
      steps: [PlanStep(weight: 5_000, hold: .minutes(1)), PlanStep(weight: 10_000, hold: .zero)],
      segments: PlanSegments(by: "carrier", values: ["AA", "UA"]))
    var bench = try Bench.ramping(plan)
    var evidence = try bench.quiet(requests: 20_000)
    evidence.record(metric: .errors, arm: .stable, bad: 60, count: 20_000, segment: 0)
    evidence.record(metric: .errors, arm: .stable, bad: 1, count: 200, segment: 1)
    evidence.record(metric: .errors, arm: .candidate, bad: 40, count: 20_000, segment: 0)
    evidence.record(metric: .errors, arm: .candidate, bad: 22, count: 200, segment: 1)
    let event = try bench.mustLook(evidence)
    #expect(event.kind == "segment-closed" && event.summary.contains("carrier=UA"))
    #expect(try bench.rollout.closedSegments == ["UA"] && bench.rollout.phase == .baking)
    let rule = try #require(try bench.here.route?.rules.first)
    #expect(rule.rule == RequestRule([.input("carrier", anyOf: ["UA"])]) && !rule.isDrawn)
    #expect(rule.split == Split(all: bench.v(1)))
    #expect(bench.look(try bench.rollout.evidence) == nil)
  }

  @Test func anotherToolsRuleDecides() throws {
    let plan = Bench.plan(
      steps: [PlanStep(weight: 5_000, hold: .minutes(9)), PlanStep(weight: 10_000, hold: .zero)],
      judge: ComparisonRule(judge: .flagger(limit: 0.02, threshold: 2)))
    var bench = try Bench.ramping(plan)
    var evidence = try bench.rollout.evidence
    for look in 1...2 {
      evidence.record(metric: .errors, arm: .candidate, bad: 30, count: 1_000)
      evidence.record(metric: .errors, arm: .stable, bad: 30, count: 1_000)
      evidence.observedTime(add: .minutes(1))
      let event = bench.look(evidence)
      #expect(event?.kind == (look == 2 ? "rolled-back" : nil))
    }
    guard case .rolledBack(let rollback)? = bench.journal.last?.body else { return }
    #expect(rollback.cause == .comparison)
    // The breaker acts all the same.
    var other = try Bench.ramping(plan)
    var failing = try other.rollout.evidence
    for _ in 0..<5 { failing.recordWarmUp(failed: true) }
    #expect(other.look(failing)?.kind == "rolled-back")
  }
}
