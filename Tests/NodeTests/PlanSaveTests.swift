import Control
import Core
import Foundation
import Testing

@testable import Node

/// A plan that a screen saves is a file as a person would have written it.
@Suite("Saving a plan into the library")
struct PlanSaveTests {
  private static let plan = Plan(
    name: "mine", summary: "10 %: then \"all\"",
    steps: [
      PlanStep(weight: 1_000, hold: .minutes(60), minRequests: 1_000, approvals: 2),
      PlanStep(weight: 10_000, hold: .zero),
    ],
    metrics: [
      JudgedMetric(metric: .errors, tolerance: 1.25, riskShare: 0.4),
      JudgedMetric(metric: .disagreement, tolerance: 1, riskShare: 0.6, limit: 0.05),
    ], soak: TimeSpan(microseconds: 3_600_000_000 + 30_000_000), warmUp: 10)

  private func withFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.path + "/ps-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true)
    try body(folder)
  }

  private func refused(_ part: String, _ body: () throws -> Void) {
    do {
      try body()
      Issue.record("it was not refused: \(part)")
    } catch {
      let message = (error as? any Failure)?.message ?? "\(error)"
      #expect(message.contains(part), "\(message)")
    }
  }

  @Test("the file is in the words of the reference")
  func fileText() throws {
    #expect(
      try PlanFile.text(of: Self.plan) == """
        name: mine
        summary: "10 %: then \\"all\\""
        steps:
          - weight: 10%
            hold: 1h
            min_requests: 1000
            approvals: 2
          - weight: 100%
        metrics:
          - metric: errors
            tolerance: 1.25
            risk_share: 40%
          - metric: disagreement
            tolerance: 1.0
            limit: 5%
            risk_share: 60%
        latency_slack: 5ms
        hold_risk: 5%
        rollback_risk: 1%
        warm_up: 10
        soak: 1h30s

        """)
  }

  @Test("it is known at once and read back the same, and replaced only on purpose")
  func saveAndReplace() throws {
    try withFolder { folder in
      let library = try Library(directories: [folder])
      let path = try library.save(Self.plan, replaces: false)
      #expect(path == folder + "/plans/mine.yaml")
      #expect(library.plans.contains(Self.plan))
      #expect(try Library(directories: [folder]).plans.contains(Self.plan))
      let other = Plan(
        name: "mine", summary: "", steps: [PlanStep(weight: 10_000, hold: .zero)], metrics: [],
        warmUp: 0)
      refused("already") { _ = try library.save(other, replaces: false) }
      #expect(try PlanFile.load(path: path) == Self.plan)
      #expect(try library.save(other, replaces: true) == path)
      #expect(library.plans.filter { $0.name == "mine" } == [other])
      // Nothing half-made is left beside it.
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/plans").count == 1)
    }
  }

  @Test("a name that has another file, or that is no file's, is refused")
  func badNames() throws {
    try withFolder { folder in
      let plans = folder + "/plans"
      try FileManager.default.createDirectory(atPath: plans, withIntermediateDirectories: true)
      try PlanFile.text(of: Self.plan).write(
        toFile: plans + "/ours.yaml", atomically: true, encoding: .utf8)
      let library = try Library(directories: [folder])
      refused("ours.yaml") { _ = try library.save(Self.plan, replaces: true) }
      for name in ["../x", "a b", "", ".hidden"] {
        let plan = Plan(
          name: name, summary: "", steps: [PlanStep(weight: 10_000, hold: .zero)], metrics: [])
        refused("name") { _ = try library.save(plan, replaces: true) }
      }
      // One of the program's own is a name like any other.
      let builtIn = try #require(PlanFile.builtIn(name: "careful"))
      refused("already") { _ = try library.save(builtIn, replaces: false) }
      _ = try library.save(builtIn, replaces: true)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: plans).sorted()
          == ["careful.yaml", "ours.yaml"])
    }
  }

  @Test("a folder that cannot be written is an error that names the file")
  func unwritable() throws {
    try withFolder { folder in
      let library = try Library(directories: [folder])
      // In the place of the folder stands a file, which stops root as well.
      try "x".write(toFile: folder + "/plans", atomically: true, encoding: .utf8)
      refused("mine.yaml") { _ = try library.save(Self.plan, replaces: false) }
      #expect(!library.plans.contains(Self.plan))
    }
  }

  @Test("a node saves it for a screen, and its journal says who did")
  func nodeSaves() throws {
    try withFolder { folder in
      let node = try Node.open(NodeOptions(stateDirectory: folder + "/state", listens: false))
      defer { node.stop() }
      let ana = ActorID(kind: .person, name: "ana")
      guard
        case .planSaved(let path) = try node.send(
          .savePlan(Self.plan, replaces: false, actor: ana))
      else {
        Issue.record("no path came back")
        return
      }
      guard case .snapshot(let snapshot) = try node.send(.snapshot(SnapshotRequest())) else {
        Issue.record("no snapshot")
        return
      }
      #expect(snapshot.plans.contains(Self.plan))
      let row = try #require(snapshot.events.first)
      #expect(row.summary.contains("plan mine saved as \(path)") && row.actor == ana)
      // Over the socket the kernel says who it is.
      let request = NodeRequest.savePlan(Self.plan, replaces: false, actor: ana)
      guard case .savePlan(_, _, let actor) = request.signed(by: "bob") else {
        Issue.record("another request came out")
        return
      }
      #expect(actor.name == "bob")
    }
  }
}
