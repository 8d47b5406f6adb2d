import Core
import CSodium

/// The tables, and how an older database becomes today's.
enum JournalSchema {
  /// The version that this program writes.
  static let current = migrations.count

  /// Marks a database as ours (`PRAGMA application_id`): "SLUC".
  static let applicationID: Int64 = 0x534C_5543

  /// `migrations[n]` turns version n into n + 1.
  ///
  /// What has been released is never edited.
  static let migrations = [
    """
    CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE journal(
      sequence INTEGER PRIMARY KEY CHECK(sequence > 0),
      time INTEGER NOT NULL,
      actor TEXT NOT NULL,
      kind TEXT NOT NULL,
      endpoint TEXT,
      body BLOB NOT NULL,
      previous BLOB NOT NULL,
      hash BLOB NOT NULL
    ) STRICT;
    CREATE TRIGGER journal_keeps_rows BEFORE DELETE ON journal
      BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
    CREATE TRIGGER journal_keeps_values BEFORE UPDATE ON journal
      BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
    CREATE TABLE evidence(
      key TEXT PRIMARY KEY, body BLOB NOT NULL, time INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE saved_states(
      sequence INTEGER PRIMARY KEY CHECK(sequence > 0),
      hash BLOB NOT NULL,
      program TEXT NOT NULL,
      key TEXT NOT NULL,
      signature BLOB NOT NULL,
      body BLOB NOT NULL
    ) STRICT;
    """,
  ]

  /// The first version that has saved states.
  static let savedStatesVersion = 2

  /// Brings the database to ``current``, each step in one transaction: whole or not at all.
  /// - Throws: ``StorageError`` when it is another program's, or a newer program's.
  /// - Parameters:
  ///   - program: the version of this program, kept for the sentence of an older one's refusal.
  ///   - steps: the migrations; tests give others.
  static func migrate(
    _ connection: SQLiteConnection, program: String, steps: [String] = migrations
  ) throws(StorageError) {
    var version = try version(connection, known: steps.count)
    while version < steps.count {
      try connection.transaction { () throws(StorageError) in
        try connection.execute(steps[version])
        if version == 0 {
          try connection.execute("PRAGMA application_id=\(applicationID)")
          try set("journal_id", randomIdentity(), connection)
        }
        try set("schema_version", String(version + 1), connection)
        try set("program", program, connection)
      }
      version += 1
    }
    // Also without a migration, so that it names the last program that wrote here; a full disk
    // must not keep a node from opening its state for that.
    if try value("program", connection) != program { try? set("program", program, connection) }
  }

  /// The version of the database, 0 for an empty one.
  /// - Throws: ``StorageError`` when this program cannot read it.
  static func version(
    _ connection: SQLiteConnection, known: Int = current
  ) throws(StorageError) -> Int {
    if try connection.integer("SELECT count(*) FROM sqlite_schema") == 0 { return 0 }
    let isOurs = try connection.integer("PRAGMA application_id") == applicationID
    guard isOurs, let text = try value("schema_version", connection), let version = Int(text),
      version >= 1
    else {
      throw StorageError(
        .damaged,
        "\(printable(connection.path)) is not a database of this program: choose another directory "
          + "with --state")
    }
    guard version <= known else {
      let writer = try value("program", connection).map { "sluice \(printable($0, limit: 40))" }
      throw StorageError(
        .newerSchema,
        "\(printable(connection.path)) has schema \(version), written by "
          + "\(writer ?? "a newer sluice"), and this program knows \(known): use that version, or "
          + "a later one")
    }
    return version
  }

  /// What row 1 of the journal follows: a digest of the journal's own random name, so that rows of
  /// one journal never fit into another.
  static func beginning(_ connection: SQLiteConnection) throws(StorageError) -> Digest {
    let identity = try value("journal_id", connection) ?? ""
    return SHA256.digest(of: Array("sluice-journal-beginning:\(identity)".utf8))
  }

  private static func value(
    _ key: String, _ connection: SQLiteConnection
  ) throws(StorageError) -> String? {
    let statement = try connection.prepare("SELECT value FROM meta WHERE key = ?1")
    try statement.bind(1, key)
    return try statement.step() ? statement.text(0) : nil
  }

  private static func set(
    _ key: String, _ value: String, _ connection: SQLiteConnection
  ) throws(StorageError) {
    let statement = try connection.prepare("INSERT OR REPLACE INTO meta VALUES(?1, ?2)")
    try statement.bind(1, key)
    try statement.bind(2, value)
    try statement.run()
  }

  private static func randomIdentity() -> String {
    var bytes = [UInt8](repeating: 0, count: 32)
    randombytes_buf(&bytes, bytes.count)
    return SHA256.digest(of: bytes).description
  }
}
