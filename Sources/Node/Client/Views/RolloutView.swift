import Control
import Core

/// A rollout as the Canary pane shows it.
public struct RolloutView: Sendable, Codable {
  /// One judged metric's evidence.
  public struct Evidence: Sendable, Codable {
    /// What is judged.
    public var metric: Metric
    /// The e-value now.
    public var eValue: Double
    /// The e-value's hold and rollback lines for this metric.
    public var holdAt: Double
    /// The e-value at which the guard rolls back.
    public var rollbackAt: Double
    /// The candidate's bad events.
    public var candidateBad: Int
    /// The stable's bad events.
    public var stableBad: Int
    /// The candidate's events, good and bad.
    public var candidateTotal: Int
    /// The stable's events, good and bad.
    public var stableTotal: Int
    /// Tolerated ratio.
    public var tolerance: Double
    /// About how many more candidate requests a verdict on twice the tolerated rate takes.
    public var requestsToVerdict: Int?
    /// For metrics of several streams the one whose counts these are: `p50`, a label, `low`.
    public var stream: String?
    /// How certain it is that the candidate is not worse by the plan's margin; nil when the plan
    /// does not ask for it.
    public var promotion: PromotionEvidence?
    /// Whether what the metric is compared by is known; nil from an older node.
    public var isCompared: Bool?
    /// What copies of requests showed, candidate against stable; nil when none were compared.
    public var copies: ShadowEvidence.Pairs?

    /// Puts them together.
    public init(
      metric: Metric, eValue: Double, holdAt: Double, rollbackAt: Double, candidateBad: Int,
      stableBad: Int, candidateTotal: Int, stableTotal: Int, tolerance: Double,
      requestsToVerdict: Int?
    ) {
      self.metric = metric
      self.eValue = eValue
      self.holdAt = holdAt
      self.rollbackAt = rollbackAt
      self.candidateBad = candidateBad
      self.stableBad = stableBad
      self.candidateTotal = candidateTotal
      self.stableTotal = stableTotal
      self.tolerance = tolerance
      self.requestsToVerdict = requestsToVerdict
    }
  }

  /// Its number on the endpoint, from 1.
  public var identifier: Int
  /// The version under test.
  public var candidate: VersionID
  /// The version that a rollback gives the traffic to.
  public var fallback: VersionID
  /// The plan it follows.
  public var plan: Plan
  /// `baking`, `held`, `soaking`, `completed`, `rolled back`, `aborted`, `superseded`.
  public var phase: String
  /// Why it is held, or why it ended; empty otherwise.
  public var cause: String
  /// Index into the plan's steps.
  public var step: Int
  /// The candidate's part of the traffic.
  public var candidateWeight: BasisPoints
  /// Observed time in this step.
  public var observed: TimeSpan
  /// What is left of the step's time; nil when something other than time is waited for.
  public var remaining: TimeSpan?
  /// Candidate requests answered in this step.
  public var stepRequests: Int
  /// Candidate requests answered in the whole rollout.
  public var candidateRequests: Int
  /// What is judged, in the plan's order.
  public var evidence: [Evidence]
  /// When it began.
  public var started: Timestamp
  /// Who began it.
  public var startedBy: ActorID
  /// What stands around the evidence; nil for a rollout that ended, and from an older node.
  public var facts: RolloutFacts?

  /// Puts them together.
  public init(
    identifier: Int, candidate: VersionID, fallback: VersionID, plan: Plan, phase: String,
    cause: String, step: Int, candidateWeight: BasisPoints, observed: TimeSpan,
    remaining: TimeSpan?, stepRequests: Int, candidateRequests: Int, evidence: [Evidence],
    started: Timestamp, startedBy: ActorID
  ) {
    self.identifier = identifier
    self.candidate = candidate
    self.fallback = fallback
    self.plan = plan
    self.phase = phase
    self.cause = cause
    self.step = step
    self.candidateWeight = candidateWeight
    self.observed = observed
    self.remaining = remaining
    self.stepRequests = stepRequests
    self.candidateRequests = candidateRequests
    self.evidence = evidence
    self.started = started
    self.startedBy = startedBy
  }
}

/// What a ramp would do.
public struct RampPreview: Sendable, Codable {
  /// The endpoint concerned.
  public var endpoint: Name
  /// The version under test.
  public var candidate: VersionID
  /// The version that a rollback gives the traffic to.
  public var fallback: VersionID
  /// The plan it follows.
  public var plan: Plan
  /// One sentence a step, with expected requests at the present rate.
  public var steps: [String]
  /// The whole of it in a sentence.
  public var summary: String
  /// Approvals, the judge's lines, caps, earliest times and freezes, one sentence each.
  public var conditions: [String] = []
  /// The steps in figures; nil from an older node.
  public var details: [StepForecast]?
  /// Nil when it can start, else why it would be refused.
  public var refusal: String?

  /// Puts them together.
  public init(
    endpoint: Name, candidate: VersionID, fallback: VersionID, plan: Plan, steps: [String],
    summary: String, refusal: String?
  ) {
    self.endpoint = endpoint
    self.candidate = candidate
    self.fallback = fallback
    self.plan = plan
    self.steps = steps
    self.summary = summary
    self.refusal = refusal
  }
}
