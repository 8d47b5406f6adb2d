import Core
import Statistics

/// One judged metric's evidence, as the screen shows it and the journal keeps it.
public struct MetricEvidence: Sendable, Hashable, Codable {
  /// Which metric.
  public let metric: Metric
  /// The evidence that the candidate is worse than tolerated; at most
  /// ``Statistics/EProcess/evidenceLimit``.
  public let eValue: Double
  /// Where the guard holds: `1 / (holdRisk · riskShare)`.
  public let holdAt: Double
  /// Where the guard rolls back: `1 / (rollbackRisk · riskShare)`.
  public let rollbackAt: Double
  /// Bad events, for latency those of the stream with the most evidence.
  public let candidateBad: Int
  /// The same for the stable.
  public let stableBad: Int
  /// All events.
  public let candidateTotal: Int
  /// The same for the stable.
  public let stableTotal: Int
  /// The tolerated ratio.
  public let tolerance: Double
  /// About how many more candidate requests a rollback takes if the candidate is twice as bad as
  /// tolerated; nil without a base rate or when nothing can be compared.
  public let requestsToVerdict: Int?
  /// For metrics of several streams the one whose counts these are: `p50`, a label, `low`.
  public let stream: String?
  /// How certain it is that the candidate is not worse by the plan's margin; nil when the plan does
  /// not ask for it, and for two-sided metrics.
  public let promotion: PromotionEvidence?
  /// What copied requests tell of the metric; nil when none was copied, or they tell nothing of it.
  public let shadow: ShadowEvidence.Pairs?
  /// Of wrong answers whether labels come for both versions alike; nil for other metrics.
  public let labels: LabelRateEvidence?

  /// Whether the evidence is over the hold line, or labels come for one version more than for the
  /// other.
  public var isSuspect: Bool { eValue >= holdAt || lacksLabels }
  /// Whether it is certain that the candidate is not worse by the plan's margin.
  public var isCertified: Bool { (promotion?.isCertain ?? false) && !lacksLabels }
  /// Whether the evidence is over the rollback line and there are enough events for it.
  public var isBreach: Bool {
    eValue >= rollbackAt
      && saturated(candidateBad, metric == .disagreement ? 0 : shadow?.candidate ?? 0)
        >= Judge.minimumBadEvents
  }
  /// Whether labels come for one version more than for the other, so that those that are missing may
  /// hide what is wrong.
  public var lacksLabels: Bool { labels?.isSuspect ?? false }
  /// Whether anything was seen on both arms.
  public var isSeen: Bool { candidateTotal > 0 && stableTotal > 0 }

  /// `wrong answers, E 131 at 214 labels`.
  public var sentence: String {
    if let labels, labels.isSuspect, eValue < holdAt { return labels.sentence }
    return "\(metric.words), E \(evidenceText(eValue)) at \(candidateTotal) "
      + (metric == .wrongAnswers ? "labels" : "answers")
  }
}

extension Metric {
  /// As people read it.
  public var words: String {
    switch self {
    case .errors: "failed answers"
    case .wrongAnswers: "wrong answers"
    case .latency: "slow answers"
    case .predictions: "shifted answers"
    case .confidence: "shifted confidence"
    case .scores: "shifted scores"
    case .disagreement: "answers unlike the stable's"
    }
  }
}

/// An evidence value as people read it: `0.8`, `131`, `over 1000000`.
public func evidenceText(_ value: Double) -> String {
  guard value < 1e6 else { return "over 1000000" }
  if value >= 10 { return String(Int(value.rounded())) }
  let tenths = Int((max(0, value) * 10).rounded())
  return "\(tenths / 10).\(tenths % 10)"
}

/// The judge's policy over ``Statistics/EProcess``.
///
/// The plan's risk is divided over its metrics: a metric with riskShare s has its lines at
/// 1/(α s), so that by the union bound a good candidate is rolled back with probability at most
/// rollbackRisk, and held with at most holdRisk, over the whole rollout and all metrics, however
/// often it is looked at. Latency averages the evidence of its three streams; a mean of such
/// processes is one. When segments are told apart, half of the risk of each one-sided metric is the
/// whole's and the other half is divided evenly over the segments.
public enum Judge {
  /// A rollback on evidence needs so many bad events of the candidate.
  ///
  /// Not for validity, which holds at any count, but for common sense.
  public static let minimumBadEvents = 5
  /// So many failed answers of the candidate, one after another, roll back at once.
  public static let breakerFailures = 5
  /// The names of latency's streams.
  public static let latencyStreams = ["p50", "p90", "p99"]

  /// The evidence of every metric that the plan judges, in the plan's order.
  public static func evaluate(_ evidence: RolloutEvidence, plan: Plan) -> [MetricEvidence] {
    plan.metrics.map { judged in
      if judged.metric == .disagreement { return evaluateDisagreement(judged, evidence, plan) }
      let part = riskPartOfWhole(judged.metric, evidence)
      return evaluate(judged, evidence, plan, streams(judged.metric, evidence), riskPart: part)
    }
  }

  /// The names of a metric's streams; none when it has only one.
  static func streamNames(_ metric: Metric, _ evidence: RolloutEvidence) -> [String] {
    switch metric {
    case .errors, .wrongAnswers, .disagreement: []
    case .latency: latencyStreams
    case .predictions: (evidence.profile?.labels ?? []) + ["other"]
    case .confidence, .scores: ["low", "high"]
    }
  }

