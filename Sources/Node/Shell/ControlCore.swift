import Control
import Core
import Storage
import Synchronization

/// What a change acts on besides the journal.
protocol ControlledPlane: Sendable {
  /// Closes versions on an endpoint now and routes as `after` says; nothing may open them until the
  /// hold is released.
  func holdFence(on after: EndpointState, _ versions: [VersionID])
  /// Ends a hold. The versions stay closed if the published state says so.
  func releaseFence(on endpoint: Name, _ versions: [VersionID])
  /// Opens versions that were closed for a change that did not happen.
  func reopen(_ endpoint: Name, _ versions: [VersionID], in state: ControlState)
  /// Routes as the state says; called in commit order.
  func follow(from before: ControlState, to after: ControlState)
}

/// The state, and the only way to change it: decide, commit to the journal, apply, publish.
///
/// Reading never waits for a commit: the state is published on its own, and the commit lock is held
/// by one writer at a time.
final class ControlCore: Sendable {
  /// What a committed change was.
  struct Change: Sendable {
    let events: [Event]
    let before: ControlState
    let after: ControlState
    /// The journal's last sequence number; unchanged when the journal could not be written.
    let sequence: Int
    /// False when only a tombstone holds the change for now.
    let isJournaled: Bool
  }

  /// What only the writer touches.
  private struct Writer {
    let journal: Journal
    let tombstones: Tombstones
    /// Rollbacks that hold and that the journal does not have yet.
    var unwritten: [Event] = []
    /// The tombstones that hold them.
    var tombstonesToClear: Set<UInt64> = []
  }

  private let published: Mutex<ControlState>
  /// What is wrong with the journal's chain; nil when it holds.
  ///
  /// Nothing is appended to a broken one.
  let fault: String?
  private let writer: Mutex<Writer>
  private let head: Atomic<Int>
  private let isDurable = Atomic<Bool>(true)
  private let rows: Mutex<[JournalRow]>

  /// Newest journal rows that are kept in memory for screens.
  private static let rowsKept = 1_000

  /// Begins with the replayed state of `journal`.
  init(_ recovered: Recovered, journal: Journal, tombstones: Tombstones) {
    published = Mutex(recovered.state)
    fault = recovered.fault
    rows = Mutex(Array(recovered.rows.suffix(ControlCore.rowsKept)))
    head = Atomic(recovered.rows.last?.sequence ?? 0)
    writer = Mutex(Writer(journal: journal, tombstones: tombstones))
    isDurable.store(recovered.fault == nil, ordering: .releasing)
  }

  /// The state after the last change.
  var state: ControlState { published.withLock { $0 } }
  /// The journal's last sequence number.
  var sequence: Int { head.load(ordering: .acquiring) }
  /// False while the journal cannot be written.
  var durable: Bool { isDurable.load(ordering: .acquiring) }
  /// The newest journal rows, newest first.
  func recentRows(_ limit: Int) -> [JournalRow] {
    rows.withLock { Array($0.suffix(max(0, limit)).reversed()) }
  }

  /// Decides, commits, applies and publishes one change.
  ///
  /// - Parameters:
  ///   - decision: events for a state; called again under the lock, so that what is committed was
  ///     decided on the state that it changes.
  ///   - plane: closes versions before anything is written, and follows the state afterwards.
  func transact(
    on plane: some ControlledPlane, decision: (ControlState) throws -> [Event]
  ) throws -> Change {
    // The fence does not wait for the commit lock, which may be held by a slow disk.
    let early = state
    let foreseen = ControlCore.closed(by: try decision(early), from: early)
    for (after, versions) in foreseen { plane.holdFence(on: after, versions) }
    return try writer.withLock { writer in
      let before = state
      defer { for (after, versions) in foreseen { plane.releaseFence(on: after.name, versions) } }
      do {
        let events = try decision(before)
        let closing = ControlCore.closed(by: events, from: before)
        for (after, versions) in closing { plane.holdFence(on: after, versions) }
        defer { for (after, versions) in closing { plane.releaseFence(on: after.name, versions) } }
        let isJournaled = try commit(events, closing, before, &writer)
        let after = events.reduce(before) { apply($0, $1) }
        published.withLock { $0 = after }
        plane.follow(from: before, to: after)
        return Change(
          events: events, before: before, after: after, sequence: sequence,
          isJournaled: isJournaled)
      } catch {
        // What was fenced for nothing is opened again.
        for (after, versions) in foreseen { plane.reopen(after.name, versions, in: before) }
        throw error
      }
    }
  }

