import Core
import Testing

@testable import Control

/// Another ramp in place of one, the same ramp again, and splits of earlier generations.
@Suite struct AgainTests {
  @Test func supersedingRollsBackAndStartsInOneGo() throws {
    var bench = try Bench.ramping()
    let e = bench.endpoint
    let command = Command.supersede(
      endpoint: e, version: bench.v(3), plan: Bench.plan([700, 10_000]), reason: "newer")
    #expect(bench.refusal(command, seen: 1).code == .stale)
    let before = try bench.here.generation
    let events = try bench.giveAll(command, seen: before)
    #expect(events.map(\.kind) == ["rolled-back", "ramp-started"])
    let here = try bench.here
    #expect(here.generation == before + 2 && here.closed == [bench.v(2)])
    #expect(here.ended.first?.end == .superseded && here.ended.first?.candidate == bench.v(2))
    #expect(here.split == Split(stable: bench.v(1), candidate: bench.v(3), weight: 700))
    #expect(here.rollout?.id == 2 && here.rollout?.candidate == bench.v(3))
    // What cannot start does not end the other either.
    for refused in [bench.v(3), bench.v(1), bench.v(9)] {
      _ = bench.refusal(
        .supersede(endpoint: e, version: refused, plan: Bench.plan(), reason: nil))
    }
    bench.prepared.remove(bench.v(4))
    _ = bench.refusal(
      .supersede(endpoint: e, version: bench.v(4), plan: Bench.plan(), reason: nil))
    #expect(try bench.rollout.id == 2)
  }

  @Test func withoutARunningRampItIsAStart() throws {
    var bench = try Bench.serving()
    let events = try bench.giveAll(
      .supersede(
        endpoint: bench.endpoint, version: bench.v(2), plan: Bench.plan(), reason: nil))
    #expect(events.map(\.kind) == ["ramp-started"])
  }

  @Test func retryStartsTheLastOneAnewWithFreshEvidence() throws {
    let plan = Bench.plan([300, 10_000])
    var bench = try Bench.ramping(plan)
    let e = bench.endpoint
    #expect(bench.refusal(.retry(endpoint: e)).message.contains("one ramp at a time"))
    try bench.give(.abort(endpoint: e, reason: nil), bench.quiet())
    #expect(try bench.here.closed == [bench.v(2)])
    let event = try bench.give(.retry(endpoint: e))
    #expect(event.kind == "ramp-started")
    let rollout = try bench.rollout
    #expect(rollout.id == 2 && rollout.plan == plan && rollout.candidate == bench.v(2))
    #expect(rollout.evidence.candidateRequests == 0 && rollout.evidence.rollout == 2)
    #expect(try bench.here.closed.isEmpty)
    // One that was completed is done.
    try bench.give(.promote(endpoint: e, reason: "x"))
    try bench.give(.promote(endpoint: e, reason: "x"))
    #expect(bench.refusal(.retry(endpoint: e)).message.contains("completed"))
    #expect(
      try Bench.serving().refusal(.retry(endpoint: e)).message.contains("no ramp has ended"))
  }

  @Test func undoGoesToAnyGenerationThatIsKept() throws {
    var bench = try Bench.serving()
    let e = bench.endpoint
    try bench.give(.deploy(endpoint: e, version: bench.v(2)))
    var generations: [Int] = []
    for weight in [1_000, 2_000, 3_000] {
      let split = Split(stable: bench.v(1), candidate: bench.v(2), weight: weight)
      try bench.give(.setSplit(endpoint: e, split: split))
      generations.append(try bench.here.generation)
    }
    let event = try bench.give(.undoTo(endpoint: e, generation: generations[0]))
    #expect(event.summary.contains("undone to generation \(generations[0])"))
    #expect(event.commandLine == "sluice undo flight-delay --to \(generations[0])")
    #expect(try bench.here.split?.weight(of: bench.v(2)) == 1_000)
    #expect(try bench.here.stable == bench.v(1))
    #expect(
      bench.refusal(.undoTo(endpoint: e, generation: generations[0])).message.contains("already"))
    #expect(bench.refusal(.undoTo(endpoint: e, generation: 999)).code == .unknown)
    // The one before is taken back by a plain undo.
    try bench.give(.undo(endpoint: e))
    #expect(try bench.here.split?.weight(of: bench.v(2)) == 3_000)
    // Not onto a version that was closed since.
    try bench.give(.rollBack(endpoint: e, to: nil, symptom: nil))
    #expect(
      bench.refusal(.undoTo(endpoint: e, generation: generations[1])).message
        .contains("was rolled back"))
  }

  @Test func undoToAGenerationGivesTheStableBackToo() throws {
    var bench = try Bench.serving()
    let e = bench.endpoint
    let generation = try bench.here.generation
    try bench.give(.deploy(endpoint: e, version: bench.v(2)))
    try bench.give(.setSplit(endpoint: e, split: Split(all: bench.v(2))))
    #expect(try bench.here.stable == bench.v(2))
    try bench.give(.undoTo(endpoint: e, generation: generation))
    #expect(try bench.here.stable == bench.v(1) && bench.here.goodVersions == [bench.v(2)])
  }
}
