import Control
import Core
import Storage
import Synchronization

@testable import Node

/// A journal on a disk that is full whenever the test says so.
final class FaultyLog: DurableLog {
  private let journal: Journal
  private let full = Atomic<Bool>(false)
  /// Runs while something is written.
  let meanwhile = Mutex<(@Sendable () -> Void)?>(nil)

  init(_ journal: Journal) { self.journal = journal }

  var isFull: Bool {
    get { full.load(ordering: .acquiring) }
    set { full.store(newValue, ordering: .releasing) }
  }

  private func check() throws(StorageError) {
    if isFull { throw StorageError(.full, "cannot write the journal: no space is left") }
  }

  func append(_ entries: [JournalEntry]) throws(StorageError) -> [Int] {
    meanwhile.withLock { $0 }?()
    try check()
    return try journal.append(entries)
  }

  func saveEvidence(_ body: [UInt8], key: String, time: Timestamp) throws(StorageError) {
    try check()
    try journal.saveEvidence(body, key: key, time: time)
  }

  func deleteEvidence(_ key: String) throws(StorageError) {
    try check()
    try journal.deleteEvidence(key)
  }
}
