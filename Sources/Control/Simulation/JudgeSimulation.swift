import Core
import Statistics

/// Many simulated canaries, counted: how often a judge is wrong, and how soon it is right.
///
/// The comparison judges see the failures of the very same requests; they have no notion of the
/// other metrics, so worlds with another harm show this product's judge alone.
public struct JudgeSimulation: Sendable {
  /// The plans that are simulated.
  public enum Policy: String, Sendable, CaseIterable {
    /// Failures alone, nothing tolerated: the sharpest single test.
    case oneMetric = "one metric, tolerance 1"
    /// Failures, wrong answers, latency and classes share the risk; nothing tolerated.
    case allMetrics = "all metrics, tolerance 1"
    /// The same with the tolerance that plans have unless they say otherwise.
    case allMetricsTolerant = "all metrics, tolerance 1.25"

    /// The plan.
    public var plan: Plan {
      let tolerance = self == .allMetricsTolerant ? 1.25 : 1
      let judged: [(Metric, Double)] =
        self == .oneMetric
        ? [(.errors, 1)]
        : [(.errors, 0.25), (.wrongAnswers, 0.25), (.latency, 0.25), (.predictions, 0.25)]
      return Plan(
        name: "simulated", summary: "", steps: JudgeSimulation.steps,
        metrics: judged.map { JudgedMetric(metric: $0.0, tolerance: tolerance, riskShare: $0.1) })
    }
  }

  /// The steps of every simulated plan.
  static let steps = (JudgeWorld.weights + [Split.whole]).map {
    PlanStep(weight: $0, hold: .zero)
  }
  /// The ratio that certification is against.
  public static let margin = 1.5
  /// The risk of certifying a candidate whose ratio is the margin.
  public static let certifyingRisk = 0.05

  /// Who looks at what.
  public let world: JudgeWorld
  /// By which plan this product's judge decides.
  public let policy: Policy
  /// The judges beside it.
  public let others: [ComparisonJudge]

  /// Puts them together.
  public init(_ world: JudgeWorld, _ policy: Policy, others: [ComparisonJudge] = []) {
    self.world = world
    self.policy = policy
    self.others = others
  }

  /// Counts over runs; those of disjoint ranges of run numbers can be joined in any order.
  public struct Tally: Sendable {
    /// No runs.
    public init() {}

    /// Runs.
    public internal(set) var runs = 0
    /// Candidate requests at the first hold, one for each run that held.
    public internal(set) var holds: [Int] = []
    /// The same at the rollback.
    public internal(set) var rollbacks: [Int] = []
    /// The same at certification.
    public internal(set) var certifications: [Int] = []
    /// For each comparison judge the same at its rollback.
    public internal(set) var others: [[Int]] = []
    /// Failures served beyond a good version's, summed over the runs that held or rolled back.
    public internal(set) var extraAtHold = 0.0
    /// The same at the rollback.
    public internal(set) var extraAtRollback = 0.0

    /// Joins the counts of other runs.
    public mutating func add(_ other: Tally) {
      runs += other.runs
      holds += other.holds
      rollbacks += other.rollbacks
      certifications += other.certifications
      extraAtHold += other.extraAtHold
      extraAtRollback += other.extraAtRollback
      if others.count < other.others.count {
        others += other.others[others.count...].map { _ in [] }
      }
      for index in other.others.indices { others[index] += other.others[index] }
    }

    /// The median of requests over all runs, those without the event being infinitely late; nil
    /// when it came in less than half.
    public static func median(_ requests: [Int], runs: Int) -> Int? {
      guard requests.count * 2 > runs else { return nil }
      return requests.sorted()[(runs - 1) / 2]
    }
  }

  /// Plays the runs of a range; each is decided by the seed and its number alone.
  public func play(_ numbers: Range<Int>, seed: UInt64) -> Tally {
    var tally = Tally()
    tally.others = others.map { _ in [] }
    for number in numbers {
      let mixed = JudgeSimulation.seed(ofRun: number, seed)
      var run = JudgeRun(world, plan: policy.plan, seed: mixed)
      let result = run.play(
        others: others, margin: JudgeSimulation.margin,
        certifyingRisk: JudgeSimulation.certifyingRisk)
      tally.count(result)
    }
    return tally
  }

  /// The seed of one run.
  static func seed(ofRun number: Int, _ seed: UInt64) -> UInt64 {
    SplitMix64.mix(seed &+ UInt64(truncatingIfNeeded: number) &* 0x9E37_79B9_7F4A_7C15)
  }
}

extension JudgeSimulation.Tally {
  mutating func count(_ result: JudgeRun.Result) {
    runs += 1
    if let held = result.held {
      holds.append(held)
      extraAtHold += result.extraAtHold
    }
    if let rolledBack = result.rolledBack {
      rollbacks.append(rolledBack)
      extraAtRollback += result.extraAtRollback
    }
    if let certified = result.certified { certifications.append(certified) }
    for (index, at) in result.others.enumerated() {
      if let at { others[index].append(at) }
    }
  }
}
