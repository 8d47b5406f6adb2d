import Control
import Core
import Gateway
import Glibc
import Serving
import Storage
import Synchronization

/// One running process of Sluice: it holds the lock on a state directory, serves its endpoints,
/// judges their rollouts and answers a ``NodeClient``.
public final class Node: NodeClient, Sendable {
  /// How it was opened.
  public let options: NodeOptions

  let directory: StateDirectory
  let lock: DirectoryLock
  let artifacts: ArtifactStore
  let tombstones: Tombstones
  let people: People
  let journal: Journal
  /// How saved states are told that may be believed.
  let savedStates: SavedStates
  let core: ControlCore
  let shelf: ModelShelf
  let analyst: Analyst
  let recorder: Recorder
  let plane: DataPlane
  let prober: Prober
  let library: Library
  let retrainer = Retrainer()
  let started = SystemClock.now()

  /// When the state was last written before this node opened it; nil once rollouts that nobody
  /// watched since are held.
  private let lastWritten: Mutex<Timestamp?>
  /// When the guard tries a forward move again that the journal did not take, monotonic
  /// nanoseconds.
  let guardRetries = Mutex<[Name: UInt64]>([:])

  /// What the recovery leaves to the thread that saves states; nil once it has it.
  private let recovered: Mutex<Recovered?>
  private let sink: StateSink
  private let running = Mutex(Running())
  private let serving = Atomic<Bool>(false)

  /// What is stopped when the node stops.
  private struct Running {
    var guardThread: ServiceThread?
    var probeThread: ServiceThread?
    var checkpoints: CheckpointKeeper?
    var server: ControlSocketServer?
    /// The one for operators who are other users.
    var sharedServer: ControlSocketServer?
    var replay: ReplaySource?
    var isStopped = false
    var stopRequested = false
    var processor = ProcessorMeter()
  }

  /// When a console in this process looked first and last.
  let looks = Mutex<(first: Timestamp, last: Timestamp)?>(nil)
  /// The control socket's peers.
  var peers: [ControlSocketServer.Peer] {
    running.withLock { ($0.server?.peers ?? []) + ($0.sharedServer?.peers ?? []) }
  }

  /// Opens the state, recovers it, and (when `options.serves`) begins to serve.
  /// - Throws: a ``Failure`` that names what is wrong with the directory, the lock or the journal.
  public static func open(_ options: NodeOptions) throws -> Node {
    let node = try openState(options)
    try node.begin()
    return node
  }

  /// Opens and recovers the state only: what can be refused is refused here, within milliseconds.
  /// - Throws: as ``open(_:)``.
  public static func openState(_ options: NodeOptions) throws -> Node {
    try openState(options, log: { $0 })
  }

  /// Opens it with another log in the journal's place, for tests of a disk that fails.
  static func openState(
    _ options: NodeOptions, log: (Journal) -> any DurableLog
  ) throws -> Node {
    let node = try Node(options, log: log)
    try node.obeyTombstones()
    return node
  }

  /// Loads versions, serves and listens, as the options say.
  /// - Throws: a ``Failure`` when the system gives no thread or no socket.
  public func begin() throws {
    removeForgottenArtifacts()
    if options.serves {
      holdAfterAbsence()
      try beginServing()
    }
    if options.listens { try listen() }
  }

  private init(_ options: NodeOptions, log: (Journal) -> any DurableLog) throws {
    self.options = options
    directory = try StateDirectory(options.stateDirectory, create: true)
    lock = try directory.acquireLock()
    lastWritten = Mutex(directory.lastWritten)
    artifacts = ArtifactStore(directory)
    journal = try Journal(lock, program: Product.version)
    sink = StateSink(journal)
    tombstones = try Tombstones(lock)
    people = try People(lock)
    savedStates = SavedStates(
      of: journal.reader, key: (try? SigningKey(of: directory))?.publicKey)
    // A node that stays checks the chain's old part beside its work.
    let recovered = try Recovery.replay(
      journal, saved: savedStates, people: people, checksAll: !options.serves)
    self.recovered = Mutex(recovered)
    core = ControlCore(
      recovered, journal: log(journal), reader: journal.reader, tombstones: tombstones,
      people: people)
    shelf = ModelShelf(artifacts: artifacts)
    recorder = Recorder(directory)
    analyst = Analyst(shelf: shelf, serves: options.serves, recorder: recorder)
    plane = DataPlane(shelf: shelf, analyst: analyst)
    prober = Prober(shelf: shelf)
    library = try Library(
      directories: [directory.path] + options.libraryDirectories)
  }

  // MARK: Starting and stopping

