import Core

/// The fence of a rollback that the journal could not take, as a simulated disk keeps it.
package struct SimulatedTombstone: Sendable, Hashable {
  /// Rises with each.
  package let sequence: UInt64
  /// Where.
  package let endpoint: Name
  /// What is closed.
  package let closed: [VersionID]
  /// What gets all traffic.
  package let fallback: VersionID
  /// Who closed it.
  package let actor: ActorID
  /// When.
  package let time: Timestamp
  /// The endpoint's generation that the rollback gives; nil when it was not known.
  package let generation: Int?
  /// How many rows the journal had.
  let rows: Int

  /// Puts them together.
  init(
    sequence: UInt64, endpoint: Name, closed: [VersionID], fallback: VersionID, actor: ActorID,
    time: Timestamp, generation: Int?, rows: Int
  ) {
    self.sequence = sequence
    self.endpoint = endpoint
    self.closed = closed
    self.fallback = fallback
    self.actor = actor
    self.time = time
    self.generation = generation
    self.rows = rows
  }
}

/// Why a simulated disk did not write.
package enum SimulatedDiskError: Error, Equatable {
  /// No space is left.
  case full
  /// The write failed.
  case failed
  /// The writer's lease is not the present one.
  case stale
  /// The machine is down: whatever runs now runs only in the past.
  case down
}

