import Core
import Statistics

/// What a rule of another tool says of a rollout, when the plan lets it decide.
public struct ComparisonVerdict: Sendable, Hashable, Codable {
  /// What is to be done.
  public enum Outcome: String, Sendable, Codable {
    /// The rule lets it go on.
    case pass
    /// The rule cannot tell yet, so that the last step to all traffic has to wait.
    case hold
    /// The rule rolls it back.
    case rollback
  }

  /// The rule, in words with its settings.
  public let judge: String
  /// What is to be done.
  public let outcome: Outcome
  /// The metric that decides; nil while the rule lets it go on.
  public let metric: Metric?
  /// Looks so far.
  public let looks: Int
  /// Failed looks of the metric that has most.
  public let failedLooks: Int
  /// In words with figures: `3 of 3 failed looks, failed answers`.
  public let sentence: String
}

extension Judge {
  /// What the plan's comparison rule says; nil when none was set for the rollout.
  ///
  /// It judges those of ``ComparisonEvidence/metrics`` that the plan judges; other metrics it does
  /// not know. Its risks are its own: no promise of the plan's risks holds under it.
  public static func comparison(
    _ evidence: RolloutEvidence, plan: Plan
  ) -> ComparisonVerdict? {
    guard let seen = evidence.comparison else { return nil }
    let judged = ComparisonEvidence.metrics.indices.filter { index in
      let metric = ComparisonEvidence.metrics[index]
      return plan.metrics.contains { $0.metric == metric } && evidence.isCompared(metric)
    }
    let failed = judged.first { seen.rollsBack(metric: $0) }
    // Labels may never come, and latency may never be judged: what has no values waits for nothing.
    let waits = judged.first {
      (ComparisonEvidence.metrics[$0] == .errors || seen.counted[$0].candidateTotal > 0)
        && seen.waits(metric: $0)
    }
    let outcome: ComparisonVerdict.Outcome =
      failed != nil ? .rollback : waits != nil ? .hold : .pass
    let shown = failed ?? waits
    let most = judged.map { seen.failedLooks[$0] }.max() ?? 0
    return ComparisonVerdict(
      judge: seen.rule.judge.words, outcome: outcome,
      metric: shown.map { ComparisonEvidence.metrics[$0] }, looks: seen.looks, failedLooks: most,
      sentence: seen.sentence(outcome, metric: shown, failedLooks: most))
  }
}

extension ComparisonEvidence {
  /// Whether the rule rolls back for a metric by what it has seen.
  func rollsBack(metric index: Int) -> Bool {
    switch rule.judge {
    case .flagger(_, let threshold): return failedLooks[index] >= threshold
    case .argo(_, let failureLimit, _): return failedLooks[index] > failureLimit
    case .kayenta, .peeking:
      // These keep no count: they say of what was seen by now what they say.
      var run = ComparisonRun(rule.judge)
      var rollsBack = false
      let looks = if case .peeking = rule.judge { [counted] } else { recent }
      for look in looks { rollsBack = run.rollsBack(after: look[index].look) }
      return rollsBack
    }
  }

  /// Whether the rule has seen too little to say anything for a metric.
  func waits(metric index: Int) -> Bool {
    switch rule.judge {
    case .flagger, .argo, .peeking: return looks == 0
    case .kayenta(_, _, let pointsMin):
      return recent.count { $0[index].candidateTotal > 0 && $0[index].stableTotal > 0 } < pointsMin
    }
  }

  func sentence(
    _ outcome: ComparisonVerdict.Outcome, metric index: Int?, failedLooks: Int
  ) -> String {
    let what = index.map { ", \(ComparisonEvidence.metrics[$0].words)" } ?? ""
    switch (rule.judge, outcome) {
    case (.flagger(_, let threshold), _) where looks > 0:
      return "\(failedLooks) of \(threshold) failed looks in \(looks)\(what)"
    case (.argo(_, let failureLimit, _), _) where looks > 0:
      return "\(failedLooks) failed looks in \(looks), \(failureLimit) allowed\(what)"
    case (.kayenta(_, _, let pointsMin), .hold):
      return "\(looks) looks of at least \(pointsMin)\(what)"
    case (_, .hold): return "no look yet\(what)"
    case (_, .pass): return "nothing found in \(looks) looks"
    case (_, .rollback): return "surely worse by its own measure after \(looks) looks\(what)"
    }
  }
}
