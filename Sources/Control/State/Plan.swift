import Core

/// What the judge compares between candidate and stable.
public enum Metric: String, Sendable, Codable, CaseIterable {
  /// The request's version failed to answer by itself (error, timeout, non-finite output).
  case errors
  /// A late label showed that the answer was wrong.
  case wrongAnswers = "wrong_answers"
  /// The answer was slower than a quantile of the stable's latency before the rollout.
  case latency
  /// Each class is answered about as often, up or down.
  case predictions
  /// The model is about as sure of its answers: neither more often below the stable's 5th
  /// percentile of confidence nor above its 95th.
  case confidence
  /// The same of the score itself.
  case scores
  /// On copied requests the candidate answers otherwise than the stable, more often than a second
  /// copy of the stable does, by more than a limit.
  case disagreement

  /// Whether a difference in either direction counts against the candidate.
  public var isTwoSided: Bool {
    switch self {
    case .errors, .wrongAnswers, .latency, .disagreement: false
    case .predictions, .confidence, .scores: true
    }
  }
}

/// One metric that a plan has judged, with what the operator tolerates.
public struct JudgedMetric: Sendable, Hashable, Codable {
  /// Which metric.
  public let metric: Metric
  /// The tolerated ratio of bad-event rates, candidate to stable, at least 1 (rho-zero).
  public let tolerance: Double
  /// The part of the risk budget that this metric may spend, over 0 to 1; a plan's parts sum to 1.
  public let riskShare: Double
  /// For ``Metric/disagreement`` the share of answers that may differ, over 0 and under 1, on top
  /// of what a copy of the stable differs from it.
  ///
  /// Nil is ``defaultLimit``; other metrics have none.
  public let limit: Double?

  /// The limit of disagreement of metrics that do not say it.
  public static let defaultLimit = 0.02

  /// Puts them together.
  public init(metric: Metric, tolerance: Double, riskShare: Double, limit: Double? = nil) {
    self.metric = metric
    self.tolerance = tolerance
    self.riskShare = riskShare
    self.limit = limit
  }
}

/// One step of a plan: a weight, and what must have been seen before the next.
public struct PlanStep: Sendable, Hashable, Codable {
  /// Each candidate's weight during the step: its share of the requests, for a shadow step of the
  /// copies, 0 for a preview.
  public let weight: BasisPoints
  /// How much observed time the step takes; time without traffic does not count.
  public let hold: TimeSpan
  /// How many requests the candidate must have answered in the step.
  public let minRequests: Int
  /// Whether the next step waits for a person.
  public let needsApproval: Bool
  /// How many people, none of them the author, the next step waits for; nil when any one person may
  /// resume.
  public let approvals: Int?
  /// What the step does with the candidates; nil is ``Strategy/canary``.
  public let strategy: Strategy?
  /// Which requests take part; nil is all.
  ///
  /// The others go to the stable and are no evidence, and the
  /// weight is the share among those that take part.
  public let rule: RequestRule?

  /// Puts them together; a step with `approvals` needs approval.
  public init(
    weight: BasisPoints, hold: TimeSpan, minRequests: Int = 0, needsApproval: Bool = false,
    approvals: Int? = nil, strategy: Strategy? = nil, rule: RequestRule? = nil
  ) {
    self.strategy = strategy
    self.rule = rule
    self.weight = weight
    self.hold = hold
    self.minRequests = minRequests
    self.needsApproval = needsApproval || approvals != nil
    self.approvals = approvals
  }

  /// What the step does with the candidates.
  public var kind: Strategy { strategy ?? .canary }
  /// The weight that callers' requests are routed by: 0 while no answer of a candidate leaves.
  public var trafficWeight: BasisPoints { kind.hasTraffic ? weight : 0 }
  /// What it does, when it is no plain canary: `shadow of 50%`, `10% of carrier=AA`.
  public var doing: String? {
    let about = rule.map { " of \(printable($0.description, limit: 200))" } ?? ""
    switch kind {
    case .canary: return rule == nil ? nil : "\(percentText(weight))\(about)"
    case .shadow: return "shadow of \(percentText(weight))\(about)"
    case .preview: return "preview"
    case .abTest: return "A/B at \(percentText(weight))\(about)"
    }
  }
  /// Whether callers' requests of every kind can reach the candidates.
  public var isOpen: Bool { kind.hasTraffic && rule == nil }
}

/// What must be certain before a candidate gets all traffic: that it is not worse than the stable
/// by more than a margin.
public struct PromotionRule: Sendable, Hashable, Codable {
  /// The ratio of bad-event rates, candidate to stable, that must be excluded; over 1.
  public let margin: Double
  /// The probability that a candidate at the margin is let through, over all metrics.
  public let risk: Double

