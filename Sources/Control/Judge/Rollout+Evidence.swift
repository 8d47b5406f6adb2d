import Core

extension Rollout {
  /// What the present step still lacks, in words; nil when its time and requests are met.
  public func stepGap(_ evidence: RolloutEvidence) -> String? {
    let seen = evidence.stage == stage ? evidence.stepObserved : .zero
    if seen < clock {
      // Whole seconds: fractions of them are nobody's concern here.
      let whole = TimeSpan(microseconds: seen.microseconds / 1_000_000 * 1_000_000)
      return "\(isSoaking ? "the soak" : "step \(step + 1)") has seen \(whole) of \(clock)"
    }
    let requests = evidence.stage == stage ? fewestRequests(evidence) : 0
    if !isSoaking, requests < planStep.minRequests {
      return "step \(step + 1) has seen \(requests) of \(planStep.minRequests) requests"
    }
    return nil
  }

  /// What the candidate with the fewest answers has answered in the present step.
  private func fewestRequests(_ evidence: RolloutEvidence) -> Int {
    (evidence.rivals ?? []).reduce(evidence.stepCandidateRequests) {
      min($0, $1.evidence.stepCandidateRequests)
    }
  }

  /// Whether the step has had its time ten times over, and at least ten minutes, without seeing its
  /// requests.
  func isStarved(_ evidence: RolloutEvidence) -> Bool {
    guard !isSoaking, evidence.stage == stage, stepGap(evidence) != nil else { return false }
    let limit = TimeSpan(microseconds: 10 * max(clock, .minutes(1)).microseconds)
    return evidence.stepObserved >= limit
  }

  /// The first judged metric that was not seen on both versions.
  ///
  /// Latency counts only once its thresholds are known, and what answers say once the stable's
  /// usual answers are: before, they are not judged. A metric that a person overrode is no gap.
  public func metricGap(_ evidence: RolloutEvidence) -> HoldCause? {
    let unseen = Judge.evaluate(evidence, plan: plan).first { metric in
      !metric.isSeen && !overridden.contains(metric.metric)
        && evidence.isCompared(metric.metric)
    }
    return unseen.map { .inconclusive($0.metric) }
  }

  /// The first judged metric of which it is not certain that the candidate is not worse by the
  /// plan's margin; nil when all are, or the plan does not ask.
  ///
  /// A metric that cannot be compared, or that a person overrode, is no gap.
  public func certaintyGap(_ evidence: RolloutEvidence) -> MetricEvidence? {
    guard plan.promotion != nil else { return nil }
    return Judge.evaluate(evidence, plan: plan).first { metric in
      metric.promotion != nil && !metric.isCertified && !overridden.contains(metric.metric)
        && evidence.isCompared(metric.metric)
    }
  }

  /// What keeps all traffic from the candidate, in words with figures; nil when nothing does.
  public func wholeTrafficGap(_ evidence: RolloutEvidence) -> String? {
    if let gap = metricGap(evidence), case .inconclusive(let metric) = gap {
      return "\(metric.words) not yet seen on both versions"
    }
    guard let gap = certaintyGap(evidence), let promotion = gap.promotion else { return nil }
    return "\(gap.metric.words): \(promotion.sentence)"
  }

  /// Why promoting now would be without evidence; nil when the plan is done.
  public func promotionGap(_ evidence: RolloutEvidence) -> String? {
    if !isLastStep {
      return "step \(step + 1) of \(plan.steps.count) is not the last"
    }
    return stepGap(evidence) ?? wholeTrafficGap(evidence)
  }

  /// The event payload of a change, everything not named staying as it is.
  func change(
    _ evidence: RolloutEvidence, step: Int? = nil, weight: BasisPoints? = nil,
    hold: HoldCause? = nil, isUnverified: Bool = false, completes: Bool = false,
    metric: MetricEvidence? = nil, about: VersionID? = nil, picks: VersionID? = nil,
    dropped: [VersionID]? = nil, retreat: Retreat? = nil, owed: RollbackCause? = nil
  ) -> RolloutChange {
    RolloutChange(
      rollout: id, candidate: picks ?? candidate, fallback: fallback, plan: plan.name,
      steps: plan.steps.count, fromStep: self.step, step: step ?? self.step,
      weight: weight ?? self.weight, hold: hold, isUnverified: isUnverified,
      completes: completes, metric: metric, evidence: evidence, about: about, dropped: dropped,
      doing: plan.steps[min(max(0, step ?? self.step), plan.steps.count - 1)].doing,
      retreat: retreat, owed: owed)
  }
}

extension RolloutEvidence {
  /// Whether what a metric is compared by is known.
  func isCompared(_ metric: Metric) -> Bool {
    switch metric {
    case .errors, .wrongAnswers: true
    case .latency: thresholds != nil
    case .predictions: profile.map { !$0.labels.isEmpty } ?? false
    case .confidence: profile?.confidenceRange != nil
    case .scores: profile?.scoreRange != nil
    case .disagreement: shadow != nil
    }
  }
}
