import Core

/// What a command comes to in a state: the events to commit and then to ``apply(_:_:)``, or a
/// refusal that changes nothing.
///
/// Pure: the same arguments give the same answer, on any machine.
///
/// Every command gives exactly one event but ``Command/supersede(endpoint:version:plan:reason:)``,
/// which gives the rollback and the start; they are committed together.
/// - Throws: ``ControlError`` with the remedy in its sentence.
public func decide(
  _ state: ControlState, _ command: Command, _ context: DecisionContext
) throws(ControlError) -> [Event] {
  let decision = Decision(state: state, context: context)
  if case .supersede(let name, let version, let plan, let reason, let options) = command {
    return try decision.supersede(name, version, plan, reason, options)
  }
  return [try decision.admitted(try decision.event(command))]
}

extension Decision {
  /// The one event of a command, before freezes and approvals are asked.
  fileprivate func event(_ command: Command) throws(ControlError) -> Event {
    switch command {
    case .registerVersion(let draft): return try register(draft)
    case .createEndpoint(let name): return try createEndpoint(name)
    case .drainEndpoint(let name): return try setDrained(name, true)
    case .enableEndpoint(let name): return try setDrained(name, false)
    case .deploy(let name, let version): return try deploy(name, version)
    case .unload(let name, let version): return try unload(name, version)
    case .setSplit(let name, let split): return try setSplit(name, split)
    case .undo(let name): return try undo(name)
    case .undoTo(let name, let generation): return try undo(name, to: generation)
    case .addFreeze(let name, let window, let reason): return try addFreeze(name, window, reason)
    case .removeFreeze(let id, let reason): return try removeFreeze(id, reason)
    case .annotate(let name, let text): return try annotate(name, text)
    case .recordRunbook(let name, let runbook, let outcome, let steps):
      return try recordRunbook(name, RunbookRun(runbook: runbook, outcome: outcome, steps: steps))
    case .retraining(let command): return try retrainingEvent(command)
    case .forgetActor(let name, let pseudonym, let reason):
      return try forgetActor(name, pseudonym, reason)
    case .setRecording(let name, let policy): return try setRecording(name, policy)
    case .registry(let command): return try registryEvent(command)
    default: return try rolloutEvent(command)
    }
  }

  private func rolloutEvent(_ command: Command) throws(ControlError) -> Event {
    switch command {
    case .startRamp(let name, let version, let plan, let options):
      return try startRamp(name, version, plan, options)
    case .retry(let name): return try retry(name)
    case .approve(let name, let plan, let reason): return try approve(name, plan, reason)
    case .pause(let name): return try pause(name)
    case .resume(let name, let reason): return try resume(name, reason)
    case .step(let name, let direction, let reason): return try step(name, direction, reason)
    case .setCandidateWeight(let name, let weight, let reason):
      return try setWeight(name, weight, reason)
    case .promote(let name, let reason, let version): return try promote(name, reason, version)
    case .drop(let name, let version, let reason): return try drop(name, version, reason)
    case .addRule(let name, let rule, let reason): return try addRule(name, rule, reason)
    case .removeRule(let name, let rule, let reason): return try removeRule(name, rule, reason)
    case .abort(let name, let reason): return try abort(name, reason)
    case .rollBack(let name, let target, let symptom, let span):
      return try rollBack(name, target, symptom, over: span)
    default: throw ControlError(.badInput, "the command gives more than one event")
    }
  }
}

/// One decision in the making: the state, the context, and what every command needs of them.
struct Decision {
  let state: ControlState
  let context: DecisionContext

  /// The endpoint, when there is one of that name.
  func known(_ name: Name) throws(ControlError) -> EndpointState {
    if let endpoint = state.endpoint(name) { return endpoint }
    let names = state.endpoints.prefix(5).map(\.name.text).joined(separator: ", ")
    let others = names.isEmpty ? "there is none yet" : "there are: \(names)"
    throw ControlError(
      .unknown,
      "there is no endpoint \"\(name)\" (\(others)): create it with "
        + "\"sluice endpoint create \(name)\""
    )
  }

  /// The endpoint, when it stands as the person saw it.
  func current(_ name: Name) throws(ControlError) -> EndpointState {
    let endpoint = try known(name)
    if let expected = context.expectedGeneration, expected != endpoint.generation {
      throw stale(endpoint, expected)
    }
    return endpoint
  }

  /// The registered version.
  func registered(_ version: VersionID) throws(ControlError) -> RegisteredVersion {
    if let found = state.version(version) {
      guard let deletion = state.registry.record(of: version).deletion else { return found }
      throw ControlError(
        .unknown,
        "\(version) was deleted by \(deletion.by) on \(deletion.time): choose another version, or "
          + "import the file again under a new number")
    }
    let numbers = state.usableVersions.filter { $0.version.model == version.model }.map(\.version)
    guard let last = numbers.last else {
      throw ControlError(
        .unknown,
        "there is no model \"\(version.model)\": import it with \"sluice model import FILE --name "
          + "\(version.model)\"")
    }
    throw ControlError(
      .unknown, "there is no version \(version): the newest of \(version.model) is \(last)")
  }

  /// Says that a version has to be loaded first.
  func checkPrepared(_ version: VersionID) throws(ControlError) {
    guard context.prepared.contains(version) else {
      throw ControlError(
        .refused,
        "\(version) is not loaded and warmed on this node: wait until it is, or look why "
          + "with \"sluice model show \(version)\"")
    }
  }

  /// The same for all candidates of a rollout.
  func checkPrepared(_ versions: [VersionID]) throws(ControlError) {
    for version in versions { try checkPrepared(version) }
  }

  func stale(_ endpoint: EndpointState, _ expected: Int) -> ControlError {
    let last = endpoint.recent.first.map { "\($0.actor): \($0.summary)" } ?? "changed"
    return ControlError(
      .stale,
      "\(endpoint.name) changed since you looked: generation \(expected) -> "
        + "\(endpoint.generation) (\(last)); look again")
  }

  /// The change as the endpoint saw it at a generation, while it is remembered.
  func remembered(_ endpoint: EndpointState, _ generation: Int) -> RecentChange? {
    endpoint.recent.first { $0.generation == generation }
  }

  /// An event that changes an endpoint.
  func change(
    _ endpoint: EndpointState, _ body: EventBody, reason: String? = nil, to split: Split? = nil
  ) -> Event {
    let isOther = split != nil && split != endpoint.split
    return Event(
      body: body, endpoint: endpoint.name, actor: context.actor, time: context.now,
      reason: reason.map { clipped($0) }, generation: endpoint.generation + 1,
      before: isOther ? endpoint.split : nil, after: isOther ? split : nil)
  }

  /// The evidence to judge by: the live one when it belongs to the rollout, else the journal's.
  func evidence(_ rollout: Rollout) -> RolloutEvidence {
    rollout.accepted(context.evidence) ?? rollout.evidence
  }
}

extension Rollout {
  /// Live evidence, when it is this rollout's and no further than it; nil otherwise.
  func accepted(_ evidence: RolloutEvidence?) -> RolloutEvidence? {
    guard var evidence, evidence.rollout == id, evidence.epoch <= epoch else { return nil }
    evidence.follow(self)
    return evidence
  }
}
