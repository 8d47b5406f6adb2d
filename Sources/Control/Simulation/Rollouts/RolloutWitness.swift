import Core

/// Watches a simulated node from outside and knows what it promised.
///
/// It folds the durable rows itself, from their bytes, keeps its own account of evidence and of
/// what was acknowledged, and never asks the node what is right.
final class RolloutWitness {
  /// Told of an endpoint's tables, whether what they draw can be compared, and those before.
  typealias RouteWatch = (EndpointState, Bool, Tables, Tables) -> Void

  /// What was broken first.
  private(set) var violation: (invariant: String, message: String)?
  /// The fold of the durable rows.
  private(set) var durable = ControlState()
  /// The durable rows, read back from their bytes.
  private(set) var events: [Event] = []
  /// How often people were told of each row.
  var told: [Int: Int] = [:]
  var ledgers: [Name: EvidenceLedger] = [:]
  /// Versions whose closing was acknowledged and that nothing durable has opened again.
  private var closed: [Name: Set<VersionID>] = [:]
  /// Versions that are being closed by the write that is under way.
  private var closing: (endpoint: Name, versions: [VersionID])?
  /// Evidence that was surely kept, by endpoint.
  var kept: [Name: RolloutEvidence] = [:]
  /// Rollouts that passed something without its evidence.
  private var unverified: [Name: Set<Int>] = [:]
  private(set) var kinds: Set<String> = []
  /// When each endpoint's present run of the step clock began, monotonic microseconds.
  private var stages: [Name: (rollout: Int, stage: Int, since: Int64)] = [:]

  func fail(_ invariant: String, _ message: @autoclosure () -> String) {
    if violation == nil { violation = (invariant, message()) }
  }

  // MARK: The journal

  /// A write begins: whoever it closes is closed already.
  func begins(_ events: [Event?]) {
    closing = nil
    for event in events {
      guard let event else {
        fail("I5", "a row that cannot be read back")
        return
      }
      guard let name = event.endpoint else { continue }
      if let versions = event.body.closes { closing = (name, versions) }
      if closing?.endpoint == name {
        closing?.versions.removeAll { event.body.opens.contains($0) }
      }
    }
  }

  /// The write has ended.
  func ended() { closing = nil }

  /// Rows are durable.
  func appended(_ rows: ArraySlice<SimulatedDisk.Row>) {
    for event in rows.compactMap(\.event) {
      let before = durable
      durable = apply(durable, event)
      events.append(event)
      check(event, from: before)
    }
  }

  private func check(_ event: Event, from before: ControlState) {
    kinds.insert(event.kind)
    guard let name = event.endpoint else { return }
    let (old, new) = (before.endpoint(name), durable.endpoint(name))
    if event.beginsRollout, old?.rollout != nil { fail("I2", "a second rollout on \(name)") }
    if let change = event.body.rolloutChange, old?.rollout?.id != change.rollout {
      fail("I17", "\(event.kind) of rollout \(change.rollout), which is not running")
    }
    if let generation = event.generation, generation != (old?.generation ?? 0) + 1 {
      fail("I6", "\(event.kind) gives generation \(generation) after \(old?.generation ?? 0)")
    }
    if event.generation == nil, old != new, event.kind != "endpoint-created" {
      fail("I6", "\(event.kind) changes \(name) without a generation")
    }
    let isMoved = old?.split != new?.split
    if isMoved ? event.after != new?.split || event.before != old?.split : event.after != nil {
      fail("I6", "\(event.kind) does not tell the split before and after")
    }
    for endpoint in before.endpoints where endpoint.name != name {
      if durable.endpoint(endpoint.name) != endpoint {
        fail("I6", "\(event.kind) on \(name) changes \(endpoint.name)")
      }
    }
    closed[name]?.subtract(event.body.opens)
    if let new { checkLegal(new) }
    checkGates(event, old, before)
    checkProof(event, old, new)
  }

  /// The present state is one that the rules allow.
  private func checkLegal(_ endpoint: EndpointState) {
    let name = endpoint.name
    if let split = endpoint.split {
      let sum = split.shares.reduce(0) { $0 + $1.weight }
      if sum != Split.whole || split.shares.contains(where: { $0.weight <= 0 }) {
        fail("I1", "the split of \(name) is \(split)")
      }
      for version in split.versions {
        if !endpoint.isDeployed(version) { fail("I4", "\(version) has weight and is not there") }
        if endpoint.closed.contains(version) { fail("I3", "\(version) is closed and has weight") }
      }
      if endpoint.stable.map({ endpoint.isDeployed($0) }) != true {
        fail("I5", "\(name) has no stable")
      }
    }
    let good = endpoint.goodVersions
    if Set(good).count != good.count || good.count > ControlLimits.goodVersionsMax
      || !good.allSatisfy({ endpoint.isDeployed($0) && !endpoint.closed.contains($0) })
    {
      fail("I5", "rollback targets of \(name): \(good)")
    }
    guard let rollout = endpoint.rollout else { return }
    if !endpoint.isDeployed(rollout.fallback) { fail("I8", "\(rollout.fallback) is not there") }
    if endpoint.split != rollout.split(rollout.weight)
      || rollout.evidence.epoch != rollout.epoch || rollout.evidence.stage != rollout.stage
      || rollout.evidence.rollout != rollout.id
      || !rollout.plan.steps.indices.contains(rollout.step)
    {
      fail("I5", "rollout \(rollout.id) of \(name) does not fit together")
    }
  }

