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

/// What has been seen of a rollout: integers only, so that a verdict can be computed again,
/// anywhere, from what the journal holds.
///
/// The node collects it, one value a rollout. Rules for the collector:
/// - Count only requests whose arm was drawn: no pinned, forced or synthetic ones, and of a request
///   that fell back to the stable only the first leg.
/// - Where the key decides the arm, count only the first request of a key in the rollout: later
///   ones are not independent of it.
/// - Leave out the first answers of a cold instance, by count; they still count for the breaker
///   (``recordWarmUp(failed:)``).
/// - Count an event in the epoch in which its request was *routed*, however late it comes.
public struct RolloutEvidence: Sendable, Hashable, Codable {
  /// Which side of the comparison answered.
  public enum Arm: String, Sendable, Codable, CaseIterable {
    case candidate, stable
  }

  /// Events of one kind on both arms.
  public struct Counts: Sendable, Hashable, Codable {
    /// Bad events of the candidate.
    public var candidateBad = 0
    /// Bad events of the stable.
    public var stableBad = 0
    /// Good and bad events of the candidate.
    public var candidateTotal = 0
    /// Good and bad events of the stable.
    public var stableTotal = 0

    /// Nothing seen.
    public init() {}

    mutating func add(_ arm: Arm, bad: Int, total: Int) {
      let total = max(0, total)
      let bad = min(max(0, bad), total)
      switch arm {
      case .candidate:
        candidateBad = saturated(candidateBad, bad)
        candidateTotal = saturated(candidateTotal, total)
      case .stable:
        stableBad = saturated(stableBad, bad)
        stableTotal = saturated(stableTotal, total)
      }
    }

    static func + (a: Counts, b: Counts) -> Counts {
      var sum = a
      sum.add(.candidate, bad: b.candidateBad, total: b.candidateTotal)
      sum.add(.stable, bad: b.stableBad, total: b.stableTotal)
      return sum
    }
  }

  /// A period with one weight.
  public struct Epoch: Sendable, Hashable, Codable {
    /// The candidate's share among candidate and stable, basis points.
    public let weight: BasisPoints
    /// Failed answers.
    public var errors = Counts()
    /// Labels that showed a wrong answer.
    public var wrongAnswers = Counts()
    /// Answers slower than the stable's p50, p90 and p99.
    public var latency = [Counts(), Counts(), Counts()]

    init(weight: BasisPoints) { self.weight = weight }
  }

  /// The rollout's identifier: evidence is never mixed between rollouts.
  public let rollout: Int
  /// Periods of constant weight, oldest first; never empty.
  public private(set) var epochs: [Epoch]
  /// The latency thresholds; nil while latency is not judged.
  public private(set) var thresholds: LatencyThresholds?
  /// Which run of the step clock this is; see ``Rollout/stage``.
  public private(set) var stage: Int
  /// Time with traffic in the present step.
  public private(set) var stepObserved: TimeSpan
  /// Requests that the candidate answered in the present step.
  public private(set) var stepCandidateRequests: Int
  /// Requests that the candidate answered in the whole rollout.
  public private(set) var candidateRequests: Int
  /// Time since the last traffic.
  public private(set) var idle: TimeSpan
  /// Candidate answers that failed one after another, up to now.
  public private(set) var consecutiveFailures: Int

  /// The evidence of a rollout that begins now with `weight`.
  public static func begin(
    rollout: Int = 0, weight: BasisPoints, thresholds: LatencyThresholds? = nil
  ) -> RolloutEvidence {
    RolloutEvidence(rollout: rollout, weight: weight, thresholds: thresholds)
  }

  private init(rollout: Int, weight: BasisPoints, thresholds: LatencyThresholds?) {
    self.rollout = rollout
    epochs = [Epoch(weight: weight)]
    self.thresholds = thresholds
    stage = 0
    stepObserved = .zero
    stepCandidateRequests = 0
    candidateRequests = 0
    idle = .zero
    consecutiveFailures = 0
  }

  /// The present epoch's number, from 0.
  public var epoch: Int { epochs.count - 1 }

  /// Begins a period with another weight, and the step clock anew.
  public mutating func beginEpoch(weight: BasisPoints) {
    epochs.append(Epoch(weight: weight))
    beginStage()
  }

