import CFaultVFS
import CSQLite
import Core
import Glibc
import Testing

@testable import Storage

extension FaultTests {
  /// A machine that loses power at any moment, and a disk that fills up at any moment.
  @Suite struct Losses {
    private let faults = String(cString: cfault_name)
    private let key = SigningKey(seed: [UInt8](repeating: 3, count: 32))
    /// Power losses in one run of a test; `SLUICE_POWER_LOSSES` sets another count.
    private static let losses = repetitions("SLUICE_POWER_LOSSES", 150)
    /// Moments at which the disk fills up; `SLUICE_FILL_LEVELS` sets another count.
    private static let fillLevels = repetitions("SLUICE_FILL_LEVELS", 50)
    /// The changing calls among which those moments are spread.
    private static let fillCalls = 500

    /// `SQLITE_IOERR_FSYNC`.
    private static let flushFailed: Int32 = SQLITE_IOERR | 4 << 8

    init() {
      #expect(cfault_register() == SQLITE_OK)
      cfault_reset()
    }

    /// What a machine leaves that loses power in the middle of the work.
    private func loss(
      after calls: Int64, seed: UInt64, _ durability: SQLiteConnection.Durability
    ) throws -> (kept: Int, acknowledged: Int, saved: Int) {
      let state = try TemporaryState()
      let after = try TemporaryState()
      cfault_reset()
      var acknowledged = 0
      do {
        let journal = try Journal(
          state.directory.acquireLock(), vfs: faults, durability: durability)
        // Nothing is written from the call on at which the power goes.
        cfault_fail(calls, .max, CFAULT_IO)
        for batch in 0..<30 {
          let entries = (0...(batch % 3)).map { sampleEntry(batch * 10 + $0, bodyBytes: 1_500) }
          guard let last = try? journal.append(entries).last else { break }
          acknowledged = last
          try? journal.saveEvidence([1, 2, 3], key: "k", time: entries[0].time)
          if batch % 4 == 3 { try? journal.saveState(sampleSaved(journal, key, bodyBytes: 9_000)) }
          if batch % 10 == 9 { try? journal.checkpoint() }
        }
        for suffix in ["", "-wal"] {
          let path = state.directory.databasePath + suffix
          #expect(cfault_power_loss(path, after.directory.databasePath + suffix, seed) == 0)
        }
      }
      let journal = try after.journal()
      #expect(try journal.reader.verify().fault == nil, "calls \(calls), seed \(seed)")
      // Those that are there are right; a lost one only costs time.
      let saved = try checkSavedStates(journal.reader, key)
      #expect(saved.allSatisfy { $0 <= journal.head.sequence }, "calls \(calls), seed \(seed)")
      return (journal.head.sequence, acknowledged, saved.count)
    }

    @Test func aPowerLossKeepsEveryAcknowledgedEntry() throws {
      var random = SplitMix64(seed: 77)
      var withWork = 0
      var withSaved = 0
      for seed in 0..<Losses.losses {
        let result = try loss(
          after: Int64(random.next() % 150) + 1, seed: UInt64(seed), .onCommit)
        #expect(result.kept >= result.acknowledged, "seed \(seed)")
        withWork += result.acknowledged > 0 ? 1 : 0
        withSaved += result.saved > 0 ? 1 : 0
      }
      #expect(withWork > Losses.losses / 2 && withSaved > Losses.losses / 4)
    }

    /// The negative control: with `synchronous=NORMAL` the same losses do take acknowledged
    /// entries, or the test above proves nothing.
    @Test func aPowerLossTakesEntriesThatAreNotFlushed() throws {
      var random = SplitMix64(seed: 77)
      var lost = 0
      let count = max(40, Losses.losses / 10)
      for seed in 0..<count {
        let result = try loss(after: Int64(random.next() % 150) + 1, seed: UInt64(seed), .later)
        if result.kept < result.acknowledged { lost += 1 }
      }
      #expect(lost > count / 4, "\(lost) of \(count) lost something")
    }

    /// The disk fills up at a call and stays full; then there is space again.
    @Test func aDiskThatFillsUpAnywhereLosesNothing() throws {
      for level in 1...Losses.fillLevels {
        let state = try TemporaryState()
        cfault_reset()
        let journal = try state.journal(vfs: faults)
        try journal.append([sampleEntry(0)])
        let call = max(1, level * Losses.fillCalls / Losses.fillLevels)
        cfault_fail(Int64(call), .max, CFAULT_FULL)
        var acknowledged = 1
        var refusals = 0
        for batch in 0..<1_000 where refusals < 3 {
          do throws(StorageError) {
            acknowledged =
              try journal.append([sampleEntry(batch, bodyBytes: 2_000)]).last ?? acknowledged
          } catch {
            // A flush that fails for lack of space has no code of its own in SQLite.
            let isFlush = refusals == 0 && error.detail == Losses.flushFailed
            #expect(error.code == .full || isFlush, "\(error) \(error.detail)")
            refusals += 1
          }
          if batch % 40 == 39 { try? journal.checkpoint() }
          if batch % 15 == 14 { try? journal.saveState(sampleSaved(journal, key)) }
        }
        #expect(refusals == 3 && cfault_failures() > 0, "level \(level)")
        #expect(journal.head.sequence == acknowledged)
        #expect(try journal.reader.head() == journal.head)
        cfault_fail(0, 0, CFAULT_FULL)
        #expect(try journal.append([sampleEntry(9_999)]) == [acknowledged + 1])
        #expect(try journal.reader.verify().count == acknowledged + 1, "level \(level)")
        try journal.saveState(sampleSaved(journal, key))
        #expect(try checkSavedStates(journal.reader, key).last == acknowledged + 1)
      }
    }
  }
}
