import Control
import Core
import Foundation
import Testing

@testable import Node
@testable import Storage

/// Starting from a saved state gives what a replay of everything gives, or is not done.
@Suite("Recovery from saved states")
struct RecoveryTests {
  /// A state that is written as a node writes it, without the node.
  final class Desk {
    let path = "/tmp/slr-\(UUID().uuidString.prefix(8))"
    let directory: StateDirectory
    let lock: DirectoryLock
    let journal: Journal
    let people: People
    let key: SigningKey
    let sink: StateSink
    var saver: StateSaver
    var script = RecoveryScript()

    init(program: String = ProgramIdentity.current) throws {
      directory = try StateDirectory(path, create: true)
      lock = try directory.acquireLock()
      journal = try Journal(lock)
      people = try People(lock)
      key = try SigningKey(of: directory)
      sink = StateSink(journal)
      saver = StateSaver(
        journal.reader, to: sink, from: JournalFold(), savedSequence: 0, program: program)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ count: Int) throws {
      try journal.append((0..<count).map { _ in try ControlCore.entry(script.next(), people) })
    }

    func save() throws { try saver.save(at: journal.head, key: key) }

    func recover(program: String = ProgramIdentity.current) throws -> Recovered {
      try Recovery.replay(
        journal, saved: SavedStates(of: journal.reader, key: key.publicKey, program: program),
        people: people, checksAll: false)
    }

    func full() throws -> Recovered { try Recovery.replay(journal, people: people) }

    func sql(_ statement: String) throws {
      let connection = try SQLiteConnection(directory.databasePath, role: .writer)
      try connection.execute(statement)
    }
  }

  /// Both ways give the same state, byte for byte, and it is the script's.
  private func compare(_ desk: Desk, startsAt: Int?) throws {
    let (quick, full) = (try desk.recover(), try desk.full())
    #expect(quick.unchecked?.sequence == startsAt)
    #expect(quick.fault == nil && full.fault == nil)
    #expect(quick.state == full.state && quick.state == desk.script.state)
    #expect(try CanonicalJSON.encode(quick.state) == CanonicalJSON.encode(full.state))
    #expect(quick.fold == full.fold && quick.sequence == full.sequence)
    #expect(try CanonicalJSON.encode(quick.rows) == CanonicalJSON.encode(full.rows))
  }

  @Test("random journals come back the same from any saved state", arguments: 0..<12)
  func randomJournals(_ seed: UInt64) throws {
    let desk = try Desk()
    var random = SplitMix64(seed: seed)
    desk.script = RecoveryScript(seed: seed)
    var saved: Int?
    for _ in 0..<12 {
      try desk.write(1 + Int(random.next() % 40))
      if random.next() % 2 == 0 {
        try desk.save()
        saved = desk.journal.head.sequence
      }
      try compare(desk, startsAt: saved)
    }
    let proof = try JournalNotary.verify(stateDirectory: desk.path, checkpoints: nil, key: nil)
    #expect(proof.faults == [] && (proof.savedStates > 0) == (saved != nil))
  }

  @Test(
    "a saved state that was altered is not believed",
    arguments: [
      "UPDATE saved_states SET body = CAST(CAST(body AS TEXT) || ' ' AS BLOB)",
      "UPDATE saved_states SET body = CAST(replace(CAST(body AS TEXT), '@1', '@2') AS BLOB)",
      "UPDATE saved_states SET body = CAST(substr(body, 1, length(body) / 2) AS BLOB)",
      "UPDATE saved_states SET body = x''", "UPDATE saved_states SET signature = x'00'",
      "UPDATE saved_states SET program = '9.9.9'", "UPDATE saved_states SET program = '0.0.1'",
      "UPDATE saved_states SET hash = x'00'", "UPDATE saved_states SET sequence = sequence + 1",
      "UPDATE saved_states SET sequence = 999999",
      "UPDATE saved_states SET key = '\(String(repeating: "ab", count: 32))'",
    ])
  func altered(_ statement: String) throws {
    let desk = try Desk()
    try desk.write(60)
    try desk.save()
    try desk.write(20)
    try desk.sql(statement)
    try compare(desk, startsAt: nil)
    #expect(try desk.recover().refusals.count == 1)
  }

  @Test("an older saved state is believed when the newer one is not")
  func fallsBackByOne() throws {
    let desk = try Desk()
    for _ in 0..<3 {
      try desk.write(40)
      try desk.save()
    }
    try desk.sql("UPDATE saved_states SET body = x'7b7d' WHERE sequence = 120")
    try compare(desk, startsAt: 80)
    #expect(try desk.recover().refusals.first?.contains("120") == true)
  }

  @Test("those of an older and of a newer program, and of another key, are passed over")
  func otherPrograms() throws {
    let desk = try Desk(program: "an older one")
    try desk.write(60)
    try desk.save()
    try compare(desk, startsAt: nil)
    #expect(try desk.recover(program: "an older one").unchecked?.sequence == 60)
    #expect(try desk.recover(program: "a newer one").refusals.first?.contains("program") == true)
    // A proof leaves out what no start of this program believes.
    let proof = try JournalNotary.verify(stateDirectory: desk.path, checkpoints: nil, key: nil)
    #expect(proof.faults == [] && proof.savedStates == 0)
    let other = SavedStates(
      of: desk.journal.reader, key: SigningKey(seed: [UInt8](repeating: 1, count: 32)).publicKey,
      program: "an older one")
    #expect(other.newest().entry == nil && other.newest().refusals.count == 1)
    #expect(SavedStates(of: desk.journal.reader, key: nil).newest().entry == nil)
  }

