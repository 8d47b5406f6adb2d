import Core
import Node

/// Reports of evaluations for people.
enum EvaluationText {
  private static let digits = 4
  private static let classesShownMax = 20
  private static let segmentsShownMax = 40

  static func page(_ report: EvaluationReport) -> String {
    let rows = grouped(report.rows)
    var text = "\(printable(report.model)) on \(rows) rows of \(printable(report.origin))\n"
    if let positive = report.positive {
      text += "positive class: \(printable(positive, limit: 40))\n"
    }
    text += "\n" + table(report.metrics, report.confidence)
    if !report.classes.isEmpty { text += "\n" + classes(report) }
    for segment in report.segments { text += "\n" + self.segment(segment, report) }
    for note in report.notes { text += "note: \(printable(note, limit: 300))\n" }
    return text
  }

  private static func table(_ metrics: [MetricValue], _ confidence: Double) -> String {
    var table = TextTable(["METRIC", ">VALUE", ">LOW", ">HIGH", "INTERVAL"])
    for metric in metrics {
      table.add([
        metric.metric.rawValue, fixed(metric.value, digits), fixed(metric.low, digits),
        fixed(metric.high, digits), "\(plain(confidence * 100))% \(metric.method)",
      ])
    }
    return table.text
  }

  private static func interval(_ value: MetricValue?) -> String {
    guard let value else { return "-" }
    guard let low = value.low, let high = value.high else { return fixed(value.value, digits) }
    return "\(fixed(value.value, digits)) (\(fixed(low, digits))-\(fixed(high, digits)))"
  }

  private static func classes(_ report: EvaluationReport) -> String {
    let shown = min(report.classes.count, classesShownMax)
    let names = report.classes.prefix(shown).map { printable($0, limit: 20) }
    var table = TextTable(["CLASS", ">ROWS", ">PRECISION", ">RECALL", ">F1"])
    for item in report.perClass.prefix(shown) {
      table.add(
        [printable(item.name, limit: 20), grouped(item.rows)]
          + item.metrics.map { interval($0) })
    }
    var confusion = TextTable(["TRUE \\ ANSWERED"] + names.map { ">\($0)" })
    for (name, counts) in zip(names, report.confusion) {
      confusion.add([name] + counts.prefix(shown).map(grouped))
    }
    var text = table.text + "\n" + confusion.text
    if shown < report.classes.count {
      text += "\(report.classes.count - shown) more classes with --json\n"
    }
    return text
  }

  private static func segment(_ segment: SegmentReport, _ report: EvaluationReport) -> String {
    let kinds = segment.segments.first { !$0.metrics.isEmpty }?.metrics.map(\.metric) ?? []
    var table = TextTable(
      [printable(segment.column, limit: 30).uppercased(), ">ROWS"]
        + kinds.map { ">\($0.rawValue.uppercased())" })
    for item in segment.segments.prefix(segmentsShownMax) {
      let scores = kinds.map { kind in interval(item.metrics.first { $0.metric == kind }) }
      let cells =
        item.metrics.isEmpty && !kinds.isEmpty
        ? ["too small"] + kinds.dropFirst().map { _ in "" } : scores
      table.add([printable(item.value, limit: 30).ifEmpty("(empty)"), grouped(item.rows)] + cells)
    }
    var text = table.text
    if segment.segments.count > segmentsShownMax {
      text += "\(segment.segments.count - segmentsShownMax) more values with --json\n"
    }
    if let parity = segment.demographicParityDifference {
      text += "demographic parity difference  \(fixed(parity, digits))\n"
    }
    if let odds = segment.equalisedOddsDifference {
      text += "equalised odds difference      \(fixed(odds, digits))\n"
    }
    let small = segment.segments.count { $0.metrics.isEmpty }
    if small > 0 {
      text += "\(small) with fewer than \(report.segmentRowsMin) rows: too small for figures\n"
    }
    return text
  }

  static func page(_ report: ComparisonReport) -> String {
    let (first, second) = (printable(report.first), printable(report.second))
    var text = "\(second) against \(first) on the same \(grouped(report.rows)) rows of "
    text += "\(printable(report.origin))\n\n"
    var table = TextTable([
      "METRIC", ">FIRST", ">SECOND", ">GAIN", ">LOW", ">HIGH", ">AS GOOD", "NO WORSE", "INTERVAL",
    ])
    for metric in report.metrics {
      table.add([
        metric.metric.rawValue + (metric.isJudged ? " *" : ""), fixed(metric.first, digits),
        fixed(metric.second, digits), fixed(metric.gain, digits), fixed(metric.low, digits),
        fixed(metric.high, digits), percent(metric.ratio, 1), metric.verdict.rawValue,
        "\(plain(report.confidence * 100))% \(metric.method)",
      ])
    }
    text += table.text
    for note in report.notes { text += "note: \(printable(note, limit: 300))\n" }
    let failed = report.metrics.filter {
      $0.isJudged && (!$0.isAsGood || $0.verdict == .refuted)
    }
    let open = report.metrics.filter { $0.isJudged && $0.verdict == .undecided }
    text += "* counts for the result\n"
    if !failed.isEmpty {
      text += "\(second) is not as good: \(failed.map(\.metric.rawValue).joined(separator: ", "))\n"
    } else if open.isEmpty {
      text += "\(second) is as good as \(first)\n"
    } else {
      text += "\(second) is as good on these rows; not proven yet: "
      text += open.map(\.metric.rawValue).joined(separator: ", ") + "\n"
    }
    return text
  }

  static func page(_ report: GateReport) -> String {
    var table = TextTable(["", "GATE", "MEASURED", "LIMIT"])
    for result in report.results {
      table.add([result.passed ? "pass" : "FAIL", result.gate, result.measured, result.limit])
    }
    var text = "gates \(report.gates) on \(report.version)"
    if let against = report.against { text += " against \(against)" }
    text += "\n\n\(table.text)"
    let failed = report.results.filter { !$0.passed }
    if !failed.isEmpty { text += "\n" }
    for result in failed { text += "\(result.gate): \(printable(result.advice, limit: 600))\n" }
    text += "\n"
    text +=
      failed.isEmpty
      ? "all \(report.results.count) gates pass"
      : "\(failed.count) of \(report.results.count) gates fail: no traffic"
    return text + (report.sequence.map { " (journal \($0))\n" } ?? " (not recorded)\n")
  }
}
