import Core
import Glibc
import Synchronization

/// A traffic source: recorded rows sent to an endpoint at a set rate, for ever, from a thread of
/// its own, with their true labels coming later.
///
/// It stands where real callers will stand, so it goes the same way: one ``Worker``, one key and
/// one identifier a request. All of its controls may be used from any thread at any time.
public final class Replayer: Sendable {
  /// In which order rows are sent.
  public enum Order: String, Sendable {
    /// Shuffled anew in each loop.
    case steady
    /// By recorded time.
    case season
  }

  /// What a replay is begun with.
  public struct Options: Sendable {
    /// Where shuffles and draws begin.
    public var seed: UInt64
    /// Requests a second, 0.001 to 1,000,000.
    public var requestsPerSecond: Double
    /// How many times faster than recorded labels come, at least 0.001.
    public var labelSpeed: Double
    /// The rows' order.
    public var order: Order
    /// The first request's identifier; the others count up from there.
    public var idBase: UInt64

    /// 500 requests a second, shuffled, labels 60 times as fast as recorded.
    public init(
      seed: UInt64 = 1, requestsPerSecond: Double = 500, labelSpeed: Double = 60,
      order: Order = .steady, idBase: UInt64 = 1
    ) {
      self.seed = seed
      self.requestsPerSecond = requestsPerSecond
      self.labelSpeed = labelSpeed
      self.order = order
      self.idBase = idBase
    }
  }

  /// How far it has come.
  public struct Progress: Sendable, Equatable {
    /// Requests sent.
    public var sent = 0
    /// Full passes over the rows.
    public var loops = 0
    /// Requests given up because the machine stood still for over two seconds.
    public var skipped = 0
    /// Labels delivered.
    public var labels = 0
    /// Labels dropped because too many were on their way.
    public var labelsDropped = 0
    /// Answers that were not given (`failed` or `unavailable`).
    public var unanswered = 0
  }

  private struct Controls {
    var requestsPerSecond: Double
    var labelSpeed: Double
    var isPaused = false
    var progress = Progress()
    var thread: ServingThread?
  }

  private let endpoint: EndpointRuntime
  private let table: TrafficTable
  private let options: Options
  private let labels: LabelQueue
  private let stopping = Atomic<Bool>(false)
  /// Rises with each change of the controls, so that the thread reads them only then.
  private let changes = Atomic<Int>(0)
  private let controls: Mutex<Controls>

  /// The longest sleep, so that controls act soon.
  private static let sleepNanosecondsMax: Int64 = 50_000_000
  /// How often progress is published.
  private static let publishNanoseconds: Int64 = 100_000_000

  /// Prepares a replay; ``start()`` begins it.
  /// - Throws: ``ServingError`` with the code `badTraffic` when the rows are not the endpoint's, or
  ///   have no times for the season's order.
  public init(
    endpoint: EndpointRuntime, table: TrafficTable, labels: LabelQueue,
    options: Options = Options()
  ) throws(ServingError) {
    guard table.schema == endpoint.schema else {
      throw ServingError(
        .badTraffic, "the traffic file's columns are not those of the endpoint \(endpoint.name)")
    }
    if options.order == .season, table.scheduledMinutes.isEmpty {
      throw ServingError(
        .badTraffic,
        "the traffic file has no column \"scheduled_minute\", which the season's order needs")
    }
    self.endpoint = endpoint
    self.table = table
    self.options = options
    self.labels = labels
    controls = Mutex(
      Controls(requestsPerSecond: options.requestsPerSecond, labelSpeed: options.labelSpeed))
  }

  /// Begins to send; does nothing when it has begun.
  /// - Throws: ``ServingError`` with the code `system` when there is no thread to be had.
  public func start() throws(ServingError) {
    let fault = controls.withLock { controls -> ServingError? in
      guard controls.thread == nil else { return nil }
      stopping.store(false, ordering: .releasing)
      do throws(ServingError) {
        // The thread keeps the replayer alive until it is stopped.
        controls.thread = try ServingThread { [self] in run() }
        return nil
      } catch {
        return error
      }
    }
    if let fault { throw fault }
  }