  /// Runs `body` with the journal, in turn with commits.
  func withJournal<Result>(
    _ body: (Journal) throws -> sending Result
  ) throws -> sending Result {
    try writer.withLock { try body($0.journal) }
  }

  // MARK: Commit

  /// Writes events; when that fails, a rollback is kept by a tombstone and everything else is not
  /// done.
  private func commit(
    _ events: [Event], _ closing: [(EndpointState, [VersionID])], _ before: ControlState,
    _ writer: inout Writer
  ) throws -> Bool {
    guard !events.isEmpty else { return true }
    if let fault, closing.isEmpty {
      throw NodeError(
        .system,
        "the journal is damaged (\(fault)): only rollbacks are done; restore it from a backup")
    }
    do {
      if let fault { throw NodeError(.system, fault) }
      let sequences = try writer.journal.append(
        try (writer.unwritten + events).map(ControlCore.entry))
      for (event, sequence) in zip(writer.unwritten + events, sequences) {
        remember(event, sequence)
      }
      if !writer.unwritten.isEmpty {
        writer.unwritten = []
        // A tombstone that stays is obeyed again at the next start, which changes nothing.
        try? writer.tombstones.clear(writer.tombstonesToClear)
        writer.tombstonesToClear = []
      }
      isDurable.store(true, ordering: .releasing)
      return true
    } catch {
      isDurable.store(false, ordering: .releasing)
      guard !closing.isEmpty else { throw error }
      try keepByTombstone(events, closing, before, &writer)
      return false
    }
  }

  private func keepByTombstone(
    _ events: [Event], _ closing: [(EndpointState, [VersionID])], _ before: ControlState,
    _ writer: inout Writer
  ) throws {
    for (after, versions) in closing {
      guard let fallback = after.stable, let event = events.first else { continue }
      let tombstone = try writer.tombstones.record(
        Fence(
          endpoint: after.name, closed: versions, fallback: fallback, actor: event.actor,
          time: event.time))
      writer.tombstonesToClear.insert(tombstone.sequence)
    }
    writer.unwritten += events
    for event in events { remember(event, sequence) }
  }

  private func remember(_ event: Event, _ sequence: Int) {
    head.store(sequence, ordering: .releasing)
    let row = JournalRow(event: event, sequence: sequence)
    rows.withLock { rows in
      rows.append(row)
      if rows.count > 2 * ControlCore.rowsKept {
        rows.removeFirst(rows.count - ControlCore.rowsKept)
      }
    }
  }

  /// The journal's form of an event.
  static func entry(_ event: Event) throws -> JournalEntry {
    JournalEntry(
      time: event.time, actor: event.actor, kind: event.kind, endpoint: event.endpoint,
      body: try CanonicalJSON.encode(event))
  }

  /// The versions that events close, by endpoint.
  private static func closed(
    by events: [Event], from before: ControlState
  ) -> [(EndpointState, [VersionID])] {
    guard !events.isEmpty else { return [] }
    let after = events.reduce(before) { apply($0, $1) }
    var result: [(EndpointState, [VersionID])] = []
    for name in Set(events.compactMap(\.endpoint)) {
      guard let now = after.endpoint(name) else { continue }
      let old = before.endpoint(name)?.closed ?? []
      let new = now.closed.filter { !old.contains($0) }
      if !new.isEmpty { result.append((now, new)) }
    }
    return result
  }
}

extension JournalRow {
  /// An event as people read it.
  init(event: Event, sequence: Int) {
    self.init(
      sequence: sequence, time: event.time, actor: event.actor, kind: event.kind,
      endpoint: event.endpoint, summary: event.summary, generation: event.generation,
      reason: event.reason, severity: Severity(rawValue: event.severity.rawValue) ?? .warn,
      commandLine: event.commandLine)
  }
}
