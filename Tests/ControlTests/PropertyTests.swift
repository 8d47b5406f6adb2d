import Core
import Testing

@testable import Control

/// A person, a guard and a world that do anything at random, with a fixed seed.
struct Chaos {
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

  /// A plan of steps of all kinds, at times one that cannot be carried out.
  mutating func mixedPlan() -> Plan {
    var steps: [PlanStep] = []
    if below(3) == 0 {
      steps.append(PlanStep(weight: 0, hold: .seconds(below(40)), strategy: .preview))
    }
    if below(3) == 0 {
      steps.append(
        PlanStep(weight: 1 + below(10_000), hold: .seconds(below(40)), strategy: .shadow))
    }
    if below(3) == 0, let rule = try? RequestRule("carrier=AA") {
      var weight = 0
      for _ in 0...below(2) {
        weight += 1 + below(4_000)
        steps.append(PlanStep(weight: weight, hold: .seconds(below(40)), rule: rule))
      }
    }
    var weight = 0
    for _ in 0..<below(3) {
      weight += 1 + below(1_500)
      let isTest = below(3) == 0
      steps.append(
        PlanStep(
          weight: weight, hold: .seconds((isTest ? 1 : 0) + below(40)), minRequests: below(40),
          strategy: isTest ? .abTest : nil))
    }
    if below(20) > 0 { steps.append(PlanStep(weight: 10_000, hold: .zero)) }
    let weights: [HoldPolicy.Weight] = [.keep, .floor, .zero]
    let endings: [HoldPolicy.Ending] = [.rollback, .escalate, .extend]
    return Bench.plan(
      steps: steps, soak: flip() ? .zero : .seconds(30), deadline: .seconds(40),
      policy: HoldPolicy(weight: weights[below(3)], then: endings[below(3)]),
      segments: below(4) == 0 ? PlanSegments(by: "carrier", values: ["AA", "UA"]) : nil,
      judge: below(6) == 0
        ? ComparisonRule(judge: .flagger(limit: 0.1, threshold: 2), interval: .seconds(20)) : nil,
      after: below(5) == 0 ? [names[1]] : nil,
      approvals: below(6) == 0 ? ApprovalRule(count: 1) : nil,
      blast: below(4) == 0 ? BlastCap(requests: 1 + below(300), errors: 1 + below(90)) : nil)
  }

  mutating func plan() -> Plan {
    if flip() { return mixedPlan() }
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

  mutating func options() -> RampOptions? {
    guard below(3) > 0 else { return nil }
    var options = RampOptions()
    for _ in 0..<below(3) { options.rivals.append(version()) }
    if below(4) == 0 { options.at = bench.now + .seconds(below(60) - 10) }
    return options
  }

  mutating func rule() -> RouteRule? {
    guard let rule = try? RequestRule("carrier=AA"), let name = try? Name("r\(below(4))"),
      let split = split()
    else { return nil }
    return RouteRule(name: name, rule: rule, split: split)
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
    case 7, 8, 9:
      return .startRamp(endpoint: e, version: version(), plan: plan(), options: options())
    case 10: return .pause(endpoint: e)
    case 11: return .resume(endpoint: e, reason: reason())
    case 12, 13: return .step(endpoint: e, direction: flip() ? .next : .previous, reason: reason())
    case 14: return .setCandidateWeight(endpoint: e, weight: below(10_100), reason: reason())
    case 15: return .abort(endpoint: e, reason: reason())
    case 16:
      return .promote(endpoint: e, reason: reason(), version: flip() ? nil : version())
    case 17:
      return .rollBack(
        endpoint: e, to: flip() ? nil : version(), symptom: reason(),
        over: flip() ? nil : .seconds(below(90)))
    case 18: return .undo(endpoint: e)
    default: return .annotate(endpoint: flip() ? e : nil, text: reason() ?? "note")
    }
  }

  /// The commands about freezes, approvals and going again.
  mutating func newer(_ e: Name) -> Command {
    switch below(14) {
    case 10: return .drop(endpoint: e, version: version(), reason: reason())
    case 11, 12:
      guard let rule = rule() else { return .pause(endpoint: e) }
      return .addRule(endpoint: e, rule: rule, reason: reason())
    case 13:
      let name = bench.state.endpoint(e)?.rules.first?.name ?? e
      return .removeRule(endpoint: e, name: name, reason: reason())
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
    bench.conditions = Conditions(
      prepared: below(3) == 0 ? nil : bench.prepared, incident: below(12) == 0 ? "fire" : nil,
      overCapacity: below(12) == 0 ? "load" : nil)
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
    guard var evidence = live[name], let rollout = before.endpoint(name)?.rollout else { return }
    for place in [nil] + (evidence.rivals ?? []).indices.map(Optional.some) {
      traffic(of: rollout, &evidence[rival: place])
    }
    let span = TimeSpan.seconds(below(40))
    evidence.watched = bench.now - rollout.started
    if flip() {
      evidence.observedTime(add: span)
    } else {
      evidence.idleTime(add: span)
    }
    live[name] = evidence
    let events = observe(
      bench.state, endpoint: name, evidence: evidence, conditions: bench.conditions, now: bench.now)
    #expect(events.count <= 1)
    // Order inside an epoch does not matter, nor who asks: the same integers, the same event.
    #expect(
      events
        == observe(
          bench.state, endpoint: name, evidence: evidence, conditions: bench.conditions,
          now: bench.now))
    if let event = events.first {
      checkGates(event, in: before, at: bench.now)
      bench.commit(event)
      check(event, from: before, prepared: bench.prepared, isCommand: false)
      checkReadiness(event, from: before)
    }
  }

