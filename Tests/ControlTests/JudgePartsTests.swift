import Core
import Statistics
import Testing

@testable import Control

/// What the judge makes of copies, segments, rivals, labels and other tools' rules.
@Suite struct JudgePartsTests {
  private func plan(
    _ metrics: [Metric], tolerance: Double = 1, limit: Double? = nil
  ) -> Plan {
    Plan(
      name: "p", summary: "",
      steps: [500, 1_000, 5_000, Split.whole].map { PlanStep(weight: $0, hold: .zero) },
      metrics: metrics.map {
        JudgedMetric(
          metric: $0, tolerance: tolerance, riskShare: 1 / Double(metrics.count), limit: limit)
      })
  }

  private func pairs(_ shadow: inout RolloutEvidence, _ candidate: Bool, _ clone: Bool, _ n: Int) {
    for _ in 0..<n {
      shadow.recordShadowPair(
        ShadowPair(
          stableFailed: false, candidateFailed: false, candidateDiffers: candidate,
          cloneDiffers: clone))
    }
  }

  @Test func restartsArePlannedForStepsThatShareTraffic() {
    #expect(plan([.errors]).plannedRestarts == 2)
    let whole = Plan(
      name: "w", summary: "", steps: [PlanStep(weight: Split.whole, hold: .zero)], metrics: [])
    #expect(whole.plannedRestarts == 0)
  }

