import Control
import Core
import Foundation
import Storage
import Testing

@testable import Node

/// The registry of a real node: search, lineage, gates, deletion, bundles.
@Suite("The registry of a node", .serialized)
struct RegistryNodeTests {
  private let actor = ActorID(kind: .person, name: "ana")
  private let sample: SampleFiles

  init() throws { sample = try SampleFiles.flightDelay }

  private func v(_ number: Int) -> VersionID { VersionID(model: sample.model, number: number) }

  private func withNode(
    _ versions: Int = 2, _ body: (Node, String) throws -> Void
  ) throws {
    let state = "/tmp/slr-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: state) }
    let node = try Node.open(
      NodeOptions(stateDirectory: state, listens: false, serves: false))
    defer { node.stop() }
    for number in 1...versions {
      _ = try ModelImporter.importModel(
        file: sample.modelPath(number), model: sample.model, card: sample.cardPath(number),
        reference: sample.referencePath(number),
        golden: sample.directory + "/golden/flight-delay-\(number).jsonl",
        parent: number == 2 ? v(1) : nil,
        origin: VersionOrigin(
          training: TrainingRun(
            command: "train.py --version \(number)", data: Digest(ofBytes: [1]),
            duration: .seconds(90))), stateDirectory: state, client: node, actor: actor)
    }
    try body(node, state)
  }

  @discardableResult
  private func perform(_ node: Node, _ command: Command) throws -> Outcome {
    guard
      case .outcome(let outcome) = try node.send(.perform(Order(command: command, actor: actor)))
    else { throw NodeError(.system, "no outcome") }
    return outcome
  }

  private func refusal(_ body: () throws -> Void) -> NodeError {
    do { try body() } catch { return NodeError(describing: error) }
    Issue.record("it was not refused")
    return NodeError(.system, "")
  }

  @Test func searchReadsCardsAndTheListSaysHowVersionsStand() throws {
    try withNode { node, _ in
      try perform(node, .registry(.setAlias(alias: try Name("champion"), version: v(2))))
      var query = VersionQuery()
      query.texts = ["boosted"]
      #expect(try node.search(query).map(\.version) == [v(2)])
      query.texts = ["intended"]
      query.metrics = [try MetricCondition("accuracy>0.5")]
      #expect(try node.search(query).map(\.version) == [v(1), v(2)])
      guard case .snapshot(let snapshot) = try node.send(.snapshot(SnapshotRequest())) else {
        return
      }
      let standing = try #require(snapshot.registry.last?.standing)
      #expect(standing.aliases.map(\.text) == ["champion"])
      #expect(standing.status == .draft && standing.items == 4 && standing.gatesPassed == nil)
      #expect(try node.resolve("flight-delay@champion") == v(2))
      #expect(refusal { _ = try node.resolve("flight-delay@none") }.code == .badInput)
    }
  }

  @Test func lineageTellsTheWholeStory() throws {
    try withNode { node, _ in
      let name = try Name("fd")
      try perform(node, .createEndpoint(name))
      try perform(node, .deploy(endpoint: name, version: v(1)))
      let plan = Plan(
        name: "two", summary: "",
        steps: [PlanStep(weight: 1_000, hold: .zero), PlanStep(weight: 10_000, hold: .zero)],
        metrics: [])
      try perform(node, .startRamp(endpoint: name, version: v(2), plan: plan))
      try perform(node, .rollBack(endpoint: name, to: nil, symptom: "slow"))
      try perform(node, .drainEndpoint(name))
      let second = try node.lineage(of: v(2))
      #expect(second.ancestors == [v(1)])
      #expect(second.registered.draft.origin?.training?.command == "train.py --version 2")
      #expect(second.rollouts.map(\.end) == ["rolled-back"])
      #expect(second.rollouts.map(\.part) == [.candidate])
      #expect(second.served.map(\.peak) == [1_000])
      #expect(second.served.allSatisfy { $0.until != nil })
      let first = try node.lineage(of: v(1))
      #expect(first.children == [v(2)])
      #expect(first.rollouts.map(\.part) == [.fallback])
      // In one piece over the ramp, until the endpoint was drained.
      #expect(first.served.map(\.peak) == [10_000])
      #expect(first.served.first?.until != nil)
      try perform(node, .enableEndpoint(name))
      #expect(try node.lineage(of: v(1)).served.count == 2)
      #expect(try node.lineage(of: v(1)).served.last?.until == nil)
    }
  }

