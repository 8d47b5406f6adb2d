import Core
import Testing

@testable import Control

/// Invariants that need more than one event to tell.
@Suite struct RolloutInvariantTests {
  /// Chaos of its own seed, after which a rollout runs; nil when none does.
  private func running(_ seed: UInt64) throws -> Chaos? {
    var chaos = try Chaos(seed: seed)
    for _ in 0..<250 {
      try chaos.step()
      if chaos.bench.journal.count > 24, try chaos.bench.here.rollout != nil { return chaos }
    }
    return nil
  }

  /// An abort ends every running rollout: at once, or as soon as one version is ready.
  @Test func anAbortAlwaysEnds() throws {
    var seen = 0
    for seed in UInt64(100)..<130 {
      guard let chaos = try running(seed) else { continue }
      seen += 1
      let e = chaos.bench.endpoint
      let fallback = try chaos.bench.rollout.fallback
      for prepared in [Set(chaos.bench.state.versions.map(\.version)), []] {
        var bench = chaos.bench
        bench.prepared = prepared
        bench.freezeOverride = nil
        if try bench.rollout.owedRollback == nil || prepared.contains(fallback) {
          try bench.give(.abort(endpoint: e, reason: nil))
        }
        guard let rollout = try bench.here.rollout else {
          #expect(try bench.here.split == Split(all: fallback))
          continue
        }
        // Stuck: nothing but a ready version is needed, no success of anything else.
        #expect(prepared.isEmpty && rollout.phaseWord == "stuck")
        bench.conditions = Conditions(
          prepared: [rollout.fallback], incident: "fire", overCapacity: "load")
        #expect(bench.look(rollout.evidence)?.kind == "rolled-back")
        #expect(try bench.here.rollout == nil)
      }
    }
    #expect(seen >= 10)
  }

