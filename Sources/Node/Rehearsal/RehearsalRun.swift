import Control
import Core
import Serving
import Telemetry

/// What all runs of a rehearsal share.
final class RehearsalStage: Sendable {
  let subject: RehearsalSubject
  let plan: Plan
  let facts: [RehearsalRows.Facts]
  let stable: RehearsalAnswers
  let candidate: RehearsalAnswers
  let clock: RehearsalClock
  let stableSignature: Signature
  let candidateSignature: Signature
  /// The stable's usual latency and answers; nil when the plan does not ask or there are too few.
  let thresholds: LatencyThresholds?
  let profile: StableProfile?

  init(
    _ subject: RehearsalSubject, _ plan: Plan, facts: [RehearsalRows.Facts],
    stable: RehearsalAnswers, candidate: RehearsalAnswers, clock: RehearsalClock,
    stableSignature: Signature, candidateSignature: Signature
  ) {
    self.subject = subject
    self.plan = plan
    self.facts = facts
    self.stable = stable
    self.candidate = candidate
    self.clock = clock
    self.stableSignature = stableSignature
    self.candidateSignature = candidateSignature
    thresholds = RehearsalStage.thresholds(plan, stable)
    profile = RehearsalStage.profile(plan, stable)
  }

  private static func thresholds(
    _ plan: Plan, _ stable: RehearsalAnswers
  ) -> LatencyThresholds? {
    guard plan.metrics.contains(where: { $0.metric == .latency }),
      stable.latencyNanoseconds.count >= LatencyThresholds.minimumAnswers,
      let quantiles = stable.latencyQuantiles()
    else { return nil }
    let slack = Int(plan.latencySlack.microseconds)
    return LatencyThresholds(
      p50Microseconds: quantiles.p50 + slack, p90Microseconds: quantiles.p90 + slack,
      p99Microseconds: quantiles.p99 + slack)
  }

  private static func profile(_ plan: Plan, _ stable: RehearsalAnswers) -> StableProfile? {
    guard plan.metrics.contains(where: { $0.metric.isTwoSided }) else { return nil }
    var sample = AnswerSample()
    for row in stable.labels.indices where !stable.failed[row] {
      sample.add(label: stable.labels[row], score: stable.scores[row])
    }
    return sample.profile()
  }

  /// Whether a version's answer to a row was wrong; nil when nobody knows.
  func isWrong(_ answers: RehearsalAnswers, _ row: Int) -> Bool? {
    guard facts[row].label != TrafficTable.noLabel, !answers.failed[row] else { return nil }
    return answers.labels[row] != TextKey(decimal: facts[row].label)
  }
}

/// One rollout in virtual time.
///
/// Requests are drawn by the data plane's route table, counted by the analyst's evidence page, and
/// looked at by the guard at every failed or wrong answer of the candidate, every 64 answers, and
/// every tenth of a second of the recording's time.
struct RehearsalRun {
  private static let tick: Int64 = 100_000
  private static let answersALook = 64
  /// Requests of one run; a plan that has not ended by then is unfinished.
  static let requestsMax = 5_000_000
  /// Requests without a decision after which a hold counts as the end.
  private static let requestsHeldMax = 500_000
  private static let decisionsMax = 200

  private let stage: RehearsalStage
  private let seed: UInt64
  private let isDetailed: Bool
  private let begin: Timestamp
  private var control: RehearsalControl
  private let page = EvidencePage()
  private var table: RouteTable
  private var goesToCandidate: [Bool] = []
  private var generation = 0
  private var random: SplitMix64
  private var labels = RehearsalLabels()
  private var tickEnd = RehearsalRun.tick
  private var hadTraffic = false
  private var unseen = 0
  private var step: RehearsalReport.Step
  private var stepBegan: Int64 = 0
  private var heldSince: (time: Int64, requests: Int)?
  private var outcome: RehearsalReport.Outcome?
  private var run: RehearsalReport.Run

  /// - Throws: a ``Failure`` when the plan cannot be started.
  init(_ stage: RehearsalStage, seed: UInt64, isDetailed: Bool) throws {
    self.stage = stage
    self.seed = seed
    self.isDetailed = isDetailed
    begin = Timestamp(microseconds: stage.facts.first?.time ?? 0)
    random = SplitMix64(seed: SplitMix64.mix(seed))
    control = try RehearsalControl(
      stage.subject, stableSignature: stage.stableSignature,
      candidateSignature: stage.candidateSignature, stage.plan, thresholds: stage.thresholds,
      now: begin)
    let endpoint = control.current
    table = try RouteTable(
      endpoint.split ?? Split(all: stage.subject.stable), stable: stage.subject.stable,
      salt: KeyHash.salt("\(stage.subject.endpoint)/\(seed)"))
    step = RehearsalRun.emptyStep(0, endpoint.rollout?.weight ?? 0)
    run = RehearsalReport.Run(
      seed: seed, outcome: .unfinished, cause: "", reason: "", took: .zero, requests: 0, passes: 1,
      cost: RehearsalReport.Cost(), steps: [], decisions: [], decisionsUnlisted: 0)
    follow()
    if let profile = stage.profile { page.judgeAnswers(by: profile) }
  }

