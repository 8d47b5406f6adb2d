import Core

/// What happens by itself on an endpoint: the guard and the step clock.
///
/// The node calls it after every batch of evidence (on each candidate failure for the quickest
/// rollback) and at least once a second, commits what it gives and applies it. It gives at most one
/// event; the next call sees the state after it.
///
/// The guard looks first, and in every phase, held and soaking included: five failures without an
/// answer between, or evidence over a rollback line with at least five bad events, roll back at
/// once (with several candidates only the one that is to blame goes); evidence over a hold line
/// holds. While the candidate has all traffic there is nothing to compare it with: then only the
/// breaker and late labels of earlier steps act.
/// - Parameter conditions: what the node knows of itself.
public func observe(
  _ state: ControlState, endpoint name: Name, evidence: RolloutEvidence,
  conditions: Conditions = Conditions(), now: Timestamp
) -> [Event] {
  guard let endpoint = state.endpoint(name), let rollout = endpoint.rollout,
    let live = rollout.accepted(evidence)
  else { return [] }
  let watch = Watch(
    endpoint: endpoint, rollout: rollout, evidence: live, conditions: conditions, now: now,
    state: state)
  return watch.event().map { [$0] } ?? []
}

/// What a node does when it comes back: rollouts that were down for longer than `limit` are held
/// until a person has looked; the others go on with the evidence of their last event.
/// - Parameters:
///   - downSince: the last time that the node is known to have served.
///   - limit: how long may pass unseen.
public func recover(
  _ state: ControlState, downSince: Timestamp, now: Timestamp, limit: TimeSpan = .minutes(5)
) -> [Event] {
  guard now - downSince > limit else { return [] }
  var events: [Event] = []
  for endpoint in state.endpoints {
    guard let rollout = endpoint.rollout, rollout.retreat == nil else { continue }
    switch rollout.hold {
    case nil, .noData, .incident, .capacity, .lowTraffic: break
    default: continue
    }
    let watch = Watch(
      endpoint: endpoint, rollout: rollout, evidence: rollout.evidence, conditions: Conditions(),
      now: now, state: state)
    events.append(watch.event(.held(rollout.change(rollout.evidence, hold: .recovered)), .system))
  }
  return events
}

/// The guard's constants.
public enum Guard {
  /// After so long without traffic a rollout is shown as held for want of data.
  public static let noDataLimit = TimeSpan.seconds(60)
}

/// One look at a running rollout.
struct Watch {
  let endpoint: EndpointState
  let rollout: Rollout
  let evidence: RolloutEvidence
  let conditions: Conditions
  let now: Timestamp
  let state: ControlState

  /// What happens now, if anything.
  func event() -> Event? {
    if let event = guardEvent() { return event }
    if rollout.retreat != nil { return retreatEvent() }
    if !rollout.isStarted { return startEvent() }
    return holdEvent() ?? clockEvent()
  }

  func event(_ body: EventBody, _ actor: ActorID, reason: String? = nil, to split: Split? = nil)
    -> Event
  {
    let context = DecisionContext(now: now, actor: actor)
    return Decision(state: state, context: context)
      .change(endpoint, body, reason: reason.map { clipped($0) }, to: split)
  }

  /// Whether a version may have traffic; one that nobody asked about may.
  func isReady(_ version: VersionID) -> Bool { conditions.prepared?.contains(version) ?? true }

  /// A hold by the guard or the system, with what the plan says of the weight.
  func hold(
    _ cause: HoldCause, _ actor: ActorID, reason: String? = nil, metric: MetricEvidence? = nil,
    about: VersionID? = nil, owed: RollbackCause? = nil
  ) -> Event {
    let weight = rollout.weight(heldFor: cause)
    return event(
      .held(
        rollout.change(
          evidence, weight: weight, hold: cause, metric: metric, about: about, owed: owed)),
      actor, reason: reason, to: rollout.split(weight))
  }

  /// The end of a hold, which gives back the weight that it took.
  ///
  /// Not in a freeze: giving back is a forward move.
  func resume(
    _ actor: ActorID, reason: String? = nil, metric: MetricEvidence? = nil
  ) -> Event? {
    guard let weight = rollout.heldWeight, weight != rollout.weight else {
      return event(
        .resumed(rollout.change(evidence, hold: rollout.hold, metric: metric)), actor,
        reason: reason)
    }
    guard state.freezesHolding(endpoint, at: now).isEmpty,
      rollout.candidates.allSatisfy(isReady)
    else { return nil }
    return event(
      .resumed(rollout.change(evidence, weight: weight, hold: rollout.hold, metric: metric)),
      actor, reason: reason, to: rollout.split(weight))
  }

  /// All traffic back to the best version that is ready; none is ready: stuck, until one is.
  func rollBack(
    _ cause: RollbackCause, _ actor: ActorID = .guard, reason: String,
    metric: MetricEvidence? = nil
  ) -> Event? {
    var target: VersionID? = rollout.fallback
    if !isReady(rollout.fallback) {
      target = endpoint.rollbackTargets(prepared: conditions.prepared).first
    }
    guard let target else {
      // Said once; the weights stay, since nothing better can answer.
      if rollout.hold == .stuck, rollout.owedRollback != nil { return nil }
      return hold(.stuck, actor, reason: reason, metric: metric, owed: cause)
    }
    let rollback = endpoint.rollback(to: target, cause, evidence, metric: metric)
    return event(.rolledBack(rollback), actor, reason: reason, to: Split(all: target))
  }

  /// The next move of a gradual rollback, or its end.
  private func retreatEvent() -> Event? {
    guard let retreat = rollout.retreat, rollout.hold == nil else { return nil }
    let due = retreat.weight(at: now, watched: evidence.watched)
    guard due > 0 else {
      return rollBack(.operator, .system, reason: "gone back over \(retreat.over)")
    }
    guard due < rollout.weight else { return nil }
    return event(
      .retreated(rollout.change(evidence, weight: due)), .system, to: rollout.split(due))
  }
}

extension Rollout {
  /// What a hold leaves of the weight.
  func weight(heldFor cause: HoldCause) -> BasisPoints {
    switch cause {
    case .suspect, .sampleRatio, .incident, .capacity: break
    default: return weight
    }
    switch plan.holdPolicy?.weight ?? .keep {
    case .keep: return weight
    case .zero: return 0
    case .floor:
      // The first step with traffic of the same requests is the least that the plan knows.
      let first = plan.steps.first { $0.kind.hasTraffic && $0.rule == planStep.rule }
      return min(weight, first?.weight ?? weight)
    }
  }
}
