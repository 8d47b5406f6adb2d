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
  /// The version that is to be ramped; the leading one of several.
  public var candidate: VersionID
  /// Further candidates, with the same weight each.
  public var rivals: [VersionID]

  /// Puts them together.
  public init(
    endpoint: Name, stable: VersionID, candidate: VersionID, rivals: [VersionID] = []
  ) {
    self.endpoint = endpoint
    self.stable = stable
    self.candidate = candidate
    self.rivals = rivals
  }

  /// All candidates, the leading one first.
  public var candidates: [VersionID] { [candidate] + rivals }
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

/// A rollout rehearsed off line on recorded requests: every request is answered by all versions,
/// the plan's draws decide whose answer counts and what is copied, and the guard's own evidence and
/// decisions run on them in the recording's time.
///
/// Deterministic for a seed but for measured latency.
public enum Rehearsal {
  /// Fewer requests say nothing.
  static let rowsMin = 100

  /// Rehearses.
  /// - Parameter candidates: the models of the subject's candidates, in their order.
  /// - Throws: a ``Failure``: no requests, a model that does not fit, an illegal plan.
  public static func run(
    _ subject: RehearsalSubject, stable: RehearsalModel, candidates: [RehearsalModel],
    _ options: RehearsalOptions, progress: (String) -> Void = { _ in }
  ) throws -> RehearsalReport {
    try check(subject, options, models: candidates.count)
    let models = try ([stable] + candidates).map {
      try CompiledBatchModel.compile($0.source, backend: $0.backend).0
    }
    for (version, model) in zip(subject.candidates, models.dropFirst()) {
      if let why = model.signature.incompatibility(with: models[0].signature) {
        throw NodeError(.refused, "\(version) does not fit \(subject.endpoint): \(why)")
      }
    }
    let plan = options.plan.alone
    // A ramp that would be refused is told before anything is run.
    _ = try RehearsalControl(
      subject, signatures: models.map(\.signature), plan, thresholds: nil,
      now: Timestamp(microseconds: 0))
    let rows = try rows(subject, options, try RowSchema(models[0].signature))
    progress("\(rows.count) requests, \(models.count) versions answer them")
    let engine = RehearsalEngine(rows: rows, models: models)
    let clones = plan.steps.contains { $0.kind == .shadow }
    let began = SystemClock.monotonicNanoseconds()
    let answers = try engine.answers(
      measuresLatency: options.measuresLatency, clonesStable: clones)
    let answered = SystemClock.monotonicNanoseconds()
    let stage = RehearsalStage(
      subject, plan, facts: rows.facts, answers: answers.versions, clone: answers.clone,
      signatures: models.map(\.signature), clock: clock(rows.facts, options))
    let runs = try play(stage, options, progress)
    let played = SystemClock.monotonicNanoseconds()
    guard let first = runs.first else { throw NodeError(.badInput, "a rehearsal has a run") }
    let truths = subject.candidates.indices.map { truth(stage, $0 + 1) }
    return RehearsalReport(
      endpoint: subject.endpoint, stable: subject.stable, candidate: subject.candidate,
      rivals: subject.rivals.isEmpty
        ? nil
        : zip(subject.rivals, truths.dropFirst()).map {
          RehearsalReport.Rival(version: $0, truth: $1)
        },
      plan: plan.name, rows: rows.count,
      labelled: rows.facts.count { $0.label != TrafficTable.noLabel },
      spans: TimeSpan(microseconds: stage.clock.passMicroseconds),
      notes: rows.notes + notes(stage, options, runs),
      notPlayed: notPlayed(options.plan, rows), run: first,
      distribution: runs.count > 1 ? distribution(runs) : nil, truth: truths[0],
      modelRowsPerSecond: rate(
        (models.count + (clones ? 1 : 0)) * rows.count, answered - began),
      replayedPerSecond: rate(runs.reduce(0) { $0 + $1.requests }, played - answered))
  }

  private static func check(
    _ subject: RehearsalSubject, _ options: RehearsalOptions, models: Int
  ) throws(NodeError) {
    if let same = subject.candidates.first(where: { $0 == subject.stable }) {
      throw NodeError(
        .refused,
        "\(same) is the stable of \(subject.endpoint) already: rehearse another version")
    }
    guard models == subject.candidates.count, models <= ControlLimits.candidatesMax else {
      throw NodeError(
        .badInput, "a rehearsal has 1 to \(ControlLimits.candidatesMax) candidates, each a model")
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
      rows = try RehearsalRows.traffic(path, plan: options.plan, schema: schema)
    } else {
      rows = try RehearsalRows.recorded(
        options.stateDirectory, subject.endpoint, plan: options.plan, schema: schema,
        since: options.since, until: options.until)
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
}
