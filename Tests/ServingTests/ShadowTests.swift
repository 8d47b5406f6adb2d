import Core
import Glibc
import Synchronization
import Telemetry
import Testing

@testable import Serving

@Suite("Shadows")
struct ShadowTests {
  /// Version 1 serves, 2 is the shadow.
  private func serving(
    share: Int = 10_000, clones: Bool = true, rule: RequestRule? = nil,
    sources: [Int: FakeSource] = [:]
  ) throws -> (EndpointRuntime, ShadowRunner) {
    let endpoint = try Fixture.serving(
      Split(all: try Fixture.version(1)), sources: sources, standby: [2],
      extras: .init(
        shadow: ShadowOrder(
          candidates: [try Fixture.version(2)], share: share, clonesStable: clones, rule: rule),
        withoutDetours: [try Fixture.version(2)])
    ).0
    return (endpoint, ShadowRunner(endpoint.lane, RowBuffer(endpoint.schema)))
  }

  private func results(_ endpoint: EndpointRuntime) -> [ShadowRecord] {
    var all: [ShadowRecord] = []
    endpoint.drainShadows { all.append($0) }
    return all
  }

  @Test("a copy is answered by the candidate and the clone, with the caller's row and texts")
  func pairs() throws {
    let (endpoint, runner) = try serving()
    let worker = endpoint.makeWorker(seed: 1)
    for i in 0..<20 {
      let answer = worker.send("k\(i)", speed: Float(i), carrier: "carrier \(i)", id: UInt64(i))
      #expect(answer.prediction.score == 1 + Float(i))
      #expect(answer.flags.contains(.copied))
    }
    #expect(runner.run(limit: 100) == 20)
    let seen = results(endpoint)
    #expect(seen.count == 20)
    let one = endpoint.tag(of: try Fixture.version(1))
    let two = endpoint.tag(of: try Fixture.version(2))
    for record in seen {
      #expect(record.version == two && record.primary == one)
      #expect(record.score == 2 + Float(record.requestID))
      #expect(record.primaryScore == 1 + Float(record.requestID))
      // The labels are equal, and so are the answers.
      #expect(record.differs == false && !record.failed && record.generation == 1)
      #expect(record.hasClone && !record.cloneFailed && !record.cloneDiffers && !record.isWarm)
    }
    for i in 0..<60 { _ = worker.send("k\(i)") }
    _ = runner.run(limit: 100)
    #expect(results(endpoint).map(\.isWarm) == (20..<80).map { $0 >= 50 })
    #expect(endpoint.droppedShadowCopies == 0)
  }