  /// Starts the step clock anew at the same weight, for the soak.
  public mutating func beginStage() {
    stage += 1
    stepObserved = .zero
    stepCandidateRequests = 0
  }

  /// Brings live evidence to where the rollout is, after an event changed its weight or step.
  public mutating func follow(_ rollout: Rollout) {
    guard self.rollout == rollout.id else {
      self = rollout.evidence
      return
    }
    while epochs.count <= rollout.epoch {
      // Epochs are bounded by the plan and ``ControlLimits/manualWeightChangesMax``.
      epochs.append(Epoch(weight: rollout.weight))
    }
    if stage != rollout.stage {
      stage = rollout.stage
      stepObserved = .zero
      stepCandidateRequests = 0
    }
  }

  /// Fixes the latency thresholds, once; see ``LatencyThresholds``.
  public mutating func judgeLatency(by thresholds: LatencyThresholds) {
    if self.thresholds == nil { self.thresholds = thresholds }
  }
}

extension RolloutEvidence {
  /// Adds events of one kind.
  ///
  /// Latency has three streams; `quantile` says which (0: p50, 1: p90, 2: p99) and other metrics
  /// ignore it.
  /// - Parameters:
  ///   - bad: how many of `count` were bad.
  ///   - epoch: where the requests were routed; nil is the present one. An epoch that never was is
  ///     ignored.
  public mutating func record(
    metric: Metric, arm: Arm, bad: Int, count: Int, epoch: Int? = nil, quantile: Int = 0
  ) {
    let index = epoch ?? self.epoch
    guard epochs.indices.contains(index) else { return }
    switch metric {
    case .errors: epochs[index].errors.add(arm, bad: bad, total: count)
    case .wrongAnswers: epochs[index].wrongAnswers.add(arm, bad: bad, total: count)
    case .latency:
      guard epochs[index].latency.indices.contains(quantile) else { return }
      epochs[index].latency[quantile].add(arm, bad: bad, total: count)
    }
  }

  /// Counts one answer: its outcome, its time against the thresholds, the breaker, the step.
  ///
  /// The time of a failed answer is not judged; its failure is.
  public mutating func recordAnswer(
    _ arm: Arm, failed: Bool, latencyMicroseconds: Int, epoch: Int? = nil
  ) {
    record(metric: .errors, arm: arm, bad: failed ? 1 : 0, count: 1, epoch: epoch)
    if let thresholds, !failed {
      for (quantile, limit) in thresholds.all.enumerated() {
        record(
          metric: .latency, arm: arm, bad: latencyMicroseconds > limit ? 1 : 0, count: 1,
          epoch: epoch, quantile: quantile)
      }
    }
    if arm == .candidate { countCandidate(failed: failed) }
  }

  /// Counts a late label of an answer that was routed in `epoch`.
  public mutating func recordLabel(_ arm: Arm, wrong: Bool, epoch: Int? = nil) {
    record(metric: .wrongAnswers, arm: arm, bad: wrong ? 1 : 0, count: 1, epoch: epoch)
  }

  /// Counts a candidate's answer that is left out of the judgement (a cold instance, a later
  /// request of the same key): for the breaker and the step only.
  public mutating func recordWarmUp(failed: Bool) { countCandidate(failed: failed) }

  /// Adds a time in which the endpoint had traffic.
  public mutating func observedTime(add span: TimeSpan) {
    guard span > .zero else { return }
    stepObserved = TimeSpan(
      microseconds: saturated(stepObserved.microseconds, span.microseconds))
    idle = .zero
  }

  /// Adds a time without traffic; it does not count for the step.
  public mutating func idleTime(add span: TimeSpan) {
    guard span > .zero else { return }
    idle = TimeSpan(microseconds: saturated(idle.microseconds, span.microseconds))
  }

  private mutating func countCandidate(failed: Bool) {
    stepCandidateRequests = saturated(stepCandidateRequests, 1)
    candidateRequests = saturated(candidateRequests, 1)
    consecutiveFailures = failed ? saturated(consecutiveFailures, 1) : 0
  }
}

/// The sum, or the greatest number where it would overflow.
func saturated<Number: FixedWidthInteger>(_ a: Number, _ b: Number) -> Number {
  let (sum, overflow) = a.addingReportingOverflow(b)
  return overflow ? Number.max : sum
}
