import Control
import Core
import Serving
import Telemetry
import Testing

@testable import Node

/// Rollouts in virtual time over made-up answers.
@Suite("A rehearsed rollout")
struct RehearsalRunTests {
  private typealias Said = RehearsalWorld.Said

  private func plan(_ more: String = "", hold: String = "10s") throws -> Plan {
    let text =
      "name: p\nsteps:\n  - weight: 10%\n    hold: \(hold)\n    min_requests: 50\n"
      + "  - weight: 50%\n    hold: \(hold)\n  - weight: 100%\nmetrics:\n"
      + "  - metric: errors\n    tolerance: 1.25\n    risk_share: 50%\n"
      + "  - metric: wrong_answers\n    tolerance: 1.25\n    risk_share: 50%\nwarm_up: 0\n"
    return try PlanFile.parse(Array((text + more).utf8), file: "plan.yaml")
  }

  private func stage(
    _ plan: Plan, rows: Int = 5_000, gap: Int64 = 10_000, labels: Bool = true,
    labelDelay: Int64 = 1_000, keys: Int = 0, time: ((Int) -> Int64)? = nil,
    stable: @escaping (Int) -> Said = { _ in Said() },
    candidate: @escaping (Int) -> Said = { _ in Said() }
  ) throws -> RehearsalStage {
    try RehearsalWorld(
      rows: rows, gap: gap, labels: labels, labelDelay: labelDelay, keys: keys, time: time
    ).stage(plan, stable: stable, candidates: [candidate])
  }

  private func play(_ stage: RehearsalStage, seed: UInt64 = 1) throws -> RehearsalReport.Run {
    try RehearsalWorld.play(stage, seed: seed)
  }

  @Test("an equal version goes through every step and becomes the stable")
  func equal() throws {
    let run = try play(
      try stage(
        try plan(), stable: { Said(label: $0 % 10 == 0 ? 0 : 1) },
        candidate: { Said(label: $0 % 10 == 0 ? 0 : 1) }))
    #expect(run.outcome == .completed)
    #expect(run.steps.map(\.weight) == [1_000, 5_000])
    #expect(run.steps.map(\.decision) == ["went on", "completed"].prefix(1) + ["went on"])
    #expect(run.decisions.map(\.kind) == ["stepped", "stepped", "completed"])
    #expect(run.cost.netWrongAnswers == 0)
    #expect(run.cost.wrongAnswersCaused == 0 && run.cost.userErrors == 0)
    // 10 s at 100 a second and a tenth.
    let first = try #require(run.steps.first)
    #expect((60...140).contains(first.candidateRequests))
    #expect(first.candidateRequests + first.stableRequests >= 990)
    #expect(run.took >= .seconds(20) && run.took < .seconds(21))
  }

  @Test("a version that fails is taken back after five failures, and no caller sees one")
  func failing() throws {
    let run = try play(try stage(try plan(), candidate: { _ in Said(failed: true) }))
    #expect(run.outcome == .rolledBack)
    #expect(run.cause == "failures one after another")
    #expect(run.cost.candidateFailures == Judge.breakerFailures)
    #expect(run.cost.exposed == Judge.breakerFailures)
    #expect(run.cost.userErrors == 0)
    #expect(run.steps.count == 1)
  }

  @Test("what neither answers is an error that callers see, with the stable alone too")
  func bothFail() throws {
    let run = try play(
      try stage(
        try plan(), stable: { Said(failed: $0 % 50 == 0) },
        candidate: { Said(failed: $0 % 50 == 0) }))
    #expect(run.outcome == .completed)
    #expect(run.cost.userErrors == run.cost.userErrorsAlone)
    #expect(run.cost.userErrors == (run.requests + 49) / 50)
  }

  @Test("wrong answers are noticed by their labels, later when labels come later")
  func wrong() throws {
    func took(_ delay: Int64) throws -> RehearsalReport.Run {
      try play(
        try stage(
          try plan(hold: "60s"), rows: 20_000, labelDelay: delay,
          stable: { Said(label: $0 % 10 == 0 ? 0 : 1) },
          candidate: { Said(label: $0 % 2 == 0 ? 0 : 1) }))
    }
    let (soon, late) = (try took(0), try took(10_000_000))
    for run in [soon, late] {
      #expect(run.outcome == .rolledBack && run.cause == "wrong answers")
      #expect(run.cost.wrongAnswersCaused > 0)
    }
    #expect(late.took - soon.took == .seconds(10))
    #expect(late.cost.wrongAnswersCaused > soon.cost.wrongAnswersCaused)
    let metric = try #require(soon.steps.last?.metrics.last)
    #expect(metric.eValue >= metric.rollbackAt)
  }

