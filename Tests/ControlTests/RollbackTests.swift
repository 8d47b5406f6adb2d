import Core
import Testing

@testable import Control

@Suite struct RollbackTests {
  @Test func nothingToRollBackTo() throws {
    let bench = try Bench.serving()
    let refusal = bench.refusal(.rollBack(endpoint: bench.endpoint, to: nil, symptom: nil))
    #expect(refusal.code == .refused && refusal.message.contains("nothing to roll back to"))
    #expect(rollbackPreview(bench.state, bench.endpoint, now: bench.now) == nil)
  }

  @Test func rollbackGoesToTheFallbackAndClosesTheCandidate() throws {
    var bench = try Bench.ramping()
    let e = bench.endpoint
    let preview = rollbackPreview(bench.state, e, now: bench.now, prepared: bench.prepared)
    #expect(preview?.target == bench.v(1) && preview?.closes == [bench.v(2)])
    #expect(preview?.isTargetPrepared == true && (preview?.targetLive ?? .zero) > .zero)
    let event = try bench.give(.rollBack(endpoint: e, to: nil, symptom: "errors up"))
    #expect(event.kind == "rolled-back" && event.severity == .warn)
    #expect(
      event.summary == "flight-delay: rolled back: @2 5% -> 0%, @1 95% -> 100% (errors up)")
    #expect(
      event.commandLine
        == "sluice rollback flight-delay --to flight-delay@1 --reason 'errors up'")
    let here = try bench.here
    #expect(here.rollout == nil && here.closed == [bench.v(2)] && here.stable == bench.v(1))
    #expect(here.split == Split(all: bench.v(1)) && here.ended.first?.end == .rolledBack)
    #expect(here.role(of: bench.v(2)) == "closed")
    #expect(bench.refusal(.undo(endpoint: e)).message.contains("nothing to undo"))
  }

  @Test func aClosedVersionComesBackOnlyByDeployOrRamp() throws {
    var bench = try Bench.ramping()
    let e = bench.endpoint
    try bench.give(.abort(endpoint: e, reason: nil))
    #expect(try bench.here.ended.first?.end == .aborted)
    let refusal = bench.refusal(.setSplit(endpoint: e, split: Split(all: bench.v(2))))
    #expect(refusal.message.contains("was rolled back"))
    #expect(
      bench.refusal(.rollBack(endpoint: e, to: bench.v(2), symptom: nil)).message
        .contains("was rolled back"))
    let event = try bench.give(.deploy(endpoint: e, version: bench.v(2)))
    #expect(event.summary.contains("deployed again"))
    try bench.give(.setSplit(endpoint: e, split: Split(all: bench.v(2))))
    try bench.give(.rollBack(endpoint: e, to: nil, symptom: nil))
    try bench.give(.startRamp(endpoint: e, version: bench.v(2), plan: Bench.plan()))
    #expect(try bench.here.closed.isEmpty)
    #expect(try bench.rollout.id == 2)
  }

  @Test func rollbackStepsDownTheGoodVersions() throws {
    var bench = try Bench.serving()
    let e = bench.endpoint
    for number in 2...4 {
      try bench.give(.deploy(endpoint: e, version: bench.v(number)))
      try bench.give(.setSplit(endpoint: e, split: Split(all: bench.v(number))))
    }
    #expect(try bench.here.goodVersions == [bench.v(3), bench.v(2), bench.v(1)])
    let preview = rollbackPreview(bench.state, e, now: bench.now)
    #expect(preview?.target == bench.v(3) && preview?.alternatives == [bench.v(2), bench.v(1)])
    try bench.give(.rollBack(endpoint: e, to: nil, symptom: nil))
    #expect(try bench.here.stable == bench.v(3))
    try bench.give(.rollBack(endpoint: e, to: bench.v(1), symptom: nil))
    #expect(try bench.here.stable == bench.v(1))
    #expect(try bench.here.goodVersions.isEmpty)
    #expect(
      bench.refusal(.rollBack(endpoint: e, to: bench.v(1), symptom: nil)).message
        .contains("already"))
    #expect(bench.refusal(.rollBack(endpoint: e, to: bench.v(9), symptom: nil)).code == .unknown)
  }

  @Test func unpreparedTargetsArePassedOver() throws {
    var bench = try Bench.serving()
    let e = bench.endpoint
    for number in 2...3 {
      try bench.give(.deploy(endpoint: e, version: bench.v(number)))
      try bench.give(.setSplit(endpoint: e, split: Split(all: bench.v(number))))
    }
    bench.prepared.remove(bench.v(2))
    let event = try decide(
      bench.state, .rollBack(endpoint: e, to: nil, symptom: nil), bench.context())[0]
    #expect(event.after == Split(all: bench.v(1)))
    bench.prepared = []
    #expect(
      bench.refusal(.rollBack(endpoint: e, to: nil, symptom: nil)).message.contains("not loaded"))
    let shown = rollbackPreview(bench.state, e, now: bench.now, prepared: [])
    #expect(shown?.isTargetPrepared == false)
  }

  @Test func aMixedSplitRollsBackToItsStable() throws {
    var bench = try Bench.serving()
    let e = bench.endpoint
    try bench.give(.deploy(endpoint: e, version: bench.v(2)))
    let split = Split(stable: bench.v(1), candidate: bench.v(2), weight: 4_000)
    try bench.give(.setSplit(endpoint: e, split: split))
    try bench.give(.rollBack(endpoint: e, to: nil, symptom: nil))
    #expect(try bench.here.split == Split(all: bench.v(1)))
    #expect(try bench.here.closed == [bench.v(2)])
  }

  @Test func staleRollbacksGoThroughWhenTheTargetIsTheSame() throws {
    var bench = try Bench.ramping()
    let e = bench.endpoint
    let seen = try bench.here.generation
    try bench.give(.pause(endpoint: e))
    try bench.give(.resume(endpoint: e, reason: nil))
    let rollBack = Command.rollBack(endpoint: e, to: nil, symptom: nil)
    _ = try decide(bench.state, rollBack, bench.context(seen: seen))
    _ = try decide(bench.state, .abort(endpoint: e, reason: nil), bench.context(seen: seen))
    _ = try decide(bench.state, .pause(endpoint: e), bench.context(seen: seen))
    // Other commands are refused.
    let step = Command.step(endpoint: e, direction: .next, reason: nil)
    #expect(bench.refusal(step, seen: seen).code == .stale)
    // The ramp completes and another begins: now the way back is another one.
    try bench.give(.promote(endpoint: e, reason: "known good"))
    try bench.give(.promote(endpoint: e, reason: "known good"))
    #expect(try bench.here.stable == bench.v(2))
    try bench.give(.startRamp(endpoint: e, version: bench.v(3), plan: Bench.plan()))
    #expect(bench.refusal(rollBack, seen: seen).code == .stale)
    #expect(bench.refusal(.abort(endpoint: e, reason: nil), seen: seen).code == .stale)
    // A target named by the person is what they saw.
    _ = try decide(
      bench.state, .rollBack(endpoint: e, to: bench.v(2), symptom: nil), bench.context(seen: seen))
  }

  @Test func rollbackToTheCandidateIsNoRollback() throws {
    let bench = try Bench.ramping()
    let command = Command.rollBack(endpoint: bench.endpoint, to: bench.v(2), symptom: nil)
    #expect(bench.refusal(command).message.contains("promote"))
  }

  @Test func longSymptomsNeverStopARollback() throws {
    var bench = try Bench.ramping()
    let long = String(repeating: "\u{1B}[31m", count: 10_000)
    let event = try bench.give(.rollBack(endpoint: bench.endpoint, to: nil, symptom: long))
    #expect((event.reason?.unicodeScalars.count ?? 0) <= ControlLimits.reasonLengthMax)
    #expect(!event.summary.contains("\u{1B}") && event.commandLine?.contains("\u{1B}") == false)
  }
}
