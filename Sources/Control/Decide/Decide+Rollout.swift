import Core

extension Decision {
  func pause(_ name: Name) throws(ControlError) -> Event {
    let (endpoint, rollout) = try running(name, "nothing to pause", isSafe: true)
    try checkNotRetreating(rollout)
    // What a stuck rollout owes is not to be forgotten.
    if rollout.owedRollback != nil {
      throw ControlError(
        .refused,
        "the ramp of \(rollout.candidate) is stuck: it goes back as soon as a good version is ready"
      )
    }
    if case .held(let cause) = rollout.phase, !cause.endsByItself {
      throw ControlError(
        .refused, "the ramp of \(rollout.candidate) is held already: \(cause.words)")
    }
    return change(endpoint, .held(rollout.change(evidence(rollout), hold: .operator)))
  }

  func resume(_ name: Name, _ reason: String?) throws(ControlError) -> Event {
    let (endpoint, rollout) = try running(name, "nothing to resume")
    guard let hold = rollout.hold else {
      throw ControlError(
        .refused, "the ramp of \(rollout.candidate) is not held, it is \(rollout.phaseWord)")
    }
    try checkNotRetreating(rollout)
    try checkMayResume(hold, rollout, name)
    try checkReason(hold, reason, "going on", rollout)
    let live = evidence(rollout)
    let back = rollout.heldWeight ?? (hold == .budgetSpent ? rollout.planStep.trafficWeight : nil)
    if let weight = back, weight != rollout.weight {
      // The hold took traffic away; going on gives it back.
      try checkPrepared(rollout.candidates)
      return change(
        endpoint,
        .resumed(rollout.change(live, weight: weight, hold: hold, isUnverified: hold.isGuard)),
        reason: reason, to: rollout.split(weight))
    }
    return change(
      endpoint,
      .resumed(
        rollout.change(
          live, hold: hold, isUnverified: hold.isGuard, metric: metric(hold, rollout, live))),
      reason: reason)
  }

  /// Whether a person can end a hold at all.
  private func checkMayResume(
    _ hold: HoldCause, _ rollout: Rollout, _ name: Name
  ) throws(ControlError) {
    let why: String
    switch hold {
    case .noData, .lowTraffic:
      why = "waits for traffic on \(name): it goes on by itself when requests come"
    case .warming: why = "waits until its candidates are loaded: it goes on by itself then"
    case .incident, .capacity:
      why = "goes on by itself when that is over; \"sluice step \(name) --reason ...\" goes past it"
    case .choice:
      why = "waits for a choice: \"sluice promote \(name) --version VERSION\", or drop the others"
    default: return
    }
    throw ControlError(.refused, "the ramp of \(rollout.candidate) \(why)")
  }

  func step(
    _ name: Name, _ direction: StepDirection, _ reason: String?
  ) throws(ControlError) -> Event {
    let (endpoint, rollout) = try running(name, "no step to take")
    try checkNotRetreating(rollout)
    try checkWeightChanges(rollout)
    return switch direction {
    case .next: try stepForward(endpoint, rollout, reason)
    case .previous: try stepBack(endpoint, rollout, reason)
    }
  }

  private func stepForward(
    _ endpoint: EndpointState, _ rollout: Rollout, _ reason: String?
  ) throws(ControlError) -> Event {
    guard let next = rollout.nextStep else {
      throw ControlError(
        .refused,
        "\(rollout.candidate) has 100% already: \"sluice promote \(endpoint.name)\" ends the ramp")
    }
    let weight = rollout.plan.steps[next].trafficWeight
    let isWhole = weight == Split.whole && rollout.plan.steps[next].isOpen
    if isWhole { _ = try choice(rollout, nil, endpoint.name) }
    try checkReason(rollout.hold, reason, "stepping past it", rollout)
    try checkPrepared(rollout.candidates)
    let live = evidence(rollout)
    // Nothing of a plan that has not begun can lack anything.
    let stepGap = rollout.isStarted ? rollout.stepGap(live) : nil
    let gap = stepGap ?? (isWhole ? rollout.wholeTrafficGap(live) : nil)
    if isWhole, let gap, !isGiven(reason) {
      throw needsReason("giving \(rollout.candidate) all traffic", gap, endpoint)
    }
    if rollout.planStep.kind == .abTest, let gap, !isGiven(reason) {
      throw needsReason("ending an A/B test before its time", gap, endpoint)
    }
    let isUnverified = gap != nil || rollout.hold?.isGuard == true
    return change(
      endpoint,
      .stepped(rollout.change(live, step: next, weight: weight, isUnverified: isUnverified)),
      reason: reason, to: rollout.split(weight, step: next))
  }

