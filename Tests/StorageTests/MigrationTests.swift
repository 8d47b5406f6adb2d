import CFaultVFS
import CSQLite
import Core
import Glibc
import Testing

@testable import Storage

extension FaultTests {
  /// A migration is whole or absent, wherever it is stopped; and an older program refuses what it
  /// does not know.
  @Suite struct Migrations {
    private let faults = String(cString: cfault_name)

    /// Power losses at each call; `SLUICE_MIGRATION_LOSSES` sets another count, and every call.
    private static let losses = repetitions("SLUICE_MIGRATION_LOSSES", 1)
    /// A sample of the calls, or all of them.
    private static let callsBetween: Int = losses > 1 ? 1 : 4

    init() {
      #expect(cfault_register() == SQLITE_OK)
      cfault_reset()
    }

    /// What a later version could do to a journal: a new column, a new table, all rows rewritten.
    private static let nextSteps =
      JournalSchema.migrations + [
        """
        CREATE TABLE extra(key TEXT PRIMARY KEY, value TEXT) STRICT;
        INSERT INTO extra SELECT key, hex(body) FROM evidence;
        ALTER TABLE evidence ADD COLUMN note TEXT;
        UPDATE evidence SET note = key || key;
        """,
        "CREATE INDEX journal_by_time ON journal(time); DROP TABLE extra;",
      ]

    /// A state of today's schema with rows and evidence.
    private func prepare(_ state: TemporaryState) throws {
      let journal = try Journal(state.directory.acquireLock(), program: "1.0.0")
      try journal.append((1...20).map { sampleEntry($0, bodyBytes: 500) })
      for number in 0..<30 {
        try journal.saveEvidence(
          [UInt8](repeating: 7, count: 900), key: "k\(number)", time: sampleEntry(1).time)
      }
      try journal.checkpoint()
    }

    private func upgrade(_ path: String, vfs: String?) throws {
      let connection = try SQLiteConnection(path, role: .writer, vfs: vfs)
      try JournalSchema.migrate(connection, program: "3.0.0", steps: Migrations.nextSteps)
    }

    /// The schema's version, with everything in the file being of exactly that version.
    private func wholeVersion(_ path: String) throws -> Int {
      let connection = try SQLiteConnection(path, role: .writer)
      #expect(try connection.integer("SELECT count(*) FROM journal") == 20)
      #expect(try connection.integer("SELECT count(*) FROM evidence") == 30)
      let version = try JournalSchema.version(connection, known: Migrations.nextSteps.count)
      let hasExtra = try connection.integer(
        "SELECT count(*) FROM sqlite_schema WHERE name = 'extra'")
      let hasIndex = try connection.integer(
        "SELECT count(*) FROM sqlite_schema WHERE name = 'journal_by_time'")
      let hasNote = try connection.integer(
        "SELECT count(*) FROM pragma_table_info('evidence') WHERE name = 'note'")
      let expected: [Int: [Int64]] = [2: [0, 0, 0], 3: [1, 0, 1], 4: [0, 1, 1]]
      #expect([hasExtra ?? -1, hasIndex ?? -1, hasNote ?? -1] == expected[version])
      if version > 2 {
        #expect(
          try connection.integer("SELECT count(*) FROM evidence WHERE note = key || key") == 30)
      }
      let check = try connection.prepare("PRAGMA integrity_check")
      #expect(try check.step() && check.text(0) == "ok")
      return version
    }

    /// How many changing calls an upgrade without faults makes.
    private func callsOfACleanUpgrade() throws -> Int64 {
      let state = try TemporaryState()
      try prepare(state)
      cfault_reset()
      try upgrade(state.directory.databasePath, vfs: faults)
      return cfault_calls()
    }

    @Test(arguments: [CFAULT_IO, CFAULT_FULL])
    func anUpgradeStoppedAtAnyCallIsWholeOrAbsent(_ error: cfault_error) throws {
      let calls = try callsOfACleanUpgrade()
      #expect(calls > 20)
      var versions: Set<Int> = []
      for call in stride(from: 1, through: calls, by: Migrations.callsBetween) {
        let state = try TemporaryState()
        try prepare(state)
        cfault_reset()
        cfault_fail(call, .max, error)
        try? upgrade(state.directory.databasePath, vfs: faults)
        cfault_fail(0, 0, error)
        versions.insert(try wholeVersion(state.directory.databasePath))
        // The next start finishes it.
        try upgrade(state.directory.databasePath, vfs: nil)
        #expect(try wholeVersion(state.directory.databasePath) == 4, "call \(call)")
      }
      #expect(versions.isSuperset(of: [2, 3]), "\(versions)")
    }

