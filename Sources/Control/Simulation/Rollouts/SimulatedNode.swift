import Core

/// Virtual time: what people read, which jumps, and what decides, which does not.
final class SimulatedClock {
  /// Microseconds since 1970, with every jump.
  var wall: Int64
  /// Microseconds since the simulation began.
  private(set) var monotonic: Int64 = 0

  init(wall: Int64) { self.wall = wall }

  var now: Timestamp { Timestamp(microseconds: wall) }

  func advance(_ span: TimeSpan) {
    wall += span.microseconds
    monotonic += span.microseconds
  }
}

/// One order of an operator.
struct SimulatedOrder {
  var command: Command
  var actor: ActorID
  var expectedGeneration: Int?
  var freezeOverride: String?
}

/// A node between its start and its end: the core under test with everything around it that the
/// real node has too.
final class SimulatedNode {
  let core: any SimulatedCore
  let plane: SimulatedPlane
  let collector: SimulatedCollector
  private let program: any SimulatedProgram
  private let disk: SimulatedDisk
  private let clock: SimulatedClock
  private let world: SimulatedWorld
  private let mutation: Mutation?
  private var isServing = false
  private var reserved: [VersionID] = []
  /// When the disk was last written before this node; nil once rollouts that nobody watched since
  /// are held.
  private var downSince: Timestamp?
  private var guardRetries: [Name: Int64] = [:]
  private var tombstonesSeen: [UInt64] = []
  private var lastWall: Int64

  /// A tenth of a second after a forward move that the journal did not take comes the next try.
  private static let guardRetryMicroseconds: Int64 = 1_000_000

  /// Opens the disk, replays, and obeys tombstones.
  init(
    _ program: any SimulatedProgram, _ disk: SimulatedDisk, _ clock: SimulatedClock,
    _ world: SimulatedWorld, mutation: Mutation?, onRoute: @escaping RolloutWitness.RouteWatch
  ) throws {
    self.program = program
    self.disk = disk
    self.clock = clock
    self.world = world
    self.mutation = mutation
    lastWall = clock.wall
    downSince = disk.rows.isEmpty ? nil : disk.lastWritten
    disk.restart()
    collector = SimulatedCollector(mutation: mutation)
    plane = SimulatedPlane(collector, mutation: mutation)
    plane.onRoute = onRoute
    core = try program.open(disk, plane, lease: disk.lease)
    try obeyTombstones()
  }

  var state: ControlState { core.state }

  /// Loads versions and serves.
  func begin() throws {
    holdAfterAbsence()
    for endpoint in state.endpoints {
      for deployment in endpoint.deployed where !world.damaged.contains(deployment.version) {
        plane.loaded.insert(deployment.version)
      }
      plane.follow(endpoint)
      restoreEvidence(endpoint)
    }
    isServing = true
    for endpoint in state.endpoints {
      guard let rollout = endpoint.rollout,
        !plane.loaded.isSuperset(of: [rollout.candidate, rollout.fallback])
      else { continue }
      _ = try? perform(SimulatedOrder(command: .pause(endpoint: endpoint.name), actor: .system))
    }
  }

  private func restoreEvidence(_ endpoint: EndpointState) {
    guard endpoint.rollout != nil, let bytes = disk.evidence(endpoint.name.text),
      let evidence = try? CanonicalJSON.decode(RolloutEvidence.self, from: bytes)
    else { return }
    collector.restore(evidence, for: endpoint)
  }

  // MARK: Orders

  /// Carries out an order; `meanwhile` runs after it was first decided and before it has the turn.
  func perform(
    _ order: SimulatedOrder, meanwhile: (() -> Void)? = nil
  ) throws -> SimulatedChange {
    let versions = order.command.versionsToLoad(in: state)
    reserved += versions
    defer {
      for version in versions {
        if let index = reserved.firstIndex(of: version) { reserved.remove(at: index) }
      }
      releaseVersions()
    }
    for version in versions { try prepare(version) }
    var runs = meanwhile
    return try core.transact { state in
      let events = try self.decided(order, state)
      let race = runs
      runs = nil
      race?()
      return events
    }
  }

