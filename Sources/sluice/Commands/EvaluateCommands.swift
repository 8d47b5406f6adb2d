import Core
import Node

/// `sluice model evaluate`, `compare`, `gate` and `card`: what is known of a version before it
/// gets traffic.
enum EvaluateCommands {
  static let all: [CommandDeclaration] = [evaluate, compare, gate, card]

  static let rows = Option<String>(
    "rows", .file, help: "labelled rows: CSV, JSON lines or .npy")
  static let label = Option<String>(
    "label", .text.named("COLUMN"), help: "the column that has the right answers")
  static let positive = Option<String>(
    "positive", .text.named("CLASS"),
    help: "the class whose precision, recall and ranking matter (default: the second of two)")
  static let segment = Option<String>(
    "segment", .text.named("COLUMN,…"), help: "columns whose values divide the rows")
  static let confidence = DefaultedOption<Double>(
    "confidence", .number(0.5...0.9999), default: 0.95,
    help: "the chance that an interval holds the true value")
  static let task = DefaultedOption<String>(
    "task", .choice("TASK", of: EvaluationTask.allCases.map(\.rawValue)), default: "auto",
    help: "what the model is taken for")

  private static let model = Positional(
    "model", ValueKind.file.named("MODEL"), help: "a version, like flight-delay@2, or a model file")

  static let evaluate = CommandDeclaration(
    "model evaluate", summary: "Measures a version on labelled rows, each figure with its interval",
    discussion: [
      "Classifiers: accuracy, precision, recall, F1, ROC-AUC, PR-AUC (average precision), log "
        + "loss, Brier score, calibration error and the confusion matrix, by class and over all; "
        + "regressions: MAE, RMSE, R2 and bias. The figures are those of scikit-learn, the method "
        + "of each interval is named beside it.",
      "Labels may be whole numbers, texts or truth values; a label that the model has no class "
        + "for is an error with its line. With --segment the figures are given for each value of "
        + "a column too, and how differently the values are treated.",
    ],
    parameters: [model, rows, label, positive, segment, confidence, task],
    examples: [
      (
        "sluice model evaluate flight-delay@2 --rows eval.csv --label late --segment origin",
        "how good it is, over all and by airport"
      )
    ]
  ) { call in
    let word = call[required: model]
    let options = try options(call)
    let (source, backend) = try PredictCommand.source(of: word, call)
    let report = try Evaluation.run(source, name: word, backend: backend, options)
    try call.tell(report, text: EvaluationText.page(report))
    return .done
  }

  /// The options that the commands share.
  static func options(_ call: Invocation) throws(InvalidValue) -> EvaluationOptions {
    guard let path = call[rows] else {
      throw InvalidValue("--rows is missing: --rows FILE names the labelled rows")
    }
    guard let column = call[label] else {
      throw InvalidValue("--label is missing: --label COLUMN names the right answers in the rows")
    }
    return EvaluationOptions(
      rowsPath: path, label: column, positive: call[positive],
      segments: list(call[segment]), confidence: call[confidence],
      task: EvaluationTask(rawValue: call[task]) ?? .auto)
  }

  private static func list(_ words: String?) -> [String] {
    (words ?? "").split(separator: ",").map(String.init)
  }

  private static let first = Positional(
    "first", ValueKind.file.named("FIRST"), help: "the version that is to be matched, or a file")
  private static let second = Positional(
    "second", ValueKind.file.named("SECOND"), help: "the version that is to match it, or a file")
  private static let margin = DefaultedOption<Double>(
    "margin", .number(0...1), default: 0.01,
    help: "how much less the second may be; for MAE and RMSE a share of the first's")
  private static let ratio = DefaultedOption<Double>(
    "ratio", .number(0...1), default: 0.95, help: "the share of the first that is as good")
  private static let judged = Option<[EvaluationMetric]>(
    "metrics", .metrics,
    help: "the metrics that count (default: accuracy, roc_auc, log_loss; mae, rmse)")

  static let compare = CommandDeclaration(
    "model compare", summary: "Compares two versions row by row on the same labelled rows",
    discussion: [
      "GAIN is how much better the second is, with the interval of the difference on paired rows. "
        + "The verdict says whether it is proven that the second is worse by no more than the "
        + "margin, refuted, or undecided on so few rows. The exit code is 1 when a metric that "
        + "counts (marked *) is refuted or under the ratio."
    ],
    parameters: [first, second, rows, label, positive, margin, ratio, judged, confidence, task],
    examples: [
      (
        "sluice model compare flight-delay@1 flight-delay@2 --rows eval.csv --label late",
        "is the second at least as good as the first?"
      )
    ]
  ) { call in
    let words = [call[required: first], call[required: second]]
    let options = try options(call)
    let models = try words.map { word in
      let (source, backend) = try PredictCommand.source(of: word, call)
      return VersionComparison.Candidate(source, name: word, backend: backend)
    }
    let rule = NonInferiorityRule(
      margin: call[margin], ratio: call[ratio], judged: call[judged] ?? [])
    let report = try VersionComparison.run(models[0], models[1], options, rule)
    try call.tell(report, text: EvaluationText.page(report))
    return report.isAsGood ? .done : .notSo
  }
}

extension ValueKind where Value == [EvaluationMetric] {
  /// `accuracy,roc_auc`.
  static let metrics = ValueKind(
    placeholder: "METRIC,…", completion: .words(EvaluationMetric.allCases.map(\.rawValue))
  ) { text throws(InvalidValue) in
    let known = EvaluationMetric.allCases.map(\.rawValue)
    var metrics: [EvaluationMetric] = []
    for word in text.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
      guard let metric = EvaluationMetric(rawValue: word) else {
        throw InvalidValue(
          "\"\(printable(word, limit: 40))\" is no metric"
            + didYouMean(word, among: known).ifEmpty(": expected some of \(spoken(known))"))
      }
      metrics.append(metric)
    }
    return metrics
  }
}
