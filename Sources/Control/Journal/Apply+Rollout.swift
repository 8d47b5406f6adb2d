import Core

extension Rollout {
  mutating func fold(_ change: RolloutChange, _ event: Event) {
    let wasStep = step
    let wasRule = planStep.rule
    step = change.step
    isUnverified = isUnverified || change.isUnverified
    evidence = change.evidence
    if let dropped = change.dropped {
      candidate = change.candidate
      rivals = rivals?.filter { !dropped.contains($0.version) && $0.version != candidate }
      if rivals?.isEmpty == true { rivals = nil }
    }
    let wasWeight = weight
    weight = change.weight
    // Another population, or another number of candidates, is another epoch as well.
    let isOtherEpoch = weight != wasWeight || planStep.rule != wasRule || change.dropped != nil
    if isOtherEpoch { epoch += 1 }
    if weight > 0, weight != wasWeight, hold != .budgetSpent { isStarted = true }
    if step != wasStep { isStepApproved = false }
    let wasSoaking = isSoaking
    foldPhase(change, event, wasWeight)
    if isOtherEpoch || step != wasStep || isSoaking != wasSoaking { stage += 1 }
    evidence.follow(self)
  }

  private mutating func foldPhase(
    _ change: RolloutChange, _ event: Event, _ wasWeight: BasisPoints
  ) {
    let before = phase
    switch event.body {
    case .held: begin(change, wasWeight)
    case .resumed:
      if change.hold == .approval { isStepApproved = true }
      if change.hold == .freeze { freezesPassed = event.override?.freezes ?? freezesPassed }
      pass(change.hold)
      endHold()
    case .stepped where change.step >= change.fromStep:
      isStarted = true
      pass(hold)
      endHold()
      isSoaking = false
    case .stepped:
      if hold == .approval { hold = nil }
      heldWeight = nil
      isSoaking = false
    case .weightSet:
      heldWeight = nil
      isSoaking = false
    case .promoted:
      pass(hold)
      endHold()
      isSoaking = true
    case .soaking:
      endHold()
      isSoaking = true
    case .retreatStarted:
      endHold()
      retreat = change.retreat
      isSoaking = false
    case .escalated: isEscalated = true
    case .holdExtended: isExtended = true
    default: break
    }
    if phase != before || isExtended == true && event.body.kind == "hold-extended" {
      beginPhase(event)
    }
  }

  private mutating func beginPhase(_ event: Event) {
    phaseSince = event.time
    // Of a rollout that an older build began only the time on the wall is known at first.
    phaseWatched = evidence.watched ?? phaseWatched.map { _ in .zero }
  }

  private mutating func begin(_ change: RolloutChange, _ wasWeight: BasisPoints) {
    hold = change.hold
    heldCandidate = change.about
    isEscalated = nil
    isExtended = nil
    owedRollback = change.owed
    // The weight before the first of several holds is what is given back.
    if change.weight < wasWeight, heldWeight == nil { heldWeight = wasWeight }
    if weight < Split.whole { isSoaking = false }
  }

  private mutating func endHold() {
    hold = nil
    heldWeight = nil
    heldCandidate = nil
    isEscalated = nil
    isExtended = nil
    owedRollback = nil
  }

  /// A person, or certainty, went past a hold: a guard's does not come again for that metric.
  private mutating func pass(_ hold: HoldCause?) {
    switch hold {
    case .suspect(let metric), .inconclusive(let metric): override(metric)
    case .budgetSpent: isBlastPassed = true
    case .sampleRatio: acceptsSampleRatio = true
    case .scheduled: schedule = nil
    case .dependency(let name):
      dependencies?.removeAll { $0.endpoint == name }
      if dependencies?.isEmpty == true { dependencies = nil }
    default: break
    }
  }

  private mutating func override(_ metric: Metric) {
    if let place = rivals?.firstIndex(where: { $0.version == heldCandidate }) {
      if rivals?[place].overridden.contains(metric) == false {
        rivals?[place].overridden.append(metric)
      }
    } else if !overridden.contains(metric) {
      overridden.append(metric)
    }
  }

  /// Goes on without one of the candidates.
  mutating func fold(_ drop: CandidateDrop, _ event: Event) {
    let gone = drop.evidence.about(drop.version, in: self)
    droppedRequests = saturated(droppedRequests ?? 0, gone?.candidateRequests ?? 0)
    droppedBadAnswers = saturated(droppedBadAnswers ?? 0, gone?.candidateBadAnswers ?? 0)
    let wasAbout = heldCandidate ?? candidate
    evidence = drop.evidence
    if drop.version == candidate {
      candidate = drop.leads
      overridden = rivals?.first { $0.version == candidate }?.overridden ?? []
    }
    rivals?.removeAll { $0.version == drop.version || $0.version == candidate }
    if rivals?.isEmpty == true { rivals = nil }
    let endsHold = hold?.isGuard == true && wasAbout == drop.version
    if endsHold || (hold == .choice && rivals == nil) {
      endHold()
      beginPhase(event)
    }
    epoch += 1
    evidence.follow(self)
  }
}

extension RolloutEvidence {
  /// What was seen of one of a rollout's candidates; nil when nothing was.
  func about(_ version: VersionID, in rollout: Rollout) -> RolloutEvidence? {
    if version == rollout.candidate { return self }
    return rivalIndex(of: version).map { self[rival: $0] }
  }

  /// Fixes at the start what is told apart and who looks.
  mutating func begin(_ start: RampStart) {
    beginRivals(start.rivals ?? [])
    judgeSegments(start.plan.segments?.values ?? [])
    if let rule = start.plan.judge { judgeByLooks(of: rule) }
  }
}