  /// Puts the two together.
  public init(margin: Double = 1.5, risk: Double = 0.05) {
    self.margin = margin
    self.risk = risk
  }
}

/// Ordered steps that move an endpoint from its stable to a candidate; a value, frozen when a
/// rollout starts.
public struct Plan: Sendable, Hashable, Codable {
  /// The plan's name, as `standard-launch`.
  public let name: String
  /// One sentence for people.
  public let summary: String
  /// The steps, with rising weights, the last of them 100 %.
  public let steps: [PlanStep]
  /// The judged metrics; empty means that nothing guards the ramp.
  public let metrics: [JudgedMetric]
  /// An answer counts as slow when it is slower than the stable's quantile by more than this, so
  /// that a model that takes microseconds longer is not called worse.
  public let latencySlack: TimeSpan
  /// The guard holds when evidence reaches `1 / holdRisk`.
  public let holdRisk: Double
  /// The guard rolls back when evidence reaches `1 / rollbackRisk`.
  public let rollbackRisk: Double
  /// How long both versions stay watched and loaded after 100 %.
  public let soak: TimeSpan
  /// How long a hold may last until the guard rolls back; nil is for ever.
  ///
  /// A hold for want of traffic has no deadline.
  public let holdDeadline: TimeSpan?
  /// Who has to agree before the first step; nil when nobody has to.
  public let approvals: ApprovalRule?
  /// What the rollout may cost before its last step; nil is no cap.
  public let blast: BlastCap?
  /// What must be certain before all traffic; nil asks for nothing.
  public let promotion: PromotionRule?
  /// What the candidate must show before the first step; nil asks for nothing.
  public let requirements: [Requirement]?
  /// ``warmUp`` when the plan says it; plans of older journals do not.
  let warmUpAnswers: Int?
  /// What a hold does with the weight, and its deadline; nil keeps the weight and rolls back.
  public let holdPolicy: HoldPolicy?
  /// Parts of the requests that are judged apart as well; nil is none.
  public let segments: PlanSegments?
  /// Another tool's rule in the place of the sequential test; nil is that test.
  ///
  /// The breaker and the caps act in any case.
  public let judge: ComparisonRule?
  /// Endpoints whose running rollouts must have completed before the first step.
  public let after: [Name]?

  /// Puts them together; see ``validate()`` for what is legal.
  public init(
    name: String, summary: String, steps: [PlanStep], metrics: [JudgedMetric],
    holdRisk: Double = 0.05, rollbackRisk: Double = 0.01, soak: TimeSpan = .zero,
    holdDeadline: TimeSpan? = nil, latencySlack: TimeSpan = .milliseconds(5),
    approvals: ApprovalRule? = nil, blast: BlastCap? = nil,
    promotion: PromotionRule? = nil, warmUp: Int? = nil, holdPolicy: HoldPolicy? = nil,
    segments: PlanSegments? = nil, judge: ComparisonRule? = nil, after: [Name]? = nil,
    requirements: [Requirement]? = nil
  ) {
    self.name = name
    self.summary = summary
    self.steps = steps
    self.metrics = metrics
    self.holdRisk = holdRisk
    self.rollbackRisk = rollbackRisk
    self.soak = soak
    self.holdDeadline = holdDeadline
    self.latencySlack = latencySlack
    self.approvals = approvals
    self.blast = blast
    self.promotion = promotion
    warmUpAnswers = warmUp
    self.holdPolicy = holdPolicy
    self.segments = segments
    self.judge = judge
    self.after = after
    self.requirements = requirements
  }

  /// The same plan after the rollouts of other endpoints.
  public func following(_ endpoints: [Name]) -> Plan {
    Plan(
      name: name, summary: summary, steps: steps, metrics: metrics, holdRisk: holdRisk,
      rollbackRisk: rollbackRisk, soak: soak, holdDeadline: holdDeadline,
      latencySlack: latencySlack, approvals: approvals, blast: blast, promotion: promotion,
      warmUp: warmUpAnswers, holdPolicy: holdPolicy, segments: segments, judge: judge,
      after: endpoints.isEmpty ? nil : endpoints, requirements: requirements)
  }

  /// Until the candidate has given so many answers nothing of either arm is judged.
  ///
  /// The first answers of a cold instance say little of it, and leaving out the candidate's alone
  /// would make its share smaller than drawn. Its failures still count for the breaker.
  public var warmUp: Int { warmUpAnswers ?? Plan.defaultWarmUp }
  /// ``warmUp`` of plans that do not say it.
  public static let defaultWarmUp = 200

  /// The evidence at which the guard holds (20 by default).
  public var holdEvidence: Double { 1 / holdRisk }
  /// The evidence at which the guard rolls back (100 by default).
  public var rollbackEvidence: Double { 1 / rollbackRisk }
}
