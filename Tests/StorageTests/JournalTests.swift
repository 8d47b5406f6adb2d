import Core
import Testing

@testable import Storage

@Suite struct JournalTests {
  @Test func entriesComeBackAsTheyWereWritten() throws {
    let state = try TemporaryState()
    let entries = (1...25).map { sampleEntry($0, bodyBytes: $0 * 100) }
    do {
      let journal = try state.journal()
      #expect(try journal.append(Array(entries[..<10])) == Array(1...10))
      #expect(try journal.append(Array(entries[10...])) == Array(11...25))
      #expect(try journal.append([]) == [])
      #expect(journal.head.sequence == 25)
    }
    let journal = try state.journal()
    #expect(try journal.reader.records(after: 0, limit: 100).map(\.entry) == entries)
    #expect(try journal.reader.records(after: 20, limit: 3).map(\.sequence) == [21, 22, 23])
    #expect(try journal.reader.latest(limit: 2).map(\.sequence) == [24, 25])
    #expect(try journal.reader.records(after: 25, limit: 5).isEmpty)
    #expect(try journal.reader.records(after: .max, limit: 5).isEmpty)
    #expect(try journal.reader.records(after: 0, limit: -1).isEmpty)
    let check = try journal.reader.verify()
    #expect(check == ChainCheck(count: 25, head: journal.head, fault: nil))
  }

  @Test func emptyTextsAndBytesAreNotNull() throws {
    let state = try TemporaryState()
    let journal = try state.journal()
    let entry = JournalEntry(
      time: Timestamp(microseconds: .min), actor: ActorID(kind: .system, name: ""), kind: "x",
      endpoint: nil, body: [])
    try journal.append([entry])
    #expect(try journal.reader.records(after: 0, limit: 1).first?.entry == entry)
    #expect(try journal.reader.verify().fault == nil)
  }

  @Test func aCursorWalksThePages() throws {
    let state = try TemporaryState()
    let journal = try state.journal()
    try journal.append((1...700).map { sampleEntry($0, bodyBytes: 1) })
    var cursor = journal.reader.cursor(after: 3)
    var seen: [Int] = []
    while let record = try cursor.next() { seen.append(record.sequence) }
    #expect(seen == Array(4...700))
  }

  /// The hash of a row, computed by Python's hashlib over the message that `JournalRow` describes.
  @Test func theHashIsTheDocumentedOne() throws {
    let previous = try Digest(bytes: Array(0..<32))
    let entry = JournalEntry(
      time: Timestamp(microseconds: 1_700_000_000_123_456),
      actor: ActorID(kind: .person, name: "ann"),
      kind: "deploy", endpoint: try Name("flight-delay"), body: Array("{\"a\":1}".utf8))
    let row = JournalRow(unhashed: entry, sequence: 7, previous: previous)
    #expect(
      row.chainHash(as: 7).description
        == "f84bbe087ad4c4be3b3ae58bae67bc31b5f19169edfd587780192062124e2159")
  }

  @Test func limitsAreRefusedWithNothingAppended() throws {
    let state = try TemporaryState()
    let journal = try state.journal()
    let long = JournalEntry(
      time: Timestamp(microseconds: 0), actor: .system, kind: "x", endpoint: nil,
      body: [UInt8](repeating: 0, count: JournalEntry.bodyLimitBytes + 1))
    #expect(storageError { try journal.append([sampleEntry(1), long]) }?.code == .unacceptable)
    let many = (0...Journal.batchLimit).map { sampleEntry($0) }
    #expect(storageError { try journal.append(many) }?.code == .unacceptable)
    #expect(try journal.reader.head().sequence == 0)
  }

  @Test func readersSeeCommittedRowsFromOtherConnections() throws {
    let state = try TemporaryState()
    #expect(storageError { _ = try JournalReader(state.directory) }?.code == .notFound)
    let journal = try state.journal()
    let other = try JournalReader(state.directory)
    try journal.append([sampleEntry(1)])
    #expect(try other.head() == journal.head)
    #expect(try other.verify().count == 1)
  }

  @Test func evidenceIsKeptReplacedAndForgotten() throws {
    let state = try TemporaryState()
    let time = Timestamp(microseconds: 5)
    do {
      let journal = try state.journal()
      try journal.saveEvidence([1, 2, 3], key: "rollout/1", time: time)
      try journal.saveEvidence([], key: "rollout/1", time: time)
      try journal.saveEvidence([9], key: "rollout/2", time: time)
      try journal.append([sampleEntry(1)])
      try journal.deleteEvidence("rollout/2")
      try journal.deleteEvidence("never there")
      let long = [UInt8](repeating: 0, count: Journal.evidenceLimitBytes + 1)
      #expect(
        storageError { try journal.saveEvidence(long, key: "k", time: time) }?.code == .unacceptable
      )
    }
    let journal = try state.journal()
    #expect(try journal.evidence("rollout/1") == [])
    #expect(try journal.evidence("rollout/2") == nil)
    #expect(try journal.reader.evidenceKeys() == ["rollout/1"])
  }

  @Test func appendsOfManyThreadsMakeOneChain() async throws {
    let state = try TemporaryState()
    let journal = try state.journal()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for task in 0..<4 {
        group.addTask {
          for number in 0..<25 { try journal.append([sampleEntry(task * 100 + number)]) }
        }
      }
      try await group.waitForAll()
    }
    let check = try journal.reader.verify()
    #expect(check.count == 100 && check.fault == nil)
  }
}

@Suite struct SchemaTests {
  @Test func aNewerSchemaIsRefusedByNumber() throws {
    let state = try TemporaryState()
    do { _ = try state.journal() }
    try state.tamper("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    let error = storageError { _ = try state.journal() }
    #expect(error?.code == .newerSchema)
    #expect(
      error?.message.contains("this program knows \(JournalSchema.current)") == true)
    #expect(error?.exitCode == .system)
    #expect(storageError { _ = try JournalReader(state.directory) }?.code == .newerSchema)
  }

  @Test func foreignAndDamagedFilesAreRefused() throws {
    let state = try TemporaryState()
    do {
      let foreign = try SQLiteConnection(state.directory.databasePath, role: .writer)
      try foreign.execute("CREATE TABLE cats(name)")
    }
    #expect(storageError { _ = try state.journal() }?.code == .damaged)

    let other = try TemporaryState()
    let file = try OpenFile(other.directory.databasePath, 0o101, doing: "write")
    try file.write([UInt8](repeating: 0x41, count: 8_192), at: 0)
    let error = storageError { _ = try other.journal() }
    #expect(error?.code == .damaged)
    #expect(error?.message.contains("restore") == true)
  }

  @Test func theJournalRefusesUpdatesAndDeletes() throws {
    let state = try TemporaryState()
    let journal = try state.journal()
    try journal.append([sampleEntry(1)])
    let connection = try SQLiteConnection(state.directory.databasePath, role: .writer)
    for sql in ["DELETE FROM journal", "UPDATE journal SET kind = 'y'"] {
      #expect(storageError { try connection.execute(sql) }?.message.contains("append-only") == true)
    }
  }
}