  /// Freezes and approvals.
  private func checkGates(_ event: Event, _ old: EndpointState?, _ before: ControlState) {
    guard let old, let name = event.endpoint else { return }
    let frozen = before.activeFreezes(on: name, at: event.time).map(\.reference)
    if event.isForward(on: old), !frozen.isEmpty, event.override?.freezes != frozen,
      !Set(frozen).isSubset(of: old.rollout?.freezesPassed ?? [])
    {
      fail("I14", "\(event.kind) moves forward in a freeze")
    }
    guard let rollout = old.rollout else { return }
    if let after = event.after, after.weight(of: rollout.candidate) > rollout.weight,
      !rollout.isStarted, let status = rollout.approvalStatus(step: nil), !status.isComplete
    {
      fail("I15", "\(rollout.candidate) gets traffic with \(status.sentence)")
    }
    if case .approved(let approval) = event.body {
      if approval.plan != rollout.plan.digest { fail("I15", "an approval of another plan") }
      if event.actor.name == rollout.startedBy.name || event.actor.kind != .person
        || rollout.approvals.contains(where: { $0.step == approval.step && $0.by == event.actor })
      {
        fail("I15", "\(event.actor) may not approve")
      }
    }
  }

  /// What goes on without its evidence says so.
  private func checkProof(_ event: Event, _ old: EndpointState?, _ new: EndpointState?) {
    guard let name = event.endpoint, let rollout = old?.rollout,
      let change = event.body.rolloutChange
    else { return }
    let seen = change.evidence.about(change.candidate, in: rollout) ?? change.evidence
    let hasBegun = rollout.isStarted || event.kind == "promoted"
    let isPassed = change.step > rollout.step || change.completes || event.kind == "promoted"
    // Below 100 % there is time to see more.
    let isMissing = change.weight == Split.whole && rollout.metricsMissing(seen)
    if event.actor.kind != .person, change.weight == Split.whole, rollout.weight < Split.whole,
      isMissing, !rollout.isUnverified, rollout.isStarted,
      rollout.planStep.weight < Split.whole
    {
      fail("I9", "all traffic by itself, and not every metric was seen")
    }
    if event.actor.kind == .person, isPassed, event.kind != "weight-set",
      (hasBegun && rollout.lacksTime(seen)) || isMissing
    {
      if !change.isUnverified { fail("I22", "\(event.kind) by hand is not marked") }
    }
    if change.isUnverified { unverified[name, default: []].insert(rollout.id) }
    guard change.completes else { return }
    if new?.rollout != nil { fail("I17", "a completed rollout runs on") }
    if isMissing, unverified[name]?.contains(rollout.id) != true {
      fail("I9", "completed without evidence and without a mark")
    }
  }

  // MARK: What was promised

  /// A change was acknowledged.
  func acknowledge(_ change: SimulatedChange) {
    if change.isJournaled, durable != change.after {
      fail("I5", "the state is not the fold of the journal")
    }
    for event in change.events {
      guard let name = event.endpoint else { continue }
      if let versions = event.body.closes { closed[name, default: []].formUnion(versions) }
      closed[name]?.subtract(event.body.opens)
      if let rollout = change.after.endpoint(name)?.rollout,
        let ended = change.before.endpoint(name)?.rollout, ended.id == rollout.id,
        unverified[name]?.contains(rollout.id) == true, !rollout.isUnverified
      {
        fail("I22", "rollout \(rollout.id) of \(name) forgot that a step was skipped")
      }
      if let ended = change.after.endpoint(name)?.ended.first, !ended.isUnverified,
        unverified[name]?.contains(ended.id) == true
      {
        fail("I22", "ended rollout \(ended.id) of \(name) forgot that a step was skipped")
      }
    }
  }

  /// A request was routed.
  func routed(_ version: VersionID, on endpoint: Name, loaded: Set<VersionID>) {
    if closed[endpoint]?.contains(version) == true {
      fail("I3", "a request on \(endpoint) goes to \(version), which was rolled back")
    }
    if closing?.endpoint == endpoint, closing?.versions.contains(version) == true {
      fail("I3", "a request on \(endpoint) goes to \(version) while its rollback is written")
    }
    if !loaded.contains(version) { fail("I4", "a request on \(endpoint) goes to \(version)") }
  }

  /// Whether a version is being closed by the write that is under way.
  func isClosing(_ version: VersionID, on endpoint: Name) -> Bool {
    closing.map { $0.endpoint == endpoint && $0.versions.contains(version) } ?? false
  }

  /// Where a rollback is being written.
  var closingEndpoint: Name? { closing?.endpoint }

  /// A node has started without a tombstone.
  func started(_ state: ControlState) {
    if state != durable { fail("I5", "a started node has another state than its journal") }
  }

