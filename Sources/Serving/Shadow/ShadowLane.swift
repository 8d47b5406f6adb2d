import Core
import Glibc
import Synchronization
import Telemetry

/// One endpoint's shadows: the copies that come in, the thread that answers them, the results that
/// go out.
///
/// Workers touch nothing of it but the ring that each of them owns; a shadow that hangs or fails
/// keeps no caller waiting and changes no answer, it only makes copies drop.
final class ShadowLane: Sendable {
  /// A version that answers copies.
  struct Arm: Sendable {
    let version: LoadedVersion
    /// Its bit in the fence's closed set.
    let slot: Int
    let tag: UInt16
    let isClone: Bool
  }

  /// What the thread is to do now.
  struct Duty: Sendable {
    let arms: [Arm]
    /// The stable's tag: copies of another's answers are old.
    let primary: UInt16
    let processorPercentMax: Int
  }

  private struct State {
    var duty: Duty?
    var isRunning = false
    var rings: [ShadowRing] = []
    /// Drops of workers that are gone.
    var droppedBefore = 0
    /// Why no thread could be had.
    var fault: String?
  }

  /// Results that wait for the analyst.
  private static let resultsMax = 8_192
  /// Between two looks while no copies come, microseconds.
  private static let idleMicroseconds: UInt32 = 2_000
  /// Copies between two looks at the duty.
  static let batchMax = 32

  private let state = Mutex(State())
  /// Rises with each change of the duty and the rings.
  private let changes = Atomic<Int>(0)
  let gate: FenceGate
  private let schema: RowSchema
  private let results = ValueRing<ShadowRecord>(capacity: ShadowLane.resultsMax)
  private let ownsThread: Bool

  init(_ schema: RowSchema, gate: FenceGate, ownsThread: Bool) {
    self.schema = schema
    self.gate = gate
    self.ownsThread = ownsThread
  }

  /// Changes what is done; nil ends the thread soon, which lets go of its sessions.
  func follow(_ duty: Duty?) {
    state.withLock { state in
      if state.duty == nil, duty == nil { return }
      state.duty = duty
      changes.add(1, ordering: .releasing)
      guard duty != nil, ownsThread, !state.isRunning else { return }
      do throws(ServingError) {
        try ServingThread.detached { [self] in run() }
        state.isRunning = true
        state.fault = nil
      } catch {
        state.fault = error.message
      }
    }
  }

  /// The ring of a new worker.
  func makeRing() -> ShadowRing {
    let ring = ShadowRing(schema)
    state.withLock { $0.rings.append(ring) }
    changes.add(1, ordering: .releasing)
    return ring
  }

  /// Copies dropped since the beginning.
  var dropped: Int {
    state.withLock { $0.droppedBefore + $0.rings.reduce(0) { $0 + $1.dropped } }
  }

  /// Why no copies are answered although they are asked for.
  var fault: String? { state.withLock { $0.fault } }

  /// Hands results to the one analyst.
  func drain(limit: Int, _ body: (ShadowRecord) -> Void) -> Int {
    results.drain(limit: limit, body)
  }

  // MARK: The thread

  /// What it is doing, unless nothing has changed since `known`.
  fileprivate func changed(since known: inout Int) -> (Duty?, [ShadowRing])? {
    let now = changes.load(ordering: .acquiring)
    guard now != known else { return nil }
    known = now
    return state.withLock { ($0.duty, $0.rings) }
  }

  /// Forgets workers that are gone.
  fileprivate func forgetFinished() {
    state.withLock { state in
      for ring in state.rings where ring.isFinished { state.droppedBefore += ring.dropped }
      state.rings.removeAll { $0.isFinished }
    }
  }

  fileprivate func report(_ record: ShadowRecord) -> Bool { results.push(record) }

  private func run() {
    // Of this thread alone, as Linux has it: callers come first.
    _ = nice(19)
    let runner = ShadowRunner(self, RowBuffer(schema))
    while true {
      let begin = MonotonicClock.nanoseconds()
      let done = runner.run(limit: ShadowLane.batchMax)
      if runner.duty == nil, mayEnd() { return }
      if done == 0 {
        usleep(ShadowLane.idleMicroseconds)
      } else {
        rest(after: MonotonicClock.nanoseconds() - begin, runner.duty?.processorPercentMax ?? 50)
      }
    }
  }

  /// Keeps the thread under its share of a processor.
  private func rest(after busyNanoseconds: Int64, _ percent: Int) {
    let pause = busyNanoseconds / 1_000 * Int64(100 - percent) / Int64(percent)
    if pause > 0 { usleep(UInt32(min(pause, 1_000_000))) }
  }

