import Core

/// One simulated run: a node, its operators, its world and its faults, step by step.
final class RolloutRun {
  /// The model whose versions are ramped.
  static let model = Name.simulated("m")

  /// What can happen in a step, with how often.
  enum Action: String, CaseIterable {
    case traffic, silence, order, race, slowRound, labels, lateAnswers, effects
    case conditions
    case diskFull, writeFails, saveFails, tombstonesFail, heal
    case stopAtWrite, stopNow, restart, absence, clockJump
    case outsideRollback, clearingFails, damage, mend, zombie

    var weight: Int {
      switch self {
      case .traffic: 30
      case .order: 34
      case .silence, .race, .slowRound, .labels, .heal: 4
      case .lateAnswers, .effects, .stopAtWrite: 3
      case .diskFull, .writeFails, .mend, .conditions: 2
      case .saveFails, .tombstonesFail, .stopNow, .restart, .absence, .clockJump: 1
      case .outsideRollback, .clearingFails, .damage, .zombie: 1
      }
    }
    static let total = allCases.reduce(0) { $0 + $1.weight }
  }

  let endpoints: [Name]
  static let versions = 5
  static let operators = ["ana", "bob", "carol", "dave"].map {
    ActorID(kind: .person, name: $0)
  }

  let program: any SimulatedProgram
  let mutation: Mutation?
  let disk: SimulatedDisk
  let clock: SimulatedClock
  let world: SimulatedWorld
  let witness = RolloutWitness()
  var node: SimulatedNode?
  var draw: Draw
  var hash = TraceHash()
  var restarts = 0
  var tombstones = 0
  /// Generations that operators remember, some of them stale.
  var seen: [ActorID: [Name: Int]] = [:]
  private let isTracing: Bool
  private var lines: [String] = []
  /// Versions that were missing at this node's start.
  var missingAtStart: Set<VersionID> = []
  /// What the present step did, for the trace.
  var note = ""
  private var stateBefore = ControlState()

  init(seed: UInt64, program: any SimulatedProgram, mutation: Mutation?, isTracing: Bool) {
    self.program = program
    self.mutation = mutation
    self.isTracing = isTracing
    draw = Draw(seed: seed)
    endpoints = ["a", "b"].map { Name.simulated($0) }
    disk = SimulatedDisk(breaksLease: mutation == .staleLeaseAccepted)
    clock = SimulatedClock(wall: 1_700_000_000_000_000)
    world = SimulatedWorld(&draw, versions: RolloutRun.versions)
    disk.now = { [clock] in clock.now }
    disk.duringWrite = { [unowned self] events in requestsDuring(events) }
    disk.afterWrite = { [unowned self] in witness.ended() }
    disk.onAppend = { [unowned self] rows in witness.appended(rows) }
  }

  /// Plays steps, each a seed of its own, and brings the run to a quiet end.
  func play(_ steps: [UInt64]) -> RolloutRunResult {
    begin()
    var index = 0
    while index < steps.count, witness.violation == nil {
      stateBefore = state
      draw = Draw(seed: steps[index])
      step()
      finishStep(index)
      index += 1
    }
    if witness.violation == nil {
      stateBefore = state
      end()
      finishStep(index)
    }
    let violation = witness.violation.map {
      RolloutViolation(
        invariant: $0.invariant, message: $0.message, step: max(0, index - 1),
        before: stateBefore, after: state)
    }
    return RolloutRunResult(
      traceHash: hash.text, events: disk.rows.count, restarts: restarts, tombstones: tombstones,
      kinds: witness.kinds, violation: violation, trace: lines)
  }

  var state: ControlState { node?.state ?? witness.durable }

  /// Registers versions and lets two endpoints serve the first, without faults.
  private func begin() {
    start()
    let ana = RolloutRun.operators[0]
    var commands: [Command] = []
    for _ in 0..<RolloutRun.versions {
      commands.append(.registerVersion(.simulated))
    }
    for name in endpoints {
      commands.append(.createEndpoint(name))
      commands.append(
        .deploy(endpoint: name, version: VersionID(model: RolloutRun.model, number: 1)))
    }
    for command in commands {
      clock.advance(.seconds(1))
      order(SimulatedOrder(command: command, actor: ana))
    }
    finishStep(-1)
  }

