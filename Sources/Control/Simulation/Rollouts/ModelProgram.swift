import Core

/// A model of the node's program, exact in the order of fences, commits and tombstones; one that
/// can be broken.
struct ModelProgram: SimulatedProgram {
  let mutation: Mutation?

  func open(
    _ disk: SimulatedDisk, _ plane: SimulatedPlane, lease: Int
  ) throws -> any SimulatedCore {
    var state = ControlState()
    for row in disk.rows {
      guard let event = row.event else { throw SimulatedFailure("a row cannot be read") }
      state = ModelCore.fold(state, event, mutation)
    }
    return ModelCore(state, disk, plane, lease: lease, mutation: mutation)
  }

  func inOrder(_ tombstones: [SimulatedTombstone]) -> [SimulatedTombstone] {
    // A later rollback went to what an earlier one, which nobody had obeyed, closes.
    let overtaken = tombstones.filter { earlier in
      tombstones.contains {
        $0.sequence > earlier.sequence && $0.endpoint == earlier.endpoint
          && earlier.closed.contains($0.fallback)
      }
    }.map(\.sequence)
    let inTime = tombstones.filter { !overtaken.contains($0.sequence) }
    return inTime + tombstones.filter { overtaken.contains($0.sequence) }
  }

  func isDone(_ tombstone: SimulatedTombstone, in state: ControlState) -> Bool {
    if mutation == .tombstonesIgnored { return true }
    guard let endpoint = state.endpoint(tombstone.endpoint) else { return true }
    return tombstone.closed.allSatisfy { version in
      endpoint.isQuiet(version)
        || (ModelProgram.isLater(version, endpoint, tombstone)
          && mutation != .tombstoneOutlivesDeploy)
    }
  }

  func commands(for tombstone: SimulatedTombstone, in state: ControlState) -> [Command] {
    let targets = state.endpoint(tombstone.endpoint)?.rollbackTargets() ?? []
    let others = targets.filter {
      $0 != tombstone.fallback && !tombstone.closed.contains($0)
    }
    return ([tombstone.fallback] + others).map {
      .rollBack(endpoint: tombstone.endpoint, to: $0, symptom: "kept by a tombstone")
    }
  }

  /// Whether a pending tombstone is about the present deployments of what it closes.
  static func standsFor(_ tombstone: SimulatedTombstone, _ state: ControlState) -> Bool {
    guard let endpoint = state.endpoint(tombstone.endpoint) else { return false }
    return tombstone.closed.allSatisfy { !isLater($0, endpoint, tombstone) }
  }

  private static func isLater(
    _ version: VersionID, _ endpoint: EndpointState, _ tombstone: SimulatedTombstone
  ) -> Bool {
    endpoint.deployed.contains { deployment in
      guard deployment.version == version else { return false }
      if let fenced = tombstone.generation, let since = deployment.generation {
        return since > fenced
      }
      return deployment.since > tombstone.time
    }
  }
}

/// A model of the node's transaction.
final class ModelCore: SimulatedCore {
  private(set) var state: ControlState
  private(set) var isDurable = true
  private let disk: SimulatedDisk
  private let plane: SimulatedPlane
  private let lease: Int
  private let mutation: Mutation?
  private var unwritten: [Event] = []
  private var tombstonesToClear: Set<UInt64> = []

  init(
    _ state: ControlState, _ disk: SimulatedDisk, _ plane: SimulatedPlane, lease: Int,
    mutation: Mutation?
  ) {
    self.state = state
    self.disk = disk
    self.plane = plane
    self.lease = lease
    self.mutation = mutation
  }

