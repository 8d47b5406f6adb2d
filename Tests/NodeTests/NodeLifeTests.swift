import Control
import Core
import Foundation
import Testing

@testable import Node

/// A real node on a throw-away state with the sample's models.
@Suite("A node's life", .serialized)
struct NodeLifeTests {
  private let actor = ActorID(kind: .person, name: "ana")
  private let sample: SampleFiles

  init() throws { sample = try SampleFiles.flightDelay }

  private func version(_ number: Int) -> VersionID {
    VersionID(model: sample.model, number: number)
  }

  private func withState(_ body: (String) throws -> Void) throws {
    let state = "/tmp/sln-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: state) }
    try body(state)
  }

  private func open(_ state: String, serves: Bool = true) throws -> Node {
    try Node.open(NodeOptions(stateDirectory: state, listens: false, serves: serves))
  }

  private func importVersions(_ numbers: ClosedRange<Int>, _ node: Node, _ state: String) throws {
    for number in numbers {
      let outcome = try ModelImporter.importModel(
        file: sample.modelPath(number), model: sample.model, card: sample.cardPath(number),
        reference: sample.referencePath(number), stateDirectory: state, client: node,
        actor: actor)
      #expect(outcome.version == version(number))
    }
  }

  @discardableResult
  private func perform(_ node: Node, _ command: Command, generation: Int? = nil) throws -> Outcome {
    guard
      case .outcome(let outcome) = try node.send(
        .perform(Order(command: command, actor: actor, expectedGeneration: generation)))
    else { throw NodeError(.system, "no outcome") }
    return outcome
  }

  private func snapshot(_ node: Node) throws -> NodeSnapshot {
    guard case .snapshot(let snapshot) = try node.send(.snapshot(SnapshotRequest())) else {
      throw NodeError(.system, "no snapshot")
    }
    return snapshot
  }

  private func refusal(_ body: () throws -> Void) -> NodeError? {
    do {
      try body()
      return nil
    } catch { return NodeError(describing: error) }
  }

  private func verdict(_ node: Node) throws -> VerdictView {
    guard case .verdict(let view) = try node.send(.verdict(endpoint: sample.model)) else {
      throw NodeError(.unknown, "no verdict came")
    }
    return view
  }

  @Test("register, deploy, ramp, roll back; everything is there after a restart")
  func life() throws {
    try withState { state in
      var node = try open(state)
      try importVersions(1...2, node, state)
      try perform(node, .createEndpoint(sample.model))
      try perform(node, .deploy(endpoint: sample.model, version: version(1)))
      #expect(try snapshot(node).detail?.split == Split(all: version(1)))
      let plan = try #require(PlanFile.builtIn(name: "quick-ramp"))
      try perform(
        node, .startRamp(endpoint: sample.model, version: version(2), plan: plan))
      #expect(try snapshot(node).detail?.rollout?.candidateWeight == 500)
      let running = try verdict(node)
      #expect(running.candidate == version(2) && running.phase == "baking" && running.steps == 4)
      #expect(running.metrics.count == plan.metrics.count && !running.missing.isEmpty)
      let ramping = node.core.state
      node.stop()

      node = try open(state)
      #expect(try CanonicalJSON.encode(node.core.state) == CanonicalJSON.encode(ramping))
      #expect(try snapshot(node).detail?.rollout?.candidateWeight == 500)
      let preview = try #require(try snapshot(node).detail?.rollback)
      #expect(preview.target == version(1))
      #expect(preview.targetReady)
      let outcome = try perform(
        node, .rollBack(endpoint: sample.model, to: nil, symptom: "test"),
        generation: preview.generation)
      #expect(outcome.fenceMicroseconds != nil)
      #expect(try snapshot(node).detail?.split == Split(all: version(1)))
      #expect(node.plane.runtime(of: sample.model)?.isFenced(version(2)) == true)
      let ended = try verdict(node)
      #expect(ended.phase == "rolled back" && ended.missing.isEmpty && !ended.cause.isEmpty)
      node.stop()

      node = try open(state)
      defer { node.stop() }
      #expect(try snapshot(node).detail?.split == Split(all: version(1)))
      #expect(node.plane.runtime(of: sample.model)?.isFenced(version(2)) == true)
      guard case .journalCheck(let check) = try node.send(.verifyJournal) else {
        Issue.record("no check")
        return
      }
      #expect(check.fault == nil)
      #expect(check.events == node.core.sequence)
    }
  }

  @Test("a second node on the same state is refused, and says who has it")
  func oneWriter() throws {
    try withState { state in
      let node = try open(state)
      defer { node.stop() }
      let refused = refusal { _ = try open(state) }
      #expect(refused?.exitCode == .system)
      #expect(refused?.message.contains("\(getpid())") == true)
    }
  }

