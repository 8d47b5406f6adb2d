import Core
import Statistics

/// How two models differ in one metric on the same rows.
public struct MetricDifference: Sendable, Encodable, Equatable {
  /// What was measured.
  public let metric: EvaluationMetric
  /// The first model's value, the one that is to be matched.
  public let first: Double
  /// The second model's value.
  public let second: Double
  /// How much better the second is: second minus first, for errors first minus second.
  public let gain: Double
  /// The lower end of the gain's interval; nil when the rows do not give one.
  public let low: Double?
  /// The upper end.
  public let high: Double?
  /// How the interval was made.
  public let method: String
  /// The second as a share of the first, for errors the first as a share of the second.
  public let ratio: Double?
  /// Whether the ratio reaches the one asked for.
  public let isAsGood: Bool
  /// How much less is accepted; for errors of regressions a share of the first's.
  public let margin: Double
  /// Whether the second is worse by no more than the margin: proven, undecided or refuted.
  public let verdict: NonInferiority.Verdict
  /// Whether the metric counts for the result.
  public let isJudged: Bool

  enum CodingKeys: String, CodingKey {
    case metric, first, second, gain, low, high, method, ratio, margin, verdict
    case isAsGood = "as_good"
    case isJudged = "judged"
  }
}

/// Two models on the same rows.
public struct ComparisonReport: Sendable, Encodable {
  /// The model to be matched.
  public let first: String
  /// The model that is to match it.
  public let second: String
  /// The file of rows.
  public let origin: String
  /// How many.
  public let rows: Int
  /// The chance that an interval holds the true difference.
  public let confidence: Double
  /// The share of the first's quality that is good enough.
  public let ratio: Double
  /// All metrics.
  public let metrics: [MetricDifference]
  /// What the reader should know.
  public let notes: [String]

  /// Whether every judged metric is as good and none is refuted.
  public var isAsGood: Bool {
    metrics.allSatisfy { !$0.isJudged || ($0.isAsGood && $0.verdict != .refuted) }
  }

  enum CodingKeys: String, CodingKey {
    case first, second, origin, rows, confidence, ratio, metrics, notes
    case isAsGood = "as_good"
  }

  /// Writes ``isAsGood`` as well.
  public func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: CodingKeys.self)
    try box.encode(first, forKey: .first)
    try box.encode(second, forKey: .second)
    try box.encode(origin, forKey: .origin)
    try box.encode(rows, forKey: .rows)
    try box.encode(confidence, forKey: .confidence)
    try box.encode(ratio, forKey: .ratio)
    try box.encode(metrics, forKey: .metrics)
    try box.encode(notes, forKey: .notes)
    try box.encode(isAsGood, forKey: .isAsGood)
  }
}

/// What makes a model as good as another.
public struct NonInferiorityRule: Sendable {
  /// How much less is accepted by the verdict; for errors of regressions a share of the first's.
  public var margin: Double
  /// The share of the first's quality that is good enough.
  public var ratio: Double
  /// The metrics that count; empty counts those of ``standard``.
  public var judged: [EvaluationMetric]

  /// What counts unless something else is asked for.
  public static let standard: [EvaluationMetric] = [.accuracy, .rocAUC, .logLoss, .mae, .rmse]

  /// Puts them together.
  public init(margin: Double = 0.01, ratio: Double = 0.95, judged: [EvaluationMetric] = []) {
    self.margin = margin
    self.ratio = ratio
    self.judged = judged
  }
}

/// Compares two models row by row.
public enum VersionComparison {
  /// A model by its file, with the name that reports give it.
  public struct Candidate: Sendable {
    let source: BatchSource
    let name: String
    let backend: Backend?

    /// Puts them together.
    public init(_ source: BatchSource, name: String, backend: Backend? = nil) {
      self.source = source
      self.name = name
      self.backend = backend
    }
  }

  /// Runs the rows through both models and compares.
  /// - Throws: a ``Failure``: rows, labels or models do not fit.
  public static func run(
    _ first: Candidate, _ second: Candidate, _ options: EvaluationOptions,
    _ rule: NonInferiorityRule
  ) throws -> ComparisonReport {
    let tables = try [first, second].map { candidate in
      try AnswerTable.read(
        try CompiledBatchModel.open(candidate.source, backend: candidate.backend), options)
    }
    return try compare(tables[0], tables[1], (first.name, second.name), options, rule)
  }

