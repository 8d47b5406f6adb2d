import Control
import Core
import Foundation
import Testing

@testable import Node

/// What a console asks beside the picture: the registry in pages, the past, who is attached, what
/// stands around a rollout.
@Suite("Views for looking closer", .serialized)
struct CloserViewsTests {
  private let actor = ActorID(kind: .person, name: "ana")
  private let sample: SampleFiles

  init() throws { sample = try SampleFiles.flightDelay }

  private func version(_ number: Int) -> VersionID {
    VersionID(model: sample.model, number: number)
  }

  private func withNode(listens: Bool = false, _ body: (Node) throws -> Void) throws {
    let state = "/tmp/slc-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: state) }
    let node = try Node.open(NodeOptions(stateDirectory: state, listens: listens))
    defer { node.stop() }
    for number in 1...3 {
      _ = try ModelImporter.importModel(
        file: sample.modelPath(number), model: sample.model, card: sample.cardPath(number),
        reference: sample.referencePath(number), stateDirectory: state, client: node, actor: actor)
    }
    try perform(node, .createEndpoint(sample.model))
    try perform(node, .deploy(endpoint: sample.model, version: version(1)))
    try body(node)
  }

  @discardableResult
  private func perform(_ node: Node, _ command: Command) throws -> Outcome {
    guard
      case .outcome(let outcome) = try node.send(.perform(Order(command: command, actor: actor)))
    else { throw NodeError(.system, "no outcome") }
    return outcome
  }

  private func snapshot(_ node: Node, registry: Bool? = nil) throws -> NodeSnapshot {
    let request = SnapshotRequest(wantsRegistry: registry)
    guard case .snapshot(let snapshot) = try node.send(.snapshot(request)) else {
      throw NodeError(.system, "no snapshot")
    }
    return snapshot
  }

  private func page(_ node: Node, _ offset: Int, _ limit: Int) throws -> RegistryPage {
    guard case .registryPage(let page) = try node.send(.registryPage(offset: offset, limit: limit))
    else {
      throw NodeError(.system, "no page")
    }
    return page
  }

  private static let plan = Plan(
    name: "two", summary: "",
    steps: [
      PlanStep(weight: 500, hold: .minutes(1), approvals: 2),
      PlanStep(weight: 10_000, hold: .minutes(1)),
    ], metrics: [JudgedMetric(metric: .errors, tolerance: 1.5, riskShare: 1)],
    holdDeadline: .minutes(30), blast: BlastCap(requests: 900, errors: 30), warmUp: 50)

