import Core
import Synchronization

/// Reads the journal of a state directory, from any thread and from any process of the same user,
/// while another writes it.
///
/// It never writes, so it needs no lock on the directory: this is how a command line looks at the
/// state of a node that does not answer.
public final class JournalReader: Sendable {
  /// The most records that one call returns.
  public static let pageLimit = 10_000

  private let queries: Mutex<Queries>
  /// What row 1 follows: it tells this journal from all others.
  public let beginning: Digest

  /// Opens the database read-only.
  /// - Throws: ``StorageError`` with code `notFound` when no node has written here yet.
  public convenience init(_ directory: StateDirectory) throws(StorageError) {
    guard directory.holdsState else {
      throw StorageError(
        .notFound,
        "there is no journal in \(printable(directory.path)) yet: check --state, or start a node "
          + "there"
      )
    }
    try self.init(path: directory.databasePath, vfs: nil)
  }

  /// Opens the database at `path` through a virtual file system.
  init(path: String, vfs: String?) throws(StorageError) {
    let connection = try SQLiteConnection(path, role: .reader, vfs: vfs)
    guard try JournalSchema.version(connection) > 0 else {
      throw StorageError(
        .notFound, "\(printable(path)) is empty: start a node on this state directory first")
    }
    beginning = try JournalSchema.beginning(connection)
    queries = Mutex(
      try Queries(
        connection,
        hasSavedStates: JournalSchema.version(connection) >= JournalSchema.savedStatesVersion))
  }

  /// Runs queries, one caller at a time.
  func withQueries<Result: Sendable>(
    _ body: (Queries) throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    try queries.withLock { (queries) throws(StorageError) in try body(queries) }
  }

  /// Records with `sequence > after`, oldest first.
  /// - Parameter limit: how many at most, 0 to ``pageLimit``.
  public func records(after: Int, limit: Int) throws(StorageError) -> [JournalRecord] {
    let rows = try rows(after: Int64(clamping: after), limit: limit)
    var records: [JournalRecord] = []
    records.reserveCapacity(rows.count)
    for row in rows { records.append(try row.record()) }
    return records
  }

  /// The newest records of one kind, oldest first.
  /// - Parameter limit: how many at most, 0 to ``pageLimit``.
  public func records(ofKind kind: String, limit: Int) throws(StorageError) -> [JournalRecord] {
    let limit = min(max(0, limit), JournalReader.pageLimit)
    let rows = try withQueries { (queries) throws(StorageError) in
      try queries.rows(ofKind: kind, limit: Int64(limit))
    }
    var records: [JournalRecord] = []
    for row in rows.reversed() { records.append(try row.record()) }
    return records
  }

  /// The last `limit` records, oldest first.
  public func latest(limit: Int) throws(StorageError) -> [JournalRecord] {
    try records(after: max(0, head().sequence - max(0, limit)), limit: limit)
  }

  /// All records with `sequence > after`, a page at a time, so that a replay of any length takes
  /// little memory and no long transaction.
  public func cursor(after: Int = 0) -> JournalCursor { JournalCursor(self, after: after) }

  /// The end of the journal as committed now.
  public func head() throws(StorageError) -> JournalHead {
    let row = try queries.withLock { (queries) throws(StorageError) in try queries.last() }
    guard let row else { return JournalHead(sequence: 0, hash: beginning) }
    guard let hash = try? Digest(bytes: row.hash) else {
      throw StorageError(
        .damaged, "journal row \(row.sequence) has no legal hash: restore the last backup")
    }
    return JournalHead(sequence: Int(row.sequence), hash: hash)
  }

  /// What ``Journal/saveEvidence(_:key:time:)`` kept under `key`, or nil.
  public func evidence(_ key: String) throws(StorageError) -> [UInt8]? {
    try queries.withLock { (queries) throws(StorageError) in try queries.evidence(key) }
  }

  /// The keys of all kept evidence, in order; at most ``pageLimit``.
  public func evidenceKeys() throws(StorageError) -> [String] {
    try queries.withLock { (queries) throws(StorageError) in try queries.evidenceKeys() }
  }

  /// Rows as they are on disk.
  func rows(after: Int64, limit: Int) throws(StorageError) -> [JournalRow] {
    let limit = min(max(0, limit), JournalReader.pageLimit)
    return try queries.withLock { (queries) throws(StorageError) in
      try queries.rows(after: after, limit: Int64(limit))
    }
  }

  /// The row whose hash is `hash`, if there is one; a walk over the whole journal.
  func sequence(ofHash hash: [UInt8]) throws(StorageError) -> Int64? {
    try queries.withLock { (queries) throws(StorageError) in try queries.sequence(ofHash: hash) }
  }
}

/// Walks over a journal's records, oldest first.
public struct JournalCursor {
  private static let pageCount = 256

