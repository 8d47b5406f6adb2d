import Core
import Testing

@testable import Control

/// A person, a guard and a world that do anything at random, with a fixed seed.
private struct Chaos {
  var random: SplitMix64
  var bench: Bench
  let names: [Name]
  var live: [Name: RolloutEvidence] = [:]
  var accepted = 0
  var refused = 0

  init(seed: UInt64) throws {
    random = SplitMix64(seed: seed)
    bench = try Bench()
    names = [bench.endpoint, try Name("other")]
    for _ in 0..<5 { try bench.give(.registerVersion(bench.draft())) }
    bench.prepared = Set(bench.state.versions.map(\.version))
    for name in names { try bench.give(.createEndpoint(name)) }
  }

  mutating func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }
  mutating func flip() -> Bool { random.next() % 2 == 0 }

  mutating func version() -> VersionID { bench.v(1 + below(6)) }
  mutating func reason() -> String? {
    below(3) == 0 ? nil : ["because", "", "\u{1B}[2J"][below(3)]
  }

  mutating func plan() -> Plan {
    var weights: [BasisPoints] = []
    for _ in 0..<below(4) { weights.append((weights.last ?? 0) + 1 + below(2_500)) }
    if below(20) > 0 { weights.append(10_000) }
    return Bench.plan(
      weights, hold: .seconds(below(60)), minRequests: below(100),
      approval: flip() ? [0] : [], soak: flip() ? .zero : .seconds(30),
      deadline: flip() ? nil : .seconds(40),
      metrics: below(4) == 0 ? [] : nil, stepApprovals: below(4) == 0 ? 1 : nil,
      approvals: below(4) == 0 ? ApprovalRule(count: 1 + below(2)) : nil,
      blast: below(4) == 0 ? BlastCap(requests: 1 + below(300), errors: 1 + below(90)) : nil)
  }

  mutating func split() -> Split? {
    let a = version()
    let b = version()
    return a == b ? Split(all: a) : Split(stable: a, candidate: b, weight: below(10_001))
  }

  /// Anything, but more often what could be accepted now.
  mutating func command() -> Command? {
    let e = names[below(10) < 8 ? 0 : 1]
    let isRamping = bench.state.endpoint(e)?.rollout != nil
    switch flip() ? below(20) : isRamping ? 10 + below(8) : 2 + below(8) {
    case _ where below(5) == 0: return newer(e)
    case 0: return .createEndpoint(e)
    case 1: return below(6) == 0 ? .drainEndpoint(e) : .enableEndpoint(e)
    case 2, 3: return .deploy(endpoint: e, version: version())
    case 4: return .unload(endpoint: e, version: version())
    case 5, 6: return split().map { .setSplit(endpoint: e, split: $0) }
    case 7, 8, 9: return .startRamp(endpoint: e, version: version(), plan: plan())
    case 10: return .pause(endpoint: e)
    case 11: return .resume(endpoint: e, reason: reason())
    case 12, 13: return .step(endpoint: e, direction: flip() ? .next : .previous, reason: reason())
    case 14: return .setCandidateWeight(endpoint: e, weight: below(10_100), reason: reason())
    case 15: return .abort(endpoint: e, reason: reason())
    case 16: return .promote(endpoint: e, reason: reason())
    case 17: return .rollBack(endpoint: e, to: flip() ? nil : version(), symptom: reason())
    case 18: return .undo(endpoint: e)
    default: return .annotate(endpoint: flip() ? e : nil, text: reason() ?? "note")
    }
  }

  /// The commands about freezes, approvals and going again.
  mutating func newer(_ e: Name) -> Command {
    switch below(10) {
    case 0: return .addFreeze(endpoint: flip() ? e : nil, window: window(), reason: reason())
    case 1, 2, 3:
      return .removeFreeze(id: flip() ? nil : bench.state.freezes.first?.id, reason: nil)
    case 4: return .supersede(endpoint: e, version: version(), plan: plan(), reason: reason())
    case 5: return .retry(endpoint: e)
    case 6: return .undoTo(endpoint: e, generation: below(60))
    default: return .approve(endpoint: e, plan: nil, reason: reason())
    }
  }

  mutating func window() -> FreezeWindow {
    flip() ? .untilReleased : bench.window(minutes: 1 + below(3))
  }

  /// One thing happens: a command, or traffic and a look.
  mutating func step() throws {
    bench.now = bench.now + .seconds(below(20))
    if below(30) == 0 { bench.prepared.remove(version()) }
    if below(10) == 0 { bench.prepared.insert(version()) }
    let before = bench.state
    bench.actor = ActorID(kind: .person, name: ["ana", "bob", "zoe"][below(3)])
    bench.freezeOverride = below(4) == 0 ? reason() : nil
    if flip() {
      guard let command = command() else { return }
      let name = command.endpoint ?? names[0]
      let generation = bench.state.endpoint(name)?.generation
      let seen = below(8) == 0 ? generation.map { $0 - below(3) } : nil
      let now = bench.now
      do throws(ControlError) {
        let events = try decide(bench.state, command, bench.context(live[name], seen: seen))
        accepted += 1
        for event in events {
          let before = bench.state
          checkGates(event, in: before, at: now)
          bench.commit(event)
          check(event, from: before, prepared: bench.prepared, isCommand: true)
        }
        bench.now = now + .seconds(1)
      } catch {
        refused += 1
        #expect(bench.state == before)
        // No freeze and no missing approval stops what takes risk away.
        switch command {
        case .rollBack, .abort, .pause:
          guard error.code == .refused else { break }
          #expect(!error.message.contains("frozen") && !error.message.contains("approvals"))
        default: break
        }
      }
    } else {
      try traffic(from: before)
    }
    for name in names { follow(name) }
  }

  private mutating func traffic(from before: ControlState) throws {
    let name = names[below(10) < 8 ? 0 : 1]
    guard var evidence = live[name], let weight = evidence.epochs.last?.weight else { return }
    let badness = [0, 0, 0, 0, 9][below(5)]
    let requests = below(1_000)
    for arm in RolloutEvidence.Arm.allCases {
      let share = arm == .candidate ? weight : Split.whole - weight
      let total = requests * share / Split.whole
      let bad = min(total, arm == .candidate ? total / 20 + below(1 + badness) : total / 20)
      evidence.record(metric: .errors, arm: arm, bad: bad, count: total)
      evidence.record(metric: .wrongAnswers, arm: arm, bad: bad, count: total)
    }
    for _ in 0..<below(40) { evidence.recordWarmUp(failed: below(20) == 0) }
    if flip() {
      evidence.observedTime(add: .seconds(below(40)))
    } else {
      evidence.idleTime(add: .seconds(below(40)))
    }
    live[name] = evidence
    let events = observe(bench.state, endpoint: name, evidence: evidence, now: bench.now)
    #expect(events.count <= 1)
    if let event = events.first {
      checkGates(event, in: before, at: bench.now)
      bench.commit(event)
      check(event, from: before, prepared: bench.prepared, isCommand: false)
    }
  }

  private mutating func follow(_ name: Name) {
    guard let rollout = bench.state.endpoint(name)?.rollout else {
      live[name] = nil
      return
    }
    if var evidence = live[name] {
      evidence.follow(rollout)
      live[name] = evidence
    } else {
      live[name] = rollout.evidence
    }
  }

  /// Nothing moves forward in a freeze but past it by name, nor before its approvals; an approval
  /// is for the running rollout's plan, by another person, once.
  func checkGates(_ event: Event, in before: ControlState, at now: Timestamp) {
    guard let name = event.endpoint, let endpoint = before.endpoint(name) else { return }
    let frozen = before.activeFreezes(on: name, at: now).map(\.reference)
    if event.isForward(on: endpoint), !frozen.isEmpty {
      let passed = endpoint.rollout?.freezesPassed ?? []
      #expect(event.override?.freezes == frozen || Set(frozen).isSubset(of: passed), "\(event)")
    }
    guard let rollout = endpoint.rollout else { return }
    let old = endpoint.split?.weight(of: rollout.candidate) ?? 0
    if let after = event.after, after.weight(of: rollout.candidate) > old {
      #expect(rollout.isStarted || rollout.approvalStatus(step: nil)?.isComplete ?? true)
    }
    if case .approved(let approval) = event.body {
      #expect(approval.plan == rollout.plan.digest && approval.rollout == rollout.id)
      #expect(event.actor.name != rollout.startedBy.name && event.actor.kind == .person)
      #expect(
        !rollout.approvals.contains { $0.step == approval.step && $0.by == event.actor })
    }
  }

  /// The invariants, after each event.
  func check(
    _ event: Event, from before: ControlState, prepared: Set<VersionID>, isCommand: Bool
  ) {
    #expect(bench.state.sequence == before.sequence + 1)
    for endpoint in bench.state.endpoints {
      let was = before.endpoint(endpoint.name)
      if endpoint.name != event.endpoint { #expect(endpoint == was) }
      check(endpoint)
      // Weight is only ever raised on what the node has prepared and on nothing closed.
      guard let split = endpoint.split, isCommand else { continue }
      for share in split.shares where share.weight > (was?.split?.weight(of: share.version) ?? 0) {
        #expect(prepared.contains(share.version), "\(event.kind) raised \(share.version)")
      }
    }
    guard let name = event.endpoint, let generation = event.generation else {
      #expect(bench.state.endpoints == before.endpoints, "\(event.kind) changed without generation")
      return
    }
    #expect(generation == (before.endpoint(name)?.generation ?? 0) + 1)
    #expect(bench.state.endpoint(name)?.generation == generation)
    let (old, new) = (before.endpoint(name)?.split, bench.state.endpoint(name)?.split)
    #expect(old == new ? event.after == nil : event.after == new && event.before == old)
    // What a rollback closed is open again only by a deploy or a ramp.
    let reopened = Set(before.endpoint(name)?.closed ?? [])
      .subtracting(bench.state.endpoint(name)?.closed ?? [])
    if !reopened.isEmpty {
      #expect(["deployed", "ramp-started", "unloaded"].contains(event.kind))
    }
  }

  private func check(_ endpoint: EndpointState) {
    if let split = endpoint.split {
      #expect(split.shares.reduce(0) { $0 + $1.weight } == Split.whole)
      for version in split.versions {
        #expect(endpoint.isDeployed(version) && !endpoint.closed.contains(version))
      }
      #expect(endpoint.stable.map { endpoint.isDeployed($0) } == true)
    }
    #expect(endpoint.goodVersions.count <= ControlLimits.goodVersionsMax)
    #expect(Set(endpoint.goodVersions).count == endpoint.goodVersions.count)
    #expect(endpoint.goodVersions.allSatisfy { endpoint.isDeployed($0) })
    #expect(endpoint.closed.allSatisfy { endpoint.isDeployed($0) })
    #expect(endpoint.stable.map { !endpoint.closed.contains($0) } ?? true)
    guard let rollout = endpoint.rollout else { return }
    #expect(rollout.fallback == endpoint.stable && endpoint.isDeployed(rollout.fallback))
    #expect(endpoint.split?.weight(of: rollout.candidate) == rollout.weight)
    #expect(rollout.weight > 0 || !rollout.isStarted || rollout.hold == .budgetSpent)
    #expect(rollout.evidence.epoch == rollout.epoch)
    #expect(rollout.evidence.stage == rollout.stage && rollout.evidence.rollout == rollout.id)
    #expect(rollout.evidence.epochs.last?.weight == rollout.weight)
    #expect(rollout.plan.steps.indices.contains(rollout.step))
    #expect(!rollout.isSoaking || rollout.weight == Split.whole)
  }
}