  /// A metric's counts by stream, each by epoch.
  static func streams(
    _ metric: Metric, _ evidence: RolloutEvidence
  ) -> [[RolloutEvidence.Counts]] {
    switch metric {
    case .errors: return [evidence.epochs.map(\.errors)]
    case .wrongAnswers: return [evidence.epochs.map(\.wrongAnswers)]
    case .latency: return streams(latencyStreams.count, evidence.epochs, \.latency)
    case .predictions:
      return streams(
        streamNames(.predictions, evidence).count, evidence.epochs, \.predictions)
    case .confidence: return streams(2, evidence.epochs, \.confidence)
    case .scores: return streams(2, evidence.epochs, \.scores)
    case .disagreement: return []
    }
  }

  static func streams<Epoch>(
    _ count: Int, _ epochs: [Epoch], _ each: (Epoch) -> [RolloutEvidence.Counts]
  ) -> [[RolloutEvidence.Counts]] {
    (0..<count).map { stream in
      epochs.map { epoch in
        let counts = each(epoch)
        return stream < counts.count ? counts[stream] : .init()
      }
    }
  }

  /// A metric's evidence: the mean over its streams, shown with the counts of the stream that has
  /// the most.
  /// - Parameters:
  ///   - streams: its counts by stream and epoch.
  ///   - riskPart: the part of the metric's risk that this look at it may spend.
  ///   - isWhole: whether these are all requests; copies and promotion know of no segments.
  static func evaluate(
    _ judged: JudgedMetric, _ evidence: RolloutEvidence, _ plan: Plan,
    _ streams: [[RolloutEvidence.Counts]], riskPart: Double, isWhole: Bool = true
  ) -> MetricEvidence {
    let logs = streams.map { logEvidence($0, evidence, judged, plan) }
    let worst = logs.indices.max { logs[$0] < logs[$1] } ?? 0
    var log = EProcess.logMean(logs)
    if isWhole { log = withShadow(log, judged, evidence) }
    let counts = streams.isEmpty ? [] : streams[worst]
    let sum = counts.reduce(RolloutEvidence.Counts(), +)
    let names = streamNames(judged.metric, evidence)
    let share = judged.riskShare * riskPart
    let rollbackAt = plan.rollbackEvidence / share
    return MetricEvidence(
      metric: judged.metric, eValue: EProcess.value(fromLog: log),
      holdAt: plan.holdEvidence / share, rollbackAt: rollbackAt,
      candidateBad: sum.candidateBad, stableBad: sum.stableBad,
      candidateTotal: sum.candidateTotal, stableTotal: sum.stableTotal,
      tolerance: judged.tolerance,
      requestsToVerdict: requestsToVerdict(sum, evidence, judged, rollbackAt, log),
      stream: worst < names.count ? names[worst] : nil,
      promotion: isWhole ? promotionEvidence(judged, evidence, plan) : nil,
      shadow: isWhole ? shadowPairs(judged.metric, evidence, stream: worst) : nil,
      labels: isWhole && judged.metric == .wrongAnswers ? labelRate(evidence, plan: plan) : nil)
  }

  /// The counts as the test takes them: of the epochs in which both versions had traffic.
  static func bets(
    _ counts: [RolloutEvidence.Counts], _ evidence: RolloutEvidence
  ) -> [EProcess.Epoch] {
    zip(evidence.epochs, counts).compactMap { epoch, counts in
      guard epoch.share > 0, epoch.share < 1 else { return nil }
      return EProcess.Epoch(
        shareBasisPoints: epoch.weight, candidateBad: counts.candidateBad,
        stableBad: counts.stableBad, wholeBasisPoints: epoch.whole ?? Split.whole)
    }
  }

  static func logEvidence(
    _ counts: [RolloutEvidence.Counts], _ evidence: RolloutEvidence, _ judged: JudgedMetric,
    _ plan: Plan
  ) -> Double {
    let epochs = bets(counts, evidence)
    let restarts = plan.plannedRestarts
    let more = EProcess.logEvidence(
      epochs, tolerance: judged.tolerance, plannedRestarts: restarts)
    guard judged.metric.isTwoSided else { return more }
    let fewer = EProcess.logEvidenceOfFewer(
      epochs, tolerance: 1 / judged.tolerance, plannedRestarts: restarts)
    return EProcess.logMean([more, fewer])
  }

  private static func requestsToVerdict(
    _ sum: RolloutEvidence.Counts, _ evidence: RolloutEvidence, _ judged: JudgedMetric,
    _ line: Double, _ logValue: Double
  ) -> Int? {
    guard let share = evidence.epochs.last?.share, sum.stableTotal > 0, sum.stableBad > 0 else {
      return nil
    }
    return EProcess.requestsToVerdict(
      share: share, stableRate: Double(sum.stableBad) / Double(sum.stableTotal),
      ratio: 2 * judged.tolerance, tolerance: judged.tolerance, line: line, logEvidence: logValue)
  }
}

extension Plan {
  /// How many of its steps after the first begin another share of both versions, so that the test
  /// may start afresh with each; known before anything was seen, and frozen with the plan.
  public var plannedRestarts: Int {
    max(0, steps.count { $0.weight > 0 && $0.weight < Split.whole } - 1)
  }
}
