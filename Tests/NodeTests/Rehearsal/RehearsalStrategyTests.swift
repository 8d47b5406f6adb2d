import Control
import Core
import Serving
import Telemetry
import Testing

@testable import Node

/// What beside weights a plan can say, in virtual time over made-up answers.
@Suite("A rehearsed strategy")
struct RehearsalStrategyTests {
  private typealias Said = RehearsalWorld.Said

  private static let metrics =
    "metrics:\n  - metric: errors\n    tolerance: 1.25\n    risk_share: 30%\n"
    + "  - metric: wrong_answers\n    tolerance: 1.25\n    risk_share: 40%\n"

  private func plan(_ steps: String, disagreement: Bool = false, more: String = "") throws -> Plan {
    let text =
      "name: p\nsteps:\n\(steps)  - weight: 100%\n" + RehearsalStrategyTests.metrics
      + (disagreement
        ? "  - metric: disagreement\n    tolerance: 1\n    limit: 5%\n    risk_share: 30%\n"
        : "  - metric: scores\n    tolerance: 1.5\n    risk_share: 30%\n")
      + "warm_up: 0\n" + more
    return try PlanFile.parse(Array(text.utf8), file: "plan.yaml")
  }

  /// A tenth is wrong; which tenth differs between versions by `shift`.
  private func mostlyRight(_ shift: Int = 0, outOf: Int = 10) -> (Int) -> Said {
    { Said(label: ($0 + shift) % outOf == 0 ? 0 : 1) }
  }

  // MARK: Copies

  private func shadow(_ more: String = "") throws -> Plan {
    try plan(
      "  - shadow: 50%\n    hold: 20s\n    min_requests: 800\n\(more)"
        + "  - weight: 50%\n    hold: 10s\n", disagreement: true)
  }

  @Test("a shadow step's pairs are compared beyond the stable's clone, and it goes on")
  func shadowPasses() throws {
    // The clone differs from the stable in every 50th answer, the candidate in the same and others.
    let stage = try RehearsalWorld(rows: 8_000).stage(
      try shadow(), stable: mostlyRight(),
      candidates: [{ Said(label: $0 % 10 == 0 || $0 % 50 == 1 ? 0 : 1) }],
      clone: { Said(label: $0 % 10 == 0 || $0 % 50 == 3 ? 0 : 1) })
    let run = try RehearsalWorld.play(stage)
    #expect(run.outcome == .completed)
    #expect(run.winner == (try RehearsalWorld.version(2)))
    #expect(run.steps.map(\.kind) == [.shadow, .canary])
    let step = try #require(run.steps.first)
    #expect(step.doing == "shadow of 50%" && step.weight == 0)
    #expect(step.candidateRequests == 0 && step.outsideRequests == 0)
    // Half of the requests, each drawn on its own, until there were enough and the time was over.
    #expect(step.copiedRequests >= 800)
    #expect(abs(Double(step.copiedRequests) / Double(step.stableRequests) - 0.5) < 0.05)
    let copies = try #require(step.candidates.first?.copies)
    #expect(copies.pairs == step.copiedRequests && copies.compared == copies.pairs)
    #expect(copies.candidateFailed == 0 && copies.stableFailed == 0)
    #expect(copies.candidateDiffers > 0 && copies.cloneDiffers > 0)
    #expect(copies.differsBeyondClone == copies.candidateDiffers - copies.cloneDiffers)
    #expect(copies.labelled > 700 && copies.onlyStableWrong == 0)
    #expect(copies.onlyCandidateWrong > 0)
    // The same numbers as the evidence that the guard looked at.
    let judged = try #require(step.metrics.first { $0.metric == .disagreement })
    #expect(judged.candidateTotal == copies.compared)
    #expect(judged.candidateBad == copies.candidateDiffers)
    #expect(judged.stableBad == copies.cloneDiffers)
    // Copies are no traffic of callers: the cost is that of the canary step alone.
    #expect(run.cost.exposed == run.steps[1].candidateRequests)
  }

