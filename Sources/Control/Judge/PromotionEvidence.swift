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

extension Judge {
  /// The promotion evidence of a one-sided metric, when the plan asks for it.
  static func promotionEvidence(
    _ judged: JudgedMetric, _ evidence: RolloutEvidence, _ plan: Plan
  ) -> PromotionEvidence? {
    guard let rule = plan.promotion, !judged.metric.isTwoSided else { return nil }
    let streams: [[RolloutEvidence.Counts]]
    switch judged.metric {
    case .errors: streams = [evidence.epochs.map(\.errors)]
    case .wrongAnswers: streams = [evidence.epochs.map(\.wrongAnswers)]
    case .latency:
      streams = latencyStreams.indices.map { stream in
        evidence.epochs.map { $0.latency.indices.contains(stream) ? $0.latency[stream] : .init() }
      }
    case .predictions, .confidence, .scores, .disagreement: return nil
    }
    let needed = 1 / (rule.risk * judged.riskShare)
    let each = streams.map { counts in
      let log = EProcess.logEvidenceOfFewer(bets(counts, evidence), tolerance: rule.margin)
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

/// Whether the arms got the shares of the requests that were drawn for them.
///
/// When they did not (records lost on one side, a cache in front of one version, routing that is
/// broken), the two arms' requests cannot be compared and no verdict on them means anything.
public struct SampleRatioEvidence: Sendable, Hashable, Codable {
  /// The evidence against the drawn shares, in either direction.
  public let eValue: Double
  /// Where the guard holds: 1 over ``Judge/sampleRatioRisk``.
  public let holdAt: Double
  /// Drawn requests of the candidate.
  public let candidate: Int
  /// Drawn requests of the stable.
  public let stable: Int
  /// How many of both the candidate should have got.
  public let expectedCandidate: Double

  /// Whether the shares are surely not as drawn.
  public var isSuspect: Bool { eValue >= holdAt }

  /// `the candidate got 612 of 10,000 requests where 500 were due, E 4021`.
  public var sentence: String {
    "the candidate got \(candidate) of \(candidate + stable) drawn requests where "
      + "\(Int(expectedCandidate.rounded())) were due, E \(evidenceText(eValue))"
  }
}

extension Judge {
  /// The chance that the check of the shares ever holds a rollout whose requests are drawn rightly.
  ///
  /// Small, because it comes on top of the plan's own risks; what breaks routing shows itself with
  /// every request.
  public static let sampleRatioRisk = 0.001

  /// The check of the shares: each drawn request is an event of the test, in both directions.
  public static func sampleRatio(_ evidence: RolloutEvidence) -> SampleRatioEvidence {
    let epochs = evidence.epochs.map {
      EProcess.Epoch(
        shareBasisPoints: $0.weight, candidateBad: $0.drawn.candidateTotal,
        stableBad: $0.drawn.stableTotal, wholeBasisPoints: $0.whole ?? Split.whole)
    }
    let log = EProcess.logMean([
      EProcess.logEvidence(epochs, tolerance: 1), EProcess.logEvidenceOfFewer(epochs, tolerance: 1),
    ])
    // At 0 and 100 % there is nothing to draw.
    let compared = epochs.filter { $0.share > 0 && $0.share < 1 }
    return SampleRatioEvidence(
      eValue: EProcess.value(fromLog: log), holdAt: 1 / sampleRatioRisk,
      candidate: compared.reduce(0) { $0 + $1.candidateBad },
      stable: compared.reduce(0) { $0 + $1.stableBad },
      expectedCandidate: compared.reduce(0) {
        $0 + Double($1.candidateBad + $1.stableBad) * $1.share
      })
  }
}
