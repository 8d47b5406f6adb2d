import Core
import Testing

@testable import Control

@Suite struct PlanTests {
  @Test func aGoodPlanIsLegal() throws {
    try Bench.plan().validate()
    try Bench.plan([10_000], soak: .zero).validate()
    try Bench.plan(metrics: []).validate()
    try Bench.plan(deadline: .minutes(5)).validate()
  }

  @Test func illegalPlansAreRefusedWithTheField() throws {
    let half = JudgedMetric(metric: .errors, tolerance: 1, riskShare: 0.5)
    let cases: [(Plan, String)] = [
      (Bench.plan([]), "no steps"),
      (Bench.plan(Array(repeating: 1, count: 33)), "at most 32"),
      (Bench.plan([500, 500, 10_000]), "weights must rise"),
      (Bench.plan([2_500, 500, 10_000]), "steps[1]"),
      (Bench.plan([500, 5_000]), "last step must be 100%"),
      (Bench.plan([0, 10_000]), "steps[0].weight"),
      (Bench.plan([500, 10_001]), "steps[1].weight"),
      (Bench.plan(hold: .seconds(-1)), "steps[0].hold"),
      (Bench.plan(hold: TimeSpan(microseconds: .max)), "steps[0].hold"),
      (Bench.plan(minRequests: -1), "minRequests"),
      (Bench.plan(soak: .seconds(-1)), "soak"),
      (Bench.plan(deadline: .zero), "holdDeadline"),
      (slack(.milliseconds(-1)), "latencySlack"),
      (Bench.plan(metrics: [half]), "sum to 0.5"),
      (Bench.plan(metrics: [half, half]), "judged twice"),
      (Bench.plan(metrics: [metric(tolerance: 0.9)]), "tolerance"),
      (Bench.plan(metrics: [metric(tolerance: .infinity)]), "tolerance"),
      (Bench.plan(metrics: [metric(tolerance: .nan)]), "tolerance"),
      (Bench.plan(metrics: [metric(share: .nan)]), "riskShare"),
      (Bench.plan(metrics: [metric(share: -1)]), "riskShare"),
      (risks(hold: 0.01, rollback: 0.05), "smaller than holdRisk"),
      (risks(hold: 0.05, rollback: 0.05), "smaller than holdRisk"),
      (risks(hold: 1, rollback: 0.01), "holdRisk"),
      (risks(hold: 0.05, rollback: 0), "rollbackRisk"),
      (risks(hold: .nan, rollback: 0.01), "holdRisk"),
    ]
    for (plan, word) in cases {
      do throws(InvalidValue) {
        try plan.validate()
        Issue.record("accepted, but \(word)")
      } catch {
        #expect(error.message.contains(word), "\(error.message) lacks \(word)")
      }
    }
  }

  private func metric(tolerance: Double = 1, share: Double = 1) -> JudgedMetric {
    JudgedMetric(metric: .errors, tolerance: tolerance, riskShare: share)
  }

  private func slack(_ span: TimeSpan) -> Plan {
    Plan(
      name: "p", summary: "", steps: [PlanStep(weight: 10_000, hold: .zero)], metrics: [metric()],
      latencySlack: span)
  }

  private func risks(hold: Double, rollback: Double) -> Plan {
    Plan(
      name: "p", summary: "", steps: [PlanStep(weight: 10_000, hold: .zero)], metrics: [metric()],
      holdRisk: hold, rollbackRisk: rollback)
  }
}