  @Test("a candidate that disagrees is refused by copies, before any caller reached it")
  func shadowRefuses() throws {
    let stage = try RehearsalWorld(rows: 8_000).stage(
      try shadow(), candidates: [{ Said(label: $0 % 4 == 0 ? 0 : 1) }], clone: { _ in Said() })
    let run = try RehearsalWorld.play(stage)
    #expect(run.outcome == .rolledBack && run.winner == nil)
    #expect(run.steps.map(\.kind) == [.shadow])
    #expect(run.cost.exposed == 0 && run.cost.netWrongAnswers == 0)
    let copies = try #require(run.steps.first?.candidates.first?.copies)
    #expect(copies.cloneDiffers == 0 && copies.differsBeyondClone > 10)
  }

  @Test("without a clone's noise the same disagreements count, with it they do not")
  func noise() throws {
    // Candidate and clone differ from the stable equally often: two runs of one noisy version.
    let noisy: (Int) -> Said = { Said(label: SplitMix64.mix(UInt64($0)) % 5 == 0 ? 0 : 1) }
    let other: (Int) -> Said = { Said(label: SplitMix64.mix(UInt64($0) + 77) % 5 == 0 ? 0 : 1) }
    let plan = try shadow()
    let world = RehearsalWorld(rows: 8_000, labels: false)
    let quiet = try RehearsalWorld.play(
      try world.stage(plan, candidates: [noisy], clone: { _ in Said() }))
    #expect(quiet.outcome == .rolledBack)
    #expect(quiet.cause == Metric.disagreement.words)
    let loud = try RehearsalWorld.play(
      try world.stage(plan, candidates: [noisy], clone: other))
    #expect(loud.steps.map(\.kind) == [.shadow, .canary])
  }

  @Test("a candidate that fails copies is stopped by the breaker, and no caller sees it")
  func shadowFails() throws {
    let stage = try RehearsalWorld().stage(
      try shadow(), candidates: [{ _ in Said(failed: true) }], clone: { _ in Said() })
    let run = try RehearsalWorld.play(stage)
    #expect(run.outcome == .rolledBack && run.cause == "failures one after another")
    let step = try #require(run.steps.first)
    #expect(step.copiedRequests == Judge.breakerFailures)
    #expect(step.candidates.first?.copies?.candidateFailed == Judge.breakerFailures)
    #expect(run.cost.exposed == 0 && run.cost.userErrors == 0)
  }

