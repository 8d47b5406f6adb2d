import Core

/// The answer times of the stable that no more than 50, 10 and 1 % of its answers exceeded before
/// the rollout.
///
/// Whoever measures them adds the plan's ``Plan/latencySlack`` to each; here an answer is slow when
/// it takes longer than the number given, and nothing is added again.
///
/// Fixed from at least ``minimumAnswers`` answers of the stable. While there are fewer, latency is
/// not judged; once there are enough the thresholds are set, and only answers routed from then on
/// count. That is still valid: the thresholds are known before each answer they are applied to.
public struct LatencyThresholds: Sendable, Hashable, Codable {
  /// How many answers of the stable are needed to fix them.
  public static let minimumAnswers = 5_000
  /// Microseconds that half of the stable's answers exceed.
  public let p50Microseconds: Int
  /// Microseconds that a tenth exceed.
  public let p90Microseconds: Int
  /// Microseconds that a hundredth exceed.
  public let p99Microseconds: Int

  /// Puts the three together.
  public init(p50Microseconds: Int, p90Microseconds: Int, p99Microseconds: Int) {
    self.p50Microseconds = p50Microseconds
    self.p90Microseconds = p90Microseconds
    self.p99Microseconds = p99Microseconds
  }

  /// The three, in order.
  public var all: [Int] { [p50Microseconds, p90Microseconds, p99Microseconds] }
}

/// What the stable usually answered before the rollout.
///
/// Fixed from at least ``LatencyThresholds/minimumAnswers`` answers, like the latency thresholds
/// and with the same consequence: only answers routed from then on count.
public struct StableProfile: Sendable, Hashable, Codable {
  /// The most labels that are followed one by one.
  public static let labelsMax = 16

  /// Values that the stable seldom leaves.
  public struct Range: Sendable, Hashable, Codable {
    /// A twentieth of the stable's values are below.
    public let low: Double
    /// A twentieth are above.
    public let high: Double

    /// Puts the two together.
    public init(low: Double, high: Double) {
      self.low = low
      self.high = high
    }
  }

  /// The labels that the stable gave most often, at most ``labelsMax``.
  public let labels: [String]
  /// The range of its scores; nil when it gives none.
  public let scoreRange: Range?
  /// The range of its confidence; nil when it has none.
  public let confidenceRange: Range?
  /// Whether the score is the probability of one of two classes, so that the confidence is the
  /// greater of it and its complement; else the score itself is the confidence.
  public let isTwoClass: Bool

  /// Puts them together; labels beyond ``labelsMax`` are left to "any other".
  public init(
    labels: [String], scoreRange: Range?, confidenceRange: Range?, isTwoClass: Bool = false
  ) {
    self.labels = Array(labels.prefix(StableProfile.labelsMax))
    self.scoreRange = scoreRange
    self.confidenceRange = confidenceRange
    self.isTwoClass = isTwoClass
  }

  /// How sure the model was of an answer with this score.
  public func confidence(ofScore score: Double) -> Double {
    isTwoClass ? max(score, 1 - score) : score
  }

  /// One stream a label, and one for any other.
  var streamCount: Int { labels.isEmpty ? 0 : labels.count + 1 }
}
