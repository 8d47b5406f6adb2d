import CSQLite
import Core

/// One connection to a SQLite database, used by one thread at a time.
///
/// A state has exactly one writing connection, which also does every checkpoint: SQLite before
/// 3.51.3 can corrupt a database when two connections write or checkpoint at the same instant (the
/// WAL-reset bug, sqlite.org/wal.html section 11), and Debian 12 has 3.40.1. Readers are read-only
/// and never checkpoint.
final class SQLiteConnection {
  /// What a connection may do.
  enum Role {
    /// Writes and checkpoints: there is one in a state.
    case writer
    /// Reads committed transactions, in any number.
    case reader
  }

  /// When a commit is durable.
  enum Durability: String {
    /// On return: survives a power loss (`synchronous=FULL`).
    case onCommit = "FULL"
    /// With the next durable commit or checkpoint; a process crash loses nothing.
    case later = "NORMAL"
  }

  /// How long a statement waits for another connection's lock, in milliseconds.
  private static let busyTimeoutMilliseconds: Int32 = 5_000

  /// The database file, for sentences.
  let path: String
  fileprivate let handle: OpaquePointer
  private var durability: Durability?

  /// Opens the database, creating it for a writer.
  /// - Parameter vfs: the name of a registered virtual file system, nil for the system's own.
  init(_ path: String, role: Role, vfs: String? = nil) throws(StorageError) {
    let access = role == .writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY
    var opened: OpaquePointer?
    let result = sqlite3_open_v2(path, &opened, access | SQLITE_OPEN_NOMUTEX, vfs)
    guard result == SQLITE_OK, let opened else {
      let error = SQLiteConnection.error("open", path, result, opened)
      sqlite3_close_v2(opened)
      throw error
    }
    self.path = path
    handle = opened
    sqlite3_extended_result_codes(handle, 1)
    sqlite3_busy_timeout(handle, SQLiteConnection.busyTimeoutMilliseconds)
    try execute("PRAGMA trusted_schema=OFF")
    try execute("PRAGMA cell_size_check=ON")
    if role == .writer { try configureWriter() }
  }

  deinit { sqlite3_close_v2(handle) }

  private func configureWriter() throws(StorageError) {
    let mode = try prepare("PRAGMA journal_mode=WAL")
    guard try mode.step(), mode.text(0) == "wal" else {
      throw StorageError(
        .database,
        "the file system of \(printable(path)) cannot hold a write-ahead log: choose a local "
          + "disk with --state"
      )
    }
    try mode.reset()
    try execute("PRAGMA foreign_keys=ON")
    try execute("PRAGMA journal_size_limit=67108864")
    try setDurability(.onCommit)
  }

  /// Chooses when the following commits are durable.
  func setDurability(_ wanted: Durability) throws(StorageError) {
    if durability == wanted { return }
    durability = nil
    try execute("PRAGMA synchronous=\(wanted.rawValue)")
    durability = wanted
  }

  /// Runs statements that give no rows.
  func execute(_ sql: String) throws(StorageError) {
    let result = sqlite3_exec(handle, sql, nil, nil, nil)
    guard result == SQLITE_OK else { throw error("change", result) }
  }

  /// Compiles one statement, to be run any number of times.
  func prepare(_ sql: String) throws(StorageError) -> SQLiteStatement {
    var compiled: OpaquePointer?
    let result = sqlite3_prepare_v3(
      handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &compiled, nil)
    guard result == SQLITE_OK, let compiled else { throw error("read", result) }
    return SQLiteStatement(compiled, self)
  }

  /// Runs `body` in one transaction: all of it is committed, or nothing of it.
  ///
  /// After an error the connection is outside of any transaction and can be used again.
  func transaction<Result>(
    _ body: () throws(StorageError) -> Result
  ) throws(StorageError) -> Result {
    try execute("BEGIN IMMEDIATE")
    do throws(StorageError) {
      let result = try body()
      try execute("COMMIT")
      return result
    } catch {
      // A full disk or an I/O error has often rolled back already.
      if sqlite3_get_autocommit(handle) == 0 { sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) }
      throw error
    }
  }

  /// The one integer that a query gives, or nil when it gives no row.
  func integer(_ sql: String) throws(StorageError) -> Int64? {
    let statement = try prepare(sql)
    return try statement.step() ? statement.integer(0) : nil
  }

  /// The error for a result code of this connection.
  func error(_ doing: String, _ result: Int32) -> StorageError {
    SQLiteConnection.error(doing, path, result, handle)
  }

  private static func error(
    _ doing: String, _ path: String, _ result: Int32, _ handle: OpaquePointer?
  ) -> StorageError {
    let words = handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
    let number = handle.map { sqlite3_system_errno($0) } ?? 0
    let shown = printable(path)
    switch result & 0xFF {
    case SQLITE_FULL:
      return StorageError(
        .full, "cannot \(doing) \(shown): no space is left; free some space and try again",
        detail: result)
    case SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_READONLY, SQLITE_PERM:
      guard number == 0 else {
        let system = StorageError.system(doing, path, number)
        return StorageError(system.code, system.message, detail: result)
      }
      return StorageError(
        .inputOutput, "cannot \(doing) \(shown): \(words); check its permissions and the disk",
        detail: result)
    case SQLITE_CORRUPT, SQLITE_NOTADB:
      return StorageError(
        .damaged, "\(shown) is damaged: \(words); keep a copy and restore the last backup",
        detail: result)
    case SQLITE_BUSY, SQLITE_LOCKED:
      return StorageError(
        .locked,
        "cannot \(doing) \(shown): another program has it locked; end that program and try again",
        detail: result)
    default:
      return StorageError(
        .database, "cannot \(doing) \(shown): \(printable(words))", detail: result)
    }
  }
}

