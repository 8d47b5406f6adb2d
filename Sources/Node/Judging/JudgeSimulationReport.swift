import Control
import Core
import Statistics
import Synchronization

/// The table that `sluice simulate judge` prints: this product's judge and the others' rules on the
/// same streams.
public struct JudgeSimulationReport: Sendable, Encodable {
  /// One judge in one world.
  public struct Row: Sendable, Encodable {
    /// What is simulated, in words.
    public let world: String
    /// Who judges.
    public let judge: String
    /// Runs.
    public let runs: Int
    /// The share of runs that held, with Clopper and Pearson's 95 % interval; nil for judges that
    /// know no hold.
    public let held: Share?
    /// The same for rollbacks.
    public let rolledBack: Share
    /// The median of candidate requests until the hold over all runs; nil when under half held.
    public let medianToHold: Int?
    /// The same until the rollback.
    public let medianToRollback: Int?
    /// Failures served beyond a good version's until the hold, mean over the runs that held.
    public let extraFailuresToHold: Double?
    /// The same until the rollback.
    public let extraFailuresToRollback: Double?
    /// The share of runs in which the candidate was certified to fail less than 1.5 times as often.
    public let certified: Share?
    /// The median of candidate requests until then.
    public let medianToCertify: Int?

    enum CodingKeys: String, CodingKey {
      case world, judge, runs, held, certified
      case rolledBack = "rolled_back"
      case medianToHold = "median_to_hold"
      case medianToRollback = "median_to_rollback"
      case extraFailuresToHold = "extra_failures_to_hold"
      case extraFailuresToRollback = "extra_failures_to_rollback"
      case medianToCertify = "median_to_certify"
    }
  }

  /// A share of runs.
  public struct Share: Sendable, Encodable {
    /// How many runs.
    public let count: Int
    /// Of all, 0 to 1.
    public let share: Double
    /// The ends of the interval.
    public let low: Double
    /// The ends of the interval.
    public let high: Double

    init(_ count: Int, of runs: Int) {
      self.count = count
      share = runs == 0 ? 0 : Double(count) / Double(runs)
      let interval = ProportionInterval.clopperPearson(count, of: runs)
      low = interval.low
      high = interval.high
    }
  }

  /// The seed; equal seeds give equal tables.
  public let seed: UInt64
  /// The rows.
  public let rows: [Row]

  /// Whether every good version was held in at most 5 % and rolled back in at most 1 % of the runs,
  /// and none at the margin was certified in more than 5 %; a share counts as more only when its
  /// interval lies above.
  public var keepsItsPromise: Bool {
    rows.filter { $0.held != nil && $0.world.hasPrefix("good version") }.allSatisfy { row in
      (row.held?.low ?? 0) <= 0.05 && row.rolledBack.low <= 0.01
    }
      && rows.filter { $0.world.hasPrefix(JudgeSimulationReport.unsafe) }.allSatisfy {
        ($0.certified?.low ?? 0) <= 0.05
      }
  }

  /// How worlds of a candidate that must not be certified begin.
  static let unsafe = "1.5 times the failures: certifying it is unsafe"

  /// The most runs of a judge that sorts: Kayenta's intervals take as long as all else together.
  static let slowRunsMax = 400

  /// Simulates, on as many threads as given.
  /// - Parameter progress: called with each world's name before it is simulated.
  /// - Throws: ``NodeError`` when the system gives no threads.
  public static func make(
    runs: Int, seed: UInt64, threads: Int, progress: (String) -> Void
  ) throws -> JudgeSimulationReport {
    var rows: [Row] = []
    for weather in JudgeWorld.Weather.allCases {
      rows += try table(
        JudgeWorld(weather: weather), "good version, \(weather.rawValue)", runs, seed, threads,
        progress)
    }
    for (points, name) in [(0.01, "+1"), (0.02, "+2"), (0.05, "+5")] {
      rows += try table(
        JudgeWorld(harm: .errors(points: points, fromLook: 0)), "\(name) points of failures",
        runs / 4, seed, threads, progress)
    }
    rows += try table(
      JudgeWorld(weather: .lowTraffic, harm: .errors(points: 0.05, fromLook: 0)),
      "+5 points of failures, low traffic", runs / 4, seed, threads, progress)
    rows += try table(
      JudgeWorld(harm: .errors(points: 0.02, fromLook: 30)), "+2 points from look 31", runs / 4,
      seed, threads, progress)
    for weather in JudgeWorld.Weather.allCases {
      let world = JudgeWorld(weather: weather, harm: .ratio(JudgeSimulation.margin))
      let name = "\(unsafe), \(weather.rawValue)"
      progress(name)
      let simulation = JudgeSimulation(world, .oneMetric)
      let counted = try tally(runs, threads) { simulation.play($0, seed: seed) }
      rows.append(own(counted, name, JudgeSimulation.Policy.oneMetric.rawValue, true))
    }
    for (harm, name) in [
      (JudgeWorld.Harm.latencyBody, "all answers 20 % slower"),
      (.latencyTail, "p99 20 % slower, by its tail"), (.classDrift, "classes 10 to 13 and 7 %"),
      (.accuracy, "88 instead of 90 % right"),
    ] {
      progress(name)
      for policy in [JudgeSimulation.Policy.allMetrics, .allMetricsTolerant] {
        let simulation = JudgeSimulation(JudgeWorld(harm: harm), policy)
        rows.append(
          own(
            try tally(runs / 4, threads) { simulation.play($0, seed: seed) }, name,
            policy.rawValue, false))
      }
    }
    for world in SpecialWorld.all {
      progress(world.name)
      let counted = try tally(world.isGood ? runs : runs / 4, threads) {
        world.play($0, seed: seed)
      }
      rows.append(own(counted, world.name, world.judge, false))
    }
    return JudgeSimulationReport(seed: seed, rows: rows)
  }

