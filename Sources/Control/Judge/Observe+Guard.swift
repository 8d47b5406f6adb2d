import Core

extension Watch {
  /// The guard: a rollback, a candidate dropped or a hold, on the plan's caps or on evidence.
  func guardEvent() -> Event? {
    if rollout.hold == .stuck, let owed = rollout.owedRollback {
      return owedEvent(owed)
    }
    return readinessEvent() ?? breakerEvent() ?? blastEvent() ?? evidenceEvent() ?? segmentEvent()
  }

  /// The rollback that a stuck rollout waits for, as soon as a version is ready to take traffic.
  private func owedEvent(_ cause: RollbackCause) -> Event? {
    let isTargetReady =
      isReady(rollout.fallback)
      || !endpoint.rollbackTargets(prepared: conditions.prepared).isEmpty
    // Nobody asked is no answer: what was not ready stays so.
    guard conditions.prepared != nil, isTargetReady else { return nil }
    return rollBack(cause, reason: "a version is ready to go back to")
  }

  /// A candidate that is not loaded any more, or whose probe failed.
  private func readinessEvent() -> Event? {
    guard rollout.isStarted, conditions.prepared != nil,
      let unready = rollout.candidates.first(where: { !isReady($0) })
    else { return nil }
    return blame(unready, .unready, reason: "\(unready) is not loaded, or its probe failed")
  }

  private func breakerEvent() -> Event? {
    for version in rollout.candidates {
      let failures = evidence.about(version, in: rollout)?.consecutiveFailures ?? 0
      if failures >= Judge.breakerFailures {
        return blame(
          version, .breaker, reason: "\(failures) answers of it failed one after another")
      }
    }
    return nil
  }

  /// Goes on without a candidate; without the last one it is a rollback.
  private func blame(
    _ version: VersionID, _ cause: RollbackCause, reason: String, metric: MetricEvidence? = nil
  ) -> Event? {
    guard rollout.candidates.count > 1, rollout.retreat == nil else {
      return rollBack(cause, reason: reason, metric: metric)
    }
    return event(
      .candidateDropped(rollout.drop(version, cause, evidence, metric: metric)), .guard,
      reason: reason, to: rollout.split(rollout.weight, without: [version]))
  }

  /// What the rollout may cost before its last step.
  private func blastEvent() -> Event? {
    if let bad = rollout.blastErrors(evidence), let cap = rollout.plan.blast?.errors {
      return rollBack(.budget, reason: "\(bad) failed or wrong answers, the plan allows \(cap)")
    }
    guard rollout.isStarted, rollout.hold != .budgetSpent, rollout.retreat == nil,
      rollout.isBlastSpent(evidence), let cap = rollout.plan.blast?.requests
    else { return nil }
    // Evidence that is over the line is not hidden behind a hold; while the arms' shares forbid to
    // judge, nothing acts on it, and the cap has to.
    if !isJudgedNowhere, rollout.candidates.contains(where: { breach(of: $0) != nil }) {
      return nil
    }
    return event(
      .held(rollout.change(evidence, weight: 0, hold: .budgetSpent)), .guard,
      reason: "\(rollout.spentRequests(evidence)) requests answered, the plan allows \(cap)",
      to: rollout.split(0))
  }

  /// Whether a candidate's share of the requests is not as drawn, so that nothing is judged.
  private var isJudgedNowhere: Bool {
    guard rollout.plan.judge == nil, rollout.acceptsSampleRatio != true else { return false }
    return rollout.candidates.contains { version in
      evidence.about(version, in: rollout).map { Judge.sampleRatio($0).isSuspect } ?? false
    }
  }

  /// The metric on which a candidate breaches, by the test or by the rule that the plan chose.
  private func breach(of version: VersionID) -> (metric: MetricEvidence?, words: String)? {
    guard let own = evidence.about(version, in: rollout) else { return nil }
    if rollout.plan.judge != nil {
      let verdict = Judge.comparison(own, plan: rollout.plan)
      guard let verdict, verdict.outcome == .rollback else { return nil }
      return (nil, "\(verdict.judge): \(verdict.sentence)")
    }
    let metrics = Judge.evaluate(own, plan: rollout.plan)
    let worst = metrics.max { $0.eValue / $0.rollbackAt < $1.eValue / $1.rollbackAt }
    guard let worst, let breach = ([worst] + metrics).first(where: \.isBreach) else { return nil }
    return (breach, breach.sentence)
  }

  private func evidenceEvent() -> Event? {
    if rollout.plan.judge == nil, rollout.acceptsSampleRatio != true, rollout.isStarted {
      for version in rollout.candidates {
        guard let own = evidence.about(version, in: rollout) else { continue }
        let shares = Judge.sampleRatio(own)
        if shares.isSuspect { return hold(forShares: shares, of: version) }
      }
    }
    for version in rollout.candidates {
      guard let breach = breach(of: version) else { continue }
      let cause: RollbackCause = breach.metric.map { .evidence($0.metric) } ?? .comparison
      return blame(version, cause, reason: breach.words, metric: breach.metric)
    }
    guard rollout.plan.judge == nil, rollout.hold != .budgetSpent, rollout.retreat == nil else {
      return nil
    }
    // A hold for one suspicion, or for a reason that only a person ends, stands.
    if case .suspect = rollout.hold { return nil }
    if rollout.hold == .stuck { return nil }
    for version in rollout.candidates {
      guard let own = evidence.about(version, in: rollout) else { continue }
      let passed = rollout.overridden(by: version)
      let suspect = Judge.evaluate(own, plan: rollout.plan).first {
        $0.isSuspect && !$0.isCertified && !passed.contains($0.metric)
      }
      guard let suspect else { continue }
      return hold(
        .suspect(suspect.metric), .guard, reason: suspect.sentence, metric: suspect,
        about: version == rollout.candidate ? nil : version)
    }
    return nil
  }

  /// Arms that did not get their shares cannot be compared: nothing is judged until a person has
  /// found out why.
  private func hold(forShares shares: SampleRatioEvidence, of version: VersionID) -> Event? {
    if rollout.hold == .sampleRatio || rollout.hold == .stuck || rollout.retreat != nil {
      return nil
    }
    return hold(
      .sampleRatio, .guard, reason: shares.sentence,
      about: version == rollout.candidate ? nil : version)
  }

  /// A segment that breaches while the whole does not.
  private func segmentEvent() -> Event? {
    guard rollout.isStarted, rollout.retreat == nil, rollout.plan.judge == nil,
      let segments = rollout.plan.segments
    else { return nil }
    let closed = rollout.closedSegments ?? []
    let worst = Judge.segments(evidence, plan: rollout.plan).first {
      $0.breach != nil && !closed.contains($0.segment)
    }
    guard let worst, let metric = worst.breach else { return nil }
    return event(
      .segmentClosed(
        SegmentClosure(
          rollout: rollout.id, candidate: rollout.candidate, column: segments.by,
          segment: worst.segment, metric: metric, evidence: evidence)), .guard,
      reason: metric.sentence)
  }
}

extension Rollout {
  /// The metrics whose hold was passed for a candidate.
  func overridden(by version: VersionID) -> [Metric] {
    rivals?.first { $0.version == version }?.overridden ?? overridden
  }
}