  /// Does what tombstones ask for and the journal does not know yet.
  func obeyTombstones() throws {
    let pending = try tombstones.pending()
    guard !pending.isEmpty else { return }
    for tombstone in Recovery.inOrder(pending)
    where !Recovery.isDone(tombstone, in: core.state) {
      try obey(tombstone)
    }
    // One that cannot be cleared changes nothing at the next start, and must not prevent this one.
    if core.durable { try? tombstones.clear(Set(pending.map(\.sequence))) }
  }

  /// One that cannot be obeyed, because nothing is left to go back to, is noted in the journal: it
  /// must not keep a node from starting.
  private func obey(_ tombstone: Tombstone) throws {
    var refusal = "there is no version to go back to"
    for order in Recovery.orders(for: tombstone, in: core.state, people) {
      do {
        _ = try perform(order)
        return
      } catch {
        let error = NodeError(describing: error)
        guard error.exitCode != .system else { throw error }
        refusal = error.message
      }
    }
    let fence = tombstone.fence
    let closed = fence.closed.map { "\($0)" }.joined(separator: ", ")
    _ = try perform(
      Order(
        command: .annotate(
          endpoint: fence.endpoint,
          text: "a rollback of \(closed) recorded \(fence.time) was not done: \(refusal)"),
        actor: fence.actor.named(by: people)))
  }

  /// Whether versions must be in memory to be routed to: from the moment this node serves.
  var isServing: Bool { serving.load(ordering: .acquiring) }

  /// A rollout that nobody watched for long is held until a person has looked.
  ///
  /// When the journal cannot be written it cannot take a forward move either: the node serves, and
  /// this is tried again before the next one.
  /// - Returns: false when it is still to be done.
  @discardableResult
  func holdAfterAbsence() -> Bool {
    guard let since = lastWritten.withLock({ $0 }) else { return true }
    let change = try? core.transact(on: plane) { state in
      recover(state, downSince: since, now: SystemClock.now())
    }
    guard change != nil else { return false }
    lastWritten.withLock { $0 = nil }
    return true
  }

  private func beginServing() throws {
    for endpoint in core.state.endpoints {
      for deployment in endpoint.deployed {
        guard let registered = core.state.version(deployment.version) else { continue }
        // What cannot be loaded is remembered by the shelf; the others serve.
        _ = try? shelf.prepare(registered)
      }
      plane.follow(endpoint)
      try restoreEvidence(endpoint)
    }
    serving.store(true, ordering: .releasing)
    endInterruptedRuns()
    for endpoint in core.state.endpoints {
      guard let rollout = endpoint.rollout,
        shelf.loaded(rollout.candidate) == nil || shelf.loaded(rollout.fallback) == nil
      else { continue }
      // Nothing can be compared: the plan must not go on by the clock alone. A held one stays held.
      _ = try? perform(Order(command: .pause(endpoint: endpoint.name), actor: .system))
    }
    let thread = try ServiceThread("guard") { [weak self] stop in
      var rounds = GuardRounds()
      while !stop.isSet {
        guard let self else { return }
        rounds.run(self)
      }
    }
    let probing = try startProbing()
    running.withLock {
      $0.guardThread = thread
      $0.probeThread = probing
    }
    try recorder.start()
    try keepCheckpoints()
  }

  /// Ends probing; for benches whose versions fail on purpose.
  func stopProbing() {
    let thread = running.withLock { running in
      defer { running.probeThread = nil }
      return running.probeThread
    }
    thread?.stop()
  }

  /// Signs the journal's head from time to time, here and where the environment says.
  private func keepCheckpoints() throws {
    let outside = getenv(CheckpointKeeper.variable).map { String(cString: $0) }
    // A connection of its own, and none of the core's locks: nothing waits for it.
    let reader = try JournalReader(directory)
    let recovered = recovered.withLock { recovered in
      defer { recovered = nil }
      return recovered
    }
    let saver = recovered.map {
      StateSaver(reader, to: sink, from: $0.fold, savedSequence: $0.savedSequence)
    }
    let book = CheckpointBook(
      directory, reader: reader, outside: outside.flatMap { $0.isEmpty ? nil : $0 },
      saver: core.fault == nil ? saver : nil)
    let keeper = try CheckpointKeeper(
      book, unchecked: recovered?.unchecked,
      damaged: { [weak self] fault in self?.core.markDamaged(fault) },
      report: { [weak self] fault in
        self?.analyst.withDesk {
          $0.symptoms.updateCheckpoints(fault: fault, now: SystemClock.now())
        }
      })
    running.withLock { $0.checkpoints = keeper }
  }

