import Core

/// A row as it is on disk, believed in nothing until its hash is checked.
struct JournalRow {
  var sequence: Int64
  var time: Int64
  var actor: [UInt8]
  var kind: [UInt8]
  var endpoint: [UInt8]?
  var body: [UInt8]
  var previous: [UInt8]
  var hash: [UInt8]

  /// The columns in the order that ``init(reading:)`` expects.
  static let columns = "sequence, time, actor, kind, endpoint, body, previous, hash"

  /// Reads the current row of a query for ``columns``.
  init(reading statement: SQLiteStatement) {
    sequence = statement.integer(0)
    time = statement.integer(1)
    actor = statement.bytes(2)
    kind = statement.bytes(3)
    endpoint = statement.isNull(4) ? nil : statement.bytes(4)
    body = statement.bytes(5)
    previous = statement.bytes(6)
    hash = statement.bytes(7)
  }

  /// The row for an entry that follows the row with hash `previous`; its own hash is still to be
  /// set.
  init(unhashed entry: JournalEntry, sequence: Int, previous: Digest) {
    self.sequence = Int64(sequence)
    time = entry.time.microseconds
    actor = Array(JournalRow.text(of: entry.actor).utf8)
    kind = Array(entry.kind.utf8)
    endpoint = entry.endpoint.map { Array($0.text.utf8) }
    body = entry.body
    self.previous = previous.bytes
    hash = []
  }

  /// The row's hash if it stood at `sequence`: SHA-256 over a version mark and every column in
  /// order, each with its length in front, so that no two different rows give the same message.
  func chainHash(as sequence: Int64) -> Digest {
    var hash = SHA256()
    hash.update(Array("sluice-journal-1".utf8))
    hash.update(bigEndian: UInt64(bitPattern: sequence))
    hash.update(bigEndian: UInt64(bitPattern: time))
    hash.updateWithLength(actor)
    hash.updateWithLength(kind)
    hash.update([endpoint == nil ? 0 : 1])
    hash.updateWithLength(endpoint ?? [])
    hash.updateWithLength(body)
    hash.updateWithLength(previous)
    return hash.finish()
  }

  /// The record that the row stands for.
  /// - Throws: ``StorageError`` with code `damaged` when a column cannot have been written by the
  ///   journal.
  func record() throws(StorageError) -> JournalRecord {
    guard let actor = JournalRow.actor(from: String(decoding: actor, as: UTF8.self)),
      let previous = try? Digest(bytes: previous), let hash = try? Digest(bytes: hash),
      sequence > 0
    else { throw damaged() }
    var name: Name?
    if let endpoint {
      guard let legal = try? Name(String(decoding: endpoint, as: UTF8.self)) else {
        throw damaged()
      }
      name = legal
    }
    let entry = JournalEntry(
      time: Timestamp(microseconds: time), actor: actor,
      kind: String(decoding: kind, as: UTF8.self), endpoint: name, body: body)
    return JournalRecord(
      sequence: Int(sequence), entry: entry, previous: previous, hash: hash)
  }

  private func damaged() -> StorageError {
    StorageError(
      .damaged,
      "journal row \(sequence) is not what the journal wrote: see 'sluice journal verify' and "
        + "restore the last backup")
  }

  /// An actor in one column: its kind, a colon, its name.
  private static func text(of actor: ActorID) -> String { "\(actor.kind.rawValue):\(actor.name)" }

  private static func actor(from text: String) -> ActorID? {
    guard let colon = text.firstIndex(of: ":"),
      let kind = ActorID.Kind(rawValue: String(text[..<colon]))
    else { return nil }
    return ActorID(kind: kind, name: String(text[text.index(after: colon)...]))
  }
}
