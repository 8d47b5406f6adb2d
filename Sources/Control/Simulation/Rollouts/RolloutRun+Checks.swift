import Core

extension RolloutRun {
  /// Tables were published.
  func noteRoute(_ endpoint: EndpointState, _ isComparable: Bool, _ old: Tables, _ new: Tables) {
    if let rollout = endpoint.rollout {
      witness.follow(rollout, on: endpoint.name, monotonic: clock.monotonic)
      if isComparable {
        witness.ledgers[endpoint.name]?.note(rollout, generation: endpoint.generation)
      }
      // Copies change nothing for callers.
      if rollout.planStep.kind == .shadow, !rollout.isSoaking, rollout.isStarted,
        new[""].map({ table in rollout.candidates.contains { table.buckets(of: $0).count > 0 } })
          == true
      {
        witness.fail("I20", "callers of \(endpoint.name) get answers of a shadowed version")
      }
    }
    for (name, table) in new.named {
      guard let before = old[name], before.salt == table.salt, before.stable == table.stable else {
        continue
      }
      for version in endpoint.deployed.map(\.version) where version != table.stable {
        let (was, now) = (before.buckets(of: version), table.buckets(of: version))
        let isKept = was.count <= now.count ? was.isSubset(of: now) : now.isSubset(of: was)
        if !isKept { witness.fail("I11", "keys of \(version) moved from \(was) to \(now)") }
      }
    }
  }

  /// What holds between two steps.
  func check() {
    guard let node, !disk.isDown, witness.violation == nil else { return }
    let state = node.state
    if node.plane.isAnythingHeld { witness.fail("I3", "a fence is held between two changes") }
    for endpoint in state.endpoints {
      checkPlace(endpoint, node)
      checkEvidence(endpoint, node)
      guard let rollout = endpoint.rollout else { continue }
      for version in [rollout.fallback] where !world.damaged.contains(version) {
        if endpoint.isDeployed(version), !node.plane.loaded.contains(version),
          !missingAtStart.contains(version)
        {
          witness.fail("I8", "\(version) is where \(endpoint.name) goes back to and is unloaded")
        }
      }
    }
  }

  private func checkPlace(_ endpoint: EndpointState, _ node: SimulatedNode) {
    guard let place = node.plane.places[endpoint.name], endpoint.split != nil else { return }
    let name = endpoint.name
    for version in place.fenced.keys.sorted() where !endpoint.closed.contains(version) {
      if endpoint.isDeployed(version) {
        witness.fail("fences", "\(version) is fenced on \(name) and not closed")
      }
    }
    for version in endpoint.closed where place.fenced[version] == nil {
      witness.fail("I3", "\(version) is closed on \(name) and not fenced")
    }
    checkAnswered(endpoint, node)
    for share in node.plane.streams(on: name).flatMap(\.shares) {
      witness.routed(share.version, on: name, loaded: node.plane.loaded)
    }
    guard isWhole(endpoint, node) else { return }
    if place.isDrained != endpoint.isDrained { witness.fail("I1", "\(name) is drained or not") }
    if place.generation != endpoint.generation {
      witness.fail("I1", "\(name) is routed by generation \(place.generation)")
    }
    if !place.table.weightsAre(endpoint.split, stable: endpoint.stable) {
      witness.fail("I1", "\(name) is routed \(place.table.weights), decided \(endpoint)")
    }
  }

  private func checkEvidence(_ endpoint: EndpointState, _ node: SimulatedNode) {
    guard let rollout = endpoint.rollout, let live = node.collector.evidence(of: endpoint.name),
      let ledger = witness.ledgers[endpoint.name], ledger.rollout == rollout.id
    else { return }
    if let difference = ledger.difference(live, rollout) {
      witness.fail("I10", "\(endpoint.name): \(difference)")
    }
    if witness.countsTooMuchTime(live, on: endpoint.name, monotonic: clock.monotonic) {
      witness.fail(
        "I16", "\(endpoint.name) counts \(live.stepObserved) in a step, more than passed")
    }
    if rollout.evidence.eventsCounted > live.eventsCounted {
      witness.fail("I10", "the journal knows more of \(endpoint.name) than the node")
    }
  }

  // MARK: The end

  /// Brings the run to a quiet end: whatever is broken is mended, every rollout ends, every effect
  /// is done, and the state is the fold of the journal, byte for byte.
  func end() {
    note = "end"
    if disk.isDown { restart(after: .seconds(1)) }
    // An abort waits for nothing: a full disk does not stop it.
    if draw.once(in: 2), !disk.tombstonesFail { abortAll(mustSucceed: false) }
    if disk.isDown { restart(after: .seconds(1)) }
    disk.heal()
    world.damaged = []
    world.unwell = []
    world.incident = nil
    world.overCapacity = nil
    restart(after: .seconds(2))
    slowRound()
    for name in endpoints { watch(name) }
    if draw.once(in: 3) { letFinish() }
    abortAll(mustSucceed: true)
    slowRound()
    deliverEffects(all: true)
    for name in endpoints { watch(name) }
    guard let node, witness.violation == nil else { return }
    for endpoint in node.state.endpoints where endpoint.rollout != nil {
      witness.fail("I7", "the rollout of \(endpoint.name) has no end")
    }
    check()
    checkJournal(node)
  }

