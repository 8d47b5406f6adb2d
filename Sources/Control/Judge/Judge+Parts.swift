import Core
import Statistics

extension Judge {
  /// The first segment that breaches by itself, of those that are still open.
  ///
  /// Of the plan's risk one half is the whole's and the other is divided evenly over the segments.
  static func breachedSegment(
    _ evidence: RolloutEvidence, plan: Plan, closed: [String]
  ) -> (segment: String, metric: MetricEvidence)? {
    guard let segments = evidence.segments, !segments.isEmpty else { return nil }
    let part = 0.5 / Double(segments.count)
    let judged = plan.metrics.filter { [.errors, .wrongAnswers, .latency].contains($0.metric) }.map {
      JudgedMetric(metric: $0.metric, tolerance: $0.tolerance, riskShare: $0.riskShare * part)
    }
    let apart = Plan(
      name: plan.name, summary: "", steps: plan.steps, metrics: judged, holdRisk: plan.holdRisk,
      rollbackRisk: plan.rollbackRisk)
    for segment in segments where !closed.contains(segment.segment) {
      let own = evidence.narrowed(to: segment)
      if let breach = evaluate(own, plan: apart).first(where: \.isBreach) {
        return (segment.segment, breach)
      }
    }
    return nil
  }

  /// The metric on which another tool's rule would roll back, with its words; nil when on none.
  static func comparisonBreach(
    _ evidence: RolloutEvidence, plan: Plan
  ) -> (metric: Metric, words: String)? {
    guard let seen = evidence.comparison else { return nil }
    let judged = Set(plan.metrics.map(\.metric))
    for (index, metric) in ComparisonEvidence.metrics.enumerated() where judged.contains(metric) {
      let isOver: Bool
      switch seen.rule.judge {
      case .flagger(_, let threshold): isOver = seen.failedLooks[index] >= threshold
      case .argo(_, let failureLimit, _): isOver = seen.failedLooks[index] > failureLimit
      case .kayenta:
        var run = ComparisonRun(seen.rule.judge)
        isOver = seen.recent.reduce(false) { run.rollsBack(after: $1[index].look) }
      case .peeking:
        var run = ComparisonRun(seen.rule.judge)
        isOver = run.rollsBack(after: seen.counted[index].look)
      }
      if isOver { return (metric, "\(metric.words) by \(seen.rule.judge.words)") }
    }
    return nil
  }
}

extension RolloutEvidence {
  /// The same evidence with the counts of one segment only.
  fileprivate func narrowed(to segment: SegmentEvidence) -> RolloutEvidence {
    var own = self
    own.shadow = nil
    own.rivals = nil
    own.segments = nil
    for index in own.epochs.indices {
      let counts =
        segment.epochs.indices.contains(index) ? segment.epochs[index] : SegmentEvidence.Epoch()
      own.epochs[index].errors = counts.errors
      own.epochs[index].wrongAnswers = counts.wrongAnswers
      own.epochs[index].latency = counts.latency
    }
    return own
  }
}
