import Core
import Glibc
import Synchronization

/// What all workers of a run share.
struct BatchJob: Sendable {
  let model: any BatchModel
  let options: BatchOptions
  let input: RowInput
  let rowLayout: RowLayout
  let answerLayout: AnswerLayout
  /// Rows that the model is given at once.
  let rowsPerBatch: Int
}

/// Reads chunks on one thread, answers them on several, and gives the answers away in the input's
/// order on the caller's.
///
/// A ring of slots goes round: the reader fills the next free one, the next idle worker takes it,
/// the caller waits for the oldest. There are never more chunks than slots.
///
/// `@unchecked Sendable`: counters and states are used under `lock` only; the rest of a slot is
/// used by the one thread that its state names.
final class ChunkPipeline: @unchecked Sendable {
  /// A chunk on its way.
  final class Slot {
    enum State { case free, filled, working, handedOver, done }
    fileprivate(set) var state = State.free
    let chunk = Chunk()
    let answers = ByteBuffer(capacity: 256 * 1_024)
    fileprivate(set) var result = ChunkResult()
  }

  /// How the reading ended.
  enum Ending {
    case complete, stopped, tooLong
    case failed(any Error)
  }

  private let job: BatchJob
  private let slots: [Slot]
  private let lock: UnsafeMutablePointer<pthread_mutex_t>
  private let changed: UnsafeMutablePointer<pthread_cond_t>
  private let isCancelled = Atomic<Bool>(false)
  private var filled = 0
  private var taken = 0
  private var written = 0
  private var ending: Ending?
  private var workerFailure: (any Error)?

  init(_ job: BatchJob, threads: Int) {
    self.job = job
    slots = (0..<(threads + 2)).map { _ in Slot() }
    lock = .allocate(capacity: 1)
    changed = .allocate(capacity: 1)
    pthread_mutex_init(lock, nil)
    pthread_cond_init(changed, nil)
  }

  deinit {
    pthread_mutex_destroy(lock)
    pthread_cond_destroy(changed)
    lock.deallocate()
    changed.deallocate()
  }

  /// Runs to the input's end.
  ///
  /// - Parameters:
  ///   - source: stands at the first record; only the reading thread uses it until this returns.
  ///   - shouldStop: says that no more is to be read; what was read is still answered.
  ///   - take: takes the answers of a slot; the flag says whether the slot's chunk is at its end.
  /// - Throws: what `take` throws, a worker that cannot begin, or ``NodeError`` when the system
  ///   gives no thread.
  func run(
    _ source: ByteSource, threads: Int, shouldStop: @escaping @Sendable () -> Bool,
    take: (Slot, Bool) throws -> Void
  ) throws -> Ending {
    var running: [ServiceThread] = []
    defer {
      cancel()
      for thread in running { thread.stop() }
    }
    let reading = Reading(source: source, shouldStop: shouldStop)
    running.append(try ServiceThread("predict-read") { _ in self.read(reading) })
    for _ in 0..<threads {
      running.append(try ServiceThread("predict-answer") { _ in self.work() })
    }
    while let (slot, isLast) = try oldest() {
      try take(slot, isLast)
      locked {
        slot.state = isLast ? .free : .working
        if isLast { written += 1 }
      }
    }
    return locked { ending ?? .stopped }
  }

  /// What the reading thread takes over.
  ///
  /// `@unchecked Sendable`: made by the caller, who waits for the thread before using it again.
  private final class Reading: @unchecked Sendable {
    let source: ByteSource
    let shouldStop: @Sendable () -> Bool
    init(source: ByteSource, shouldStop: @escaping @Sendable () -> Bool) {
      self.source = source
      self.shouldStop = shouldStop
    }
  }

  // MARK: Threads

  private func read(_ reading: Reading) {
    let reader = ChunkReader(reading.source, job.input) {
      self.isCancelled.load(ordering: .relaxed) || reading.shouldStop()
    }
    while let slot = waitFor({ filled - written < slots.count }, { slots[filled % slots.count] }) {
      do throws(NodeError) {
        let found = try reader.next(slot.chunk)
        if found == .records {
          locked {
            slot.state = .filled
            filled += 1
          }
          continue
        }
        locked { ending = found == .end ? .complete : found == .stopped ? .stopped : .tooLong }
      } catch {
        locked { ending = .failed(error) }
      }
      return
    }
  }

  private func work() {
    let worker: ChunkWorker
    do {
      worker = try ChunkWorker(job)
    } catch {
      locked { workerFailure = error }
      return
    }
    while let slot = waitFor(
      { taken < filled || ending != nil },
      { () -> Slot? in
        guard taken < filled else { return nil }
        let slot = slots[taken % slots.count]
        slot.state = .working
        taken += 1
        return slot
      })
    {
      let result = worker.process(slot.chunk.bytes, to: slot.answers) { soFar in
        handOver(slot, soFar)
      }
      locked {
        slot.result = result
        slot.state = .done
      }
    }
  }

  /// Waits until the caller has taken what a slot has so far.
  private func handOver(_ slot: Slot, _ soFar: ChunkResult) {
    locked {
      slot.result = soFar
      slot.state = .handedOver
    }
    _ = waitFor({ slot.state == .working }, { slot as Slot? })
  }

  /// Waits for the oldest chunk's answers; nil when there are no more.
  private func oldest() throws -> (Slot, isLast: Bool)? {
    let found: (Slot, Bool)? = waitFor(
      {
        let slot = slots[written % slots.count]
        let isThere = written < filled && (slot.state == .done || slot.state == .handedOver)
        return isThere || workerFailure != nil || (ending != nil && written == filled)
      },
      {
        guard workerFailure == nil, written < filled else { return nil }
        let slot = slots[written % slots.count]
        return (slot, slot.state == .done)
      })
    if let failure = locked({ workerFailure }) { throw failure }
    return found
  }

  // MARK: Waiting

  private func cancel() {
    isCancelled.store(true, ordering: .relaxed)
    locked {}
  }

  /// Runs `body` alone, then wakes everybody who waits.
  @discardableResult
  private func locked<Result>(_ body: () -> Result) -> Result {
    pthread_mutex_lock(lock)
    let result = body()
    pthread_cond_broadcast(changed)
    pthread_mutex_unlock(lock)
    return result
  }

  /// Waits until `condition` holds, then runs `body`, both alone; nil when the run was cancelled.
  private func waitFor<Result>(_ condition: () -> Bool, _ body: () -> Result?) -> Result? {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    while !isCancelled.load(ordering: .relaxed) {
      if condition() { return body() }
      pthread_cond_wait(changed, lock)
    }
    return nil
  }
}