  /// Versions that only such pending tombstones close as came before they were put on their
  /// endpoint again.
  func overtaken(_ tombstones: [SimulatedTombstone]) -> [(endpoint: Name, version: VersionID)] {
    tombstones.flatMap { tombstone in
      tombstone.closed.filter { version in
        guard durable.endpoint(tombstone.endpoint)?.closed.contains(version) == false,
          let put = events.lastIndex(where: {
            $0.endpoint == tombstone.endpoint && $0.body.puts.contains(version)
          })
        else { return false }
        return !tombstones.contains {
          $0.endpoint == tombstone.endpoint && $0.closed.contains(version) && $0.rows > put
        }
      }.map { (tombstone.endpoint, $0) }
    }
  }

  /// A start closed none of them.
  func checkOvertaken(_ versions: [(endpoint: Name, version: VersionID)]) {
    for (endpoint, version) in versions
    where durable.endpoint(endpoint)?.closed.contains(version) == true {
      fail("tombstones", "a start closed \(version), which came back to \(endpoint) afterwards")
    }
  }

  /// Evidence goes on from what a started node has: at least what was surely kept.
  func takeStock(_ state: ControlState, live: (Name) -> RolloutEvidence?) {
    for endpoint in state.endpoints {
      let name = endpoint.name
      guard let rollout = endpoint.rollout, let found = live(name) else { continue }
      for candidate in rollout.candidates {
        // A candidate has counts of its own whoever leads.
        let known = [rollout.evidence, kept[name]].compactMap { evidence in
          evidence.flatMap { $0.rollout == rollout.id ? counted(candidate, $0, rollout) : nil }
        }
        if counted(candidate, found, rollout) < known.max() ?? 0 {
          fail("evidence", "a start lost evidence of \(candidate) on \(name) that was saved")
        }
      }
      ledgers[name]?.restart(from: found, rollout)
    }
  }

  /// How much evidence of one candidate there is.
  private func counted(
    _ candidate: VersionID, _ evidence: RolloutEvidence, _ rollout: Rollout
  ) -> Int {
    var evidence = evidence
    evidence.follow(rollout)
    guard var own = evidence.about(candidate, in: rollout) else { return 0 }
    own.rivals = nil
    return own.eventsCounted
  }

  /// The rollouts go on to another run of their clocks.
  func follow(_ rollout: Rollout, on endpoint: Name, monotonic: Int64) {
    if ledgers[endpoint]?.rollout != rollout.id { ledgers[endpoint] = EvidenceLedger(rollout) }
    ledgers[endpoint]?.follow(rollout)
    if stages[endpoint]?.rollout != rollout.id || stages[endpoint]?.stage != rollout.stage {
      stages[endpoint] = (rollout.id, rollout.stage, monotonic)
    }
  }

  /// Whether more time was counted for a step than has passed since it began.
  func countsTooMuchTime(
    _ evidence: RolloutEvidence, on endpoint: Name, monotonic: Int64
  ) -> Bool {
    guard let began = stages[endpoint], began.rollout == evidence.rollout,
      began.stage == evidence.stage
    else { return false }
    return evidence.stepObserved.microseconds > monotonic - began.since
  }
}

extension EventBody {
  /// The versions that it closes; nil when it closes none.
  var closes: [VersionID]? {
    switch self {
    case .rolledBack(let rollback), .aborted(let rollback): rollback.closed
    case .candidateDropped(let drop): [drop.version]
    default: nil
    }
  }

  /// The versions that it puts on its endpoint.
  var puts: [VersionID] {
    if case .unloaded = self { return [] }
    return opens
  }

  /// The versions that it opens or takes away.
  var opens: [VersionID] {
    switch self {
    case .deployed(let deployed): [deployed.version]
    case .rampStarted(let start): [start.candidate] + (start.rivals ?? [])
    case .unloaded(let version): [version]
    default: []
    }
  }
}

extension Rollout {
  /// Whether a metric that can always be compared was not seen on both arms and nobody overrode it.
  func metricsMissing(_ evidence: RolloutEvidence) -> Bool {
    plan.metrics.contains { judged in
      guard !overridden.contains(judged.metric), plan.judge == nil || !isStarted else {
        return false
      }
      if case .suspect(judged.metric) = hold { return false }
      if case .inconclusive(judged.metric) = hold { return false }
      let counts: [RolloutEvidence.Counts]
      switch judged.metric {
      case .errors: counts = evidence.epochs.map(\.errors)
      case .wrongAnswers: counts = evidence.epochs.map(\.wrongAnswers)
      default: return false
      }
      return !counts.contains { $0.candidateTotal > 0 }
        || !counts.contains { $0.stableTotal > 0 }
    }
  }

  /// Whether the present step's time or requests are not met.
  func lacksTime(_ evidence: RolloutEvidence) -> Bool {
    guard evidence.stage == stage else { return clock > .zero }
    return evidence.stepObserved < clock
      || (!isSoaking && evidence.stepCandidateRequests < planStep.minRequests)
  }
}
