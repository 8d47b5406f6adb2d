import Control
import Core
import Node

/// `sluice verdict`: why the guard thinks of a candidate what it does, in one screen.
enum VerdictCommand {
  private static let endpoint = Positional(
    "endpoint", .name.named("ENDPOINT"), help: "the endpoint whose rollout is asked about")

  static let declaration = CommandDeclaration(
    "verdict", summary: "Explains what the guard knows of a candidate, in one screen",
    discussion: [
      "For each judged metric: both versions' rates with exact 95 % intervals, their ratio with an "
        + "interval that is valid at every look, the evidence against its lines, and about how "
        + "many more requests a verdict takes. Of a rollout that ended it tells the last state.",
      "When segments, rivals or another tool's rule are judged too, each has a line; the metrics "
        + "nearest to their lines keep their details when the room is short.",
      "E is evidence: a version as good as tolerated reaches it with probability 1/E at most, over "
        + "the whole rollout.",
    ],
    parameters: [endpoint],
    examples: [
      ("sluice verdict flight-delay", "one screen of 80 by 24"),
      ("sluice verdict flight-delay --json", "the same for a script"),
    ]
  ) { call in
    let name = call[required: endpoint]
    let view = try call.withNode { client in
      guard case .verdict(let view) = try client.send(.verdict(endpoint: name)) else {
        throw client.mismatch
      }
      return view
    }
    try call.tell(view, text: text(of: view))
    return .done
  }

  /// The screen's width.
  private static let columns = 80
  /// The screen's height but for the prompt.
  private static let rows = 23

  /// The whole explanation, at most ``rows`` lines of ``columns``.
  ///
  /// Every metric has a line. What room is left goes to the details of those nearest to their
  /// rollback lines.
  static func text(of view: VerdictView) -> String {
    var head = [
      "\(view.endpoint): \(view.candidate) against \(view.fallback), rollout \(view.rollout) by "
        + view.plan,
      "\(view.phase), step \(view.step + 1) of \(view.steps) at \(percentText(view.weight))"
        + (view.cause.isEmpty ? "" : ": \(view.cause)"),
      shares(view.sampleRatio),
    ]
    if let rule = view.comparison {
      head.append("\(rule.judge) decides: \(rule.outcome.rawValue), \(rule.sentence)")
    }
    var tail = others(view)
    tail += view.missing.prefix(2).map { "missing: \($0)" }
    tail.append("rates: 95% at this look; ratios: 95% at every look; E: evidence of harm")
    let metrics = metricLines(view, room: rows - head.count - tail.count)
    let lines = (head + metrics + tail).prefix(rows)
    return lines.map { fitted($0) + "\n" }.joined()
  }

  /// The judged metrics in at most so many lines, though each has one.
  private static func metricLines(_ view: VerdictView, room: Int) -> [String] {
    if view.metrics.isEmpty { return ["the plan judges no metric"] }
    let all = view.metrics.map { lines(of: $0) }
    var shown = all.map { _ in 1 }
    var room = room - all.count
    let nearness = view.metrics.map { $0.evidence.eValue / $0.evidence.rollbackAt }
    let order = all.indices.sorted { (nearness[$0], $1) > (nearness[$1], $0) }
    for level in 2...max(2, all.map(\.count).max() ?? 2) {
      for index in order where room > 0 && all[index].count >= level {
        shown[index] = level
        room -= 1
      }
    }
    return zip(all, shown).flatMap { $0.prefix($1) }
  }

  /// The worst segment and the rivals, a line each.
  private static func others(_ view: VerdictView) -> [String] {
    var lines: [String] = []
    if let segments = view.segments, let first = segments.first, let worst = first.worst {
      let word = worst.isBreach ? "worse" : worst.isSuspect ? "suspect" : "no sign of harm"
      lines.append(
        "worst of \(segments.count) segments \(printable(first.segment, limit: 20)): \(word), "
          + "\(worst.metric.words), \(evidence(worst))")
    }
    for rival in (view.rivals ?? []).prefix(3) {
      let worst = rival.metrics.max { $0.eValue / $0.rollbackAt < $1.eValue / $1.rollbackAt }
      lines.append(
        "rival \(rival.version): "
          + (worst.map { "\($0.metric.words), \(evidence($0))" } ?? "nothing judged"))
    }
    return lines
  }

