import Control
import Core
import Inference
import Serving
import Statistics
import Synchronization
import Telemetry

/// Who is rehearsed against whom.
public struct RehearsalSubject: Sendable {
  /// The endpoint.
  public var endpoint: Name
  /// The version that serves.
  public var stable: VersionID
  /// The version that is to be ramped.
  public var candidate: VersionID

  /// Puts the three together.
  public init(endpoint: Name, stable: VersionID, candidate: VersionID) {
    self.endpoint = endpoint
    self.stable = stable
    self.candidate = candidate
  }
}

/// A model and what runs it.
public struct RehearsalModel: Sendable {
  /// Where its file is.
  public var source: BatchSource
  /// What runs it; nil lets the engine choose.
  public var backend: Backend?

  /// Puts the two together.
  public init(_ source: BatchSource, backend: Backend? = nil) {
    self.source = source
    self.backend = backend
  }
}

/// How a rehearsal is made.
public struct RehearsalOptions: Sendable {
  /// The plan, as a ramp would have it.
  public var plan: Plan
  /// The state directory whose recording is replayed.
  public var stateDirectory: String
  /// A traffic file to replay in place of the recording.
  public var trafficPath: String?
  /// Leaves out earlier requests of the recording.
  public var since: Timestamp?
  /// Leaves out requests from then on.
  public var until: Timestamp?
  /// Requests a second, evenly; nil takes a recording's own times, and gives a file the time that
  /// the plan takes.
  public var requestsPerSecond: Double?
  /// The first run's seed; the others follow.
  public var seed: UInt64
  /// How many rollouts with other draws.
  public var runs: Int
  /// Whether each row is run alone and timed; without it latency is not judged.
  public var measuresLatency: Bool
  /// Threads for the runs.
  public var threads: Int

  /// The most runs.
  public static let runsMax = 10_000

  /// Puts them together.
  public init(
    plan: Plan, stateDirectory: String, trafficPath: String? = nil, since: Timestamp? = nil,
    until: Timestamp? = nil, requestsPerSecond: Double? = nil, seed: UInt64 = 1, runs: Int = 1,
    measuresLatency: Bool = true, threads: Int = 1
  ) {
    self.plan = plan
    self.stateDirectory = stateDirectory
    self.trafficPath = trafficPath
    self.since = since
    self.until = until
    self.requestsPerSecond = requestsPerSecond
    self.seed = seed
    self.runs = runs
    self.measuresLatency = measuresLatency
    self.threads = threads
  }
}

/// A rollout rehearsed off line on recorded requests: every request is answered by both versions,
/// the plan's draws decide whose answer counts, and the guard's own evidence and decisions run on
/// them in the recording's time.
///
/// Deterministic for a seed but for measured latency.
public enum Rehearsal {
  /// Fewer requests say nothing.
  static let rowsMin = 100

  /// Rehearses.
  /// - Throws: a ``Failure``: no requests, a model that does not fit, an illegal plan.
  public static func run(
    _ subject: RehearsalSubject, stable: RehearsalModel, candidate: RehearsalModel,
    _ options: RehearsalOptions, progress: (String) -> Void = { _ in }
  ) throws -> RehearsalReport {
    try check(subject, options)
    let stableModel = try CompiledBatchModel.compile(stable.source, backend: stable.backend).0
    let candidateModel = try CompiledBatchModel.compile(
      candidate.source, backend: candidate.backend
    ).0
    if let why = candidateModel.signature.incompatibility(with: stableModel.signature) {
      throw NodeError(.refused, "\(subject.candidate) does not fit \(subject.endpoint): \(why)")
    }
    let rows = try rows(subject, options, try RowSchema(stableModel.signature))
    progress("\(rows.count) requests, both versions answer them")
    let engine = RehearsalEngine(rows: rows, stable: stableModel, candidate: candidateModel)
    let began = SystemClock.monotonicNanoseconds()
    let answers = try engine.answers(measuresLatency: options.measuresLatency)
    let answered = SystemClock.monotonicNanoseconds()
    let stage = RehearsalStage(
      subject, options.plan, facts: rows.facts, stable: answers.stable,
      candidate: answers.candidate, clock: clock(rows.facts, options),
      stableSignature: stableModel.signature, candidateSignature: candidateModel.signature)
    let runs = try play(stage, options, progress)
    let played = SystemClock.monotonicNanoseconds()
    guard let first = runs.first else { throw NodeError(.badInput, "a rehearsal has a run") }
    return RehearsalReport(
      endpoint: subject.endpoint, stable: subject.stable, candidate: subject.candidate,
      plan: options.plan.name, rows: rows.count,
      labelled: rows.facts.count { $0.label != TrafficTable.noLabel },
      spans: TimeSpan(microseconds: stage.clock.passMicroseconds),
      notes: rows.notes + notes(stage, options, runs), run: first,
      distribution: runs.count > 1 ? distribution(runs) : nil, truth: truth(stage),
      modelRowsPerSecond: rate(2 * rows.count, answered - began),
      replayedPerSecond: rate(runs.reduce(0) { $0 + $1.requests }, played - answered))
  }

