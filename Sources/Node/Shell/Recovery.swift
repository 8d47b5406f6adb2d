import Control
import Core
import Storage

/// What a node knows when it has opened its state, before it serves.
struct Recovered {
  /// With names.
  var state: ControlState
  var rows: [JournalRow]
  /// What is wrong with the journal; nil when nothing is known to be.
  var fault: String?
  /// The same state with codes, to go on from beside the node.
  var fold: JournalFold
  /// The journal's end.
  var sequence: Int
  /// The row after which a saved state was believed: the chain up to it is still to be checked.
  var unchecked: JournalHead?
  /// The row after which the newest saved state is; 0 without one.
  var savedSequence: Int
  /// Why saved states were not believed.
  var refusals: [String]
}

/// Opening a state directory: check the chain, replay the journal, obey the tombstones.
enum Recovery {
  /// Newest rows kept for screens.
  private static let rowsKept = 1_000

  /// Replays the journal: from the newest saved state that may be believed, or from its beginning.
  ///
  /// A row that cannot be read is passed over, and is a fault: the splits in the rows after it are
  /// still those that were committed, so the last of them is what is served.
  /// - Parameters:
  ///   - saved: the saved states; nil replays everything.
  ///   - people: the names; those that the journal says are erased are erased in it. Nil leaves
  ///     codes.
  ///   - checksAll: whether the chain up to the saved state is checked too.
  /// - Throws: a ``Failure`` when the database cannot be read.
  static func replay(
    _ journal: Journal, saved: SavedStates? = nil, people: People? = nil, checksAll: Bool = true
  ) throws -> Recovered {
    try replay(journal.reader, saved: saved, people: people, checksAll: checksAll)
  }

  /// As above, of a journal that is only read.
  static func replay(
    _ reader: JournalReader, saved: SavedStates? = nil, people: People? = nil,
    checksAll: Bool = true
  ) throws -> Recovered {
    let search = saved?.newest() ?? SavedStates.Search()
    let start = search.entry?.head
    let check = try reader.verify(after: checksAll ? nil : start)
    var fold = search.entry?.fold ?? JournalFold()
    var fault = check.fault
    var cursor = reader.cursor(after: fold.sequence)
    while let (sequence, record) = try cursor.nextResult() {
      do {
        fold.take(try event(of: try record.get()), at: sequence)
      } catch {
        fold.skip(sequence)
        fault = fault ?? NodeError(describing: error).message
      }
    }
    // A failure here is tried again at the next start; in this process they are erased.
    try? people?.forget(fold.state.forgotten ?? [], at: SystemClock.now())
    return Recovered(
      state: try JournalFold.named(fold.state, by: people),
      rows: try rows(reader, upTo: fold.sequence, people), fault: fault, fold: fold,
      sequence: fold.sequence, unchecked: checksAll ? nil : start,
      savedSequence: start?.sequence ?? 0, refusals: search.refusals)
  }

  /// The newest rows as people read them, without those that cannot be read.
  private static func rows(
    _ reader: JournalReader, upTo last: Int, _ people: People?
  ) throws -> [JournalRow] {
    var rows: [JournalRow] = []
    var cursor = reader.cursor(after: max(0, last - rowsKept))
    while let (sequence, record) = try cursor.nextResult(), sequence <= last {
      guard let event = try? event(of: record.get(), people) else { continue }
      rows.append(JournalRow(event: event, sequence: sequence))
    }
    return rows
  }

  /// The event in a journal row.
  /// - Parameter people: the names; nil leaves codes.
  static func event(of record: JournalRecord, _ people: People? = nil) throws -> Event {
    do {
      return try CanonicalJSON.decode(Event.self, from: record.entry.body, people: people)
    } catch {
      throw NodeError(
        .system,
        "journal row \(record.sequence) is not an event of this program: \(error.message); "
          + "was it written by a newer one?")
    }
  }

  /// The commands that a tombstone can stand for, best first: back to the version that it names, or
  /// when that one cannot take the traffic any more, to another good one.
  static func orders(
    for tombstone: Tombstone, in state: ControlState, _ people: People? = nil
  ) -> [Order] {
    let fence = tombstone.fence
    let targets = state.endpoint(fence.endpoint)?.rollbackTargets() ?? []
    let others = targets.filter { $0 != fence.fallback && !fence.closed.contains($0) }
    return ([fence.fallback] + others).map { target in
      Order(
        command: .rollBack(
          endpoint: fence.endpoint, to: target,
          symptom: "recorded \(fence.time) while the journal could not be written"),
        actor: fence.actor.named(by: people))
    }
  }

  /// Pending tombstones in the order in which they are obeyed: as they came, but one that closes
  /// the very version that a later rollback of its endpoint went to comes after that one.
  ///
  /// A node that had known the earlier one would have refused the later: it was recorded from
  /// outside and nobody had obeyed it, so that the later decision stands.
  static func inOrder(_ pending: [Tombstone]) -> [Tombstone] {
    let sorted = pending.sorted { $0.sequence < $1.sequence }
    func isOvertaken(_ tombstone: Tombstone) -> Bool {
      sorted.contains { later in
        later.sequence > tombstone.sequence && later.fence.endpoint == tombstone.fence.endpoint
          && tombstone.fence.closed.contains(later.fence.fallback)
      }
    }
    return sorted.filter { !isOvertaken($0) } + sorted.filter(isOvertaken)
  }

  /// The state that pending tombstones make, every version being there to go back to.
  static func obeyed(_ pending: [Tombstone], in state: ControlState) -> ControlState {
    var state = state
    for tombstone in inOrder(pending) where !isDone(tombstone, in: state) {
      let context = DecisionContext(
        now: tombstone.fence.time, actor: tombstone.fence.actor,
        prepared: Set(state.versions.map(\.version)))
      for order in orders(for: tombstone, in: state) {
        guard let events = try? decide(state, order.command, context) else { continue }
        state = events.reduce(state) { apply($0, $1) }
        break
      }
    }
    return state
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
