import Core
import Statistics

/// Measures models on labelled rows.
public enum Evaluation {
  /// Runs the rows of a file through a model and measures its answers.
  /// - Parameters:
  ///   - name: what the report calls the model.
  ///   - source: a file, or a registered version's artifact.
  /// - Throws: a ``Failure`` with the file's line for a row or label that is no good.
  public static func run(
    _ source: BatchSource, name: String, backend: Backend? = nil, _ options: EvaluationOptions
  ) throws -> EvaluationReport {
    let model = try CompiledBatchModel.open(source, backend: backend)
    return try report(try AnswerTable.read(model, options), name: name, options)
  }

  static func report(
    _ table: AnswerTable, name: String, _ options: EvaluationOptions
  ) throws(NodeError) -> EvaluationReport {
    var report = EvaluationReport(
      model: name, origin: table.origin, rows: table.rows, task: .classification,
      confidence: options.confidence, segmentRowsMin: options.segmentRowsMin)
    switch table.kind {
    case .classes:
      let rows = try ClassifiedRows(table, options)
      try classify(rows, table, options, &report)
    case .number:
      report.task = .regression
      let scores = RegressionScores(truths: table.numbers, answers: table.scores)
      report.metrics = regression(scores, table.numbers, table.scores, options.confidence)
      report.segments = zip(options.segments, table.segments).map { column, words in
        SegmentReport(
          column: column,
          segments: groups(words).map { value, rows in
            SegmentScores(
              value: value, rows: rows.count, selectionRate: nil,
              metrics: rows.count < options.segmentRowsMin
                ? []
                : regression(
                  rows.map { table.numbers[$0] }, rows.map { table.scores[$0] },
                  options.confidence))
          }, demographicParityDifference: nil, equalisedOddsDifference: nil)
      }
    }
    return report
  }

  // MARK: Regression

  private static func regression(
    _ scores: RegressionScores, _ truths: [Double], _ answers: [Double], _ confidence: Double
  ) -> [MetricValue] {
    let r2 = Bootstrap.intervals(rows: truths.count, scores: 1, confidence: confidence) {
      drawn, values in
      values[0] = resampledR2(truths, answers, drawn)
    }
    let errors = zip(truths, answers).map { $1 - $0 }
    return [
      MetricValue(.mae, scores.mae, scores.maeInterval(confidence: confidence), "Student"),
      MetricValue(
        .rmse, scores.rmse, scores.rmseInterval(confidence: confidence), "root of Student"),
      MetricValue(.r2, scores.r2, r2[0], "bootstrap"),
      MetricValue(
        .bias, scores.bias, SampleMean(errors).interval(confidence: confidence), "Student"),
    ]
  }

  /// The metrics of a segment: without R2, whose spread is the segment's own.
  private static func regression(
    _ truths: [Double], _ answers: [Double], _ confidence: Double
  ) -> [MetricValue] {
    let scores = RegressionScores(truths: truths, answers: answers)
    let errors = zip(truths, answers).map { $1 - $0 }
    return [
      MetricValue(.mae, scores.mae, scores.maeInterval(confidence: confidence), "Student"),
      MetricValue(
        .rmse, scores.rmse, scores.rmseInterval(confidence: confidence), "root of Student"),
      MetricValue(
        .bias, scores.bias, SampleMean(errors).interval(confidence: confidence), "Student"),
    ]
  }

  /// R2 when each row comes as often as told; NaN without spread.
  static func resampledR2(_ truths: [Double], _ answers: [Double], _ drawn: [Int32]) -> Double {
    var (count, sum) = (0.0, 0.0)
    for row in truths.indices {
      count += Double(drawn[row])
      sum += Double(drawn[row]) * truths[row]
    }
    let mean = sum / count
    var (spread, left) = (0.0, 0.0)
    for row in truths.indices where drawn[row] > 0 {
      let times = Double(drawn[row])
      spread += times * (truths[row] - mean) * (truths[row] - mean)
      left += times * (answers[row] - truths[row]) * (answers[row] - truths[row])
    }
    return spread > 0 ? 1 - left / spread : .nan
  }

  // MARK: Classification

  private static func classify(
    _ rows: ClassifiedRows, _ table: AnswerTable, _ options: EvaluationOptions,
    _ report: inout EvaluationReport
  ) throws(NodeError) {
    let matrix = rows.confusion(rows.truths.indices)
    report.classes = rows.classes
    report.positive = rows.positive.map { rows.classes[$0] }
    report.notes = rows.notes
    report.confusion = rows.classes.indices.map { truth in
      rows.classes.indices.map { matrix.count(truth: truth, answer: $0) }
    }
    report.perClass = rows.classes.indices.map { label in
      ClassScores(
        name: rows.classes[label], rows: matrix.support(label),
        metrics: counted(label, matrix, options.confidence))
    }
    report.metrics = metrics(rows, matrix, options.confidence)
    if rows.scores != nil, report.value(.rocAUC) == nil {
      report.notes.append("a class has no rows: there is no ROC-AUC")
    }
    report.segments = zip(options.segments, table.segments).map { column, words in
      segments(column, words, rows, options)
    }
  }

