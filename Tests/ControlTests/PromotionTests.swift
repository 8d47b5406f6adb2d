import Core
import Statistics
import Testing

@testable import Control

@Suite struct PromotionTests {
  private static let rule = PromotionRule(margin: 1.5, risk: 0.05)

  private func plan(
    tolerance: Double = 1.25, promotion: PromotionRule? = rule, metrics: [Metric] = [.errors]
  ) -> Plan {
    Plan(
      name: "certain", summary: "",
      steps: [PlanStep(weight: 5_000, hold: .minutes(1)), PlanStep(weight: 10_000, hold: .zero)],
      metrics: metrics.map {
        JudgedMetric(metric: $0, tolerance: tolerance, riskShare: 1 / Double(metrics.count))
      }, promotion: promotion)
  }

  /// So many more failures on each side among ten thousand answers.
  private func seen(
    _ bench: Bench, candidateBad: Int, stableBad: Int, minutes: Int = 2
  ) throws -> RolloutEvidence {
    var evidence = try bench.rollout.evidence
    evidence.record(metric: .errors, arm: .candidate, bad: candidateBad, count: 10_000)
    evidence.record(metric: .errors, arm: .stable, bad: stableBad, count: 10_000)
    evidence.recordWarmUp(failed: false)
    evidence.observedTime(add: .minutes(minutes))
    return evidence
  }

  @Test func allTrafficWaitsForCertaintyAndSaysWhatIsMissing() throws {
    var bench = try Bench.ramping(plan())
    let few = try seen(bench, candidateBad: 10, stableBad: 10)
    let event = try bench.mustLook(few)
    #expect(event.kind == "held" && event.severity == .warn)
    #expect(try bench.rollout.hold == .inconclusive(.errors))
    let reason = try #require(event.reason)
    #expect(reason.contains("of 20 that the ratio is under 1.5"))
    #expect(reason.contains("more requests of the candidate"))
    // The same look again says nothing, enough of the same ends the hold by itself.
    #expect(bench.look(few) == nil)
    let enough = try seen(bench, candidateBad: 200, stableBad: 200)
    let resumed = try bench.mustLook(enough)
    #expect(resumed.kind == "resumed" && resumed.actor == .guard)
    #expect(try bench.rollout.isUnverified == false)
    #expect(bench.look(enough)?.kind == "stepped")
    #expect(try bench.rollout.weight == Split.whole)
  }

  @Test func withoutTheRuleNothingIsWaitedFor() throws {
    var bench = try Bench.ramping(plan(promotion: nil))
    #expect(bench.look(try seen(bench, candidateBad: 10, stableBad: 10))?.kind == "stepped")
  }

  @Test func promotingByHandNeedsAReasonUntilItIsCertain() throws {
    let bench = try Bench.ramping(plan())
    let e = bench.endpoint
    let few = try seen(bench, candidateBad: 10, stableBad: 10)
    let refusal = bench.refusal(.step(endpoint: e, direction: .next, reason: nil), few)
    #expect(refusal.message.contains("that the ratio is under 1.5"))
    let enough = try seen(bench, candidateBad: 200, stableBad: 200)
    _ = try decide(
      bench.state, .step(endpoint: e, direction: .next, reason: nil), bench.context(enough))
  }

  /// A candidate surely a little worse than tolerated and surely under the margin goes on.
  @Test func certaintyEndsASuspicion() throws {
    var bench = try Bench.ramping(plan(tolerance: 1))
    var evidence = try bench.rollout.evidence
    // First a suspicion without certainty.
    evidence.record(metric: .errors, arm: .candidate, bad: 145, count: 10_000)
    evidence.record(metric: .errors, arm: .stable, bad: 92, count: 10_000)
    let first = try #require(Judge.evaluate(evidence, plan: try bench.rollout.plan).first)
    try #require(first.isSuspect && !first.isBreach && !first.isCertified)
    #expect(bench.look(evidence)?.kind == "held")
    #expect(try bench.rollout.hold == .suspect(.errors))
    // Then so many equal failures that the ratio is known to be near 1.1.
    evidence.record(metric: .errors, arm: .candidate, bad: 2_100, count: 100_000)
    evidence.record(metric: .errors, arm: .stable, bad: 2_000, count: 100_000)
    let event = try bench.mustLook(evidence)
    #expect(event.kind == "resumed")
    #expect(try bench.rollout.hold == nil && bench.rollout.overridden == [.errors])
    #expect(try bench.rollout.isUnverified == false)
  }