  @Test("copies of a rule are copies of its requests only")
  func shadowRule() throws {
    var world = RehearsalWorld(rows: 8_000)
    // Rule 0 is about every fifth request, and only there the candidate disagrees.
    world.marks = { ($0 % 5 == 0 ? 1 : 0, RehearsalRows.noSegment) }
    let plan = try plan(
      "  - shadow: 100%\n    hold: 20s\n    when: x=1\n  - weight: 50%\n    hold: 10s\n",
      disagreement: true)
    let step = try #require(
      try RehearsalWorld.play(try world.stage(plan, clone: { _ in Said() })).steps.first)
    #expect(step.copiedRequests == step.stableRequests - step.outsideRequests)
    #expect(abs(step.copiedRequests - step.stableRequests / 5) <= 1)
  }

  // MARK: Segments

  @Test("a step for a segment sends only requests of the segment, and judges only them")
  func segmentStep() throws {
    var world = RehearsalWorld(rows: 8_000)
    world.marks = { ($0 % 4 == 0 ? 1 : 0, RehearsalRows.noSegment) }
    let plan = try plan(
      "  - weight: 50%\n    hold: 30s\n    when: x=1\n  - weight: 50%\n    hold: 10s\n")
    // The stable is terrible outside of the segment: were that evidence, nothing could look worse.
    let stage = try world.stage(plan, stable: { Said(label: $0 % 4 == 0 ? 1 : 0) })
    let run = try RehearsalWorld.play(stage)
    #expect(run.outcome == .completed)
    let step = try #require(run.steps.first)
    #expect(step.doing == "50% of x=1")
    let inside = step.candidateRequests + step.stableRequests - step.outsideRequests
    #expect(abs(inside * 4 - step.candidateRequests - step.stableRequests) <= 4)
    #expect(abs(step.candidateRequests * 2 - inside) < inside / 5)
    let wrong = try #require(step.metrics.first { $0.metric == .wrongAnswers })
    #expect(wrong.stableBad == 0 && wrong.stableTotal > 100)
    #expect(wrong.stableTotal <= inside)
    // Then everybody takes part.
    #expect(run.steps[1].outsideRequests == 0 && run.steps[1].doing == nil)
  }

  @Test("a segment in which the candidate is worse is closed alone, the rest goes on")
  func closedSegment() throws {
    var world = RehearsalWorld(rows: 16_000, gap: 2_000)
    // Segment 0 is a quarter of the requests; closing it is rule 0, closing the other is rule 1.
    world.marks = { $0 % 4 == 0 ? (1, 0) : (2, 1) }
    let plan = try plan(
      "  - weight: 50%\n    hold: 20s\n", more: "segments:\n  by: x\n  values: [a, b]\n")
    let stage = try world.stage(
      plan, stable: mostlyRight(1, outOf: 3),
      candidates: [{ Said(label: $0 % 4 == 0 ? ($0 % 16 == 0 ? 1 : 0) : ($0 % 3 == 2 ? 0 : 1)) }])
    let run = try RehearsalWorld.play(stage)
    #expect(run.decisions.contains { $0.kind == "segment-closed" })
    let step = try #require(run.steps.first)
    let segments = try #require(step.segments)
    #expect(segments.map(\.segment) == ["a", "b"])
    #expect(segments.map(\.isClosed) == [true, false])
    // After the closure its requests are the stable's and no evidence.
    #expect(step.outsideRequests > 0)
    #expect(step.outsideRequests < segments[0].stableRequests)
    #expect(segments[0].candidateRequests * 4 < segments[0].stableRequests)
    #expect(
      abs(segments[1].candidateRequests - segments[1].stableRequests)
        < segments[1].stableRequests / 10)
    #expect(segments[0].candidateWrong * 2 > segments[0].candidateLabelled)
    let worst = try #require(segments[0].metrics.first { $0.metric == .wrongAnswers })
    #expect(worst.eValue >= worst.rollbackAt)
  }

  // MARK: Several candidates

  private func trial(_ hold: String = "30s") throws -> Plan {
    try plan("  - ab: 20%\n    hold: \(hold)\n    min_requests: 300\n")
  }

  @Test("rivals each have their share and evidence of their own, and the end is a choice")
  func rivals() throws {
    let run = try RehearsalWorld.play(
      try RehearsalWorld(rows: 10_000).stage(
        try trial("60s"), stable: mostlyRight(),
        candidates: [mostlyRight(3, outOf: 9), mostlyRight(5, outOf: 20)]))
    #expect(run.outcome == .choice && run.winner == nil)
    #expect(run.took >= .seconds(60) && run.took < .seconds(62))
    let step = try #require(run.steps.first)
    #expect(step.kind == .abTest && step.candidates.count == 2)
    for candidate in step.candidates {
      #expect(candidate.dropped == nil && candidate.copies == nil)
      let share = Double(candidate.requests) / Double(run.requests)
      #expect(abs(share - 0.2) < 0.03)
      let wrong = try #require(candidate.metrics.first { $0.metric == .wrongAnswers })
      #expect(wrong.candidateTotal == candidate.labelled)
      #expect(wrong.candidateBad == candidate.wrong)
      #expect(wrong.stableTotal > 3_000)
    }
    #expect(step.candidateRequests == step.candidates.reduce(0) { $0 + $1.requests })
    let choice = try #require(run.choice)
    #expect(choice.best == (try RehearsalWorld.version(3)) && choice.by == .wrongAnswers)
    #expect(choice.isClear)
    #expect(choice.left.map(\.version.number) == [3, 2])
    #expect(choice.left.map(\.wrong.count) == [step.candidates[1].wrong, step.candidates[0].wrong])
    #expect(run.reason.contains("a person picks one of 2") && run.reason.contains("m@3"))
  }

  @Test("a bad rival is dropped alone, the other one goes on to the end")
  func badRival() throws {
    // The leading one, then the other one: who is left leads, and becomes the stable.
    for bad in [0, 1] {
      let good = mostlyRight(5)
      let worse: (Int) -> Said = { Said(label: $0 % 2 == 0 ? 0 : 1) }
      let run = try RehearsalWorld.play(
        try RehearsalWorld(rows: 20_000).stage(
          try trial("60s"), stable: mostlyRight(),
          candidates: bad == 0 ? [worse, good] : [good, worse]))
      #expect(run.outcome == .completed)
      #expect(run.winner == (try RehearsalWorld.version(bad == 0 ? 3 : 2)))
      #expect(run.decisions.contains { $0.kind == "candidate-dropped" })
      let step = try #require(run.steps.first)
      let dropped = step.candidates[bad]
      #expect(dropped.dropped == Metric.wrongAnswers.words)
      let wrong = try #require(dropped.metrics.first { $0.metric == .wrongAnswers })
      #expect(wrong.isBreach)
      #expect(step.candidates[1 - bad].dropped == nil)
      #expect(dropped.requests * 2 < step.candidates[1 - bad].requests)
    }
  }

  @Test("candidates of which none is ahead are told so")
  func noneAhead() throws {
    let run = try RehearsalWorld.play(
      try RehearsalWorld(labels: false).stage(
        try trial("20s"), candidates: [{ _ in Said() }, { _ in Said() }]))
    #expect(run.outcome == .choice && run.cause == "none ahead")
    #expect(run.choice?.best == nil && run.choice?.isClear == false)
  }

  @Test("candidates that leave the stable nothing are refused")
  func tooMany() throws {
    let plan = try plan("  - weight: 50%\n    hold: 10s\n")
    #expect(throws: ControlError.self) {
      try RehearsalWorld.play(
        try RehearsalWorld().stage(plan, candidates: [{ _ in Said() }, { _ in Said() }]))
    }
  }

  @Test("an A/B test takes its time however good the candidate is")
  func fixedTime() throws {
    let run = try RehearsalWorld.play(
      try RehearsalWorld(rows: 10_000).stage(
        try trial("40s"), stable: mostlyRight(0, outOf: 3), candidates: [mostlyRight(1)]))
    #expect(run.outcome == .completed)
    #expect(run.steps.first.map { $0.lasted >= .seconds(40) } ?? false)
  }

  // MARK: The rest

  @Test("a preview keeps callers off the candidate, then all of them move")
  func preview() throws {
    let text =
      "name: p\nsteps:\n  - preview: true\n    hold: 10s\n    approval: true\n"
      + "  - weight: 100%\nsoak: 10s\n"
    let run = try RehearsalWorld.play(
      try RehearsalWorld().stage(try PlanFile.parse(Array(text.utf8), file: "plan.yaml")))
    #expect(run.outcome == .completed)
    #expect(run.steps.map(\.kind) == [.preview, nil])
    #expect(run.steps.map(\.candidateRequests).first == 0)
    #expect(run.steps[1].stableRequests == 0 && run.steps[1].candidateRequests > 900)
  }

  @Test("requests that never come end the rehearsal, also where people are only alarmed")
  func starved() throws {
    // No request is of the rule, so the step waits for ever.
    let steps = "  - weight: 50%\n    hold: 1s\n    min_requests: 10\n    when: x=1\n"
    let world = RehearsalWorld(rows: 400, gap: 10_000_000)
    let run = try RehearsalWorld.play(try world.stage(try plan(steps)))
    #expect(run.outcome == .held && run.cause == HoldCause.lowTraffic.words)
    let alarmed = try RehearsalWorld.play(
      try world.stage(
        try plan(steps, more: "hold_deadline: 30m\nhold_policy:\n  then: escalate\n")))
    #expect(alarmed.outcome == .held)
    #expect(alarmed.decisions.contains { $0.kind == "escalated" })
  }

  @Test("equal seeds give equal runs with copies and rivals, others give others")
  func seeds() throws {
    let stage = try RehearsalWorld(rows: 8_000).stage(
      try plan(
        "  - shadow: 30%\n    hold: 10s\n  - ab: 20%\n    hold: 10s\n", disagreement: true),
      stable: mostlyRight(), candidates: [mostlyRight(0, outOf: 11), mostlyRight(0, outOf: 10)],
      clone: mostlyRight())
    let first = try RehearsalWorld.play(stage, seed: 5)
    #expect(try RehearsalWorld.play(stage, seed: 5) == first)
    let other = try RehearsalWorld.play(stage, seed: 6)
    #expect(other.steps.first?.copiedRequests != first.steps.first?.copiedRequests)
    // The report crosses the control socket.
    let bytes = try CanonicalJSON.encode(first)
    #expect(try CanonicalJSON.decode(RehearsalReport.Run.self, from: bytes) == first)
  }
}
