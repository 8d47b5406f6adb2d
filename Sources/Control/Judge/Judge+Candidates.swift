import Core
import Statistics

/// What is known of one segment of the requests.
public struct SegmentVerdict: Sendable, Hashable, Codable {
  /// The value of the plan's column that its requests have.
  public let segment: String
  /// The judged metrics that are told apart by segment, in the plan's order.
  public let metrics: [MetricEvidence]

  /// The metric that is nearest to its rollback line.
  public var worst: MetricEvidence? {
    metrics.max { $0.eValue / $0.rollbackAt < $1.eValue / $1.rollbackAt }
  }
  /// The metric for which the segment is to be closed; nil while there is none.
  public var breach: MetricEvidence? { metrics.first(where: \.isBreach) }
  /// The metric that is over its hold line; nil while there is none.
  public var suspect: MetricEvidence? { metrics.first(where: \.isSuspect) }
}

/// What is known of one further candidate.
public struct RivalVerdict: Sendable, Hashable, Codable {
  /// Which version.
  public let version: VersionID
  /// The judged metrics, in the plan's order.
  public let metrics: [MetricEvidence]
  /// Whether it got its share.
  public let sampleRatio: SampleRatioEvidence
  /// Its failed answers one after another, up to now.
  public let consecutiveFailures: Int

  /// Whether it is to be dropped at once for failing again and again.
  public var isBroken: Bool { consecutiveFailures >= Judge.breakerFailures }
  /// The metric for which it is to be dropped; nil while there is none.
  public var breach: MetricEvidence? { metrics.first(where: \.isBreach) }
}

extension Metric {
  /// Whether it is told apart by segment.
  public var isBySegment: Bool {
    switch self {
    case .errors, .wrongAnswers, .latency: true
    case .predictions, .confidence, .scores, .disagreement: false
    }
  }
}

extension Judge {
  /// The part of a metric's risk that the whole may spend, the segments having the rest.
  static func riskPartOfWhole(_ metric: Metric, _ evidence: RolloutEvidence) -> Double {
    guard metric.isBySegment, !(evidence.segments ?? []).isEmpty else { return 1 }
    return 0.5
  }

  /// What is known of each segment, the worst first.
  ///
  /// Over all segments and the whole together a good candidate breaches with a probability of at
  /// most the plan's risk: the segments were fixed beforehand and share half of it evenly.
  public static func segments(_ evidence: RolloutEvidence, plan: Plan) -> [SegmentVerdict] {
    let segments = evidence.segments ?? []
    let verdicts = segments.map { segment in
      let metrics = plan.metrics.filter { $0.metric.isBySegment }.map { judged in
        evaluate(
          judged, evidence, plan, streams(judged.metric, segment, evidence),
          riskPart: 0.5 / Double(segments.count), isWhole: false)
      }
      return SegmentVerdict(segment: segment.segment, metrics: metrics)
    }
    return verdicts.enumerated().sorted { a, b in
      let (x, y) = (nearness(a.element), nearness(b.element))
      return x == y ? a.offset < b.offset : x > y
    }.map(\.element)
  }

  private static func nearness(_ verdict: SegmentVerdict) -> Double {
    verdict.worst.map { $0.eValue / $0.rollbackAt } ?? 0
  }

  private static func streams(
    _ metric: Metric, _ segment: SegmentEvidence, _ evidence: RolloutEvidence
  ) -> [[RolloutEvidence.Counts]] {
    let epochs = evidence.epochs.indices.map { index in
      index < segment.epochs.count ? segment.epochs[index] : SegmentEvidence.Epoch()
    }
    switch metric {
    case .errors: return [epochs.map(\.errors)]
    case .wrongAnswers: return [epochs.map(\.wrongAnswers)]
    case .latency: return streams(latencyStreams.count, epochs, \.latency)
    case .predictions, .confidence, .scores, .disagreement: return []
    }
  }

  /// What is known of each further candidate, in their order.
  ///
  /// Each is judged like the leading one, with the plan's whole risk: a good candidate is dropped
  /// with a probability of at most that risk, however many rivals it has.
  public static func rivals(_ evidence: RolloutEvidence, plan: Plan) -> [RivalVerdict] {
    (evidence.rivals ?? []).map { rival in
      RivalVerdict(
        version: rival.version, metrics: evaluate(rival.evidence, plan: plan),
        sampleRatio: sampleRatio(rival.evidence),
        consecutiveFailures: rival.evidence.consecutiveFailures)
    }
  }
}