  private let reader: JournalReader
  private var after: Int
  private var page: ArraySlice<JournalRow> = []

  init(_ reader: JournalReader, after: Int) {
    self.reader = reader
    self.after = after
  }

  /// The next record, nil at the end.
  public mutating func next() throws(StorageError) -> JournalRecord? { try nextRow()?.record() }

  /// The next record, or what is wrong with it; nil at the end.
  ///
  /// What is damaged does not end the walk.
  public mutating func nextResult() throws(StorageError)
    -> (sequence: Int, record: Result<JournalRecord, StorageError>)?
  {
    guard let row = try nextRow() else { return nil }
    do throws(StorageError) {
      return (Int(row.sequence), .success(try row.record()))
    } catch {
      return (Int(row.sequence), .failure(error))
    }
  }

  private mutating func nextRow() throws(StorageError) -> JournalRow? {
    if page.isEmpty {
      page = try reader.rows(after: Int64(after), limit: JournalCursor.pageCount)[...]
    }
    guard let row = page.popFirst() else { return nil }
    after = Int(row.sequence)
    return row
  }
}

/// The compiled queries of one reading connection.
final class Queries {
  private let after: SQLiteStatement
  private let lastRow: SQLiteStatement
  private let byHash: SQLiteStatement
  private let evidenceOf: SQLiteStatement
  private let keys: SQLiteStatement
  private let countUpTo: SQLiteStatement
  private let ofKind: SQLiteStatement
  /// Nil for a database that was never opened by a program that knows them.
  private let savedStates: SavedStateQueries?

  init(_ connection: SQLiteConnection, hasSavedStates: Bool) throws(StorageError) {
    ofKind = try connection.prepare(
      "SELECT \(JournalRow.columns) FROM journal WHERE kind = ?1 ORDER BY sequence DESC LIMIT ?2")
    countUpTo = try connection.prepare(
      "SELECT count(*) FROM journal WHERE sequence > ?1 AND time <= ?2")
    savedStates = hasSavedStates ? try SavedStateQueries(connection) : nil
    after = try connection.prepare(
      "SELECT \(JournalRow.columns) FROM journal WHERE sequence > ?1 ORDER BY sequence LIMIT ?2")
    lastRow = try connection.prepare(
      "SELECT \(JournalRow.columns) FROM journal ORDER BY sequence DESC LIMIT 1")
    byHash = try connection.prepare("SELECT sequence FROM journal WHERE hash = ?1 LIMIT 1")
    evidenceOf = try connection.prepare("SELECT body FROM evidence WHERE key = ?1")
    keys = try connection.prepare(
      "SELECT key FROM evidence ORDER BY key LIMIT \(JournalReader.pageLimit)")
  }

  func rows(after sequence: Int64, limit: Int64) throws(StorageError) -> [JournalRow] {
    try after.bind(1, sequence)
    try after.bind(2, limit)
    var rows: [JournalRow] = []
    while try after.step() { rows.append(JournalRow(reading: after)) }
    try after.reset()
    return rows
  }

  func rows(ofKind kind: String, limit: Int64) throws(StorageError) -> [JournalRow] {
    try ofKind.bind(1, kind)
    try ofKind.bind(2, limit)
    var rows: [JournalRow] = []
    while try ofKind.step() { rows.append(JournalRow(reading: ofKind)) }
    try ofKind.reset()
    return rows
  }

  func last() throws(StorageError) -> JournalRow? {
    let row = try lastRow.step() ? JournalRow(reading: lastRow) : nil
    try lastRow.reset()
    return row
  }

  func sequence(ofHash hash: [UInt8]) throws(StorageError) -> Int64? {
    try byHash.bind(1, hash)
    let sequence = try byHash.step() ? byHash.integer(0) : nil
    try byHash.reset()
    return sequence
  }

  func evidence(_ key: String) throws(StorageError) -> [UInt8]? {
    try evidenceOf.bind(1, key)
    let body = try evidenceOf.step() ? evidenceOf.bytes(0) : nil
    try evidenceOf.reset()
    return body
  }

  func savedSequences() throws(StorageError) -> [Int] { try savedStates?.sequences() ?? [] }

  func savedState(at sequence: Int) throws(StorageError) -> SavedState? {
    try savedStates?.state(at: sequence)
  }

  func count(
    after sequence: Int64, notLaterThan microseconds: Int64
  ) throws(StorageError) -> Int {
    try countUpTo.bind(1, sequence)
    try countUpTo.bind(2, microseconds)
    let count = try countUpTo.step() ? countUpTo.integer(0) : 0
    try countUpTo.reset()
    return Int(count)
  }

  func evidenceKeys() throws(StorageError) -> [String] {
    var found: [String] = []
    while try keys.step() { found.append(keys.text(0)) }
    try keys.reset()
    return found
  }
}
