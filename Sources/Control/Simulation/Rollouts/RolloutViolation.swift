import Core

/// A promise that a simulated node broke.
public struct RolloutViolation: Sendable, Hashable {
  /// Which promise: `I3`, or a word.
  public let invariant: String
  /// What was seen.
  public let message: String
  /// The index of the step in which it was seen.
  public let step: Int
  /// The state before the step, and when it was seen.
  public let before: ControlState
  /// The state when it was seen.
  public let after: ControlState
}

/// What one simulated run came to.
public struct RolloutRunResult: Sendable {
  /// The same for the same seed and steps, on every machine.
  public let traceHash: String
  /// Events that were committed.
  public let events: Int
  /// Starts of the node after the first.
  public let restarts: Int
  /// Changes that only a tombstone held at first.
  public let tombstones: Int
  /// The kinds of events that came.
  public let kinds: Set<String>
  /// What was broken first; nil when every promise was kept.
  public let violation: RolloutViolation?
  /// A line for each step, when the trace was asked for.
  public let trace: [String]
}
