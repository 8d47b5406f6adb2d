import Control
import Core
import Serving
import Telemetry

/// One rollout in virtual time.
///
/// Requests and copies are drawn by what a node would publish for the state, counted by the
/// analyst's evidence page, and looked at by the guard at every failed or wrong answer of a
/// candidate, every 64 answers, and every tenth of a second of the recording's time.
struct RehearsalRun {
  private static let tick: Int64 = 100_000
  private static let answersALook = 64
  /// Requests of one run; a plan that has not ended by then is unfinished.
  static let requestsMax = 5_000_000
  /// Requests without a decision after which a hold counts as the end.
  private static let requestsHeldMax = 500_000
  private static let decisionsMax = 200

  private let stage: RehearsalStage
  private let isDetailed: Bool
  private let begin: Timestamp
  private var control: RehearsalControl
  private let page = EvidencePage()
  private var routing: RehearsalRouting
  private var generation = 0
  private var labels = RehearsalLabels()
  /// Copies since copying began.
  private var copies = 0
  private var tickEnd = RehearsalRun.tick
  private var hadTraffic = false
  private var unseen = 0
  private var tally: RehearsalTally
  private var heldSince: (time: Int64, requests: Int)?
  private var outcome: RehearsalReport.Outcome?
  private var run: RehearsalReport.Run