@Suite struct PropertyTests {
  @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6, 7, 8])
  func anythingMayHappen(seed: UInt64) throws {
    var chaos = try Chaos(seed: seed)
    for _ in 0..<700 { try chaos.step() }
    // The run reached something.
    #expect(chaos.accepted >= 50 && chaos.refused >= 50, "\(chaos.accepted), \(chaos.refused)")

    // Replaying the journal, through JSON, gives the same state byte for byte.
    var replayed = ControlState()
    for event in chaos.bench.journal {
      let bytes = try CanonicalJSON.encode(event)
      replayed.fold(try CanonicalJSON.decode(Event.self, from: bytes))
    }
    #expect(replayed == chaos.bench.state)
    let bytes = try CanonicalJSON.encode(replayed)
    #expect(bytes == (try CanonicalJSON.encode(chaos.bench.state)))
    #expect(try CanonicalJSON.decode(ControlState.self, from: bytes) == replayed)
  }

  @Test func allKindsAreReached() throws {
    var kinds: Set<String> = []
    for seed in UInt64(1)...8 {
      var chaos = try Chaos(seed: seed)
      for _ in 0..<400 { try chaos.step() }
      kinds.formUnion(chaos.bench.journal.map(\.kind))
    }
    let wanted: Set = [
      "split", "ramp-started", "held", "resumed", "stepped", "weight-set", "promoted", "completed",
      "rolled-back", "aborted", "undone", "soaking", "unloaded", "deployed", "freeze-added",
      "freeze-removed",
      "approved",
    ]
    #expect(wanted.subtracting(kinds).isEmpty, "never seen: \(wanted.subtracting(kinds))")
  }

  @Test func eventsThatFitNowhereDoNotTrap() throws {
    // Every event of a journal on an empty state, and out of order: never a trap.
    var chaos = try Chaos(seed: 9)
    for _ in 0..<300 { try chaos.step() }
    var random = SplitMix64(seed: 10)
    var state = ControlState()
    for event in chaos.bench.journal.shuffled(using: &random) { state = apply(state, event) }
    #expect(state.sequence == chaos.bench.journal.count)
  }
}
