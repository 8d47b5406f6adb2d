import Core
import Statistics

/// One stream of a metric that has several: a latency quantile, a class, a side of the usual range.
public struct StreamEvidence: Sendable, Hashable, Codable {
  /// The metric it belongs to.
  public let metric: Metric
  /// Its name: `p99`, a label, `low`.
  public let stream: String
  /// Its own evidence; the metric's is the mean over its streams.
  public let eValue: Double
  /// Bad events of the candidate.
  public let candidateBad: Int
  /// All events of the candidate.
  public let candidateTotal: Int
  /// Bad events of the stable.
  public let stableBad: Int
  /// All events of the stable.
  public let stableTotal: Int
}

extension Judge {
  /// Every stream of the judged metrics that have more than one, in the plan's order.
  public static func streams(_ evidence: RolloutEvidence, plan: Plan) -> [StreamEvidence] {
    plan.metrics.flatMap { judged in
      streamNames(judged.metric, evidence).enumerated().map { index, name in
        let counts = evidence.epochs.map { epoch -> RolloutEvidence.Counts in
          let streams = epoch.streams(of: judged.metric)
          return streams.indices.contains(index) ? streams[index] : .init()
        }
        let sum = counts.reduce(RolloutEvidence.Counts(), +)
        return StreamEvidence(
          metric: judged.metric, stream: name,
          eValue: EProcess.value(fromLog: logEvidence(counts, evidence, judged, plan)),
          candidateBad: sum.candidateBad, candidateTotal: sum.candidateTotal,
          stableBad: sum.stableBad, stableTotal: sum.stableTotal)
      }
    }
  }
}

extension RolloutEvidence.Epoch {
  /// The counts of a metric's streams; none when it has only one.
  fileprivate func streams(of metric: Metric) -> [RolloutEvidence.Counts] {
    switch metric {
    case .latency: latency
    case .predictions: predictions
    case .confidence: confidence
    case .scores: scores
    default: []
    }
  }
}