  private static func check(
    _ subject: RehearsalSubject, _ options: RehearsalOptions
  ) throws(NodeError) {
    guard subject.stable != subject.candidate else {
      throw NodeError(
        .refused,
        "\(subject.candidate) is the stable of \(subject.endpoint) already: rehearse another "
          + "version")
    }
    guard (1...RehearsalOptions.runsMax).contains(options.runs) else {
      throw NodeError(.badInput, "a rehearsal has 1 to \(RehearsalOptions.runsMax) runs")
    }
    if let rate = options.requestsPerSecond, !(0.001...1_000_000).contains(rate) {
      throw NodeError(.badInput, "requests come at 0.001 to 1,000,000 a second")
    }
  }

  private static func rows(
    _ subject: RehearsalSubject, _ options: RehearsalOptions, _ schema: RowSchema
  ) throws -> RehearsalRows {
    let rows: RehearsalRows
    if let path = options.trafficPath {
      rows = try RehearsalRows.traffic(path, schema: schema)
    } else {
      rows = try RehearsalRows.recorded(
        options.stateDirectory, subject.endpoint, schema: schema, since: options.since,
        until: options.until)
    }
    guard rows.count >= rowsMin else {
      throw NodeError(
        .badInput,
        "there are \(rows.count) requests to rehearse with, at least \(rowsMin) are needed: record "
          + "for longer, widen --since and --until, or give a file with --from")
    }
    return rows
  }

  private static func clock(
    _ facts: [RehearsalRows.Facts], _ options: RehearsalOptions
  ) -> RehearsalClock {
    if let rate = options.requestsPerSecond {
      return RehearsalClock(even: facts, perSecond: rate)
    }
    guard options.trafficPath != nil else { return RehearsalClock(own: facts) }
    // A file is played over the time of the plan and a little more, with a request a second at
    // least.
    let seconds = max(1, options.plan.duration.seconds * 1.1)
    return RehearsalClock(even: facts, perSecond: max(1, Double(facts.count) / seconds))
  }

  private static func rate(_ count: Int, _ nanoseconds: UInt64) -> Int {
    Int(Double(count) / (Double(max(1, nanoseconds)) * 1e-9))
  }

  // MARK: Runs

  /// What the threads share.
  private final class Shared: Sendable {
    let next = Atomic<Int>(0)
    let results: Mutex<[Result<RehearsalReport.Run, NodeError>?]>
    init(_ count: Int) { results = Mutex(Array(repeating: nil, count: count)) }
  }

  private static func play(
    _ stage: RehearsalStage, _ options: RehearsalOptions, _ progress: (String) -> Void
  ) throws -> [RehearsalReport.Run] {
    progress(
      "\(options.runs) \(options.runs == 1 ? "rollout" : "rollouts") by \(options.plan.name)")
    let shared = Shared(options.runs)
    let workers = try (0..<max(1, min(options.threads, options.runs))).map { index in
      try ServiceThread("rehearse-\(index)") { _ in
        while true {
          let number = shared.next.wrappingAdd(1, ordering: .relaxed).oldValue
          guard number < options.runs else { return }
          let result = Rehearsal.one(
            stage, seed: options.seed &+ UInt64(number), isDetailed: number == 0)
          shared.results.withLock { $0[number] = result }
        }
      }
    }
    for worker in workers { worker.wait() }
    return try shared.results.withLock { $0 }.compactMap { $0 }.map { try $0.get() }
  }

  private static func one(
    _ stage: RehearsalStage, seed: UInt64, isDetailed: Bool
  ) -> Result<RehearsalReport.Run, NodeError> {
    do {
      var run = try RehearsalRun(stage, seed: seed, isDetailed: isDetailed)
      return .success(try run.play())
    } catch {
      return .failure(NodeError(describing: error))
    }
  }

  // MARK: What came of it

