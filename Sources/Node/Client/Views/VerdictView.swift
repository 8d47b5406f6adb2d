import Control
import Core

/// A rollout's verdict explained: what was counted, what it means, what is missing.
public struct VerdictView: Sendable, Codable {
  /// The endpoint.
  public let endpoint: Name
  /// The rollout's number on it.
  public let rollout: Int
  /// The version under test.
  public let candidate: VersionID
  /// What it is compared with.
  public let fallback: VersionID
  /// The plan's name.
  public let plan: String
  /// `baking`, `held`, `soaking`, or how it ended.
  public let phase: String
  /// Why it is held or why it ended; empty otherwise.
  public let cause: String
  /// Index into the plan's steps.
  public let step: Int
  /// How many there are.
  public let steps: Int
  /// The candidate's part of the traffic.
  public let weight: BasisPoints
  /// Requests that the candidate answered.
  public let candidateRequests: Int
  /// How many of its first answers are left out.
  public let warmUp: Int
  /// Whether the arms got their shares.
  public let sampleRatio: SampleRatioEvidence
  /// What is judged, in the plan's order.
  public let metrics: [MetricVerdict]
  /// What is known of each segment, the worst first; nil when none are told apart.
  public let segments: [SegmentVerdict]?
  /// What is known of each further candidate; nil when there are none.
  public let rivals: [RivalVerdict]?
  /// What another tool's rule says, when the plan lets it decide.
  public let comparison: ComparisonVerdict?
  /// Copies of requests that were lost for want of room; nil when none were made.
  public let droppedCopies: Int?
  /// What the present step, or all traffic, still waits for; empty when nothing.
  public let missing: [String]
  /// The streams of the metrics that have several; nil from an older node.
  public let streams: [StreamEvidence]?
  /// Segments whose requests go to the stable for the rest of the rollout.
  public let closedSegments: [String]?

  /// Whether the warm-up is over, so that answers are judged.
  public var isWarm: Bool { candidateRequests >= warmUp }

  /// The verdict of a rollout by its evidence.
  /// - Parameter ended: how it ended and why; nil while it runs.
  init(
    _ rollout: Rollout, _ evidence: RolloutEvidence, endpoint: Name,
    ended: (words: String, summary: String)? = nil
  ) {
    self.endpoint = endpoint
    self.rollout = rollout.id
    candidate = rollout.candidate
    fallback = rollout.fallback
    plan = rollout.plan.name
    phase = ended?.words ?? rollout.phaseWord
    cause = ended?.summary ?? rollout.hold?.words ?? ""
    step = rollout.step
    steps = rollout.plan.steps.count
    weight = rollout.weight
    candidateRequests = evidence.candidateRequests
    warmUp = rollout.plan.warmUp
    sampleRatio = Judge.sampleRatio(evidence)
    metrics = Judge.verdicts(evidence, plan: rollout.plan)
    let segments = Judge.segments(evidence, plan: rollout.plan)
    self.segments = segments.isEmpty ? nil : segments
    let rivals = Judge.rivals(evidence, plan: rollout.plan)
    self.rivals = rivals.isEmpty ? nil : rivals
    comparison = Judge.comparison(evidence, plan: rollout.plan)
    droppedCopies = evidence.shadow?.dropped
    missing = ended == nil ? VerdictView.missing(rollout, evidence) : []
    streams = Judge.streams(evidence, plan: rollout.plan)
    closedSegments = rollout.closedSegments
  }

  /// What the present step, or all traffic, still waits for.
  static func missing(_ rollout: Rollout, _ evidence: RolloutEvidence) -> [String] {
    var missing: [String] = []
    if let gap = rollout.stepGap(evidence) { missing.append(gap) }
    // A step without callers' requests warms nothing up, and judges copies at once.
    if evidence.candidateRequests < rollout.plan.warmUp, rollout.planStep.kind.hasTraffic {
      missing.append(
        "the candidate has given \(evidence.candidateRequests) of \(rollout.plan.warmUp) warm-up "
          + "answers: answers are not judged yet")
    }
    let metrics = Judge.evaluate(evidence, plan: rollout.plan)
    if let labels = metrics.lazy.compactMap(\.labels).first(where: \.isSuspect) {
      missing.append(labels.sentence)
    }
    if let shadow = evidence.shadow, shadow.unclonedPairs > 0,
      metrics.contains(where: { $0.metric == .disagreement && $0.candidateTotal == 0 })
    {
      missing.append("no clone of the stable answers copies: disagreement is not judged")
    }
    if rollout.weight < Split.whole, let gap = rollout.wholeTrafficGap(evidence) {
      missing.append("before 100%: \(gap)")
    }
    return missing
  }
}
