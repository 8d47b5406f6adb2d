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
  /// Opens what was closed for a change that did not happen: what the state does not close and no
  /// other change holds.
  func reopen(_ endpoint: Name, in state: ControlState)
  /// Routes as the state says; called in commit order.
  func follow(from before: ControlState, to after: ControlState)
}

/// Where changes are written; a ``Storage/Journal``, or one that fails on purpose in a test.
protocol DurableLog: Sendable {
  /// Appends entries in one transaction; whole or not at all.
  func append(_ entries: [JournalEntry]) throws(StorageError) -> [Int]
  /// Keeps `body` under `key`, in place of what was there.
  func saveEvidence(_ body: [UInt8], key: String, time: Timestamp) throws(StorageError)
  /// Forgets what is kept under `key`.
  func deleteEvidence(_ key: String) throws(StorageError)
}

extension Journal: DurableLog {}

/// Where rollbacks are kept that the journal does not take; ``Storage/Tombstones``, or a simulated
/// file.
protocol FenceLog: Sendable {
  /// Writes a fence; on return it is durable.
  func record(_ fence: Fence) throws(StorageError) -> Tombstone
  /// The fences that the journal does not have yet, oldest first.
  func pending() throws(StorageError) -> [Tombstone]
  /// Clears fences whose events the journal has.
  func clear(_ sequences: Set<UInt64>) throws(StorageError)
}