  /// Every stream of latency must be certain, not their mean.
  @Test func latencyIsAsCertainAsItsWorstStream() throws {
    let latency = plan(metrics: [.latency])
    var evidence = RolloutEvidence.begin(
      weight: 5_000,
      thresholds: LatencyThresholds(p50Microseconds: 1, p90Microseconds: 2, p99Microseconds: 3))
    for arm in RolloutEvidence.Arm.allCases {
      for (stream, bad) in [5_000, 1_000, 3].enumerated() {
        evidence.record(metric: .latency, arm: arm, bad: bad, count: 10_000, stream: stream)
      }
    }
    let metric = try #require(Judge.evaluate(evidence, plan: latency).first)
    #expect(!metric.isCertified)
    let log = EProcess.logEvidenceOfFewer(
      [EProcess.Epoch(shareBasisPoints: 5_000, candidateBad: 3, stableBad: 3)], tolerance: 1.5)
    #expect(metric.promotion?.eValue == EProcess.value(fromLog: log))
  }

  @Test func rulesThatMeanNothingAreRefused() {
    for rule in [
      PromotionRule(margin: 1, risk: 0.05), .init(margin: 0.5, risk: 0.05),
      .init(margin: .nan, risk: 0.05), .init(margin: 1.5, risk: 0), .init(margin: 1.5, risk: 1),
    ] {
      #expect(throws: InvalidValue.self) { try plan(promotion: rule).validate() }
    }
    #expect(throws: InvalidValue.self) { try plan(metrics: [.scores]).validate() }
    let cold = Plan(
      name: "p", summary: "", steps: [PlanStep(weight: Split.whole, hold: .zero)], metrics: [],
      warmUp: -1)
    #expect(throws: InvalidValue.self) { try cold.validate() }
  }

  /// Plans and evidence of older journals lack what came later.
  @Test func whatOlderJournalsLackHasItsDefault() throws {
    let old = Plan(
      name: "p", summary: "", steps: [PlanStep(weight: Split.whole, hold: .zero)], metrics: [])
    let bytes = try CanonicalJSON.encode(old)
    #expect(!String(decoding: bytes, as: UTF8.self).contains("warmUp"))
    let read = try CanonicalJSON.decode(Plan.self, from: bytes)
    #expect(read == old && read.warmUp == Plan.defaultWarmUp && read.promotion == nil)
  }
}

@Suite struct SampleRatioTests {
  private func draw(_ evidence: inout RolloutEvidence, candidate: Int, stable: Int) {
    for _ in 0..<candidate { evidence.recordDraw(.candidate) }
    for _ in 0..<stable { evidence.recordDraw(.stable) }
  }

  @Test func sharesThatAreNotAsDrawnHoldAndNothingIsJudged() throws {
    var bench = try Bench.ramping()
    var evidence = try bench.rollout.evidence
    draw(&evidence, candidate: 50, stable: 950)
    #expect(bench.look(evidence) == nil)
    // Half the stable's records are lost, and the failures would be a breach.
    draw(&evidence, candidate: 400, stable: 3_800)
    evidence.record(metric: .errors, arm: .candidate, bad: 50, count: 450)
    let event = try bench.mustLook(evidence)
    #expect(event.kind == "held" && event.actor == .guard)
    #expect(try bench.rollout.hold == .sampleRatio)
    #expect(event.reason?.contains("450 of 5200 drawn requests where 260 were due") == true)
    #expect(bench.look(evidence) == nil)
    // Going on is an override; then it is judged again.
    #expect(
      bench.refusal(.resume(endpoint: bench.endpoint, reason: nil), evidence).message
        .contains("reason"))
    try bench.give(.resume(endpoint: bench.endpoint, reason: "a cache, explained"), evidence)
    #expect(bench.look(evidence)?.kind == "rolled-back")
  }

  @Test func theBreakerStillActs() throws {
    var bench = try Bench.ramping()
    var evidence = try bench.rollout.evidence
    draw(&evidence, candidate: 500, stable: 500)
    #expect(bench.look(evidence)?.kind == "held")
    for _ in 0..<5 { evidence.recordWarmUp(failed: true) }
    #expect(bench.look(evidence)?.kind == "rolled-back")
  }

  @Test func bothDirectionsCountAndWholeTrafficDoesNot() {
    var few = RolloutEvidence.begin(weight: 5_000)
    draw(&few, candidate: 400, stable: 600)
    #expect(Judge.sampleRatio(few).isSuspect)
    var whole = RolloutEvidence.begin(weight: Split.whole)
    draw(&whole, candidate: 1_000, stable: 0)
    #expect(Judge.sampleRatio(whole).eValue < 1.001)
    #expect(Judge.sampleRatio(whole).candidate == 0)
  }

  /// Requests that are drawn rightly are held in at most one of a thousand rollouts.
  @Test func rightDrawsAreSeldomHeld() {
    var random = SplitMix64(seed: 12)
    var held = 0
    for _ in 0..<300 {
      var evidence = RolloutEvidence.begin(weight: 1_000)
      for _ in 0..<20 {
        let candidate = random.nextBinomial(200, 0.1)
        draw(&evidence, candidate: candidate, stable: 200 - candidate)
        if Judge.sampleRatio(evidence).isSuspect { held += 1; break }
      }
    }
    #expect(held <= 4)
  }
}

