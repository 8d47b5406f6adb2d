import Control
import Core
import Foundation
import Serving
import Storage
import Synchronization
import Testing

@testable import Node

/// Answers always, with its version's number.
private final class EchoPredictor: Predictor {
  let number: Int
  init(_ number: Int) { self.number = number }
  func attach(to row: RowBuffer) throws(ServingError) {}
  func predict() -> Prediction {
    Prediction(succeeded: true, score: Float(number), label: .number(Int64(number)))
  }
}

private struct EchoSource: PredictorSource {
  let number: Int
  func makePredictor() throws(ServingError) -> any Predictor { EchoPredictor(number) }
}

/// The control core over a real journal, real tombstones and a real data plane, with versions that
/// are no models, so that thousands of changes take a second.
final class Workbench {
  let state = "/tmp/slw-\(UUID().uuidString.prefix(8))"
  let shelf: ModelShelf
  let analyst: Analyst
  let plane: DataPlane
  let core: ControlCore
  let log: FaultyLog
  let journal: Journal
  let tombstones: Tombstones
  let endpoint: Name
  var now = Timestamp(microseconds: 1_700_000_000_000_000)

  init() throws {
    let directory = try StateDirectory(state, create: true)
    let lock = try directory.acquireLock()
    endpoint = try Name("flights")
    shelf = ModelShelf(artifacts: ArtifactStore(directory))
    analyst = Analyst(shelf: shelf, serves: true)
    plane = DataPlane(shelf: shelf, analyst: analyst)
    journal = try Journal(lock)
    log = FaultyLog(journal)
    tombstones = try Tombstones(lock)
    core = ControlCore(
      try Recovery.replay(journal), journal: log, reader: journal.reader, tombstones: tombstones)
  }

  deinit { try? FileManager.default.removeItem(atPath: state) }

  func v(_ number: Int) -> VersionID { VersionID(model: endpoint, number: number) }

  static let signature = Signature(
    inputs: [TensorSpec(name: "x", elementType: .float32, shape: [nil, 1])],
    outputs: [TensorSpec(name: "y", elementType: .float32, shape: [nil, 1])])

  /// Registers versions and puts them on the shelf.
  func register(_ count: Int) throws {
    for number in 1...count {
      try give(
        .registerVersion(
          VersionDraft(
            model: endpoint, artifact: try Digest(bytes: [UInt8](repeating: 7, count: 32)),
            artifactBytes: 10, signature: Workbench.signature)))
      shelf.put(
        ModelShelf.Loaded(
          version: try LoadedVersion(v(number), source: EchoSource(number: number), warm: 1),
          signature: Workbench.signature, reference: nil, referenceFault: nil))
    }
  }

  @discardableResult
  func give(_ command: Command) throws -> ControlCore.Change {
    now = now + .milliseconds(10)
    return try core.transact(on: plane) { state in
      try decide(
        state, command,
        DecisionContext(
          now: now, actor: ActorID(kind: .person, name: "ana"), prepared: shelf.prepared))
    }
  }

  /// A ramp of version 2 against version 1.
  func ramp() throws {
    try register(3)
    try give(.createEndpoint(endpoint))
    try give(.deploy(endpoint: endpoint, version: v(1)))
    try give(.startRamp(endpoint: endpoint, version: v(2), plan: Workbench.plan([500, 10_000])))
  }

  static func plan(_ weights: [BasisPoints]) -> Plan {
    Plan(
      name: "p", summary: "", steps: weights.map { PlanStep(weight: $0, hold: .seconds(1)) },
      metrics: [])
  }

  var here: EndpointState {
    get throws { try #require(core.state.endpoint(endpoint)) }
  }

  /// The state that a new process would read from the journal.
  func replayed() throws -> ControlState { try Recovery.replay(journal).state }
}

/// Commands at random, as a console full of people would give them.
private struct Crowd {
  var random: SplitMix64
  let names: [Name]
  let bench: Workbench

  mutating func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }
  mutating func version() -> VersionID { bench.v(1 + below(5)) }

