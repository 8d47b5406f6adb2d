import Core
import Testing

@testable import Control

/// Windows, the stop of the line, and what they bind.
@Suite struct FreezeTests {
  // Friday 2023-11-17 15:59:00 UTC.
  private let friday = Timestamp(microseconds: 1_700_236_740_000_000)

  @Test func weeklyWindowsHoldFromTheirFirstMinuteToTheirLast() throws {
    let window = try FreezeWindow("Fri 16:00-Mon 08:00")
    #expect(window.period(at: friday) == nil)
    let start = friday + .minutes(1)
    let end = start + .minutes(64 * 60)
    #expect(window.period(at: start)?.until == end)
    #expect(window.period(at: end + TimeSpan(microseconds: -1))?.until == end)
    #expect(window.period(at: end) == nil)
    #expect(window.period(at: start + .minutes(7 * 1_440))?.until == end + .minutes(7 * 1_440))
    // Two hours ahead of UTC it is 18:00 there already.
    let ahead = try FreezeWindow("Fri 16:00-Mon 08:00 +02:00")
    #expect(ahead.period(at: friday)?.until == end + .minutes(-120))
    let inside = try FreezeWindow("mon 08:00-Fri 16:00")
    #expect(inside.period(at: friday)?.until == start && inside.period(at: start) == nil)
  }

  @Test func singleWindowsHoldOnce() throws {
    let window = try FreezeWindow("2023-11-17 15:59/2023-11-17 16:01")
    #expect(window.period(at: friday)?.until == friday + .minutes(2))
    #expect(window.period(at: friday + TimeSpan(microseconds: -1)) == nil)
    #expect(window.period(at: friday + .minutes(2)) == nil)
    #expect(try FreezeWindow("2023-11-17 17:59/2023-11-17 18:01 +02:00") == window)
  }