  private func stepBack(
    _ endpoint: EndpointState, _ rollout: Rollout, _ reason: String?
  ) throws(ControlError) -> Event {
    guard rollout.step > 0 else {
      throw ControlError(
        .refused,
        "the ramp of \(rollout.candidate) is at its first step: \"sluice abort \(endpoint.name)\" "
          + "takes all its traffic away")
    }
    let step = rollout.step - 1
    let weight = rollout.plan.steps[step].trafficWeight
    // After a weight set by hand the earlier step may have more weight than now.
    if weight > rollout.weight {
      try checkPrepared(rollout.candidates)
      try checkReason(rollout.hold, reason, "raising the weight", rollout)
    }
    try checkPrepared(rollout.fallback)
    return change(
      endpoint, .stepped(rollout.change(evidence(rollout), step: step, weight: weight)),
      reason: reason, to: rollout.split(weight, step: step))
  }

  func setWeight(
    _ name: Name, _ weight: BasisPoints, _ reason: String?
  ) throws(ControlError) -> Event {
    let (endpoint, rollout) = try running(name, "no candidate has a weight")
    try checkNotRetreating(rollout)
    guard rollout.planStep.kind.hasTraffic else {
      throw ControlError(
        .refused,
        "step \(rollout.step + 1) gives callers no answers of \(rollout.candidate), so it has no "
          + "weight: \"sluice step \(name)\" goes on")
    }
    guard weight * rollout.candidates.count < Split.whole || rollout.candidates.count == 1 else {
      throw ControlError(
        .badInput,
        "\(rollout.candidates.count) candidates at \(percentText(weight)) each leave nothing for "
          + "the stable to be compared with")
    }
    guard weight > 0, weight < Split.whole else {
      throw ControlError(
        .badInput,
        "\(percentText(weight)) is no weight between steps: \"sluice abort \(name)\" takes all "
          + "traffic away, \"sluice promote \(name)\" gives all")
    }
    guard weight != rollout.weight else {
      throw ControlError(
        .refused, "\(rollout.candidate) has \(percentText(weight)) already")
    }
    if weight > rollout.weight {
      try checkReason(rollout.hold, reason, "raising the weight", rollout)
      try checkPrepared(rollout.candidates)
    }
    try checkPrepared(rollout.fallback)
    try checkWeightChanges(rollout)
    // The plan goes on from the step that the weight has reached, of those about the same requests.
    let steps = rollout.plan.steps
    let alike = steps.indices.filter {
      steps[$0].kind.hasTraffic && steps[$0].rule == rollout.planStep.rule
    }
    let step = alike.last { steps[$0].weight <= weight } ?? alike.first ?? rollout.step
    return change(
      endpoint,
      .weightSet(
        rollout.change(
          evidence(rollout), step: step, weight: weight, isUnverified: step > rollout.step)),
      reason: reason, to: rollout.split(weight))
  }

