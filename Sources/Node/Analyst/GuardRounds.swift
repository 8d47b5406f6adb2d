import Control
import Core
import Glibc
import Serving
import Storage

/// The analyst's thread: take in what was reported, let the guard look, keep the clocks.
struct GuardRounds {
  /// Between two rounds, microseconds: an answer is judged at most so much later.
  private static let roundMicroseconds: UInt32 = 2_000
  /// The same while nothing comes: an idle node should sleep.
  private static let idleMicroseconds: UInt32 = 8_000
  /// Step clocks, step ends and holds.
  private static let clockNanoseconds: UInt64 = 100_000_000
  /// Symptoms, saved evidence, tombstones of other processes.
  private static let slowNanoseconds: UInt64 = 1_000_000_000
  /// A pause longer than this (a stopped machine) is not observed time.
  private static let pauseNanoseconds: UInt64 = 1_000_000_000

  private var lastClock = SystemClock.monotonicNanoseconds()
  private var lastSlow = SystemClock.monotonicNanoseconds()
  private var lastReport = SystemClock.monotonicNanoseconds()
  private var tombstoneGeneration: UInt64?
  private var capacity = CapacityWatch()

  /// One round, with the sleep after it.
  mutating func run(_ node: Node) {
    let monotonic = SystemClock.monotonicNanoseconds()
    let taken = node.analyst.takeIn(now: SystemClock.now(), monotonic: monotonic)
    var watched = taken.grown
    if taken.reports > 0 { lastReport = monotonic }
    if monotonic - lastClock >= GuardRounds.clockNanoseconds {
      let span = min(monotonic - lastClock, GuardRounds.pauseNanoseconds)
      node.analyst.advanceClocks(by: TimeSpan(microseconds: Int64(span / 1_000)))
      lastClock = monotonic
      for endpoint in node.core.state.endpoints where endpoint.rollout != nil {
        watched.insert(endpoint.name)
      }
    }
    for endpoint in watched { node.watch(endpoint) }
    if monotonic - lastSlow >= GuardRounds.slowNanoseconds {
      lastSlow = monotonic
      slow(node)
    }
    let isIdle = monotonic - lastReport > GuardRounds.slowNanoseconds
    usleep(isIdle ? GuardRounds.idleMicroseconds : GuardRounds.roundMicroseconds)
  }

  private mutating func slow(_ node: Node) {
    node.core.retryJournal(now: SystemClock.now())
    node.judgeSymptoms()
    node.judgeRetraining()
    let used = node.processors()
    node.analyst.withDesk { desk in
      desk.overCapacity = capacity.look(
        dropped: desk.telemetry.values.reduce(0) { $0 + $1.droppedTaps }, used: used,
        now: SystemClock.monotonicNanoseconds())
    }
    try? node.saveEvidence()
    // Another process may have written a rollback because this one did not answer.
    if let generation = try? node.tombstones.generation(), generation != tombstoneGeneration {
      tombstoneGeneration = generation
      try? node.obeyTombstones()
    }
  }
}

extension Node {
  /// Lets the guard look at an endpoint's rollout, and does what it decides.
  func watch(_ endpoint: Name) {
    let state = core.state
    guard let running = state.endpoint(endpoint)?.rollout else { return }
    let seen = analyst.withDesk { desk -> (evidence: RolloutEvidence, conditions: Conditions)? in
      guard let evidence = desk.book.evidence(of: endpoint), evidence.rollout == running.id else {
        return nil
      }
      return (
        evidence,
        Conditions(
          incident: desk.incidents.incident(on: endpoint), overCapacity: desk.overCapacity)
      )
    }
    guard let (evidence, known) = seen else { return }
    var conditions = known
    conditions.prepared = preparedVersions(on: endpoint)
    fixLatencyThresholds(endpoint, running, evidence)
    fixProfile(endpoint, running, evidence)
    let foreseen = observe(
      state, endpoint: endpoint, evidence: evidence, conditions: conditions,
      now: SystemClock.now())
    guard let event = foreseen.first else { return }
    if !event.isRollback, !mayMoveForward(endpoint) { return }
    do {
      _ = try core.transact(on: plane) { [conditions] state in
        observe(
          state, endpoint: endpoint, evidence: evidence, conditions: conditions,
          now: SystemClock.now())
      }
    } catch {
      // The journal cannot take a forward move: it is tried again after a while.
      let retry = SystemClock.monotonicNanoseconds() + Node.guardRetryNanoseconds
      guardRetries.withLock { $0[endpoint] = retry }
      analyst.noteRoutingFault(endpoint, NodeError(describing: error).message)
    }
  }

