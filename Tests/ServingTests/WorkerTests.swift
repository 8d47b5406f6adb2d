import Core
import Synchronization
import Telemetry
import Testing

@testable import Serving

@Suite struct WorkerTests {
  private func records(_ endpoint: EndpointRuntime) -> [TapRecord] {
    var all: [TapRecord] = []
    endpoint.drainTaps { record, _ in all.append(record) }
    return all
  }

  @Test func anEmptyEndpointRefuses() throws {
    let endpoint = try Fixture.endpoint()
    let worker = endpoint.makeWorker(seed: 1)
    let answer = worker.send("k")
    #expect(answer.outcome == .unavailable)
    #expect(answer.retryAfterSeconds > 0)
    #expect(records(endpoint).map(\.outcome) == [.unavailable])
  }

  @Test func aKeyStaysWithItsVersionAndTheTableSaysWhich() throws {
    let (endpoint, _, table) = try Fixture.serving(try Fixture.split([1: 6_000, 2: 4_000]))
    let worker = endpoint.makeWorker(seed: 1)
    for i in 0..<200 {
      let expected = table.route(key: Array("key\(i)".utf8)).version
      let answer = worker.send("key\(i)")
      #expect(worker.version(of: answer) == expected)
      #expect(answer.prediction.score == Float(expected.number))
      #expect(worker.version(of: worker.send("key\(i)")) == expected)
    }
    for record in records(endpoint) {
      #expect(record.flags == [.drawn, .keyed])
      #expect(endpoint.version(tag: record.version)?.number == (record.weight == 6_000 ? 1 : 2))
      #expect(record.stableWeight == 6_000)
      #expect(record.generation == 1)
    }
  }

  @Test func withoutAKeyDrawsFollowTheWeightsAndTheSeed() throws {
    func shares(seed: UInt64) throws -> [Int] {
      let (endpoint, _, _) = try Fixture.serving(try Fixture.split([1: 9_000, 2: 1_000]))
      let worker = endpoint.makeWorker(seed: seed)
      return (0..<3_000).map { _ in Int(worker.send(nil).prediction.score) }
    }
    let first = try shares(seed: 5)
    #expect(first == (try shares(seed: 5)))
    #expect(first != (try shares(seed: 6)))
    // 3,000 draws at 10 %: mean 300, standard deviation 16.4.
    #expect(abs(first.count { $0 == 2 } - 300) < 5 * 17)
  }

  @Test func aCandidatesFailureIsAnsweredByTheStableAndCounted() throws {
    let bad = FakeSource(score: 2, isFailing: true)
    let (endpoint, _, _) = try Fixture.serving(
      try Fixture.split([1: 5_000, 2: 5_000]), sources: [2: bad])
    let worker = endpoint.makeWorker(seed: 2)
    var fellBack = 0
    for i in 0..<200 {
      let answer = worker.send("k\(i)")
      #expect(answer.prediction.succeeded)
      #expect(worker.version(of: answer)?.number == 1)
      fellBack += answer.outcome == .fellBack ? 1 : 0
    }
    #expect(fellBack > 60)
    let failed = records(endpoint).filter(\.versionFailed)
    #expect(failed.count == fellBack)
    for record in failed {
      #expect(endpoint.version(tag: record.version)?.number == 2)
      #expect(endpoint.version(tag: record.answeredBy)?.number == 1)
    }
  }

  @Test func aFailingStableFailsItsRequests() throws {
    let bad = FakeSource(score: 1, isFailing: true)
    let (endpoint, _, _) = try Fixture.serving(
      Split(all: try Fixture.version(1)), sources: [1: bad])
    let worker = endpoint.makeWorker(seed: 2)
    #expect(worker.send("k").outcome == .failed)
    #expect(records(endpoint).first?.answeredBy == TapRecord.noVersion)
    #expect(bad.answered.load(ordering: .relaxed) == 1)
  }

  @Test func aDrainedEndpointRefusesAndComesBack() throws {
    let (endpoint, _, _) = try Fixture.serving(Split(all: try Fixture.version(1)))
    let worker = endpoint.makeWorker(seed: 1)
    endpoint.setDrained(true, generation: 2, retryAfterSeconds: 9)
    let refused = worker.send("k")
    #expect(refused.outcome == .unavailable)
    #expect(refused.retryAfterSeconds == 9)
    endpoint.setDrained(false, generation: 3)
    let answer = worker.send("k")
    #expect(answer.outcome == .answered)
    #expect(answer.generation == 3)
    endpoint.clear(generation: 4)
    #expect(worker.send("k").outcome == .unavailable)
  }

  @Test func aFenceSendsTrafficToItsTargetElseTheStable() throws {
    let (endpoint, _, _) = try Fixture.serving(
      Split(all: try Fixture.version(2)), stable: 1, standby: [3, 4])
    let worker = endpoint.makeWorker(seed: 1)
    #expect(worker.send("k").prediction.score == 2)
    let ticket = endpoint.fence(try Fixture.version(2), target: try Fixture.version(4))
    let answer = worker.send("k")
    #expect(answer.prediction.score == 4)
    let record = try #require(records(endpoint).last)
    #expect(record.flags.contains(.redirected) && !record.flags.contains(.drawn))
    #expect(record.ticket > UInt64(ticket))
    endpoint.fence(try Fixture.version(2))
    #expect(worker.send("k").prediction.score == 1)
    // The stable closed as well: the first standby.
    endpoint.fence(try Fixture.version(1))
    #expect(worker.send("k").prediction.score == 3)
    for number in [3, 4] { endpoint.fence(try Fixture.version(number)) }
    #expect(worker.send("k").outcome == .unavailable)
    for number in 1...4 { endpoint.unfence(try Fixture.version(number)) }
    #expect(worker.send("k").prediction.score == 2)
  }