  func promote(
    _ name: Name, _ reason: String?, _ picked: VersionID? = nil
  ) throws(ControlError) -> Event {
    let (endpoint, rollout) = try running(name, "nothing to promote")
    try checkNotRetreating(rollout)
    let version = try choice(rollout, picked, name)
    try checkReason(rollout.hold, reason, "promoting", rollout)
    try checkPrepared(version)
    let live = evidence(rollout)
    guard let own = live.about(version, in: rollout) else {
      throw ControlError(.refused, "nothing was seen of \(version) yet: let the ramp go on")
    }
    let gap = rollout.isStarted ? rollout.promotionGap(own) : "it has not begun"
    if let gap, !isGiven(reason) {
      throw needsReason("promoting \(version)", gap, endpoint)
    }
    let last = rollout.plan.steps.count - 1
    let dropped = rollout.candidates.filter { $0 != version }
    return change(
      endpoint,
      .promoted(
        rollout.change(
          live, step: last, weight: Split.whole,
          isUnverified: gap != nil || rollout.hold?.isGuard == true,
          completes: rollout.isSoaking || rollout.plan.soak == .zero, picks: version,
          dropped: dropped.isEmpty ? nil : dropped)),
      reason: reason, to: Split(all: version))
  }

  /// Which candidate a person means.
  private func choice(
    _ rollout: Rollout, _ picked: VersionID?, _ name: Name
  ) throws(ControlError) -> VersionID {
    let all = rollout.candidates
    guard let picked else {
      guard all.count == 1 else {
        let names = all.map(\.description).joined(separator: ", ")
        throw ControlError(
          .refused,
          "\(name) has several candidates (\(names)): pick one with --version, or drop the others")
      }
      return all[0]
    }
    guard all.contains(picked) else {
      throw ControlError(.refused, "\(picked) is no candidate of the ramp on \(name)")
    }
    return picked
  }

  func checkNotRetreating(_ rollout: Rollout) throws(ControlError) {
    guard let retreat = rollout.retreat else { return }
    throw ControlError(
      .refused,
      "the ramp of \(rollout.candidate) is being rolled back over \(retreat.over): it "
        + "cannot go on; \"sluice abort\" ends it at once")
  }

  // MARK: - What they share

  /// The endpoint and its running rollout.
  ///
  /// A safe command (one that cannot raise risk) is refused as stale only when the person saw
  /// another rollout.
  func running(
    _ name: Name, _ nothing: String, isSafe: Bool = false
  ) throws(ControlError) -> (EndpointState, Rollout) {
    let endpoint = isSafe ? try known(name) : try current(name)
    guard let rollout = endpoint.rollout else {
      throw ControlError(.refused, "no ramp runs on \(name): \(nothing)")
    }
    if let expected = context.expectedGeneration, expected != endpoint.generation, isSafe,
      let seen = remembered(endpoint, expected), seen.rollout != rollout.id
    {
      throw stale(endpoint, expected)
    }
    return (endpoint, rollout)
  }

  private func checkReason(
    _ hold: HoldCause?, _ reason: String?, _ doing: String, _ rollout: Rollout
  ) throws(ControlError) {
    guard let hold, hold.needsReason, !isGiven(reason) else { return }
    throw ControlError(
      .refused,
      "the guard holds the ramp of \(rollout.candidate) (\(hold.words)): \(doing) needs a reason, "
        + "--reason \"...\"")
  }

  private func needsReason(
    _ doing: String, _ gap: String, _ endpoint: EndpointState
  ) -> ControlError {
    ControlError(
      .refused,
      "\(doing) on \(endpoint.name) now needs a reason, --reason \"...\": \(gap)")
  }

  private func checkWeightChanges(_ rollout: Rollout) throws(ControlError) {
    guard rollout.epoch < ControlLimits.manualWeightChangesMax else {
      throw ControlError(
        .refused,
        "the weight of \(rollout.candidate) was changed \(rollout.epoch) times in this ramp, the "
          + "most allowed by hand: let the plan go on, promote or abort")
    }
  }

  private func metric(
    _ hold: HoldCause, _ rollout: Rollout, _ evidence: RolloutEvidence
  ) -> MetricEvidence? {
    guard case .suspect(let metric) = hold else { return nil }
    return Judge.evaluate(evidence, plan: rollout.plan).first { $0.metric == metric }
  }
}
