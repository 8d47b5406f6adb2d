import Core

/// Why a rollout stands still.
///
/// The guard goes on watching; only the step clock waits.
public enum HoldCause: Sendable, Hashable {
  /// A person paused it.
  case `operator`
  /// The guard found a metric's evidence over the hold line.
  case suspect(Metric)
  /// The step is done and its plan wants a person to agree.
  case approval
  /// All traffic would come next, and a judged metric has not been seen on both arms.
  case inconclusive(Metric)
  /// The arms got other shares of the requests than were drawn, so nothing can be compared.
  case sampleRatio
  /// No traffic came.
  case noData
  /// The node was down for long.
  case recovered
  /// A freeze holds; it goes on by itself when that ends.
  case freeze
  /// The candidate has answered as many requests as the plan lets it before the last step; it has
  /// no traffic until a person lets it go on.
  case budgetSpent

  /// Whether going on past it overrides the guard, which takes a reason.
  public var isGuard: Bool {
    switch self {
    case .suspect, .inconclusive, .sampleRatio: true
    case .operator, .approval, .noData, .recovered, .freeze, .budgetSpent: false
    }
  }

  /// Whether going on past it takes a reason.
  public var needsReason: Bool { isGuard || self == .budgetSpent }

  /// Whether it ends by itself, so that a person may still pause.
  public var endsByItself: Bool { self == .noData || self == .freeze }

  /// In words: `wrong answers look worse`.
  public var words: String {
    switch self {
    case .operator: "paused by hand"
    case .suspect(let metric): "suspect: more \(metric.words) than tolerated"
    case .approval: "waits for approval"
    case .inconclusive(let metric): "inconclusive: not enough seen of \(metric.words)"
    case .sampleRatio: "requests are not shared out as drawn, so nothing is judged"
    case .noData: "no traffic"
    case .recovered: "the node was down"
    case .freeze: "frozen"
    case .budgetSpent: "its share of requests is spent"
    }
  }
}

/// Why a rollout was rolled back.
public enum RollbackCause: Sendable, Hashable {
  /// A person did it.
  case `operator`
  /// A metric's evidence reached the rollback line.
  case evidence(Metric)
  /// The candidate failed several times without an answer between.
  case breaker
  /// A hold lasted longer than the plan allows.
  case holdDeadline
  /// The candidate failed or was wrong as often as the plan lets it before the last step.
  case budget
  /// A person started another rollout in its place.
  case superseded
}

/// How a rollout ended.
public enum RolloutEnd: String, Sendable, Codable {
  /// The candidate is the stable now.
  case completed
  /// The guard or a person took the traffic back.
  case rolledBack = "rolled-back"
  /// A person aborted it.
  case aborted
  /// A newer version took its place.
  case superseded

  /// As people read it.
  public var words: String { self == .rolledBack ? "rolled back" : rawValue }
}

/// The moving of an endpoint from its stable to a candidate, by a plan.
public struct Rollout: Sendable, Hashable, Codable {
  /// Where it is.
  public enum Phase: Sendable, Hashable {
    /// In a step, watched, the clock running.
    case baking
    /// Standing still.
    case held(HoldCause)
    /// At 100 % past the last step; both versions loaded and watched.
    case soaking
  }

  /// The endpoint's count of rollouts, from 1.
  public let id: Int
  /// What is moved to.
  public let candidate: VersionID
  /// Where traffic goes back to.
  public let fallback: VersionID
  /// The frozen plan.
  public let plan: Plan
  /// Index into the plan's steps.
  public internal(set) var step: Int
  /// The candidate's weight now.
  public internal(set) var weight: BasisPoints
  /// Weight changes so far: the present epoch of the evidence.
  public internal(set) var epoch: Int
  /// Starts of the step clock so far.
  public internal(set) var stage: Int
  /// Whether the last step is done.
  public internal(set) var isSoaking: Bool
  /// Why it stands still; nil when it does not.
  public internal(set) var hold: HoldCause?
  /// When the present phase began.
  public internal(set) var phaseSince: Timestamp
  /// Whether a person agreed to go on from the present step.
  public internal(set) var isStepApproved: Bool
  /// Metrics whose hold a person overrode or certainty ended; the rollback line still stands.
  public internal(set) var overridden: [Metric]
  /// Whether its first step has begun; before that the candidate has no traffic.
  public internal(set) var isStarted: Bool
  /// Who agreed to what.
  public internal(set) var approvals: [GivenApproval]
  /// Periods of freezes that a person let it go on in.
  public internal(set) var freezesPassed: [FreezeReference]
  /// Whether a person let it go on past its cap on requests.
  public internal(set) var isBlastPassed: Bool
  /// Whether a person went on although the arms' shares were not as drawn; nil is no.
  public internal(set) var acceptsSampleRatio: Bool?
  /// Whether a step or a required metric was passed without its evidence.
  public internal(set) var isUnverified: Bool
  /// The evidence as of the last event; a restarted node goes on from here.
  public internal(set) var evidence: RolloutEvidence
  /// When it began.
  public let started: Timestamp
  /// Who began it.
  public let startedBy: ActorID

