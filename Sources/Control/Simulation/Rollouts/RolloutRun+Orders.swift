import Core

extension RolloutRun {
  /// One operator gives one order, perhaps on an old picture.
  func giveOrder() {
    order(randomOrder())
  }

  /// Two operators at once: the second gets the turn between the first's look and the first's
  /// turn.
  func giveOrders() {
    let (first, second) = (randomOrder(), randomOrder())
    order(first) { [unowned self] in order(second) }
  }

  private func randomOrder() -> SimulatedOrder {
    let actor = draw.one(of: RolloutRun.operators) ?? .system
    let endpoint = endpoints[draw.below(3) / 2]
    let command = command(on: endpoint, by: actor)
    let generation = state.endpoint(endpoint)?.generation
    let remembered = seen[actor]?[endpoint]
    if draw.once(in: 2) { seen[actor, default: [:]][endpoint] = generation }
    return SimulatedOrder(
      command: command, actor: actor,
      expectedGeneration: draw.once(in: 2) ? nil : draw.once(in: 6) ? remembered : generation,
      freezeOverride: draw.once(in: 4) ? "urgent" : nil)
  }

  /// A command, more often one that could be carried out now.
  private func command(on endpoint: Name, by actor: ActorID) -> Command {
    var setting = RandomCommand.Setting(
      state: state, endpoint: endpoint, now: clock.now, versions: RolloutRun.versions,
      draw: Draw(seed: draw.bits()))
    var command = RandomCommand.pick(&setting)
    guard let node, !draw.once(in: 4) else { return command }
    let context = DecisionContext(
      now: clock.now, actor: actor, prepared: Set(state.versions.map(\.version)),
      evidence: node.collector.evidence(of: endpoint), stableLatency: world.stableLatency)
    for _ in 0..<4 where (try? decide(state, command, context)) == nil {
      command = RandomCommand.pick(&setting)
    }
    return command
  }

  /// Gives an order and checks what came of it.
  func order(_ order: SimulatedOrder, meanwhile: (() -> Void)? = nil) {
    guard let node, !disk.isDown else { return }
    let before = node.state
    note += " \(order.words)"
    do {
      let change = try node.perform(order, meanwhile: meanwhile)
      if disk.isDown { return }
      accept(change)
      checkAccepted(change, order, node)
      note += " [\(change.events.map(\.kind).joined(separator: " "))]"
    } catch {
      if disk.isDown { return }
      let words = RolloutRun.words(error)
      note += " [\(words)]"
      hash.add(words)
      if meanwhile == nil, before != node.state {
        witness.fail("I6", "a refused order changed the state")
      }
      if (error as? ControlError)?.code == .refused { checkRefused(order, node) }
    }
  }

  /// A change was acknowledged.
  func accept(_ change: SimulatedChange) {
    if !change.isJournaled { tombstones += 1 }
    witness.acknowledge(change)
    for event in change.events { hash.add(event.kind) }
  }

  private static func words(_ error: any Error) -> String {
    switch error {
    case let error as ControlError: error.code.rawValue
    case let error as SimulatedDiskError: "\(error)"
    default: "failed"
    }
  }

  /// An accepted order was given on the present picture, or takes no risk; and what gains weight is
  /// ready.
  private func checkAccepted(
    _ change: SimulatedChange, _ order: SimulatedOrder, _ node: SimulatedNode
  ) {
    guard let name = order.command.endpoint, let old = change.before.endpoint(name) else { return }
    if let expected = order.expectedGeneration, expected != old.generation,
      !order.command.isNeverStale
    {
      witness.fail(
        "I12", "\(order.words) was seen at generation \(expected) and done at \(old.generation)")
    }
    if order.command.takesTrafficBack { return }
    if case .drop = order.command { return }
    for event in change.events where !event.body.isRollback {
      for share in event.after?.shares ?? []
      where share.weight > (old.split?.weight(of: share.version) ?? 0) {
        if !node.prepared(node.state).contains(share.version) {
          witness.fail("I4", "\(event.kind) gives weight to \(share.version), which is not ready")
        }
      }
    }
  }

  /// A freeze refuses nothing that takes traffic back.
  private func checkRefused(_ order: SimulatedOrder, _ node: SimulatedNode) {
    guard let name = order.command.endpoint, order.command.isSafe,
      !node.state.activeFreezes(on: name, at: clock.now).isEmpty
    else { return }
    var thawed = node.state
    thawed.freezes = []
    let context = DecisionContext(
      now: clock.now, actor: order.actor, expectedGeneration: order.expectedGeneration,
      prepared: node.prepared(thawed), evidence: node.collector.evidence(of: name))
    if (try? decide(thawed, order.command, context)) != nil {
      witness.fail("I14", "a freeze refuses \(order.words)")
    }
  }

  /// Makes an effect of a past row happen, perhaps again.
  func deliverEffects(all: Bool) {
    for effect in disk.outbox.deliver(&draw, all: all) { carryOut(effect) }
  }

  private func carryOut(_ effect: SimulatedEffect) {
    guard let node, witness.events.indices.contains(effect.row) else { return }
    let event = witness.events[effect.row]
    switch effect.kind {
    case .route:
      guard let name = event.endpoint, let generation = event.generation,
        let endpoint = node.state.endpoint(name)
      else { return }
      if mutation == .staleRoutesApplied, let split = event.after {
        node.plane.routeStale(endpoint, split)
      } else if generation > node.plane.places[name]?.generation ?? generation {
        node.plane.follow(endpoint)
      }
    case .notify:
      if witness.told[effect.row] == nil || mutation == .effectsAppliedTwice {
        witness.told[effect.row, default: 0] += 1
      }
      if witness.told[effect.row] != 1 { witness.fail("I13", "told twice of a row") }
    case .release: node.releaseVersions()
    }
  }
}

extension SimulatedOrder {
  /// The order in short, for a trace.
  var words: String {
    let generation = expectedGeneration.map { " at \($0)" } ?? ""
    return "\(actor.name): \(command.shortWords)\(generation)"
  }
}

extension Command {
  /// Whether it can be carried out on an old picture.
  var isNeverStale: Bool {
    switch self {
    case .rollBack, .abort, .pause, .drop, .annotate, .recordRunbook, .addFreeze, .removeFreeze:
      true
    default: false
    }
  }

  /// Whether it takes no risk, so that no freeze may refuse it.
  var isSafe: Bool {
    switch self {
    case .rollBack, .abort, .pause: true
    default: false
    }
  }

  /// Its case and what matters of it, on one line.
  var shortWords: String {
    switch self {
    case .registerVersion(let draft): "register \(draft.model)"
    case .startRamp(let name, let version, let plan, _):
      "ramp \(name) \(version) \(plan.shortWords)"
    case .supersede(let name, let version, let plan, _, _):
      "supersede \(name) \(version) \(plan.shortWords)"
    default: String("\(self)".prefix(160))
    }
  }
}

extension Plan {
  /// Its weights and what it asks for.
  var shortWords: String {
    var words = steps.map { "\($0.weight)/\($0.hold)" }.joined(separator: " ")
    if let approvals { words += " approvals \(approvals.count)" }
    if let blast { words += " blast \(blast.requests ?? 0)/\(blast.errors ?? 0)" }
    if let holdDeadline { words += " deadline \(holdDeadline)" }
    return "(\(words) soak \(soak) \(metrics.map(\.metric.rawValue).joined(separator: ",")))"
  }
}