/// A compiled statement.
///
/// Text and bytes are copied at binding and at reading.
final class SQLiteStatement {
  private let handle: OpaquePointer
  // Also keeps the connection open for as long as the statement lives.
  private let connection: SQLiteConnection

  fileprivate init(_ handle: OpaquePointer, _ connection: SQLiteConnection) {
    self.handle = handle
    self.connection = connection
  }

  deinit { sqlite3_finalize(handle) }

  /// SQLite's "copy it now" in place of a destructor: a cast macro that Swift does not import.
  private static var copied: sqlite3_destructor_type {
    unsafeBitCast(-1, to: sqlite3_destructor_type.self)
  }

  /// Gives parameter `index` (from 1) an integer.
  func bind(_ index: Int32, _ value: Int64) throws(StorageError) {
    try check(sqlite3_bind_int64(handle, index, value))
  }

  /// Gives parameter `index` (from 1) a text, or NULL.
  func bind(_ index: Int32, _ value: String?) throws(StorageError) {
    guard let value else { return try check(sqlite3_bind_null(handle, index)) }
    let bytes = Array(value.utf8)
    try check(
      bytes.withUnsafeBytes { buffer in
        // An empty array may have no address, which SQLite would take as NULL.
        guard let base = buffer.baseAddress, !buffer.isEmpty else {
          return sqlite3_bind_text(handle, index, "", 0, SQLiteStatement.copied)
        }
        return sqlite3_bind_text64(
          handle, index, base.assumingMemoryBound(to: CChar.self), UInt64(buffer.count),
          SQLiteStatement.copied, UInt8(SQLITE_UTF8))
      })
  }

  /// Gives parameter `index` (from 1) bytes.
  func bind(_ index: Int32, _ value: [UInt8]) throws(StorageError) {
    try check(
      value.withUnsafeBytes { buffer in
        guard let base = buffer.baseAddress, !buffer.isEmpty else {
          return sqlite3_bind_zeroblob(handle, index, 0)
        }
        return sqlite3_bind_blob64(
          handle, index, base, UInt64(buffer.count), SQLiteStatement.copied)
      })
  }

  /// Goes to the next row.
  /// - Returns: false when there is none.
  func step() throws(StorageError) -> Bool {
    let result = sqlite3_step(handle)
    switch result {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default:
      let error = connection.error(sqlite3_stmt_readonly(handle) != 0 ? "read" : "write", result)
      sqlite3_reset(handle)
      throw error
    }
  }

  /// Runs a statement that gives no rows, and makes it ready for the next time.
  func run() throws(StorageError) {
    while try step() {}
    try reset()
  }

  /// Ends the current run, so that no read transaction stays open; bindings stay.
  func reset() throws(StorageError) { try check(sqlite3_reset(handle)) }

  /// The integer in `column` (from 0) of the current row.
  func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

  /// Whether `column` of the current row is NULL.
  func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

  /// The bytes in `column` of the current row, of a text its UTF-8; empty for NULL.
  func bytes(_ column: Int32) -> [UInt8] {
    guard let base = sqlite3_column_blob(handle, column) else { return [] }
    return [UInt8](
      UnsafeRawBufferPointer(start: base, count: Int(sqlite3_column_bytes(handle, column))))
  }

  /// The text in `column` of the current row, with damaged UTF-8 replaced.
  func text(_ column: Int32) -> String { String(decoding: bytes(column), as: UTF8.self) }

  private func check(_ result: Int32) throws(StorageError) {
    guard result == SQLITE_OK else { throw connection.error("use", result) }
  }
}
