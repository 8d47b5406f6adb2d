import Control
import Core
import Storage
import Synchronization

/// Where states are saved, until the node gives its directory up.
final class StateSink: Sendable {
  private struct Holder {
    // The node has it: a thread that saves must not keep the directory's lock after the node.
    weak var journal: Journal?
  }
  private let holder: Mutex<Holder>

  init(_ journal: Journal) { holder = Mutex(Holder(journal: journal)) }

  /// Saves one; does nothing once it is closed.
  func save(_ state: SavedState) throws(StorageError) {
    try holder.withLock { (holder) throws(StorageError) in
      try holder.journal?.saveState(state)
    }
  }

  /// Ends saving; on return none is under way.
  func close() { holder.withLock { $0.journal = nil } }
}

/// Folds the journal on, beside the node and by the journal's own rows, and saves what it comes to.
struct StateSaver {
  private let reader: JournalReader
  private let sink: StateSink
  private let program: String
  private var fold: JournalFold
  /// The last row whose state was saved.
  private(set) var savedSequence: Int
  /// Whether a row cannot be read: then no state after it is one to go on from.
  private(set) var isStopped = false

  init(
    _ reader: JournalReader, to sink: StateSink, from fold: JournalFold, savedSequence: Int,
    program: String = ProgramIdentity.current
  ) {
    self.reader = reader
    self.sink = sink
    self.fold = fold
    self.savedSequence = savedSequence
    self.program = program
  }

  /// Saves the state after `head`, whose chain was checked.
  /// - Throws: a ``Failure``; then the next start replays more.
  mutating func save(at head: JournalHead, key: SigningKey) throws {
    guard !isStopped, head.sequence > savedSequence else { return }
    var cursor = reader.cursor(after: fold.sequence)
    while fold.sequence < head.sequence, let (sequence, record) = try cursor.nextResult() {
      guard let event = try? Recovery.event(of: record.get()), sequence == fold.sequence + 1 else {
        isStopped = true
        return
      }
      fold.take(event, at: sequence)
    }
    guard fold.sequence == head.sequence else { return }
    let body = try CanonicalJSON.encode(fold)
    try sink.save(
      SavedState(head, of: reader.beginning, program: program, body: body, key: key))
    savedSequence = head.sequence
  }
}
