import Core

/// What is given to the journal: one event with who, when and where.
///
/// What the event says is the
/// caller's bytes, kept as they are.
public struct JournalEntry: Sendable, Hashable {
  /// The most bytes of a body.
  public static let bodyLimitBytes = 1 << 20

  /// When it was decided.
  public let time: Timestamp
  /// Who decided it.
  public let actor: ActorID
  /// The event's kind in one word, as `deploy`; 1 to 64 bytes.
  public let kind: String
  /// The endpoint it is about, if it is about one.
  public let endpoint: Name?
  /// The event, in canonical JSON; at most ``bodyLimitBytes``.
  public let body: [UInt8]

  /// Puts the five together.
  public init(time: Timestamp, actor: ActorID, kind: String, endpoint: Name?, body: [UInt8]) {
    self.time = time
    self.actor = actor
    self.kind = kind
    self.endpoint = endpoint
    self.body = body
  }

  /// - Throws: ``StorageError`` with code `unacceptable` when a part is longer than the journal
  ///   keeps.
  func checkLimits() throws(StorageError) {
    guard (1...64).contains(kind.utf8.count), actor.name.utf8.count <= 256,
      body.count <= JournalEntry.bodyLimitBytes
    else {
      throw StorageError(
        .unacceptable,
        "the event \"\(printable(kind, limit: 64))\" is too long for the journal: a kind has 1 to "
          + "64 bytes, an actor at most 256, an event's data at most \(JournalEntry.bodyLimitBytes)"
      )
    }
  }
}

/// One row of the journal: an entry and its place in the chain.
public struct JournalRecord: Sendable, Hashable {
  /// From 1 upwards without gaps.
  public let sequence: Int
  /// What happened.
  public let entry: JournalEntry
  /// The hash of the row before; for row 1 the journal's own beginning.
  public let previous: Digest
  /// SHA-256 over all of the row's columns and `previous`.
  public let hash: Digest
}

/// The end of a journal at some moment: enough to prove later that nothing before it was changed.
public struct JournalHead: Sendable, Hashable, Codable {
  /// The last row's sequence, 0 for an empty journal.
  public let sequence: Int
  /// The last row's hash; of an empty journal its beginning.
  public let hash: Digest

  /// Puts the two together.
  public init(sequence: Int, hash: Digest) {
    self.sequence = sequence
    self.hash = hash
  }
}