  /// A candidate without traffic before its first step has its whole first weight on that step.
  @Test func epochsWithoutTrafficCostNothing() throws {
    var waited = RolloutEvidence.begin(weight: 0)
    waited.beginEpoch(weight: 500)
    var direct = RolloutEvidence.begin(weight: 500)
    for arm in [RolloutEvidence.Arm.candidate, .stable] {
      waited.record(metric: .errors, arm: arm, bad: 9, count: 100)
      direct.record(metric: .errors, arm: arm, bad: 9, count: 100)
    }
    let plan = plan([.errors])
    #expect(
      Judge.evaluate(waited, plan: plan).first?.eValue
        == Judge.evaluate(direct, plan: plan).first?.eValue)
  }

  @Test func copiesAndCanaryAreAveraged() throws {
    var evidence = RolloutEvidence.begin(weight: 0)
    for _ in 0..<40 { evidence.recordShadowLabel(candidateWrong: true, stableWrong: false) }
    for _ in 0..<10 { evidence.recordShadowLabel(candidateWrong: false, stableWrong: true) }
    let plan = plan([.wrongAnswers])
    let metric = try #require(Judge.evaluate(evidence, plan: plan).first)
    let shadow = EProcess.value(
      fromLog: PairedTest.logEvidence(.init(candidateOnly: 40, otherOnly: 10), tolerance: 1))
    #expect(abs(metric.eValue - (shadow + 1) / 2) < 1e-9 * shadow)
    #expect(metric.shadow?.candidateOnly == 40)
    // Enough bad events were seen on copies, none in the canary.
    #expect(metric.candidateBad == 0 && metric.isBreach)
  }

  @Test func disagreementIsJudgedBeyondTheCloneAndTheLimit() throws {
    let plan = plan([.disagreement], limit: 0.02)
    var calm = RolloutEvidence.begin(weight: 0)
    pairs(&calm, false, false, 9_800)
    pairs(&calm, true, false, 190)
    #expect(try #require(Judge.evaluate(calm, plan: plan).first).eValue < 1)
    var loud = calm
    pairs(&loud, true, false, 400)
    let metric = try #require(Judge.evaluate(loud, plan: plan).first)
    #expect(metric.isBreach && metric.candidateBad == 590 && metric.stableBad == 0)
    // A stable that differs from itself as often excuses the candidate.
    var noisy = RolloutEvidence.begin(weight: 0)
    pairs(&noisy, false, false, 9_000)
    pairs(&noisy, true, false, 500)
    pairs(&noisy, false, true, 500)
    #expect(try #require(Judge.evaluate(noisy, plan: plan).first).eValue < 1)
    // Without a clone nothing is judged.
    var alone = RolloutEvidence.begin(weight: 0)
    for _ in 0..<500 {
      alone.recordShadowPair(
        ShadowPair(stableFailed: false, candidateFailed: false, candidateDiffers: true))
    }
    #expect(try #require(Judge.evaluate(alone, plan: plan).first).eValue == 1)
    #expect(alone.shadow?.unclonedDisagreements == 500)
  }

  @Test func segmentsShareHalfTheRiskAndTheWorstIsFirst() throws {
    var evidence = RolloutEvidence.begin(weight: 5_000)
    evidence.judgeSegments(["AA", "UA", "DL", "WN"])
    for segment in 0..<4 {
      evidence.record(
        metric: .errors, arm: .candidate, bad: segment == 2 ? 60 : 5, count: 500,
        segment: segment)
      evidence.record(metric: .errors, arm: .stable, bad: 5, count: 500, segment: segment)
    }
    let plan = plan([.errors, .predictions])
    let whole = Judge.evaluate(evidence, plan: plan)
    #expect(whole[0].rollbackAt == 100 / 0.5 / 0.5 && whole[1].rollbackAt == 100 / 0.5)
    let segments = Judge.segments(evidence, plan: plan)
    #expect(segments.map(\.segment) == ["DL", "AA", "UA", "WN"])
    let worst = try #require(segments.first)
    #expect(worst.metrics.count == 1)
    #expect(worst.metrics[0].rollbackAt == 100 / 0.5 / 0.125)
    #expect(worst.breach != nil && segments[1].suspect == nil)
    #expect(
      worst.metrics[0].eValue
        == EProcess.evidence(
          [.init(shareBasisPoints: 5_000, candidateBad: 60, stableBad: 5)], tolerance: 1,
          plannedRestarts: 2))
  }

  @Test func aRivalIsJudgedByItsShareOfWhatTheOthersLeave() throws {
    var evidence = RolloutEvidence.begin(weight: 1_000)
    let name = try Name("m")
    evidence.beginRivals([VersionID(model: name, number: 2), VersionID(model: name, number: 3)])
    evidence[rival: 1].record(metric: .errors, arm: .candidate, bad: 12, count: 100)
    evidence[rival: 1].record(metric: .errors, arm: .stable, bad: 8, count: 800)
    for _ in 0..<5 { evidence[rival: 0].recordWarmUp(failed: true) }
    let plan = plan([.errors])
    let rivals = Judge.rivals(evidence, plan: plan)
    #expect(rivals.map(\.version.number) == [2, 3])
    #expect(rivals[0].isBroken && !rivals[1].isBroken)
    let expected = EProcess.evidence(
      [.init(shareBasisPoints: 1_000, candidateBad: 12, stableBad: 8, wholeBasisPoints: 8_000)],
      tolerance: 1, plannedRestarts: 2)
    #expect(rivals[1].metrics[0].eValue == expected)
    #expect(rivals[1].breach != nil)
    #expect(Judge.evaluate(evidence, plan: plan)[0].eValue == 1)
  }

  @Test func missingLabelsOfOneVersionHoldAndDoNotCertify() throws {
    var evidence = RolloutEvidence.begin(weight: 5_000)
    for arm in [RolloutEvidence.Arm.candidate, .stable] {
      evidence.record(
        metric: .wrongAnswers, arm: arm, bad: arm == .candidate ? 10 : 100,
        count: arm == .candidate ? 900 : 1_300)
    }
    let metric = try #require(Judge.evaluate(evidence, plan: plan([.wrongAnswers])).first)
    #expect(metric.lacksLabels && metric.isSuspect && !metric.isBreach && !metric.isCertified)
    #expect(metric.sentence.hasPrefix("the candidate's answers got 900 of 2200 labels"))
    var alike = RolloutEvidence.begin(weight: 5_000)
    for arm in [RolloutEvidence.Arm.candidate, .stable] {
      alike.record(metric: .wrongAnswers, arm: arm, bad: 100, count: 1_100)
    }
    let calm = try #require(Judge.evaluate(alike, plan: plan([.wrongAnswers])).first)
    #expect(!calm.lacksLabels && !calm.isSuspect)
  }

  private func looks(
    _ judge: ComparisonJudge, _ count: Int, candidate: Int, stable: Int
  ) -> ComparisonVerdict? {
    var evidence = RolloutEvidence.begin(weight: 5_000)
    evidence.judgeByLooks(of: ComparisonRule(judge: judge, interval: .seconds(10)))
    for look in 0..<count {
      evidence.record(metric: .errors, arm: .candidate, bad: candidate + look % 2, count: 100)
      evidence.record(metric: .errors, arm: .stable, bad: stable + look % 3, count: 100)
      for _ in 0..<10 { evidence.observedTime(add: .seconds(1)) }
    }
    return Judge.comparison(evidence, plan: plan([.errors, .wrongAnswers]))
  }

  @Test func otherRulesDecideAsTheyDoOnAStreamOfLooks() throws {
    let flagger = ComparisonJudge.flagger(limit: 0.02, threshold: 3)
    #expect(looks(flagger, 0, candidate: 5, stable: 1)?.outcome == .hold)
    #expect(looks(flagger, 2, candidate: 5, stable: 1)?.outcome == .pass)
    let third = try #require(looks(flagger, 3, candidate: 5, stable: 1))
    #expect(third.outcome == .rollback && third.metric == .errors)
    #expect(third.sentence == "3 of 3 failed looks in 3, failed answers")
    let argo = ComparisonJudge.argo(limit: 0.02, failureLimit: 3, window: 2)
    #expect(looks(argo, 3, candidate: 5, stable: 1)?.outcome == .pass)
    #expect(looks(argo, 4, candidate: 5, stable: 1)?.outcome == .rollback)
    let kayenta = ComparisonJudge.kayenta(confidence: 0.98, tolerance: 0.25, pointsMin: 10)
    #expect(looks(kayenta, 9, candidate: 9, stable: 1)?.outcome == .hold)
    #expect(looks(kayenta, 10, candidate: 9, stable: 1)?.outcome == .rollback)
    #expect(looks(kayenta, 30, candidate: 2, stable: 1)?.outcome == .pass)
    let peeking = ComparisonJudge.peeking(pValue: 0.05)
    #expect(looks(peeking, 5, candidate: 9, stable: 1)?.outcome == .rollback)
    #expect(looks(peeking, 5, candidate: 1, stable: 1)?.outcome == .pass)
  }

  @Test func looksNeedTrafficAndKeepABoundedMemory() {
    var evidence = RolloutEvidence.begin(weight: 0)
    evidence.judgeByLooks(
      of: ComparisonRule(
        judge: .kayenta(confidence: 0.98, tolerance: 0.25, pointsMin: 10), interval: .seconds(1)))
    evidence.observedTime(add: .seconds(5))
    #expect(evidence.comparison?.looks == 0)
    evidence.beginEpoch(weight: 500)
    for _ in 0..<300 { evidence.observedTime(add: .seconds(1)) }
    #expect(evidence.comparison?.looks == 300)
    #expect(evidence.comparison?.recent.count == ComparisonEvidence.looksMax)
    #expect(Judge.comparison(RolloutEvidence.begin(weight: 1), plan: plan([.errors])) == nil)
  }

  /// In every special world a good version is left alone, and harm is found.
  @Test(arguments: SpecialWorld.all.indices)
  func specialWorldsKeepThePromise(_ index: Int) {
    let world = SpecialWorld.all[index]
    let tally = world.play(0..<30, seed: 20_130_101)
    if world.isGood {
      // 1 of 100 and 5 of 100; the bounds leave room for chance (p < 1e-4 each).
      #expect(tally.rollbacks.count <= 4 && tally.holds.count <= 8, "\(world.name)")
    } else {
      #expect(tally.holds.count >= 20, "\(world.name)")
    }
  }
}
