import Core
import Synchronization
import Telemetry

/// One endpoint's data plane: the published snapshot, the fence, the workers' taps.
///
/// Requests never wait here: a worker compares one number with the epoch it knows and looks again
/// only after a publication. Everything else is the cold side, called by the control plane's
/// effects and by the one analyst that drains the taps.
public final class EndpointRuntime: Sendable {
  /// The endpoint's name.
  public let name: Name
  /// What its requests carry.
  public let schema: RowSchema

  let gate = FenceGate()
  let epoch = Atomic<Int>(0)
  /// The slot to which fenced traffic should go first; -1 for the stable.
  let fenceTarget = Atomic<Int>(-1)
  /// Where copies of requests go.
  let lane: ShadowLane
  private let state: Mutex<State>

  fileprivate struct State {
    var snapshot: RoutingSnapshot
    /// Which version has which bit of the closed set.
    var slots = [VersionID?](repeating: nil, count: FenceGate.slotCount)
    /// Every version that was ever routed to here, by its tag.
    var versions: [VersionID] = []
    var tags: [VersionID: UInt16] = [:]
    var rings: [TapRing] = []
    /// Where workers leave rows, and the last ones that were taken, newest last.
    var samples: [ShadowRing] = []
    var rows: [RecordedRow] = []
    /// Drops of workers that are gone.
    var droppedBefore = 0
    var workersMade: UInt64 = 0
  }

  /// An endpoint without versions: it answers `unavailable`.
  public convenience init(name: Name, schema: RowSchema) {
    self.init(name: name, schema: schema, ownsShadowThread: true)
  }

  /// - Parameter ownsShadowThread: false for tests that answer the copies themselves.
  init(name: Name, schema: RowSchema, ownsShadowThread: Bool) {
    self.name = name
    self.schema = schema
    lane = ShadowLane(schema, gate: gate, ownsThread: ownsShadowThread)
    state = Mutex(
      State(snapshot: RoutingSnapshot(epoch: 0, generation: 0, RoutingSnapshot.Content())))
  }

  deinit { lane.follow(nil) }

  /// What is published now.
  public var snapshot: RoutingSnapshot { state.withLock { $0.snapshot } }

  /// What is published beside the table.
  public struct Extras: Sendable {
    /// What is routed ahead of the table; the first rule that is about a request routes it.
    public var rules: [RoutedRule]
    /// What is copied for shadows.
    public var shadow: ShadowOrder?
    /// False while only a rule's draws are evidence.
    public var isTableDrawn: Bool
    /// Versions that get nothing but what is routed to them: no traffic of closed ones.
    public var withoutDetours: Set<VersionID>

    /// Nothing beside the table.
    public init(
      rules: [RoutedRule] = [], shadow: ShadowOrder? = nil, isTableDrawn: Bool = true,
      withoutDetours: Set<VersionID> = []
    ) {
      self.rules = rules
      self.shadow = shadow
      self.isTableDrawn = isTableDrawn
      self.withoutDetours = withoutDetours
    }
  }

  /// Publishes a table: the next request of every worker is routed by it.
  ///
  /// - Parameters:
  ///   - loaded: every version on the table, of the rules and of the shadows, and standbys:
  ///     versions without traffic that are kept warm and take fenced traffic, best first.
  ///   - generation: the control plane's number for this routing; it comes back in every record.
  /// - Throws: ``ServingError``: `notLoaded` when a version that is routed to is not among
  ///   `loaded`, `badSignature` when one cannot take the endpoint's rows, `tooManyVersions`,
  ///   `tooManyRules`. Nothing changes then.
  public func publish(
    _ table: RouteTable, loaded: [LoadedVersion], generation: Int, isDrained: Bool = false,
    retryAfterSeconds: Int = 5, extras: Extras = Extras()
  ) throws(ServingError) {
    let ordered = try order(table, loaded, extras)
    for version in ordered { try check(version) }
    let known = ordered.map(\.id)
    // Before the lock, which workers wait for: it is some memory to fill.
    let compiled = CompiledRules(
      extras.rules, shadow: extras.shadow?.rule, arms: known, schema: schema)
    let outcome = state.withLock { state -> ServingError? in
      let weights = table.weights
      var arms: [RoutingSnapshot.Arm] = []
      var reopened: [Int] = []
      for (i, version) in ordered.enumerated() {
        guard let tag = state.tag(version.id) else {
          return ServingError(
            .tooManyVersions, "\(name) has seen 65,535 versions: restart the node to go on")
        }
        let slot = state.slot(version.id, keeping: known, gate: gate, reopened: &reopened)
        arms.append(
          RoutingSnapshot.Arm(
            version: version, slot: slot, tag: tag,
            weight: UInt16(i < weights.count ? weights[i] : 0),
            takesDetours: !extras.withoutDetours.contains(version.id)))
      }
      install(
        RoutingSnapshot.Content(
          table: table, arms: arms, isTableDrawn: extras.isTableDrawn, rules: extras.rules,
          compiled: compiled, shadow: extras.shadow, isDrained: isDrained,
          retryAfterSeconds: retryAfterSeconds), generation: generation, in: &state)
      fenceTarget.store(-1, ordering: .releasing)
      // Only now: whoever sees a slot open again also sees the new epoch and looks again.
      for slot in reopened { gate.open(slot) }
      return nil
    }
    if let outcome { throw outcome }
    followShadows()
  }

