import Core
import Statistics

/// A rule of another tool that a plan lets decide in this product's place, and how often it looks.
public struct ComparisonRule: Sendable, Hashable, Codable {
  /// The rule with its settings.
  public let judge: ComparisonJudge
  /// Time with traffic between two looks.
  public let interval: TimeSpan

  /// Puts the two together.
  public init(judge: ComparisonJudge, interval: TimeSpan = .seconds(60)) {
    self.judge = judge
    self.interval = interval
  }
}

/// What a comparison rule has seen: at each look how much each of the judged counts had grown.
public struct ComparisonEvidence: Sendable, Hashable, Codable {
  /// The metrics that such rules can judge; each look has the counts of each, in this order.
  ///
  /// Of latency the answers over the stable's p99.
  public static let metrics: [Metric] = [.errors, .wrongAnswers, .latency]
  /// The most looks that are kept; Kayenta's rule forgets what is older.
  public static let looksMax = 120

  /// The rule.
  public let rule: ComparisonRule
  /// Time with traffic since the last look.
  public internal(set) var sinceLook = TimeSpan.zero
  /// Looks so far.
  public internal(set) var looks = 0
  /// What had been counted at the last look, by metric.
  public internal(set) var counted: [RolloutEvidence.Counts]
  /// The looks that the rule can still need, oldest first, each by metric.
  public internal(set) var recent: [[RolloutEvidence.Counts]] = []
  /// Failed looks by metric, of rules that count them.
  public internal(set) var failedLooks: [Int]

  init(rule: ComparisonRule) {
    self.rule = rule
    counted = ComparisonEvidence.metrics.map { _ in .init() }
    failedLooks = ComparisonEvidence.metrics.map { _ in 0 }
  }
}

extension RolloutEvidence {
  /// Lets a rule of another tool look from now on; at the beginning of a rollout, once.
  public mutating func judgeByLooks(of rule: ComparisonRule) {
    if comparison == nil { comparison = ComparisonEvidence(rule: rule) }
    updateRivals { $0.judgeByLooks(of: rule) }
  }

  /// Ends a look when its time is over.
  mutating func look(after span: TimeSpan) {
    // Without traffic there is nothing that a rule could look at.
    guard var seen = comparison, epochs[epoch].weight > 0 else { return }
    seen.sinceLook = TimeSpan(
      microseconds: saturated(seen.sinceLook.microseconds, span.microseconds))
    if seen.sinceLook >= seen.rule.interval {
      seen.sinceLook = .zero
      seen.endLook(at: ComparisonEvidence.metrics.map(comparedCounts))
    }
    comparison = seen
  }

  /// All that was counted of a metric, as comparison rules see it: over all weights.
  func comparedCounts(_ metric: Metric) -> Counts {
    switch metric {
    case .errors: epochs.reduce(Counts()) { $0 + $1.errors }
    case .wrongAnswers: epochs.reduce(Counts()) { $0 + $1.wrongAnswers }
    case .latency: epochs.reduce(Counts()) { $0 + ($1.latency.last ?? .init()) }
    case .predictions, .confidence, .scores, .disagreement: Counts()
    }
  }
}

extension ComparisonEvidence {
  /// Takes a look at what has been counted by now.
  mutating func endLook(at counts: [RolloutEvidence.Counts]) {
    looks = saturated(looks, 1)
    let grown = zip(counts, counted).map { now, before in now - before }
    counted = counts
    recent.append(grown)
    let kept = min(ComparisonEvidence.looksMax, rule.judge.looksNeeded)
    if recent.count > kept { recent.removeFirst(recent.count - kept) }
    for (index, metric) in ComparisonEvidence.metrics.enumerated() {
      let window = recent.map { $0[index] }
      // Labels come late and latency is judged late: a look without any is none of theirs.
      if metric != .errors, window.allSatisfy({ $0.candidateTotal == 0 }) { continue }
      if rule.judge.isFailed(window.map(\.look)) {
        failedLooks[index] = saturated(failedLooks[index], 1)
      }
    }
  }
}

extension RolloutEvidence.Counts {
  /// As a comparison rule sees it.
  var look: ComparisonJudge.Look {
    ComparisonJudge.Look(
      candidateTotal: candidateTotal, candidateBad: candidateBad, stableTotal: stableTotal,
      stableBad: stableBad)
  }

  /// What came to `b` since; never negative.
  static func - (a: Self, b: Self) -> Self {
    var rest = Self()
    rest.candidateBad = max(0, a.candidateBad - b.candidateBad)
    rest.stableBad = max(0, a.stableBad - b.stableBad)
    rest.candidateTotal = max(0, a.candidateTotal - b.candidateTotal)
    rest.stableTotal = max(0, a.stableTotal - b.stableTotal)
    return rest
  }
}