  static func compare(
    _ first: AnswerTable, _ second: AnswerTable, _ names: (String, String),
    _ options: EvaluationOptions, _ rule: NonInferiorityRule
  ) throws(NodeError) -> ComparisonReport {
    guard first.rows == second.rows else {
      throw NodeError(.badInput, "\(first.origin) changed while it was read: try again")
    }
    var notes: [String] = []
    let metrics: [MetricDifference]
    switch (first.kind, second.kind) {
    case (.classes, .classes):
      let a = ClassificationScores(try ClassifiedRows(first, options))
      let b = ClassificationScores(try ClassifiedRows(second, options))
      guard a.rows.classes == b.rows.classes else {
        throw NodeError(
          .badInput,
          "the two models have other classes: \(names.0) and \(names.1) cannot be "
            + "compared on them")
      }
      metrics = classification(a, b, options, rule)
      notes = a.rows.notes + b.rows.notes.filter { !a.rows.notes.contains($0) }
    case (.number, .number):
      metrics = regression(first, second, options, rule)
    default:
      throw NodeError(
        .badInput, "one of the models gives classes and the other numbers: they cannot be compared")
    }
    for metric in rule.judged where !metrics.contains(where: { $0.metric == metric }) {
      throw NodeError(
        .badInput, "\(metric.rawValue) is not measured of these models, so it cannot be judged")
    }
    return ComparisonReport(
      first: names.0, second: names.1, origin: first.origin, rows: first.rows,
      confidence: options.confidence, ratio: rule.ratio, metrics: metrics, notes: notes)
  }

  private static func classification(
    _ a: ClassificationScores, _ b: ClassificationScores, _ options: EvaluationOptions,
    _ rule: NonInferiorityRule
  ) -> [MetricDifference] {
    let names = a.resampledMetrics.filter {
      b.resampledMetrics.contains($0) && $0 != .calibrationError
    }
    let count = a.rows.truths.count
    var valuesA = [Double](repeating: .nan, count: a.resampledMetrics.count)
    var valuesB = [Double](repeating: .nan, count: b.resampledMetrics.count)
    let placesA = names.map { a.resampledMetrics.firstIndex(of: $0) ?? 0 }
    let placesB = names.map { b.resampledMetrics.firstIndex(of: $0) ?? 0 }
    let spreads = Bootstrap.intervals(
      rows: count, scores: names.count, confidence: options.confidence,
      costPerDraw: a.costPerDraw + b.costPerDraw
    ) { drawn, values in
      a.resampled(drawn, &valuesA)
      b.resampled(drawn, &valuesB)
      for index in names.indices {
        let difference = valuesB[placesB[index]] - valuesA[placesA[index]]
        values[index] = names[index].moreIsBetter ? difference : -difference
      }
    }
    let all = [Int32](repeating: 1, count: count)
    a.resampled(all, &valuesA)
    b.resampled(all, &valuesB)
    return names.indices.map { index in
      let metric = names[index]
      let (interval, method) =
        paired(metric, a, b, options.confidence) ?? (spreads[index], "paired bootstrap")
      return difference(
        metric, valuesA[placesA[index]], valuesB[placesB[index]], interval, method, rule)
    }.sorted { order($0.metric) < order($1.metric) }
  }

  private static func order(_ metric: EvaluationMetric) -> Int {
    EvaluationMetric.allCases.firstIndex(of: metric) ?? 0
  }

