import Core
import Statistics

/// The scores of a classifier, resampled or not.
///
/// Made once for the rows; a resample is then scored without sorting.
struct ClassificationScores {
  let rows: ClassifiedRows
  /// Each class against the rest, or the positive one alone; empty without scores.
  private let rankings: [RankedRows]
  private let calibration: CalibratedRows?
  private let losses: ProbabilityScores?

  /// What intervals have to be resampled for, in the order of ``resampled(_:_:)``.
  let resampledMetrics: [EvaluationMetric]

  init(_ rows: ClassifiedRows) {
    self.rows = rows
    let all = Array(rows.truths.indices)
    let ranked = rows.positive.map { [$0] } ?? Array(rows.classes.indices)
    let rankings = ranked.compactMap { label in
      rows.ranked(label, all).flatMap {
        RankedRows(scores: $0.scores, isPositive: $0.isPositive)
      }
    }
    // Without a true row of some class there is no ranking of all of them.
    let ones = [Int32](repeating: 1, count: all.count)
    let isWhole =
      rankings.count == ranked.count
      && rankings.allSatisfy { $0.scores(drawn: ones) != nil }
    self.rankings = isWhole ? rankings : []
    let isProbable = rows.hasProbabilities && rows.classes.count >= 2
    let scores = rows.scores ?? []
    calibration =
      isProbable
      ? CalibratedRows(
        probabilities: scores, truths: rows.truths, classCount: rows.classes.count) : nil
    losses =
      isProbable
      ? ProbabilityScores(
        probabilities: scores, truths: rows.truths, classCount: rows.classes.count) : nil
    var metrics: [EvaluationMetric] = [
      .balancedAccuracy, .precisionMacro, .recallMacro, .f1Macro, .precisionWeighted,
      .recallWeighted, .f1Weighted, .accuracy,
    ]
    if rows.positive != nil { metrics += [.precision, .recall, .f1] }
    if isWhole { metrics += [.rocAUC, .prAUC] }
    if isProbable { metrics += [.logLoss, .brier, .calibrationError] }
    resampledMetrics = metrics
  }

  /// How many numbers a resample looks at for a row.
  var costPerDraw: Int { 2 + rankings.count }

  /// The losses of each row.
  func losses(_ metric: EvaluationMetric) -> [Double]? {
    metric == .logLoss ? losses?.logLosses : metric == .brier ? losses?.brierScores : nil
  }

  /// The calibration error of all rows.
  var calibrationError: Double? { losses?.calibrationError }

  /// All of ``resampledMetrics`` when each row comes as often as told.
  func resampled(_ drawn: [Int32], _ values: inout [Double]) {
    let matrix = rows.confusion(drawn: drawn)
    var ranks: (rocAUC: Double, prAUC: Double)?
    if !rankings.isEmpty { ranks = meanRanks(drawn) }
    for (index, metric) in resampledMetrics.enumerated() {
      switch metric {
      case .rocAUC: values[index] = ranks?.rocAUC ?? .nan
      case .prAUC: values[index] = ranks?.prAUC ?? .nan
      case .calibrationError: values[index] = calibration?.error(drawn: drawn) ?? .nan
      case .logLoss, .brier: values[index] = mean(losses(metric) ?? [], drawn)
      default:
        values[index] =
          ClassificationScores.value(metric, matrix, positive: rows.positive) ?? .nan
      }
    }
  }

  private func meanRanks(_ drawn: [Int32]) -> (rocAUC: Double, prAUC: Double)? {
    var (roc, precision) = (0.0, 0.0)
    for ranking in rankings {
      guard let scores = ranking.scores(drawn: drawn) else { return nil }
      roc += scores.rocAUC
      precision += scores.averagePrecision
    }
    let count = Double(rankings.count)
    return (roc / count, precision / count)
  }

  private func mean(_ values: [Double], _ drawn: [Int32]) -> Double {
    var (sum, count) = (0.0, 0)
    for row in values.indices where drawn[row] > 0 {
      sum += values[row] * Double(drawn[row])
      count += Int(drawn[row])
    }
    return count == 0 ? .nan : sum / Double(count)
  }

  /// What is made of the counts alone.
  static func value(
    _ metric: EvaluationMetric, _ matrix: ConfusionMatrix, positive: Int?
  ) -> Double? {
    switch metric {
    case .accuracy: matrix.accuracy
    case .balancedAccuracy: matrix.balancedAccuracy
    case .precision: positive.map { matrix.precision($0) }
    case .recall: positive.map { matrix.recall($0) }
    case .f1: positive.map { matrix.f1($0) }
    case .precisionMacro: matrix.macro { matrix.precision($0) }
    case .recallMacro: matrix.macro { matrix.recall($0) }
    case .f1Macro: matrix.macro { matrix.f1($0) }
    case .precisionWeighted: matrix.weighted { matrix.precision($0) }
    case .recallWeighted: matrix.weighted { matrix.recall($0) }
    case .f1Weighted: matrix.weighted { matrix.f1($0) }
    default: nil
    }
  }
}