  /// Ends the sending and waits for the thread, at most some 50 ms.
  public func stop() {
    stopping.store(true, ordering: .releasing)
    let thread = controls.withLock { controls in
      defer { controls.thread = nil }
      return controls.thread
    }
    thread?.join()
  }

  /// Holds requests back (labels still come), or goes on.
  public var isPaused: Bool {
    get { controls.withLock { $0.isPaused } }
    set { change { $0.isPaused = newValue } }
  }

  /// Requests a second, 0.001 to 1,000,000.
  public var requestsPerSecond: Double {
    get { controls.withLock { $0.requestsPerSecond } }
    set { change { $0.requestsPerSecond = newValue } }
  }

  /// How many times faster than recorded labels come.
  public var labelSpeed: Double {
    get { controls.withLock { $0.labelSpeed } }
    set { change { $0.labelSpeed = max(0.001, newValue) } }
  }

  /// How far it has come, at most a tenth of a second ago.
  public var progress: Progress { controls.withLock { $0.progress } }

  private func change(_ body: (inout Controls) -> Void) {
    controls.withLock { body(&$0) }
    changes.add(1, ordering: .releasing)
  }

  private func run() {
    let target = WorkerTarget(
      worker: endpoint.makeWorker(seed: options.seed), table: table, labels: labels)
    let kind: ReplayOrder.Kind =
      options.order == .season ? .byTime(table.scheduledMinutes) : .shuffled
    var engine = ReplayEngine(
      table: table, order: ReplayOrder(rowCount: table.rowCount, kind: kind, seed: options.seed),
      start: MonotonicClock.nanoseconds(), requestsPerSecond: options.requestsPerSecond,
      labelSpeed: max(0.001, options.labelSpeed), idBase: options.idBase)
    var seenChanges = -1
    var isPaused = false
    var publishAt: Int64 = 0
    while !stopping.load(ordering: .acquiring) {
      let now = MonotonicClock.nanoseconds()
      let newest = changes.load(ordering: .acquiring)
      if newest != seenChanges {
        seenChanges = newest
        let wanted = controls.withLock { ($0.requestsPerSecond, $0.labelSpeed, $0.isPaused) }
        if isPaused, !wanted.2 { engine.resume(now: now) }
        isPaused = wanted.2
        engine.setRate(wanted.0, now: now)
        engine.labelSpeed = wanted.1
      }
      let due = engine.step(now: now, isPaused: isPaused, target: target)
      if now >= publishAt {
        publish(engine, target)
        publishAt = now + Replayer.publishNanoseconds
        target.worker.catchUp()
      }
      if due > now { MonotonicClock.sleep(until: min(due, now + Replayer.sleepNanosecondsMax)) }
    }
    publish(engine, target)
  }

  private func publish(_ engine: ReplayEngine, _ target: WorkerTarget) {
    controls.withLock { controls in
      controls.progress = Progress(
        sent: engine.sent, loops: engine.loop, skipped: engine.skipped, labels: engine.labelled,
        labelsDropped: engine.labelsDropped, unanswered: target.unanswered)
    }
  }
}

/// Sends a replay's rows through a worker.
private final class WorkerTarget: ReplayTarget {
  let worker: Worker
  private let table: TrafficTable
  private let labels: LabelQueue
  private(set) var unanswered = 0

  init(worker: Worker, table: TrafficTable, labels: LabelQueue) {
    self.worker = worker
    self.table = table
    self.labels = labels
  }

  func send(
    row: Int, key: UnsafePointer<UInt8>, keyCount: Int, requestID: UInt64, intended: Int64
  ) {
    table.copy(row: row, to: worker.row)
    let answer = worker.predict(
      Request(key: key, keyCount: keyCount, id: requestID, intendedNanoseconds: intended))
    if answer.outcome == .failed || answer.outcome == .unavailable { unanswered += 1 }
  }

  func label(requestID: UInt64, label: Int64, now: Int64) {
    labels.add(LabelArrival(requestID: requestID, label: label, timeNanoseconds: now))
  }
}
