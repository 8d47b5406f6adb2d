import Core

extension Decision {
  func addFreeze(
    _ name: Name?, _ window: FreezeWindow, _ reason: String?
  ) throws(ControlError) -> Event {
    if let name { _ = try known(name) }
    if window == .untilReleased {
      if let stop = state.lineStop {
        throw ControlError(
          .refused,
          "the line is stopped already, by \(stop.by): \"sluice stop-the-line --release\" ends that"
        )
      }
    } else {
      guard isGiven(reason) else {
        throw ControlError(.badInput, "a freeze needs a reason, --reason \"...\"")
      }
      // The journal keeps the text.
      guard (try? FreezeWindow(window.description)) == window else {
        throw ControlError(.badInput, "the window \(window) has to begin and end on whole minutes")
      }
      guard !window.isOver(at: context.now) else {
        throw ControlError(.badInput, "the window \(window) is over: give one that is to come")
      }
    }
    guard state.freezes.count < ControlLimits.freezesMax else {
      throw ControlError(
        .refused,
        "there are \(ControlLimits.freezesMax) freezes, the most allowed: remove one with \"sluice "
          + "freeze remove N\"")
    }
    let freeze = Freeze(
      id: state.freezeCount + 1, endpoint: name, window: window,
      reason: clipped(isGiven(reason) ? reason ?? "" : "no reason given"), by: context.actor,
      since: context.now)
    return Event(
      body: .freezeAdded(freeze), endpoint: name, actor: context.actor, time: context.now,
      reason: reason.map { clipped($0) })
  }

  func removeFreeze(_ id: Int?, _ reason: String?) throws(ControlError) -> Event {
    let found = id.map { id in state.freezes.first { $0.id == id } } ?? state.lineStop
    guard let found else {
      guard let id else { throw ControlError(.refused, "the line is not stopped") }
      let ids = state.freezes.map { "\($0.id)" }.joined(separator: ", ")
      throw ControlError(
        .unknown,
        "there is no freeze \(id) (\(ids.isEmpty ? "there is none" : "there are: \(ids)"))")
    }
    return Event(
      body: .freezeRemoved(found), endpoint: found.endpoint, actor: context.actor,
      time: context.now, reason: reason.map { clipped($0) })
  }

  /// Lets an event through, or says which freeze or missing approval stops it.
  ///
  /// What counts is what the event does, not which command it came from: nothing that takes risk
  /// away is ever stopped here.
  func admitted(_ event: Event) throws(ControlError) -> Event {
    guard let name = event.endpoint, let endpoint = state.endpoint(name) else { return event }
    if let rollout = endpoint.rollout, let change = event.body.rolloutChange {
      try checkApprovals(event, change, rollout, name)
    }
    let frozen = state.activeFreezes(on: name, at: context.now)
    guard !frozen.isEmpty, event.isForward(on: endpoint) else { return event }
    let sentence = frozen.map(\.sentence).joined(separator: "; ")
    guard let reason = context.freezeOverride, isGiven(reason) else {
      throw ControlError(
        .refused,
        "\(name) is frozen: \(sentence); to go on all the same give --override-freeze \"REASON\"")
    }
    return event.overriding(
      FreezeOverride(freezes: frozen.map(\.reference), reason: clipped(reason)))
  }

  private func checkApprovals(
    _ event: Event, _ change: RolloutChange, _ rollout: Rollout, _ name: Name
  ) throws(ControlError) {
    var isPromoted = false
    var isResumed = false
    switch event.body {
    case .promoted: isPromoted = true
    case .resumed(let change): isResumed = change.hold == .approval
    default: break
    }
    let rises = change.weight > rollout.weight
    let begins = !rollout.isStarted && event.kind == "stepped"
    guard rises || begins || isPromoted || isResumed || change.step > rollout.step else { return }
    // A weight by hand says nothing of the cap, whatever step it reaches; a step taken for a reason
    // does.
    let isByHand = change.step <= rollout.step || event.kind == "weight-set"
    if rollout.hold == .budgetSpent, rises, !isPromoted, isByHand, event.kind != "resumed" {
      throw ControlError(
        .refused,
        "\(rollout.candidate) has spent its requests: \"sluice resume \(name) --reason ...\" gives "
          + "its weight back")
    }
    let missing = rollout.missingApprovals(
      to: change.step, includingIt: isPromoted || isResumed)
    guard let missing else { return }
    let place = missing.step.map { "step \($0 + 1)" } ?? "its start"
    throw ControlError(
      .refused,
      "the ramp of \(rollout.candidate) has \(missing.sentence) for \(place): another person gives "
        + "one there with \"sluice approve \(name)\"")
  }