  /// Precision, recall and F1 of one class.
  private static func counted(
    _ label: Int, _ matrix: ConfusionMatrix, _ confidence: Double
  ) -> [MetricValue] {
    [
      MetricValue(
        .precision, matrix.precision(label),
        matrix.precisionInterval(label, confidence: confidence), "Wilson"),
      MetricValue(
        .recall, matrix.recall(label), matrix.recallInterval(label, confidence: confidence),
        "Wilson"),
      MetricValue(
        .f1, matrix.f1(label), matrix.f1Interval(label, confidence: confidence),
        "Wilson of hits over union"),
    ]
  }

  private static func metrics(
    _ rows: ClassifiedRows, _ matrix: ConfusionMatrix, _ confidence: Double
  ) -> [MetricValue] {
    let scores = ClassificationScores(rows)
    let names = scores.resampledMetrics
    let all = [Int32](repeating: 1, count: rows.truths.count)
    var points = [Double](repeating: .nan, count: names.count)
    scores.resampled(all, &points)
    let spreads = Bootstrap.intervals(
      rows: rows.truths.count, scores: names.count, confidence: confidence,
      costPerDraw: scores.costPerDraw
    ) { drawn, values in scores.resampled(drawn, &values) }
    var resampled: [EvaluationMetric: MetricValue] = [:]
    for (index, metric) in names.enumerated() where !points[index].isNaN {
      resampled[metric] = MetricValue(metric, points[index], spreads[index], "bootstrap")
    }
    var list = [
      MetricValue(
        .accuracy, matrix.accuracy, matrix.accuracyInterval(confidence: confidence), "Wilson")
    ]
    if let positive = rows.positive { list += counted(positive, matrix, confidence) }
    if let positive = rows.positive,
      let (values, isPositive) = rows.ranked(positive, Array(rows.truths.indices)),
      let ranking = Ranking(scores: values, isPositive: isPositive)
    {
      list.append(
        MetricValue(
          .rocAUC, ranking.rocAUC, ranking.rocAUCInterval(confidence: confidence),
          "DeLong on logits"))
      list.append(
        MetricValue(
          .prAUC, ranking.averagePrecision, resampled[.prAUC].flatMap(\.interval),
          "bootstrap"))
    }
    for metric in [EvaluationMetric.logLoss, .brier] {
      guard let losses = scores.losses(metric) else { continue }
      let mean = SampleMean(losses)
      list.append(
        MetricValue(metric, mean.mean, mean.interval(confidence: confidence), "Student"))
    }
    if let error = scores.calibrationError {
      list.append(
        MetricValue(
          .calibrationError, error, resampled[.calibrationError].flatMap(\.interval), "bootstrap"))
    }
    let direct = Set(list.map(\.metric))
    list += names.filter { !direct.contains($0) }.compactMap { resampled[$0] }
    return EvaluationMetric.allCases.compactMap { metric in list.first { $0.metric == metric } }
  }

  // MARK: Segments

  /// The rows of each value, most rows first.
  private static func groups(_ words: WordColumn) -> [(value: String, rows: [Int])] {
    var rows = [[Int]](repeating: [], count: words.words.count)
    for (row, word) in words.rows.enumerated() { rows[Int(word)].append(row) }
    return zip(words.words, rows).map { ($0, $1) }
      .sorted { $0.1.count == $1.1.count ? $0.0 < $1.0 : $0.1.count > $1.1.count }
  }

  private static func segments(
    _ column: String, _ words: WordColumn, _ rows: ClassifiedRows, _ options: EvaluationOptions
  ) -> SegmentReport {
    let confidence = options.confidence
    var matrices: [ConfusionMatrix] = []
    let list = groups(words).map { value, members in
      let matrix = rows.confusion(members)
      matrices.append(matrix)
      var metrics: [MetricValue] = []
      if members.count >= options.segmentRowsMin {
        metrics.append(
          MetricValue(
            .accuracy, matrix.accuracy, matrix.accuracyInterval(confidence: confidence), "Wilson"))
        if let positive = rows.positive {
          metrics += counted(positive, matrix, confidence)
          if let ranked = rows.ranked(positive, members),
            let ranking = Ranking(scores: ranked.scores, isPositive: ranked.isPositive)
          {
            metrics.append(
              MetricValue(
                .rocAUC, ranking.rocAUC, ranking.rocAUCInterval(confidence: confidence),
                "DeLong on logits"))
          }
        }
      }
      return SegmentScores(
        value: value, rows: members.count,
        selectionRate: rows.positive.map { matrix.selectionRate($0) }, metrics: metrics)
    }
    let fairness = rows.positive.flatMap {
      Fairness(matrices, positive: $0, rowsMin: options.segmentRowsMin)
    }
    return SegmentReport(
      column: column, segments: list,
      demographicParityDifference: fairness?.demographicParityDifference,
      equalisedOddsDifference: fairness?.equalisedOddsDifference, matrices: matrices,
      positive: rows.positive)
  }
}

extension MetricValue {
  /// The interval; nil when there is none.
  var interval: ConfidenceInterval? {
    guard let low, let high else { return nil }
    return ConfidenceInterval(low: low, high: high)
  }
}