  mutating func command() -> Command {
    let e = names[below(names.count)]
    let why = "because"
    switch below(20) {
    case 0: return below(4) == 0 ? .drainEndpoint(e) : .enableEndpoint(e)
    case 1, 2, 3: return .deploy(endpoint: e, version: version())
    case 4: return .unload(endpoint: e, version: version())
    case 5, 6:
      let (a, b) = (version(), version())
      return .setSplit(
        endpoint: e,
        split: a == b ? Split(all: a) : Split(stable: a, candidate: b, weight: below(10_001)))
    case 7, 8, 9:
      return .startRamp(
        endpoint: e, version: version(), plan: Workbench.plan([1 + below(3_000), 10_000]))
    case 10: return .pause(endpoint: e)
    case 11: return .resume(endpoint: e, reason: why)
    case 12: return .step(endpoint: e, direction: below(3) > 0 ? .next : .previous, reason: why)
    case 13: return .setCandidateWeight(endpoint: e, weight: 1 + below(9_999), reason: why)
    case 14: return .abort(endpoint: e, reason: why)
    case 15: return .promote(endpoint: e, reason: why)
    case 16, 17:
      return .rollBack(endpoint: e, to: below(2) == 0 ? nil : version(), symptom: why)
    case 18: return .undo(endpoint: e)
    default: return .annotate(endpoint: e, text: "note")
    }
  }
}

