import Control
import Core
import Serving
import Telemetry
import Testing

@testable import Node

@Suite("Probes and conditions", .serialized)
struct ProbeTests {
  @Test("a version that does not answer its probe is not prepared until it does again")
  func probe() throws {
    let fake = try FakeNode(versions: 2)
    let plan = Plan(
      name: "p", summary: "",
      steps: [PlanStep(weight: 500, hold: .minutes(60)), PlanStep(weight: 10_000, hold: .zero)],
      metrics: [])
    try fake.give(.startRamp(endpoint: fake.endpoint, version: fake.v(2), plan: plan))
    let row = try RecordedRow(
      ["carrier": "UA", "speed": "1"], schema: try fake.runtime().schema)
    let prober = Prober(shelf: fake.node.shelf)
    let state = fake.node.core.state
    prober.round(state) { _ in [row, row, row] }
    #expect(prober.failures.isEmpty)
    fake.switches[0].isOn = true
    // With few rows nothing is held against a version.
    prober.round(state) { _ in [row, row] }
    #expect(prober.failures.isEmpty)
    prober.round(state) { _ in [row, row, row] }
    #expect(prober.failures(on: fake.endpoint) == [fake.v(1)])
    #expect(prober.failures.first?.sentence.contains("flights@1 answers none of the rows") ?? false)
    var symptoms = SymptomTracker()
    symptoms.updateProbes(prober.failures, now: Timestamp(microseconds: 1))
    #expect(symptoms.symptoms.map(\.kind) == ["probe"])
    // It is asked again after the rollout as well, until it answers.
    try fake.give(.rollBack(endpoint: fake.endpoint, to: nil, symptom: "test"))
    prober.round(fake.node.core.state) { _ in [row, row, row] }
    #expect(prober.failures(on: fake.endpoint) == [fake.v(1)])
    fake.switches[0].isOn = false
    prober.round(fake.node.core.state) { _ in [row, row, row] }
    #expect(prober.failures.isEmpty)
    symptoms.updateProbes([], now: Timestamp(microseconds: 2))
    #expect(symptoms.symptoms.isEmpty)
  }

  @Test("golden rows are asked before recent ones, and only while a rollout runs")
  func golden() throws {
    let fake = try FakeNode(versions: 2)
    var entry = try #require(fake.node.shelf.loaded(fake.v(1)))
    entry.goldenProbe = { throw NodeError(.refused, "row 1 differs") }
    fake.node.shelf.put(entry)
    let row = try RecordedRow(
      ["carrier": "UA", "speed": "1"], schema: try fake.runtime().schema)
    let prober = Prober(shelf: fake.node.shelf)
    prober.round(fake.node.core.state) { _ in [row, row, row] }
    #expect(prober.failures.isEmpty)
    let plan = Plan(
      name: "p", summary: "",
      steps: [PlanStep(weight: 500, hold: .minutes(60)), PlanStep(weight: 10_000, hold: .zero)],
      metrics: [])
    try fake.give(.startRamp(endpoint: fake.endpoint, version: fake.v(2), plan: plan))
    prober.round(fake.node.core.state) { _ in [row, row, row] }
    #expect(prober.failures.map(\.version) == [fake.v(1)])
    #expect(prober.failures.first?.sentence.contains("row 1 differs") ?? false)
  }

  @Test("an incident is the stable's own trouble, and goes at a lower level than it came")
  func incidents() throws {
    let endpoint = try Name("flights")
    let version = VersionID(model: endpoint, number: 1)
    var tracker = IncidentTracker()
    func look(_ failed: Int, of requests: Int, version: VersionID? = version) {
      let series = SecondSeries()
      for index in 0..<requests {
        series.record(second: 100, latencyNanoseconds: 1_000_000, failed: index < failed)
      }
      tracker.update(
        endpoint, version: version, stable: series.window(endingAt: 100, seconds: 60), fault: nil)
    }
    look(4, of: 100)
    #expect(tracker.incident(on: endpoint) == nil)
    look(6, of: 100)
    #expect(tracker.incident(on: endpoint)?.contains("flights@1's own answers fail") ?? false)
    look(4, of: 100)
    #expect(tracker.incident(on: endpoint) != nil)
    // An outage of traffic is no recovery.
    look(0, of: 5)
    #expect(tracker.incident(on: endpoint) != nil)
    look(2, of: 100)
    #expect(tracker.incident(on: endpoint) == nil)
    tracker.update(endpoint, version: version, stable: nil, fault: "it is not in memory")
    #expect(tracker.incident(on: endpoint) == "it is not in memory")
    tracker.update(endpoint, version: nil, stable: nil, fault: nil)
    #expect(tracker.incident(on: endpoint) == nil)
  }

  @Test("a node is at its limit when records drop, or all processors are busy for long")
  func capacity() {
    var watch = CapacityWatch(processors: 2)
    func look(_ dropped: Int, _ used: Double, _ second: UInt64) -> Bool {
      watch.look(dropped: dropped, used: used, now: second * 1_000_000_000) != nil
    }
    #expect(!look(7, 0.5, 1))
    #expect(!look(7, 0.5, 2))
    #expect(look(8, 0.5, 3))
    #expect(look(8, 0.5, 12))
    #expect(!look(8, 1.95, 13))
    #expect(!look(8, 1.95, 42))
    #expect(look(8, 1.95, 43))
    #expect(!look(8, 1.2, 44))
    #expect(!look(8, 1.95, 45))
  }

  @Test("the guard closes a candidate that breaks within milliseconds, and loses no request")
  func breach() throws {
    let report = try BreachBench.run(runs: 5)
    #expect(report.runs == 5 && report.routedAfterFence == 0 && report.unanswered == 0)
    #expect(report.p50Milliseconds > 0 && report.maxMilliseconds < 5_000)
  }
}

@Suite("Segments of tapped rows")
struct SegmentReaderTests {
  @Test("texts by name, numbers by value, anything else is none")
  func places() throws {
    let layout = Telemetry.RowLayout([("carrier", .text), ("hour", .number)])
    let row = UnsafeMutableRawPointer.allocate(byteCount: layout.strideBytes, alignment: 8)
    defer { row.deallocate() }
    func put(_ carrier: String, _ hour: Float) {
      (row + layout.fields[0].offsetBytes).storeBytes(of: TextKey(carrier), as: TextKey.self)
      (row + layout.fields[1].offsetBytes).storeBytes(of: hour, as: Float.self)
    }
    let texts = try #require(SegmentReader("carrier", values: ["AA", "UA"], layout))
    let numbers = try #require(SegmentReader("hour", values: ["7", "8.5", "late"], layout))
    put("UA", 8.5)
    #expect(texts.place(of: row) == 1 && numbers.place(of: row) == 1)
    put("DL", .nan)
    #expect(texts.place(of: row) == nil && numbers.place(of: row) == nil)
    #expect(SegmentReader("gate", values: ["1"], layout) == nil)
  }
}
