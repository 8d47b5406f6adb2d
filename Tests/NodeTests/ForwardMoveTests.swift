import Control
import Core
import Foundation
import Storage
import Synchronization
import Testing

@testable import Node

/// Freezes, approvals and superseding on a real node.
@Suite("Forward moves of a node", .serialized)
struct ForwardMoveTests {
  private let sample: SampleFiles
  private let ana = ActorID(kind: .person, name: "ana")

  init() throws { sample = try SampleFiles.flightDelay }

  private var e: Name { sample.model }
  private func v(_ number: Int) -> VersionID { VersionID(model: sample.model, number: number) }

  /// A node with version 1 live, 2 and 3 registered, and its journal.
  private func withNode(_ body: (Node, FaultyLog) throws -> Void) throws {
    let state = "/tmp/sln-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: state) }
    let slot = Mutex<FaultyLog?>(nil)
    let options = NodeOptions(stateDirectory: state, listens: false, serves: true)
    let node = try Node.openState(options) { journal in
      let log = FaultyLog(journal)
      slot.withLock { $0 = log }
      return log
    }
    try node.begin()
    defer { node.stop() }
    for number in 1...3 {
      _ = try ModelImporter.importModel(
        file: sample.modelPath(number), model: e, card: nil, reference: nil,
        stateDirectory: state, client: node, actor: ana)
    }
    try perform(node, .createEndpoint(e))
    try perform(node, .deploy(endpoint: e, version: v(1)))
    try body(node, try #require(slot.withLock { $0 }))
  }

  @discardableResult
  private func perform(
    _ node: Node, _ command: Command, by name: String = "ana", override: String? = nil
  ) throws -> Outcome {
    try node.perform(
      Order(
        command: command, actor: ActorID(kind: .person, name: name), freezeOverride: override))
  }

  private func plan(_ more: String = "") throws -> Plan {
    let text = "name: p\nsteps:\n  - weight: 5%\n    hold: 1h\n  - weight: 100%\n" + more
    return try PlanFile.parse(Array(text.utf8), file: "plan.yaml")
  }

  @Test("superseding fences the old candidate, or changes nothing when the disk is full")
  func superseding() throws {
    try withNode { node, log in
      try perform(node, .startRamp(endpoint: e, version: v(2), plan: try plan()))
      let before = node.core.state
      log.isFull = true
      let command = Command.supersede(
        endpoint: e, version: v(3), plan: try plan(), reason: "newer")
      #expect(throws: (any Error).self) { try perform(node, command) }
      #expect(node.core.state == before)
      let runtime = try #require(node.plane.runtime(of: e))
      #expect(!runtime.isFenced(v(2)))
      #expect(try node.tombstones.pending().isEmpty)
      log.isFull = false
      node.core.retryJournal(now: SystemClock.now())
      let outcome = try perform(node, command)
      #expect(outcome.fenceMicroseconds != nil && outcome.summary.contains("superseded"))
      #expect(runtime.isFenced(v(2)) && !runtime.isFenced(v(3)))
      #expect(node.core.state.endpoint(e)?.rollout?.candidate == v(3))
      // And again, from the journal's plan.
      try perform(node, .abort(endpoint: e, reason: nil))
      try perform(node, .retry(endpoint: e))
      #expect(!runtime.isFenced(v(3)) && node.core.state.endpoint(e)?.rollout?.id == 3)
    }
  }

  @Test("a ramp that waits for approvals has no traffic, and begins by itself after the last")
  func approvals() throws {
    try withNode { node, _ in
      let plan = try plan("approvals:\n  count: 1\n  from: [ana, bob]\n")
      try perform(node, .startRamp(endpoint: e, version: v(2), plan: plan))
      #expect(node.core.state.endpoint(e)?.split == Split(all: v(1)))
      #expect(throws: (any Error).self) {
        try perform(node, .approve(endpoint: e, plan: nil, reason: nil))
      }
      guard case .snapshot(let picture) = try node.send(.snapshot(SnapshotRequest(endpoint: e)))
      else { return }
      #expect(picture.detail?.rollout?.cause.contains("awaited from bob") == true)
      try perform(node, .approve(endpoint: e, plan: plan.digest, reason: nil), by: "bob")
      node.watch(e)
      #expect(node.core.state.endpoint(e)?.split?.weight(of: v(2)) == 500)
    }
  }

  @Test("a freeze is in the snapshot, refuses a ramp, and is overridden by name")
  func freezes() throws {
    try withNode { node, _ in
      try perform(
        node, .addFreeze(endpoint: nil, window: .untilReleased, reason: "incident"))
      let ramp = Command.startRamp(endpoint: e, version: v(2), plan: try plan())
      #expect(throws: ControlError.self) { try perform(node, ramp) }
      guard case .snapshot(let picture) = try node.send(.snapshot(SnapshotRequest())) else {
        return
      }
      #expect(picture.freezes?.count == 1 && picture.freezes?.first?.isActive == true)
      let outcome = try perform(node, ramp, override: "fix for the incident")
      #expect(outcome.summary.contains("past freeze 1 (fix for the incident)"))
    }
  }

  @Test("the digest is the one that the storage's SHA-256 gives")
  func digest() throws {
    let plan = try plan()
    #expect(plan.digest == Digest(ofBytes: try CanonicalJSON.encode(plan)))
  }

  @Test("plan files say approvals and caps, and what is wrong with them")
  func planKeys() throws {
    let plan = try plan(
      "approvals: {count: 2, from: [a, b]}\nblast: {requests: 5000, errors: 50}\n")
    #expect(plan.approvals == ApprovalRule(count: 2, from: ["a", "b"]))
    #expect(plan.blast == BlastCap(requests: 5_000, errors: 50))
    let step = "name: p\nsteps:\n  - weight: 5%\n    approvals: 2\n  - weight: 100%\n"
    let stepped = try PlanFile.parse(Array(step.utf8), file: "plan.yaml")
    #expect(stepped.steps[0].approvals == 2 && stepped.steps[0].needsApproval)
    for (text, words) in [
      ("approvals: {count: 3, from: [a, b]}\n", "1 to 2"), ("blast: {}\n", "requests"),
      ("blast: {requests: 0}\n", "plan.yaml:6:"), ("approvals: {from: [a]}\n", "count"),
    ] {
      do {
        _ = try self.plan(text)
        Issue.record("\(text) passed")
      } catch {
        #expect(NodeError(describing: error).message.contains(words), "\(error)")
      }
    }
  }

  @Test("over the socket a person is who the kernel says, a runbook keeps its name")
  func signing() throws {
    let order = Order(
      command: .undo(endpoint: e), actor: ana, expectedGeneration: 3, freezeOverride: "x")
    guard case .perform(let signed) = NodeRequest.perform(order).signed(by: "bob") else {
      Issue.record("another request")
      return
    }
    #expect(signed.actor == ActorID(kind: .person, name: "bob"))
    #expect(signed.expectedGeneration == 3 && signed.freezeOverride == "x")
    let runbook = Order(command: .undo(endpoint: e), actor: ActorID(kind: .runbook, name: "r"))
    guard case .perform(let kept) = NodeRequest.perform(runbook).signed(by: "bob") else { return }
    #expect(kept.actor == runbook.actor)
  }
}
