import Core

extension JournalReader {
  /// After which rows there are saved states, rising; empty for a database of an older schema.
  public func savedSequences() throws(StorageError) -> [Int] {
    try withQueries { (queries) throws(StorageError) in try queries.savedSequences() }
  }

  /// The saved state after a row as it is on disk; nil when there is none of legal form.
  ///
  /// Nothing in it is to be believed before ``refusal(of:program:key:)`` gives nil.
  public func savedState(at sequence: Int) throws(StorageError) -> SavedState? {
    try withQueries { (queries) throws(StorageError) in try queries.savedState(at: sequence) }
  }

  /// Why a saved state must not be believed, or nil.
  /// - Parameters:
  ///   - program: the program that would go on from it.
  ///   - key: the state's own key.
  public func refusal(
    of saved: SavedState, program: String, key: PublicKey
  ) throws(StorageError) -> String? {
    guard saved.key == key else { return "another key signed it" }
    guard saved.isAuthentic(of: beginning) else { return "its signature does not fit what it says" }
    guard saved.program == program else { return "another program made it" }
    guard try hash(at: saved.head.sequence) == saved.head.hash else {
      return "row \(saved.head.sequence) of the journal is not the one that it was made after"
    }
    return nil
  }

  /// The hash in a row; nil when there is no such row.
  public func hash(at sequence: Int) throws(StorageError) -> Digest? {
    guard let row = try rows(after: Int64(sequence) - 1, limit: 1).first,
      row.sequence == Int64(sequence)
    else { return nil }
    return try? Digest(bytes: row.hash)
  }

  /// How many rows after `sequence` are dated at or before `time`.
  public func count(after sequence: Int, notLaterThan time: Timestamp) throws(StorageError) -> Int {
    try withQueries { (queries) throws(StorageError) in
      try queries.count(after: Int64(sequence), notLaterThan: time.microseconds)
    }
  }
}

/// The compiled queries of the table of saved states.
final class SavedStateQueries {
  private let all: SQLiteStatement
  private let one: SQLiteStatement

  init(_ connection: SQLiteConnection) throws(StorageError) {
    all = try connection.prepare("SELECT sequence FROM saved_states ORDER BY sequence")
    one = try connection.prepare(
      "SELECT sequence, hash, program, body, key, signature FROM saved_states WHERE sequence = ?1")
  }

  func sequences() throws(StorageError) -> [Int] {
    var found: [Int] = []
    while try all.step() { found.append(Int(all.integer(0))) }
    try all.reset()
    return found
  }

  func state(at sequence: Int) throws(StorageError) -> SavedState? {
    try one.bind(1, Int64(sequence))
    guard try one.step() else {
      try one.reset()
      return nil
    }
    let (hash, key) = (try? Digest(bytes: one.bytes(1)), try? PublicKey(hex: one.text(4)))
    let (program, body, signature) = (one.text(2), one.bytes(3), one.bytes(5))
    try one.reset()
    guard let hash, let key else { return nil }
    return SavedState(
      head: JournalHead(sequence: sequence, hash: hash), program: program, body: body, key: key,
      signature: signature)
  }
}

/// Writes the table of saved states.
final class SavedStateWriter {
  private let insert: SQLiteStatement
  private let remove: SQLiteStatement
  private let queries: SavedStateQueries

  init(_ connection: SQLiteConnection) throws(StorageError) {
    insert = try connection.prepare(
      "INSERT OR REPLACE INTO saved_states(sequence, hash, program, body, key, signature) "
        + "VALUES(?1, ?2, ?3, ?4, ?5, ?6)")
    remove = try connection.prepare("DELETE FROM saved_states WHERE sequence = ?1")
    queries = try SavedStateQueries(connection)
  }

  /// Adds one and removes what is then superfluous; to be called in a transaction.
  func write(_ saved: SavedState) throws(StorageError) {
    try insert.bind(1, Int64(saved.head.sequence))
    try insert.bind(2, saved.head.hash.bytes)
    try insert.bind(3, saved.program)
    try insert.bind(4, saved.body)
    try insert.bind(5, "\(saved.key)")
    try insert.bind(6, saved.signature)
    try insert.run()
    let kept = try queries.sequences()
    for old in SavedStateRetention.superfluous(kept, bodyBytes: saved.body.count) {
      try remove.bind(1, Int64(old))
      try remove.run()
    }
  }
}
