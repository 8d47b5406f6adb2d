import Core
import Statistics
import Testing

@testable import Control

@Suite struct JudgeSimulationTests {
  private func tally(
    _ weather: JudgeWorld.Weather, _ harm: JudgeWorld.Harm, _ policy: JudgeSimulation.Policy,
    runs: Int, others: [ComparisonJudge] = []
  ) -> JudgeSimulation.Tally {
    JudgeSimulation(JudgeWorld(weather: weather, harm: harm), policy, others: others)
      .play(0..<runs, seed: 20_130_101)
  }

  /// In every weather a good version is rolled back in at most 1 of 100 runs and held in at most 5.
  ///
  /// The bounds leave room for the chance of so few runs (p < 1e-4 each).
  @Test(arguments: JudgeWorld.Weather.allCases)
  func goodVersionsAreLeftAlone(_ weather: JudgeWorld.Weather) {
    let policy: JudgeSimulation.Policy = weather == .stickyKeys ? .oneMetric : .allMetrics
    let tally = tally(weather, .none, policy, runs: 60)
    #expect(tally.rollbacks.count <= 6)
    #expect(tally.holds.count <= 12)
  }

  @Test func harmIsFoundSoonerTheGreaterItIs() throws {
    var before = Int.max
    for points in [0.01, 0.02, 0.05] {
      let tally = tally(.steady, .errors(points: points, fromLook: 0), .oneMetric, runs: 60)
      let median = try #require(JudgeSimulation.Tally.median(tally.rollbacks, runs: tally.runs))
      #expect(median < before)
      before = median
    }
    #expect(before < 200)
  }

  @Test(arguments: [JudgeWorld.Harm.latencyBody, .latencyTail, .classDrift, .accuracy])
  func otherHarmsAreFoundByTheirMetrics(_ harm: JudgeWorld.Harm) {
    let tally = tally(.steady, harm, .allMetrics, runs: 20)
    #expect(tally.rollbacks.count >= 10)
  }

  /// A candidate at the margin is certified in at most 1 of 20 runs, a good one mostly.
  @Test func certificationHoldsItsRisk() {
    let bad = tally(
      .steady, .errors(points: 0.005, fromLook: 0), .oneMetric, runs: 150)
    #expect(bad.certifications.count <= 20)
    let good = tally(.steady, .none, .oneMetric, runs: 40)
    #expect(good.certifications.count >= 20)
  }

  /// Fixed limits roll good versions back as soon as both arms get worse together.
  @Test func thresholdJudgesCannotTellSharedTroubleFromHarm() {
    let tally = tally(
      .incident, .none, .oneMetric, runs: 20, others: Array(ComparisonJudge.documented.prefix(3)))
    let argo = tally.others[1]
    #expect(argo.count >= 18)
    #expect(tally.rollbacks.count <= 2)
  }

  @Test func runsAreDecidedByTheSeedAndCanBeSplit() {
    let simulation = JudgeSimulation(JudgeWorld(), .oneMetric)
    var parts = simulation.play(0..<20, seed: 5)
    parts.add(simulation.play(20..<40, seed: 5))
    let whole = simulation.play(0..<40, seed: 5)
    #expect(parts.holds == whole.holds)
    #expect(parts.certifications == whole.certifications)
    #expect(simulation.play(0..<40, seed: 6).certifications != whole.certifications)
  }

  @Test func binomialNumbersHaveTheirMeanAndVariance() {
    var random = SplitMix64(seed: 3)
    for (count, p) in [(100, 0.01), (50, 0.3), (40, 0.9)] {
      var sum = 0.0
      var squares = 0.0
      for _ in 0..<20_000 {
        let x = Double(random.nextBinomial(count, p))
        sum += x
        squares += x * x
      }
      let mean = sum / 20_000
      let variance = squares / 20_000 - mean * mean
      let expected = Double(count) * p
      #expect(abs(mean - expected) < 0.05 * expected)
      #expect(abs(variance - expected * (1 - p)) < 0.06 * expected * (1 - p))
    }
  }
}

@Suite struct RecordedJudgeTests {
  @Test func lineAndValueEqualTheTestComputedAnew() throws {
    var judge = try RecordedJudge(.init())
    var random = SplitMix64(seed: 11)
    var epochs: [EProcess.Epoch] = []
    var crossed: Int?
    for line in 1...4_000 {
      let weight = line <= 2_000 ? 500 : 2_000
      if epochs.last?.shareBasisPoints != weight {
        epochs.append(EProcess.Epoch(shareBasisPoints: weight))
      }
      let isCandidate = random.nextUnit() < Double(weight) / 10_000
      let bad = random.nextUnit() < (isCandidate ? 0.2 : 0.05)
      if bad, isCandidate { epochs[epochs.count - 1].candidateBad += 1 }
      if bad, !isCandidate { epochs[epochs.count - 1].stableBad += 1 }
      if crossed == nil, EProcess.evidence(epochs, tolerance: 1) >= 20 { crossed = line }
      try judge.take(
        RecordedEvent(
          arm: isCandidate ? .candidate : .stable, weight: weight, metric: "errors", isBad: bad),
        line: line)
    }
    let report = try #require(judge.report().metrics.first)
    #expect(report.thresholds[0].line == crossed)
    #expect(crossed != nil)
    #expect(report.eValue == EProcess.evidence(epochs, tolerance: 1))
    #expect(report.epochs.map(\.weight) == [500, 2_000])
    #expect(report.epochs.map(\.candidateBad) == epochs.map(\.candidateBad))
  }

  @Test func onlyTheFirstEventOfAKeyCounts() throws {
    var judge = try RecordedJudge(.init())
    for line in 1...10 {
      try judge.take(
        RecordedEvent(arm: .candidate, weight: 500, metric: "errors", isBad: true, key: "k"),
        line: line)
    }
    let report = try #require(judge.report().metrics.first)
    #expect(report.epochs[0].candidateBad == 1)
    #expect(report.repeatedKeys == 9)
  }

  @Test func nonsenseIsRefused() throws {
    #expect(throws: InvalidValue.self) { try RecordedJudge(.init(tolerance: 0.5)) }
    #expect(throws: InvalidValue.self) { try RecordedJudge(.init(alphas: [1.5])) }
    #expect(throws: InvalidValue.self) { try RecordedJudge(.init(shares: ["a": 0.7, "b": 0.7])) }
    var judge = try RecordedJudge(.init())
    #expect(throws: InvalidValue.self) {
      try judge.take(
        RecordedEvent(arm: .stable, weight: 10_001, metric: "errors", isBad: true), line: 1)
    }
  }
}
