import Core
import Glibc
import Storage
import Synchronization

/// Signs where the journal stands, again and again, into the state directory and to a place that a
/// person named outside of it.
///
/// It works on a thread of its own and reads the journal on a connection of its own: a slow or full
/// disk, or a mount that hangs, delays no request and no change.
final class CheckpointKeeper: Sendable {
  /// Events after which a new one is due.
  static let eventsBetween = 1_000
  /// Time after which a new one is due when there is any new event.
  static let timeBetween = TimeSpan.minutes(10)
  /// The environment's name of a file or folder elsewhere.
  static let variable = "SLUICE_CHECKPOINTS"
  /// Between two looks.
  private static let lookMicroseconds: UInt32 = 200_000
  /// How long a stop waits for a place that may hang.
  private static let stopPatienceMilliseconds = 3_000

  private let book: Mutex<CheckpointBook>
  private let isStopping = Atomic<Bool>(false)
  private let isDone = Atomic<Bool>(false)
  private let thread = Mutex<ServiceThread?>(nil)

  /// Begins to keep checkpoints and saved states of the state's journal.
  /// - Parameters:
  ///   - unchecked: up to where the chain was not checked at the start; it is checked first.
  ///   - damaged: gets a sentence when the chain turns out to be broken.
  ///   - report: gets a sentence when a checkpoint could not be written, and nil when it could
  ///     again.
  /// - Throws: ``NodeError`` when the system gives no thread.
  init(
    _ book: CheckpointBook, unchecked: JournalHead? = nil,
    damaged: @escaping @Sendable (String) -> Void = { _ in },
    report: @escaping @Sendable (String?) -> Void
  ) throws(NodeError) {
    self.book = Mutex(book)
    let started = try ServiceThread("checkpoints") { [self] _ in
      let fault = self.book.withLock {
        $0.check(unchecked, isCancelled: { isStopping.load(ordering: .acquiring) })
      }
      if let fault { damaged(fault) }
      while !isStopping.load(ordering: .acquiring) {
        look(isLast: false, report)
        usleep(CheckpointKeeper.lookMicroseconds)
      }
      look(isLast: true, report)
      isDone.store(true, ordering: .releasing)
    }
    thread.withLock { $0 = started }
  }

  private func look(isLast: Bool, _ report: (String?) -> Void) {
    let monotonic = TimeSpan(
      microseconds: Int64(SystemClock.monotonicNanoseconds() / 1_000))
    let result = book.withLock {
      $0.look(now: SystemClock.now(), monotonic: monotonic, isLast: isLast)
    }
    if let result { report(result.fault) }
  }

  /// Writes a last checkpoint when there is something new, and ends; gives up on a place that
  /// hangs.
  func stop() {
    isStopping.store(true, ordering: .releasing)
    for _ in 0..<CheckpointKeeper.stopPatienceMilliseconds {
      if isDone.load(ordering: .acquiring) { break }
      usleep(1_000)
    }
    guard isDone.load(ordering: .acquiring) else { return }
    let running = thread.withLock { thread in
      defer { thread = nil }
      return thread
    }
    running?.wait()
  }
}

/// What was signed last, and where the next one goes.
struct CheckpointBook {
  /// What an attempt came to.
  struct Attempt {
    /// Why it failed, nil when it did not.
    let fault: String?
  }

  private let directory: StateDirectory
  private let reader: JournalReader
  /// A file or folder elsewhere, nil when none is named.
  private let outside: String?
  /// Up to here the chain was checked.
  private var checked: JournalHead?
  private var signedSequence: Int
  private var signedAt: TimeSpan?
  private var failedAt: TimeSpan?
  private var saver: StateSaver?

  /// After a failure, so long until the next attempt.
  private static let retry = TimeSpan.seconds(30)

  /// Goes on after the last checkpoint in the state directory.
  /// - Parameter saver: saves the state with each checkpoint; nil saves none.
  init(
    _ directory: StateDirectory, reader: JournalReader, outside: String?, saver: StateSaver? = nil
  ) {
    self.saver = saver
    self.directory = directory
    self.reader = reader
    self.outside = outside
    let known = try? CheckpointFile(directory.checkpointsPath, mayBeMissing: true)
    let last = known?.lines.last.flatMap { try? $0.content.get() }
    signedSequence = last?.beginning == reader.beginning ? last?.sequence ?? 0 : 0
  }

  /// Checks the chain up to a head that was believed at the start.
  /// - Returns: what is wrong with it; nil when it holds, or when it was cancelled.
  mutating func check(_ head: JournalHead?, isCancelled: () -> Bool) -> String? {
    guard let head else { return nil }
    do {
      let check = try reader.verify(until: head.sequence, isCancelled: isCancelled)
      if check.fault == nil, check.head.sequence < head.sequence { return nil }
      if check.fault == nil, check.head == head {
        checked = head
        return nil
      }
      saver = nil
      return check.fault ?? "row \(head.sequence) is not the one that a saved state was made after"
    } catch {
      saver = nil
      return error.message
    }
  }

  /// Events after the last saved state; 0 when none is to be saved.
  private func unsaved(_ head: JournalHead) -> Int {
    guard let saver, !saver.isStopped else { return 0 }
    return head.sequence - saver.savedSequence
  }

  /// Signs when it is time to.
  /// - Returns: nil when nothing was due.
  mutating func look(now: Timestamp, monotonic: TimeSpan, isLast: Bool) -> Attempt? {
    do {
      let head = try reader.head()
      let since = signedAt ?? monotonic
      if signedAt == nil { signedAt = monotonic }
      let count = head.sequence - signedSequence
      let isDue =
        isLast
        ? count > 0
        : max(count, unsaved(head)) >= CheckpointKeeper.eventsBetween
          || count > 0 && monotonic - since >= CheckpointKeeper.timeBetween
      guard isDue else { return nil }
      if !isLast, let failedAt, monotonic - failedAt < CheckpointBook.retry { return nil }
      failedAt = monotonic
      try sign(now)
      signedAt = monotonic
      failedAt = nil
      return Attempt(fault: nil)
    } catch {
      return Attempt(fault: NodeError(describing: error).message)
    }
  }

  /// Signs the chain's end; never one that does not follow from what was checked before.
  private mutating func sign(_ now: Timestamp) throws {
    let check = try reader.verify(after: checked)
    if let fault = check.fault {
      throw NodeError(.system, "the journal is damaged (\(fault)): no checkpoint was signed")
    }
    let key = try SigningKey(of: directory)
    // Before a place elsewhere, which may hang. One that cannot be saved costs time at the next
    // start, and is no trouble of the checkpoints.
    try? saver?.save(at: check.head, key: key)
    guard check.head.sequence > signedSequence else { return }
    let checkpoint = Checkpoint(check.head, of: reader.beginning, time: now, key: key)
    try CheckpointFile.append(checkpoint, to: directory.checkpointsPath)
    checked = check.head
    if let outside {
      try CheckpointFile.append(
        checkpoint, to: CheckpointFile.path(in: outside, journal: reader.beginning))
    }
    signedSequence = check.head.sequence
  }
}