  // MARK: Steps

  private func step() {
    var left = draw.below(Action.total)
    let action = Action.allCases.first { action in
      left -= action.weight
      return left < 0
    }
    note = action?.rawValue ?? ""
    clock.advance(.milliseconds(1 + draw.below(1_500)))
    switch action ?? .traffic {
    case .traffic: traffic(hasRequests: true)
    case .silence: traffic(hasRequests: false)
    case .order: giveOrder()
    case .race: giveOrders()
    case .slowRound: slowRound()
    case .labels: deliverLabels()
    case .lateAnswers: deliverAnswers()
    case .effects: deliverEffects(all: false)
    default: fault(action ?? .heal)
    }
    if disk.isDown { restart(after: .milliseconds(draw.below(3_000))) }
  }

  private func fault(_ action: Action) {
    switch action {
    case .diskFull: disk.isFull = true
    case .writeFails: disk.failuresToCome = 1 + draw.below(4)
    case .saveFails: disk.evidenceFailuresToCome = 1 + draw.below(3)
    case .tombstonesFail: disk.tombstonesFail = true
    case .heal: disk.heal()
    case .stopAtWrite: disk.stop(afterWrites: draw.below(4), isBefore: draw.once(in: 3))
    case .stopNow: disk.stopNow()
    case .restart:
      keep(node?.saveEvidence() ?? [])
      restart(after: .milliseconds(draw.below(3_000)))
    case .absence: restart(after: .seconds(1 + draw.below(draw.once(in: 2) ? 600 : 300_000)))
    case .clockJump: clock.wall += jump()
    case .outsideRollback: rollBackFromOutside()
    case .clearingFails: rollBackWithoutClearing()
    case .damage:
      if let version = draw.one(of: state.versions)?.version { world.damaged.insert(version) }
    case .mend:
      world.damaged = []
      world.unwell = []
    case .conditions: changeConditions()
    case .zombie: writeFromThePast()
    default: break
    }
  }

  /// An incident, too much load, or a version whose probe fails begins or ends.
  private func changeConditions() {
    switch draw.below(4) {
    case 0: world.incident = world.incident == nil ? "the cluster burns" : nil
    case 1: world.overCapacity = world.overCapacity == nil ? "the queue is long" : nil
    default:
      if let version = draw.one(of: state.versions)?.version,
        world.unwell.remove(version) == nil
      {
        world.unwell.insert(version)
      }
    }
  }

  /// A second, an hour, a day, or thirty years, either way.
  private func jump() -> Int64 {
    let size: Int64 = [1, 30, 3_600, 86_400, 946_080_000][draw.below(5)]
    return (draw.once(in: 2) ? size : -size) * 1_000_000
  }

  /// Another process writes a tombstone because the node does not answer.
  private func rollBackFromOutside() {
    // It reads the journal and the tombstones that nobody has obeyed yet.
    var known = witness.durable
    for tombstone in program.inOrder(disk.tombstones) where !program.isDone(tombstone, in: known) {
      let context = DecisionContext(
        now: clock.now, actor: tombstone.actor, prepared: Set(known.versions.map(\.version)))
      let decided = program.commands(for: tombstone, in: known).lazy.compactMap {
        try? decide(known, $0, context)
      }.first
      known = (decided ?? []).reduce(known) { apply($0, $1) }
    }
    guard let endpoint = draw.one(of: known.endpoints), let rollout = endpoint.rollout else {
      return
    }
    _ = try? disk.recordTombstone(
      endpoint: endpoint.name, closed: rollout.candidates.sorted(), fallback: rollout.fallback,
      actor: RolloutRun.operators[1], time: clock.now, generation: endpoint.generation + 1)
  }