  /// - Throws: a ``Failure`` when the plan cannot be started.
  init(_ stage: RehearsalStage, seed: UInt64, isDetailed: Bool) throws {
    self.stage = stage
    self.isDetailed = isDetailed
    begin = Timestamp(microseconds: stage.facts.first?.time ?? 0)
    control = try RehearsalControl(
      stage.subject, signatures: stage.signatures, stage.plan, thresholds: stage.thresholds,
      now: begin)
    routing = RehearsalRouting(stage, seed: seed)
    let rollout = control.current.rollout
    tally = RehearsalTally(
      stage, rollout?.step ?? 0, weight: rollout?.weight ?? 0, rollout: rollout, at: 0)
    run = RehearsalReport.Run(
      seed: seed, outcome: .unfinished, cause: "", reason: "", took: .zero, requests: 0, passes: 1,
      cost: RehearsalReport.Cost(), steps: [], decisions: [], decisionsUnlisted: 0)
    try follow()
    if let profile = stage.profile { page.judgeAnswers(by: profile) }
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
          end(
            .unfinished,
            "\(run.requests) requests were not enough: --rate replays fewer a second", at: last)
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
      if mayIdleDecide { try look(at: tickEnd + span - RehearsalRun.tick) }
      tickEnd += span
    }
    if outcome == nil { try takeLabels(until: time) }
  }

  /// Whether time without traffic can decide anything.
  ///
  /// It does not count for a step, so unless something was not looked at yet only a hold can end by
  /// it, or begin for want of traffic.
  private var mayIdleDecide: Bool {
    unseen > 0 || control.current.rollout?.hold != nil
      || (page.evidence?.idle ?? .zero) >= Guard.noDataLimit
  }

  private mutating func takeLabels(until time: Int64) throws {
    while outcome == nil, let label = labels.take(dueBy: time) {
      let isBad = takeLabel(label)
      unseen += 1
      if isBad || unseen >= RehearsalRun.answersALook { try look(at: label.due) }
    }
  }

  /// One label, for the pairs of its request first, as the analyst does.
  /// - Returns: whether it shows a candidate to be wrong.
  private mutating func takeLabel(_ label: RehearsalLabels.Entry) -> Bool {
    let row = Int(label.row)
    var isBad = false
    for candidate in stage.versions.indices where label.copies & (1 << candidate) != 0 {
      guard let own = stage.isWrong(candidate, row), let stable = stage.isWrong(0, row) else {
        continue
      }
      let isTaken = page.takeShadowLabel(
        route: label.route, candidate: stage.versions[candidate], candidateWrong: own,
        stableWrong: stable)
      guard isTaken else { continue }
      tally.countPairLabel(candidate, candidateWrong: own, stableWrong: stable)
      isBad = isBad || own
    }
    let version = Int(label.version)
    guard label.isEvidence, let isWrong = stage.isWrong(version, row) else { return isBad }
    let segment = stage.facts[row].segment
    let isTaken = page.takeLabel(
      route: label.route, version: stage.versions[version], wrong: isWrong,
      segment: segment >= 0 ? Int(segment) : nil)
    guard isTaken else { return isBad }
    tally.countLabel(version, isWrong: isWrong, segment: segment)
    return isBad || (version > 0 && isWrong)
  }

  // MARK: Requests

  private mutating func request(_ row: Int, at time: Int64) throws {
    let fact = stage.facts[row]
    // In a later pass the same callers stand for new ones.
    let pass = SplitMix64.mix(UInt64(run.passes - 1))
    let draw = routing.draw(fact, key: fact.isKeyed ? fact.key ^ pass : nil)
    let answers = stage.answers[draw.version]
    let failed = answers.failed[row]
    hadTraffic = true
    unseen += 1
    run.requests += 1
    tally.countRequest(
      draw.version, failed: failed, segment: fact.segment, isOutside: draw.isOutside)
    countCost(row, draw.version)
    let isEvidence = draw.isEvidence && take(row, draw)
    let copied = copy(row, draw)
    // As in the data plane: a label is evidence of the version that was drawn and answered.
    if fact.label != TrafficTable.noLabel, isEvidence && !failed || copied.mask != 0 {
      labels.add(
        RehearsalLabels.Entry(
          due: time + stage.clock.delay(fact), route: generation, row: Int32(row),
          version: UInt8(draw.version), isEvidence: isEvidence && !failed, copies: copied.mask))
    }
    if draw.version > 0 && failed || copied.failed || unseen >= RehearsalRun.answersALook {
      try look(at: time)
    }
  }

  /// Counts an answer as evidence.
  /// - Returns: whether its label will be.
  private mutating func take(_ row: Int, _ draw: RehearsalRouting.Draw) -> Bool {
    let answers = stage.answers[draw.version]
    let segment = stage.facts[row].segment
    let taken = page.take(
      DrawnAnswer(
        route: generation, version: stage.versions[draw.version], failed: answers.failed[row],
        latencyMicroseconds: stage.microseconds(answers, row), key: draw.key,
        label: answers.labels[row], score: answers.scores[row],
        segment: segment >= 0 ? Int(segment) : nil))
    return taken.isDraw || !taken.isCounted
  }

  /// Lets the candidates answer a copy of the request, when one is drawn.
  /// - Returns: who answered it, a bit each, and whether a candidate failed.
  private mutating func copy(
    _ row: Int, _ draw: RehearsalRouting.Draw
  ) -> (mask: UInt16, failed: Bool) {
    guard routing.isCopying else { return (0, false) }
    let candidates = routing.copies(stage.facts[row], of: draw)
    guard !candidates.isEmpty else { return (0, false) }
    copies += 1
    tally.countCopied()
    var mask: UInt16 = 0
    var hasFailed = false
    for candidate in candidates {
      let record = stage.copied(
        row, to: candidate, generation: generation, isWarm: copies > ShadowOrder.warmUpAnswers)
      guard
        page.take(
          record, candidate: stage.versions[candidate], primary: stage.versions[0])
      else { continue }
      mask |= 1 << candidate
      hasFailed = hasFailed || record.failed
      unseen += 1
      let isCompared = record.hasClone && !record.cloneFailed
      tally.countPair(
        candidate, candidateFailed: record.failed, stableFailed: record.primaryFailed,
        differs: record.differs, cloneDiffers: isCompared ? record.cloneDiffers : nil)
    }
    return (mask, hasFailed)
  }

  /// What the caller had of it, and would have had of the stable.
  private mutating func countCost(_ row: Int, _ version: Int) {
    let stableFailed = stage.answers[0].failed[row]
    if stableFailed { run.cost.userErrorsAlone += 1 }
    guard version > 0 else {
      if stableFailed { run.cost.userErrors += 1 }
      return
    }
    run.cost.exposed += 1
    if stage.answers[version].failed[row] {
      run.cost.candidateFailures += 1
      // The stable answers in its place.
      if stableFailed { run.cost.userErrors += 1 }
      return
    }
    guard let wrong = stage.isWrong(version, row) else { return }
    // A caller without an answer had no right one.
    let stableWrong = stage.isWrong(0, row) ?? true
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
      try follow()
      beginHold(at: time)
    }
    endHold(at: time)
  }

  /// Takes down since when it stands still for a person, or for requests that do not come.
  private mutating func beginHold(at time: Int64) {
    let hold = control.current.rollout?.hold
    if hold == .choice, let running = page.running, let evidence = page.evidence {
      let choice = RehearsalReport.Choice(running, evidence)
      run.choice = choice
      run.cause = choice.best.map { "\($0) ahead" } ?? "none ahead"
      end(.choice, "a person picks one of \(choice.left.count): \(choice.words)", at: time)
      return
    }
    let isStanding = hold.map { !$0.endsByItself || $0 == .lowTraffic } ?? false
    heldSince = isStanding ? (time, run.requests) : nil
  }

  /// Ends the rehearsal when a hold has been watched for long enough.
  private mutating func endHold(at time: Int64) {
    guard outcome == nil, let held = heldSince, !isHoldBounded else { return }
    guard
      time - held.time >= patience || run.requests - held.requests >= RehearsalRun.requestsHeldMax
    else { return }
    run.cause = control.current.rollout?.hold?.words ?? ""
    end(.held, run.cause, at: time)
  }

  /// Whether the plan itself ends holds.
  private var isHoldBounded: Bool {
    stage.plan.holdDeadline != nil && stage.plan.holdPolicy?.then != .escalate
  }

  /// How long a hold without an end of the plan's is watched: as long as the plan takes, an hour at
  /// least, and until people would be alarmed.
  private var patience: Int64 {
    max(
      stage.plan.duration.microseconds, stage.plan.holdDeadline?.microseconds ?? 0,
      TimeSpan.minutes(60).microseconds)
  }

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
    case .completed(let change):
      run.winner = change.candidate
      // With several candidates it matters which one it was.
      if stage.versions.count > 2 { run.cause = "\(change.candidate)" }
      end(.completed, words, at: time)
    case .candidateDropped(let drop): noteDrop(drop, words)
    case .held(let change) where change.weight != tally.weight:
      closeStep(
        "held: \(change.hold?.words ?? "")", at: time, next: (change.step, change.weight))
    case .resumed(let change) where change.weight != tally.weight:
      closeStep("went on", at: time, next: (change.step, change.weight))
    default: break
    }
  }

  private mutating func noteDrop(_ drop: CandidateDrop, _ words: String) {
    guard isDetailed, let evidence = page.evidence else { return }
    var own: RolloutEvidence? = evidence
    if page.running?.candidate != drop.version {
      own = evidence.rivals?.first { $0.version == drop.version }?.evidence
    }
    tally.drop(
      drop.version, why: RehearsalRun.words(drop.cause),
      metrics: own.map { Judge.evaluate($0, plan: stage.plan) } ?? [])
  }

  private static func words(_ cause: RollbackCause) -> String {
    switch cause {
    case .evidence(let metric): metric.words
    case .breaker: "failures one after another"
    case .holdDeadline: "the hold's deadline"
    case .budget: "the plan's cap on failed and wrong answers"
    case .comparison: "the plan's comparison rule"
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
    // A step without requests is passed through at once: a wait for approvals, a last step.
    if isDetailed, tally.hasRequests {
      run.steps.append(
        tally.closed(
          decision, at: time, page.running, page.evidence, plan: stage.plan,
          closed: control.current.rollout?.closedSegments ?? page.running?.closedSegments ?? []))
    }
    tally = RehearsalTally(
      stage, next.step, weight: next.weight, rollout: control.current.rollout, at: time)
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
  private mutating func follow() throws {
    let endpoint = control.current
    generation = endpoint.generation
    try routing.follow(endpoint)
    page.follow(endpoint, route: generation)
    if !routing.isCopying { copies = 0 }
  }
}