    @Test func anUpgradeThatLosesPowerAtAnyCallIsWholeOrAbsent() throws {
      let calls = try callsOfACleanUpgrade()
      var versions: Set<Int> = []
      for call in stride(from: 1, through: calls, by: Migrations.callsBetween) {
        for seed in 0..<UInt64(Migrations.losses) {
          let state = try TemporaryState()
          let after = try TemporaryState()
          try prepare(state)
          cfault_reset()
          cfault_fail(call, .max, CFAULT_IO)
          try? upgrade(state.directory.databasePath, vfs: faults)
          var path = state.directory.databasePath
          // At the first call the database was not even opened: it is as it was.
          #expect(cfault_power_loss(path, after.directory.databasePath, seed) == 0)
          if after.directory.holdsState {
            _ = cfault_power_loss(path + "-wal", after.directory.databasePath + "-wal", seed)
            path = after.directory.databasePath
          }
          cfault_fail(0, 0, CFAULT_IO)
          versions.insert(try wholeVersion(path))
        }
      }
      #expect(versions.isSuperset(of: [2, 3]), "\(versions)")
    }

    @Test func aMigrationOfAnEmptyFileIsWholeOrAbsent() throws {
      for call in 1...60 {
        let state = try TemporaryState()
        let lock = try state.directory.acquireLock()
        cfault_reset()
        cfault_fail(Int64(call), .max, CFAULT_IO)
        _ = try? Journal(lock, vfs: faults)
        cfault_fail(0, 0, CFAULT_IO)
        let connection = try SQLiteConnection(state.directory.databasePath, role: .writer)
        // Each migration is whole or absent; the next start does what is left.
        let version = try JournalSchema.version(connection)
        #expect((0...JournalSchema.current).contains(version))
        try JournalSchema.migrate(connection, program: "1.0.0")
        #expect(try JournalSchema.version(connection) == JournalSchema.current)
      }
    }

    @Test func anOlderProgramNamesTheOneThatWrote() throws {
      let state = try TemporaryState()
      try prepare(state)
      try upgrade(state.directory.databasePath, vfs: nil)
      for open in [
        { _ = try Journal(state.directory.acquireLock(), program: "1.0.0") },
        { _ = try JournalReader(state.directory) },
      ] {
        let error = storageError(open)
        #expect(error?.code == .newerSchema)
        #expect(
          error?.message.contains(
            "has schema 4, written by sluice 3.0.0, and this program knows 2") == true,
          "\(error?.message ?? "")")
      }
    }

    /// A state from before saved states is read as it is, and gets them when it is opened to write.
    @Test func aStateWithoutSavedStatesGetsThem() throws {
      let state = try TemporaryState()
      let key = try SigningKey(of: state.directory)
      do {
        let connection = try SQLiteConnection(state.directory.databasePath, role: .writer)
        try JournalSchema.migrate(
          connection, program: "1.0.0", steps: [JournalSchema.migrations[0]])
      }
      let old = try JournalReader(state.directory)
      #expect(try old.savedSequences() == [] && old.savedState(at: 1) == nil)
      let journal = try state.journal()
      try journal.append([sampleEntry(1)])
      try journal.saveState(sampleSaved(journal, key))
      #expect(try checkSavedStates(journal.reader, key) == [1])
    }

    /// That the program's name cannot be written keeps no later program from opening a state: with
    /// a full disk, rollbacks must work.
    @Test func aNameThatCannotBeWrittenIsNotNeeded() throws {
      var opened = 0
      for call in 1...30 {
        let state = try TemporaryState()
        try prepare(state)
        cfault_reset()
        cfault_fail(Int64(call), 1, CFAULT_FULL)
        let head = try? Journal(state.directory.acquireLock(), program: "1.0.1", vfs: faults).head
        let hasFailed = cfault_failures() > 0
        cfault_fail(0, 0, CFAULT_FULL)
        let connection = try SQLiteConnection(state.directory.databasePath, role: .reader)
        let name = try connection.prepare("SELECT value FROM meta WHERE key = 'program'")
        #expect(try name.step() && ["1.0.0", "1.0.1"].contains(name.text(0)))
        if head?.sequence == 20, hasFailed, name.text(0) == "1.0.0" { opened += 1 }
      }
      #expect(opened > 0)
    }
  }
}