  func transact(_ decision: (ControlState) throws -> [Event]) throws -> SimulatedChange {
    // The fence does not wait for the lock.
    let early = state
    let first = try decision(early)
    let foreseen = ModelCore.closed(by: first, from: early)
    hold(foreseen)
    // From here on under the lock.
    let before = state
    var held = foreseen
    defer {
      if mutation != .fenceLeaks {
        for (after, versions) in held { plane.releaseFence(on: after.name, versions) }
        for (after, _) in held { plane.reopen(after.name, in: state) }
      }
    }
    let events = mutation == .decisionNotRepeated ? first : try decision(before)
    let closing = ModelCore.closed(by: events, from: before)
    held += closing
    hold(closing)
    if closing.map(\.1) != foreseen.map(\.1), mutation != .foreseenStaysClosed,
      mutation != .fenceLeaks
    {
      held = closing
      for (after, versions) in foreseen { plane.releaseFence(on: after.name, versions) }
      for (after, _) in foreseen { plane.reopen(after.name, in: before) }
    }
    let after = events.reduce(before) { ModelCore.fold($0, $1, mutation) }
    if mutation == .routedBeforeCommit { plane.follow(from: before, to: after) }
    let isJournaled = try commit(events, closing, before)
    state = after
    plane.follow(from: before, to: after)
    return SimulatedChange(
      events: events, before: before, after: after, isJournaled: isJournaled)
  }

  func retryJournal(now: Timestamp) {
    guard !isDurable || !tombstonesToClear.isEmpty else { return }
    do {
      if unwritten.isEmpty {
        try disk.saveEvidence([], key: ".probe")
        try disk.deleteEvidence(".probe")
      }
      try append([])
      isDurable = true
    } catch {
      isDurable = false
    }
  }

  private func hold(_ closing: [(EndpointState, [VersionID])]) {
    for (after, versions) in closing {
      plane.holdFence(on: after, versions, closes: mutation != .fenceAfterCommit)
    }
  }

  private func commit(
    _ events: [Event], _ closing: [(EndpointState, [VersionID])], _ before: ControlState
  ) throws -> Bool {
    guard !events.isEmpty else { return true }
    do {
      try append(events)
      isDurable = true
      return true
    } catch {
      isDurable = false
      if mutation == .failureAcknowledged { return false }
      guard !closing.isEmpty, !events.contains(where: \.beginsRollout) else { throw error }
      if mutation != .tombstoneNotWritten { try keepByTombstone(events, closing, before) }
      unwritten += events
      return false
    }
  }

  private func append(_ events: [Event]) throws {
    let lost = mutation == .unwrittenForgotten
    let bodies = try ((lost ? [] : unwritten) + events).map { try CanonicalJSON.encode($0) }
    _ = try disk.append(bodies, lease: lease)
    unwritten = []
    if (try? disk.clearTombstones(tombstonesToClear)) != nil { tombstonesToClear = [] }
  }

  private func keepByTombstone(
    _ events: [Event], _ closing: [(EndpointState, [VersionID])], _ before: ControlState
  ) throws {
    for (after, versions) in closing {
      guard let fallback = after.stable, let event = events.first else { continue }
      let known = disk.tombstones.first { tombstone in
        tombstone.endpoint == after.name && tombstone.fallback == fallback
          && Set(versions).isSubset(of: tombstone.closed)
          && ModelProgram.standsFor(tombstone, before)
      }
      let tombstone =
        try known
        ?? disk.recordTombstone(
          endpoint: after.name, closed: versions, fallback: fallback, actor: event.actor,
          time: event.time, generation: event.generation)
      tombstonesToClear.insert(tombstone.sequence)
    }
  }

  /// The versions that events close, by endpoint.
  static func closed(
    by events: [Event], from before: ControlState
  ) -> [(EndpointState, [VersionID])] {
    guard !events.isEmpty else { return [] }
    let rollbacks = events.prefix { !$0.beginsRollout }
    let after = rollbacks.reduce(before) { apply($0, $1) }
    var result: [(EndpointState, [VersionID])] = []
    for name in Set(events.compactMap(\.endpoint)).sorted() {
      guard let now = after.endpoint(name) else { continue }
      let old = before.endpoint(name)?.closed ?? []
      let new = now.closed.filter { !old.contains($0) }
      if !new.isEmpty { result.append((now, new)) }
    }
    return result
  }

  /// The fold, or a broken one.
  static func fold(_ state: ControlState, _ event: Event, _ mutation: Mutation?) -> ControlState {
    var next = apply(state, event)
    for index in next.endpoints.indices {
      if mutation == .closedForgotten { next.endpoints[index].closed = [] }
      if mutation == .skipForgotten { next.endpoints[index].rollout?.isUnverified = false }
    }
    return next
  }
}

extension Event {
  /// Whether a rollout begins with it.
  var beginsRollout: Bool {
    if case .rampStarted = body { return true }
    return false
  }
}