  /// The intervals that need no resampling.
  private static func paired(
    _ metric: EvaluationMetric, _ a: ClassificationScores, _ b: ClassificationScores,
    _ confidence: Double
  ) -> (ConfidenceInterval?, String)? {
    let (first, second) = (a.rows, b.rows)
    switch metric {
    case .accuracy:
      var (onlyFirst, onlySecond) = (0, 0)
      for row in first.truths.indices {
        let isFirst = first.answers[row] == first.truths[row]
        let isSecond = second.answers[row] == second.truths[row]
        if isSecond && !isFirst { onlySecond += 1 }
        if isFirst && !isSecond { onlyFirst += 1 }
      }
      return (
        NonInferiority.pairedShares(
          onlyFirst: onlySecond, onlySecond: onlyFirst, total: first.truths.count,
          confidence: confidence), "paired shares"
      )
    case .rocAUC:
      let rows = Array(first.truths.indices)
      guard let label = first.positive, let x = first.ranked(label, rows),
        let y = second.ranked(label, rows),
        let old = Ranking(scores: x.scores, isPositive: x.isPositive),
        let new = Ranking(scores: y.scores, isPositive: y.isPositive),
        let interval = Ranking.rocAUCDifference(new, old, confidence: confidence)
      else { return nil }
      return (interval, "paired DeLong")
    case .logLoss, .brier:
      guard let old = a.losses(metric), let new = b.losses(metric) else { return nil }
      return (NonInferiority.pairedMeans(old, new, confidence: confidence), "paired means")
    default: return nil
    }
  }

  private static func regression(
    _ a: AnswerTable, _ b: AnswerTable, _ options: EvaluationOptions, _ rule: NonInferiorityRule
  ) -> [MetricDifference] {
    let old = RegressionScores(truths: a.numbers, answers: a.scores)
    let new = RegressionScores(truths: b.numbers, answers: b.scores)
    let spreads = Bootstrap.intervals(rows: a.rows, scores: 2, confidence: options.confidence) {
      drawn, values in
      var (first, second) = (0.0, 0.0)
      for row in drawn.indices where drawn[row] > 0 {
        first += Double(drawn[row]) * old.squaredErrors[row]
        second += Double(drawn[row]) * new.squaredErrors[row]
      }
      let count = Double(a.rows)
      values[0] = (first / count).squareRoot() - (second / count).squareRoot()
      values[1] =
        Evaluation.resampledR2(b.numbers, b.scores, drawn)
        - Evaluation.resampledR2(a.numbers, a.scores, drawn)
    }
    let absolute = NonInferiority.pairedMeans(
      old.absoluteErrors, new.absoluteErrors, confidence: options.confidence)
    return [
      difference(.mae, old.mae, new.mae, absolute, "paired means", rule),
      difference(.rmse, old.rmse, new.rmse, spreads[0], "paired bootstrap", rule),
      difference(.r2, old.r2, new.r2, spreads[1], "paired bootstrap", rule),
    ]
  }

  /// Judges one metric.
  static func difference(
    _ metric: EvaluationMetric, _ first: Double, _ second: Double,
    _ interval: ConfidenceInterval?, _ method: String, _ rule: NonInferiorityRule
  ) -> MetricDifference {
    let gain = metric.moreIsBetter ? second - first : first - second
    let (part, whole) = metric.moreIsBetter ? (second, first) : (first, second)
    // A quality of 0 or below is matched by anything no less; an error of 0 by itself only.
    let ratio: Double? = whole > 0 ? part / whole : nil
    let isAsGood = ratio.map { $0 >= rule.ratio } ?? (gain >= 0)
    let isRelative = metric == .mae || metric == .rmse
    let margin = isRelative ? rule.margin * first : rule.margin
    let known = interval.flatMap { $0.low.isFinite && $0.high.isFinite ? $0 : nil }
    let isJudged =
      rule.judged.isEmpty
      ? NonInferiorityRule.standard.contains(metric) : rule.judged.contains(metric)
    return MetricDifference(
      metric: metric, first: first, second: second, gain: gain, low: known?.low,
      high: known?.high, method: method, ratio: ratio, isAsGood: isAsGood, margin: margin,
      verdict: known.map { verdict($0, margin) } ?? .undecided, isJudged: isJudged)
  }

  /// A margin of 0 is met by two models that answer alike.
  private static func verdict(
    _ interval: ConfidenceInterval, _ margin: Double
  ) -> NonInferiority.Verdict {
    if interval.low == 0, interval.high == 0 { return .proven }
    return NonInferiority.verdict(difference: interval, margin: margin)
  }
}
