import Core

/// Commands at random: anything, but more often what could be accepted now.
struct RandomCommand {
  /// What a command is made of.
  struct Setting {
    let state: ControlState
    let endpoint: Name
    let now: Timestamp
    let versions: Int
    var draw: Draw

    var here: EndpointState? { state.endpoint(endpoint) }
    mutating func version() -> VersionID {
      let number = draw.once(in: 30) ? versions + 1 : 1 + draw.below(versions)
      return VersionID(model: RolloutRun.model, number: number)
    }
    mutating func reason() -> String? { draw.once(in: 4) ? nil : "because" }
    mutating func plan() -> Plan { RandomPlan.make(&draw) }
    mutating func weight() -> BasisPoints { draw.below(Split.whole + 50) }
    mutating func window() -> FreezeWindow {
      let minute = Timestamp(microseconds: now.microseconds / 60_000_000 * 60_000_000)
      switch draw.below(3) {
      case 0: return .untilReleased
      case 1:
        let from = draw.below(10_080)
        return .weekly(from: from, to: (from + 1 + draw.below(600)) % 10_080, zone: 0)
      default: return .once(from: minute, to: minute + .minutes(1 + draw.below(5)))
      }
    }
    mutating func options() -> RampOptions? {
      guard draw.once(in: 3) else { return nil }
      return RampOptions(
        rivals: (0..<draw.below(3)).map { _ in version() },
        at: draw.once(in: 4) ? now + .seconds(draw.below(200)) : nil)
    }
    mutating func candidate() -> VersionID {
      draw.one(of: here?.rollout?.candidates ?? []) ?? version()
    }
    mutating func rule() -> RouteRule {
      let rule = RequestRule([.input("x", anyOf: ["\(1 + draw.below(3))"])])
      return RouteRule(
        name: Name.simulated("r\(draw.below(3))"), rule: rule, split: split())
    }
    mutating func split() -> Split {
      let (a, b) = (version(), version())
      return a == b ? Split(all: a) : Split(stable: a, candidate: b, weight: draw.below(10_001))
    }
  }

  /// How often it comes while a rollout runs, and while none does.
  let (ramping, quiet): (Int, Int)
  let make: (inout Setting) -> Command

  private init(_ ramping: Int, _ quiet: Int, _ make: @escaping (inout Setting) -> Command) {
    (self.ramping, self.quiet) = (ramping, quiet)
    self.make = make
  }

  /// Every command, one a line.
  // Built anew for each choice: closures that are kept would have to be sendable.
  private static func all() -> [RandomCommand] {
    [
      RandomCommand(1, 12) {
        .startRamp(
          endpoint: $0.endpoint, version: $0.version(), plan: $0.plan(), options: $0.options())
      },
      RandomCommand(1, 5) { .deploy(endpoint: $0.endpoint, version: $0.version()) },
      RandomCommand(1, 2) { .unload(endpoint: $0.endpoint, version: $0.version()) },
      RandomCommand(1, 3) { .setSplit(endpoint: $0.endpoint, split: $0.split()) },
      RandomCommand(2, 0) { .pause(endpoint: $0.endpoint) },
      RandomCommand(5, 0) { .resume(endpoint: $0.endpoint, reason: $0.reason()) },
      RandomCommand(3, 0) { .step(endpoint: $0.endpoint, direction: .next, reason: $0.reason()) },
      RandomCommand(1, 0) {
        .step(endpoint: $0.endpoint, direction: .previous, reason: $0.reason())
      },
      RandomCommand(2, 0) {
        .setCandidateWeight(endpoint: $0.endpoint, weight: $0.weight(), reason: $0.reason())
      },
      RandomCommand(2, 0) { .abort(endpoint: $0.endpoint, reason: $0.reason()) },
      RandomCommand(2, 0) { .promote(endpoint: $0.endpoint, reason: $0.reason()) },
      RandomCommand(3, 1) { .rollBack(endpoint: $0.endpoint, to: nil, symptom: $0.reason()) },
      RandomCommand(1, 1) { .rollBack(endpoint: $0.endpoint, to: $0.version(), symptom: nil) },
      RandomCommand(0, 2) { .undo(endpoint: $0.endpoint) },
      RandomCommand(0, 1) {
        .undoTo(
          endpoint: $0.endpoint, generation: ($0.here?.generation ?? 0) - $0.draw.below(8))
      },
      RandomCommand(1, 1) {
        .supersede(
          endpoint: $0.endpoint, version: $0.version(), plan: $0.plan(), reason: $0.reason(),
          options: $0.options())
      },
      RandomCommand(0, 2) { .retry(endpoint: $0.endpoint) },
      RandomCommand(4, 0) { .approve(endpoint: $0.endpoint, plan: nil, reason: $0.reason()) },
      RandomCommand(1, 1) {
        .addFreeze(
          endpoint: $0.draw.once(in: 2) ? $0.endpoint : nil, window: $0.window(),
          reason: $0.reason())
      },
      RandomCommand(2, 2) {
        .removeFreeze(
          id: $0.draw.once(in: 2) ? nil : $0.state.freezes.first?.id, reason: $0.reason())
      },
      RandomCommand(1, 0) {
        .rollBack(
          endpoint: $0.endpoint, to: nil, symptom: nil, over: .seconds(1 + $0.draw.below(90)))
      },
      RandomCommand(1, 0) {
        .promote(endpoint: $0.endpoint, reason: $0.reason(), version: $0.candidate())
      },
      RandomCommand(2, 0) {
        .drop(endpoint: $0.endpoint, version: $0.candidate(), reason: $0.reason())
      },
      RandomCommand(1, 1) {
        .addRule(endpoint: $0.endpoint, rule: $0.rule(), reason: $0.reason())
      },
      RandomCommand(1, 1) {
        .removeRule(
          endpoint: $0.endpoint, name: Name.simulated("r\($0.draw.below(3))"), reason: nil)
      },
      RandomCommand(0, 1) { .createEndpoint($0.endpoint) },
      RandomCommand(1, 1) { .drainEndpoint($0.endpoint) },
      RandomCommand(2, 2) { .enableEndpoint($0.endpoint) },
      RandomCommand(1, 1) { .annotate(endpoint: $0.endpoint, text: "note") },
      RandomCommand(0, 1) {
        .recordRunbook(endpoint: $0.endpoint, runbook: "r", outcome: "done", steps: [])
      },
    ]
  }

  /// A command.
  static func pick(_ setting: inout Setting) -> Command {
    let isRamping = setting.here?.rollout != nil
    let all = all()
    let total = all.reduce(0) { $0 + (isRamping ? $1.ramping : $1.quiet) }
    var left = setting.draw.below(total)
    for entry in all {
      left -= isRamping ? entry.ramping : entry.quiet
      if left < 0 { return entry.make(&setting) }
    }
    return .annotate(endpoint: setting.endpoint, text: "nothing")
  }
}