  /// What is seen of one candidate.
  private mutating func traffic(of rollout: Rollout, _ evidence: inout RolloutEvidence) {
    let weight = rollout.weight
    let rest = Split.whole - weight * rollout.candidates.count
    let badness = [0, 0, 0, 0, 9][below(5)]
    let requests = below(1_000)
    for arm in RolloutEvidence.Arm.allCases {
      let share = arm == .candidate ? weight : rest
      let total = requests * share / Split.whole
      let bad = min(total, arm == .candidate ? total / 20 + below(1 + badness) : total / 20)
      evidence.record(metric: .errors, arm: arm, bad: bad, count: total)
      evidence.record(metric: .wrongAnswers, arm: arm, bad: bad, count: total)
    }
    if weight > 0 {
      for _ in 0..<below(40) { evidence.recordWarmUp(failed: below(20) == 0) }
    }
  }

  /// No version gains weight that the node does not know to be ready, whatever happens by itself.
  private func checkReadiness(_ event: Event, from before: ControlState) {
    guard let prepared = bench.conditions.prepared, let name = event.endpoint,
      let after = event.after
    else { return }
    let old = before.endpoint(name)?.split
    // A candidate that leaves gives its share to the stable, which has traffic as it is.
    let takes = before.endpoint(name)?.stable
    for share in after.shares
    where share.weight > (old?.weight(of: share.version) ?? 0) && share.version != takes {
      #expect(prepared.contains(share.version), "\(event.summary) raised \(share.version)")
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
    for rule in endpoint.rules {
      for version in rule.split.versions {
        #expect(endpoint.isDeployed(version) && !endpoint.closed.contains(version))
      }
    }
    #expect(endpoint.rules.count <= ControlLimits.rulesMax)
    #expect(endpoint.goodVersions.count <= ControlLimits.goodVersionsMax)
    #expect(Set(endpoint.goodVersions).count == endpoint.goodVersions.count)
    #expect(endpoint.goodVersions.allSatisfy { endpoint.isDeployed($0) })
    #expect(endpoint.closed.allSatisfy { endpoint.isDeployed($0) })
    #expect(endpoint.stable.map { !endpoint.closed.contains($0) } ?? true)
    guard let rollout = endpoint.rollout else { return }
    #expect(rollout.fallback == endpoint.stable && endpoint.isDeployed(rollout.fallback))
    let candidates = rollout.candidates
    #expect(Set(candidates).count == candidates.count && !candidates.contains(rollout.fallback))
    for candidate in candidates {
      #expect(endpoint.isDeployed(candidate) && !endpoint.closed.contains(candidate))
      let isApart = rollout.planStep.rule != nil && !rollout.isSoaking
      #expect(
        endpoint.split?.weight(of: candidate) == (isApart ? 0 : rollout.weight),
        "\(bench.journal.last?.summary ?? "")")
    }
    // Without traffic for a reason only.
    #expect(
      rollout.weight > 0 || !rollout.isStarted || rollout.hold == .budgetSpent
        || rollout.heldWeight != nil || !rollout.planStep.kind.hasTraffic)
    #expect(rollout.evidence.rivals?.map(\.version) == rollout.rivals?.map(\.version))
    if let route = endpoint.route, let own = route.rules.first(where: \.isDrawn) {
      #expect(own.split.weight(of: rollout.candidate) == rollout.weight)
    }
    #expect(rollout.retreat.map { rollout.weight <= $0.from } ?? true)
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
    #expect(chaos.accepted >= 40 && chaos.refused >= 50, "\(chaos.accepted), \(chaos.refused)")

    // Whatever happened is told without harm.
    for event in chaos.bench.journal {
      for text in [event.summary, event.commandLine ?? "x"] {
        #expect(!text.isEmpty && text.unicodeScalars.allSatisfy { $0.value >= 0x20 }, "\(event)")
      }
    }

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
    for seed in UInt64(1)...12 {
      var chaos = try Chaos(seed: seed)
      for _ in 0..<700 { try chaos.step() }
      kinds.formUnion(chaos.bench.journal.map(\.kind))
    }
    let wanted: Set = [
      "split", "ramp-started", "held", "resumed", "stepped", "weight-set", "promoted", "completed",
      "rolled-back", "aborted", "undone", "soaking", "unloaded", "deployed", "freeze-added",
      "freeze-removed",
      "approved", "candidate-dropped", "retreat-started", "retreated", "escalated",
      "hold-extended", "rule-added", "rule-removed",
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
