import Core
import Glibc
import Statistics

/// How certain it is that a candidate is not worse than the stable by the plan's margin, for one
/// metric.
public struct PromotionEvidence: Sendable, Hashable, Codable {
  /// The ratio that is to be excluded.
  public let margin: Double
  /// The evidence against a ratio of the margin or more; for latency that of the stream with the
  /// least, because each of them must be certain.
  public let eValue: Double
  /// What it must reach: `1 / (risk · riskShare)`.
  public let neededAt: Double
  /// About how many more candidate requests that takes at the present weight, if the candidate is
  /// as good as the stable; nil while nothing bad was seen or nothing can be compared.
  public let requestsToCertainty: Int?

  /// Whether it is certain.
  public var isCertain: Bool { eValue >= neededAt }

  /// `E 12 of 100 that the ratio is under 1.5, about 3,400 more requests of the candidate`.
  public var sentence: String {
    let more: String
    if let requests = requestsToCertainty {
      more = "about \(requests) more requests of the candidate"
    } else {
      more = "no forecast without bad events on both versions"
    }
    return "E \(evidenceText(eValue)) of \(evidenceText(neededAt)) that the ratio is under "
      + "\(margin), \(more)"
  }
}

extension Metric {
  /// Whether it can be certain of it that a candidate is not worse by a margin.
  var isPromoted: Bool { !isTwoSided && self != .disagreement }
}

extension Judge {
  /// The promotion evidence of a one-sided metric, when the plan asks for it.
  static func promotionEvidence(
    _ judged: JudgedMetric, _ evidence: RolloutEvidence, _ plan: Plan
  ) -> PromotionEvidence? {
    guard let rule = plan.promotion, judged.metric.isPromoted else { return nil }
    let streams = self.streams(judged.metric, evidence)
    let needed = 1 / (rule.risk * judged.riskShare)
    let each = streams.map { counts in
      let log = EProcess.logEvidenceOfFewer(
        bets(counts, evidence), tolerance: rule.margin, plannedRestarts: plan.plannedRestarts)
      return (log: log, sum: counts.reduce(RolloutEvidence.Counts(), +))
    }
    guard let least = each.min(by: { $0.log < $1.log }) else { return nil }
    return PromotionEvidence(
      margin: rule.margin, eValue: EProcess.value(fromLog: least.log), neededAt: needed,
      requestsToCertainty: requestsToCertainty(
        least.sum, evidence, rule.margin, needed, least.log))
  }

  private static func requestsToCertainty(
    _ sum: RolloutEvidence.Counts, _ evidence: RolloutEvidence, _ margin: Double, _ needed: Double,
    _ log: Double
  ) -> Int? {
    let total = sum.candidateTotal + sum.stableTotal
    guard let weight = evidence.epochs.last?.share, total > 0, sum.stableBad > 0 else {
      return nil
    }
    return EProcess.requestsToCertify(
      share: weight,
      rate: Double(sum.candidateBad + sum.stableBad) / Double(total), margin: margin, line: needed,
      logEvidence: log)
  }
}