  @Test("the registry comes in pages that tell when they are old")
  func registryPages() throws {
    try withNode { node in
      let first = try page(node, 0, 2)
      #expect(first.total == 3 && first.versions.map(\.version) == [version(1), version(2)])
      let rest = try page(node, 2, 1_000_000)
      #expect(rest.versions.map(\.version) == [version(3)] && rest.revision == first.revision)
      #expect(try page(node, 99, 5).versions.isEmpty)
      #expect(try page(node, -5, -5).versions.isEmpty)
      let traits = try #require(first.versions.first?.traits)
      #expect(traits.hasCard && traits.hasReference && traits.by == actor)
      #expect(
        traits.places == [.init(endpoint: sample.model, role: "live", weight: 10_000)])
      // A picture carries it when nobody says otherwise, and always names its state.
      #expect(try snapshot(node).registry.count == 3)
      let lean = try snapshot(node, registry: false)
      #expect(lean.registry.isEmpty && lean.registryRevision == first.revision)
      try perform(node, .deploy(endpoint: sample.model, version: version(2)))
      #expect(try snapshot(node).registryRevision != first.revision)
      #expect(try page(node, 1, 1).versions.first?.traits?.places.first?.role == "standby")
      let now = try snapshot(node).registryRevision
      try perform(node, .annotate(endpoint: nil, text: "nothing of the registry"))
      #expect(try snapshot(node).registryRevision == now)
    }
  }

  @Test("a running rollout says what it waits for, costs and needs")
  func facts() throws {
    try withNode { node in
      try perform(
        node, .startRamp(endpoint: sample.model, version: version(2), plan: Self.plan))
      let rollout = try #require(try snapshot(node).detail?.rollout)
      let facts = try #require(rollout.facts)
      #expect(facts.nextWeight == 10_000 && !facts.isUnverified && facts.holdEnds == nil)
      #expect(facts.requests == .init(used: 0, limit: 900))
      #expect(facts.errors == .init(used: 0, limit: 30))
      #expect(facts.warmUp == .init(used: 0, limit: 50))
      #expect(facts.approvals?.wanted == 2 && facts.approvals?.plan == Self.plan.digest)
      #expect(facts.missing.contains { $0.contains("step 1 has seen") })
      #expect(facts.promotionGap != nil)
      try perform(node, .pause(endpoint: sample.model))
      let held = try #require(try snapshot(node).detail?.rollout?.facts)
      #expect(!held.endsByItself && !held.needsReason)
      #expect(held.holdEnds == held.phaseSince + .minutes(30))
      // What would take its place is asked about without touching it.
      let request = NodeRequest.previewSupersede(
        endpoint: sample.model, version: version(3), plan: Self.plan)
      guard case .rampPreview(let preview) = try node.send(request) else {
        Issue.record("no preview")
        return
      }
      #expect(preview.refusal == nil && preview.fallback == version(1))
      guard
        case .rampPreview(let same) = try node.send(
          .previewSupersede(endpoint: sample.model, version: version(2), plan: Self.plan))
      else { return }
      #expect(same.refusal?.contains("being ramped") == true)
      // Further candidates and a start of its own are foreseen too.
      let later = SystemClock.now() + .minutes(30)
      guard
        case .rampPreview(let two) = try node.send(
          .previewSupersede(
            endpoint: sample.model, version: version(3), plan: Self.plan,
            options: RampOptions(rivals: [version(2)], at: later)))
      else { return }
      #expect(two.conditions.contains { $0.hasPrefix("begins at") })
      #expect(try snapshot(node).detail?.rollout?.candidate == version(2))
      try perform(node, .abort(endpoint: sample.model, reason: nil))
      #expect(try snapshot(node).detail?.rollout?.facts == nil)
    }
  }

  @Test("earlier generations are listed with their splits")
  func generations() throws {
    try withNode { node in
      try perform(node, .deploy(endpoint: sample.model, version: version(2)))
      try perform(
        node,
        .setSplit(
          endpoint: sample.model,
          split: Split(stable: version(1), candidate: version(2), weight: 300)))
      let history = try #require(try snapshot(node).detail?.history)
      #expect(history.map(\.generation) == history.map(\.generation).sorted(by: >))
      #expect(history.first?.split.weight(of: version(2)) == 300)
      #expect(history.contains { $0.split == Split(all: version(1)) })
    }
  }

  @Test("the past is folded from the journal")
  func past() throws {
    try withNode { node in
      let before = SystemClock.now()
      try perform(
        node, .startRamp(endpoint: sample.model, version: version(2), plan: Self.plan))
      func ask(_ time: Timestamp) throws -> EndpointAsOf? {
        guard case .asOf(let answer) = try node.send(.asOf(time: time, endpoint: nil)) else {
          return nil
        }
        #expect(answer.time == time)
        return answer.endpoints.first
      }
      let then = try #require(try ask(before))
      #expect(then.split == Split(all: version(1)) && then.rollout == nil && then.until != nil)
      let now = try #require(try ask(SystemClock.now()))
      #expect(now.rollout?.candidate == version(2) && now.until == nil)
      #expect(try ask(Timestamp(microseconds: 0)) == nil)
    }
  }

  @Test("who looks at the node is known by the kernel's word")
  func attached() throws {
    try withNode(listens: true) { node in
      let later = SystemClock.now() + .seconds(30)
      #expect(node.attached(at: later).isEmpty, "commands are not attached")
      let client = try SocketNodeClient(path: node.directory.socketPath)
      _ = try client.send(.snapshot(SnapshotRequest()))
      let views = node.attached(at: later)
      #expect(views.count == 1 && views.first?.processID == Int(getpid()))
      #expect(views.first?.isInNode == false)
      #expect(node.attached(at: SystemClock.now()).isEmpty, "who comes and goes is not shown")
      // A console in the node's own process takes the place of this process's connection.
      _ = try snapshot(node)
      #expect(node.attached(at: SystemClock.now()).map(\.isInNode) == [true])
      #expect(node.attached(at: SystemClock.now() + .seconds(90)).allSatisfy { !$0.isInNode })
    }
  }
}
