import Core
import Testing

@testable import Control

@Suite struct RetreatTests {
  private func back(_ bench: Bench, over span: TimeSpan? = .minutes(10)) -> Command {
    .rollBack(endpoint: bench.endpoint, to: nil, symptom: "gently", over: span)
  }

  @Test func trafficGoesBackLittleByLittle() throws {
    var bench = try Bench.ramping(Bench.plan([5_000, 10_000]))
    let event = try bench.give(back(bench))
    #expect(event.commandLine == "sluice rollback flight-delay --over 10m --reason gently")
    #expect(try bench.rollout.phaseWord == "rolling back" && bench.rollout.weight == 5_000)
    let began = event.time
    var weights: [BasisPoints] = []
    for minute in 0...10 {
      bench.now = began + .minutes(minute)
      if bench.look(try bench.rollout.evidence) != nil, let rollout = try bench.here.rollout {
        weights.append(rollout.weight)
      }
    }
    #expect(weights == [4_500, 4_000, 3_500, 3_000, 2_500, 2_000, 1_500, 1_000, 500])
    #expect(try bench.here.rollout == nil && bench.here.closed == [bench.v(2)])
    #expect(bench.journal.last?.kind == "rolled-back")
  }

  @Test func aClockThatJumpsBackKeepsNothing() throws {
    var bench = try Bench.ramping(Bench.plan([5_000, 10_000]))
    try bench.give(back(bench))
    var evidence = try bench.rollout.evidence
    let began = evidence.watched ?? .zero
    func look(_ span: TimeSpan) -> Event? {
      evidence.watched = began + span
      return observe(
        bench.state, endpoint: bench.endpoint, evidence: evidence,
        now: bench.now + .seconds(-86_400)
      ).first
    }
    #expect(look(.seconds(30)) == nil)
    #expect(look(.minutes(5))?.after?.weight(of: bench.v(2)) == 2_500)
    #expect(look(.minutes(10))?.kind == "rolled-back")
  }

  @Test func nothingGoesForwardMeanwhile() throws {
    var bench = try Bench.ramping(Bench.plan([5_000, 10_000]))
    let e = bench.endpoint
    try bench.give(back(bench))
    for command in [
      Command.step(endpoint: e, direction: .next, reason: "x"), .promote(endpoint: e, reason: "x"),
      .setCandidateWeight(endpoint: e, weight: 6_000, reason: "x"), .pause(endpoint: e),
      .rollBack(endpoint: e, to: nil, symptom: nil, over: .minutes(1)),
    ] {
      #expect(bench.refusal(command).message.contains("rolled back"), "\(command)")
    }
    // Time alone, no evidence of success, moves it; nothing that looks well stops it.
    #expect(bench.look(try bench.quiet(minutes: 9)) == nil)
  }

  @Test func harmOrAPersonEndsItAtOnce() throws {
    for way in 0..<3 {
      var bench = try Bench.ramping(Bench.plan([5_000, 10_000]))
      try bench.give(back(bench))
      var evidence = try bench.rollout.evidence
      switch way {
      case 0:
        for _ in 0..<5 { evidence.recordWarmUp(failed: true) }
        #expect(bench.look(evidence)?.kind == "rolled-back")
      case 1: try bench.give(.abort(endpoint: bench.endpoint, reason: nil))
      default: try bench.give(back(bench, over: nil))
      }
      #expect(try bench.here.rollout == nil && bench.here.split == Split(all: bench.v(1)))
    }
  }

  @Test func aFreezeDoesNotBindIt() throws {
    var bench = try Bench.ramping(Bench.plan([5_000, 10_000]))
    try bench.give(.addFreeze(endpoint: nil, window: .untilReleased, reason: nil))
    try bench.give(back(bench))
    bench.now = bench.now + .minutes(5)
    #expect(bench.look(try bench.rollout.evidence)?.kind == "retreated")
  }

  @Test func itNeedsARampAndATime() throws {
    var bench = try Bench.ramping(Bench.plan([5_000, 10_000]))
    #expect(bench.refusal(back(bench, over: .zero)).code == .badInput)
    try bench.give(.abort(endpoint: bench.endpoint, reason: nil))
    try bench.give(.deploy(endpoint: bench.endpoint, version: bench.v(3)))
    try bench.give(.setSplit(endpoint: bench.endpoint, split: Split(all: bench.v(3))))
    #expect(bench.refusal(back(bench)).message.contains("--over"))
    // Without traffic there is nothing to take away little by little.
    var shadow = try Bench.ramping(
      Bench.plan(steps: [
        PlanStep(weight: 5_000, hold: .minutes(1), strategy: .shadow),
        PlanStep(weight: 10_000, hold: .zero),
      ]))
    #expect(try shadow.give(back(shadow)).kind == "rolled-back")
  }
}