  private func checkJournal(_ node: SimulatedNode) {
    if !node.core.isDurable || !disk.tombstones.isEmpty {
      witness.fail("I5", "what tombstones hold is not in the journal")
    }
    if let row = disk.firstBrokenRow() { witness.fail("I6", "the chain breaks at row \(row)") }
    if (try? CanonicalJSON.encode(witness.durable)) != (try? CanonicalJSON.encode(node.state)) {
      witness.fail("I5", "the state is not the replay of the journal")
    }
    for row in disk.rows.indices where witness.told[row] != 1 {
      witness.fail("I13", "told \(witness.told[row] ?? 0) times of row \(row)")
    }
  }

  /// Every running rollout is aborted.
  private func abortAll(mustSucceed: Bool) {
    guard let node else { return }
    for name in endpoints where node.state.endpoint(name)?.rollout != nil {
      guard let endpoint = node.state.endpoint(name), !disk.isDown else { return }
      let canGoBack = endpoint.rollbackTargets(prepared: node.prepared(node.state)).isEmpty == false
      disk.failuresToCome = mustSucceed ? 0 : disk.failuresToCome
      order(
        SimulatedOrder(command: .abort(endpoint: name, reason: nil), actor: RolloutRun.operators[0])
      )
      if disk.isDown { return }
      if mustSucceed || canGoBack, node.state.endpoint(name)?.rollout != nil {
        witness.fail("I7", "abort does not end the rollout of \(name)")
      }
    }
  }

  /// Lets rollouts go on with traffic, approvals and reasons until each has ended by itself.
  private func letFinish() {
    for freeze in state.freezes {
      order(
        SimulatedOrder(
          command: .removeFreeze(id: freeze.id, reason: "end"), actor: RolloutRun.operators[0]))
    }
    for _ in 0..<60 {
      guard let node, node.state.endpoints.contains(where: { $0.rollout != nil }) else { return }
      clock.advance(.seconds(1))
      var busy: Set<Name> = []
      for name in endpoints {
        guard let endpoint = node.state.endpoint(name), let rollout = endpoint.rollout else {
          continue
        }
        nudge(name, endpoint, rollout)
        if send(2_000_000, to: name, node) { busy.insert(name) }
      }
      clock.advance(.seconds(45))
      node.addTime(.seconds(45), traffic: busy)
      deliverLabels()
      for name in endpoints { watch(name) }
      if witness.violation != nil { return }
    }
    witness.fail("I7", "a rollout neither goes on nor ends")
  }

  private func nudge(_ name: Name, _ endpoint: EndpointState, _ rollout: Rollout) {
    if endpoint.isDrained {
      order(SimulatedOrder(command: .enableEndpoint(name), actor: RolloutRun.operators[0]))
    }
    if let status = rollout.approvalsNow, !status.isComplete {
      for actor in RolloutRun.operators where actor.name != rollout.startedBy.name {
        order(
          SimulatedOrder(command: .approve(endpoint: name, plan: nil, reason: nil), actor: actor))
      }
    }
    if rollout.hold == .choice, rollout.plan.steps.last?.approvals != nil {
      // Promoting would leave out approvals that can be given only there.
      for version in rollout.candidates.dropLast() {
        order(
          SimulatedOrder(
            command: .drop(endpoint: name, version: version, reason: "end"),
            actor: RolloutRun.operators[0]))
      }
    } else if rollout.hold == .choice {
      order(
        SimulatedOrder(
          command: .promote(endpoint: name, reason: "end", version: rollout.candidates.last),
          actor: RolloutRun.operators[0]))
    }
    guard let hold = rollout.hold, !hold.endsByItself || hold.isWait,
      rollout.approvalsNow?.isComplete ?? true
    else { return }
    order(
      SimulatedOrder(
        command: .resume(endpoint: name, reason: "end"), actor: RolloutRun.operators[0]))
  }
}

extension HoldCause {
  /// Whether it waits for a time or another rollout, which a person may end.
  fileprivate var isWait: Bool {
    switch self {
    case .scheduled, .dependency: true
    default: false
    }
  }
}

extension SimulatedTable {
  /// Whether the buckets are what a split says.
  func weightsAre(_ split: Split?, stable: VersionID?) -> Bool {
    guard let split, self.stable == stable else { return false }
    let sorted = weights.sorted { $0.version < $1.version }
    return sorted.map(\.version) == split.versions
      && sorted.map(\.count) == split.shares.map(\.weight)
  }
}
