import Control
import Core
import Serving
import Synchronization

/// The runs that go on in this process, and what the triggers remember.
final class Retrainer: Sendable {
  /// Runs that may go on at a time; one an endpoint.
  static let runsMax = 2
  /// Between two looks at the triggers.
  static let lookNanoseconds: UInt64 = 10_000_000_000

  /// One run's place.
  final class Slot: Sendable {
    let policy: Name
    let endpoint: Name
    private let stageNow = Mutex("beginning")
    private let stopReason = Mutex<String?>(nil)
    private let hasStop = Atomic<Bool>(false)
    private let done = Atomic<Bool>(false)
    fileprivate let thread = Mutex<ServiceThread?>(nil)

    fileprivate init(_ policy: Name, _ endpoint: Name) {
      self.policy = policy
      self.endpoint = endpoint
    }

    /// What it does now.
    var stage: String {
      get { stageNow.withLock { $0 } }
      set { stageNow.withLock { $0 = newValue } }
    }
    /// Whether it is to end.
    var shouldStop: Bool { hasStop.load(ordering: .acquiring) }
    /// Who stopped it, in words.
    var stopWords: String { stopReason.withLock { $0 } ?? "stopped" }

    /// Asks it to end; the first reason stays.
    func stop(_ reason: String) {
      stopReason.withLock { $0 = $0 ?? reason }
      hasStop.store(true, ordering: .releasing)
    }

    fileprivate var isDone: Bool { done.load(ordering: .acquiring) }
    fileprivate func end() { done.store(true, ordering: .releasing) }
  }

  private struct Book {
    var slots: [Slot] = []
    var triggers: [Name: RetrainingTriggers] = [:]
    var faults: [Name: String] = [:]
    var lastLook: UInt64?
    var isStopped = false
  }

  private let book = Mutex(Book())

  // MARK: Runs

  /// Takes a place for a run.
  /// - Throws: ``NodeError`` (`refused`) when there is none.
  func reserve(_ policy: Name, endpoint: Name) throws(NodeError) -> Slot {
    reap()
    return try book.withLock { (book) throws(NodeError) in
      guard !book.isStopped else { throw NodeError(.unreachable, "the node is stopping") }
      if let busy = book.slots.first(where: { $0.policy == policy || $0.endpoint == endpoint }) {
        throw NodeError(
          .refused,
          "\(busy.policy) is being run for \(busy.endpoint) already: wait for its end, or stop it "
            + "with \"sluice retrain stop \(busy.policy)\"")
      }
      guard book.slots.count < Retrainer.runsMax else {
        let names = book.slots.map(\.policy.text).joined(separator: " and ")
        throw NodeError(
          .refused, "\(names) are being run, and a node runs \(Retrainer.runsMax) at a time")
      }
      let slot = Slot(policy, endpoint)
      book.slots.append(slot)
      return slot
    }
  }

  /// Runs `body` on a thread of its own; the place is given back at its end.
  /// - Throws: ``NodeError`` when the system gives no thread; the place is given back.
  func start(_ slot: Slot, _ body: @escaping @Sendable (Slot) -> Void) throws(NodeError) {
    do throws(NodeError) {
      let thread = try ServiceThread("retrain") { _ in
        body(slot)
        slot.end()
      }
      slot.thread.withLock { $0 = thread }
    } catch {
      release(slot)
      throw error
    }
  }

  /// Gives a place back whose run did not begin.
  func release(_ slot: Slot) {
    slot.end()
    reap()
  }

  /// Joins the threads of runs that have ended.
  private func reap() {
    let ended = book.withLock { book -> [Slot] in
      let ended = book.slots.filter(\.isDone)
      book.slots.removeAll(where: \.isDone)
      return ended
    }
    for slot in ended { slot.thread.withLock { $0 }?.wait() }
  }

  /// The run of a policy that goes on here.
  func slot(of policy: Name) -> Slot? {
    book.withLock { $0.slots.first { $0.policy == policy && !$0.isDone } }
  }

  /// Ends all runs and waits until they have.
  func stop() {
    let slots = book.withLock { book in
      book.isStopped = true
      return book.slots
    }
    for slot in slots { slot.stop("the node stopped") }
    for slot in slots { slot.thread.withLock { $0 }?.wait() }
  }

  // MARK: Triggers

  /// Whether the triggers are to be looked at now.
  func isTimeToLook(monotonic: UInt64) -> Bool {
    book.withLock { book in
      if let last = book.lastLook, monotonic - last < Retrainer.lookNanoseconds { return false }
      book.lastLook = monotonic
      return true
    }
  }

  /// Looks at a policy's triggers.
  func look(
    _ policy: RetrainingPolicy, _ figures: RetrainingFigures, _ state: RetrainingState?,
    isOccupied: Bool, now: Timestamp
  ) -> RetrainingTriggers.Begin? {
    book.withLock { book in
      book.triggers[policy.name, default: RetrainingTriggers()].look(
        policy, figures, state, isOccupied: isOccupied, now: now)
    }
  }

  /// What the triggers of a policy remember.
  func triggers(of policy: Name) -> RetrainingTriggers? {
    book.withLock { $0.triggers[policy] }
  }

  /// Why a trigger could not begin its run.
  func fault(of policy: Name) -> String? { book.withLock { $0.faults[policy] } }

  /// Notes that, or with nil that all is well.
  func note(_ fault: String?, of policy: Name) { book.withLock { $0.faults[policy] = fault } }
}
