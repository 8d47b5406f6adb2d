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

  /// A further candidate, or a part of the requests: its strongest evidence against its lines.
  public struct Part: Sendable, Codable, Hashable {
    /// The version, or the segment's value.
    public var name: String
    /// The metric with the most evidence; nil when nothing is judged.
    public var metric: Metric?
    /// Its e-value.
    public var eValue: Double
    /// Where it is held, or this part alone is suspect.
    public var holdAt: Double
    /// Where this part alone is closed or dropped.
    public var endsAt: Double
    /// Whether it was closed.
    public var isClosed: Bool

    /// Puts them together.
    public init(
      name: String, metric: Metric?, eValue: Double, holdAt: Double, endsAt: Double,
      isClosed: Bool = false
    ) {
      self.name = name
      self.metric = metric
      self.eValue = eValue
      self.holdAt = holdAt
      self.endsAt = endsAt
      self.isClosed = isClosed
    }

    /// A part by the metric that is nearest to its line.
    init(_ name: String, _ worst: MetricEvidence?, isClosed: Bool = false) {
      self.init(
        name: name, metric: worst?.metric, eValue: worst?.eValue ?? 1,
        holdAt: worst?.holdAt ?? 20, endsAt: worst?.rollbackAt ?? 100, isClosed: isClosed)
    }
  }

  /// A further candidate.
  public struct Rival: Sendable, Codable, Hashable {
    /// Which version.
    public var version: VersionID
    /// Its strongest evidence.
    public var part: Part

    /// Puts the two together.
    public init(version: VersionID, part: Part) {
      self.version = version
      self.part = part
    }
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
  /// What the present step does with the candidates; nil from an older node.
  public var strategy: Strategy?
  /// Which requests take part in the present step; nil is all.
  public var rule: String?
  /// Further candidates; nil is none.
  public var rivals: [Rival]?
  /// Parts of the requests that are judged apart, the worst first; nil is none.
  public var segments: [Part]?
  /// What another tool's rule says, when the plan lets it judge.
  public var comparison: String?
  /// The gradual rollback that is under way, in words.
  public var retreat: String?
  /// Copies compared and how many of their answers differed; nil when none were made.
  public var copies: Use?

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
      warmUp: hasStarted && rollout.planStep.kind.hasTraffic
        && evidence.candidateRequests < rollout.plan.warmUp
        ? Use(used: evidence.candidateRequests, limit: rollout.plan.warmUp) : nil,
      isUnverified: rollout.isUnverified, missing: VerdictView.missing(rollout, evidence),
      promotionGap: rollout.promotionGap(evidence),
      sampleRatio: shares.candidate + shares.stable > 0 ? shares : nil)
    strategy = hasStarted ? rollout.planStep.kind : nil
    rule = hasStarted ? rollout.planStep.rule.map { "\($0)" } : nil
    let rivals = Judge.rivals(evidence, plan: rollout.plan)
    self.rivals = rollout.rivals.map { known in
      known.map { rival in
        let worst = rivals.first { $0.version == rival.version }?.metrics.max {
          $0.eValue / $0.rollbackAt < $1.eValue / $1.rollbackAt
        }
        return Rival(version: rival.version, part: Part(rival.version.short, worst))
      }
    }
    if evidence.segments != nil {
      let closed = Set(rollout.closedSegments ?? [])
      segments = Judge.segments(evidence, plan: rollout.plan).map {
        Part($0.segment, $0.worst, isClosed: closed.contains($0.segment))
      }
    }
    comparison = Judge.comparison(evidence, plan: rollout.plan).map {
      "\($0.judge): \($0.sentence)"
    }
    retreat = rollout.retreat.map {
      "from \(percentText($0.from)) to 0% in \($0.moves) moves over \($0.over)"
    }
    copies = evidence.shadow.map { shadow in
      Use(
        used: shadow.disagreements.candidate,
        limit: max(1, shadow.disagreements.total))
    }
  }

  /// A hold for want of traffic or for a freeze waits without a deadline.
  private static func holdEnds(_ rollout: Rollout) -> Timestamp? {
    guard let hold = rollout.hold, !hold.endsByItself, let deadline = rollout.plan.holdDeadline
    else { return nil }
    return rollout.phaseSince + deadline
  }
}