@Suite struct MetricVerdictTests {
  @Test func itTellsRatesRatioAndIntervals() throws {
    let bench = try Bench.ramping(
      Bench.plan(
        [5_000, 10_000],
        metrics: [
          JudgedMetric(metric: .errors, tolerance: 1.25, riskShare: 1)
        ]))
    var evidence = try bench.rollout.evidence
    evidence.record(metric: .errors, arm: .candidate, bad: 30, count: 1_000)
    evidence.record(metric: .errors, arm: .stable, bad: 20, count: 1_000)
    let verdict = try #require(Judge.verdicts(evidence, plan: try bench.rollout.plan).first)
    #expect(verdict.candidate.rate == 0.03 && verdict.stable.rate == 0.02)
    #expect(abs((verdict.ratio ?? 0) - 1.5) < 1e-12)
    // Clopper and Pearson's interval of 30 in 1,000 by scipy.stats.beta.ppf.
    #expect(abs(verdict.candidate.low - 0.0203304857) < 1e-9)
    #expect(abs(verdict.candidate.high - 0.0425514025) < 1e-9)
    #expect(verdict.ratioLow < 1 && (verdict.ratioHigh ?? 0) > 2)
    #expect(verdict.word == "no sign of harm")
  }

  @Test func whatIsNotKnownYetIsSaid() throws {
    let plan = Bench.plan(
      metrics: [
        JudgedMetric(metric: .errors, tolerance: 1.25, riskShare: 0.5),
        JudgedMetric(metric: .scores, tolerance: 1.25, riskShare: 0.5),
      ])
    let verdicts = Judge.verdicts(.begin(weight: 500), plan: plan)
    #expect(verdicts.map(\.word) == ["not seen yet", "waits for the stable's usual"])
    #expect(verdicts.allSatisfy { $0.ratio == nil && $0.ratioHigh == nil && $0.ratioLow == 0 })
  }
}

@Suite struct RecordedComparisonTests {
  @Test func rulesLookEverySoManyEventsAndSayWhen() throws {
    var judge = try RecordedJudge(.init(lookEvents: 100))
    // Ten looks of a tenth of failures on both arms: fixed limits see harm, the judge none.
    for line in 1...2_000 {
      try judge.take(
        RecordedEvent(
          arm: line % 2 == 0 ? .candidate : .stable, weight: 5_000, metric: "errors",
          isBad: line % 20 < 2), line: line)
    }
    let report = try #require(judge.report().metrics.first)
    let said = try #require(report.comparison)
    #expect(said.count == ComparisonJudge.documented.count)
    // Flagger fails its tenth look, Argo its fourth.
    #expect(said[0].line == 1_000 && said[1].line == 400)
    #expect(said.last?.line == nil)
    #expect(report.thresholds.allSatisfy { $0.line == nil })
    var alone = try RecordedJudge(.init())
    try alone.take(
      RecordedEvent(arm: .stable, weight: 5_000, metric: "errors", isBad: true), line: 1)
    #expect(alone.report().metrics.first?.comparison == nil)
  }
}
