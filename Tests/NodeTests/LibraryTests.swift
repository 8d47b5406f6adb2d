import Control
import Core
import Foundation
import Testing

@testable import Node

@Suite("Plans and runbooks as people write them")
struct LibraryTests {
  static let root: String = {
    var path = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { path.deleteLastPathComponent() }
    return path.path
  }()

  @Test(
    "the files in the program are those of the samples folder",
    arguments: ["plans", "runbooks", "gates"])
  func embeddedFilesAreCurrent(kind: String) throws {
    let embedded = [
      "plans": BuiltInFiles.planFiles, "runbooks": BuiltInFiles.runbookFiles,
      "gates": BuiltInFiles.gateFiles,
    ][kind, default: [:]]
    let folder = "\(Self.root)/samples/\(kind)"
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(Set(names) == Set(embedded.keys))
    for name in names {
      let text = try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
      #expect(embedded[name] == text, "run scripts/embed-library after changing \(name)")
    }
  }

  @Test("every built-in file is read")
  func builtInsAreRead() throws {
    #expect(BuiltInLibrary.plans.count == BuiltInFiles.planFiles.count)
    #expect(BuiltInLibrary.runbooks.count == BuiltInFiles.runbookFiles.count)
    let launch = try #require(PlanFile.builtIn(name: "standard-launch"))
    #expect(launch.steps.map(\.weight) == [1_000, 5_000, 10_000])
    #expect(launch.steps[0].hold == .minutes(60))
    #expect(launch.soak == .minutes(24 * 60))
    #expect(launch.metrics.map(\.metric) == [.errors, .wrongAnswers, .latency])
    #expect(abs(launch.metrics.reduce(0) { $0 + $1.riskShare } - 1) < 1e-12)
  }

  @Test("a plan may ask for certainty and say how long the warm-up is")
  func promotionKeys() throws {
    let text = """
      name: p
      steps:
        - weight: 100%
      metrics:
        - metric: errors
          risk_share: 60%
        - metric: scores
          risk_share: 40%
      warm_up: 50
      promote:
        margin: 2
      requires: [gates, checklist]
      """
    let plan = try PlanFile.parse(Array(text.utf8), file: "plan.yaml")
    #expect(plan.warmUp == 50 && plan.promotion == PromotionRule(margin: 2, risk: 0.05))
    #expect(plan.metrics.map(\.metric) == [.errors, .scores])
    #expect(plan.requirements == [.gates, .checklist])
    let short = try PlanFile.parse(
      Array("name: p\nsteps:\n  - weight: 100%\n".utf8), file: "plan.yaml")
    #expect(short.warmUp == Plan.defaultWarmUp && short.promotion == nil)
  }

  @Test(
    "a wrong plan says where and what was expected",
    arguments: [
      ("name: p\nsteps:\n  - weight: 10%\n    hold: 5 min\n", "plan.yaml:4:", "5 min"),
      ("name: p\nsetps:\n  - weight: 100%\n", "plan.yaml:2:", "did you mean \"steps\""),
      ("name: p\nsteps:\n  - weight: 110%\n", "plan.yaml:3:", "more than 100"),
      (
        "name: p\nsteps:\n  - weight: 100%\nmetrics:\n  - metric: eror\n", "plan.yaml:5:",
        "\"eror\""
      ),
      (
        "name: p\nsteps:\n  - weight: 50%\n  - weight: 20%\n  - weight: 100%\n", "plan.yaml:", "20%"
      ),
      ("name: p\nsteps: [\n", "plan.yaml:3:", "malformed"),
      ("name: p\n\tsteps: 1\n", "plan.yaml:2:", "tab"),
      ("", "plan.yaml", "empty"),
      ("- a\n- b\n", "plan.yaml:1:1", "mapping"),
      ("name: p\nsteps:\n  - weight: 100%\n    min_requests: -1\n", "plan.yaml:4:", "-1"),
    ])
  func wrongPlans(text: String, place: String, words: String) throws {
    do {
      _ = try PlanFile.parse(Array(text.utf8), file: "plan.yaml")
      Issue.record("accepted: \(text)")
    } catch {
      let failure = try #require(error as? any Failure)
      #expect(failure.message.hasPrefix(place), "\(failure.message)")
      #expect(failure.message.contains(words), "\(failure.message)")
      #expect(failure.exitCode == .usage)
    }
  }

  @Test(
    "a wrong runbook says where",
    arguments: [
      "name: r\nsteps:\n  - check: x\n    metric: p99\n    above: 1\n",
      "name: r\nsteps:\n  - check: x\n    metric: p99_ms\n",
      "name: r\nsteps:\n  - action: x\n    command: rollbck\n",
      "name: r\nsteps:\n  - do: x\n",
      "name: r\nsteps: []\n",
    ])
  func wrongRunbooks(text: String) throws {
    do {
      _ = try RunbookFile.parse(Array(text.utf8), file: "r.yaml")
      Issue.record("accepted: \(text)")
    } catch {
      let failure = try #require(error as? any Failure)
      #expect(failure.message.hasPrefix("r.yaml:"), "\(failure.message)")
    }
  }

  @Test("a folder's plan wins over a built-in one, and a wrong file changes nothing")
  func foldersWin() throws {
    let folder = FileManager.default.temporaryDirectory.path + "/lib-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(
      atPath: folder + "/plans", withIntermediateDirectories: true)
    let file = folder + "/plans/mine.yaml"
    try "name: quick-ramp\nsteps:\n  - weight: 100%\n".write(
      toFile: file, atomically: true, encoding: .utf8)
    let library = try Library(directories: [folder])
    #expect(library.plans.first { $0.name == "quick-ramp" }?.steps.count == 1)
    try "name: quick-ramp\nsteps: nonsense\n".write(
      toFile: file, atomically: true, encoding: .utf8)
    #expect(throws: (any Error).self) { try library.reload() }
    #expect(library.plans.first { $0.name == "quick-ramp" }?.steps.count == 1)
  }
}
