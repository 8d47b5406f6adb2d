import CFaultVFS
import CSQLite
import Core
import Glibc
import Testing

@testable import Storage

/// Disks that fill up, fail and forget, by a virtual file system below SQLite.
@Suite(.serialized) struct FaultTests {
  private let faults = String(cString: cfault_name)

  init() {
    #expect(cfault_register() == SQLITE_OK)
    cfault_reset()
  }

  private let key = SigningKey(seed: [UInt8](repeating: 3, count: 32))

  /// The same work in every run: eight batches, with evidence, saved states and a checkpoint
  /// between.
  /// - Returns: how many entries were acknowledged.
  private func work(_ journal: Journal) throws -> Int {
    var acknowledged = 0
    for batch in 0..<8 {
      let entries = (0...(batch % 3)).map { sampleEntry(batch * 10 + $0, bodyBytes: 3_000) }
      acknowledged = try journal.append(entries).last ?? acknowledged
      try journal.saveEvidence(
        [UInt8](repeating: 1, count: 500), key: "k\(batch)", time: entries[0].time)
      if batch % 3 == 1 { try journal.saveState(sampleSaved(journal, key)) }
      if batch == 4 { try journal.checkpoint() }
    }
    return acknowledged
  }

  /// Batches end at these sequences; an action that is not whole would end between.
  private static let batchEnds: Set<Int> = [0, 1, 3, 6, 7, 9, 12, 13, 15]

  @Test(arguments: [CFAULT_IO, CFAULT_FULL])
  func everyFailingCallLeavesActionsWholeOrAbsent(_ error: cfault_error) throws {
    let callCount = try callsOfACleanRun()
    #expect(callCount > 60)
    // One more than there are, the last run being a clean one.
    for call in 1...(callCount + 1) {
      let state = try TemporaryState()
      let lock = try state.directory.acquireLock()
      cfault_reset()
      cfault_fail(call, 1, error)
      var acknowledged = 0
      do {
        let journal = try Journal(lock, vfs: faults)
        do {
          _ = try work(journal)
        } catch let failure as StorageError {
          #expect([.full, .inputOutput, .database].contains(failure.code), "\(failure)")
        }
        acknowledged = journal.head.sequence
        // The fault has gone: the same connection works again.
        cfault_fail(0, 0, error)
        try journal.append([sampleEntry(1_000)])
        #expect(journal.head.sequence == acknowledged + 1)
        #expect(try journal.reader.verify().fault == nil)
        try journal.saveState(sampleSaved(journal, key))
      } catch is StorageError {
        // It failed at the opening; the next one is clean.
        cfault_fail(0, 0, error)
      }
      let journal = try Journal(lock, vfs: faults)
      let check = try journal.reader.verify()
      #expect(check.fault == nil, "call \(call)")
      #expect(check.count == 0 || FaultTests.batchEnds.contains(check.count - 1), "call \(call)")
      #expect(check.count >= acknowledged)
      for sequence in try checkSavedStates(journal.reader, key) {
        #expect(sequence <= check.count)
      }
    }
  }

  /// How many changing calls the work makes without faults.
  private func callsOfACleanRun() throws -> Int64 {
    let state = try TemporaryState()
    cfault_reset()
    #expect(try work(try state.journal(vfs: faults)) == 15)
    return cfault_calls()
  }

  @Test func aFullDiskIsSaidAndHeals() throws {
    let state = try TemporaryState()
    let journal = try state.journal(vfs: faults)
    try journal.append([sampleEntry(1)])
    let head = journal.head
    cfault_fail(1, .max, CFAULT_FULL)
    for _ in 0..<20 {
      let error = storageError { try journal.append([sampleEntry(2)]) }
      #expect(error?.code == .full && error?.exitCode == .system)
      #expect(error?.message.contains("free some space") == true)
    }
    #expect(journal.head == head)
    #expect(try journal.reader.records(after: 0, limit: 5).count == 1)
    cfault_fail(0, 0, CFAULT_FULL)
    #expect(try journal.append([sampleEntry(3)]) == [2])
    #expect(try journal.reader.verify().fault == nil)
  }
}
