import Core

/// What was seen of one segment of the requests, as `carrier` AA.
///
/// The arm is drawn whatever the segment, so within each the same test holds with the same shares.
public struct SegmentEvidence: Sendable, Hashable, Codable {
  /// What was seen while the weight stayed the same; the weight is that of the evidence's epoch with
  /// the same number.
  public struct Epoch: Sendable, Hashable, Codable {
    /// Failed answers.
    public internal(set) var errors = RolloutEvidence.Counts()
    /// Labels that showed a wrong answer.
    public internal(set) var wrongAnswers = RolloutEvidence.Counts()
    /// Answers slower than the stable's p50, p90 and p99.
    public internal(set) var latency = [
      RolloutEvidence.Counts(), RolloutEvidence.Counts(), RolloutEvidence.Counts(),
    ]

    init() {}
  }

  /// The value of the plan's column that the segment's requests have.
  public let segment: String
  /// Oldest first; there may be fewer than the evidence has, the rest being empty.
  public internal(set) var epochs: [Epoch] = []

  init(segment: String) { self.segment = segment }

  /// Adds events of a one-sided metric; other metrics are not told apart by segment.
  mutating func add(
    _ metric: Metric, _ arm: RolloutEvidence.Arm, bad: Int, total: Int, epoch: Int, stream: Int
  ) {
    while epochs.count <= epoch { epochs.append(Epoch()) }
    switch metric {
    case .errors: epochs[epoch].errors.add(arm, bad: bad, total: total)
    case .wrongAnswers: epochs[epoch].wrongAnswers.add(arm, bad: bad, total: total)
    case .latency: epochs[epoch].latency.add(stream, arm, bad: bad, total: total)
    case .predictions, .confidence, .scores, .disagreement: break
    }
  }
}

extension RolloutEvidence {
  /// The most segments that are told apart.
  public static let segmentsMax = 8

  /// Fixes which segments are told apart, at the beginning of a rollout: the risk is divided among
  /// them, so they must not be chosen by what was seen.
  ///
  /// Segments beyond ``segmentsMax`` are left out. A second call changes nothing.
  public mutating func judgeSegments(_ segments: [String]) {
    guard self.segments == nil, !segments.isEmpty else { return }
    self.segments = segments.prefix(RolloutEvidence.segmentsMax).map {
      SegmentEvidence(segment: $0)
    }
    updateRivals { $0.judgeSegments(segments) }
  }

  /// Adds events to a segment, when there is such a segment.
  mutating func addToSegment(
    _ segment: Int?, _ metric: Metric, _ arm: Arm, bad: Int, total: Int, epoch: Int,
    stream: Int = 0
  ) {
    guard let segment, segments?.indices.contains(segment) ?? false, epochs.indices.contains(epoch)
    else { return }
    segments?[segment].add(metric, arm, bad: bad, total: total, epoch: epoch, stream: stream)
  }
}