  func approve(
    _ name: Name, _ plan: Digest?, _ reason: String?
  ) throws(ControlError) -> Event {
    let (endpoint, rollout) = try running(name, "nothing to approve")
    guard let status = rollout.approvalsNow else {
      throw ControlError(
        .refused,
        "the ramp of \(rollout.candidate) wants no approvals by name here"
          + (rollout.hold == .approval ? ": \"sluice resume \(name)\" lets it go on" : ""))
    }
    guard let digest = rollout.plan.digest else {
      throw ControlError(.badInput, "the plan \(printable(rollout.plan.name)) has no digest")
    }
    if let plan, plan != digest {
      throw ControlError(
        .stale,
        "the ramp of \(rollout.candidate) runs by another plan, \(digest.short): look again")
    }
    let actor = context.actor
    guard actor.kind == .person else {
      throw ControlError(.refused, "only a person can approve, not the \(actor.kind.rawValue)")
    }
    guard actor.name != rollout.startedBy.name else {
      throw ControlError(
        .refused, "\(actor) began the ramp of \(rollout.candidate): somebody else has to approve it"
      )
    }
    guard !status.isComplete else {
      throw ControlError(
        .refused, "the ramp of \(rollout.candidate) has its approvals: \(status.sentence)")
    }
    guard !status.given.contains(where: { $0.name == actor.name }) else {
      throw ControlError(.refused, "\(actor) has approved already: \(status.sentence)")
    }
    if let from = rollout.plan.approvals?.from, !from.isEmpty, !from.contains(actor.name) {
      throw ControlError(
        .refused, "\(actor) is not among those who may approve: \(status.sentence)")
    }
    let approval = Approval(
      rollout: rollout.id, candidate: rollout.candidate, step: status.step, plan: digest,
      given: status.given.count + 1, wanted: status.wanted)
    return change(endpoint, .approved(approval), reason: reason)
  }
}

extension Event {
  /// Whether it raises risk on an endpoint: a ramp begins or goes on, an undo, or a version other
  /// than the stable gains traffic.
  func isForward(on endpoint: EndpointState) -> Bool {
    switch body {
    case .rolledBack, .aborted: return false
    // What begins later is held by the freezes of its time.
    case .rampStarted(let start):
      if let at = start.schedule { return at <= time } else { return true }
    case .undone, .promoted, .soaking, .completed: return true
    case .ruleAdded(let rule): return rule.split.versions.contains { $0 != endpoint.stable }
    case .resumed(let change) where change.hold == .freeze: return true
    case .stepped(let change): if change.step > change.fromStep { return true }
    case .weightSet(let change), .resumed(let change):
      if let now = endpoint.rollout?.weight, change.weight > now { return true }
    default: break
    }
    guard let after else { return false }
    return after.shares.contains { share in
      share.version != endpoint.stable
        && share.weight > (endpoint.split?.weight(of: share.version) ?? 0)
    }
  }

  /// The same event with an override.
  func overriding(_ override: FreezeOverride) -> Event {
    Event(
      body: body, endpoint: endpoint, actor: actor, time: time, reason: reason,
      generation: generation, before: before, after: after, override: override)
  }
}

extension EventBody {
  /// What it says of a running rollout.
  var rolloutChange: RolloutChange? {
    switch self {
    case .held(let change), .resumed(let change), .stepped(let change), .weightSet(let change),
      .soaking(let change), .promoted(let change), .completed(let change),
      .retreatStarted(let change), .retreated(let change), .escalated(let change),
      .holdExtended(let change):
      change
    default: nil
    }
  }
}
