import Core

/// What a committed change was, in a simulated node.
package struct SimulatedChange {
  package let events: [Event]
  package let before: ControlState
  package let after: ControlState
  /// False when only a tombstone holds the change for now.
  package let isJournaled: Bool

  package init(
    events: [Event], before: ControlState, after: ControlState, isJournaled: Bool
  ) {
    self.events = events
    self.before = before
    self.after = after
    self.isJournaled = isJournaled
  }
}

/// The part of a node that decides, commits, applies and publishes; the simulator has a model of
/// it, and the real one behind the same calls.
package protocol SimulatedCore: AnyObject {
  /// The state after the last change.
  var state: ControlState { get }
  /// False while the journal cannot be written.
  var isDurable: Bool { get }
  /// One change: decided, fenced, decided again under the lock, committed, applied, published.
  func transact(_ decision: (ControlState) throws -> [Event]) throws -> SimulatedChange
  /// Tries to write what only a tombstone holds.
  func retryJournal(now: Timestamp)
}

/// The program whose nodes are simulated: how one starts from a disk, and what it makes of
/// tombstones.
package protocol SimulatedProgram {
  /// Replays the journal.
  func open(
    _ disk: SimulatedDisk, _ plane: SimulatedPlane, lease: Int
  ) throws -> any SimulatedCore
  /// Tombstones in the order in which they are obeyed.
  func inOrder(_ tombstones: [SimulatedTombstone]) -> [SimulatedTombstone]
  /// Whether the state already is what a tombstone asks for.
  func isDone(_ tombstone: SimulatedTombstone, in state: ControlState) -> Bool
  /// What a tombstone can stand for, best first.
  func commands(for tombstone: SimulatedTombstone, in state: ControlState) -> [Command]
}

/// Why a simulated node did not do what it was asked, beside refusals of the control plane.
package struct SimulatedFailure: Error {
  package let words: String
  package init(_ words: String) { self.words = words }
}