  @Test("the share is drawn apart from the bucket, and only what is allowed is copied")
  func share() throws {
    let (endpoint, runner) = try serving(
      share: 2_500, clones: false, rule: RequestRule([.input("carrier", anyOf: ["AA"])]))
    let worker = endpoint.makeWorker(seed: 4)
    let two = try #require(endpoint.tag(of: try Fixture.version(2)))
    var copied = 0
    for i in 0..<2_000 {
      copied += worker.send("k\(i % 7)", carrier: "AA").flags.contains(.copied) ? 1 : 0
      #expect(!worker.send("k", carrier: "UA").flags.contains(.copied))
      #expect(
        !worker.send("k", carrier: "AA", isSynthetic: true).flags.contains(.copied))
      #expect(!worker.send("k", carrier: "AA", pinned: two).flags.contains(.copied))
      _ = runner.run(limit: 10)
    }
    // 2,000 draws at a quarter: mean 500, standard deviation 19.4. Seven keys would give 0 or 1/7.
    #expect(abs(copied - 500) < 97)
    #expect(results(endpoint).count == copied)
  }

  @Test("an independent draw: copies tell nothing of the arm of the same request's key")
  func independence() throws {
    // A rule by hand splits in halves; copies are drawn of what the stable answered only, so the
    // copied share of those must be the share that was asked for.
    let half = RoutedRule(
      name: "half", rule: RequestRule([.input("carrier", anyOf: ["UA"])]),
      table: try RouteTable(
        try Fixture.split([1: 5_000, 3: 5_000]), stable: try Fixture.version(1), salt: 5),
      isDrawn: false)
    let endpoint = try Fixture.serving(
      Split(all: try Fixture.version(1)), standby: [2, 3],
      extras: .init(
        rules: [half], shadow: ShadowOrder(candidates: [try Fixture.version(2)], share: 5_000))
    ).0
    let worker = endpoint.makeWorker(seed: 4)
    var (stable, copied, others) = (0, 0, 0)
    for i in 0..<4_000 {
      let answer = worker.send("k\(i)")
      let isStable = worker.version(of: answer)?.number == 1
      stable += isStable ? 1 : 0
      copied += isStable && answer.flags.contains(.copied) ? 1 : 0
      others += !isStable && answer.flags.contains(.copied) ? 1 : 0
    }
    #expect(others == 0)
    #expect(abs(stable - 2_000) < 160 && abs(copied - stable / 2) < 5 * 23)
  }

  @Test("a shadow that fails changes nothing for callers")
  func failing() throws {
    let bad = FakeSource(score: 2, isFailing: true)
    let (endpoint, runner) = try serving(clones: false, sources: [2: bad])
    let worker = endpoint.makeWorker(seed: 1)
    for i in 0..<50 {
      let answer = worker.send("k\(i)", speed: Float(i))
      #expect(answer.outcome == .answered && answer.prediction.score == 1 + Float(i))
    }
    _ = runner.run(limit: 100)
    let seen = results(endpoint)
    #expect(seen.count == 50)
    #expect(
      seen.allSatisfy { $0.failed && !$0.primaryFailed && $0.differs == nil && !$0.hasClone })
    var taps = 0
    endpoint.drainTaps { record, _ in
      taps += 1
      #expect(record.outcome == .answered && record.version == record.answeredBy)
    }
    #expect(taps == 50)
  }

  @Test("a stable that fails is seen beside a shadow that answers")
  func failingStable() throws {
    let bad = FakeSource(score: 1, isFailing: true)
    let (endpoint, runner) = try serving(clones: false, sources: [1: bad])
    let worker = endpoint.makeWorker(seed: 1)
    #expect(worker.send("k").outcome == .failed)
    _ = runner.run(limit: 10)
    let seen = try #require(results(endpoint).first)
    #expect(seen.primaryFailed && !seen.failed)
  }

  @Test("full rings and long texts drop copies, count them, and keep nobody waiting")
  func drops() throws {
    let (endpoint, runner) = try serving(clones: false)
    let worker = endpoint.makeWorker(seed: 1)
    for i in 0..<400 { #expect(worker.send("k\(i)").outcome == .answered) }
    #expect(runner.run(limit: 10_000) == 256)
    #expect(endpoint.droppedShadowCopies == 400 - 256)
    let long = String(repeating: "x", count: 5_000)
    #expect(worker.send("k", carrier: long).outcome == .answered)
    #expect(runner.run(limit: 10) == 0)
    #expect(endpoint.droppedShadowCopies == 400 - 256 + 1)
  }

  @Test("fenced shadows get no copies, open ones do again")
  func fences() throws {
    let (endpoint, runner) = try serving()
    let worker = endpoint.makeWorker(seed: 1)
    _ = worker.send("k")
    // The copy is there already when the shadow is closed.
    endpoint.fence(try Fixture.version(2))
    #expect(runner.run(limit: 10) == 1)
    #expect(results(endpoint).isEmpty)
    #expect(!worker.send("k").flags.contains(.copied))
    #expect(runner.run(limit: 10) == 0)
    endpoint.unfence(try Fixture.version(2))
    #expect(worker.send("k").flags.contains(.copied))
    _ = runner.run(limit: 10)
    #expect(results(endpoint).count == 1)
  }

  @Test("without an order nothing is copied, and the sessions are let go")
  func ends() throws {
    let source = FakeSource(score: 2)
    let endpoint = try Fixture.endpoint()
    let one = try LoadedVersion(try Fixture.version(1), source: FakeSource(score: 1), warm: 1)
    let table = try RouteTable(Split(all: one.id), stable: one.id, salt: 1)
    let worker = endpoint.makeWorker(seed: 1)
    let runner = ShadowRunner(endpoint.lane, RowBuffer(endpoint.schema))
    do {
      let two = try LoadedVersion(try Fixture.version(2), source: source, warm: 0)
      try endpoint.publish(
        table, loaded: [one, two], generation: 1,
        extras: .init(shadow: ShadowOrder(candidates: [two.id], share: 10_000)))
      _ = worker.send("k")
      _ = runner.run(limit: 10)
      #expect(source.alive.load(ordering: .relaxed) > 0)
    }
    try endpoint.publish(table, loaded: [one], generation: 2)
    #expect(!worker.send("k").flags.contains(.copied))
    _ = runner.run(limit: 10)
    #expect(runner.duty == nil)
    #expect(source.alive.load(ordering: .relaxed) == 0)
  }

  @Test("a shadow that hangs delays no caller: the thread is its own")
  func hanging() throws {
    let slow = SlowSource(milliseconds: 200)
    let endpoint = EndpointRuntime(name: try Name("flights"), schema: try Fixture.schema())
    let one = try LoadedVersion(try Fixture.version(1), source: FakeSource(score: 1), warm: 2)
    let two = try LoadedVersion(try Fixture.version(2), source: slow, warm: 2)
    let table = try RouteTable(Split(all: one.id), stable: one.id, salt: 1)
    try endpoint.publish(
      table, loaded: [one, two], generation: 1,
      extras: .init(
        shadow: ShadowOrder(candidates: [two.id], share: 10_000, processorPercentMax: 100)))
    let worker = endpoint.makeWorker(seed: 1)
    let begin = MonotonicClock.nanoseconds()
    var sent = 0
    // Until the shadow has hung at least once, and at least long enough to fill the ring.
    while slow.answered.load(ordering: .relaxed) == 0 || sent < 1_000 {
      let answer = worker.send("k\(sent)", speed: Float(sent % 10))
      #expect(answer.outcome == .answered && answer.prediction.score == 1 + Float(sent % 10))
      sent += 1
      if sent > 1_000 { usleep(1_000) }
      #expect(sent < 20_000, "the shadow's thread never answered")
      if sent >= 20_000 { break }
    }
    // Were the callers to wait, 1,000 answers would take 200 s.
    #expect(MonotonicClock.nanoseconds() - begin < 60_000_000_000)
    #expect(endpoint.droppedShadowCopies > 0 && endpoint.shadowFault == nil)
    var copied = 0
    endpoint.drainTaps { record, _ in
      copied += record.flags.contains(.copied) ? 1 : 0
      #expect(record.outcome == .answered)
    }
    #expect(copied > 0)
    endpoint.clear(generation: 2)
  }
}

