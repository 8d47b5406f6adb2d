import Core

/// The state after an event.
///
/// Never fails on an event that ``decide(_:_:_:)`` or ``observe(_:endpoint:evidence:now:)`` made
/// for that state; an event that fits nowhere changes nothing but the count.
public func apply(_ state: ControlState, _ event: Event) -> ControlState {
  var next = state
  next.fold(event)
  return next
}

extension ControlState {
  /// ``apply(_:_:)`` in place, for replaying a journal without copies.
  public mutating func fold(_ event: Event) {
    sequence += 1
    if case .versionRegistered(let version) = event.body {
      let place = versions.firstIndex { $0.version > version.version } ?? versions.count
      versions.insert(version, at: place)
      return
    }
    switch event.body {
    case .freezeAdded(let freeze):
      freezes.append(freeze)
      freezeCount = max(freezeCount, freeze.id)
    case .freezeRemoved(let freeze): freezes.removeAll { $0.id == freeze.id }
    case .actorForgotten(let actor): fold(actor)
    case .registry(let change): return fold(change, event)
    default: break
    }
    foldRetraining(event)
    guard let name = event.endpoint else { return }
    if event.body == .endpointCreated {
      let place = endpoints.firstIndex { $0.name > name } ?? endpoints.count
      endpoints.insert(EndpointState(name: name, created: event.time), at: place)
    }
    guard let index = endpoints.firstIndex(where: { $0.name == name }) else { return }
    let stable = endpoints[index].stable
    endpoints[index].fold(event)
    foldServing(event, stableBefore: stable)
  }
}

extension EndpointState {
  mutating func fold(_ event: Event) {
    switch event.body {
    case .versionRegistered, .endpointCreated, .noted, .runbookRun: break
    case .freezeAdded, .freezeRemoved, .actorForgotten, .registry, .retraining: break
    case .recordingSet(let change): recording = change.policy
    case .approved(let approval): fold(approval, event)
    case .endpointDrained: isDrained = true
    case .endpointEnabled: isDrained = false
    case .deployed(let deployed): fold(deployed, event)
    case .unloaded(let version): unload(version)
    case .split: foldSplit(event)
    case .undone(let entry): fold(entry, event)
    case .rampStarted(let start): fold(start, event)
    case .held(let change), .resumed(let change), .stepped(let change), .weightSet(let change),
      .soaking(let change), .promoted(let change), .completed(let change),
      .retreatStarted(let change), .retreated(let change), .escalated(let change),
      .holdExtended(let change):
      fold(change, event)
    case .candidateDropped(let drop): fold(drop, event)
    case .segmentClosed(let closure): fold(closure)
    case .ruleAdded(let rule): rules.append(rule)
    case .ruleRemoved(let rule): rules.removeAll { $0.name == rule.name }
    case .rolledBack(let rollback):
      fold(rollback, event, end: rollback.cause == .superseded ? .superseded : .rolledBack)
    case .aborted(let rollback): fold(rollback, event, end: .aborted)
    }
    guard let generation = event.generation else { return }
    self.generation = generation
    let change = RecentChange(
      generation: generation, summary: event.summary, actor: event.actor,
      rollbackTarget: rollbackTargets().first, rollout: rollout?.id,
      split: split, stable: stable)
    recent.insert(change, at: 0)
    recent = Array(recent.prefix(ControlLimits.recentChangesMax))
  }

  private mutating func fold(_ deployed: DeployedVersion, _ event: Event) {
    put(deployed.version, event)
    if signature == nil { signature = deployed.signature }
    if event.after != nil { stable = deployed.version }
    setWeights(event)
  }

  /// Puts a version on the endpoint and opens it.
  private mutating func put(_ version: VersionID, _ event: Event) {
    closed.removeAll { $0 == version }
    if let index = deployed.firstIndex(where: { $0.version == version }) {
      deployed[index].since = event.time
      deployed[index].generation = event.generation
      return
    }
    let place = deployed.firstIndex { $0.version > version } ?? deployed.count
    deployed.insert(
      Deployment(
        version: version, since: event.time, generation: event.generation, liveSince: nil,
        livedBefore: .zero), at: place)
  }

  private mutating func unload(_ version: VersionID) {
    deployed.removeAll { $0.version == version }
    closed.removeAll { $0 == version }
    goodVersions.removeAll { $0 == version }
    if let lastChange, lastChange.split.weight(of: version) > 0 { self.lastChange = nil }
  }

  /// Takes over the event's split and keeps account of who is live.
  private mutating func setWeights(_ event: Event) {
    guard let after = event.after else { return }
    split = after
    for index in deployed.indices {
      let isLive = after.weight(of: deployed[index].version) > 0
      if isLive, deployed[index].liveSince == nil {
        deployed[index].liveSince = event.time
      } else if !isLive, deployed[index].liveSince != nil {
        deployed[index].livedBefore = deployed[index].live(at: event.time)
        deployed[index].liveSince = nil
      }
    }
  }

  /// A split by hand.
  ///
  /// The stable stays while it has traffic; else the heaviest version is the stable.
  private mutating func foldSplit(_ event: Event) {
    remember(event, "\(event.kind) \(event.before.map { "\($0)" } ?? "")")
    setWeights(event)
    guard let stable, let after = event.after, after.weight(of: stable) == 0 else { return }
    let heaviest = after.shares.max { ($0.weight, $1.version) < ($1.weight, $0.version) }
    if let heaviest { become(stable: heaviest.version) }
  }

