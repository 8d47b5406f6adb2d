import Core

/// What is known of the retraining of one endpoint's model by one policy.
public struct RetrainingState: Sendable, Hashable, Codable {
  /// The policy's name.
  public let policy: Name
  /// The endpoint whose traffic is learnt from.
  public internal(set) var endpoint: Name
  /// Runs so far.
  public internal(set) var runs: Int
  /// The run that goes on now.
  public internal(set) var running: RetrainingBegin?
  /// When the last run began: cool-downs count from there.
  public internal(set) var lastBegan: Timestamp
  /// Up to when recorded rows were learnt from; nil before the first version was made.
  public internal(set) var learntThrough: Timestamp?
  /// The newest ended runs, newest first.
  public internal(set) var ended: [EndedRetraining]
}

/// A run that ended.
public struct EndedRetraining: Sendable, Hashable, Codable {
  /// The run.
  public let began: RetrainingBegin
  /// When it began.
  public let start: Timestamp
  /// Who began it.
  public let by: ActorID
  /// How it ended.
  public let result: RetrainingResult
}

/// A version that retraining made and that waits for a person.
public struct RetrainingProposal: Sendable, Hashable, Codable {
  /// The endpoint that it is for.
  public let endpoint: Name
  /// The version.
  public let version: VersionID
  /// The plan of its ramp.
  public let plan: String
  /// The policy that made it.
  public let policy: Name
  /// When it was proposed.
  public let time: Timestamp
}

extension ControlLimits {
  /// Ended runs kept in the state of one policy; the journal keeps all.
  public static let endedRetrainingsMax = 16
  /// Policies of one node.
  public static let retrainingPoliciesMax = 200
  /// Proposals that wait.
  public static let retrainingProposalsMax = 200
}

/// All of a node's retraining.
public struct RetrainingBook: Sendable, Hashable, Codable {
  /// By policy.
  public internal(set) var policies: [RetrainingState] = []
  /// What waits for a person, oldest first.
  public internal(set) var proposals: [RetrainingProposal] = []

  /// Nothing was ever retrained.
  public init() {}

  /// What is known of a policy.
  public func state(of policy: Name) -> RetrainingState? {
    policies.first { $0.policy == policy }
  }

  /// What is proposed for an endpoint, newest last.
  public func proposals(for endpoint: Name) -> [RetrainingProposal] {
    proposals.filter { $0.endpoint == endpoint }
  }

  mutating func fold(_ change: RetrainingEvent, _ event: Event) {
    switch change {
    case .began(let begin): fold(begin, event)
    case .ended(let end): fold(end, event)
    case .declined(let version):
      proposals.removeAll { $0.version == version && $0.endpoint == event.endpoint }
    }
  }

  private mutating func fold(_ begin: RetrainingBegin, _ event: Event) {
    var state =
      state(of: begin.policy)
      ?? RetrainingState(
        policy: begin.policy, endpoint: begin.endpoint, runs: 0, running: nil,
        lastBegan: event.time, learntThrough: nil, ended: [])
    state.endpoint = begin.endpoint
    state.runs = begin.run
    state.running = begin
    state.lastBegan = event.time
    policies.removeAll { $0.policy == begin.policy }
    let place = policies.firstIndex { $0.policy > begin.policy } ?? policies.count
    policies.insert(state, at: place)
  }

  private mutating func fold(_ end: RetrainingEnd, _ event: Event) {
    guard let index = policies.firstIndex(where: { $0.policy == end.began.policy }),
      policies[index].running?.run == end.began.run
    else { return }
    let start = policies[index].lastBegan
    policies[index].running = nil
    policies[index].ended.insert(
      EndedRetraining(began: end.began, start: start, by: event.actor, result: end.result), at: 0)
    policies[index].ended = Array(
      policies[index].ended.prefix(ControlLimits.endedRetrainingsMax))
    guard let version = end.result.version else { return }
    if let through = end.result.through { policies[index].learntThrough = through }
    guard end.result.outcome == .proposed, let plan = end.result.plan else { return }
    proposals.removeAll { $0.version == version }
    proposals.append(
      RetrainingProposal(
        endpoint: end.began.endpoint, version: version, plan: plan, policy: end.began.policy,
        time: event.time))
    if proposals.count > ControlLimits.retrainingProposalsMax { proposals.removeFirst() }
  }

  /// A version that gets a ramp or is put on an endpoint is no proposal any more.
  mutating func forget(_ version: VersionID, on endpoint: Name) {
    proposals.removeAll { $0.version == version && $0.endpoint == endpoint }
  }
}

extension ControlState {
  /// Takes over what an event says of retraining.
  mutating func foldRetraining(_ event: Event) {
    switch event.body {
    case .retraining(let change): retraining.fold(change, event)
    case .rampStarted(let start):
      if let endpoint = event.endpoint { retraining.forget(start.candidate, on: endpoint) }
    case .deployed(let deployed):
      if let endpoint = event.endpoint { retraining.forget(deployed.version, on: endpoint) }
    default: break
    }
  }
}
