import Core

extension Decision {
  /// Takes all traffic back.
  ///
  /// Never refused for a missing reason, and as stale only when it would go elsewhere than where
  /// the person saw.
  func rollBack(
    _ name: Name, _ wanted: VersionID?, _ symptom: String?, over span: TimeSpan? = nil
  ) throws(ControlError) -> Event {
    let endpoint = try known(name)
    let target = try rollbackTarget(endpoint, wanted)
    if let span, let event = try retreat(endpoint, target, symptom, over: span) { return event }
    return change(
      endpoint, .rolledBack(endpoint.rollback(to: target, .operator, liveEvidence(endpoint))),
      reason: symptom, to: Split(all: target))
  }

  /// The beginning of a gradual rollback; nil when there is nothing to take away little by little.
  private func retreat(
    _ endpoint: EndpointState, _ target: VersionID, _ symptom: String?, over span: TimeSpan
  ) throws(ControlError) -> Event? {
    guard span > .zero, span <= ControlLimits.spanMax else {
      throw ControlError(.badInput, "a rollback takes over 0s and at most 366d, got \(span)")
    }
    guard let rollout = endpoint.rollout, target == rollout.fallback else {
      throw ControlError(
        .refused,
        "only a running ramp goes back little by little, to the version it came from: leave --over "
          + "out to roll \(endpoint.name) back at once")
    }
    guard rollout.weight > 0 else { return nil }
    guard rollout.retreat == nil else {
      throw ControlError(
        .refused,
        "the ramp of \(rollout.candidate) is being rolled back already: leave --over out to end it "
          + "at once")
    }
    let seen = evidence(rollout)
    let retreat = Retreat(
      from: rollout.weight, began: context.now, watched: seen.watched ?? .zero, over: span)
    return change(
      endpoint, .retreatStarted(rollout.change(seen, retreat: retreat)),
      reason: symptom)
  }

  func abort(_ name: Name, _ reason: String?) throws(ControlError) -> Event {
    let (endpoint, rollout) = try running(name, "nothing to abort", isSafe: true)
    var target = rollout.fallback
    if !context.prepared.contains(target) {
      // The fallback should be loaded always; when it is not, the next good one serves.
      guard let other = endpoint.rollbackTargets(prepared: context.prepared).first else {
        guard rollout.owedRollback != nil else { return stuck(endpoint, rollout, reason) }
        throw ControlError(
          .refused,
          "\(target), where the ramp of \(rollout.candidate) would go back to, is not loaded and "
            + "no other good version is: deploy one on \(name) first")
      }
      target = other
    }
    return change(
      endpoint, .aborted(endpoint.rollback(to: target, .operator, evidence(rollout))),
      reason: reason, to: Split(all: target))
  }

  /// No version is ready to take the traffic: it is owed from now on, and done as soon as one is.
  private func stuck(_ endpoint: EndpointState, _ rollout: Rollout, _ reason: String?) -> Event {
    change(
      endpoint,
      .held(rollout.change(evidence(rollout), hold: .stuck, owed: .operator)), reason: reason)
  }

  private func liveEvidence(_ endpoint: EndpointState) -> RolloutEvidence? {
    endpoint.rollout.map { evidence($0) }
  }

  private func rollbackTarget(
    _ endpoint: EndpointState, _ wanted: VersionID?
  ) throws(ControlError) -> VersionID {
    if let wanted {
      try checkMayHaveWeight(wanted, endpoint)
      guard wanted != endpoint.rollout?.candidate else {
        throw ControlError(
          .refused,
          "\(wanted) is being ramped on \(endpoint.name), that is no way back: \"sluice promote "
            + "\(endpoint.name)\" gives it all traffic")
      }
      guard endpoint.rollout != nil || endpoint.split != Split(all: wanted) else {
        throw ControlError(
          .refused, "\(wanted) has all of \(endpoint.name)'s traffic already")
      }
      return wanted
    }
    let targets = endpoint.rollbackTargets()
    guard !targets.isEmpty else {
      let only = endpoint.stable.map { "\($0) is the only good version there" } ?? "it is empty"
      throw ControlError(.refused, "nothing to roll back to on \(endpoint.name): \(only)")
    }
    guard let target = endpoint.rollbackTargets(prepared: context.prepared).first else {
      throw ControlError(
        .refused,
        "nothing to roll back to on \(endpoint.name): \(targets[0]) is not loaded; choose a "
          + "version with --to, or drain the endpoint")
    }
    if let expected = context.expectedGeneration, expected != endpoint.generation,
      remembered(endpoint, expected)?.rollbackTarget != target
    {
      throw stale(endpoint, expected)
    }
    return target
  }
}

extension EndpointState {
  /// All traffic to `target`; every other version that has some is closed, and the candidate too.
  func rollback(
    to target: VersionID, _ cause: RollbackCause, _ evidence: RolloutEvidence?,
    metric: MetricEvidence? = nil
  ) -> Rollback {
    var closing = split?.versions ?? []
    if let rollout { closing += rollout.candidates }
    let closed = Set(closing).subtracting([target]).sorted()
    let ending = rules.filter { rule in rule.split.versions.contains { closed.contains($0) } }
    return Rollback(
      target: target, closed: closed, cause: cause, rollout: rollout?.id, metric: metric,
      evidence: evidence, rules: ending.isEmpty ? nil : ending.map(\.name))
  }
}
