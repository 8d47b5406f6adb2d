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

  /// Whether the evidence is over the hold line.
  public var isSuspect: Bool { eValue >= holdAt }
  /// Whether it is certain that the candidate is not worse by the plan's margin.
  public var isCertified: Bool { promotion?.isCertain ?? false }
  /// Whether the evidence is over the rollback line and there are enough events for it.
  public var isBreach: Bool {
    eValue >= rollbackAt && candidateBad >= Judge.minimumBadEvents
  }
  /// Whether anything was seen on both arms.
  public var isSeen: Bool { candidateTotal > 0 && stableTotal > 0 }

  /// `wrong answers, E 131 at 214 labels`.
  public var sentence: String {
    "\(metric.words), E \(evidenceText(eValue)) at \(candidateTotal) "
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
/// processes is one.
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
    plan.metrics.map { evaluate($0, evidence, plan) }
  }

  private static func evaluate(
    _ judged: JudgedMetric, _ evidence: RolloutEvidence, _ plan: Plan
  ) -> MetricEvidence {
    switch judged.metric {
    case .errors:
      let counts = evidence.epochs.map(\.errors)
      let value = withShadow(logEvidence(counts, evidence, judged), judged, evidence)
      return result(judged, plan, evidence, counts, logValue: value, stream: nil)
    case .wrongAnswers:
      let counts = evidence.epochs.map(\.wrongAnswers)
      let value = withShadow(logEvidence(counts, evidence, judged), judged, evidence)
      return result(judged, plan, evidence, counts, logValue: value, stream: nil)
    case .latency:
      return evaluate(judged, evidence, plan, \.latency)
    case .predictions: return evaluate(judged, evidence, plan, \.predictions)
    case .confidence: return evaluate(judged, evidence, plan, \.confidence)
    case .scores: return evaluate(judged, evidence, plan, \.scores)
    case .disagreement: return evaluateDisagreement(judged, evidence, plan)
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

  /// A metric of several streams: the mean of their evidence, shown with the counts of the stream
  /// that has the most.
  private static func evaluate(
    _ judged: JudgedMetric, _ evidence: RolloutEvidence, _ plan: Plan,
    _ streams: (RolloutEvidence.Epoch) -> [RolloutEvidence.Counts]
  ) -> MetricEvidence {
    let names = streamNames(judged.metric, evidence)
    var logs: [Double] = []
    var counts: [[RolloutEvidence.Counts]] = []
    for stream in names.indices {
      let seen = evidence.epochs.map { epoch in
        streams(epoch).indices.contains(stream) ? streams(epoch)[stream] : .init()
      }
      counts.append(seen)
      logs.append(logEvidence(seen, evidence, judged))
    }
    let worst = logs.indices.max { logs[$0] < logs[$1] } ?? 0
    return result(
      judged, plan, evidence, counts[worst],
      logValue: withShadow(EProcess.logMean(logs), judged, evidence), stream: names[worst])
  }

  /// The counts as the test takes them.
  static func bets(
    _ counts: [RolloutEvidence.Counts], _ evidence: RolloutEvidence
  ) -> [EProcess.Epoch] {
    zip(evidence.epochs, counts).map { epoch, counts in
      EProcess.Epoch(
        shareBasisPoints: epoch.weight, candidateBad: counts.candidateBad,
        stableBad: counts.stableBad, wholeBasisPoints: epoch.whole ?? Split.whole)
    }
  }

  static func logEvidence(
    _ counts: [RolloutEvidence.Counts], _ evidence: RolloutEvidence, _ judged: JudgedMetric
  ) -> Double {
    let epochs = bets(counts, evidence)
    let more = EProcess.logEvidence(epochs, tolerance: judged.tolerance)
    guard judged.metric.isTwoSided else { return more }
    let fewer = EProcess.logEvidenceOfFewer(epochs, tolerance: 1 / judged.tolerance)
    return EProcess.logMean([more, fewer])
  }

  private static func result(
    _ judged: JudgedMetric, _ plan: Plan, _ evidence: RolloutEvidence,
    _ counts: [RolloutEvidence.Counts], logValue: Double, stream: String?
  ) -> MetricEvidence {
    let sum = counts.reduce(RolloutEvidence.Counts(), +)
    let rollbackAt = plan.rollbackEvidence / judged.riskShare
    return MetricEvidence(
      metric: judged.metric, eValue: EProcess.value(fromLog: logValue),
      holdAt: plan.holdEvidence / judged.riskShare, rollbackAt: rollbackAt,
      candidateBad: sum.candidateBad, stableBad: sum.stableBad,
      candidateTotal: sum.candidateTotal, stableTotal: sum.stableTotal,
      tolerance: judged.tolerance,
      requestsToVerdict: requestsToVerdict(sum, evidence, judged, rollbackAt, logValue),
      stream: stream, promotion: promotionEvidence(judged, evidence, plan))
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