  @Test("without labels the last step waits for a person, and that ends the rehearsal")
  func held() throws {
    let run = try play(try stage(try plan(), labels: false))
    #expect(run.outcome == .held)
    #expect(run.cause == "inconclusive: not enough seen of wrong answers")
    #expect(run.steps.map(\.weight) == [1_000, 5_000])
    // With a deadline the plan ends it by itself.
    let bounded = try play(try stage(try plan("hold_deadline: 30s\n"), labels: false))
    #expect(bounded.outcome == .rolledBack && bounded.cause == "the hold's deadline")
    #expect(bounded.took - .seconds(50) < .seconds(1))
  }

  @Test("time without traffic holds the rollout and does not count")
  func gaps() throws {
    // 5 s of traffic, 10 minutes of none, and traffic again.
    let run = try play(
      try stage(
        try plan(),
        time: { row in
          Int64(row) * 10_000 + (row >= 500 ? 600_000_000 : 0)
        }))
    #expect(run.outcome == .completed)
    #expect(run.decisions.prefix(2).map(\.kind) == ["held", "resumed"])
    let held = try #require(run.decisions.first)
    #expect(held.after >= .seconds(64) && held.after < .seconds(66))
    #expect(run.took >= .seconds(620) && run.took < .seconds(621))
  }

  @Test("a recording that is shorter than the plan is played again, its callers as new ones")
  func passes() throws {
    let stage = try stage(try plan(), rows: 300, keys: 300)
    let run = try play(stage)
    #expect(run.outcome == .completed)
    #expect(run.passes == 7)
    // Were they the same callers, all but the first pass would be no evidence.
    let last = try #require(run.steps.last?.metrics.first)
    #expect(last.candidateTotal + last.stableTotal > 1_500)
  }

  @Test("of a caller only the first request is evidence")
  func keys() throws {
    let run = try play(try stage(try plan(), keys: 100))
    let metric = try #require(run.steps.last?.metrics.first)
    #expect(metric.candidateTotal + metric.stableTotal <= 100)
  }

  @Test("approvals are given at once, by those whom the plan names")
  func approvals() throws {
    let plan = try plan("approvals:\n  count: 2\n  from: [bob, eve]\n")
    let run = try play(try stage(plan))
    #expect(run.outcome == .completed)
    #expect(run.decisions.prefix(4).map(\.kind) == ["approved", "approved", "stepped", "stepped"])
    #expect(run.decisions.contains { $0.words.contains("approved by") && $0.words.contains("bob") })
    #expect(run.steps.first?.weight == 1_000)
  }

  @Test("equal seeds give equal runs, others give others")
  func seeds() throws {
    let stage = try stage(
      try plan(), stable: { Said(label: $0 % 9 == 0 ? 0 : 1) },
      candidate: { Said(label: $0 % 7 == 0 ? 0 : 1) })
    #expect(try play(stage, seed: 5) == play(stage, seed: 5))
    #expect(try play(stage, seed: 5).cost != play(stage, seed: 6).cost)
  }

  @Test("equal versions are seldom rolled back, whatever the draws")
  func falseAlarms() throws {
    let said: (Int) -> Said = { Said(label: SplitMix64.mix(UInt64($0)) % 5 == 0 ? 0 : 1) }
    let stage = try stage(try plan(), stable: said, candidate: said)
    let outcomes = try (0..<60).map { seed in
      var run = try RehearsalRun(stage, seed: UInt64(seed), isDetailed: false)
      return try run.play().outcome
    }
    #expect(outcomes.count { $0 == .completed } >= 57)
    #expect(outcomes.count { $0 == .rolledBack } <= 1)
  }

  @Test("labels come in the order of their time")
  func heap() {
    var labels = RehearsalLabels()
    var random = SplitMix64(seed: 3)
    let dues = (0..<500).map { _ in Int64(random.next() % 1_000) }
    for due in dues {
      labels.add(
        .init(due: due, route: 0, row: 0, version: 0, isEvidence: true, copies: 0))
    }
    var taken: [Int64] = []
    while let next = labels.take(dueBy: 499) { taken.append(next.due) }
    #expect(taken == dues.filter { $0 <= 499 }.sorted())
  }
}