  private static func notes(
    _ stage: RehearsalStage, _ options: RehearsalOptions, _ runs: [RehearsalReport.Run]
  ) -> [String] {
    var notes: [String] = []
    let plan = options.plan
    if let rate = options.requestsPerSecond {
      notes.append("requests come evenly, \(decimal(rate, 2)) a second, not at their own times")
    } else if options.trafficPath != nil {
      let seconds = Double(stage.clock.passMicroseconds) / 1e6
      notes.append(
        "the file's requests come evenly, \(decimal(Double(stage.clock.count) / seconds, 2)) a "
          + "second, in the order of their time")
    }
    let passes = runs.map(\.passes).max() ?? 1
    if passes > 1 {
      notes.append(
        "the plan takes longer than the recording, which is played up to \(passes) times over; "
          + "callers of a later pass count as new ones")
    }
    if plan.approvals != nil || plan.steps.contains(where: \.needsApproval) {
      notes.append("approvals are given at once")
    }
    if plan.metrics.contains(where: { $0.metric == .latency }), stage.thresholds == nil {
      notes.append(
        options.measuresLatency
          ? "latency is not judged: fewer than \(LatencyThresholds.minimumAnswers) requests"
          : "latency is not measured and so not judged")
    }
    if plan.metrics.contains(where: { $0.metric.isTwoSided }), stage.profile == nil {
      notes.append(
        "what answers say is not compared: fewer than \(LatencyThresholds.minimumAnswers) requests")
    }
    return notes
  }

  private static func truth(_ stage: RehearsalStage) -> RehearsalReport.Truth {
    typealias Share = RehearsalReport.Share
    let (stable, candidate) = (stage.stable, stage.candidate)
    var (both, differ, labelled, stableWrong, candidateWrong) = (0, 0, 0, 0, 0)
    var (onlyStable, onlyCandidate) = (0, 0)
    for row in stage.facts.indices where !stable.failed[row] && !candidate.failed[row] {
      both += 1
      if stable.labels[row] != candidate.labels[row] { differ += 1 }
      guard let first = stage.isWrong(stable, row), let second = stage.isWrong(candidate, row)
      else { continue }
      labelled += 1
      if first { stableWrong += 1 }
      if second { candidateWrong += 1 }
      if first, !second { onlyStable += 1 }
      if second, !first { onlyCandidate += 1 }
    }
    let count = stage.facts.count
    func quantiles(_ answers: RehearsalAnswers) -> [Int]? {
      answers.latencyQuantiles().map { [$0.p50, $0.p90, $0.p99] }
    }
    return RehearsalReport.Truth(
      stableFailed: Share(stable.failed.count { $0 }, of: count),
      candidateFailed: Share(candidate.failed.count { $0 }, of: count),
      disagreed: Share(differ, of: both), stableWrong: Share(stableWrong, of: labelled),
      candidateWrong: Share(candidateWrong, of: labelled), onlyCandidateWrong: onlyCandidate,
      onlyStableWrong: onlyStable, stableMicroseconds: quantiles(stable),
      candidateMicroseconds: quantiles(candidate))
  }

  private static func distribution(
    _ runs: [RehearsalReport.Run]
  ) -> RehearsalReport.Distribution {
    var counts: [String: Int] = [:]
    for run in runs {
      let cause = run.cause.isEmpty ? "" : ": \(run.cause)"
      counts[run.outcome.words + cause, default: 0] += 1
    }
    let outcomes = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map {
      RehearsalReport.OutcomeShare(
        outcome: $0.key, share: RehearsalReport.Share($0.value, of: runs.count))
    }
    func quantile<Value: Comparable>(_ values: [Value], _ share: Double) -> Value {
      values.sorted()[min(values.count - 1, Int(share * Double(values.count)))]
    }
    let (took, exposed) = (runs.map(\.took), runs.map(\.cost.exposed))
    let wrong = runs.map(\.cost.netWrongAnswers)
    let errors = runs.reduce(0) { $0 + $1.cost.userErrors }
    return RehearsalReport.Distribution(
      outcomes: outcomes, tookMedian: quantile(took, 0.5), took90: quantile(took, 0.9),
      exposedMedian: quantile(exposed, 0.5), exposed90: quantile(exposed, 0.9),
      wrongMedian: quantile(wrong, 0.5), wrong90: quantile(wrong, 0.9),
      userErrorsMean: Double(errors) / Double(runs.count))
  }
}

extension Plan {
  /// The least time it takes: all holds and the soak.
  var duration: TimeSpan { steps.reduce(soak) { $0 + $1.hold } }
}