@Suite("Thousands of commands on a disk that fails", .serialized)
struct CommandChaosTests {
  @Test(
    "the journal replays to the state byte for byte; nothing closed or unloaded is ever routed to",
    arguments: [UInt64(1), 2, 3])
  func anything(seed: UInt64) throws {
    let bench = try Workbench()
    let names = [bench.endpoint, try Name("other")]
    var crowd = Crowd(random: SplitMix64(seed: seed), names: names, bench: bench)
    try bench.register(5)
    for name in names {
      try bench.give(.createEndpoint(name))
      try bench.give(.deploy(endpoint: name, version: bench.v(1)))
    }
    var workers: [Name: Worker] = [:]
    for name in names {
      workers[name] = try #require(bench.plane.runtime(of: name)).makeWorker(seed: seed)
    }
    var accepted = 0
    var kept = 0
    for step in 0..<400 {
      if crowd.below(40) == 0 { bench.log.isFull = true }
      if crowd.below(10) == 0 { bench.log.isFull = false }
      let before = bench.core.state
      do {
        let change = try bench.give(crowd.command())
        accepted += 1
        kept += change.isJournaled ? 0 : 1
        #expect(change.isJournaled || bench.log.isFull)
      } catch {
        #expect(bench.core.state == before)
      }
      if crowd.below(20) == 0 { bench.core.retryJournal(now: bench.now) }
      for name in names {
        try check(bench, name, try #require(workers[name]), &crowd)
      }
      if step % 100 == 99 {
        bench.log.isFull = false
        bench.core.retryJournal(now: bench.now)
        try checkReplay(bench)
      }
    }
    #expect(accepted > 80 && kept > 0, "\(accepted) accepted, \(kept) kept by tombstones")
  }

  @Test("a rollback that is decided anew leaves the stable open while it is written")
  func overtakenRollback() throws {
    let bench = try Workbench()
    let name = bench.endpoint
    try bench.register(4)
    try bench.give(.createEndpoint(name))
    try bench.give(.deploy(endpoint: name, version: bench.v(1)))
    try bench.give(
      .startRamp(
        endpoint: name, version: bench.v(4),
        plan: Plan(
          name: "p", summary: "", steps: [PlanStep(weight: 10_000, hold: .zero)], metrics: [],
          soak: .zero)))
    try bench.give(.promote(endpoint: name, reason: "why"))
    #expect(try bench.here.stable == bench.v(4))
    let runtime = try #require(bench.plane.runtime(of: name))
    let answers = Mutex<Set<VersionID?>>([])
    var others = [true]
    // What was all traffic's version when the order came is the fallback of a ramp by then, and the
    // version that it would have gone back to one of the candidates.
    _ = try bench.core.transact(on: bench.plane) { state in
      let context = DecisionContext(
        now: bench.now, actor: ActorID(kind: .person, name: "ana"), prepared: bench.shelf.prepared)
      let events = try decide(state, .rollBack(endpoint: name, to: nil, symptom: "slow"), context)
      guard others.popLast() != nil else { return events }
      try bench.give(
        .startRamp(
          endpoint: name, version: bench.v(2), plan: Workbench.plan([500, 10_000]),
          options: RampOptions(rivals: [bench.v(1)])))
      bench.log.meanwhile.withLock {
        $0 = {
          let worker = runtime.makeWorker(seed: 1)
          for id in 0..<500 {
            let answer = worker.predict(Request(id: UInt64(id)))
            answers.withLock { _ = $0.insert(worker.version(of: answer)) }
          }
        }
      }
      return events
    }
    #expect(answers.withLock { $0 } == [bench.v(4)])
    #expect(try bench.here.closed == [bench.v(1), bench.v(2)])
  }

  /// Invariants 1, 3 and 6, by what requests really get.
  private func check(
    _ bench: Workbench, _ name: Name, _ worker: Worker, _ crowd: inout Crowd
  ) throws {
    let endpoint = try #require(bench.core.state.endpoint(name))
    let runtime = try #require(bench.plane.runtime(of: name))
    for version in endpoint.deployed.map(\.version) {
      #expect(runtime.isFenced(version) == endpoint.closed.contains(version), "\(version)")
    }
    for _ in 0..<20 {
      worker.row.setNumber(0, Float(1))
      let answer = worker.predict(Request(id: crowd.random.next()))
      if endpoint.isDrained {
        #expect(answer.outcome == .unavailable)
        continue
      }
      #expect(answer.outcome == .answered)
      let version = try #require(worker.version(of: answer))
      #expect(answer.prediction.score == Float(version.number))
      #expect((endpoint.split?.weight(of: version) ?? 0) > 0, "\(version) has no weight")
      #expect(endpoint.isDeployed(version) && !endpoint.closed.contains(version))
      #expect(answer.generation == endpoint.generation)
    }
    _ = bench.analyst.takeIn(now: bench.now, monotonic: SystemClock.monotonicNanoseconds())
    let broken = bench.analyst.withDesk { $0.figures(name).routedAfterFence }
    #expect(broken == 0)
  }

  /// Invariant 4: one event for each change, and the fold of them is the state.
  private func checkReplay(_ bench: Workbench) throws {
    #expect(bench.core.durable)
    let state = bench.core.state
    #expect(try CanonicalJSON.encode(bench.replayed()) == CanonicalJSON.encode(state))
    #expect(state.sequence == bench.core.sequence)
    #expect(try bench.journal.reader.verify().fault == nil)
    #expect(try bench.tombstones.pending().isEmpty)
    let shown = bench.core.recentRows(1_000).map(\.sequence)
    #expect(shown == shown.sorted(by: >) && Set(shown).count == shown.count)
  }
}

@Suite("The order of a change")
struct ControlCoreTests {
  @Test("what was fenced on a state that has gone is open again when the decision closes nothing")
  func foreseenInVain() throws {
    let bench = try Workbench()
    try bench.ramp()
    let runtime = try #require(bench.plane.runtime(of: bench.endpoint))
    // The guard looks, foresees a rollback; before it has the turn, nothing is left to do.
    var looks = 0
    let change = try bench.core.transact(on: bench.plane) { state in
      looks += 1
      guard looks == 1 else {
        #expect(runtime.isFenced(bench.v(2)))
        return []
      }
      return try decide(
        state, .rollBack(endpoint: bench.endpoint, to: nil, symptom: nil),
        DecisionContext(now: bench.now, actor: .guard, prepared: bench.shelf.prepared))
    }
    #expect(change.events.isEmpty && looks == 2)
    #expect(try bench.here.closed.isEmpty)
    #expect(!runtime.isFenced(bench.v(2)))
  }