  /// A rollback is kept by a tombstone that cannot be cleared, and its version comes back before
  /// the machine stops.
  private func rollBackWithoutClearing() {
    guard let endpoint = draw.one(of: state.endpoints.filter({ $0.rollout != nil })),
      let rollout = endpoint.rollout
    else { return }
    let actor = RolloutRun.operators[2]
    disk.isFull = true
    order(
      SimulatedOrder(command: .abort(endpoint: endpoint.name, reason: nil), actor: actor))
    disk.heal()
    disk.tombstonesFail = true
    order(
      SimulatedOrder(
        command: .startRamp(
          endpoint: endpoint.name, version: rollout.candidate, plan: rollout.plan), actor: actor,
        freezeOverride: "again"))
    disk.stopNow()
  }

  /// A node that has lost its lease tries to write.
  private func writeFromThePast() {
    guard let row = disk.rows.last, restarts > 0, !disk.isDown else { return }
    let before = disk.rows.count
    if (try? disk.append([row.body], lease: disk.lease - 1)) != nil || disk.rows.count != before {
      witness.fail("I12", "a node without the lease wrote to the journal")
    }
  }

  // MARK: Starting

  func restart(after span: TimeSpan) {
    clock.advance(span)
    restarts += 1
    start()
  }

  private func start() {
    // A start may be stopped by a fault as well; the next one comes.
    let overtaken = witness.overtaken(disk.tombstones)
    defer { witness.checkOvertaken(overtaken) }
    for attempt in 0..<8 {
      if attempt == 7 { disk.heal() }
      node = nil
      missingAtStart = world.damaged
      witness.ledgers = [:]
      do {
        let node = try SimulatedNode(
          program, disk, clock, world, mutation: mutation
        ) { [unowned self] in noteRoute($0, $1, $2, $3) }
        self.node = node
        try node.begin()
        if !disk.isDown { break }
      } catch {
        // Tried again.
      }
    }
    guard let node, !disk.isDown else {
      witness.fail("I7", "a node cannot start")
      return
    }
    if disk.tombstones.isEmpty { witness.started(node.state) }
    witness.takeStock(node.state) { node.collector.evidence(of: $0) }
  }

  // MARK: After each step

  private func finishStep(_ index: Int) {
    check()
    hashNewEvents()
    if isTracing { lines.append("\(index) \(note)") }
    note = ""
  }

  private func hashNewEvents() {
    hash.add(witness.durable.sequence)
    hash.add(restarts)
    hash.add(tombstones)
    hash.add(UInt64(bitPattern: clock.wall))
    for endpoint in self.state.endpoints { hash.add(endpoint) }
  }
}

extension TraceHash {
  /// What is decided about an endpoint, in whole numbers and words.
  mutating func add(_ endpoint: EndpointState) {
    add(endpoint.name.text)
    add(endpoint.generation)
    add(endpoint.isDrained ? 1 : 0)
    for share in endpoint.split?.shares ?? [] {
      add(share.version.number)
      add(share.weight)
    }
    add(endpoint.stable?.number ?? 0)
    for version in endpoint.goodVersions + endpoint.closed { add(version.number) }
    add(endpoint.rolloutCount)
    if let last = endpoint.recent.first { add(last.actor.name) }
    if let ended = endpoint.ended.first {
      add(ended.id)
      add(ended.end.rawValue)
      add(ended.isUnverified ? 1 : 0)
    }
    guard let rollout = endpoint.rollout else { return }
    for number in [rollout.id, rollout.step, rollout.weight, rollout.epoch, rollout.stage] {
      add(number)
    }
    add(rollout.phaseWord)
    add(UInt64(bitPattern: rollout.phaseSince.microseconds))
    add(rollout.approvals.count)
    add(rollout.evidence.eventsCounted)
  }
}

extension Name {
  /// A name of the simulation.
  /// - Precondition: it is a legal name.
  static func simulated(_ text: String) -> Name {
    guard let name = try? Name(text) else { preconditionFailure("\(text) is no name") }
    return name
  }
}

extension VersionDraft {
  /// A version of the simulated model.
  static var simulated: VersionDraft {
    guard let digest = try? Digest(bytes: [UInt8](repeating: 7, count: 32)) else {
      preconditionFailure("32 bytes are a digest")
    }
    let tensor = TensorSpec(name: "x", elementType: .float32, shape: [1])
    return VersionDraft(
      model: RolloutRun.model, artifact: digest, artifactBytes: 1,
      signature: Signature(inputs: [tensor], outputs: [tensor]))
  }
}
