import Control
import Core

/// What stands around a running rollout's evidence: since when it is in its phase, what it waits
/// for, what it may still cost, who has to agree.
public struct RolloutFacts: Sendable, Codable, Hashable {
  /// So much of a limit is used.
  public struct Use: Sendable, Codable, Hashable {
    /// How much is used.
    public var used: Int
    /// The limit, 1 or more.
    public var limit: Int

    /// Puts the two together.
    public init(used: Int, limit: Int) {
      self.used = used
      self.limit = limit
    }

    /// The used part, 0 to 1.
    public var fraction: Double { limit > 0 ? min(1, Double(max(0, used)) / Double(limit)) : 1 }
  }

  /// Who has agreed to going on, and who still could.
  public struct Approvals: Sendable, Codable, Hashable {
    /// The step after which it goes on, from 0; nil for its start.
    public var step: Int?
    /// How many have to agree.
    public var wanted: Int
    /// Who has, by login name.
    public var given: [String]
    /// Who may still, of those the plan names; empty when the plan names nobody.
    public var awaited: [String]
    /// The digest of the plan that is agreed to.
    public var plan: Digest?

    /// Puts them together.
    public init(step: Int?, wanted: Int, given: [String], awaited: [String], plan: Digest?) {
      self.step = step
      self.wanted = wanted
      self.given = given
      self.awaited = awaited
      self.plan = plan
    }

    /// Whether enough have agreed.
    public var isComplete: Bool { given.count >= wanted }
  }

  /// When the present phase began.
  public var phaseSince: Timestamp
  /// Whether the present hold ends by itself.
  public var endsByItself: Bool
  /// Whether going on past the present hold takes a reason.
  public var needsReason: Bool
  /// When the present hold ends in a rollback; nil when it may last.
  public var holdEnds: Timestamp?
  /// The weight that comes next; nil at 100 %.
  public var nextWeight: BasisPoints?
  /// The approvals that are wanted where it is now; nil when none.
  public var approvals: Approvals?
  /// The cap on requests before the last step; nil without one.
  public var requests: Use?
  /// The cap on failed and wrong answers before the last step; nil without one.
  public var errors: Use?
  /// First answers that are left out of the judgement; nil once they are over.
  public var warmUp: Use?
  /// Whether a step or a required metric was passed without its evidence.
  public var isUnverified: Bool
  /// What the present step, or all traffic, still waits for, one sentence each.
  public var missing: [String]
  /// Why giving all traffic now would be without evidence; nil when it would not.
  public var promotionGap: String?
  /// Whether the versions get their shares of the requests; nil while nothing was drawn.
  public var sampleRatio: SampleRatioEvidence?

  /// Puts them together.
  public init(
    phaseSince: Timestamp, endsByItself: Bool = false, needsReason: Bool = false,
    holdEnds: Timestamp? = nil, nextWeight: BasisPoints? = nil, approvals: Approvals? = nil,
    requests: Use? = nil, errors: Use? = nil, warmUp: Use? = nil, isUnverified: Bool = false,
    missing: [String] = [], promotionGap: String? = nil, sampleRatio: SampleRatioEvidence? = nil
  ) {
    self.phaseSince = phaseSince
    self.endsByItself = endsByItself
    self.needsReason = needsReason
    self.holdEnds = holdEnds
    self.nextWeight = nextWeight
    self.approvals = approvals
    self.requests = requests
    self.errors = errors
    self.warmUp = warmUp
    self.isUnverified = isUnverified
    self.missing = missing
    self.promotionGap = promotionGap
    self.sampleRatio = sampleRatio
  }
}

extension RolloutFacts {
  /// The facts of a running rollout.
  init(_ rollout: Rollout, _ evidence: RolloutEvidence) {
    let shares = Judge.sampleRatio(evidence)
    let hasStarted = rollout.isStarted
    self.init(
      phaseSince: rollout.phaseSince, endsByItself: rollout.hold?.endsByItself ?? false,
      needsReason: rollout.hold?.needsReason ?? false,
      holdEnds: RolloutFacts.holdEnds(rollout),
      nextWeight: rollout.isSoaking ? nil : rollout.nextStep.map { rollout.plan.steps[$0].weight },
      approvals: rollout.approvalsNow.map {
        Approvals(
          step: $0.step, wanted: $0.wanted, given: $0.given.map(\.name), awaited: $0.awaited,
          plan: rollout.plan.digest)
      },
      requests: rollout.plan.blast?.requests.map {
        Use(used: evidence.candidateRequests, limit: $0)
      },
      errors: rollout.plan.blast?.errors.map {
        Use(used: evidence.candidateBadAnswers, limit: $0)
      },
      warmUp: hasStarted && evidence.candidateRequests < rollout.plan.warmUp
        ? Use(used: evidence.candidateRequests, limit: rollout.plan.warmUp) : nil,
      isUnverified: rollout.isUnverified, missing: VerdictView.missing(rollout, evidence),
      promotionGap: rollout.promotionGap(evidence),
      sampleRatio: shares.candidate + shares.stable > 0 ? shares : nil)
  }

  /// A hold for want of traffic or for a freeze waits without a deadline.
  private static func holdEnds(_ rollout: Rollout) -> Timestamp? {
    guard let hold = rollout.hold, !hold.endsByItself, let deadline = rollout.plan.holdDeadline
    else { return nil }
    return rollout.phaseSince + deadline
  }
}
