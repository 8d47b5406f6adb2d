import Core
import Statistics

/// What is measured of a model on labelled rows, by the names that scikit-learn uses.
public enum EvaluationMetric: String, Sendable, Codable, CaseIterable {
  case accuracy
  case balancedAccuracy = "balanced_accuracy"
  case precision, recall, f1
  case precisionMacro = "precision_macro"
  case recallMacro = "recall_macro"
  case f1Macro = "f1_macro"
  case precisionWeighted = "precision_weighted"
  case recallWeighted = "recall_weighted"
  case f1Weighted = "f1_weighted"
  case rocAUC = "roc_auc"
  case prAUC = "pr_auc"
  case logLoss = "log_loss"
  case brier
  case calibrationError = "calibration_error"
  case mae, rmse, r2, bias

  /// Whether more is better; of the rest less is, of ``bias`` what is nearer to 0.
  public var moreIsBetter: Bool {
    switch self {
    case .logLoss, .brier, .calibrationError, .mae, .rmse, .bias: false
    default: true
    }
  }
}

/// A measured value with its interval.
public struct MetricValue: Sendable, Encodable, Equatable {
  /// What was measured.
  public let metric: EvaluationMetric
  /// The value of these rows.
  public let value: Double
  /// The lower end of the interval; nil when the rows do not give one.
  public let low: Double?
  /// The upper end.
  public let high: Double?
  /// How the interval was made: `Wilson`.
  public let method: String

  init(
    _ metric: EvaluationMetric, _ value: Double, _ interval: ConfidenceInterval?,
    _ method: String
  ) {
    self.metric = metric
    self.value = value
    let isFinite = interval.map { $0.low.isFinite && $0.high.isFinite } ?? false
    low = isFinite ? interval?.low : nil
    high = isFinite ? interval?.high : nil
    self.method = method
  }
}

/// What is measured of one class.
public struct ClassScores: Sendable, Encodable {
  /// The class's name.
  public let name: String
  /// Rows of it.
  public let rows: Int
  /// Precision, recall and F1.
  public let metrics: [MetricValue]
}

/// What is measured of the rows with one value of a column.
public struct SegmentScores: Sendable, Encodable {
  /// The value.
  public let value: String
  /// Rows that have it.
  public let rows: Int
  /// Of classifiers: the share of the rows that the positive class was answered for.
  public let selectionRate: Double?
  /// Empty when there are too few rows.
  public let metrics: [MetricValue]

  enum CodingKeys: String, CodingKey {
    case value, rows, metrics
    case selectionRate = "selection_rate"
  }
}

/// The segments of one column, and how differently they are treated.
public struct SegmentReport: Sendable, Encodable {
  /// The column.
  public let column: String
  /// Its values, those with most rows first.
  public let segments: [SegmentScores]
  /// The largest difference of the shares for which the positive class is answered.
  public let demographicParityDifference: Double?
  /// The larger of the differences of true and of false positive rates.
  public let equalisedOddsDifference: Double?

  /// What each of ``segments`` was answered, for differences with other limits of rows.
  var matrices: [ConfusionMatrix] = []
  /// The positive class in ``matrices``.
  var positive: Int?

  /// How differently segments with so many rows are treated; nil with fewer than two of them or
  /// without a positive class.
  func fairness(rowsMin: Int) -> Fairness? {
    positive.flatMap { Fairness(matrices, positive: $0, rowsMin: rowsMin) }
  }

  enum CodingKeys: String, CodingKey {
    case column, segments
    case demographicParityDifference = "demographic_parity_difference"
    case equalisedOddsDifference = "equalised_odds_difference"
  }
}

/// What was measured of a model on labelled rows.
public struct EvaluationReport: Sendable, Encodable {
  /// The version or file.
  public var model: String
  /// The file of rows.
  public var origin: String
  /// How many rows.
  public var rows: Int
  /// What the model was taken for.
  public var task: EvaluationTask
  /// The chance that an interval holds the true value.
  public var confidence: Double
  /// The classes in the order of ``confusion``; empty for a regression.
  public var classes: [String] = []
  /// The class whose precision, recall and ranking are measured; nil with more than two classes.
  public var positive: String?
  /// All metrics.
  public var metrics: [MetricValue] = []
  /// Each class by itself.
  public var perClass: [ClassScores] = []
  /// Rows by true class, then by answered class.
  public var confusion: [[Int]] = []
  /// By each column asked for.
  public var segments: [SegmentReport] = []
  /// Segments with fewer rows have no scores.
  public var segmentRowsMin: Int
  /// What the reader should know.
  public var notes: [String] = []

  enum CodingKeys: String, CodingKey {
    case model, origin, rows, task, confidence, classes, positive, metrics, confusion, segments
    case notes
    case perClass = "per_class"
    case segmentRowsMin = "segment_rows_min"
  }

  /// The value of a metric; nil when it was not measured.
  public func value(_ metric: EvaluationMetric) -> MetricValue? {
    metrics.first { $0.metric == metric }
  }
}
