import Core
import Testing

@testable import Control

@Suite struct StrategyTests {
  private static let whole = PlanStep(weight: Split.whole, hold: .zero)

  @Test func oneAfterAnotherFromShadowToEveryone() throws {
    let plan = Bench.plan(
      steps: [
        PlanStep(weight: 5_000, hold: .minutes(1), minRequests: 10, strategy: .shadow),
        PlanStep(weight: 500, hold: .minutes(1)),
        PlanStep(weight: 2_000, hold: .minutes(1), strategy: .abTest), StrategyTests.whole,
      ], soak: .zero)
    try plan.validate()
    var bench = try Bench.ramping(plan)
    // Copies only: nobody gets an answer of the candidate.
    #expect(try bench.here.split == Split(all: bench.v(1)))
    let shadow = try #require(try bench.here.route?.shadow)
    #expect(shadow.candidates == [bench.v(2)] && shadow.share == 5_000)
    #expect(try bench.rollout.phase == .baking && bench.rollout.weight == 0)
    var evidence = try bench.rollout.evidence
    evidence.observedTime(add: .minutes(2))
    #expect(bench.look(evidence) == nil)
    for _ in 0..<10 {
      evidence.recordShadowPair(ShadowPair(stableFailed: false, candidateFailed: false))
    }
    let first = try bench.mustLook(evidence)
    #expect(first.kind == "stepped" && first.after?.weight(of: bench.v(2)) == 500)
    #expect(try bench.here.route?.shadow == nil)
    let second = try bench.mustLook(try bench.quiet(minutes: 2))
    #expect(second.summary.contains("A/B at 20%"))
    // Good results do not end it, and a person needs a reason.
    #expect(bench.look(try bench.quiet(minutes: 0, requests: 5_000)) == nil)
    let next = Command.step(endpoint: bench.endpoint, direction: .next, reason: nil)
    #expect(bench.refusal(next).message.contains("needs a reason"))
    #expect(bench.look(try bench.quiet(minutes: 2))?.kind == "stepped")
    #expect(bench.look(try bench.rollout.evidence)?.kind == "completed")
    #expect(try bench.here.ended.first?.isUnverified == false)
  }

  @Test func copiesThatFailAreABreach() throws {
    let plan = Bench.plan(
      steps: [PlanStep(weight: 5_000, hold: .minutes(1), strategy: .shadow), StrategyTests.whole])
    var bench = try Bench.ramping(plan)
    var evidence = try bench.rollout.evidence
    for index in 0..<400 {
      evidence.recordShadowPair(
        ShadowPair(stableFailed: false, candidateFailed: index % 4 == 0))
    }
    let event = try bench.mustLook(evidence)
    #expect(event.kind == "rolled-back" && event.after == nil)
    #expect(try bench.here.closed == [bench.v(2)])
  }

