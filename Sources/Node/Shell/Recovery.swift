import Control
import Core
import Storage

/// What a node knows when it has opened its state, before it serves.
struct Recovered {
  var state: ControlState
  var rows: [JournalRow]
  /// What is wrong with the journal's chain; nil when it holds.
  var fault: String?
}

/// Opening a state directory: check the chain, replay the journal, obey the tombstones.
enum Recovery {
  /// Newest rows kept for screens.
  private static let rowsKept = 1_000

  /// Replays the whole journal.
  /// - Throws: ``NodeError`` when a row cannot be read as an event.
  static func replay(_ journal: Journal) throws -> Recovered {
    let check = try journal.reader.verify()
    var recovered = Recovered(state: ControlState(), rows: [], fault: check.fault)
    var cursor = journal.reader.cursor()
    while let record = try cursor.next() {
      let event = try event(of: record)
      recovered.state.fold(event)
      recovered.rows.append(JournalRow(event: event, sequence: record.sequence))
      if recovered.rows.count > 2 * rowsKept { recovered.rows.removeFirst(rowsKept) }
    }
    return recovered
  }

  /// The event in a journal row.
  static func event(of record: JournalRecord) throws -> Event {
    do {
      return try CanonicalJSON.decode(Event.self, from: record.entry.body)
    } catch {
      throw NodeError(
        .system,
        "journal row \(record.sequence) is not an event of this program: \(error.message); "
          + "was it written by a newer one?")
    }
  }

  /// The commands that a tombstone can stand for, best first: back to the version that it names, or
  /// when that one cannot take the traffic any more, to another good one.
  static func orders(for tombstone: Tombstone, in state: ControlState) -> [Order] {
    let fence = tombstone.fence
    let targets = state.endpoint(fence.endpoint)?.rollbackTargets() ?? []
    let others = targets.filter { $0 != fence.fallback && !fence.closed.contains($0) }
    return ([fence.fallback] + others).map { target in
      Order(
        command: .rollBack(
          endpoint: fence.endpoint, to: target,
          symptom: "recorded \(fence.time) while the journal could not be written"),
        actor: fence.actor)
    }
  }

  /// Whether the state already is what a tombstone asks for: each version that it closes is closed,
  /// gone, without traffic, or was put on the endpoint again by a later decision.
  ///
  /// A rollout's candidate without traffic, which waits for approvals or has spent its requests,
  /// would get some later: its rollback is not done.
  static func isDone(_ tombstone: Tombstone, in state: ControlState) -> Bool {
    let fence = tombstone.fence
    guard let endpoint = state.endpoint(fence.endpoint) else { return true }
    return fence.closed.allSatisfy { version in
      endpoint.isQuiet(version) || isLater(version, endpoint, fence)
    }
  }

  /// Whether a pending tombstone is about the present deployments of what it closes, and not about
  /// earlier ones.
  static func standsFor(_ tombstone: Tombstone, _ state: ControlState) -> Bool {
    guard let endpoint = state.endpoint(tombstone.fence.endpoint) else { return false }
    return tombstone.fence.closed.allSatisfy { !isLater($0, endpoint, tombstone.fence) }
  }

  private static func isLater(
    _ version: VersionID, _ endpoint: EndpointState, _ fence: Fence
  ) -> Bool {
    endpoint.deployed.contains { deployment in
      guard deployment.version == version else { return false }
      if let fenced = fence.generation, let since = deployment.generation { return since > fenced }
      // Of one that was written by an older program only the time is known.
      return deployment.since > fence.time
    }
  }
}