  private static func emptyStep(_ step: Int?, _ weight: BasisPoints) -> RehearsalReport.Step {
    RehearsalReport.Step(
      step: step.map { $0 + 1 }, weight: weight, began: .zero, lasted: .zero,
      candidateRequests: 0, stableRequests: 0, metrics: [], decision: "")
  }

  /// Plays it to its end.
  mutating func play() throws -> RehearsalReport.Run {
    try look(at: 0)
    var last: Int64 = 0
    while outcome == nil {
      for row in 0..<stage.clock.count {
        last = stage.clock.time(row, pass: run.passes - 1)
        try advance(to: last)
        if outcome != nil { break }
        try request(row, at: last)
        if outcome != nil { break }
        if run.requests >= RehearsalRun.requestsMax {
          end(.unfinished, "\(run.requests) requests were not enough", at: last)
          break
        }
      }
      if outcome == nil { run.passes += 1 }
    }
    return run
  }

  // MARK: Time

  /// Lets time pass: label arrivals, the step clock, the guard's regular looks.
  private mutating func advance(to time: Int64) throws {
    while tickEnd <= time, outcome == nil {
      try takeLabels(until: tickEnd)
      if outcome != nil { return }
      if hadTraffic {
        hadTraffic = false
        page.addTime(TimeSpan(microseconds: RehearsalRun.tick), hadTraffic: true)
        try look(at: tickEnd)
        tickEnd += RehearsalRun.tick
        continue
      }
      // Empty ticks pass as one, but not over the moment at which want of traffic is noticed.
      let empty = (time - tickEnd) / RehearsalRun.tick + 1
      let idle = page.evidence?.idle.microseconds ?? 0
      let missing = Guard.noDataLimit.microseconds - idle
      let until = missing > 0 ? (missing + RehearsalRun.tick - 1) / RehearsalRun.tick : empty
      let count = max(1, min(empty, until))
      let span = count * RehearsalRun.tick
      try takeLabels(until: tickEnd + span - RehearsalRun.tick)
      if outcome != nil { return }
      page.addTime(TimeSpan(microseconds: span), hadTraffic: false)
      try look(at: tickEnd + span - RehearsalRun.tick)
      tickEnd += span
    }
    if outcome == nil { try takeLabels(until: time) }
  }

  private mutating func takeLabels(until time: Int64) throws {
    while outcome == nil, let label = labels.take(dueBy: time) {
      let version = label.isCandidate ? stage.subject.candidate : stage.subject.stable
      _ = page.takeLabel(route: label.route, version: version, wrong: label.isWrong)
      unseen += 1
      if label.isCandidate && label.isWrong || unseen >= RehearsalRun.answersALook {
        try look(at: label.due)
      }
    }
  }

  // MARK: Requests

  private mutating func request(_ row: Int, at time: Int64) throws {
    let fact = stage.facts[row]
    // In a later pass the same callers stand for new ones.
    let pass = SplitMix64.mix(UInt64(run.passes - 1))
    let hash = fact.isKeyed ? hashed(fact.key ^ pass) : random.next()
    let isCandidate = goesToCandidate[KeyHash.bucket(of: hash)]
    let answers = isCandidate ? stage.candidate : stage.stable
    let failed = answers.failed[row]
    hadTraffic = true
    unseen += 1
    run.requests += 1
    count(row, isCandidate)
    let latency = answers.latencyNanoseconds.isEmpty ? 0 : answers.latencyNanoseconds[row] / 1_000
    let taken = page.take(
      DrawnAnswer(
        route: generation,
        version: isCandidate ? stage.subject.candidate : stage.subject.stable, failed: failed,
        latencyMicroseconds: Int(latency), key: fact.isKeyed ? hash : nil,
        label: answers.labels[row], score: answers.scores[row]))
    // As in the data plane: a label is evidence of the version that was drawn and answered.
    if let wrong = stage.isWrong(answers, row), taken.isDraw || !taken.isCounted {
      labels.add(
        RehearsalLabels.Entry(
          due: time + stage.clock.delay(fact), route: generation, isCandidate: isCandidate,
          isWrong: wrong))
    }
    if isCandidate && failed || unseen >= RehearsalRun.answersALook { try look(at: time) }
  }

  private func hashed(_ key: UInt64) -> UInt64 {
    withUnsafeBytes(of: key.littleEndian) { bytes in
      guard let base = bytes.assumingMemoryBound(to: UInt8.self).baseAddress else { return key }
      return KeyHash.hash(base, count: bytes.count, salt: table.salt)
    }
  }