  @Test(arguments: [
    "Fri 16:00-Mon 08:00", "Fri 16:00-Mon 08:00 +05:30", "Fri 16:00-Mon 08:00 -08:00",
    "2024-02-29 00:00/2024-03-01 23:59",
  ])
  func textsComeBack(text: String) throws {
    let window = try FreezeWindow(text)
    #expect(window.description == text)
    let bytes = try CanonicalJSON.encode([window, .untilReleased])
    #expect(
      try CanonicalJSON.decode([FreezeWindow].self, from: bytes) == [window, .untilReleased])
  }

  @Test(arguments: [
    "", "Fri", "Fri 16:00", "Fri 16:00-Fri 16:00", "Fre 16:00-Mon 08:00", "Fri 24:00-Mon 08:00",
    "Fri 16:60-Mon 08:00", "Fri 1:00-Mon 08:00", "Fri 16:00-Mon 08:00 +15:00",
    "Fri 16:00-Mon 08:00-Tue 09:00", "2023-02-29 00:00/2023-03-01 00:00", "until released",
    "2024-03-01 00:00/2024-02-01 00:00", "2024-13-01 00:00/2025-01-01 00:00", "+02:00", "-",
  ])
  func otherTextsAreRefused(text: String) {
    #expect(throws: InvalidValue.self) { try FreezeWindow(text) }
  }

  /// Every command that moves forward is refused while the line stands, and everything that takes
  /// risk away is done, in each state of a rollout.
  @Test(arguments: ["baking", "raised", "paused", "approval", "soaking", "waiting", "spent"])
  func theLineStopsForwardMovesOnly(state: String) throws {
    var bench = try Bench.inState(state)
    try bench.give(.addFreeze(endpoint: nil, window: .untilReleased, reason: "incident"))
    let e = bench.endpoint
    var forward: [Command] = [
      .promote(endpoint: e, reason: "x"),
      .supersede(endpoint: e, version: bench.v(3), plan: Bench.plan(), reason: nil),
    ]
    if try bench.rollout.nextStep != nil, state != "waiting" {
      forward.append(.step(endpoint: e, direction: .next, reason: "x"))
    }
    if state == "baking" || state == "raised" {
      forward.append(.setCandidateWeight(endpoint: e, weight: 9_000, reason: "x"))
    }
    if state == "spent" { forward.append(.resume(endpoint: e, reason: "x")) }
    for command in forward {
      let message = bench.refusal(command).message
      if state == "waiting", case .promote = command {
        #expect(message.contains("approval"))
      } else {
        #expect(
          message.contains("ana stopped the line") && message.contains("incident")
            && message.contains("until it is released") && message.contains("--override-freeze"),
          "\(command): \(message)")
      }
    }
    // Each on a bench of its own: none is blocked.
    for command in [
      Command.abort(endpoint: e, reason: nil), .rollBack(endpoint: e, to: nil, symptom: nil),
    ] {
      var other = bench
      try other.give(command)
      #expect(try other.here.rollout == nil)
    }
    if try bench.rollout.hold == nil {
      var other = bench
      try other.give(.pause(endpoint: e))
    }
    if try bench.rollout.weight > 1 {
      var other = bench
      try other.give(.setCandidateWeight(endpoint: e, weight: 1, reason: nil))
    }
  }

  @Test func withoutARampItStopsStartsSplitsUndoAndFirstDeploys() throws {
    var bench = try Bench.serving()
    let e = bench.endpoint
    try bench.give(.deploy(endpoint: e, version: bench.v(2)))
    let half = Split(stable: bench.v(1), candidate: bench.v(2), weight: 5_000)
    try bench.give(.setSplit(endpoint: e, split: half))
    try bench.give(
      .addFreeze(
        endpoint: e, window: bench.window(minutes: 60),
        reason: "audit"))
    let more = Split(stable: bench.v(1), candidate: bench.v(2), weight: 5_001)
    let less = Split(stable: bench.v(1), candidate: bench.v(2), weight: 4_999)
    #expect(bench.refusal(.setSplit(endpoint: e, split: more)).message.contains("audit"))
    #expect(bench.refusal(.undo(endpoint: e)).message.contains("frozen"))
    #expect(
      bench.refusal(.startRamp(endpoint: e, version: bench.v(2), plan: Bench.plan())).code
        == .refused)
    // Loading a version without traffic raises no risk; another endpoint is not bound.
    try bench.give(.deploy(endpoint: e, version: bench.v(3)))
    try bench.give(.setSplit(endpoint: e, split: less))
    try bench.give(.rollBack(endpoint: e, to: nil, symptom: nil))
    let other = try Name("other")
    try bench.give(.createEndpoint(other))
    try bench.give(.deploy(endpoint: other, version: bench.v(1)))
    // An empty endpoint under a freeze takes no first version.
    let empty = try Name("empty")
    try bench.give(.createEndpoint(empty))
    try bench.give(.addFreeze(endpoint: nil, window: .untilReleased, reason: nil))
    #expect(
      bench.refusal(.deploy(endpoint: empty, version: bench.v(1))).message.contains("frozen"))
  }

  @Test func anOverrideNeedsAReasonAndIsForOneMove() throws {
    var bench = try Bench.ramping()
    try bench.give(.addFreeze(endpoint: nil, window: .untilReleased, reason: "incident"))
    bench.freezeOverride = " "
    _ = bench.refusal(.step(endpoint: bench.endpoint, direction: .next, reason: nil))
    bench.freezeOverride = "security fix"
    let event = try bench.give(.step(endpoint: bench.endpoint, direction: .next, reason: nil))
    #expect(event.override?.reason == "security fix")
    #expect(event.override?.freezes == [FreezeReference(freeze: 1, until: nil)])
    #expect(event.summary.contains("past freeze 1 (security fix)"))
    // The ramp itself still holds; only going on by name lets it past.
    var held = try bench.mustLook(bench.quiet())
    #expect(held.kind == "held" && held.reason?.contains("incident") == true)
    let resumed = try bench.give(.resume(endpoint: bench.endpoint, reason: nil))
    #expect(resumed.override != nil)
    bench.freezeOverride = nil
    #expect(bench.look(try bench.quiet()) == nil)
    // Another freeze is another matter.
    try bench.give(
      .addFreeze(
        endpoint: nil, window: bench.window(minutes: 9), reason: "b"))
    held = try bench.mustLook(bench.quiet())
    #expect(try held.kind == "held" && bench.rollout.hold == .freeze)
  }

  @Test func aRampHoldsThroughAWindowAndGoesOnByItself() throws {
    var bench = try Bench.ramping(Bench.plan(deadline: .seconds(10)))
    let end = bench.wholeMinute + .minutes(60)
    try bench.give(
      .addFreeze(
        endpoint: bench.endpoint, window: bench.window(minutes: 60), reason: "audit"))
    let held = try bench.mustLook(bench.quiet(minutes: 5))
    #expect(held.kind == "held" && held.commandLine == nil)
    #expect(held.summary.contains("frozen") && held.summary.contains("audit"))
    // The deadline of holds is not for freezes, and its step does not end.
    bench.now = end + TimeSpan(microseconds: -1)
    #expect(bench.look(try bench.quiet(minutes: 5)) == nil)
    // The guard still watches.
    var worse = try bench.quiet()
    for _ in 0..<Judge.breakerFailures { worse.recordWarmUp(failed: true) }
    var other = bench
    #expect(try other.mustLook(worse).kind == "rolled-back")
    // A person may pause; else it goes on at the end.
    other = bench
    try other.give(.pause(endpoint: bench.endpoint))
    #expect(try other.rollout.hold == .operator)
    bench.now = end
    #expect(try bench.mustLook(bench.quiet()).kind == "resumed")
    #expect(try bench.mustLook(bench.quiet(minutes: 5)).kind == "stepped")
  }

  @Test func freezesAreRemovedByNumberAndTheLineByRelease() throws {
    var bench = try Bench.serving()
    #expect(bench.refusal(.removeFreeze(id: nil, reason: nil)).message.contains("not stopped"))
    let weekly = try FreezeWindow("Fri 16:00-Mon 08:00")
    _ = bench.refusal(.addFreeze(endpoint: nil, window: weekly, reason: nil))
    _ = bench.refusal(
      .addFreeze(
        endpoint: nil, window: .once(from: bench.wholeMinute + .minutes(-9), to: bench.wholeMinute),
        reason: "x"))
    let seconds = FreezeWindow.once(from: bench.now, to: bench.now + .seconds(90))
    #expect(
      bench.refusal(.addFreeze(endpoint: nil, window: seconds, reason: "x")).message
        .contains("whole minutes"))
    try bench.give(.addFreeze(endpoint: nil, window: weekly, reason: "weekend"))
    let stop = try bench.give(.addFreeze(endpoint: nil, window: .untilReleased, reason: nil))
    #expect(stop.commandLine == "sluice stop-the-line")
    #expect(
      bench.refusal(.addFreeze(endpoint: nil, window: .untilReleased, reason: nil)).message
        .contains("already"))
    try bench.give(.removeFreeze(id: nil, reason: nil))
    #expect(bench.refusal(.removeFreeze(id: 2, reason: nil)).message.contains("there are: 1"))
    let removed = try bench.give(.removeFreeze(id: 1, reason: nil))
    #expect(removed.commandLine == "sluice freeze remove 1" && bench.state.freezes.isEmpty)
    try bench.give(.addFreeze(endpoint: nil, window: weekly, reason: "again"))
    #expect(bench.state.freezes.first?.id == 3)
  }

  @Test func aDryRunSaysWhatWouldHoldIt() throws {
    var bench = try Bench.serving()
    let end = bench.wholeMinute + .minutes(60)
    try bench.give(
      .addFreeze(endpoint: nil, window: bench.window(minutes: 60), reason: "audit"))
    try bench.give(
      .addFreeze(
        endpoint: bench.endpoint,
        window: .once(from: end + .minutes(30), to: end + .minutes(90)), reason: "lunch"))
    let plan = Bench.plan(
      hold: .minutes(40), approval: [1], soak: .zero, stepApprovals: 1,
      approvals: ApprovalRule(count: 2, from: ["bob", "zoe"]),
      blast: BlastCap(requests: 70, errors: 8))
    let forecast = rampPreview(
      bench.state, bench.endpoint, bench.v(2), plan, bench.context())
    let text = forecast.conditions
    #expect(forecast.refusal?.contains("audit") == true)
    #expect(text[0] == "before the start: 2 approvals from bob, zoe, not from who starts it")
    #expect(text[1] == "after step 2: 1 approval from bob, zoe, not from who starts it")
    #expect(text[2].hasPrefix("failed answers: held at E 40, rolled back at E 200"))
    #expect(text[4].contains("at most 25% of the callers"))
    #expect(text[5].contains("70 requests") && text[6].contains("8 failed"))
    // An hour of audit, thirty minutes of the first step, an hour of lunch, ten minutes more.
    #expect(text[7].contains("audit"))
    #expect(text[8] == "step 1 at the earliest \(FreezeWindow.text(end))Z")
    #expect(text[9].contains("lunch"))
    #expect(text[10] == "step 2 at the earliest \(FreezeWindow.text(end + .minutes(100)))Z")
    #expect(text[11] == "step 3 at the earliest \(FreezeWindow.text(end + .minutes(140)))Z")
    #expect(
      text[12] == "the new stable at the earliest \(FreezeWindow.text(end + .minutes(180)))Z")
    try bench.give(.addFreeze(endpoint: nil, window: .untilReleased, reason: "stop"))
    let stopped = rampPreview(
      bench.state, bench.endpoint, bench.v(2), plan, bench.context())
    #expect(stopped.conditions.last == "step 1 cannot begin before that")
  }
}
