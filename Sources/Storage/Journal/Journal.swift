import Core
import Glibc
import Synchronization

/// The append-only, hash-chained record of every event of a node; the node's state is a fold over
/// it.
///
/// What ``append(_:)`` has returned survives a crash of the process and of the machine. Making one
/// needs the directory's lock, so that there is never a second writer. Threads may share it.
public final class Journal: Sendable {
  /// The most entries of one ``append(_:)``.
  public static let batchLimit = 1_000
  /// The most bytes of one piece of evidence.
  public static let evidenceLimitBytes = 4 << 20

  /// Reads the same journal on a connection of its own, so that reading never delays an append.
  public let reader: JournalReader
  private let writer: Mutex<JournalWriter>
  // Held, so that the right to write lives as long as the writing connection.
  private let lock: DirectoryLock

  /// Opens the journal of a locked state directory, creating or migrating its database.
  /// - Parameter program: the version of this program, which an older one names when it refuses a
  ///   schema that it does not know.
  /// - Throws: ``StorageError``; code `newerSchema` names the program that wrote the state.
  public convenience init(
    _ lock: DirectoryLock, program: String = "of an unnamed version"
  ) throws(StorageError) {
    try self.init(lock, program: program, vfs: nil)
  }

  /// Opens the journal through a virtual file system, which tests use to inject faults.
  ///
  /// - Parameter durability: when an appended entry is durable; tests ask for less, to show that a
  ///   power loss then takes entries.
  init(
    _ lock: DirectoryLock, program: String = "of an unnamed version", vfs: String?,
    durability: SQLiteConnection.Durability = .onCommit
  ) throws(StorageError) {
    let path = lock.directory.databasePath
    // SQLite gives its log and index files the mode of the database, so this decides for all three.
    _ = try OpenFile(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600, doing: "open the database")
    let connection = try SQLiteConnection(path, role: .writer, vfs: vfs)
    try JournalSchema.migrate(connection, program: program)
    self.lock = lock
    let reader = try JournalReader(path: path, vfs: vfs)
    self.reader = reader
    writer = Mutex(
      try JournalWriter(connection, head: try reader.head(), durability: durability))
  }

  /// Appends entries in one transaction, in order, directly after the head.
  ///
  /// - Returns: the sequence of each; on return all of them are on the disk.
  /// - Throws: ``StorageError`` with nothing appended. Code `full` means that it can work later,
  ///   when there is space again. (When the disk failed at the last flush and the machine then
  ///   stops, the batch may be found after the restart: whole, and never acknowledged.)
  @discardableResult
  public func append(_ entries: [JournalEntry]) throws(StorageError) -> [Int] {
    guard entries.count <= Journal.batchLimit else {
      throw StorageError(
        .unacceptable,
        "\(entries.count) events in one batch: the journal takes at most \(Journal.batchLimit)")
    }
    for entry in entries { try entry.checkLimits() }
    if entries.isEmpty { return [] }
    return try writer.withLock { (writer) throws(StorageError) in try writer.append(entries) }
  }

  /// The end of the journal.
  public var head: JournalHead { writer.withLock { $0.head } }

  /// Keeps `body` under `key`, in place of what was there.
  ///
  /// Evidence is counted again and again while a rollout runs, so this does not wait for the disk:
  /// it survives a crash of the process, and of the machine from the next appended entry on. Where
  /// a later entry survived, this did too.
  public func saveEvidence(_ body: [UInt8], key: String, time: Timestamp) throws(StorageError) {
    guard body.count <= Journal.evidenceLimitBytes, (1...512).contains(key.utf8.count) else {
      throw StorageError(
        .unacceptable,
        "evidence \"\(printable(key, limit: 64))\" is too long to keep: \(body.count) bytes, the "
          + "limit is \(Journal.evidenceLimitBytes)")
    }
    try writer.withLock { (writer) throws(StorageError) in
      try writer.saveEvidence(body, key: key, time: time)
    }
  }

  /// What is kept under `key`, or nil.
  public func evidence(_ key: String) throws(StorageError) -> [UInt8]? { try reader.evidence(key) }

  /// Forgets what is kept under `key`.
  public func deleteEvidence(_ key: String) throws(StorageError) {
    try writer.withLock { (writer) throws(StorageError) in try writer.deleteEvidence(key) }
  }