  /// Between two tries of a forward move that the journal does not take.
  private static let guardRetryNanoseconds: UInt64 = 1_000_000_000

  /// Whether a step or a hold may be tried now; a rollback never waits for that.
  private func mayMoveForward(_ endpoint: Name) -> Bool {
    let now = SystemClock.monotonicNanoseconds()
    guard guardRetries.withLock({ $0[endpoint] ?? 0 }) <= now else { return false }
    guard holdAfterAbsence() else {
      guardRetries.withLock { $0[endpoint] = now + Node.guardRetryNanoseconds }
      return false
    }
    return true
  }

  /// Latency is judged from the moment the stable has answered often enough.
  private func fixLatencyThresholds(
    _ endpoint: Name, _ rollout: Rollout, _ evidence: RolloutEvidence
  ) {
    guard evidence.thresholds == nil,
      rollout.plan.metrics.contains(where: { $0.metric == .latency }),
      let thresholds = latencyThresholds(
        of: rollout.fallback, on: endpoint, slack: rollout.plan.latencySlack)
    else { return }
    analyst.withDesk { $0.book.page(of: endpoint)?.judgeLatency(by: thresholds) }
  }

  /// What answers say is judged from the moment the stable has answered often enough.
  private func fixProfile(_ endpoint: Name, _ rollout: Rollout, _ evidence: RolloutEvidence) {
    guard evidence.profile == nil,
      rollout.plan.metrics.contains(where: { $0.metric.isTwoSided })
    else { return }
    analyst.withDesk { desk in
      let stable = desk.telemetry[endpoint]?.versions[rollout.fallback]
      guard let profile = stable?.answers.profile() else { return }
      desk.book.page(of: endpoint)?.judgeAnswers(by: profile)
    }
  }

  /// Looks at the last minute of every endpoint for something wrong.
  func judgeSymptoms() {
    let now = SystemClock.now()
    let state = core.state
    let durable = core.durable
    let fault = core.fault
    let probes = prober.failures
    analyst.withDesk { desk in
      desk.symptoms.updateProbes(probes, now: now)
      desk.symptoms.updateJournal(durable: durable, fault: fault, now: now)
      for endpoint in state.endpoints {
        let figures = desk.figures(endpoint.name)
        let last = Int(now.microseconds / 1_000_000) - 1
        let point = figures.total.window(endingAt: last, seconds: 60)
        var held: String?
        if let rollout = endpoint.rollout, case .held(let cause) = rollout.phase, cause.isGuard {
          held = cause.words
        }
        let shown = endpoint.rollout?.candidate ?? endpoint.stable
        let drifted = shown.flatMap { figures.versions[$0] }.map(DriftViews.drifted) ?? []
        desk.symptoms.update(
          endpoint.name,
          SymptomTracker.Values(
            requests: point.counts.requests, errorRate: point.errorRate,
            p99Milliseconds: point.p99Milliseconds, driftedFeatures: drifted, heldCause: held,
            routingFault: desk.routingFaults[endpoint.name]), now: now)
        let stable = endpoint.rollout?.fallback
        desk.incidents.update(
          endpoint.name, version: stable,
          stable: stable.flatMap { figures.versions[$0] }?.points.window(
            endingAt: last, seconds: 60), fault: desk.routingFaults[endpoint.name])
      }
    }
  }
}

extension Event {
  /// Whether it takes traffic back.
  fileprivate var isRollback: Bool {
    if case .rolledBack = body { return true }
    return false
  }
}
