import Control
import Core
import Storage

/// The node's own way of changing its state, ``ControlCore`` and ``Recovery``, over a simulated
/// disk and a simulated data plane.
struct NodeProgram: SimulatedProgram {
  func open(
    _ disk: SimulatedDisk, _ plane: SimulatedPlane, lease: Int
  ) throws -> any SimulatedCore {
    var fold = JournalFold()
    var rows: [JournalRow] = []
    for (index, row) in disk.rows.enumerated() {
      guard let event = row.event else { throw SimulatedFailure("a row cannot be read") }
      fold.take(event, at: index + 1)
      rows.append(JournalRow(event: event, sequence: index + 1))
    }
    let recovered = Recovered(
      state: fold.state, rows: rows, fault: nil, fold: fold, sequence: fold.sequence,
      unchecked: nil, savedSequence: 0, refusals: [])
    let core = ControlCore(
      recovered, journal: SimulatedLog(disk: disk, lease: lease), reader: nil,
      tombstones: SimulatedFences(disk: disk))
    return NodeCore(core, SimulatedPlaneDoor(plane: plane))
  }

  func inOrder(_ tombstones: [SimulatedTombstone]) -> [SimulatedTombstone] {
    let order = Recovery.inOrder(tombstones.map(\.stored)).map(\.sequence)
    return order.compactMap { sequence in tombstones.first { $0.sequence == sequence } }
  }

  func isDone(_ tombstone: SimulatedTombstone, in state: ControlState) -> Bool {
    Recovery.isDone(tombstone.stored, in: state)
  }

  func commands(for tombstone: SimulatedTombstone, in state: ControlState) -> [Command] {
    Recovery.orders(for: tombstone.stored, in: state).map(\.command)
  }
}

/// The real core as the simulator calls it.
private final class NodeCore: SimulatedCore {
  private let core: ControlCore
  private let plane: SimulatedPlaneDoor

  init(_ core: ControlCore, _ plane: SimulatedPlaneDoor) {
    self.core = core
    self.plane = plane
  }

  var state: ControlState { core.state }
  var isDurable: Bool { core.durable }

  func transact(_ decision: (ControlState) throws -> [Event]) throws -> SimulatedChange {
    let change = try core.transact(on: plane, decision: decision)
    return SimulatedChange(
      events: change.events, before: change.before, after: change.after,
      isJournaled: change.isJournaled)
  }

  func retryJournal(now: Timestamp) { core.retryJournal(now: now) }
}

/// A simulated disk as the journal.
private struct SimulatedLog: DurableLog {
  let disk: SimulatedDisk
  let lease: Int

  func append(_ entries: [JournalEntry]) throws(StorageError) -> [Int] {
    do { return try disk.append(entries.map(\.body), lease: lease) } catch {
      throw StorageError(error)
    }
  }

  func saveEvidence(_ body: [UInt8], key: String, time: Timestamp) throws(StorageError) {
    do { try disk.saveEvidence(body, key: key) } catch { throw StorageError(error) }
  }

  func deleteEvidence(_ key: String) throws(StorageError) {
    do { try disk.deleteEvidence(key) } catch { throw StorageError(error) }
  }
}

/// A simulated disk as the tombstone file.
private struct SimulatedFences: FenceLog {
  let disk: SimulatedDisk

  func record(_ fence: Fence) throws(StorageError) -> Tombstone {
    do {
      return try disk.recordTombstone(
        endpoint: fence.endpoint, closed: fence.closed, fallback: fence.fallback,
        actor: fence.actor, time: fence.time, generation: fence.generation
      ).stored
    } catch {
      throw StorageError(error)
    }
  }

  func pending() throws(StorageError) -> [Tombstone] { disk.tombstones.map(\.stored) }

  func clear(_ sequences: Set<UInt64>) throws(StorageError) {
    do { try disk.clearTombstones(sequences) } catch { throw StorageError(error) }
  }
}

/// A simulated data plane as the node's.
private struct SimulatedPlaneDoor: ControlledPlane {
  let plane: SimulatedPlane

  func holdFence(on after: EndpointState, _ versions: [VersionID]) {
    plane.holdFence(on: after, versions)
  }
  func releaseFence(on endpoint: Name, _ versions: [VersionID]) {
    plane.releaseFence(on: endpoint, versions)
  }
  func reopen(_ endpoint: Name, in state: ControlState) { plane.reopen(endpoint, in: state) }
  func follow(from before: ControlState, to after: ControlState) {
    plane.follow(from: before, to: after)
  }
}

extension SimulatedTombstone {
  /// As the tombstone file has it.
  fileprivate var stored: Tombstone {
    Tombstone(
      sequence: sequence,
      fence: Fence(
        endpoint: endpoint, closed: closed, fallback: fallback, actor: actor, time: time,
        generation: generation))
  }
}

extension StorageError {
  /// What the journal or the tombstone file says of a disk's trouble.
  fileprivate init(_ error: SimulatedDiskError) {
    switch error {
    case .full: self.init(.full, "the simulated disk is full")
    case .failed: self.init(.inputOutput, "the simulated disk failed")
    case .stale: self.init(.locked, "the simulated disk has another writer")
    case .down: self.init(.inputOutput, "the simulated machine is down")
    }
  }
}
