import Core

extension Watch {
  /// Holds that begin or end by themselves, and what a hold's deadline does.
  func holdEvent() -> Event? {
    if rollout.hold == .noData {
      guard evidence.idle == .zero else { return nil }
      return resume(.system)
    }
    if let resumed = certaintyEvent() { return resumed }
    if rollout.hold == nil, evidence.idle >= Guard.noDataLimit {
      return hold(.noData, .system)
    }
    if let event = conditionEvent() { return event }
    let freezes = state.freezesHolding(endpoint, at: now)
    if rollout.hold == .freeze {
      return freezes.isEmpty ? resume(.system) : nil
    }
    if rollout.hold == nil, !freezes.isEmpty {
      return hold(.freeze, .system, reason: freezes.map(\.sentence).joined(separator: "; "))
    }
    return deadlineEvent()
  }

  /// Holds for what the node knows of itself.
  private func conditionEvent() -> Event? {
    switch rollout.hold {
    case .incident: return conditions.incident == nil ? resume(.system) : nil
    case .capacity: return conditions.overCapacity == nil ? resume(.system) : nil
    case .lowTraffic: return rollout.isStarved(evidence) ? nil : resume(.system)
    case .stuck:
      // Nothing is owed: it only waited for a way back before it went on.
      return conditions.prepared != nil && hasWayBack ? resume(.system) : nil
    case nil:
      if let incident = conditions.incident { return hold(.incident, .system, reason: incident) }
      if let load = conditions.overCapacity { return hold(.capacity, .system, reason: load) }
      return nil
    default: return nil
    }
  }

  /// Whether a version is ready to take the traffic back.
  private var hasWayBack: Bool {
    isReady(rollout.fallback)
      || !endpoint.rollbackTargets(prepared: conditions.prepared).isEmpty
  }

  /// What the plan says of a hold that lasts too long.
  func deadlineEvent() -> Event? {
    let lasted = rollout.phaseLasted(evidence, now: now)
    guard let cause = rollout.hold, cause.hasDeadline, let deadline = rollout.plan.holdDeadline,
      lasted >= deadline
    else { return nil }
    let change = rollout.change(evidence, hold: cause)
    let words = "held for \(lasted)"
    switch rollout.plan.holdPolicy?.then ?? .rollback {
    case .rollback: return rollBack(.holdDeadline, reason: words)
    case .escalate:
      return rollout.isEscalated == true ? nil : event(.escalated(change), .guard, reason: words)
    case .extend where rollout.isExtended == true: return rollBack(.holdDeadline, reason: words)
    case .extend: return event(.holdExtended(change), .guard, reason: words)
    }
  }

  /// Certainty that the candidate is not worse by the margin ends a hold for want of it, and one
  /// for suspicion: a candidate may be a little worse than tolerated and surely under the margin.
  private func certaintyEvent() -> Event? {
    guard rollout.plan.promotion != nil || rollout.plan.judge != nil else { return nil }
    let metric: MetricEvidence?
    switch rollout.hold {
    case .suspect(let held):
      let own = evidence.about(rollout.heldCandidate ?? rollout.candidate, in: rollout)
      metric = own.flatMap { own in
        Judge.evaluate(own, plan: rollout.plan).first { $0.metric == held }
      }
      guard metric?.isCertified ?? false else { return nil }
    case .inconclusive:
      guard rollout.metricGap(evidence) == nil, rollout.certaintyGap(evidence) == nil,
        comparisonGap == nil
      else { return nil }
      metric = nil
    default: return nil
    }
    // The metric does not hold again: what was once certain stays so, but for the plan's risk.
    let reason = metric?.promotion.map { "certain by now: \($0.sentence)" }
    return resume(.guard, reason: reason ?? "everything was seen by now", metric: metric)
  }

  // MARK: - The start

  /// The first step of a rollout, or what it waits for.
  func startEvent() -> Event? {
    switch rollout.hold {
    case nil, .scheduled, .approval, .dependency, .freeze, .incident, .capacity, .warming: break
    default: return deadlineEvent()
    }
    // Before anything else that a start waits for: no freeze keeps what ends from ending.
    let lasted = rollout.phaseLasted(evidence, now: now)
    if rollout.hold == .warming, isCold, lasted >= ControlLimits.warmingMax {
      return warmingEvent(after: lasted)
    }
    if let (cause, reason) = startBlocker() {
      guard rollout.hold == cause else { return hold(cause, .system, reason: reason) }
      return deadlineEvent()
    }
    return event(
      .stepped(rollout.change(evidence, step: 0, weight: rollout.plan.steps[0].trafficWeight)),
      .system, to: rollout.split(rollout.plan.steps[0].trafficWeight, step: 0))
  }

