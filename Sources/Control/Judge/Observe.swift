import Core

/// What happens by itself on an endpoint: the guard and the step clock.
///
/// The node calls it after every batch of evidence (on each candidate failure for the quickest
/// rollback) and at least once a second, commits what it gives and applies it. It gives at most one
/// event; the next call sees the state after it.
///
/// The guard looks first, and in every phase, held and soaking included: five failures without an
/// answer between, or evidence over a rollback line with at least five bad events, roll back at
/// once; evidence over a hold line holds. While the candidate has all traffic there is nothing to
/// compare it with: then only the breaker and late labels of earlier steps act.
/// - Parameter conditions: what the node knows of itself.
public func observe(
  _ state: ControlState, endpoint name: Name, evidence: RolloutEvidence,
  conditions: Conditions = Conditions(), now: Timestamp
) -> [Event] {
  guard let endpoint = state.endpoint(name), let rollout = endpoint.rollout,
    let live = rollout.accepted(evidence)
  else { return [] }
  let watch = Watch(endpoint: endpoint, rollout: rollout, evidence: live, now: now, state: state)
  if let event = watch.guardEvent() ?? watch.holdEvent() ?? watch.clockEvent() { return [event] }
  return []
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
    guard let rollout = endpoint.rollout, rollout.hold == nil || rollout.hold == .noData else {
      continue
    }
    let watch = Watch(
      endpoint: endpoint, rollout: rollout, evidence: rollout.evidence, now: now, state: state)
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
private struct Watch {
  let endpoint: EndpointState
  let rollout: Rollout
  let evidence: RolloutEvidence
  let now: Timestamp
  let state: ControlState

  func event(_ body: EventBody, _ actor: ActorID, reason: String? = nil, to split: Split? = nil)
    -> Event
  {
    let context = DecisionContext(now: now, actor: actor)
    return Decision(state: state, context: context)
      .change(endpoint, body, reason: reason, to: split)
  }

  /// The guard: a rollback or a hold, on the plan's caps or on evidence.
  func guardEvent() -> Event? { breakerEvent() ?? blastEvent() ?? evidenceEvent() }

  private func breakerEvent() -> Event? {
    guard evidence.consecutiveFailures >= Judge.breakerFailures else { return nil }
    return rollBack(
      .breaker, reason: "\(evidence.consecutiveFailures) answers failed one after another")
  }

  /// What the rollout may cost before its last step.
  private func blastEvent() -> Event? {
    if let bad = rollout.blastErrors(evidence), let cap = rollout.plan.blast?.errors {
      return rollBack(.budget, reason: "\(bad) failed or wrong answers, the plan allows \(cap)")
    }
    guard rollout.isStarted, rollout.hold != .budgetSpent, rollout.isBlastSpent(evidence),
      let cap = rollout.plan.blast?.requests
    else { return nil }
    // Evidence that is over the line is not hidden behind a hold; while the arms' shares forbid to
    // judge, nothing acts on it, and the cap has to.
    let isJudged = rollout.acceptsSampleRatio == true || !Judge.sampleRatio(evidence).isSuspect
    if isJudged, Judge.evaluate(evidence, plan: rollout.plan).contains(where: \.isBreach) {
      return nil
    }
    return event(
      .held(rollout.change(evidence, weight: 0, hold: .budgetSpent)), .guard,
      reason: "\(evidence.candidateRequests) requests answered, the plan allows \(cap)",
      to: rollout.split(0))
  }

  private func evidenceEvent() -> Event? {
    if rollout.acceptsSampleRatio != true {
      let shares = Judge.sampleRatio(evidence)
      if shares.isSuspect { return hold(forShares: shares) }
    }
    let metrics = Judge.evaluate(evidence, plan: rollout.plan)
    let worst = metrics.max { $0.eValue / $0.rollbackAt < $1.eValue / $1.rollbackAt }
    guard let worst else { return nil }
    if let breach = ([worst] + metrics).first(where: \.isBreach) {
      return rollBack(.evidence(breach.metric), reason: breach.sentence, metric: breach)
    }
    let suspect = metrics.first {
      $0.isSuspect && !$0.isCertified && !rollout.overridden.contains($0.metric)
    }
    guard let suspect, rollout.hold != .budgetSpent else { return nil }
    if case .suspect = rollout.hold { return nil }
    return event(
      .held(rollout.change(evidence, hold: .suspect(suspect.metric), metric: suspect)), .guard,
      reason: suspect.sentence)
  }

  /// Arms that did not get their shares cannot be compared: nothing is judged until a person has
  /// found out why.
  private func hold(forShares shares: SampleRatioEvidence) -> Event? {
    if rollout.hold == .sampleRatio { return nil }
    return event(
      .held(rollout.change(evidence, hold: .sampleRatio)), .guard, reason: shares.sentence)
  }

  private func rollBack(
    _ cause: RollbackCause, reason: String, metric: MetricEvidence? = nil
  ) -> Event {
    let rollback = endpoint.rollback(to: rollout.fallback, cause, evidence, metric: metric)
    return event(.rolledBack(rollback), .guard, reason: reason, to: Split(all: rollout.fallback))
  }

  /// Holds that begin or end by themselves, and what a hold's deadline does.
  func holdEvent() -> Event? {
    if rollout.hold == .noData {
      guard evidence.idle == .zero else { return nil }
      return event(.resumed(rollout.change(evidence, hold: .noData)), .system)
    }
    if let resumed = certaintyEvent() { return resumed }
    if rollout.hold == nil, evidence.idle >= Guard.noDataLimit {
      return event(.held(rollout.change(evidence, hold: .noData)), .system)
    }
    let freezes = state.freezesHolding(endpoint, at: now)
    if rollout.hold == .freeze {
      guard freezes.isEmpty else { return nil }
      return event(.resumed(rollout.change(evidence, hold: .freeze)), .system)
    }
    if rollout.hold == nil, !freezes.isEmpty {
      let reason = freezes.map(\.sentence).joined(separator: "; ")
      return event(
        .held(rollout.change(evidence, hold: .freeze)), .system, reason: clipped(reason))
    }
    guard rollout.hold != nil, let deadline = rollout.plan.holdDeadline,
      now - rollout.phaseSince >= deadline
    else { return nil }
    return rollBack(.holdDeadline, reason: "held for \(now - rollout.phaseSince)")
  }

  /// The first step of a rollout that waited for approvals, and the end of a wait at a step.
  private func approvalEvent() -> Event? {
    let isFrozen = !state.freezesHolding(endpoint, at: now).isEmpty
    guard let status = rollout.approvalsNow, status.isComplete else {
      if !rollout.isStarted, rollout.hold == nil {
        return event(.held(rollout.change(evidence, hold: .approval)), .system)
      }
      return nil
    }
    if !rollout.isStarted {
      guard !isFrozen, rollout.hold == nil || rollout.hold == .approval else { return nil }
      let weight = rollout.plan.steps[0].weight
      return event(
        .stepped(rollout.change(evidence, step: 0, weight: weight)), .system,
        to: rollout.split(weight))
    }
    guard rollout.hold == .approval else { return nil }
    return event(.resumed(rollout.change(evidence, hold: .approval)), .system)
  }

  /// Certainty that the candidate is not worse by the margin ends a hold for want of it, and one
  /// for suspicion: a candidate may be a little worse than tolerated and surely under the margin.
  private func certaintyEvent() -> Event? {
    guard rollout.plan.promotion != nil else { return nil }
    let metric: MetricEvidence?
    switch rollout.hold {
    case .suspect(let held):
      metric = Judge.evaluate(evidence, plan: rollout.plan).first { $0.metric == held }
      guard metric?.isCertified ?? false else { return nil }
    case .inconclusive:
      guard rollout.metricGap(evidence) == nil, rollout.certaintyGap(evidence) == nil else {
        return nil
      }
      metric = nil
    default: return nil
    }
    // The metric does not hold again: what was once certain stays so, but for the plan's risk.
    let reason = metric?.promotion.map { "certain by now: \($0.sentence)" }
    return event(
      .resumed(rollout.change(evidence, hold: rollout.hold, metric: metric)), .guard,
      reason: reason ?? "everything was seen by now")
  }

  /// The step clock.
  func clockEvent() -> Event? {
    if let event = approvalEvent() { return event }
    guard rollout.isStarted else { return nil }
    guard rollout.hold == nil, rollout.stepGap(evidence) == nil else { return nil }
    if rollout.isSoaking { return complete() }
    if rollout.planStep.needsApproval, !rollout.isStepApproved {
      return event(.held(rollout.change(evidence, hold: .approval)), .system)
    }
    guard let next = rollout.nextStep else {
      return rollout.plan.soak == .zero
        ? complete() : event(.soaking(rollout.change(evidence)), .system)
    }
    let weight = rollout.plan.steps[next].weight
    // With all traffic on the candidate nothing can be compared any more: what has not been seen by
    // now never will be, so a person decides.
    if weight == Split.whole, let gap = rollout.metricGap(evidence) {
      return event(.held(rollout.change(evidence, hold: gap)), .guard)
    }
    if weight == Split.whole, let gap = rollout.certaintyGap(evidence) {
      return event(
        .held(rollout.change(evidence, hold: .inconclusive(gap.metric), metric: gap)), .guard,
        reason: gap.promotion.map { "not certain yet: \($0.sentence)" })
    }
    return event(
      .stepped(rollout.change(evidence, step: next, weight: weight)), .system,
      to: rollout.split(weight))
  }

  /// The end.
  ///
  /// A plan that begins at 100 % never compares anything: what was not seen is marked here.
  private func complete() -> Event {
    let isUnverified = rollout.isUnverified || rollout.metricGap(evidence) != nil
    return event(
      .completed(rollout.change(evidence, isUnverified: isUnverified, completes: true)), .system)
  }
}
