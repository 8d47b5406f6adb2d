import Core

/// One thing that changed, or was said: what the journal keeps a row of.
///
/// It holds everything that ``apply(_:_:)`` needs, so that replaying the journal gives the same
/// state, and everything that a person needs to understand it later.
public struct Event: Sendable, Hashable {
  /// What happened.
  public let body: EventBody
  /// Where; nil for what concerns no endpoint.
  public let endpoint: Name?
  /// Who did it.
  public let actor: ActorID
  /// When it was decided.
  public let time: Timestamp
  /// The reason or symptom given, as typed: text from outside, to be shown through
  /// ``Core/printable(_:limit:)``.
  public let reason: String?
  /// The endpoint's generation afterwards; nil when the event changes none.
  public let generation: Int?
  /// The split before, when the event changes it and there was one.
  public let before: Split?
  /// The split afterwards, when the event changes it.
  public let after: Split?
  /// The freezes that a person went past with it; nil when none held.
  public let override: FreezeOverride?

  /// Puts them together.
  public init(
    body: EventBody, endpoint: Name?, actor: ActorID, time: Timestamp, reason: String? = nil,
    generation: Int? = nil, before: Split? = nil, after: Split? = nil,
    override: FreezeOverride? = nil
  ) {
    self.body = body
    self.endpoint = endpoint
    self.actor = actor
    self.time = time
    self.reason = reason
    self.generation = generation
    self.before = before
    self.after = after
    self.override = override
  }
}

/// What can happen.
///
/// Each case is written to the journal under its ``kind``, which never changes.
public enum EventBody: Sendable, Hashable {
  case versionRegistered(RegisteredVersion)
  case endpointCreated
  case endpointDrained
  case endpointEnabled
  case deployed(DeployedVersion)
  case unloaded(VersionID)
  case split
  case rampStarted(RampStart)
  case held(RolloutChange)
  case resumed(RolloutChange)
  case stepped(RolloutChange)
  case weightSet(RolloutChange)
  case soaking(RolloutChange)
  case promoted(RolloutChange)
  case completed(RolloutChange)
  case rolledBack(Rollback)
  case aborted(Rollback)
  case undone(UndoEntry)
  case noted(String)
  case runbookRun(RunbookRun)
  case freezeAdded(Freeze)
  case freezeRemoved(Freeze)
  case approved(Approval)
  case retraining(RetrainingEvent)
  case registry(RegistryEvent)
  case recordingSet(RecordingChange)
  case actorForgotten(ForgottenActor)
  case candidateDropped(CandidateDrop)
  case retreatStarted(RolloutChange)
  case retreated(RolloutChange)
  case escalated(RolloutChange)
  case holdExtended(RolloutChange)
  case segmentClosed(SegmentClosure)
  case ruleAdded(RouteRule)
  case ruleRemoved(RouteRule)
}

/// One of several candidates that a rollout goes on without.
public struct CandidateDrop: Sendable, Hashable, Codable {
  /// The endpoint's count of rollouts.
  public let rollout: Int
  /// Which one; it is closed.
  public let version: VersionID
  /// Why.
  public let cause: RollbackCause
  /// The leading candidate afterwards.
  public let leads: VersionID
  /// The evidence of the metric that caused it.
  public let metric: MetricEvidence?
  /// All evidence at the time, of the leading candidate before.
  public let evidence: RolloutEvidence
}

/// A segment whose requests go to the stable for the rest of the rollout.
public struct SegmentClosure: Sendable, Hashable, Codable {
  /// The endpoint's count of rollouts.
  public let rollout: Int
  /// What is moved to.
  public let candidate: VersionID
  /// The column that tells segments apart.
  public let column: String
  /// Its value.
  public let segment: String
  /// The evidence of the metric that caused it.
  public let metric: MetricEvidence?
  /// All evidence at the time.
  public let evidence: RolloutEvidence
}

/// A version that was put on an endpoint.
public struct DeployedVersion: Sendable, Hashable, Codable {
  /// Which one.
  public let version: VersionID
  /// Its signature; the first one on an endpoint becomes the endpoint's.
  public let signature: Signature
  /// Whether it had been closed by a rollback and may get weight again.
  public let isReopened: Bool
}

/// A rollout that begins.
public struct RampStart: Sendable, Hashable, Codable {
  /// The endpoint's count of rollouts.
  public let rollout: Int
  /// What is moved to.
  public let candidate: VersionID
  /// Where traffic goes back to.
  public let fallback: VersionID
  /// The frozen plan.
  public let plan: Plan
  /// The stable's latency thresholds; nil while it has answered too little.
  public let thresholds: LatencyThresholds?
  /// Whether it waits for approvals before its first step, without traffic; nil is no.
  public let waits: Bool?
  /// Further candidates with the same weight; nil is none.
  public let rivals: [VersionID]?
  /// Why it has no traffic at first, when it waits for something other than approvals.
  public let hold: HoldCause?
  /// When it begins; nil is at once.
  public let schedule: Timestamp?
  /// Rollouts of other endpoints that have to complete first; nil is none.
  public let dependencies: [RolloutDependency]?
}

/// Where a running rollout is after an event.
public struct RolloutChange: Sendable, Hashable, Codable {
  /// The endpoint's count of rollouts.
  public let rollout: Int
  /// What is moved to.
  public let candidate: VersionID
  /// Where traffic goes back to.
  public let fallback: VersionID
  /// The plan's name.
  public let plan: String
  /// How many steps the plan has.
  public let steps: Int
  /// The step before.
  public let fromStep: Int
  /// The step afterwards.
  public let step: Int
  /// The candidate's weight afterwards.
  public let weight: BasisPoints
  /// The hold that begins or ends.
  public let hold: HoldCause?
  /// Whether a step or a required metric was passed without its evidence.
  public let isUnverified: Bool
  /// Whether the rollout ends with the event.
  public let completes: Bool
  /// The evidence of the metric that caused it.
  public let metric: MetricEvidence?
  /// All evidence at the time.
  public let evidence: RolloutEvidence
  /// The candidate that the hold is about; nil is the leading one.
  public let about: VersionID?
  /// Candidates that are closed because another one was picked; nil is none.
  public let dropped: [VersionID]?
  /// What the step does, when it is no plain canary: `shadow of 50%`.
  public let doing: String?
  /// The gradual rollback that begins.
  public let retreat: Retreat?
  /// Why a rollout that is stuck is to go back.
  public let owed: RollbackCause?
}

/// All traffic going back to a good version.
public struct Rollback: Sendable, Hashable, Codable {
  /// Where it goes.
  public let target: VersionID
  /// The versions that are closed by it.
  public let closed: [VersionID]
  /// Why.
  public let cause: RollbackCause
  /// The rollout that ends with it.
  public let rollout: Int?
  /// The evidence of the metric that caused it.
  public let metric: MetricEvidence?
  /// All evidence at the time.
  public let evidence: RolloutEvidence?
  /// Rules by hand that go with the versions that are closed; nil is none.
  public let rules: [Name]?
}

/// A runbook that was run.
public struct RunbookRun: Sendable, Hashable, Codable {
  /// Its name.
  public let runbook: String
  /// How it ended.
  public let outcome: String
  /// What was checked and done.
  public let steps: [String]
}