  private func restoreEvidence(_ endpoint: EndpointState) throws {
    guard endpoint.rollout != nil,
      let bytes = try core.reader.evidence(endpoint.name.text),
      let evidence = try? CanonicalJSON.decode(RolloutEvidence.self, from: bytes)
    else { return }
    analyst.withDesk { $0.book.restore(evidence, for: endpoint) }
  }

  private func listen() throws {
    let server = try ControlSocketServer(
      path: directory.socketPath, handler: handler(isShared: false))
    running.withLock { $0.server = server }
    guard let operators = options.operators else { return }
    do {
      let shared = try ControlSocketServer(
        path: operators.socketPath, admits: try SocketAdmission(groupNamed: operators.group),
        handler: handler(isShared: true))
      running.withLock { $0.sharedServer = shared }
    } catch {
      throw NodeError(.badInput, error.message)
    }
  }

  /// Answers peers of a socket: each order is its user's, whatever name it gives.
  private func handler(isShared: Bool) -> ControlSocketServer.Handler {
    { [weak self] peer, bytes in
      NodeWire.answer(bytes) { request in
        guard let self else { throw NodeError(.unreachable, "the node is stopping") }
        if isShared, case .shutdown = request, peer.userID != geteuid(), peer.userID != 0 {
          throw NodeError(.refused, "only the node's own user, or root, may stop it")
        }
        return try self.answer(request.signed(by: ProcessOwner.loginName(of: peer.userID)))
      }
    }
  }

  /// Stops traffic and threads, saves evidence, closes the socket.
  ///
  /// Safe to call twice.
  public func stop() {
    let running = running.withLock { running -> Running? in
      if running.isStopped { return nil }
      running.isStopped = true
      defer {
        running.guardThread = nil
        running.probeThread = nil
        running.checkpoints = nil
        running.server = nil
        running.sharedServer = nil
        running.replay = nil
      }
      return running
    }
    guard let running else { return }
    running.replay?.stop()
    running.server?.stop()
    running.sharedServer?.stop()
    running.guardThread?.stop()
    running.probeThread?.stop()
    retrainer.stop()
    recorder.stop()
    try? saveEvidence()
    // Requests that are still under way must not write when the next node has the directory.
    core.close()
    running.checkpoints?.stop()
    sink.close()
    lock.release()
  }

  /// Refuses work once the node has given its state up.
  func checkRunning() throws(NodeError) {
    if running.withLock({ $0.isStopped }) {
      throw NodeError(.unreachable, "the node has stopped")
    }
  }

  /// Asks whoever runs the node to stop it; a node cannot stop itself from one of its threads.
  func requestStop() { running.withLock { $0.stopRequested = true } }

  /// Whether somebody asked the node to stop, over the socket or here.
  public var shouldStop: Bool { running.withLock { $0.stopRequested || $0.isStopped } }

  // MARK: Traffic

  /// Begins to replay traffic on an endpoint, in place of what was replayed before.
  /// - Throws: a ``Failure`` when the file or the endpoint cannot be used.
  public func startReplay(_ options: ReplayOptions) throws {
    guard let runtime = plane.runtime(of: options.endpoint) else {
      throw NodeError(
        .unknown,
        "there is no serving endpoint \"\(options.endpoint)\" to replay on: deploy a version first")
    }
    let replay = try ReplaySource(options, runtime: runtime, analyst: analyst)
    let old = running.withLock { running in
      defer { running.replay = replay }
      return running.replay
    }
    old?.stop()
    try replay.start()
  }

  /// The header's words on traffic.
  var trafficWords: String { running.withLock { $0.replay?.words ?? "" } }

  /// Processor time of this process over the time since the last call, in processors.
  func processors() -> Double { running.withLock { $0.processor.read() } }

  // MARK: Evidence

  /// Writes the evidence that changed beside the journal.
  func saveEvidence() throws {
    let changed = analyst.withDesk { $0.book.takeChanged() }
    let now = SystemClock.now()
    for (name, evidence) in changed {
      let body = try CanonicalJSON.encode(evidence)
      try core.withJournal { try $0.saveEvidence(body, key: name.text, time: now) }
    }
  }
}

/// Processor use between two looks.
struct ProcessorMeter {
  private var lastWall = SystemClock.monotonicNanoseconds()
  private var lastUsed = SystemClock.processNanoseconds()
  private var value = 0.0

  /// Processors used since the last look of at least a fifth of a second ago.
  mutating func read() -> Double {
    let wall = SystemClock.monotonicNanoseconds()
    guard wall - lastWall > 200_000_000 else { return value }
    let used = SystemClock.processNanoseconds()
    value = Double(used - lastUsed) / Double(wall - lastWall)
    lastWall = wall
    lastUsed = used
    return value
  }
}