  @Test("a rollback that can be kept nowhere is refused, and what it fenced is open again")
  func fencedInVain() throws {
    let bench = try Workbench()
    try bench.ramp()
    let runtime = try #require(bench.plane.runtime(of: bench.endpoint))
    bench.log.isFull = true
    for _ in 0..<Tombstones.slotCount {
      try bench.tombstones.record(
        Fence(
          endpoint: try Name("elsewhere"), closed: [bench.v(3)], fallback: bench.v(1),
          actor: .system, time: bench.now))
    }
    var looks = 0
    #expect(throws: (any Error).self) {
      try bench.core.transact(on: bench.plane) { state in
        looks += 1
        // Nothing was foreseen: the fence comes under the lock only.
        if looks == 1 { return [] }
        return try decide(
          state, .rollBack(endpoint: bench.endpoint, to: nil, symptom: nil),
          DecisionContext(now: bench.now, actor: .guard, prepared: bench.shelf.prepared))
      }
    }
    #expect(!runtime.isFenced(bench.v(2)))
    #expect(try bench.here.rollout != nil)
  }

  @Test(
    "a full disk takes no forward move, keeps a rollback, and has all of it once there is space")
  func fullDisk() throws {
    let bench = try Workbench()
    try bench.ramp()
    bench.log.isFull = true
    #expect(throws: StorageError.self) { try bench.give(.pause(endpoint: bench.endpoint)) }
    #expect(!bench.core.durable)
    let change = try bench.give(.rollBack(endpoint: bench.endpoint, to: nil, symptom: "slow"))
    #expect(!change.isJournaled)
    #expect(try bench.here.closed == [bench.v(2)])
    #expect(try bench.tombstones.pending().map(\.fence.closed) == [[bench.v(2)]])
    bench.core.retryJournal(now: bench.now)
    #expect(!bench.core.durable)
    bench.log.isFull = false
    bench.core.retryJournal(now: bench.now)
    #expect(bench.core.durable)
    #expect(try bench.tombstones.pending().isEmpty)
    #expect(try bench.replayed() == bench.core.state)
    #expect(bench.core.recentRows(10).filter { $0.kind == "rolled-back" }.count == 1)
  }

  @Test("a journal that failed and works again is known to without a command")
  func healing() throws {
    let bench = try Workbench()
    try bench.ramp()
    bench.log.isFull = true
    #expect(throws: StorageError.self) { try bench.give(.pause(endpoint: bench.endpoint)) }
    bench.log.isFull = false
    bench.core.retryJournal(now: bench.now)
    #expect(bench.core.durable)
    #expect(try bench.journal.reader.evidenceKeys().isEmpty)
  }

  @Test("a core that was closed writes nothing, fences nothing for good")
  func closed() throws {
    let bench = try Workbench()
    try bench.ramp()
    bench.core.close()
    let before = bench.core.sequence
    #expect(throws: NodeError.self) {
      try bench.give(.rollBack(endpoint: bench.endpoint, to: nil, symptom: nil))
    }
    #expect(try bench.replayed().sequence == before)
    #expect(bench.plane.runtime(of: bench.endpoint)?.isFenced(bench.v(2)) == false)
  }

  @Test("following a state never opens what a rollback has just closed")
  func followAgainstFence() throws {
    let bench = try Workbench()
    try bench.ramp()
    let here = try bench.here
    let runtime = try #require(bench.plane.runtime(of: bench.endpoint))
    let (plane, state) = (bench.plane, bench.core.state)
    let other = try ServiceThread("open") { stop in
      while !stop.isSet { plane.reopen(here.name, in: state) }
    }
    defer { other.stop() }
    var opened = 0
    for _ in 0..<5_000 {
      plane.holdFence(on: here, [bench.v(2)])
      for _ in 0..<50 where !runtime.isFenced(bench.v(2)) { opened += 1 }
      plane.releaseFence(on: here.name, [bench.v(2)])
    }
    #expect(opened == 0)
  }
}
