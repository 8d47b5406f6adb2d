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

  /// The whole explanation; at most 23 lines of 80 columns with every metric judged.
  static func text(of view: VerdictView) -> String {
    var lines = [
      "\(view.endpoint): \(view.candidate) against \(view.fallback), rollout \(view.rollout) by "
        + view.plan,
      "\(view.phase), step \(view.step + 1) of \(view.steps) at \(percentText(view.weight))"
        + (view.cause.isEmpty ? "" : ": \(view.cause)"),
      shares(view.sampleRatio),
    ]
    for metric in view.metrics { lines += self.lines(of: metric) }
    if view.metrics.isEmpty { lines.append("the plan judges no metric") }
    for missing in view.missing.prefix(min(2, max(1, 23 - lines.count))) {
      lines.append("missing: \(missing)")
    }
    return lines.map { fitted($0) + "\n" }.joined()
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
    if metric.metric == .disagreement { return [disagreement(verdict)] }
    return [
      "\(metric.metric.words)\(stream): \(verdict.word), E \(evidenceText(metric.eValue)); holds "
        + "at \(evidenceText(metric.holdAt)), rolls back at \(evidenceText(metric.rollbackAt))",
      "  candidate \(rate(verdict.candidate, metric.candidateBad, metric.candidateTotal)), stable "
        + rate(verdict.stable, metric.stableBad, metric.stableTotal),
      "  " + ratio(verdict) + outlook(metric),
    ]
  }

  /// One line: pairs of answers to the same request have no ratio of two rates.
  private static func disagreement(_ verdict: MetricVerdict) -> String {
    let metric = verdict.evidence
    return "\(metric.metric.words): \(grouped(metric.candidateBad)) of "
      + "\(grouped(metric.candidateTotal)), a clone \(grouped(metric.stableBad)), E "
      + "\(evidenceText(metric.eValue)) of \(evidenceText(metric.rollbackAt))"
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