  @Test("what is no model changes nothing and is named")
  func hostileModels() throws {
    try withState { state in
      let node = try open(state)
      defer { node.stop() }
      let bad = state + "/bad.onnx"
      let good = [UInt8](try Data(contentsOf: URL(fileURLWithPath: sample.modelPath(2))))
      var altered = good
      for index in stride(from: 100, to: altered.count, by: 97) { altered[index] ^= 0xFF }
      for bytes in [[], Array("not a model".utf8), Array(good.prefix(good.count / 2)), altered] {
        try Data(bytes).write(to: URL(fileURLWithPath: bad))
        let refused = refusal {
          _ = try ModelImporter.importModel(
            file: bad, model: sample.model, card: nil, reference: nil, stateDirectory: state,
            client: node, actor: actor)
        }
        #expect(refused?.exitCode == .usage, "\(refused?.message ?? "accepted")")
      }
      #expect(node.core.sequence == 0)
      let missing = refusal {
        _ = try ModelImporter.importModel(
          file: state + "/none.onnx", model: sample.model, card: nil, reference: nil,
          stateDirectory: state, client: node, actor: actor)
      }
      #expect(missing?.exitCode == .usage)
    }
  }

  @Test("an artifact that was altered on disk is never served")
  func alteredArtifact() throws {
    try withState { state in
      let node = try open(state)
      try importVersions(1...2, node, state)
      try perform(node, .createEndpoint(sample.model))
      try perform(node, .deploy(endpoint: sample.model, version: version(1)))
      let digest = try #require(node.core.state.version(version(2))?.draft.artifact)
      let files = try #require(FileManager.default.enumerator(atPath: state + "/artifacts"))
      for case let file as String in files where file.hasSuffix(digest.description) {
        let url = URL(fileURLWithPath: state + "/artifacts/" + file)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: url.path)
        var bytes = try Data(contentsOf: url)
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: url)
      }
      let before = node.core.sequence
      let refused = refusal {
        try perform(node, .deploy(endpoint: sample.model, version: version(2)))
      }
      #expect(refused?.message.contains(digest.short) == true, "\(refused?.message ?? "deployed")")
      #expect(node.core.sequence == before)
      node.stop()
    }
  }

  @Test("a stale command is refused with what changed")
  func stale() throws {
    try withState { state in
      let node = try open(state)
      defer { node.stop() }
      try importVersions(1...2, node, state)
      try perform(node, .createEndpoint(sample.model))
      try perform(node, .deploy(endpoint: sample.model, version: version(1)))
      let seen = try #require(try snapshot(node).detail?.generation)
      try perform(node, .deploy(endpoint: sample.model, version: version(2)))
      let half = try Split([
        .init(version: version(1), weight: 5_000), .init(version: version(2), weight: 5_000),
      ])
      let refused = refusal {
        try perform(node, .setSplit(endpoint: sample.model, split: half), generation: seen)
      }
      #expect(refused?.exitCode == .notSo)
      #expect(refused?.message.contains("generation") == true)
      try perform(node, .setSplit(endpoint: sample.model, split: half))
      #expect(try snapshot(node).detail?.split == half)
    }
  }

  @Test("a rollback forced while the node hangs is obeyed when it starts")
  func forcedRollback() throws {
    try withState { state in
      var node = try open(state)
      try importVersions(1...2, node, state)
      try perform(node, .createEndpoint(sample.model))
      try perform(node, .deploy(endpoint: sample.model, version: version(1)))
      let plan = try #require(PlanFile.builtIn(name: "standard-launch"))
      try perform(node, .startRamp(endpoint: sample.model, version: version(2), plan: plan))
      let words = try NodeDoor.forceRollback(
        stateDirectory: state, endpoint: sample.model, to: nil, actor: actor)
      #expect(words.contains("flight-delay@1"))
      node.stop()
      node = try open(state)
      defer { node.stop() }
      #expect(try snapshot(node).detail?.split == Split(all: version(1)))
      #expect(node.core.state.endpoint(sample.model)?.rollout == nil)
      #expect(try node.tombstones.pending().isEmpty)
    }
  }

  @Test("traffic flows, labels come back, drift is quiet, a runbook's dry run changes nothing")
  func traffic() throws {
    try withState { state in
      let node = try open(state)
      defer { node.stop() }
      try importVersions(1...1, node, state)
      try perform(node, .createEndpoint(sample.model))
      try perform(node, .deploy(endpoint: sample.model, version: version(1)))
      try node.startReplay(
        ReplayOptions(
          endpoint: sample.model, trafficPath: sample.trafficPath, requestsPerSecond: 1_000,
          speed: 100_000))
      var seen: NodeSnapshot?
      for _ in 0..<100 {
        usleep(100_000)
        seen = try snapshot(node)
        if (seen?.detail?.traffic.totalLabels ?? 0) > 1_000 { break }
      }
      let detail = try #require(seen?.detail)
      #expect(detail.traffic.totalRequests > 1_000)
      #expect(detail.traffic.totalFailed == 0)
      #expect(detail.traffic.routedAfterFence == 0)
      #expect(detail.traffic.totalLabels > 1_000)
      #expect(detail.drift?.features.count == 15)
      #expect(detail.drift?.features.allSatisfy { $0.severity == .ok } == true)
      let split = detail.split
      guard
        case .runbookRun(let run) = try node.send(
          .runbook(name: "high-error-rate", endpoint: sample.model, dryRun: true, actor: actor))
      else {
        Issue.record("no run")
        return
      }
      #expect(run.steps.first?.result == "pass")
      #expect(run.steps[1].result == "fail")
      #expect(try snapshot(node).detail?.split == split)
      #expect(node.core.recentRows(1).first?.kind == "runbook-run")
    }
  }
}