  @Test("a wrong state that was properly signed is found by journal verify")
  func wrongButSigned() throws {
    let desk = try Desk()
    try desk.write(60)
    var fold = JournalFold()
    var cursor = desk.journal.reader.cursor()
    while let record = try cursor.next() {
      // One event is another one than was journaled.
      let event = try Recovery.event(of: record)
      let drained = Event(
        body: .endpointDrained, endpoint: event.endpoint, actor: event.actor, time: event.time,
        generation: event.generation)
      fold.take(record.sequence == 50 ? drained : event, at: record.sequence)
    }
    try desk.journal.saveState(
      SavedState(
        desk.journal.head, of: desk.journal.reader.beginning, program: ProgramIdentity.current,
        body: try CanonicalJSON.encode(fold), key: desk.key))
    let proof = try JournalNotary.verify(stateDirectory: desk.path, checkpoints: nil, key: nil)
    #expect(proof.faults.count == 1 && proof.faults.first?.contains("event 60") == true)
  }

  @Test("rows altered before the saved state are found beside the work, those after it at once")
  func alteredRows() throws {
    let desk = try Desk()
    try desk.write(100)
    try desk.save()
    try desk.write(50)
    try desk.sql("DROP TRIGGER journal_keeps_values")
    try desk.sql("UPDATE journal SET kind = 'other' WHERE sequence = 30")
    let recovered = try desk.recover()
    #expect(recovered.fault == nil && recovered.state == desk.script.state)
    var book = CheckpointBook(
      desk.directory, reader: desk.journal.reader, outside: nil, saver: desk.saver)
    #expect(book.check(recovered.unchecked, isCancelled: { true }) == nil)
    #expect(book.check(recovered.unchecked, isCancelled: { false })?.contains("row 30") == true)
    // And nothing is signed or saved any more.
    let attempt = book.look(
      now: SystemClock.now(), monotonic: .minutes(1), isLast: true)
    #expect(attempt?.fault?.contains("row 30") == true)
    #expect(try desk.journal.reader.savedSequences() == [100])
    try desk.sql("UPDATE journal SET kind = 'other' WHERE sequence = 120")
    #expect(try desk.recover().fault?.contains("row 120") == true)
    // The row that it was made after.
    let zeros = String(repeating: "00", count: 32)
    try desk.sql("UPDATE journal SET hash = x'\(zeros)' WHERE sequence = 100")
    let whole = try desk.recover()
    #expect(whole.unchecked == nil && whole.refusals.first?.contains("row 100") == true)
  }

  @Test("states are saved every thousand events and at the end, and not after an unreadable row")
  func whenStatesAreSaved() throws {
    let desk = try Desk()
    var book = CheckpointBook(
      desk.directory, reader: desk.journal.reader, outside: nil, saver: desk.saver)
    func look(_ minutes: Int, last: Bool = false) {
      _ = book.look(now: SystemClock.now(), monotonic: .minutes(minutes), isLast: last)
    }
    try desk.write(999)
    look(0)
    #expect(try desk.journal.reader.savedSequences() == [])
    try desk.write(2)
    look(1)
    try desk.write(10)
    look(2)
    #expect(try desk.journal.reader.savedSequences() == [1_001])
    look(3, last: true)
    #expect(try desk.journal.reader.savedSequences() == [1_001, 1_011])
    try compare(desk, startsAt: 1_011)
    try desk.journal.append([
      JournalEntry(
        time: SystemClock.now(), actor: .system, kind: "of-the-future", endpoint: nil,
        body: Array("{}".utf8))
    ])
    look(30)
    look(31, last: true)
    #expect(try desk.journal.reader.savedSequences() == [1_001, 1_011])
  }

  @Test(
    "a row that cannot be read stops nothing: the last committed splits come back, and it is told")
  func unreadableRows() throws {
    for (body, kind) in [("{}", "noted"), ("not json", "split"), (#"{"kind":"later"}"#, "later")] {
      let desk = try Desk()
      try desk.write(70)
      try desk.journal.append([
        JournalEntry(
          time: SystemClock.now(), actor: .system, kind: kind, endpoint: nil,
          body: Array(body.utf8))
      ])
      try desk.write(30)
      let recovered = try desk.full()
      #expect(recovered.fault?.contains("row 71") == true)
      #expect(recovered.sequence == 101 && recovered.rows.count == 100)
      #expect(recovered.state.endpoints == desk.script.state.endpoints)
    }
    let desk = try Desk()
    try desk.write(20)
    try desk.sql("DROP TRIGGER journal_keeps_values")
    try desk.sql("UPDATE journal SET actor = 'nobody' WHERE sequence = 20")
    #expect(try desk.full().fault?.contains("row 20") == true)
  }
}