  /// Where it is.
  public var phase: Phase {
    if let hold { return .held(hold) }
    return isSoaking ? .soaking : .baking
  }
  /// `baking`, `held` or `soaking`.
  public var phaseWord: String {
    switch phase {
    case .baking: "baking"
    case .held: "held"
    case .soaking: "soaking"
    }
  }
  /// The present step.
  public var planStep: PlanStep { plan.steps[min(max(0, step), plan.steps.count - 1)] }
  /// Whether the present step is the plan's last.
  public var isLastStep: Bool { step >= plan.steps.count - 1 }
  /// The step that comes next: the first later one with more weight than now; the last one itself
  /// when a weight set by hand is below it; nil at 100 %.
  public var nextStep: Int? {
    if weight >= Split.whole { return nil }
    if !isStarted { return 0 }
    return plan.steps.indices.first { $0 > step && plan.steps[$0].weight > weight }
      ?? plan.steps.count - 1
  }
  /// How much observed time the present step (or the soak) takes.
  public var clock: TimeSpan { isSoaking ? plan.soak : planStep.hold }

  /// What is left of the step's time; nil while something other than time is waited for.
  public func remaining(_ evidence: RolloutEvidence) -> TimeSpan? {
    guard hold == nil, evidence.rollout == id, evidence.stage == stage,
      evidence.stepObserved < clock
    else { return nil }
    return clock - evidence.stepObserved
  }
}

/// What is kept of a rollout that ended.
public struct EndedRollout: Sendable, Hashable, Codable {
  /// The endpoint's count of rollouts.
  public let id: Int
  /// What was moved to.
  public let candidate: VersionID
  /// Where traffic went back to, or came from.
  public let fallback: VersionID
  /// The plan's name.
  public let plan: String
  /// How it ended.
  public let end: RolloutEnd
  /// The weight that it had reached.
  public let weight: BasisPoints
  /// Requests that the candidate answered.
  public let candidateRequests: Int
  /// Whether a step or a required metric was passed without its evidence.
  public let isUnverified: Bool
  /// When it began.
  public let started: Timestamp
  /// When it ended.
  public let ended: Timestamp
  /// Who began it.
  public let startedBy: ActorID
  /// Who ended it.
  public let endedBy: ActorID
  /// What ended it, in a sentence.
  public let summary: String
  /// The frozen plan, to try again by.
  public let frozenPlan: Plan?
}

extension HoldCause: Codable {
  /// Encodes as one string: `suspect:errors`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(code)
  }
  /// Decodes from that string.
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    let (word, metric) = splitCode(text)
    switch (word, metric) {
    case ("operator", nil): self = .operator
    case ("approval", nil): self = .approval
    case ("no-data", nil): self = .noData
    case ("sample-ratio", nil): self = .sampleRatio
    case ("recovered", nil): self = .recovered
    case ("freeze", nil): self = .freeze
    case ("budget-spent", nil): self = .budgetSpent
    case ("suspect", let metric?): self = .suspect(metric)
    case ("inconclusive", let metric?): self = .inconclusive(metric)
    default: throw InvalidValue("\"\(printable(text))\" is no cause of a hold")
    }
  }

  private var code: String {
    switch self {
    case .operator: "operator"
    case .suspect(let metric): "suspect:\(metric.rawValue)"
    case .approval: "approval"
    case .inconclusive(let metric): "inconclusive:\(metric.rawValue)"
    case .noData: "no-data"
    case .sampleRatio: "sample-ratio"
    case .recovered: "recovered"
    case .freeze: "freeze"
    case .budgetSpent: "budget-spent"
    }
  }
}

extension RollbackCause: Codable {
  /// Encodes as one string: `evidence:errors`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .operator: try container.encode("operator")
    case .evidence(let metric): try container.encode("evidence:\(metric.rawValue)")
    case .breaker: try container.encode("breaker")
    case .holdDeadline: try container.encode("hold-deadline")
    case .budget: try container.encode("budget")
    case .superseded: try container.encode("superseded")
    }
  }
  /// Decodes from that string.
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    switch splitCode(text) {
    case ("operator", nil): self = .operator
    case ("evidence", let metric?): self = .evidence(metric)
    case ("breaker", nil): self = .breaker
    case ("hold-deadline", nil): self = .holdDeadline
    case ("budget", nil): self = .budget
    case ("superseded", nil): self = .superseded
    default: throw InvalidValue("\"\(printable(text))\" is no cause of a rollback")
    }
  }
}

/// `suspect:errors` in its two parts.
private func splitCode(_ text: String) -> (String, Metric?) {
  let parts = text.split(separator: ":", maxSplits: 1)
  return (String(parts.first ?? ""), parts.count == 2 ? Metric(rawValue: String(parts[1])) : nil)
}