/// Takes its time over each answer.
private final class SlowSource: PredictorSource {
  let milliseconds: UInt32
  let answered = Atomic<Int>(0)

  init(milliseconds: UInt32) { self.milliseconds = milliseconds }

  func makePredictor() throws(ServingError) -> any Predictor { SlowPredictor(self) }
}

private final class SlowPredictor: Predictor {
  private let source: SlowSource
  init(_ source: SlowSource) { self.source = source }
  func attach(to row: RowBuffer) throws(ServingError) {}
  func predict() -> Prediction {
    usleep(source.milliseconds * 1_000)
    source.answered.add(1, ordering: .relaxed)
    return Prediction(succeeded: true, score: 2, label: .number(1))
  }
}

@Suite("Labels of shadows' answers")
struct ShadowLogTests {
  private func record(_ id: UInt64, primary: Int64, shadow: Int64, version: UInt16 = 2)
    -> ShadowRecord
  {
    ShadowRecord(
      requestID: id, generation: 7, timeNanoseconds: 0, primaryLatencyNanoseconds: 1,
      latencyNanoseconds: 1, cloneLatencyNanoseconds: 1, primaryLabel: TextKey(decimal: primary),
      label: TextKey(decimal: shadow), primaryScore: 0, score: 0, primary: 1, version: version,
      primaryFailed: false, failed: false, hasClone: false, cloneFailed: false,
      cloneDiffers: false, isWarm: true)
  }

  @Test("a label is compared with every pair of its request, and old pairs make room")
  func binding() throws {
    let log = try ShadowLog(capacity: 4)
    log.record(record(1, primary: 0, shadow: 1))
    log.record(record(1, primary: 0, shadow: 0, version: 3))
    var seen: [String] = []
    func bind(_ id: UInt64) {
      log.bind(requestID: id, label: TextKey(decimal: 1)) { pair, primary, shadow in
        seen.append("\(pair.version) \(primary) \(shadow) \(pair.generation)")
      }
    }
    bind(1)
    #expect(seen == ["3 true true 7", "2 true false 7"])
    seen = []
    var failed = record(2, primary: 0, shadow: 1)
    failed.failed = true
    log.record(failed)
    bind(2)
    #expect(seen.isEmpty)
    for id in 10..<14 { log.record(record(UInt64(id), primary: 1, shadow: 0)) }
    bind(1)
    #expect(seen.isEmpty)
    for id in 10..<14 { bind(UInt64(id)) }
    #expect(seen == [String](repeating: "2 false true 7", count: 4))
  }

  @Test("a shadow that answers after the label came finds it")
  func lateShadow() throws {
    let log = try PredictionLog(capacity: 8)
    let tap = TapRecord(
      ticket: 0, requestID: 5, timeNanoseconds: 0, latencyNanoseconds: 0, lateNanoseconds: 0,
      generation: 7, label: TextKey(decimal: 0), score: 0, version: 1, answeredBy: 1, weight: 0,
      stableWeight: 0, outcome: .answered, flags: [.drawn])
    log.record(tap)
    let shadow = record(5, primary: 0, shadow: 1)
    #expect(log.labelled(shadow) == nil)
    _ = log.bind(LabelArrival(requestID: 5, label: 1, timeNanoseconds: 1))
    let verdict = try #require(log.labelled(shadow))
    #expect(verdict.primaryIsWrong && !verdict.shadowIsWrong)
    #expect(log.labelled(record(6, primary: 0, shadow: 1)) == nil)
  }
}
