import Control
import Core
import Foundation
import Serving
import Synchronization
import Telemetry
import Testing

@testable import Node

/// A node whose versions are no models: version N answers N, or fails when told to.
final class FakeNode {
  let node: Node
  let endpoint: Name
  let switches: [FailingSwitch]
  private let state = "/tmp/slf-\(UUID().uuidString.prefix(8))"

  static let signature = Signature(
    inputs: [
      TensorSpec(name: "carrier", elementType: .text, shape: [nil, 1]),
      TensorSpec(name: "speed", elementType: .float32, shape: [nil, 1]),
    ], outputs: [TensorSpec(name: "y", elementType: .float32, shape: [nil, 1])])

  /// Registers `count` versions and deploys the first.
  init(versions count: Int, serves: Bool = true) throws {
    endpoint = try Name("flights")
    node = try Node.openState(NodeOptions(stateDirectory: state, listens: false, serves: serves))
    var switches: [FailingSwitch] = []
    for number in 1...count {
      let fails = FailingSwitch()
      switches.append(fails)
      let version = VersionID(model: endpoint, number: number)
      node.shelf.put(
        ModelShelf.Loaded(
          version: try LoadedVersion(
            version, source: NumberedSource(number: number, fails: fails), warm: 2),
          signature: FakeNode.signature, reference: nil, referenceFault: nil))
      node.shelf.reserve(version)
    }
    self.switches = switches
    for _ in 1...count {
      try give(
        .registerVersion(
          VersionDraft(
            model: endpoint, artifact: try Digest(bytes: [UInt8](repeating: 7, count: 32)),
            artifactBytes: 10, signature: FakeNode.signature, summary: "", metrics: [:])))
    }
    try give(.createEndpoint(endpoint))
    try give(.deploy(endpoint: endpoint, version: v(1)))
    try node.begin()
  }

  deinit {
    node.stop()
    try? FileManager.default.removeItem(atPath: state)
  }

  func v(_ number: Int) -> VersionID { VersionID(model: endpoint, number: number) }

  @discardableResult
  func give(_ command: Command) throws -> ControlCore.Change {
    try node.core.transact(on: node.plane) { state in
      try decide(
        state, command,
        DecisionContext(
          now: SystemClock.now(), actor: ActorID(kind: .person, name: "ana"),
          prepared: node.shelf.prepared))
    }
  }

  func runtime() throws -> EndpointRuntime {
    try #require(node.plane.runtime(of: endpoint))
  }

  func send(
    _ worker: Worker, key: String?, carrier: String = "UA", id: UInt64 = 1
  ) -> Answer {
    let texts = Array((key ?? "").utf8) + [0]
    let carrier = Array(carrier.utf8) + [0]
    return texts.withUnsafeBufferPointer { key1 in
      carrier.withUnsafeBufferPointer { bytes in
        worker.row.setText(0, TextValue(bytes: bytes.baseAddress, count: bytes.count - 1))
        worker.row.setNumber(1, Float(1))
        return worker.predict(
          Request(
            key: key == nil ? nil : key1.baseAddress, keyCount: texts.count - 1, id: id))
      }
    }
  }

  func tried(
    row: [String: String] = ["carrier": "UA", "speed": "1"], key: String? = nil,
    headers: [String: String] = [:], version: VersionID? = nil
  ) throws -> TriedRequest {
    let request = NodeRequest.tryRequest(
      endpoint: endpoint, row: row, key: key, headers: headers, version: version)
    guard case .tried(let tried) = try node.send(request) else {
      throw NodeError(.system, "no try")
    }
    return tried
  }

  func why(
    key: String? = nil, row: [String: String] = [:], headers: [String: String] = [:]
  ) throws -> RouteExplanation {
    let request = NodeRequest.why(endpoint: endpoint, key: key, row: row, headers: headers)
    guard case .why(let found) = try node.send(request) else {
      throw NodeError(.system, "no explanation")
    }
    return found
  }
}

/// Says to versions on other threads whether they fail.
final class FailingSwitch: Sendable {
  private let value = Atomic<Bool>(false)
  var isOn: Bool {
    get { value.load(ordering: .acquiring) }
    set { value.store(newValue, ordering: .releasing) }
  }
}

private struct NumberedSource: PredictorSource {
  let number: Int
  let fails: FailingSwitch
  func makePredictor() throws(ServingError) -> any Predictor { NumberedPredictor(number, fails) }
}

private final class NumberedPredictor: Predictor {
  private let number: Int
  private let fails: FailingSwitch
  init(_ number: Int, _ fails: FailingSwitch) {
    self.number = number
    self.fails = fails
  }
  func attach(to row: RowBuffer) throws(ServingError) {}
  func predict() -> Prediction {
    if fails.isOn { return .failure }
    return Prediction(
      succeeded: true, score: Float(number), label: .number(number == 1 ? 1 : 0))
  }
  func allOutputs() -> [PredictionOutput] { [PredictionOutput(name: "y", values: ["\(number)"])] }
}