extension Tombstones: FenceLog {}

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
    let journal: any DurableLog
    let tombstones: any FenceLog
    let people: People?
    /// Rollbacks that hold and that the journal does not have yet.
    var unwritten: [Event] = []
    /// The tombstones that hold them, until they are cleared.
    var tombstonesToClear: Set<UInt64> = []
    /// False once the node has given the state directory up.
    var isOpen = true
  }

  private let published: Mutex<ControlState>
  private let knownFault: Mutex<String?>
  /// Reads the journal without waiting for a commit, and without letting one wait.
  var reader: JournalReader {
    get throws(NodeError) {
      guard let journalReader else { throw NodeError(.system, "the journal cannot be read") }
      return journalReader
    }
  }
  private let journalReader: JournalReader?
  private let writer: Mutex<Writer>
  private let head: Atomic<Int>
  private let isDurable = Atomic<Bool>(true)
  private let rows: Mutex<[JournalRow]>

  /// Newest journal rows that are kept in memory for screens.
  private static let rowsKept = 1_000
  /// What is written to see whether the disk takes anything; no endpoint has such a name.
  private static let probeKey = ".probe"

  /// Begins with the replayed state of `journal`.
  /// - Parameter reader: of the same journal; nil when nobody will read rows here.
  init(
    _ recovered: Recovered, journal: any DurableLog, reader: JournalReader?,
    tombstones: any FenceLog, people: People? = nil
  ) {
    published = Mutex(recovered.state)
    knownFault = Mutex(recovered.fault)
    journalReader = reader
    rows = Mutex(Array(recovered.rows.suffix(ControlCore.rowsKept)))
    head = Atomic(recovered.sequence)
    writer = Mutex(Writer(journal: journal, tombstones: tombstones, people: people))
    isDurable.store(recovered.fault == nil, ordering: .releasing)
  }

  /// What is wrong with the journal; nil when nothing is known to be.
  ///
  /// Nothing is appended to a damaged one.
  var fault: String? { knownFault.withLock { $0 } }

  /// Takes note that the journal turned out to be damaged: from now on only rollbacks are done.
  func markDamaged(_ fault: String) {
    writer.withLock { _ in
      knownFault.withLock { $0 = $0 ?? fault }
      isDurable.store(false, ordering: .releasing)
    }
  }

  /// Shows the same state anew, after a name in it was erased.
  /// - Parameter read: reads it from the journal; nothing is committed meanwhile.
  func reload(_ read: () throws -> Recovered) throws {
    try writer.withLock { writer in
      try ControlCore.checkOpen(writer)
      guard writer.unwritten.isEmpty else { return }
      let recovered = try read()
      published.withLock { $0 = recovered.state }
      rows.withLock { $0 = recovered.rows }
    }
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
      var held = foreseen
      // What was fenced for nothing is opened again: the change was refused, or what was foreseen
      // is not what was decided in the end.
      defer {
        for (after, versions) in held { plane.releaseFence(on: after.name, versions) }
        for name in Set(held.map(\.0.name)) { plane.reopen(name, in: state) }
      }
      try ControlCore.checkOpen(writer)
      let events = try decision(before)
      let closing = ControlCore.closed(by: events, from: before)
      held += closing
      for (after, versions) in closing { plane.holdFence(on: after, versions) }
      if closing.map(\.1) != foreseen.map(\.1) {
        // Decided otherwise than foreseen: what stays open answers while this is written, it may be
        // all that is left.
        held = closing
        for (after, versions) in foreseen { plane.releaseFence(on: after.name, versions) }
        for name in Set(foreseen.map(\.0.name)) { plane.reopen(name, in: before) }
      }
      let isJournaled = try commit(events, closing, before, &writer)
      let after = events.reduce(before) { apply($0, $1) }
      published.withLock { $0 = after }
      plane.follow(from: before, to: after)
      return Change(
        events: events, before: before, after: after, sequence: sequence,
        isJournaled: isJournaled)
    }
  }

  /// Runs `body` with the journal, in turn with commits.
  func withJournal<Result>(
    _ body: (any DurableLog) throws -> sending Result
  ) throws -> sending Result {
    try writer.withLock { writer in
      try ControlCore.checkOpen(writer)
      return try body(writer.journal)
    }
  }

  /// Runs `body` with the state, in turn with commits: no change comes between.
  func inTurn(_ body: (ControlState) -> Void) {
    writer.withLock { writer in if writer.isOpen { body(state) } }
  }

  /// Ends writing.
  ///
  /// A change that comes later is refused; on return none is under way.
  func close() { writer.withLock { $0.isOpen = false } }

  private static func checkOpen(_ writer: Writer) throws(NodeError) {
    guard writer.isOpen else { throw NodeError(.unreachable, "the node has stopped") }
  }

  /// Tries to write what a tombstone holds, and looks whether the journal can be written again.
  ///
  /// Does nothing while all is well.
  func retryJournal(now: Timestamp) {
    guard fault == nil else { return }
    writer.withLock { writer in
      guard writer.isOpen, !durable || !writer.tombstonesToClear.isEmpty else { return }
      do {
        if writer.unwritten.isEmpty {
          try writer.journal.saveEvidence([], key: ControlCore.probeKey, time: now)
          try writer.journal.deleteEvidence(ControlCore.probeKey)
        }
        try append([], &writer)
        isDurable.store(true, ordering: .releasing)
      } catch {
        isDurable.store(false, ordering: .releasing)
      }
    }
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
      try append(events, &writer)
      isDurable.store(true, ordering: .releasing)
      return true
    } catch {
      isDurable.store(false, ordering: .releasing)
      // What begins a ramp is done wholly or not at all, and a tombstone holds only a rollback.
      guard !closing.isEmpty, !events.contains(where: \.beginsRamp) else { throw error }
      try keepByTombstone(events, closing, before, &writer)
      return false
    }
  }

  /// Appends what the journal lacks and then `events`, and clears the tombstones of the former.
  private func append(_ events: [Event], _ writer: inout Writer) throws {
    let all = writer.unwritten + events
    let sequences = try writer.journal.append(
      try all.map { try ControlCore.entry($0, writer.people) })
    // Their rows were shown without a number; nothing else was appended since.
    rows.withLock { $0.removeLast(min($0.count, writer.unwritten.count)) }
    for (event, sequence) in zip(all, sequences) { remember(event, sequence) }
    writer.unwritten = []
    // A tombstone that stays is tried again, and changes nothing if it is obeyed at a start.
    if (try? writer.tombstones.clear(writer.tombstonesToClear)) != nil {
      writer.tombstonesToClear = []
    }
  }

  private func keepByTombstone(
    _ events: [Event], _ closing: [(EndpointState, [VersionID])], _ before: ControlState,
    _ writer: inout Writer
  ) throws {
    for (after, versions) in closing {
      guard let fallback = after.stable, let event = events.first else { continue }
      // The one that is just being obeyed at a start holds it already; slots are few.
      let known = try writer.tombstones.pending().first { tombstone in
        let fence = tombstone.fence
        return fence.endpoint == after.name && fence.fallback == fallback
          && Set(versions).isSubset(of: fence.closed) && Recovery.standsFor(tombstone, before)
      }
      if let known {
        writer.tombstonesToClear.insert(known.sequence)
        continue
      }
      let tombstone = try writer.tombstones.record(
        Fence(
          endpoint: after.name, closed: versions, fallback: fallback,
          actor: ControlCore.fenceActor(event.actor, writer.people), time: event.time,
          generation: event.generation))
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
  /// - Parameter people: who gives the codes of persons; nil writes names.
  static func entry(_ event: Event, _ people: People? = nil) throws -> JournalEntry {
    JournalEntry(
      time: event.time, actor: try event.actor.coded(by: people), kind: event.kind,
      endpoint: event.endpoint, body: try CanonicalJSON.encode(event, people: people))
  }

  /// A tombstone is cleared again, and must not wait for a new code to be written: a person who has
  /// none yet is in it by name.
  private static func fenceActor(_ actor: ActorID, _ people: People?) -> ActorID {
    guard actor.kind == .person, let code = people?.knownCode(for: actor.name) else {
      return actor
    }
    return ActorID(kind: actor.kind, name: code)
  }

  /// The versions that events close, by endpoint.
  private static func closed(
    by events: [Event], from before: ControlState
  ) -> [(EndpointState, [VersionID])] {
    guard !events.isEmpty else { return [] }
    // Fenced is towards the state after the rollback; a ramp that begins with it routes only once
    // it is written.
    let rollbacks = events.prefix { !$0.beginsRamp }
    let after = rollbacks.reduce(before) { apply($0, $1) }
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

extension Event {
  /// Whether a rollout begins with it, or it gives a candidate all traffic and closes the others:
  /// moves forward that are made only once they are written.
  fileprivate var beginsRamp: Bool {
    switch body {
    case .rampStarted, .promoted: true
    default: false
    }
  }
}

extension JournalRow {
  /// A row that is no event of this program.
  init(unreadable record: JournalRecord?, at sequence: Int, _ error: any Error) {
    self.init(
      sequence: sequence, time: record?.entry.time ?? Timestamp(microseconds: 0), actor: .system,
      kind: record.map { printable($0.entry.kind, limit: 64) } ?? "damaged",
      endpoint: record?.entry.endpoint, summary: NodeError(describing: error).message,
      generation: nil, reason: nil, severity: .bad, commandLine: nil)
  }

  /// An event as people read it.
  init(event: Event, sequence: Int) {
    self.init(
      sequence: sequence, time: event.time, actor: event.actor, kind: event.kind,
      endpoint: event.endpoint, summary: event.summary, generation: event.generation,
      reason: event.reason, severity: Severity(rawValue: event.severity.rawValue) ?? .warn,
      commandLine: event.commandLine)
  }
}
