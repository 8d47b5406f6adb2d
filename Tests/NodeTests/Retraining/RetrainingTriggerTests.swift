import Control
import Core
import Testing

@testable import Node
@testable import Control

@Suite("What begins a retraining")
struct RetrainingTriggerTests {
  private let t0 = Timestamp(microseconds: 1_700_000_000_000_000)

  private func policy(_ triggers: String, coolDown: String = "1h") throws -> RetrainingPolicy {
    try RetrainingFile.parse(
      Array(
        """
        name: p
        endpoint: e
        model: m
        command: [x]
        label: y
        plan: q
        cool_down: \(coolDown)
        triggers: \(triggers)
        """.utf8), file: "p.yaml", plans: ["q"])
  }

  private func drifted(_ names: [String]?, requests: Int = 100) -> RetrainingFigures {
    RetrainingFigures(recentRequests: requests, drifted: names, labels: 0, wrong: 0)
  }

  private func state(lastBegan: Timestamp, running: Bool = false) throws -> RetrainingState {
    let name = try Name("p")
    let begin = RetrainingBegin(
      policy: name, run: 1, endpoint: try Name("e"), model: try Name("m"), trigger: .byHand,
      detail: "", policyDigest: Digest(ofBytes: []), since: nil)
    return RetrainingState(
      policy: name, endpoint: try Name("e"), runs: 1, running: running ? begin : nil,
      lastBegan: lastBegan, learntThrough: nil, ended: [])
  }

  @Test func driftMustHoldWithoutABreak() throws {
    let policy = try policy("{drift: {features: 2, for: 10m}}")
    var triggers = RetrainingTriggers()
    func look(_ minute: Int, _ figures: RetrainingFigures) -> RetrainingTriggers.Begin? {
      triggers.look(policy, figures, nil, isOccupied: false, now: t0 + .minutes(minute))
    }
    #expect(look(0, drifted(["a", "b"])) == nil)
    #expect(look(9, drifted(["a", "b", "c"])) == nil)
    // One input only, no verdict, no traffic: each is a break.
    for broken in [drifted(["a"]), drifted(nil), drifted(["a", "b"], requests: 0)] {
      #expect(look(10, broken) == nil && triggers.driftSince == nil)
      #expect(look(10, drifted(["a", "b"])) == nil)
      #expect(look(19, drifted(["a", "b"])) == nil)
    }
    let begin = try #require(look(20, drifted(["a", "b"])))
    #expect(begin.trigger == .drift && begin.detail == "drift in 2 inputs for 10m: a, b")
    // It begins to count anew.
    #expect(look(21, drifted(["a", "b"])) == nil)
  }

  @Test func coolDownRunningAndOccupiedHoldItBack() throws {
    let policy = try policy("{drift: {features: 1, for: 0s}}")
    var triggers = RetrainingTriggers()
    func look(_ state: RetrainingState?, _ minute: Int, isOccupied: Bool = false) -> Bool {
      triggers.look(
        policy, drifted(["a"]), state, isOccupied: isOccupied, now: t0 + .minutes(minute)) != nil
    }
    let known = try state(lastBegan: t0)
    #expect(!look(known, 59))
    #expect(!look(known, 60, isOccupied: true))
    #expect(!look(try state(lastBegan: t0, running: true), 61))
    #expect(look(known, 60))
    #expect(look(nil, 0))
  }

  @Test func accuracyNeedsLabelsEnough() throws {
    let policy = try policy("{accuracy: {below: 75%, labels: 100, over: 30m}}")
    var triggers = RetrainingTriggers()
    func look(_ labels: Int, _ wrong: Int) -> RetrainingTriggers.Begin? {
      triggers.look(
        policy, RetrainingFigures(labels: labels, wrong: wrong), nil, isOccupied: false, now: t0)
    }
    #expect(look(0, 0) == nil && look(99, 99) == nil && look(100, 25) == nil)
    let begin = try #require(look(100, 26))
    #expect(begin.trigger == .accuracy)
    #expect(begin.detail == "74.00 % of 100 labels right within 30m, wanted 75 %")
  }

  @Test func theClockBeginsOnceForEachMoment() throws {
    let policy = try policy("{schedule: [\"Wed 12:00\", \"Wed 14:00\"]}", coolDown: "3h")
    let moment = try WeeklyMoment("Wed 12:00").next(after: t0)
    var triggers = RetrainingTriggers()
    func look(_ now: Timestamp, _ state: RetrainingState? = nil, isOccupied: Bool = false) -> Bool {
      triggers.look(policy, RetrainingFigures(), state, isOccupied: isOccupied, now: now) != nil
    }
    // What passed before the first look is passed over.
    #expect(!look(moment + .minutes(-1)))
    // A rollout does not hold the clock back.
    #expect(look(moment, isOccupied: true))
    let begun = try state(lastBegan: moment)
    #expect(!look(moment + .seconds(10), begun))
    // The second moment is within the cool-down: it is passed over, not caught up with.
    #expect(!look(moment + .minutes(120), begun))
    #expect(!look(moment + .minutes(300), begun))
    #expect(look(moment + .minutes(7 * 1_440), begun))
    // Far in the future after the clock was set back by a month: it is reckoned anew.
    let earlier = moment + .minutes(-30 * 1_440)
    #expect(!look(earlier, nil))
    #expect((triggers.nextMoment ?? t0) - earlier <= .minutes(7 * 1_440))
  }

  @Test func nothingIsBegunWithoutFigures() throws {
    let policy = try policy("{drift: {for: 0s}, accuracy: {below: 99%}}")
    var triggers = RetrainingTriggers()
    for minute in 0..<100 {
      #expect(
        triggers.look(
          policy, RetrainingFigures(), nil, isOccupied: false, now: t0 + .minutes(minute)) == nil)
    }
  }
}
