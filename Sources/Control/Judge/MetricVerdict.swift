import Core
import Statistics

/// What is known of one judged metric, for people: the evidence and what it means.
public struct MetricVerdict: Sendable, Hashable, Codable {
  /// A rate of bad events.
  public struct Rate: Sendable, Hashable, Codable {
    /// Bad events of all, 0 to 1; nil when nothing was seen.
    public let rate: Double?
    /// The ends of Clopper and Pearson's 95 % interval.
    public let low: Double
    /// The ends of Clopper and Pearson's 95 % interval.
    public let high: Double

    init(_ bad: Int, of total: Int) {
      rate = total > 0 ? Double(bad) / Double(total) : nil
      let interval = ProportionInterval.clopperPearson(bad, of: total)
      low = interval.low
      high = interval.high
    }
  }

  /// The evidence against its lines.
  public let evidence: MetricEvidence
  /// The candidate's rate.
  public let candidate: Rate
  /// The stable's rate.
  public let stable: Rate
  /// The candidate's rate over the stable's; nil without bad events of the stable.
  public let ratio: Double?
  /// The least ratio that the counts do not contradict, at every look together 95 %.
  public let ratioLow: Double
  /// The greatest; nil when the counts set none.
  public let ratioHigh: Double?
  /// Whether what it is compared by is known.
  public let isCompared: Bool

  /// In a word or two: `worse`, `suspect`, `not worse by 1.5`, `no sign of harm`, `not seen yet`.
  public var word: String {
    if evidence.isBreach { return evidence.metric.isTwoSided ? "shifted" : "worse" }
    if evidence.lacksLabels { return "labels do not come alike" }
    if !isCompared { return "waits for the stable's usual" }
    // Copies are judged before any caller gets an answer.
    if !evidence.isSeen, evidence.shadow.map({ $0.total == 0 }) ?? true { return "not seen yet" }
    if evidence.isCertified, let promotion = evidence.promotion {
      return "certainly under \(promotion.margin) times"
    }
    if evidence.isSuspect { return "suspect" }
    return "no sign of harm"
  }
}

extension Judge {
  /// Every judged metric's verdict, in the plan's order.
  public static func verdicts(_ evidence: RolloutEvidence, plan: Plan) -> [MetricVerdict] {
    evaluate(evidence, plan: plan).map { metric in
      let counts = shownCounts(metric, evidence)
      let interval = EProcess.ratioInterval(
        bets(counts, evidence), plannedRestarts: plan.plannedRestarts)
      let candidate = MetricVerdict.Rate(metric.candidateBad, of: metric.candidateTotal)
      let stable = MetricVerdict.Rate(metric.stableBad, of: metric.stableTotal)
      var ratio: Double?
      if let above = candidate.rate, let below = stable.rate, below > 0 { ratio = above / below }
      return MetricVerdict(
        evidence: metric, candidate: candidate, stable: stable, ratio: ratio,
        ratioLow: interval.low, ratioHigh: interval.high.isFinite ? interval.high : nil,
        isCompared: evidence.isCompared(metric.metric))
    }
  }

  /// The counts by epoch of the stream that a metric's evidence shows.
  private static func shownCounts(
    _ metric: MetricEvidence, _ evidence: RolloutEvidence
  ) -> [RolloutEvidence.Counts] {
    let place = metric.stream.flatMap { streamNames(metric.metric, evidence).firstIndex(of: $0) }
    let all = streams(metric.metric, evidence)
    let index = place ?? 0
    return all.indices.contains(index) ? all[index] : []
  }
}