  private func mayEnd() -> Bool {
    state.withLock { state in
      guard state.duty == nil else { return false }
      state.isRunning = false
      return true
    }
  }
}

/// The work of a lane's thread, one batch at a time; used by one thread.
final class ShadowRunner {
  private struct Session {
    let arm: ShadowLane.Arm
    let predictor: (any Predictor)?
    /// Answers so far.
    var answers = 0
    /// Its answer to the present copy; nil when it is closed.
    var answer: Answer?
  }

  private struct Answer {
    let failed: Bool
    let label: TextKey
    let score: Float
    let latencyNanoseconds: UInt64
  }

  private let lane: ShadowLane
  private let row: RowBuffer
  private var known = -1
  private var rings: [ShadowRing] = []
  private var sessions: [Session] = []
  private var order = SplitMix64(seed: 1)
  /// What it does now.
  private(set) var duty: ShadowLane.Duty?

  init(_ lane: ShadowLane, _ row: RowBuffer) {
    self.lane = lane
    self.row = row
  }

  /// Answers at most `limit` copies of each worker.
  /// - Returns: how many there were.
  func run(limit: Int) -> Int {
    if let (duty, rings) = lane.changed(since: &known) {
      self.rings = rings
      follow(duty)
    }
    var done = 0
    for ring in rings {
      done += ring.drain(limit: limit, into: row) { copy in answer(copy, ring) }
    }
    if rings.contains(where: { $0.isFinished }) {
      lane.forgetFinished()
      rings.removeAll { $0.isFinished }
    }
    return done
  }

  /// Sessions of its own: those that are kept warm are for workers.
  private func follow(_ duty: ShadowLane.Duty?) {
    self.duty = duty
    let old = sessions
    sessions = (duty?.arms ?? []).map { arm in
      if let kept = old.first(where: {
        $0.arm.version === arm.version && $0.arm.isClone == arm.isClone
      }) {
        return Session(arm: arm, predictor: kept.predictor, answers: kept.answers)
      }
      return Session(arm: arm, predictor: attached(arm.version))
    }
  }

  /// Nil when there is no session to be had; its copies count as failed, which the guard sees.
  private func attached(_ version: LoadedVersion) -> (any Predictor)? {
    guard let predictor = try? version.makeOwn(), (try? predictor.attach(to: row)) != nil else {
      return nil
    }
    return predictor
  }

  private func answer(_ copy: ShadowCopy, _ ring: ShadowRing) {
    guard let duty, copy.primary == duty.primary, !sessions.isEmpty else { return }
    // Who comes first is drawn for each copy: the others find the row in the cache.
    let first = Int(order.next() % UInt64(sessions.count))
    for step in sessions.indices { ask((first + step) % sessions.count) }
    let end = MonotonicClock.nanoseconds()
    let clone = sessions.last { $0.arm.isClone }
    for session in sessions where !session.arm.isClone {
      guard let own = session.answer else { continue }
      if !lane.report(record(copy, session, own, clone, end)) { ring.countDrop() }
    }
  }

  private func ask(_ index: Int) {
    sessions[index].answer = nil
    guard !lane.gate.isClosed(sessions[index].arm.slot) else { return }
    let begin = MonotonicClock.nanoseconds()
    let prediction = sessions[index].predictor?.predict() ?? .failure
    let end = MonotonicClock.nanoseconds()
    sessions[index].answers += 1
    sessions[index].answer = Answer(
      failed: !prediction.succeeded, label: prediction.label.key, score: prediction.score,
      latencyNanoseconds: UInt64(max(0, end - begin)))
  }

  private func record(
    _ copy: ShadowCopy, _ session: Session, _ own: Answer, _ clone: Session?, _ end: Int64
  ) -> ShadowRecord {
    let cloned = clone?.answer
    let warm = ShadowOrder.warmUpAnswers
    return ShadowRecord(
      requestID: copy.requestID, generation: copy.generation, timeNanoseconds: end,
      primaryLatencyNanoseconds: copy.latencyNanoseconds,
      latencyNanoseconds: own.latencyNanoseconds,
      cloneLatencyNanoseconds: cloned?.latencyNanoseconds ?? 0, primaryLabel: copy.label,
      label: own.label, primaryScore: copy.score, score: own.score, primary: copy.primary,
      version: session.arm.tag, primaryFailed: copy.failed, failed: own.failed,
      hasClone: cloned != nil, cloneFailed: cloned?.failed ?? false,
      cloneDiffers: cloned.map {
        ShadowRecord.differ((copy.label, copy.score), ($0.label, $0.score))
      } ?? false,
      isWarm: session.answers > warm && (clone.map { $0.answers > warm } ?? true))
  }
}