  /// The versions as workers count them: the table's, then the others as they were given.
  private func order(
    _ table: RouteTable, _ loaded: [LoadedVersion], _ extras: Extras
  ) throws(ServingError) -> [LoadedVersion] {
    func missing(_ id: VersionID) -> ServingError {
      ServingError(.notLoaded, "\(id) is not loaded on \(name): load it before it is routed to")
    }
    var ordered: [LoadedVersion] = []
    for id in table.arms {
      guard let version = loaded.first(where: { $0.id == id }) else { throw missing(id) }
      ordered.append(version)
    }
    ordered += loaded.filter { !table.arms.contains($0.id) }
    let others = extras.rules.flatMap(\.table.arms) + (extras.shadow?.candidates ?? [])
    for id in others where !ordered.contains(where: { $0.id == id }) { throw missing(id) }
    guard ordered.count <= FenceGate.slotCount / 2 else {
      throw ServingError(
        .tooManyVersions,
        "\(name) would hold \(ordered.count) versions, at most \(FenceGate.slotCount / 2) are kept")
    }
    guard extras.rules.count <= CompiledRules.countMax else {
      throw ServingError(
        .tooManyRules,
        "\(name) would have \(extras.rules.count) rules, at most \(CompiledRules.countMax) are "
          + "looked at")
    }
    return ordered
  }

  /// Tells the shadows' thread what was published; it is not asked while the workers' lock is held.
  private func followShadows() {
    lane.follow(
      state.withLock { state in
        let content = state.snapshot.content
        guard let shadow = content.shadow, shadow.share > 0, let stable = content.arms.first
        else { return nil }
        var arms = shadow.candidates.compactMap { id in
          content.arms.first { $0.version.id == id }.map { arm in
            ShadowLane.Arm(version: arm.version, slot: arm.slot, tag: arm.tag, isClone: false)
          }
        }
        if shadow.clonesStable {
          arms.append(
            ShadowLane.Arm(
              version: stable.version, slot: stable.slot, tag: stable.tag, isClone: true))
        }
        return ShadowLane.Duty(
          arms: arms, primary: stable.tag, processorPercentMax: shadow.processorPercentMax)
      })
  }

  /// Refuses requests (`isDrained` true) or takes them again; the routing stays.
  public func setDrained(_ isDrained: Bool, generation: Int, retryAfterSeconds: Int = 5) {
    state.withLock { state in
      var content = state.snapshot.content
      content.isDrained = isDrained
      content.retryAfterSeconds = retryAfterSeconds
      install(content, generation: generation, in: &state)
    }
  }

  /// Takes every version off: requests are answered `unavailable`.
  public func clear(generation: Int) {
    state.withLock { state in
      install(
        RoutingSnapshot.Content(retryAfterSeconds: 5), generation: generation, in: &state)
    }
    followShadows()
  }

  /// Closes a version at once, before anything is committed or published.
  ///
  /// Requests routed from now on go to `target` when it is warm here, else to the stable, else to
  /// the first open standby. Requests already running finish.
  /// - Returns: the fence's ticket: no record with a later ticket was answered by `version`.
  @discardableResult
  public func fence(_ version: VersionID, target: VersionID? = nil) -> Int {
    state.withLock { state in
      let known = state.snapshot.arms.map { $0.version.id }
      // A slot taken from another version stays closed, which is what is wanted here.
      var reused: [Int] = []
      let slot = state.slot(version, keeping: known, gate: gate, reopened: &reused)
      let targetSlot = target.flatMap { id in
        state.snapshot.arms.first { $0.version.id == id }?.slot
      }
      fenceTarget.store(targetSlot ?? -1, ordering: .releasing)
      return gate.close(slot)
    }
  }

  /// Opens a version again, so that it can be deployed anew; without a new table it gets the
  /// buckets it still has.
  public func unfence(_ version: VersionID) {
    state.withLock { state in
      guard let slot = state.slots.firstIndex(of: version) else { return }
      let old = state.snapshot
      install(old.content, generation: old.generation, in: &state)
      gate.open(slot)
    }
  }

  /// How many routing decisions and fences there have been: every ticket below it was given.
  public var ticketsTaken: Int { gate.ticketsTaken }

  /// Whether a version is closed by a fence.
  public func isFenced(_ version: VersionID) -> Bool {
    state.withLock { state in
      state.slots.firstIndex(of: version).map { gate.isClosed($0) } ?? false
    }
  }

