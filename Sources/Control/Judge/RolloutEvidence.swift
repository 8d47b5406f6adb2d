import Core

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
    /// The candidate's weight, basis points.
    public let weight: BasisPoints
    /// What candidate and stable get together, basis points; nil is everything.
    ///
    /// Less when the rollout has rivals: the candidate's share among itself and the stable is
    /// ``weight`` over it.
    public internal(set) var whole: BasisPoints?
    /// Failed answers.
    public var errors = Counts()
    /// Labels that showed a wrong answer.
    public var wrongAnswers = Counts()
    /// Answers slower than the stable's p50, p90 and p99.
    public var latency = [Counts(), Counts(), Counts()]
    /// Answers of each class of ``StableProfile/labels``, and last of any other.
    public var predictions: [Counts] = []
    /// Answers with a confidence below and above the stable's usual range.
    public var confidence = [Counts(), Counts()]
    /// Answers with a score below and above the stable's usual range.
    public var scores = [Counts(), Counts()]

    /// Drawn requests, as totals: their arms must have been drawn at ``weight``.
    public var drawn = Counts()

    init(weight: BasisPoints, whole: BasisPoints? = nil) {
      self.weight = weight
      self.whole = whole
    }

    /// The candidate's share among itself and the stable, 0 to 1.
    var share: Double { Double(weight) / Double(whole ?? Split.whole) }
  }

  /// The rollout's identifier: evidence is never mixed between rollouts.
  public let rollout: Int
  /// Periods of constant weight, oldest first; never empty.
  public internal(set) var epochs: [Epoch]
  /// The latency thresholds; nil while latency is not judged.
  public internal(set) var thresholds: LatencyThresholds?
  /// What the stable usually answers; nil while answers are not compared.
  public internal(set) var profile: StableProfile?
  /// Which run of the step clock this is; see ``Rollout/stage``.
  public internal(set) var stage: Int
  /// Time with traffic in the present step.
  public internal(set) var stepObserved: TimeSpan
  /// Requests that the candidate answered in the present step.
  public internal(set) var stepCandidateRequests: Int
  /// Requests that the candidate answered in the whole rollout.
  public internal(set) var candidateRequests: Int
  /// Time since the last traffic.
  public internal(set) var idle: TimeSpan
  /// Time that the rollout was watched, with or without traffic and in every phase: what the clock
  /// on the wall does, which may jump, does not change it; nil in evidence of older builds.
  public internal(set) var watched: TimeSpan?
  /// Candidate answers that failed one after another, up to now.
  public internal(set) var consecutiveFailures: Int
  /// Further candidates of the rollout with what was seen of them; nil when there are none.
  public internal(set) var rivals: [RivalEvidence]?
  /// What copied requests came to; nil while none was copied.
  public internal(set) var shadow: ShadowEvidence?
  /// The segments that are told apart, fixed at the beginning; nil when none are.
  public internal(set) var segments: [SegmentEvidence]?
  /// What a rule of another tool has seen, when the plan lets one decide.
  public internal(set) var comparison: ComparisonEvidence?

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
    let whole = RolloutEvidence.whole(weight: weight, rivals: rivals?.count ?? 0)
    epochs.append(Epoch(weight: weight, whole: whole))
    updateRivals { $0.epochs.append(Epoch(weight: weight, whole: whole)) }
    beginStage()
  }

  /// Starts the step clock anew at the same weight, for the soak.
  public mutating func beginStage() {
    stage += 1
    stepObserved = .zero
    stepCandidateRequests = 0
    updateRivals { $0.beginStage() }
  }

  /// Brings live evidence to where the rollout is, after an event changed its weight, its step or
  /// its candidates.
  public mutating func follow(_ rollout: Rollout) {
    guard self.rollout == rollout.id else {
      self = rollout.evidence
      return
    }
    // A rival leads now, or was left out.
    if rivalIndex(of: rollout.candidate) != nil { lead(by: rollout.candidate) }
    let left = rollout.rivals ?? []
    rivals?.removeAll { rival in !left.contains { $0.version == rival.version } }
    if rivals?.isEmpty ?? false { rivals = nil }
    follow(rollout, rivals: rivals?.count ?? 0)
    updateRivals { $0.follow(rollout, rivals: left.count) }
  }

  private mutating func follow(_ rollout: Rollout, rivals: Int) {
    while epochs.count <= rollout.epoch {
      // Epochs are bounded by the plan and ``ControlLimits/manualWeightChangesMax``.
      let whole = RolloutEvidence.whole(weight: rollout.weight, rivals: rivals)
      epochs.append(Epoch(weight: rollout.weight, whole: whole))
    }
    if stage != rollout.stage {
      stage = rollout.stage
      stepObserved = .zero
      stepCandidateRequests = 0
    }
  }

  /// How much was counted of every candidate; only ever rises while they stay the same.
  public var eventsCounted: Int {
    let own = epochs.reduce(candidateRequests) { sum, epoch in
      sum + epoch.errors.candidateTotal + epoch.errors.stableTotal
        + epoch.wrongAnswers.candidateTotal + epoch.wrongAnswers.stableTotal
    }
    let copies = shadow.map { $0.pairs + $0.wrongAnswers.total } ?? 0
    return (rivals ?? []).reduce(own + copies) { $0 + $1.evidence.eventsCounted }
  }

  /// What a started node goes on from: the evidence that was `saved` beside the journal, unless it
  /// is of another rollout or the journal's last event knew more.
  ///
  /// Both are compared as evidence of the candidates that are left: what was seen of one that was
  /// dropped since says nothing about what is missing of the others.
  public static func resumed(_ saved: RolloutEvidence, in rollout: Rollout) -> RolloutEvidence {
    guard saved.rollout == rollout.id else { return rollout.evidence }
    var resumed = saved
    resumed.follow(rollout)
    return resumed.eventsCounted >= rollout.evidence.eventsCounted ? resumed : rollout.evidence
  }

  /// Fixes what the stable usually answers, once; see ``StableProfile``.
  public mutating func judgeAnswers(by profile: StableProfile) {
    if self.profile == nil { self.profile = profile }
    updateRivals { $0.judgeAnswers(by: profile) }
  }

  /// Fixes the latency thresholds, once; see ``LatencyThresholds``.
  public mutating func judgeLatency(by thresholds: LatencyThresholds) {
    if self.thresholds == nil { self.thresholds = thresholds }
    updateRivals { $0.judgeLatency(by: thresholds) }
  }
}