  @Test func aFencedVersionStaysClosedThroughNewTables() throws {
    let (endpoint, loaded, table) = try Fixture.serving(try Fixture.split([1: 5_000, 2: 5_000]))
    let worker = endpoint.makeWorker(seed: 1)
    endpoint.fence(try Fixture.version(2))
    try endpoint.publish(table, loaded: loaded, generation: 2)
    for i in 0..<50 { #expect(worker.send("k\(i)").prediction.score == 1) }
    #expect(endpoint.isFenced(try Fixture.version(2)))
  }

  @Test func manyVersionsComeAndGoWithoutRunningOutOfSlots() throws {
    let endpoint = try Fixture.endpoint()
    let worker = endpoint.makeWorker(seed: 1)
    for number in 1...200 {
      let id = try Fixture.version(number)
      let version = try LoadedVersion(id, source: FakeSource(score: Float(number)), warm: 1)
      let table = try RouteTable(Split(all: id), stable: id, salt: 1)
      try endpoint.publish(table, loaded: [version], generation: number)
      #expect(worker.send("k").prediction.score == Float(number))
      if number % 2 == 0 { endpoint.fence(id) }
    }
    #expect(endpoint.version(tag: 149)?.number == 150)
  }

  @Test func publishingWhatIsNotLoadedChangesNothing() throws {
    let (endpoint, loaded, table) = try Fixture.serving(Split(all: try Fixture.version(1)))
    let worker = endpoint.makeWorker(seed: 1)
    let next = try table.changed(
      to: Split(all: try Fixture.version(2)), stable: try Fixture.version(1))
    #expect {
      try endpoint.publish(next, loaded: loaded, generation: 2)
    } throws: { "\($0)".contains("flight-delay@2 is not loaded") }
    #expect(worker.send("k").generation == 1)
  }

  @Test func sessionsAreWarmKeptAndLetGo() throws {
    let source = FakeSource(score: 2)
    let endpoint = try Fixture.endpoint()
    let one = try LoadedVersion(try Fixture.version(1), source: FakeSource(score: 1), warm: 1)
    let first = try RouteTable(Split(all: one.id), stable: one.id, salt: 1)
    let worker = endpoint.makeWorker(seed: 1)
    do {
      let two = try LoadedVersion(try Fixture.version(2), source: source, warm: 1)
      let both = try first.changed(to: try Fixture.split([1: 5_000, 2: 5_000]), stable: one.id)
      try endpoint.publish(both, loaded: [one, two], generation: 1)
      _ = worker.send("k")
      #expect(source.made.load(ordering: .relaxed) == 1)
      #expect(two.idlePredictors == 0)
      // A change of weights keeps the session.
      let more = try both.changed(to: try Fixture.split([1: 1_000, 2: 9_000]), stable: one.id)
      try endpoint.publish(more, loaded: [one, two], generation: 2)
      _ = worker.send("k")
      #expect(source.made.load(ordering: .relaxed) <= 2)
    }
    #expect(source.alive.load(ordering: .relaxed) > 0)
    try endpoint.publish(first, loaded: [one], generation: 3)
    worker.catchUp()
    #expect(source.alive.load(ordering: .relaxed) == 0)
  }

  @Test func theTapCarriesTheRow() throws {
    let (endpoint, _, _) = try Fixture.serving(Split(all: try Fixture.version(1)))
    let worker = endpoint.makeWorker(seed: 1)
    _ = worker.send("k", speed: 41.5, carrier: "B6", id: 99)
    let fields = endpoint.schema.layout.fields
    var count = 0
    endpoint.drainTaps { record, row in
      count += 1
      #expect(record.requestID == 99)
      #expect(record.score == 42.5)
      #expect(record.label == TextKey("1"))
      #expect(row.load(fromByteOffset: fields[0].offsetBytes, as: TextKey.self) == TextKey("B6"))
      #expect(row.load(fromByteOffset: fields[1].offsetBytes, as: Float.self) == 41.5)
    }
    #expect(count == 1)
  }

  @Test func fullTapsDropAndCountAndOutliveTheirWorker() throws {
    let (endpoint, _, _) = try Fixture.serving(Split(all: try Fixture.version(1)))
    do {
      let worker = endpoint.makeWorker(seed: 1, tapCapacity: 8)
      for _ in 0..<20 { #expect(worker.send("k").outcome == .answered) }
    }
    #expect(endpoint.droppedTaps == 12)
    #expect(endpoint.drainTaps { _, _ in } == 8)
    #expect(endpoint.droppedTaps == 12)
    #expect(endpoint.drainTaps { _, _ in } == 0)
  }
}