  private static func evidence(_ metric: MetricEvidence) -> String {
    "E \(evidenceText(metric.eValue)); holds at \(evidenceText(metric.holdAt)), rolls back at "
      + evidenceText(metric.rollbackAt)
  }

  private static func fitted(_ line: String) -> String {
    let line = printable(line, limit: 400)
    return line.count <= columns ? line : String(line.prefix(columns - 1)) + "…"
  }

  private static func shares(_ shares: SampleRatioEvidence) -> String {
    let total = shares.candidate + shares.stable
    let due = grouped(Int(shares.expectedCandidate.rounded()))
    let state = shares.isSuspect ? "NOT AS DRAWN, nothing is judged" : "as drawn"
    return "shares \(state): \(grouped(shares.candidate)) of \(grouped(total)), \(due) due, E "
      + "\(evidenceText(shares.eValue)) of \(evidenceText(shares.holdAt))"
  }

  private static func lines(of verdict: MetricVerdict) -> [String] {
    let metric = verdict.evidence
    let stream = metric.stream.map { " (\(printable($0, limit: 16)))" } ?? ""
    let first =
      "\(metric.metric.words)\(stream): \(verdict.word), E \(evidenceText(metric.eValue)); holds "
      + "at \(evidenceText(metric.holdAt)), rolls back at \(evidenceText(metric.rollbackAt))"
    // Pairs of answers to the same request have no ratio of two rates.
    if metric.metric == .disagreement {
      return [
        first,
        "  \(rate(verdict.candidate, metric.candidateBad, metric.candidateTotal)) copies answered "
          + "otherwise, a clone \(grouped(metric.stableBad))",
      ]
    }
    var lines = [
      first,
      "  candidate \(rate(verdict.candidate, metric.candidateBad, metric.candidateTotal)), stable "
        + rate(verdict.stable, metric.stableBad, metric.stableTotal),
      "  " + ratio(verdict) + outlook(metric),
    ]
    if let pairs = metric.shadow, pairs.total > 0 {
      lines.append(
        "  of \(grouped(pairs.total)) copies: candidate alone \(grouped(pairs.candidateOnly)), "
          + "\(metric.metric == .latency ? "clone" : "stable") alone \(grouped(pairs.otherOnly)), "
          + "both \(grouped(pairs.both))")
    }
    return lines
  }

  private static func rate(_ rate: MetricVerdict.Rate, _ bad: Int, _ total: Int) -> String {
    guard let share = rate.rate else { return "nothing seen" }
    return "\(two(share * 100))% (\(two(rate.low * 100))-"
      + "\(two(rate.high * 100))) of \(grouped(total))"
  }

  private static func ratio(_ verdict: MetricVerdict) -> String {
    let value = verdict.ratio.map(two) ?? "-"
    let high = verdict.ratioHigh.map(two) ?? "any"
    return "ratio \(value) (\(two(verdict.ratioLow)) to \(high)), tolerated "
      + two(verdict.evidence.tolerance)
  }

  private static func two(_ value: Double) -> String { fixed(value, 2) }

  private static func outlook(_ metric: MetricEvidence) -> String {
    if let promotion = metric.promotion {
      let more = promotion.requestsToCertainty.map { ", ~\(grouped($0)) more" } ?? ""
      return "; under \(two(promotion.margin)): E \(evidenceText(promotion.eValue)) of "
        + evidenceText(promotion.neededAt) + (promotion.isCertain ? "" : more)
    }
    return metric.requestsToVerdict.map { "; twice that shows in ~\(grouped($0)) requests" } ?? ""
  }
}