/// What survives a crash of a simulated node: the journal, the tombstones, saved evidence, effects
/// still to be done; and where faults happen.
// A simulation runs on one thread; only the protocols of the real node ask for more.
package final class SimulatedDisk: @unchecked Sendable {
  /// One journal row.
  package struct Row {
    /// The event's JSON.
    package let body: [UInt8]
    /// The event that was read back from the JSON, once: equal bytes are equal events.
    package let event: Event?
    /// The hash of this row after the one before.
    let chain: UInt64
    /// The lease of whoever wrote it.
    let lease: Int
  }

  /// The most tombstones that can be pending, as in the real file.
  package static let tombstonesMax = 64

  /// The journal.
  package private(set) var rows: [Row] = []
  /// The pending tombstones, oldest first.
  package private(set) var tombstones: [SimulatedTombstone] = []
  private var tombstoneCount: UInt64 = 0
  private var saved: [(key: String, body: [UInt8])] = []
  /// Effects of rows that were not acknowledged as done.
  var outbox = SimulatedOutbox()
  /// The lease of the node that holds the disk.
  package private(set) var lease = 0
  /// When anything was last written.
  private(set) var lastWritten = Timestamp(microseconds: 0)

  // Faults, set by the driver.
  var isFull = false
  var failuresToCome = 0
  var evidenceFailuresToCome = 0
  var tombstonesFail = false
  private var crash: (writesLeft: Int, isBefore: Bool)?
  /// Whether the machine stopped at a write.
  package private(set) var isDown = false
  let breaksLease: Bool

  /// What time a write gets.
  var now: () -> Timestamp = { Timestamp(microseconds: 0) }
  /// Requests that come while a write waits for the disk, with the events that are being written.
  var duringWrite: ([Event?]) -> Void = { _ in }
  /// Told when a write has ended, well or not.
  var afterWrite: () -> Void = {}
  /// Told of rows that are durable now.
  var onAppend: (ArraySlice<Row>) -> Void = { _ in }

  init(breaksLease: Bool) { self.breaksLease = breaksLease }

  // MARK: Writing

  /// Appends events' JSON, whole or not at all.
  /// - Returns: their sequence numbers.
  package func append(
    _ bodies: [[UInt8]], lease writer: Int
  ) throws(SimulatedDiskError) -> [Int] {
    let first = rows.count
    let events = bodies.map { try? CanonicalJSON.decode(Event.self, from: $0) }
    try write(events, failing: true) { [self] () throws(SimulatedDiskError) in
      guard writer == lease || breaksLease else { throw .stale }
      for (body, event) in zip(bodies, events) {
        let chain = TraceHash.chain(body, after: rows.last?.chain ?? 0)
        rows.append(Row(body: body, event: event, chain: chain, lease: writer))
      }
      outbox.add(rows: first..<rows.count)
      onAppend(rows[first...])
    }
    return Array(first + 1..<rows.count + 1)
  }

  /// Keeps evidence under a key, in place of what was there.
  package func saveEvidence(_ body: [UInt8], key: String) throws(SimulatedDiskError) {
    if evidenceFailuresToCome > 0 {
      evidenceFailuresToCome -= 1
      throw .failed
    }
    try write([], failing: true) { [self] () throws(SimulatedDiskError) in
      saved.removeAll { $0.key == key }
      saved.append((key, body))
    }
  }

  /// Forgets evidence.
  package func deleteEvidence(_ key: String) throws(SimulatedDiskError) {
    try write([], failing: true) { [self] () throws(SimulatedDiskError) in
      saved.removeAll { $0.key == key }
    }
  }

  /// The evidence under a key.
  func evidence(_ key: String) -> [UInt8]? { saved.first { $0.key == key }?.body }

  /// Writes a tombstone, whose space was taken beforehand.
  package func recordTombstone(
    endpoint: Name, closed: [VersionID], fallback: VersionID, actor: ActorID, time: Timestamp,
    generation: Int?
  ) throws(SimulatedDiskError) -> SimulatedTombstone {
    guard tombstones.count < SimulatedDisk.tombstonesMax else { throw .full }
    if tombstonesFail { throw .failed }
    let tombstone = SimulatedTombstone(
      sequence: tombstoneCount + 1, endpoint: endpoint, closed: closed, fallback: fallback,
      actor: actor, time: time, generation: generation, rows: rows.count)
    try write([], failing: false) { [self] () throws(SimulatedDiskError) in
      tombstoneCount += 1
      tombstones.append(tombstone)
    }
    return tombstone
  }

  /// Clears tombstones.
  package func clearTombstones(_ sequences: Set<UInt64>) throws(SimulatedDiskError) {
    if sequences.isEmpty { return }
    if tombstonesFail { throw .failed }
    try write([], failing: false) { [self] () throws(SimulatedDiskError) in
      tombstones.removeAll { sequences.contains($0.sequence) }
    }
  }

  /// One write, after which the machine may stop, or before.
  private func write(
    _ events: [Event?], failing: Bool, _ perform: () throws(SimulatedDiskError) -> Void
  ) throws(SimulatedDiskError) {
    if isDown { throw .down }
    duringWrite(events)
    defer { afterWrite() }
    if isDown { throw .down }
    if let crash, crash.writesLeft == 0 {
      if !crash.isBefore, !(failing && isFull) { try perform() }
      isDown = true
      throw .down
    }
    if let crash { self.crash = (crash.writesLeft - 1, crash.isBefore) }
    if failing, isFull { throw .full }
    if failing, failuresToCome > 0 {
      failuresToCome -= 1
      throw .failed
    }
    try perform()
    lastWritten = now()
  }

  // MARK: Faults

  /// Stops the machine at a later write: before it, or after it but before anybody knows.
  func stop(afterWrites count: Int, isBefore: Bool) { crash = (count, isBefore) }

  /// Stops it now.
  func stopNow() { isDown = true }

  /// Starts the machine again for another process, which takes the lease.
  func restart() {
    isDown = false
    crash = nil
    lease += 1
  }

  /// Ends every fault but a stop.
  func heal() {
    isFull = false
    failuresToCome = 0
    evidenceFailuresToCome = 0
    tombstonesFail = false
    crash = nil
  }

  /// The first row whose hash does not follow from the one before, or whose writer had lost its
  /// lease.
  func firstBrokenRow() -> Int? {
    var chain: UInt64 = 0
    var lease = 0
    for (index, row) in rows.enumerated() {
      guard TraceHash.chain(row.body, after: chain) == row.chain, row.lease >= lease else {
        return index
      }
      chain = row.chain
      lease = row.lease
    }
    return nil
  }
}