  private func decided(_ order: SimulatedOrder, _ state: ControlState) throws -> [Event] {
    let name = order.command.endpoint
    if mutation == .rollbackBlockedByFreeze, let name, order.command.takesTrafficBack,
      !state.activeFreezes(on: name, at: clock.now).isEmpty
    {
      throw ControlError(.refused, "\(name) is frozen")
    }
    let context = DecisionContext(
      now: clock.now, actor: order.actor,
      expectedGeneration: mutation == .staleGenerationAccepted ? nil : order.expectedGeneration,
      prepared: prepared(state), evidence: name.flatMap { collector.evidence(of: $0) },
      stableLatency: world.stableLatency, freezeOverride: order.freezeOverride)
    let events = try decide(state, order.command, context)
    guard mutation == .approvalOfAnotherPlan else { return events }
    return events.map(\.withAnotherPlan)
  }

  /// The versions that may get weight.
  func prepared(_ state: ControlState) -> Set<VersionID> {
    isServing && mutation != .unreadyRouted
      ? plane.loaded.subtracting(world.unwell) : Set(state.versions.map(\.version))
  }

  private func prepare(_ version: VersionID) throws {
    guard state.version(version) != nil else { return }
    if world.damaged.contains(version) {
      if mutation == .unreadyRouted { return }
      throw SimulatedFailure("\(version) cannot be loaded")
    }
    load(version)
  }

  /// Takes a version into memory; who has it is routed as the state says at once.
  private func load(_ version: VersionID) {
    guard plane.loaded.insert(version).inserted, isServing, mutation != .standInKept else { return }
    for endpoint in state.endpoints where endpoint.isDeployed(version) { plane.follow(endpoint) }
  }

  /// Tries again what could not be loaded.
  private func loadMissing() {
    for version in Set(state.endpoints.flatMap { $0.deployed.map(\.version) }).sorted()
    where !world.damaged.contains(version) { load(version) }
  }

  /// Forgets versions that no endpoint has any more.
  func releaseVersions() {
    let kept = state.endpoints.flatMap { $0.deployed.map(\.version) } + reserved
    plane.loaded.formIntersection(kept)
    guard mutation == .fallbackUnloaded else { return }
    for endpoint in state.endpoints {
      if let rollout = endpoint.rollout { plane.loaded.remove(rollout.fallback) }
    }
  }

  // MARK: The guard

  /// What happens by itself on an endpoint now.
  func look(_ name: Name, _ state: ControlState) -> [Event] {
    guard let evidence = collector.evidence(of: name) else { return [] }
    let conditions = Conditions(
      prepared: prepared(state), incident: world.incident, overCapacity: world.overCapacity)
    return observe(
      watched(state, name), endpoint: name, evidence: evidence, conditions: conditions,
      now: clock.now)
  }

  private func watched(_ state: ControlState, _ name: Name) -> ControlState {
    guard let index = state.endpoints.firstIndex(where: { $0.name == name }) else { return state }
    var seen = state
    if mutation == .metricsNotAsked {
      seen.endpoints[index].rollout?.overridden = Metric.allCases
    }
    if mutation == .capsIgnored { seen.endpoints[index].rollout?.isBlastPassed = true }
    return seen
  }

  /// Lets the guard look, and does what it decides.
  /// - Returns: the change, nil when there was none; and whether a forward move may be tried now.
  func watch(_ name: Name) -> (change: SimulatedChange?, isTried: Bool) {
    guard let running = state.endpoint(name)?.rollout,
      let evidence = collector.evidence(of: name), evidence.rollout == running.id
    else { return (nil, true) }
    if world.knowsStable(name) {
      let wants = Set(running.plan.metrics.map(\.metric))
      collector.judge(
        name, by: wants.contains(.latency) ? world.stableLatency : nil,
        and: wants.contains(where: \.isTwoSided) ? world.profile : nil)
    }
    guard let event = look(name, state).first else { return (nil, true) }
    if event.body.closes == nil, !mayMoveForward(name) { return (nil, false) }
    do {
      return (try core.transact { look(name, $0) }, true)
    } catch {
      guardRetries[name] = clock.monotonic + SimulatedNode.guardRetryMicroseconds
      return (nil, false)
    }
  }

