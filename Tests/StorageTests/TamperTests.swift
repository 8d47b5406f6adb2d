import Core
import Glibc
import Testing

@testable import Storage

/// Editing, inserting, removing and reordering rows is found, and named, by the chain alone;
/// rewriting and cutting by a checkpoint.
@Suite struct TamperTests {
  /// A journal of 20 rows, closed, changed by `sql` and checked again.
  private func check(
    after sql: String, checkpoints: (JournalHead) -> [JournalHead] = { _ in [] }
  ) throws -> ChainCheck {
    let state = try TemporaryState()
    let head: JournalHead
    do {
      let journal = try state.journal()
      try journal.append((1...20).map { sampleEntry($0) })
      head = journal.head
    }
    try state.tamper(sql)
    return try JournalReader(state.directory).verify(checkpoints: checkpoints(head))
  }

  @Test(arguments: [
    "time = time + 1", "actor = 'person:eve'", "kind = 'merge'", "endpoint = 'other'",
    "endpoint = NULL", "body = x'7b7d'", "previous = zeroblob(32)", "hash = zeroblob(32)",
    "hash = x'00'",
  ])
  func anEditedColumnIsFound(_ change: String) throws {
    let result = try check(after: "UPDATE journal SET \(change) WHERE sequence = 7")
    #expect(result.fault?.contains("row 7 ") == true)
    #expect(result.count == 6)
  }

  @Test func missingRowsAreFound() throws {
    #expect(
      try check(after: "DELETE FROM journal WHERE sequence = 5").fault == "row 5 is missing")
    #expect(
      try check(after: "DELETE FROM journal WHERE sequence <= 3").fault == "row 1 is missing")
    let closedUp = try check(
      after: "DELETE FROM journal WHERE sequence = 5;"
        + "UPDATE journal SET sequence = sequence - 1 WHERE sequence > 5")
    #expect(
      closedUp.fault == "row 5 was written as row 6: rows were reordered, inserted or removed")
  }

  @Test func reorderedRowsAreFoundAndNamed() throws {
    let result = try check(
      after: """
        UPDATE journal SET sequence = 1000 WHERE sequence = 8;
        UPDATE journal SET sequence = 8 WHERE sequence = 12;
        UPDATE journal SET sequence = 12 WHERE sequence = 1000;
        """)
    #expect(result.fault == "row 8 was written as row 12: rows were reordered, inserted or removed")
  }

  @Test func anInsertedRowIsFound() throws {
    let shift =
      "UPDATE journal SET sequence = sequence + 1000 WHERE sequence >= 10;"
      + "UPDATE journal SET sequence = sequence - 999 WHERE sequence >= 1000;"
    let copied = try check(
      after: shift
        + "INSERT INTO journal SELECT 10, time, actor, kind, endpoint, body, previous, hash FROM "
        + "journal "
        + "WHERE sequence = 9")
    #expect(copied.fault == "row 10 was written as row 9: rows were reordered, inserted or removed")
  }

  @Test func aRewrittenChainIsFoundByACheckpoint() throws {
    let state = try TemporaryState()
    let head: JournalHead
    do {
      let journal = try state.journal()
      try journal.append((1...20).map { sampleEntry($0) })
      head = journal.head
    }
    // Somebody who knows the format writes rows 15 to 20 anew, with other events.
    let before = try JournalReader(state.directory).records(after: 0, limit: 14)
    try state.tamper("DELETE FROM journal WHERE sequence > 14")
    do {
      let journal = try state.journal()
      #expect(journal.head.hash == before.last?.hash)
      try journal.append((15...20).map { sampleEntry($0 + 500) })
    }
    let reader = try JournalReader(state.directory)
    #expect(try reader.verify().fault == nil)
    #expect(
      try reader.verify(checkpoints: [head]).fault
        == "row 20 differs from the checkpoint: the chain was rewritten")
  }

  @Test func aCutTailIsFoundByACheckpoint() throws {
    let cut = "DELETE FROM journal WHERE sequence > 17"
    #expect(try check(after: cut).fault == nil)
    #expect(
      try check(after: cut) { [$0] }.fault
        == "row 18 is missing: the journal was cut, a checkpoint knows 20 rows")
  }

  @Test func rowsOfAnotherJournalDoNotFit() throws {
    let first = try TemporaryState()
    do { try first.journal().append([sampleEntry(1)]) }
    let second = try TemporaryState()
    do { try second.journal().append([sampleEntry(1)]) }
    try second.tamper(
      "ATTACH '\(first.directory.databasePath)' AS a; DELETE FROM main.journal;"
        + "INSERT INTO main.journal SELECT * FROM a.journal")
    #expect(
      try JournalReader(second.directory).verify().fault
        == "row 1 does not follow row 0: rows before it were edited, inserted or removed")
  }

  /// Bits flipped in the database file: either SQLite or the chain notices, or the bit held no row.
  @Test func flippedBitsNeverAlterARowUnnoticed() throws {
    let state = try TemporaryState()
    let entries = (1...20).map { sampleEntry($0, bodyBytes: 200) }
    do {
      let journal = try state.journal()
      try journal.append(entries)
      try journal.checkpoint()
    }
    let path = state.directory.databasePath
    let file = try OpenFile(path, O_RDWR, doing: "flip bits in")
    let size = Int(try file.status().st_size)
    let good = try file.read(count: size, at: 0)
    var random = SplitMix64(seed: 11)
    var noticed = 0
    for _ in 0..<300 {
      let offset = Int(random.next() % UInt64(size))
      try file.write([good[offset] ^ (1 << UInt8(random.next() % 8))], at: offset)
      defer { try? file.write([good[offset]], at: offset) }
      do {
        let reader = try JournalReader(state.directory)
        let check = try reader.verify()
        guard check.fault == nil, check.count == 20 else {
          noticed += 1
          continue
        }
        #expect(try reader.records(after: 0, limit: 20).map(\.entry) == entries)
      } catch {
        noticed += 1
      }
    }
    #expect(noticed > 50)
  }
}