  /// What the caller had of it, and would have had of the stable.
  private mutating func count(_ row: Int, _ isCandidate: Bool) {
    let stableFailed = stage.stable.failed[row]
    if stableFailed { run.cost.userErrorsAlone += 1 }
    guard isCandidate else {
      step.stableRequests += 1
      if stableFailed { run.cost.userErrors += 1 }
      return
    }
    step.candidateRequests += 1
    run.cost.exposed += 1
    if stage.candidate.failed[row] {
      run.cost.candidateFailures += 1
      // The stable answers in its place.
      if stableFailed { run.cost.userErrors += 1 }
      return
    }
    guard let wrong = stage.isWrong(stage.candidate, row) else { return }
    // A caller without an answer had no right one.
    let stableWrong = stage.isWrong(stage.stable, row) ?? true
    if wrong, !stableWrong { run.cost.wrongAnswersCaused += 1 }
    if !wrong, stableWrong { run.cost.wrongAnswersSpared += 1 }
  }

  // MARK: Decisions

  private mutating func look(at time: Int64) throws {
    unseen = 0
    guard outcome == nil, let evidence = page.evidence else { return }
    let now = begin + TimeSpan(microseconds: time)
    let events = control.look(evidence, now: now)
    for event in events { note(event, at: time) }
    guard outcome == nil else { return }
    if !events.isEmpty {
      try reroute()
      let hold = control.current.rollout?.hold
      heldSince = hold.map { $0.endsByItself ? nil : (time, run.requests) } ?? nil
    }
    guard let held = heldSince, stage.plan.holdDeadline == nil else { return }
    if time - held.time >= patience || run.requests - held.requests >= RehearsalRun.requestsHeldMax
    {
      run.cause = control.current.rollout?.hold?.words ?? ""
      end(.held, run.cause, at: time)
    }
  }

  /// How long a hold without a deadline is watched: as long as the plan takes, an hour at least.
  private var patience: Int64 { max(stage.plan.duration.microseconds, 3_600_000_000) }

  private mutating func note(_ event: Event, at time: Int64) {
    let words = RehearsalRun.words(event)
    if isDetailed {
      if run.decisions.count < RehearsalRun.decisionsMax {
        run.decisions.append(
          RehearsalReport.Decision(
            after: TimeSpan(microseconds: time), kind: event.kind, words: words))
      } else {
        run.decisionsUnlisted += 1
      }
    }
    switch event.body {
    case .stepped(let change), .promoted(let change), .weightSet(let change):
      closeStep("went on", at: time, next: (change.step, change.weight))
    case .soaking(let change): closeStep("went on", at: time, next: (nil, change.weight))
    case .rolledBack(let rollback), .aborted(let rollback):
      run.cause = RehearsalRun.words(rollback.cause)
      end(.rolledBack, words, at: time)
    case .completed: end(.completed, words, at: time)
    case .held(let change) where change.weight != step.weight:
      closeStep(
        "held: \(change.hold?.words ?? "")", at: time, next: (change.step, change.weight))
    default: break
    }
  }

  private static func words(_ cause: RollbackCause) -> String {
    switch cause {
    case .evidence(let metric): metric.words
    case .breaker: "failures one after another"
    case .holdDeadline: "the hold's deadline"
    case .budget: "the plan's cap on failed and wrong answers"
    default: "by hand"
    }
  }

  /// An event's sentence without the endpoint's name.
  private static func words(_ event: Event) -> String {
    let name = event.endpoint.map { "\($0): " } ?? ""
    let summary = event.summary
    return summary.hasPrefix(name) ? String(summary.dropFirst(name.count)) : summary
  }

  private mutating func closeStep(
    _ decision: String, at time: Int64, next: (step: Int?, weight: BasisPoints)
  ) {
    step.began = TimeSpan(microseconds: stepBegan)
    step.lasted = TimeSpan(microseconds: time - stepBegan)
    step.decision = decision
    if isDetailed, let evidence = page.evidence {
      step.metrics = Judge.evaluate(evidence, plan: stage.plan)
    }
    // A step without requests is passed through at once: a wait for approvals, a last step.
    if isDetailed, step.candidateRequests + step.stableRequests > 0 { run.steps.append(step) }
    step = RehearsalRun.emptyStep(next.step, next.weight)
    stepBegan = time
  }

  private mutating func end(_ outcome: RehearsalReport.Outcome, _ reason: String, at time: Int64) {
    guard self.outcome == nil else { return }
    closeStep(
      outcome == .completed ? "completed" : "\(outcome.words): \(reason)", at: time,
      next: (nil, 0))
    self.outcome = outcome
    run.outcome = outcome
    run.reason = reason
    run.took = TimeSpan(microseconds: time)
  }

  /// Routes as the state says, and follows the rollout in the evidence.
  private mutating func reroute() throws {
    if let split = control.current.split {
      table = try table.changed(to: split, stable: stage.subject.stable)
    }
    follow()
  }

  private mutating func follow() {
    let endpoint = control.current
    generation = endpoint.generation
    page.follow(endpoint, route: generation)
    let arm = table.arms.firstIndex(of: stage.subject.candidate).map { UInt8($0) }
    goesToCandidate = table.buckets.map { $0 == arm }
  }
}