  @Test func theUsualGatesAreKeptWithTheVersionAndOpenTheWay() throws {
    try withNode { node, state in
      let name = try Name("fd")
      try perform(node, .createEndpoint(name))
      try perform(node, .deploy(endpoint: name, version: v(1)))
      try perform(
        node, .registry(.setPolicy(endpoint: name, requirements: [.gates], reason: nil)))
      let plan = try #require(PlanFile.builtIn(name: "quick-ramp"))
      let ramp = Command.startRamp(endpoint: name, version: v(2), plan: plan)
      #expect(refusal { try perform(node, ramp) }.message.contains("none were run"))
      // The limits of the usual gates are wide; a busy machine must not fail them here.
      let gates = state + "/gates.yaml"
      try """
      name: tiny
      signature: true
      golden: {min_rows: 32}
      warm_up: true
      card: true
      memory: {available: 90%}
      load: {threads: 2, seconds: 0.2, p99: 10s, p99_ratio: 1000, throughput_ratio: 0.01}
      checklist: [load test]
      four_eyes: true
      """.write(toFile: gates, atomically: true, encoding: .utf8)
      var request = GateRequest(version: v(2), gatesPath: gates, endpoint: name)
      let report = try GateRunner.run(
        request, stateDirectory: state, client: node, actor: actor)
      let failed = report.results.filter { !$0.passed }.map(\.gate)
      #expect(failed == ["load test"], "\(report.results)")
      let record = try node.record(of: v(2)).record
      #expect(record.gates.first?.run.passed == true)
      #expect(record.gates.first?.run.against == v(1))
      #expect(record.gates.first?.run.digest == report.gatesDigest)
      #expect(record.gates.first?.run.lines.contains { $0.gate == "load test" } == false)
      #expect(record.checklist == Checklist(items: ["load test"], fourEyes: true))
      request.signed = ["load test": "bob"]
      #expect(
        refusal {
          _ = try GateRunner.run(request, stateDirectory: state, client: node, actor: actor)
        }.message.contains("four eyes"))
      #expect(
        refusal { try perform(node, .registry(.sign(version: v(2), item: "load test"))) }.message
          .contains("ana imported"))
      try perform(node, ramp)
    }
  }

  @Test func deletingTakesTheFileOfTheLastVersionThatHasIt() throws {
    try withNode { node, state in
      let artifacts = ArtifactStore(try StateDirectory(state, create: false))
      _ = try ModelImporter.importModel(
        file: sample.modelPath(2), model: try Name("twin"), card: nil, reference: nil,
        stateDirectory: state, client: node, actor: actor)
      let draft = try node.record(of: v(2)).registered.draft
      try perform(node, .registry(.delete(version: v(2), reason: "test")))
      #expect(artifacts.exists(draft.artifact))
      #expect(draft.golden.map(artifacts.exists) == false)
      #expect(draft.card.map(artifacts.exists) == true)
      try perform(
        node, .registry(.delete(version: try VersionID("twin@1"), reason: nil)))
      #expect(!artifacts.exists(draft.artifact))
      guard case .version(let detail) = try node.send(.version(v(2))) else { return }
      #expect(detail.damage == nil && detail.registered.standing?.deletion != nil)
      #expect(refusal { try perform(node, .registerVersion(draft)) }.exitCode == .system)
      // What is left behind by a crash goes when a node begins.
      _ = try artifacts.put(try Data(contentsOf: URL(filePath: sample.modelPath(2))).map { $0 })
      node.stop()
      let again = try Node.open(
        NodeOptions(stateDirectory: state, listens: false, serves: false))
      #expect(!artifacts.exists(draft.artifact))
      again.stop()
    }
  }
}