  /// The first thing that a start waits for.
  private func startBlocker() -> (HoldCause, String?)? {
    if let time = rollout.schedule, now < time { return (.scheduled(time), nil) }
    if let status = rollout.approvalStatus(step: nil), !status.isComplete {
      return (.approval, nil)
    }
    if let waits = rollout.dependencies?.first(where: { !state.isMet($0) }) {
      return (.dependency(waits.endpoint), nil)
    }
    let freezes = state.freezesHolding(endpoint, at: now)
    if !freezes.isEmpty {
      return (.freeze, freezes.map(\.sentence).joined(separator: "; "))
    }
    if let incident = conditions.incident { return (.incident, incident) }
    if let load = conditions.overCapacity { return (.capacity, load) }
    return isCold ? (.warming, nil) : nil
  }

  /// Whether a candidate or the version to go back to cannot have traffic yet.
  private var isCold: Bool {
    let isWarming = rollout.hold == .warming && conditions.prepared == nil
    return isWarming || !rollout.candidates.allSatisfy(isReady) || !isReady(rollout.fallback)
  }

  /// A rollout whose candidates were not ready in time goes on without them, or ends before any
  /// traffic moved.
  private func warmingEvent(after lasted: TimeSpan) -> Event? {
    let cold = rollout.candidates.filter { !(conditions.prepared?.contains($0) ?? false) }
    let reason = "not ready after \(lasted)"
    guard let first = cold.first, cold.count < rollout.candidates.count else {
      return rollBack(.warming, reason: reason)
    }
    return event(
      .candidateDropped(rollout.drop(first, .warming, evidence)), .guard, reason: reason,
      to: rollout.split(rollout.weight, without: [first]))
  }

  // MARK: - The step clock

  /// The step clock.
  func clockEvent() -> Event? {
    if rollout.hold == .approval {
      guard let status = rollout.approvalsNow, status.isComplete else { return nil }
      return resume(.system)
    }
    guard rollout.hold == nil else { return nil }
    guard rollout.stepGap(evidence) == nil else {
      return rollout.isStarved(evidence) ? hold(.lowTraffic, .system) : nil
    }
    if rollout.isSoaking { return complete() }
    if rollout.planStep.needsApproval, !rollout.isStepApproved,
      rollout.approvalsNow?.isComplete != true
    {
      return hold(.approval, .system)
    }
    guard let next = rollout.nextStep else {
      return rollout.plan.soak == .zero
        ? complete() : event(.soaking(rollout.change(evidence)), .system)
    }
    return stepEvent(next)
  }

  private func stepEvent(_ next: Int) -> Event? {
    let step = rollout.plan.steps[next]
    let weight = step.trafficWeight
    if weight == Split.whole, step.isOpen {
      if rollout.candidates.count > 1 { return hold(.choice, .system) }
      // With all traffic on the candidate nothing can be compared any more: what has not been seen
      // by now never will be, so a person decides.
      if let gap = rollout.metricGap(evidence) { return hold(gap, .guard) }
      if let gap = comparisonGap, let metric = gap.metric {
        return hold(.inconclusive(metric), .guard, reason: "\(gap.judge): \(gap.sentence)")
      }
      if let gap = rollout.certaintyGap(evidence) {
        return hold(
          .inconclusive(gap.metric), .guard,
          reason: gap.promotion.map { "not certain yet: \($0.sentence)" }, metric: gap)
      }
    }
    // No step forward without a way back.
    if !hasWayBack { return hold(.stuck, .system) }
    return event(
      .stepped(rollout.change(evidence, step: next, weight: weight)), .system,
      to: rollout.split(weight, step: next))
  }

  /// What the plan's comparison rule still waits for; nil when for nothing, or a person passed it.
  private var comparisonGap: ComparisonVerdict? {
    guard rollout.plan.judge != nil,
      let verdict = Judge.comparison(evidence, plan: rollout.plan), verdict.outcome == .hold,
      let metric = verdict.metric, !rollout.overridden.contains(metric)
    else { return nil }
    return verdict
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

extension HoldCause {
  /// Whether a plan's deadline is for it: not where only time or traffic is waited for.
  var hasDeadline: Bool {
    switch self {
    case .noData, .freeze, .scheduled, .warming, .dependency, .stuck: false
    default: true
    }
  }
}

extension ControlState {
  /// Whether a rollout that is waited for has completed, or never ran.
  func isMet(_ dependency: RolloutDependency) -> Bool {
    guard let other = endpoint(dependency.endpoint) else { return true }
    if other.rollout != nil { return false }
    guard let last = other.ended.first, last.id >= dependency.rollout else { return true }
    return last.end == .completed
  }
}
