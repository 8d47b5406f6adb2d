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
  /// It begins at a time.
  case scheduled(Timestamp)
  /// A candidate is not loaded and probed yet; it has no traffic.
  case warming
  /// Several candidates are left before all traffic: a person picks one.
  case choice
  /// Something is wrong on the node that is no candidate's fault.
  case incident
  /// The node cannot bear more load.
  case capacity
  /// The step has had its time many times over and has not seen its requests.
  case lowTraffic
  /// Another endpoint's rollout must complete first.
  case dependency(Name)
  /// No good version is ready to take traffic back: it stays where it is until one is, or a person
  /// decides.
  case stuck

  /// Whether going on past it overrides the guard, which takes a reason.
  public var isGuard: Bool {
    switch self {
    case .suspect, .inconclusive, .sampleRatio: true
    case .operator, .approval, .noData, .recovered, .freeze, .budgetSpent: false
    case .scheduled, .warming, .choice, .incident, .capacity, .lowTraffic, .dependency: false
    case .stuck: false
    }
  }

  /// Whether going on past it takes a reason.
  public var needsReason: Bool {
    switch self {
    case .budgetSpent, .incident, .capacity, .dependency, .stuck: true
    default: isGuard
    }
  }

  /// Whether it ends by itself, so that a person may still pause.
  public var endsByItself: Bool {
    switch self {
    case .noData, .freeze, .scheduled, .warming, .incident, .capacity, .lowTraffic, .dependency,
      .stuck:
      true
    case .operator, .suspect, .approval, .inconclusive, .sampleRatio, .recovered, .budgetSpent,
      .choice:
      false
    }
  }

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
    case .scheduled(let time): "begins at \(FreezeWindow.text(time))Z"
    case .warming: "candidates are being loaded and probed"
    case .choice: "several candidates are left: pick one"
    case .incident: "something is wrong that is no candidate's fault"
    case .capacity: "the node cannot bear more load"
    case .lowTraffic: "too little traffic for the step's requests"
    case .dependency(let name): "the rollout of \(name) has to complete first"
    case .stuck: "no good version is ready to go back to"
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
  /// A candidate was not loaded and probed in time.
  case warming
  /// A candidate with traffic is not loaded any more, or its probe failed.
  case unready
  /// Another tool's rule said so.
  case comparison
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
    /// Giving its traffic back little by little.
    case rollingBack
  }

  /// The endpoint's count of rollouts, from 1.
  public let id: Int
  /// What is moved to; the leading one when there are several.
  public internal(set) var candidate: VersionID
  /// Where traffic goes back to.
  public let fallback: VersionID
  /// The frozen plan.
  public let plan: Plan
  /// Index into the plan's steps.
  public internal(set) var step: Int
  /// Each candidate's weight now: of all requests, or of those that the step's rule is about.
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
  /// The evidence's ``RolloutEvidence/watched`` at that time; nil in journals of older builds.
  public internal(set) var phaseWatched: TimeSpan?
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
  /// Further candidates with the same weight; nil is none.
  public internal(set) var rivals: [Rival]?
  /// The gradual rollback that is under way.
  public internal(set) var retreat: Retreat?
  /// When it begins, when a person set a time.
  public internal(set) var schedule: Timestamp?
  /// Segments whose requests go to the stable for the rest of the rollout.
  public internal(set) var closedSegments: [String]?
  /// Rollouts of other endpoints that have to complete before the first step.
  public internal(set) var dependencies: [RolloutDependency]?
  /// The weight that the present hold lowered, to be given back.
  public internal(set) var heldWeight: BasisPoints?
  /// The candidate that the present hold is about; nil is the leading one.
  public internal(set) var heldCandidate: VersionID?
  /// Whether people were alarmed because the present hold lasts too long; nil is no.
  public internal(set) var isEscalated: Bool?
  /// Whether the present hold was given one more deadline; nil is no.
  public internal(set) var isExtended: Bool?
  /// Why a stuck rollout is to go back.
  public internal(set) var owedRollback: RollbackCause?
  /// Answers of candidates that were dropped; nil is none.
  public internal(set) var droppedRequests: Int?
  /// Failed and wrong answers of candidates that were dropped; nil is none.
  public internal(set) var droppedBadAnswers: Int?

  /// All candidates, the leading one first.
  public var candidates: [VersionID] { [candidate] + (rivals ?? []).map(\.version) }

  /// Where it is.
  public var phase: Phase {
    if let hold { return .held(hold) }
    if retreat != nil { return .rollingBack }
    return isSoaking ? .soaking : .baking
  }
  /// `scheduled`, `warming`, `baking`, `held`, `soaking`, `rolling back` or `stuck`.
  public var phaseWord: String {
    switch phase {
    case .baking: "baking"
    case .held(.scheduled): "scheduled"
    case .held(.warming): "warming"
    case .held(.stuck): "stuck"
    case .held: "held"
    case .soaking: "soaking"
    case .rollingBack: "rolling back"
    }
  }
  /// The present step.
  public var planStep: PlanStep { plan.steps[min(max(0, step), plan.steps.count - 1)] }
  /// Whether the present step is the plan's last.
  public var isLastStep: Bool { step >= plan.steps.count - 1 }
  /// The step that comes next: the first later one that is about other requests or has more weight
  /// than now; the last one itself when a weight set by hand is below it; nil at 100 %.
  public var nextStep: Int? {
    if hasAllTraffic { return nil }
    if !isStarted { return 0 }
    return plan.steps.indices.first { index in
      let next = plan.steps[index]
      guard index > step else { return false }
      return !next.kind.hasTraffic || !planStep.kind.hasTraffic || next.rule != planStep.rule
        || next.weight > weight
    } ?? plan.steps.count - 1
  }
  /// How much observed time the present step (or the soak) takes.
  public var clock: TimeSpan { isSoaking ? plan.soak : planStep.hold }

  /// How long the present phase has lasted: the time that it was watched, whatever the clock on the
  /// wall did.
  public func phaseLasted(_ evidence: RolloutEvidence, now: Timestamp) -> TimeSpan {
    guard let phaseWatched else { return now - phaseSince }
    return max(.zero, (evidence.watched ?? .zero) - phaseWatched)
  }

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
  /// Further candidates that were left at its end; nil is none.
  public let rivals: [VersionID]?
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
    if let cause = try HoldCause(detailed: text) {
      self = cause
      return
    }
    let (word, metric) = splitCode(text)
    switch (word, metric) {
    case ("operator", nil): self = .operator
    case ("approval", nil): self = .approval
    case ("no-data", nil): self = .noData
    case ("sample-ratio", nil): self = .sampleRatio
    case ("recovered", nil): self = .recovered
    case ("freeze", nil): self = .freeze
    case ("budget-spent", nil): self = .budgetSpent
    case ("warming", nil): self = .warming
    case ("choice", nil): self = .choice
    case ("incident", nil): self = .incident
    case ("capacity", nil): self = .capacity
    case ("low-traffic", nil): self = .lowTraffic
    case ("stuck", nil): self = .stuck
    case ("suspect", let metric?): self = .suspect(metric)
    case ("inconclusive", let metric?): self = .inconclusive(metric)
    default: throw InvalidValue("\"\(printable(text))\" is no cause of a hold")
    }
  }

  /// A cause whose code has a detail: `scheduled:1700000000000000`, `dependency:flights`.
  private init?(detailed text: String) throws(InvalidValue) {
    if text.hasPrefix("scheduled:"), let time = Int64(text.dropFirst(10)) {
      self = .scheduled(Timestamp(microseconds: time))
    } else if text.hasPrefix("dependency:") {
      self = .dependency(try Name(String(text.dropFirst(11))))
    } else {
      return nil
    }
  }

  /// The word under which the journal keeps it: `suspect:errors`.
  public var code: String {
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
    case .scheduled(let time): "scheduled:\(time.microseconds)"
    case .warming: "warming"
    case .choice: "choice"
    case .incident: "incident"
    case .capacity: "capacity"
    case .lowTraffic: "low-traffic"
    case .dependency(let name): "dependency:\(name)"
    case .stuck: "stuck"
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
    case .warming: try container.encode("warming")
    case .unready: try container.encode("unready")
    case .comparison: try container.encode("comparison")
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
    case ("warming", nil): self = .warming
    case ("unready", nil): self = .unready
    case ("comparison", nil): self = .comparison
    default: throw InvalidValue("\"\(printable(text))\" is no cause of a rollback")
    }
  }
}

/// `suspect:errors` in its two parts.
private func splitCode(_ text: String) -> (String, Metric?) {
  let parts = text.split(separator: ":", maxSplits: 1)
  return (String(parts.first ?? ""), parts.count == 2 ? Metric(rawValue: String(parts[1])) : nil)
}
