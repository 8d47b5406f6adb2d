import Core

/// One journal event as people read it.
public struct JournalRow: Sendable, Codable {
  /// Its number in the journal, from 1.
  public var sequence: Int
  /// When it was decided.
  public var time: Timestamp
  /// Who decided it.
  public var actor: ActorID
  /// `deploy`, `split`, `ramp`, `step`, `hold`, `rollback`, ...
  public var kind: String
  /// The endpoint it changed; nil when it concerns none.
  public var endpoint: Name?
  /// One sentence.
  public var summary: String
  /// The endpoint's generation afterwards.
  public var generation: Int?
  /// Why, as its author gave it; nil when none was given.
  public var reason: String?
  /// How it is marked on the screen.
  public var severity: Severity
  /// The command line that does the same.
  public var commandLine: String?

  /// Puts them together.
  public init(
    sequence: Int, time: Timestamp, actor: ActorID, kind: String, endpoint: Name?, summary: String,
    generation: Int?, reason: String?, severity: Severity, commandLine: String?
  ) {
    self.sequence = sequence
    self.time = time
    self.actor = actor
    self.kind = kind
    self.endpoint = endpoint
    self.summary = summary
    self.generation = generation
    self.reason = reason
    self.severity = severity
    self.commandLine = commandLine
  }
}

/// What checking the journal's chain found.
public struct JournalCheck: Sendable, Codable {
  /// Rows that were checked.
  public var events: Int
  /// The hash of the newest row; nil in an empty journal.
  public var head: Digest?
  /// The first broken row and what is wrong with it; nil when the chain holds.
  public var fault: String?

  /// Puts them together.
  public init(events: Int, head: Digest?, fault: String?) {
    self.events = events
    self.head = head
    self.fault = fault
  }
}