  /// No freeze stops a rollback, a retreat or an abort; both ends of a rollout take no more events.
  @Test func freezesBindNoRollback() throws {
    var seen = 0
    for seed in UInt64(200)..<240 {
      guard var chaos = try running(seed) else { continue }
      seen += 1
      chaos.bench.prepared = Set(chaos.bench.state.versions.map(\.version))
      if chaos.bench.state.lineStop == nil {
        try chaos.bench.give(.addFreeze(endpoint: nil, window: .untilReleased, reason: nil))
      }
      chaos.bench.freezeOverride = nil
      var back = chaos.bench
      try back.give(.rollBack(endpoint: back.endpoint, to: nil, symptom: nil))
      let ended = try #require(try back.here.ended.first)
      #expect(ended.end == .rolledBack)
      for command in [
        Command.pause(endpoint: back.endpoint), .resume(endpoint: back.endpoint, reason: "x"),
        .step(endpoint: back.endpoint, direction: .next, reason: "x"),
        .promote(endpoint: back.endpoint, reason: "x"),
        .abort(endpoint: back.endpoint, reason: "x"),
      ] {
        #expect(back.refusal(command).message.contains("no ramp runs"))
      }
      #expect(
        observe(
          back.state, endpoint: back.endpoint,
          evidence: .begin(rollout: ended.id, weight: 5), now: back.now
        ).isEmpty)
    }
    #expect(seen >= 8)
  }

  /// A completed rollout has seen every judged metric on both arms, or is marked unverified; one
  /// whose step was skipped is marked for good.
  @Test func completionIsEarnedOrMarked() throws {
    var completed = 0
    for seed in UInt64(300)..<316 {
      var chaos = try Chaos(seed: seed)
      for _ in 0..<400 { try chaos.step() }
      var skipped: Set<String> = []
      for event in chaos.bench.journal {
        guard let name = event.endpoint, let change = event.body.rolloutChange else { continue }
        let key = "\(name) \(change.rollout)"
        if change.isUnverified { skipped.insert(key) }
        guard change.completes else { continue }
        completed += 1
        let ended = chaos.bench.state.endpoint(name)?.ended.first { $0.id == change.rollout }
        if let ended { #expect(ended.isUnverified == skipped.contains(key)) }
        guard !skipped.contains(key), let plan = ended?.frozenPlan else { continue }
        let overrides = chaos.bench.journal.contains { other in
          guard other.endpoint == name, let one = other.body.rolloutChange else { return false }
          return one.rollout == change.rollout && other.kind == "resumed"
            && one.hold?.isGuard == true
        }
        let unseen = Judge.evaluate(change.evidence, plan: plan).filter {
          !$0.isSeen && change.evidence.isCompared($0.metric)
        }
        #expect(unseen.isEmpty || overrides, "\(event)")
      }
    }
    #expect(completed >= 5)
  }

  /// Time and requests without data change neither evidence nor anything else of a hold.
  @Test func noDataChangesNoEvidence() throws {
    var bench = try Bench.ramping()
    var evidence = try bench.quiet(requests: 500)
    let before = Judge.evaluate(evidence, plan: try bench.rollout.plan)
    evidence.idleTime(add: .seconds(90))
    #expect(bench.look(evidence)?.kind == "held")
    evidence.idleTime(add: .minutes(90))
    bench.now = bench.now + .minutes(90)
    #expect(bench.look(evidence) == nil)
    #expect(Judge.evaluate(try bench.rollout.evidence, plan: try bench.rollout.plan) == before)
    // A step's observed time is never more than the time that passed.
    #expect(try bench.rollout.evidence.stepObserved <= bench.now - bench.rollout.phaseSince)
  }

  /// Raising the candidates' weights takes requests from the stable only.
  @Test func aRaiseTakesFromTheStableOnly() throws {
    for rivals in [[], [3], [3, 4]] {
      var bench = try Bench.ramping(Bench.plan([300, 900, 2_000, 10_000]), rivals: rivals)
      var before = try #require(try bench.here.split)
      for _ in 0..<2 {
        let event = try bench.mustLook(try bench.quiet(minutes: 2))
        let after = try #require(event.after)
        for version in try bench.rollout.candidates {
          #expect(after.weight(of: version) > before.weight(of: version))
        }
        let moved = before.weight(of: bench.v(1)) - after.weight(of: bench.v(1))
        let gained = try bench.rollout.candidates.reduce(0) {
          $0 + after.weight(of: $1) - before.weight(of: $1)
        }
        #expect(moved == gained)
        before = after
      }
    }
  }

  /// What candidates answer stays under the cap, but for what was under way when it was seen.
  @Test func theCapHolds() throws {
    let plan = Bench.plan([1_000, 10_000], blast: BlastCap(requests: 1_000))
    for rivals in [[], [3]] {
      var bench = try Bench.ramping(plan, rivals: rivals)
      var spent = 0
      for _ in 0..<200 where try bench.rollout.weight > 0 {
        let evidence = try bench.quiet(requests: 7)
        spent = try bench.rollout.spentRequests(evidence)
        if bench.look(evidence) == nil {
          // The journal keeps it with the next event; here the node does.
          let e = bench.endpoint
          try bench.give(.pause(endpoint: e), evidence)
          try bench.give(.resume(endpoint: e, reason: nil), evidence)
        }
      }
      #expect(try bench.rollout.hold == .budgetSpent)
      #expect(spent >= 1_000 && spent < 1_000 + 7 * (1 + rivals.count))
    }
  }

  /// Folding in place is linear in the journal and gives the state; the bound is wide, because the
  /// machine may do other things at the same time.
  @Test func foldingALongJournal() throws {
    var chaos = try Chaos(seed: 11)
    for _ in 0..<600 { try chaos.step() }
    let events = chaos.bench.journal
    let clock = ContinuousClock()
    var state = ControlState()
    var folded = 0
    let took = clock.measure {
      while folded < 5_000 {
        state = ControlState()
        for event in events { state.fold(event) }
        folded += events.count
      }
    }
    #expect(state == chaos.bench.state)
    #expect(took < .seconds(60), "\(folded) events in \(took)")
  }
}