  /// The version that tap records call `tag`.
  public func version(tag: UInt16) -> VersionID? {
    state.withLock { Int(tag) < $0.versions.count ? $0.versions[Int(tag)] : nil }
  }

  /// The tag of a version in tap records; nil when it was never routed to here.
  public func tag(of version: VersionID) -> UInt16? { state.withLock { $0.tags[version] } }

  /// A worker for one thread.
  /// - Parameter seed: where its draws for requests without a key begin.
  public func makeWorker(seed: UInt64, tapCapacity: Int = 4_096) -> Worker {
    let ring = TapRing(layout: schema.layout, capacity: tapCapacity)
    let samples = ShadowRing(schema, capacity: 4)
    let number = state.withLock { state in
      state.rings.append(ring)
      state.samples.append(samples)
      state.workersMade += 1
      return state.workersMade
    }
    return Worker(
      endpoint: self, taps: ring, samples: samples, seed: SplitMix64.mix(seed &+ number))
  }

  /// The most rows of answered requests that are kept.
  public static let recentRowsMax = 8

  /// Rows of requests that were answered not long ago, a second or more apart, newest last.
  public func recentRows() -> [RecordedRow] {
    let row = RowBuffer(schema)
    return state.withLock { state in
      for ring in state.samples {
        _ = ring.drain(limit: ring.capacity, into: row) { _ in
          state.rows.append(RecordedRow(row))
        }
      }
      state.rows.removeFirst(max(0, state.rows.count - EndpointRuntime.recentRowsMax))
      state.samples.removeAll { $0.isFinished }
      return state.rows
    }
  }

  /// Hands the workers' records to the one analyst, ring by ring, each in its order.
  /// - Returns: how many there were.
  @discardableResult
  public func drainTaps(
    limitPerWorker: Int = 4_096, _ body: (TapRecord, UnsafeRawPointer) -> Void
  ) -> Int {
    let rings = state.withLock { $0.rings }
    var count = 0
    for ring in rings { count += ring.drain(limit: limitPerWorker, body) }
    state.withLock { state in
      for ring in state.rings where ring.isFinished { state.droppedBefore += ring.dropped }
      state.rings.removeAll { $0.isFinished }
    }
    return count
  }

  /// Records dropped because the analyst was behind, since the beginning.
  public var droppedTaps: Int {
    state.withLock { $0.droppedBefore + $0.rings.reduce(0) { $0 + $1.dropped } }
  }

  /// Hands the shadows' answers to the one analyst.
  ///
  /// A request's own record is always pushed before its copy is taken.
  /// - Returns: how many there were.
  @discardableResult
  public func drainShadows(limit: Int = 8_192, _ body: (ShadowRecord) -> Void) -> Int {
    lane.drain(limit: limit, body)
  }

  /// Copies that no shadow answered because the shadows were behind, since the beginning.
  public var droppedShadowCopies: Int { lane.dropped }

  /// Why copies are not answered although they are asked for; nil when they are.
  public var shadowFault: String? { lane.fault }

  /// The current snapshot with a pass that belongs to it: no publication can come between.
  func currentWithPass() -> (RoutingSnapshot, FenceGate.Pass) {
    state.withLock { ($0.snapshot, gate.enter()) }
  }

  private func install(
    _ content: RoutingSnapshot.Content, generation: Int, in state: inout State
  ) {
    let next = RoutingSnapshot(
      epoch: state.snapshot.epoch + 1, generation: generation, content)
    state.snapshot = next
    epoch.store(next.epoch, ordering: .releasing)
  }

  /// Tries a version on a row of this endpoint, so that workers meet no surprise.
  private func check(_ version: LoadedVersion) throws(ServingError) {
    let predictor = try version.take()
    defer { version.giveBack(predictor) }
    try predictor.attach(to: RowBuffer(schema))
  }
}

extension EndpointRuntime.State {
  /// The version's tag, given at first sight and never again to another.
  fileprivate mutating func tag(_ version: VersionID) -> UInt16? {
    if let tag = tags[version] { return tag }
    guard versions.count < Int(TapRecord.noVersion) else { return nil }
    let tag = UInt16(versions.count)
    versions.append(version)
    tags[version] = tag
    return tag
  }

  /// The version's bit.
  ///
  /// When all are used, one is taken from a version that is not in `keeping`, by preference an open
  /// one; if it was closed, the caller opens it after publishing.
  fileprivate mutating func slot(
    _ version: VersionID, keeping: [VersionID], gate: FenceGate, reopened: inout [Int]
  ) -> Int {
    if let slot = slots.firstIndex(of: version) { return slot }
    let free =
      slots.firstIndex(of: nil)
      ?? slots.indices.first { i in
        slots[i].map { !keeping.contains($0) } ?? true && !gate.isClosed(i)
      } ?? slots.indices.first { i in slots[i].map { !keeping.contains($0) } ?? true } ?? 0
    if gate.isClosed(free) { reopened.append(free) }
    slots[free] = version
    return free
  }
}
