import Core

/// What a model is evaluated as.
public enum EvaluationTask: String, Sendable, Codable, CaseIterable {
  /// By its outputs: labels or a vector of scores make a classifier, one number a regression.
  case auto
  /// Classes; one number a row is the probability of the positive one.
  case classification
  /// Numbers.
  case regression
}

/// On which rows and how a model is evaluated.
public struct EvaluationOptions: Sendable {
  /// The most numbers that are kept of all rows: truths, answers and scores (8 bytes each).
  public static let numbersMax = 40_000_000
  /// Segments with fewer rows are listed without scores.
  public static let segmentRowsMin = 30

  /// The file of rows: CSV, JSON lines or npy.
  public var rowsPath: String
  /// The column that has the right answers.
  public var label: String
  /// The class whose precision, recall and ranking matter; nil is the second of two.
  public var positive: String?
  /// Columns whose values divide the rows.
  public var segments: [String]
  /// The chance that an interval holds the true value, over 0.5 and under 1.
  public var confidence: Double
  /// What the model is taken for.
  public var task: EvaluationTask
  /// Segments with fewer rows get no scores.
  public var segmentRowsMin: Int
  /// The most rows that are read; the rest of the file is left out.
  public var rowsMax: Int

  /// Puts them together.
  public init(
    rowsPath: String, label: String, positive: String? = nil, segments: [String] = [],
    confidence: Double = 0.95, task: EvaluationTask = .auto,
    segmentRowsMin: Int = EvaluationOptions.segmentRowsMin, rowsMax: Int = .max
  ) {
    self.rowsPath = rowsPath
    self.label = label
    self.positive = positive
    self.segments = segments
    self.confidence = confidence
    self.task = task
    self.segmentRowsMin = segmentRowsMin
    self.rowsMax = rowsMax
  }
}