  private func mayMoveForward(_ name: Name) -> Bool {
    guard guardRetries[name] ?? 0 <= clock.monotonic else { return false }
    guard holdAfterAbsence() else {
      guardRetries[name] = clock.monotonic + SimulatedNode.guardRetryMicroseconds
      return false
    }
    return true
  }

  /// Adds time to the step clocks.
  func addTime(_ span: TimeSpan, traffic: Set<Name>) {
    let wall = TimeSpan(microseconds: max(span.microseconds, clock.wall - lastWall))
    lastWall = clock.wall
    for endpoint in state.endpoints {
      collector.addTime(
        endpoint.name, mutation == .wallClockCounts ? wall : span,
        hadTraffic: traffic.contains(endpoint.name))
    }
  }

  @discardableResult
  private func holdAfterAbsence() -> Bool {
    guard let since = downSince else { return true }
    let change = try? core.transact { recover($0, downSince: since, now: clock.now) }
    guard change != nil else { return false }
    downSince = nil
    return true
  }

  // MARK: Slow rounds

  /// What a node does once a second.
  /// - Returns: the evidence that was saved, by endpoint.
  func slowRound() -> [(Name, RolloutEvidence)] {
    core.retryJournal(now: clock.now)
    loadMissing()
    let saved = saveEvidence()
    if disk.tombstones.map(\.sequence) != tombstonesSeen {
      tombstonesSeen = disk.tombstones.map(\.sequence)
      try? obeyTombstones()
    }
    return saved
  }

  /// Writes the evidence that changed beside the journal.
  func saveEvidence() -> [(Name, RolloutEvidence)] {
    var saved: [(Name, RolloutEvidence)] = []
    for (name, evidence) in collector.takeChanged() {
      guard let body = try? CanonicalJSON.encode(evidence),
        (try? disk.saveEvidence(body, key: name.text)) != nil
      else { break }
      saved.append((name, evidence))
    }
    return saved
  }

  private func obeyTombstones() throws {
    let pending = disk.tombstones
    guard !pending.isEmpty else { return }
    for tombstone in program.inOrder(pending) where !program.isDone(tombstone, in: state) {
      try obey(tombstone)
    }
    if core.isDurable { try? disk.clearTombstones(Set(pending.map(\.sequence))) }
  }

  private func obey(_ tombstone: SimulatedTombstone) throws {
    for command in program.commands(for: tombstone, in: state) {
      do {
        _ = try perform(SimulatedOrder(command: command, actor: tombstone.actor))
        return
      } catch is ControlError {
        continue
      }
    }
    let note = Command.annotate(
      endpoint: tombstone.endpoint, text: "a recorded rollback could not be done")
    _ = try perform(SimulatedOrder(command: note, actor: tombstone.actor))
  }
}

extension Command {
  /// Whether it only takes traffic back.
  var takesTrafficBack: Bool {
    switch self {
    case .rollBack, .abort: true
    default: false
    }
  }

  /// The versions that have to be loaded before it is decided.
  func versionsToLoad(in state: ControlState) -> [VersionID] {
    switch self {
    case .deploy(_, let version): [version]
    case .startRamp(_, let version, _, let options),
      .supersede(_, let version, _, _, let options):
      [version] + (options?.rivals ?? [])
    case .retry(let name):
      (state.endpoint(name)?.ended.first).map { [$0.candidate] + ($0.rivals ?? []) } ?? []
    default: []
    }
  }
}

extension EventBody {
  /// Whether it takes all traffic back.
  var isRollback: Bool {
    if case .rolledBack = self { return true }
    return false
  }
}

extension Event {
  /// The same, an approval being for some other plan.
  fileprivate var withAnotherPlan: Event {
    guard case .approved(let given) = body,
      let other = try? Digest(bytes: [UInt8](repeating: 1, count: 32))
    else { return self }
    let approval = Approval(
      rollout: given.rollout, candidate: given.candidate, step: given.step, plan: other,
      given: given.given, wanted: given.wanted)
    return Event(
      body: .approved(approval), endpoint: endpoint, actor: actor, time: time, reason: reason,
      generation: generation, before: before, after: after, override: override)
  }
}