  @Test func blueAndGreen() throws {
    let plan = Bench.plan(
      steps: [
        PlanStep(weight: 0, hold: .minutes(1), needsApproval: true, strategy: .preview),
        StrategyTests.whole,
      ], metrics: [])
    try plan.validate()
    var bench = try Bench.ramping(plan)
    bench.conditions.prepared = bench.prepared
    #expect(try bench.here.split == Split(all: bench.v(1)) && bench.rollout.isStarted)
    #expect(
      bench.refusal(.setCandidateWeight(endpoint: bench.endpoint, weight: 5, reason: nil)).message
        .contains("no weight"))
    var evidence = try bench.rollout.evidence
    evidence.observedTime(add: .minutes(1))
    #expect(bench.look(evidence)?.kind == "held")
    try bench.give(.resume(endpoint: bench.endpoint, reason: nil), evidence)
    // The probe of the new one fails before anyone is moved.
    var failing = bench
    failing.conditions.prepared = [failing.v(1)]
    #expect(failing.look(evidence)?.kind == "rolled-back")
    let event = try bench.mustLook(evidence)
    #expect(event.after == Split(all: bench.v(2)))
    #expect(bench.look(try bench.rollout.evidence)?.kind == "soaking")
    // Both stay loaded until the soak is over.
    #expect(
      bench.refusal(.unload(endpoint: bench.endpoint, version: bench.v(1))).code == .refused)
    #expect(bench.look(try bench.quiet(minutes: 9))?.kind == "completed")
  }

  @Test func someRequestsFirst() throws {
    let rule = try RequestRule("carrier=AA|UA")
    let plan = Bench.plan(
      steps: [
        PlanStep(weight: 1_000, hold: .minutes(1), rule: rule),
        PlanStep(weight: Split.whole, hold: .minutes(1), rule: rule),
        PlanStep(weight: 1_000, hold: .minutes(1)), StrategyTests.whole,
      ])
    try plan.validate()
    var bench = try Bench.ramping(plan)
    // The others go to the stable and are no evidence.
    let route = try #require(try bench.here.route)
    #expect(route.split == Split(all: bench.v(1)) && !route.isDrawn)
    #expect(route.rules.map(\.rule) == [rule] && route.rules[0].isDrawn)
    #expect(route.rules[0].split.weight(of: bench.v(2)) == 1_000)
    let second = try bench.mustLook(try bench.quiet(minutes: 2))
    #expect(second.after == nil && second.summary.contains("100% of carrier=AA|UA"))
    #expect(try bench.rollout.weight == Split.whole && !bench.rollout.hasAllTraffic)
    // All of a segment is not all: the plan goes on.
    #expect(bench.look(try bench.quiet(minutes: 2))?.kind == "stepped")
    #expect(try bench.rollout.weight == 1_000 && bench.here.split?.weight(of: bench.v(2)) == 1_000)
    #expect(try bench.rollout.evidence.epochs.map(\.weight) == [1_000, 10_000, 1_000])
    // Raising a segment's weight by hand is a forward move.
    var frozen = try Bench.ramping(plan)
    try frozen.give(
      .addFreeze(endpoint: nil, window: .untilReleased, reason: nil))
    let raise = Command.setCandidateWeight(endpoint: frozen.endpoint, weight: 2_000, reason: nil)
    #expect(frozen.refusal(raise).message.contains("frozen"))
  }

  @Test func plansThatCannotBeCarriedOut() throws {
    let rule = try RequestRule("a=1")
    let other = try RequestRule("a=2")
    let bad: [([PlanStep], String)] = [
      (
        [PlanStep(weight: 500, hold: .zero), PlanStep(weight: 5, hold: .zero, strategy: .shadow)],
        "comes too late"
      ),
      ([PlanStep(weight: 5, hold: .zero, strategy: .preview)], "preview"),
      ([PlanStep(weight: 500, hold: .zero, strategy: .abTest)], "takes a time"),
      (
        [
          PlanStep(weight: 500, hold: .zero, rule: rule),
          PlanStep(weight: 400, hold: .zero, rule: rule),
        ],
        "must rise"
      ),
      (
        [
          PlanStep(weight: 500, hold: .zero, rule: rule),
          PlanStep(weight: 400, hold: .zero, rule: other),
          PlanStep(weight: 600, hold: .zero, rule: rule),
        ], "must follow each other"
      ),
      ([PlanStep(weight: 500, hold: .zero, rule: RequestRule([]))], "conditions"),
      ([PlanStep(weight: 500, hold: .zero)], ""),
    ]
    for (steps, words) in bad {
      do throws(InvalidValue) {
        try Bench.plan(steps: steps + [StrategyTests.whole]).validate()
        #expect(words.isEmpty)
      } catch { #expect(!words.isEmpty && error.message.contains(words), "\(error.message)") }
    }
    #expect(throws: InvalidValue.self) {
      try Bench.plan(steps: [PlanStep(weight: Split.whole, hold: .zero, rule: rule)]).validate()
    }
    #expect(throws: InvalidValue.self) {
      try Bench.plan(steps: [StrategyTests.whole], policy: HoldPolicy(then: .extend)).validate()
    }
    #expect(throws: InvalidValue.self) {
      try Bench.plan(
        steps: [StrategyTests.whole], segments: PlanSegments(by: "x", values: ["1", "1"])
      ).validate()
    }
  }

  @Test func theDryRunShowsEveryStep() throws {
    let bench = try Bench.serving()
    let plan = Bench.plan(
      steps: [
        PlanStep(weight: 0, hold: .minutes(1), strategy: .preview),
        PlanStep(weight: 5_000, hold: .minutes(2), minRequests: 10, strategy: .shadow),
        PlanStep(weight: 1_000, hold: .minutes(3), rule: try RequestRule("carrier=AA")),
        PlanStep(weight: 2_000, hold: .minutes(4), strategy: .abTest), StrategyTests.whole,
      ], deadline: .minutes(9), policy: HoldPolicy(weight: .zero, then: .extend))
    let forecast = rampPreview(
      bench.state, bench.endpoint, bench.v(2), plan, bench.context(),
      options: RampOptions(rivals: [bench.v(3)]), requestsPerSecond: 100)
    #expect(forecast.refusal == nil)
    #expect(
      forecast.steps == [
        "preview, pinned and synthetic requests only, for 1m",
        "copies of 50% to each of 2 candidates, no caller sees them, for 2m and 10 requests "
          + "(about 12000 copies at the present rate)",
        "10% of carrier=AA to each of 2 candidates for 3m",
        "A/B at 20% to each of 2 candidates for 4m (about 9600 requests at the present rate)",
        "100% to the one that is left or picked, then soaks for 2m with both versions loaded",
      ])
    #expect(forecast.details.map(\.exposed) == [0, 0, 2_000, 4_000, 10_000])
    #expect(forecast.details.map(\.judged.count) == [0, 1, 1, 1, 0])
    #expect(forecast.conditions.contains { $0.contains("at most 40% of the callers") })
    #expect(forecast.conditions.contains { $0.contains("as long again") })
  }
}
