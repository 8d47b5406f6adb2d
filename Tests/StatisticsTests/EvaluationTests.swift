import Core
import FoundationEssentials
import Testing

@testable import Statistics

/// Reference values that `Fixtures/make_evaluation.py` computed with scikit-learn and scipy.
private struct EvaluationFixtures: Decodable {
  struct Classifier: Decodable {
    let classes: Int
    let truths: [Int]
    let answers: [Int]
    let probabilities: [Double]
    let accuracy: Double
    let balanced: Double
    let precision: [Double]
    let recall: [Double]
    let f1: [Double]
    let macroF1: Double
    let weightedF1: Double
    let confusion: [Int]
    let logLoss: Double
    let brier: Double
    let rocAUC: Double?
    let averagePrecision: Double?
    let aucVariance: Double?
    let other: [Double]?
    let otherAUC: Double?
    let aucCovariance: Double?
    let sklearnBrier: Double?
    let ece: Double?
  }
  struct Regression: Decodable {
    let truths: [Double]
    let answers: [Double]
    let mae: Double
    let rmse: Double
    let r2: Double
    let bias: Double
    let maeInterval: [Double]
  }
  struct Segments: Decodable {
    let groups: [Int]
    let truths: [Int]
    let answers: [Int]
    let parity: Double
    let odds: Double
  }
  let classifiers: [Classifier]
  let regressions: [Regression]
  let studentT: [[Double]]
  let pairedShares: [[Double]]
  let fairness: Segments

  static func load() throws -> EvaluationFixtures {
    var path = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    path += ["Fixtures", "evaluation.json"]
    let data = try Data(contentsOf: URL(filePath: path.joined(separator: "/")))
    return try JSONDecoder().decode(EvaluationFixtures.self, from: data)
  }
}

@Suite struct EvaluationTests {
  @Test func confusionMatrixScoresEqualScikitLearns() throws {
    for sample in try EvaluationFixtures.load().classifiers {
      let matrix = ConfusionMatrix(
        truths: sample.truths, answers: sample.answers, classCount: sample.classes)
      #expect(matrix.counts == sample.confusion)
      #expect(agrees(matrix.accuracy, sample.accuracy, 1e-12))
      #expect(agrees(matrix.balancedAccuracy, sample.balanced, 1e-12))
      for c in 0..<sample.classes {
        #expect(agrees(matrix.precision(c), sample.precision[c], 1e-12))
        #expect(agrees(matrix.recall(c), sample.recall[c], 1e-12))
        #expect(agrees(matrix.f1(c), sample.f1[c], 1e-12))
        let interval = matrix.f1Interval(c)
        #expect(interval.low <= matrix.f1(c) && matrix.f1(c) <= interval.high)
      }
      #expect(agrees(matrix.macro(matrix.f1), sample.macroF1, 1e-12))
      #expect(agrees(matrix.weighted(matrix.f1), sample.weightedF1, 1e-12))
    }
  }

