import Core
import Testing

@testable import Control

@Suite struct RunbookTests {
  private let slow = RunbookCheck(
    metric: .p99Milliseconds, comparison: .above, value: 25, window: .minutes(5))
  private let ramping = RunbookCheck(metric: .rolloutActive, comparison: .atLeast, value: 1)

  private var runbook: Runbook {
    Runbook(
      name: "high-latency", title: "Slow answers", symptom: "high-latency",
      steps: [
        .check(slow, text: ""), .note("look at the queue"),
        .action(.rollback, guards: [ramping], text: ""),
      ])
  }

  @Test func stepsFollowTheLiveValues() {
    let results = runbook.evaluate(["p99_ms/5m": 31.25, "p99_ms": 1, "rollout_active": 1])
    #expect(results.map(\.outcome) == [.pass, .told, .wouldDo])
    #expect(results[0].detail == "p99_ms 31.25 is > 25" && results[2].action == .rollback)
    #expect(results[0].text == "check p99_ms > 25 over 5m")
    #expect(results[2].text == "rollback, if rollout_active >= 1")
  }

  @Test func aFailedCheckStopsAndAFailedGuardSkips() {
    let stopped = runbook.evaluate(["p99_ms": 25, "rollout_active": 1])
    #expect(stopped.map(\.outcome) == [.fail, .skipped, .skipped])
    #expect(stopped.allSatisfy { $0.action == nil })
    let skipped = runbook.evaluate(["p99_ms": 26, "rollout_active": 0])
    #expect(skipped.map(\.outcome) == [.pass, .told, .skipped])
    #expect(skipped[2].detail == "rollout_active 0 is not >= 1")
  }

  @Test func missingDataNeverPasses() {
    #expect(runbook.evaluate([:]).map(\.outcome) == [.fail, .skipped, .skipped])
    #expect(runbook.evaluate(["p99_ms": .nan])[0].detail == "p99_ms: no data")
    let noGuard = runbook.evaluate(["p99_ms": 99])
    #expect(noGuard[2].outcome == .skipped && noGuard[2].action == nil)
  }

  @Test func everyActionIsACommand() throws {
    let e = try Name("e")
    for action in RunbookAction.allCases {
      #expect(action.command(endpoint: e, symptom: "slow").endpoint == e)
    }
    #expect(
      RunbookAction.rollback.command(endpoint: e, symptom: "slow")
        == .rollBack(endpoint: e, to: nil, symptom: "slow"))
  }

  @Test func comparisonsHold() {
    #expect(Comparison.below.holds(1, 2) && !Comparison.below.holds(2, 2))
    #expect(Comparison.atMost.holds(2, 2) && Comparison.atLeast.holds(2, 2))
    #expect(Comparison.above.holds(3, 2) && !Comparison.above.holds(2, 2))
    for comparison in Comparison.allCases { #expect(!comparison.holds(.nan, 0)) }
  }

  @Test func badRunbooksAreRefused() {
    let bad: [Runbook] = [
      Runbook(name: "", title: "", symptom: "", steps: [.note("x")]),
      Runbook(name: "a", title: "", symptom: "", steps: []),
      Runbook(
        name: "a", title: "", symptom: "", steps: Array(repeating: .note("x"), count: 65)),
      Runbook(
        name: "a", title: "", symptom: "",
        steps: [.check(RunbookCheck(metric: .eMax, comparison: .above, value: .nan), text: "")]),
    ]
    for runbook in bad { #expect(throws: InvalidValue.self) { try runbook.validate() } }
    #expect(throws: Never.self) { try runbook.validate() }
  }

  @Test func numbersAreShort() {
    #expect(shortNumber(25) == "25" && shortNumber(0.05) == "0.05")
    #expect(shortNumber(31.2499) == "31.25" && shortNumber(.infinity) == "inf")
    #expect(shortNumber(0) == "0" && shortNumber(-1.5) == "-1.5")
  }
}