  private static func table(
    _ world: JudgeWorld, _ name: String, _ runs: Int, _ seed: UInt64, _ threads: Int,
    _ progress: (String) -> Void
  ) throws -> [Row] {
    progress(name)
    let quick = ComparisonJudge.documented.filter { !$0.isSlow }
    let slow = ComparisonJudge.documented.filter(\.isSlow)
    let simulation = JudgeSimulation(world, .oneMetric, others: quick)
    let first = try tally(runs, threads) { simulation.play($0, seed: seed) }
    var rows = [own(first, name, JudgeSimulation.Policy.oneMetric.rawValue, true)]
    // Keys carry no latency, classes or labels of their own.
    if world.weather != .stickyKeys {
      for policy in [JudgeSimulation.Policy.allMetrics, .allMetricsTolerant] {
        let simulation = JudgeSimulation(world, policy)
        let tally = try tally(runs, threads) { simulation.play($0, seed: seed) }
        rows.append(own(tally, name, policy.rawValue, true))
      }
    }
    rows += zip(quick, first.others).map { other($0, $1, runs: first.runs, name) }
    let sorting = JudgeSimulation(world, .oneMetric, others: slow)
    let fewer = try tally(min(runs, slowRunsMax), threads) { sorting.play($0, seed: seed) }
    rows += zip(slow, fewer.others).map { other($0, $1, runs: fewer.runs, name) }
    return rows
  }

  private static func own(
    _ tally: JudgeSimulation.Tally, _ world: String, _ judge: String, _ certifies: Bool
  ) -> Row {
    typealias Tally = JudgeSimulation.Tally
    return Row(
      world: world, judge: "sluice: \(judge)", runs: tally.runs,
      held: Share(tally.holds.count, of: tally.runs),
      rolledBack: Share(tally.rollbacks.count, of: tally.runs),
      medianToHold: Tally.median(tally.holds, runs: tally.runs),
      medianToRollback: Tally.median(tally.rollbacks, runs: tally.runs),
      extraFailuresToHold: mean(tally.extraAtHold, tally.holds.count),
      extraFailuresToRollback: mean(tally.extraAtRollback, tally.rollbacks.count),
      certified: certifies ? Share(tally.certifications.count, of: tally.runs) : nil,
      medianToCertify: Tally.median(tally.certifications, runs: tally.runs))
  }

  private static func mean(_ sum: Double, _ count: Int) -> Double? {
    count == 0 ? nil : sum / Double(count)
  }

  private static func other(
    _ judge: ComparisonJudge, _ rollbacks: [Int], runs: Int, _ world: String
  ) -> Row {
    Row(
      world: world, judge: judge.words, runs: runs, held: nil,
      rolledBack: Share(rollbacks.count, of: runs), medianToHold: nil,
      medianToRollback: JudgeSimulation.Tally.median(rollbacks, runs: runs),
      extraFailuresToHold: nil, extraFailuresToRollback: nil, certified: nil, medianToCertify: nil)
  }

  /// Plays runs in small portions that threads take as they get to them.
  private static func tally(
    _ runs: Int, _ threads: Int,
    _ play: @escaping @Sendable (Range<Int>) -> JudgeSimulation.Tally
  ) throws -> JudgeSimulation.Tally {
    let portion = 25
    let portions = (runs + portion - 1) / portion
    let shared = SharedTally()
    let workers = try (0..<max(1, threads)).map { index in
      try ServiceThread("simulate-\(index)") { _ in
        while true {
          let taken = shared.next.wrappingAdd(1, ordering: .relaxed).oldValue
          guard taken < portions else { return }
          let range = taken * portion..<min(runs, (taken + 1) * portion)
          let tally = play(range)
          shared.total.withLock { $0.add(tally) }
        }
      }
    }
    for worker in workers { worker.wait() }
    return shared.total.withLock { $0 }
  }

  /// What the threads share.
  private final class SharedTally: Sendable {
    let next = Atomic<Int>(0)
    let total = Mutex(JudgeSimulation.Tally())
  }
}

extension ComparisonJudge {
  /// Whether it sorts all it has seen at every look.
  fileprivate var isSlow: Bool {
    if case .kayenta = self { true } else { false }
  }
}