@Suite("Routes as the state says", .serialized)
struct RoutesTests {
  private func plan(_ steps: [PlanStep]) -> Plan {
    Plan(
      name: "p", summary: "", steps: steps + [PlanStep(weight: 10_000, hold: .zero)],
      metrics: [JudgedMetric(metric: .errors, tolerance: 1.25, riskShare: 1)], warmUp: 0)
  }

  @Test("rules by hand and pins route ahead of the split, and are explained and tried")
  func byHand() throws {
    let fake = try FakeNode(versions: 3)
    try fake.give(
      .startRamp(
        endpoint: fake.endpoint, version: fake.v(2),
        plan: plan([PlanStep(weight: 5_000, hold: .minutes(60))])))
    try fake.give(
      .addRule(
        endpoint: fake.endpoint, rule: .pin("alice", to: fake.v(2)), reason: "a test"))
    try fake.give(
      .addRule(
        endpoint: fake.endpoint,
        rule: RouteRule(
          name: try Name("beta"), rule: try RequestRule("header:x-beta=1 carrier=AA"),
          split: Split(all: fake.v(1))), reason: "a test"))
    let worker = try fake.runtime().makeWorker(seed: 1)
    let pinned = fake.send(worker, key: "alice")
    #expect(pinned.prediction.score == 2 && !pinned.flags.contains(.drawn))
    let drawn = fake.send(worker, key: "bob")
    #expect(drawn.flags.contains(.drawn) && drawn.rule == TapRecord.noRule)

    let tried = try fake.tried(key: "alice")
    #expect(tried.version == fake.v(2) && tried.outcome == "answered" && tried.score == 2)
    #expect(tried.chosenBy.contains("the rule pin-alice-") && tried.label == "0")
    #expect(tried.outputs.first?.values == ["2"])
    #expect(tried.stages.map(\.name) == ["read", "route", "model"])
    let headed = try fake.tried(row: ["carrier": "AA", "speed": ""], headers: ["X-Beta": "1"])
    #expect(headed.version == fake.v(1) && headed.chosenBy.contains("the rule beta"))
    #expect(try fake.tried(version: fake.v(2)).chosenBy == "the request asks for flights@2")
    let absent = try fake.tried(version: fake.v(3))
    #expect(absent.outcome == "not loaded" && absent.version == nil)
    #expect {
      _ = try fake.tried(row: ["carrier": "AA"])
    } throws: { "\($0)".contains("lacks the column \"speed\"") }
    #expect {
      _ = try fake.tried(row: ["carrier": "AA", "speed": "fast"])
    } throws: { "\($0)".contains("speed: expected float32, got \"fast\"") }

    #expect(try fake.why(key: "alice").version == fake.v(2))
    #expect(try fake.why(key: "alice").isEvidence == false)
    let unknown = try fake.why(key: "bob", headers: ["x-beta": "1"])
    #expect(unknown.matchedRule == nil && unknown.isEvidence == true)
    #expect(unknown.undecided?.first?.hasPrefix("beta: ") ?? false)
    let known = try fake.why(key: "bob", row: ["carrier": "AA"], headers: ["x-beta": "1"])
    #expect(known.matchedRule == "beta" && known.version == fake.v(1))
    #expect(try fake.why(headers: ["x-beta": "0"]).rule.contains("every request draws anew"))
    // None of the tried requests was counted.
    try until { (fake.evidence?.drawn ?? 0) > 0 }
    usleep(20_000)
    #expect(fake.evidence?.drawn == 1)
  }

  @Test("a row of a recent request is sent when none is given")
  func sample() throws {
    let fake = try FakeNode(versions: 1)
    #expect {
      _ = try fake.tried(row: [:])
    } throws: { "\($0)".contains("has had no request yet") }
    let worker = try fake.runtime().makeWorker(seed: 1)
    let long = "a carrier with a name of more than fifteen bytes"
    _ = fake.send(worker, key: nil, carrier: long)
    let tried = try fake.tried(row: [:])
    #expect(tried.row == ["carrier": long, "speed": "1.0"])
    #expect(tried.rowSource == "a recent request")
  }

  @Test("a segment's step draws among its requests only, and only those are evidence")
  func segment() throws {
    let fake = try FakeNode(versions: 2)
    try fake.give(
      .startRamp(
        endpoint: fake.endpoint, version: fake.v(2),
        plan: plan([
          PlanStep(weight: 5_000, hold: .minutes(60), rule: try RequestRule("carrier=AA"))
        ])))
    let runtime = try fake.runtime()
    let worker = runtime.makeWorker(seed: 1)
    var candidates = 0
    for id in 0..<400 {
      candidates +=
        fake.send(worker, key: nil, carrier: "AA", id: UInt64(id)).prediction.score == 2 ? 1 : 0
      #expect(fake.send(worker, key: nil, carrier: "UA").prediction.score == 1)
    }
    #expect(abs(candidates - 200) < 50)
    try until { fake.evidence?.drawn == 400 }
    #expect(fake.evidence?.epochs.last?.drawn.candidateTotal == candidates)
  }

  @Test("shadows answer copies: the evidence pairs them, callers see nothing of it")
  func shadow() throws {
    let fake = try FakeNode(versions: 2)
    try fake.give(
      .startRamp(
        endpoint: fake.endpoint, version: fake.v(2),
        plan: plan([PlanStep(weight: 10_000, hold: .minutes(60), strategy: .shadow)])))
    let runtime = try fake.runtime()
    #expect(runtime.snapshot.shadow?.candidates == [fake.v(2)])
    let worker = runtime.makeWorker(seed: 1)
    for id in 0..<50 {
      #expect(fake.send(worker, key: "k", id: UInt64(id)).prediction.score == 1)
    }
    try until { fake.evidence?.shadow?.pairs == 50 }
    let seen = try #require(fake.evidence?.shadow)
    // Version 2 says another label than version 1; the clone never does.
    #expect(seen.disagreements.candidateOnly == 50 && seen.disagreements.otherOnly == 0)
    #expect(seen.failures.neither == 50)
    // A late label of each request: the stable was right.
    for id in 0..<50 {
      fake.node.analyst.labels(of: fake.endpoint).add(
        LabelArrival(
          requestID: UInt64(id), label: 1,
          timeNanoseconds: MonotonicClock.nanoseconds()))
    }
    try until { fake.evidence?.shadow?.wrongAnswers.total == 50 }
    #expect(fake.evidence?.shadow?.wrongAnswers.candidateOnly == 50)
    #expect(try fake.why(key: "k").shadow?.contains("gets a copy of 100%") ?? false)
    #expect(fake.evidence?.drawn == 0)
  }

  @Test("of several candidates each is compared with the stable, and a dropped one is closed")
  func rivals() throws {
    let fake = try FakeNode(versions: 3)
    try fake.give(
      .startRamp(
        endpoint: fake.endpoint, version: fake.v(2),
        plan: plan([PlanStep(weight: 2_000, hold: .minutes(60))]),
        options: RampOptions(rivals: [fake.v(3)])))
    let worker = try fake.runtime().makeWorker(seed: 1)
    var answers = [0, 0, 0, 0]
    for id in 0..<1_000 {
      answers[Int(fake.send(worker, key: nil, id: UInt64(id)).prediction.score)] += 1
    }
    try until {
      fake.evidence?.epochs.last.map { $0.drawn.candidateTotal + $0.drawn.stableTotal }
        == answers[1] + answers[2]
    }
    let lead = try #require(fake.evidence?.epochs.last)
    #expect(lead.errors.candidateTotal == answers[2] && lead.errors.stableTotal == answers[1])
    let rival = try #require(fake.evidence?.rivals?.first)
    #expect(rival.version == fake.v(3))
    #expect(rival.evidence.epochs.last?.errors.candidateTotal == answers[3])
    #expect(rival.evidence.epochs.last?.errors.stableTotal == answers[1])
    // The leading one begins to fail: it alone goes, and the other leads.
    fake.switches[1].isOn = true
    try until {
      _ = fake.send(worker, key: nil)
      return fake.node.core.state.endpoint(fake.endpoint)?.rollout?.candidate == fake.v(3)
    }
    #expect(try fake.runtime().isFenced(fake.v(2)))
    #expect(try !fake.runtime().isFenced(fake.v(3)))
    #expect(try fake.tried(version: fake.v(2)).version == nil)
  }

  @Test("rules that no request can be about are refused")
  func badRules() throws {
    let fake = try FakeNode(versions: 2)
    let order = Order(
      command: .addRule(
        endpoint: fake.endpoint,
        rule: RouteRule(
          name: try Name("r"), rule: try RequestRule("speed=fast"), split: Split(all: fake.v(1))),
        reason: nil), actor: .system)
    #expect {
      _ = try fake.node.send(.perform(order))
    } throws: { "\($0)".contains("\"fast\" is no float32") }
  }

  private func until(_ condition: () throws -> Bool) throws {
    for _ in 0..<4_000 {
      if try condition() { return }
      usleep(2_500)
    }
    Issue.record("it did not come to pass within 10 s")
  }
}

extension FakeNode {
  /// The live evidence.
  var evidence: RolloutEvidence? { node.analyst.latestEvidence(of: endpoint) }
}

extension RolloutEvidence {
  /// Draws of both arms over all weights.
  fileprivate var drawn: Int {
    epochs.reduce(0) { $0 + $1.drawn.candidateTotal + $1.drawn.stableTotal }
  }
}