  @Test func probabilityScoresEqualScikitLearns() throws {
    for sample in try EvaluationFixtures.load().classifiers {
      let scores = ProbabilityScores(
        probabilities: sample.probabilities, truths: sample.truths, classCount: sample.classes)
      #expect(agrees(scores.logLoss, sample.logLoss))
      #expect(agrees(scores.brier, sample.brier))
      if let brier = sample.sklearnBrier { #expect(agrees(scores.brier, brier)) }
      if let ece = sample.ece { #expect(agrees(scores.calibrationError, ece)) }
    }
  }

  @Test func rankingEqualsScikitLearnAndDeLong() throws {
    for sample in try EvaluationFixtures.load().classifiers where sample.classes == 2 {
      let truths = sample.truths.map { $0 == 1 }
      let scores = sample.truths.indices.map { sample.probabilities[$0 * 2 + 1] }
      let ranking = try #require(Ranking(scores: scores, isPositive: truths))
      #expect(agrees(ranking.rocAUC, try #require(sample.rocAUC)))
      #expect(agrees(ranking.averagePrecision, try #require(sample.averagePrecision)))
      let variance = try #require(ranking.rocAUCVariance)
      #expect(agrees(variance, try #require(sample.aucVariance)))
      let other = try #require(Ranking(scores: sample.other ?? [], isPositive: truths))
      #expect(agrees(other.rocAUC, try #require(sample.otherAUC)))
      let difference = try #require(Ranking.rocAUCDifference(ranking, other))
      let otherVariance = try #require(other.rocAUCVariance)
      let spread = variance + otherVariance - 2 * (try #require(sample.aucCovariance))
      let half = 1.959963984540054 * spread.squareRoot()
      #expect(agrees(difference.high - difference.low, 2 * half, 1e-8))
      let interval = ranking.rocAUCInterval()
      #expect(0 <= interval.low && interval.low < ranking.rocAUC)
      #expect(ranking.rocAUC < interval.high && interval.high <= 1)
    }
  }

  @Test func rankingNeedsBothKindsAndNumbers() {
    #expect(Ranking(scores: [0.1, 0.2], isPositive: [true, true]) == nil)
    #expect(Ranking(scores: [0.1, .nan], isPositive: [true, false]) == nil)
    let apart = Ranking(scores: [0.9, 0.8, 0.2, 0.1], isPositive: [true, true, false, false])
    #expect(apart?.rocAUC == 1)
    #expect((apart?.rocAUCInterval().low ?? 1) < 0.5)
  }

  @Test func regressionScoresEqualScikitLearns() throws {
    for sample in try EvaluationFixtures.load().regressions {
      let scores = RegressionScores(truths: sample.truths, answers: sample.answers)
      #expect(agrees(scores.mae, sample.mae, 1e-12))
      #expect(agrees(scores.rmse, sample.rmse, 1e-12))
      #expect(agrees(scores.r2, sample.r2, 1e-12))
      #expect(agrees(scores.bias, sample.bias, 1e-9))
      #expect(agrees(scores.maeInterval().low, sample.maeInterval[0]))
      #expect(agrees(scores.maeInterval().high, sample.maeInterval[1]))
    }
    #expect(RegressionScores(truths: [2, 2], answers: [2, 2]).r2 == 1)
    #expect(RegressionScores(truths: [2, 2], answers: [2, 3]).r2 == 0)
  }

  @Test func studentQuantilesEqualScipys() throws {
    for row in try EvaluationFixtures.load().studentT {
      let value = StudentT.quantile(row[0], degreesOfFreedom: row[1])
      #expect(agrees(value, row[2]) || abs(value - row[2]) < 1e-12)
    }
  }

  @Test func pairedIntervalsAndTheirVerdict() throws {
    for row in try EvaluationFixtures.load().pairedShares {
      let interval = NonInferiority.pairedShares(
        onlyFirst: Int(row[0]), onlySecond: Int(row[1]), total: Int(row[2]), confidence: row[3])
      #expect(agrees(interval.low, row[4]))
      #expect(agrees(interval.high, row[5]))
    }
    let interval = ConfidenceInterval(low: -0.02, high: 0.01)
    #expect(NonInferiority.verdict(difference: interval, margin: 0.03) == .proven)
    #expect(NonInferiority.verdict(difference: interval, margin: 0.01) == .undecided)
    let worse = ConfidenceInterval(low: -0.2, high: -0.1)
    #expect(NonInferiority.verdict(difference: worse, margin: 0.05) == .refuted)
  }

  @Test func fairnessIsTheSpreadOfRates() throws {
    let sample = try EvaluationFixtures.load().fairness
    var matrices = [ConfusionMatrix](repeating: ConfusionMatrix(classCount: 2), count: 3)
    for (i, group) in sample.groups.enumerated() {
      matrices[group].add(truth: sample.truths[i], answer: sample.answers[i])
    }
    let fairness = try #require(Fairness(matrices, positive: 1))
    #expect(agrees(fairness.demographicParityDifference, sample.parity, 1e-12))
    #expect(agrees(fairness.equalisedOddsDifference, sample.odds, 1e-12))
    #expect(Fairness([matrices[0]], positive: 1) == nil)
  }

  /// Of intervals for the mean of a law with known mean about 95 in 100 hold it.
  @Test func bootstrapCoversAboutAsOftenAsItSays() throws {
    var random = SplitMix64(seed: 7)
    var covered = 0
    for trial in 0..<200 {
      let values = (0..<60).map { _ in random.nextUnit() }
      let interval = try #require(
        Bootstrap.interval(rows: 60, resamples: 300, seed: UInt64(trial)) { chosen in
          chosen.reduce(0) { $0 + values[$1] } / 60
        })
      if interval.low <= 0.5, 0.5 <= interval.high { covered += 1 }
    }
    #expect((180...198).contains(covered))
    let again = [1, 2].map { _ in
      Bootstrap.interval(rows: 5, resamples: 100, seed: 3) { Double($0.reduce(0, +)) }
    }
    #expect(again[0] == again[1])
  }
}
