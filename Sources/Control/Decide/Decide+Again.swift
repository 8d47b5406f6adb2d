import Core

extension Decision {
  /// Rolls the running candidate back and starts another one: both, or neither.
  func supersede(
    _ name: Name, _ version: VersionID, _ plan: Plan, _ reason: String?, _ options: RampOptions?
  ) throws(ControlError) -> [Event] {
    let endpoint = try current(name)
    guard let rollout = endpoint.rollout else {
      return [try admitted(try startRamp(name, version, plan, options))]
    }
    guard !rollout.candidates.contains(version) else {
      throw ControlError(
        .refused,
        "\(version) is being ramped on \(name) already: abort it first, then "
          + "\"sluice retry \(name)\""
      )
    }
    // What runs is not taken down for what cannot begin yet.
    if options?.at == nil { try checkPrepared([version] + (options?.rivals ?? [])) }
    let back = change(
      endpoint,
      .rolledBack(endpoint.rollback(to: rollout.fallback, .superseded, evidence(rollout))),
      reason: reason, to: Split(all: rollout.fallback))
    var after = context
    // The person saw the endpoint before both.
    after.expectedGeneration = nil
    let next = Decision(state: apply(state, back), context: after)
    return [back, try next.admitted(try next.startRamp(name, version, plan, options))]
  }

  /// Starts the last rollout again, when it was rolled back or aborted: the same version by the
  /// same plan, with fresh evidence and approvals.
  func retry(_ name: Name) throws(ControlError) -> Event {
    let endpoint = try current(name)
    try checkNoRollout(endpoint, "an endpoint has one ramp at a time")
    guard let last = endpoint.ended.first else {
      throw ControlError(.refused, "no ramp has ended on \(name): nothing to try again")
    }
    guard last.end != .completed, let plan = last.frozenPlan else {
      throw ControlError(
        .refused,
        "the last ramp on \(name), of \(last.candidate), was \(last.end.words): nothing to try "
          + "again"
      )
    }
    return try startRamp(
      name, last.candidate, plan, last.rivals.map { RampOptions(rivals: $0) })
  }

  /// Gives back the split that the endpoint had at an earlier generation.
  func undo(_ name: Name, to generation: Int) throws(ControlError) -> Event {
    let endpoint = try current(name)
    try checkNoRollout(endpoint, "undo would fight it")
    guard let then = remembered(endpoint, generation), let split = then.split,
      let stable = then.stable
    else {
      let known = endpoint.recent.filter { $0.split != nil }.map(\.generation)
      let range = known.last.flatMap { low in known.first.map { "\(low) to \($0)" } } ?? "none"
      throw ControlError(
        .unknown,
        "the split of \(name) at generation \(generation) is not kept (kept are: \(range))")
    }
    guard split != endpoint.split else {
      throw ControlError(.refused, "\(name) has the split of generation \(generation) already")
    }
    for version in split.versions { try checkMayHaveWeight(version, endpoint) }
    try checkMayHaveWeight(stable, endpoint)
    var good = endpoint.goodVersions.filter { $0 != stable }
    if let now = endpoint.stable, now != stable { good.insert(now, at: 0) }
    let entry = UndoEntry(
      changed: context.now, change: "what came after generation \(generation)", split: split,
      stable: stable, goodVersions: Array(good.prefix(ControlLimits.goodVersionsMax)),
      generation: generation)
    return change(endpoint, .undone(entry), to: split)
  }
}