  /// Keeps what the journal comes to after one of its rows, for the next start.
  ///
  /// It does not wait for the disk: a power loss may take it, whole, and then more rows are
  /// replayed. Where a later entry survived, this did too.
  /// - Throws: ``StorageError``; then what was saved before is still there.
  public func saveState(_ saved: SavedState) throws(StorageError) {
    guard saved.body.count <= SavedState.bodyLimitBytes else {
      throw StorageError(
        .unacceptable,
        "the state of \(saved.body.count >> 20) MiB is too large to be saved: a start replays the "
          + "journal")
    }
    try writer.withLock { (writer) throws(StorageError) in try writer.saveState(saved) }
  }

  /// Moves the log's content into the database file now, as at a clean stop.
  public func checkpoint() throws(StorageError) {
    try writer.withLock { (writer) throws(StorageError) in try writer.checkpoint() }
  }
}

/// The writing connection with its compiled statements and the head it has reached.
private final class JournalWriter {
  private(set) var head: JournalHead
  private let connection: SQLiteConnection
  private let durability: SQLiteConnection.Durability
  private let insert: SQLiteStatement
  private let upsertEvidence: SQLiteStatement
  private let removeEvidence: SQLiteStatement
  private let savedStates: SavedStateWriter

  init(
    _ connection: SQLiteConnection, head: JournalHead, durability: SQLiteConnection.Durability
  ) throws(StorageError) {
    self.connection = connection
    self.durability = durability
    self.head = head
    insert = try connection.prepare(
      "INSERT INTO journal(\(JournalRow.columns)) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
    upsertEvidence = try connection.prepare("INSERT OR REPLACE INTO evidence VALUES(?1, ?2, ?3)")
    removeEvidence = try connection.prepare("DELETE FROM evidence WHERE key = ?1")
    savedStates = try SavedStateWriter(connection)
  }

  func append(_ entries: [JournalEntry]) throws(StorageError) -> [Int] {
    try connection.setDurability(durability)
    let (rows, end) = chained(entries)
    try connection.transaction { () throws(StorageError) in
      for row in rows { try write(row) }
    }
    head = end
    return rows.map { Int($0.sequence) }
  }

  /// The rows for `entries` after the head, and the head after them.
  private func chained(_ entries: [JournalEntry]) -> ([JournalRow], JournalHead) {
    var rows: [JournalRow] = []
    var end = head
    for entry in entries {
      var row = JournalRow(unhashed: entry, sequence: end.sequence + 1, previous: end.hash)
      end = JournalHead(sequence: end.sequence + 1, hash: row.chainHash(as: row.sequence))
      row.hash = end.hash.bytes
      rows.append(row)
    }
    return (rows, end)
  }

  private func write(_ row: JournalRow) throws(StorageError) {
    try insert.bind(1, row.sequence)
    try insert.bind(2, row.time)
    try insert.bind(3, String(decoding: row.actor, as: UTF8.self))
    try insert.bind(4, String(decoding: row.kind, as: UTF8.self))
    try insert.bind(5, row.endpoint.map { String(decoding: $0, as: UTF8.self) })
    try insert.bind(6, row.body)
    try insert.bind(7, row.previous)
    try insert.bind(8, row.hash)
    try insert.run()
  }

  func saveEvidence(_ body: [UInt8], key: String, time: Timestamp) throws(StorageError) {
    try connection.setDurability(.later)
    try upsertEvidence.bind(1, key)
    try upsertEvidence.bind(2, body)
    try upsertEvidence.bind(3, time.microseconds)
    try upsertEvidence.run()
  }

  func deleteEvidence(_ key: String) throws(StorageError) {
    try connection.setDurability(.later)
    try removeEvidence.bind(1, key)
    try removeEvidence.run()
  }

  func saveState(_ saved: SavedState) throws(StorageError) {
    try connection.setDurability(.later)
    try connection.transaction { () throws(StorageError) in try savedStates.write(saved) }
  }

  func checkpoint() throws(StorageError) {
    let statement = try connection.prepare("PRAGMA wal_checkpoint(TRUNCATE)")
    while try statement.step() {}
  }
}