  /// Makes a version the stable, and the old one the newest rollback target.
  private mutating func become(stable version: VersionID) {
    let old = stable
    stable = version
    goodVersions.removeAll { $0 == version || $0 == old }
    if let old, old != version { goodVersions.insert(old, at: 0) }
    goodVersions = Array(goodVersions.prefix(ControlLimits.goodVersionsMax))
  }

  private mutating func remember(_ event: Event, _ change: String) {
    guard let before = event.before ?? split, let stable else { return }
    lastChange = UndoEntry(
      changed: event.time, change: change, split: before, stable: stable,
      goodVersions: goodVersions)
  }

  private mutating func fold(_ entry: UndoEntry, _ event: Event) {
    remember(event, "undo of \(entry.change)")
    setWeights(event)
    stable = entry.stable
    goodVersions = entry.goodVersions.filter { isDeployed($0) && !closed.contains($0) }
  }

  private mutating func fold(_ start: RampStart, _ event: Event) {
    for version in [start.candidate] + (start.rivals ?? []) {
      put(version, event)
      goodVersions.removeAll { $0 == version }
    }
    setWeights(event)
    rolloutCount = start.rollout
    lastChange = nil
    let hold = start.hold ?? (start.waits == true ? .approval : nil)
    let weight = hold == nil ? start.plan.steps.first?.trafficWeight ?? 0 : 0
    var begun = Rollout(
      id: start.rollout, candidate: start.candidate, fallback: start.fallback, plan: start.plan,
      step: 0, weight: weight, epoch: 0, stage: 0, isSoaking: false,
      hold: hold, phaseSince: event.time, isStepApproved: false,
      overridden: [], isStarted: hold == nil, approvals: [], freezesPassed: [],
      isBlastPassed: false,
      isUnverified: false,
      evidence: .begin(rollout: start.rollout, weight: weight, thresholds: start.thresholds),
      started: event.time, startedBy: event.actor)
    begun.phaseWatched = .zero
    begun.rivals = start.rivals.map { $0.map { Rival(version: $0) } }
    begun.schedule = start.schedule
    begun.dependencies = start.dependencies
    begun.evidence.begin(start)
    rollout = begun
  }

  private mutating func fold(_ change: RolloutChange, _ event: Event) {
    guard var rollout, rollout.id == change.rollout else { return }
    setWeights(event)
    if let dropped = change.dropped { close(dropped) }
    rollout.fold(change, event)
    self.rollout = rollout
    if change.completes { complete(rollout, event) }
  }

  private mutating func fold(_ approval: Approval, _ event: Event) {
    guard rollout?.id == approval.rollout else { return }
    rollout?.approvals.append(
      GivenApproval(step: approval.step, by: event.actor, time: event.time))
  }

  private mutating func complete(_ rollout: Rollout, _ event: Event) {
    lastChange = UndoEntry(
      changed: event.time, change: "ramp of \(rollout.candidate)",
      split: Split(all: rollout.fallback), stable: rollout.fallback, goodVersions: goodVersions)
    become(stable: rollout.candidate)
    end(rollout, .completed, event)
  }

  private mutating func fold(_ rollback: Rollback, _ event: Event, end: RolloutEnd) {
    let ending = rollout
    rollout = nil
    setWeights(event)
    close(rollback.closed)
    stable = rollback.target
    if let index = goodVersions.firstIndex(of: rollback.target) {
      goodVersions.removeFirst(index + 1)
    }
    goodVersions.removeAll { closed.contains($0) }
    lastChange = nil
    guard var ending, ending.id == rollback.rollout else { return }
    if let evidence = rollback.evidence { ending.evidence = evidence }
    self.end(ending, end, event)
  }

  /// Closes versions; rules by hand that name one of them end.
  private mutating func close(_ versions: [VersionID]) {
    closed = Set(closed).union(versions).sorted()
    rules.removeAll { rule in rule.split.versions.contains { versions.contains($0) } }
  }

  private mutating func fold(_ drop: CandidateDrop, _ event: Event) {
    guard var rollout, rollout.id == drop.rollout, rollout.candidates.contains(drop.version)
    else { return }
    setWeights(event)
    close([drop.version])
    rollout.fold(drop, event)
    self.rollout = rollout
  }

  private mutating func fold(_ closure: SegmentClosure) {
    guard var rollout, rollout.id == closure.rollout else { return }
    rollout.closedSegments = (rollout.closedSegments ?? []) + [closure.segment]
    rollout.evidence = closure.evidence
    self.rollout = rollout
  }

  private mutating func end(_ rollout: Rollout, _ end: RolloutEnd, _ event: Event) {
    self.rollout = nil
    ended.insert(
      EndedRollout(
        id: rollout.id, candidate: rollout.candidate, fallback: rollout.fallback,
        plan: rollout.plan.name, end: end, weight: rollout.weight,
        candidateRequests: rollout.evidence.candidateRequests,
        isUnverified: rollout.isUnverified, started: rollout.started, ended: event.time,
        startedBy: rollout.startedBy, endedBy: event.actor, summary: event.summary,
        frozenPlan: rollout.plan, rivals: rollout.rivals?.map(\.version)), at: 0)
    ended = Array(ended.prefix(ControlLimits.endedRolloutsMax))
  }
}
