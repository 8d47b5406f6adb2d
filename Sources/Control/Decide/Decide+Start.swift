import Core

extension Decision {
  func startRamp(
    _ name: Name, _ version: VersionID, _ plan: Plan, _ options: RampOptions? = nil
  ) throws(ControlError) -> Event {
    let endpoint = try current(name)
    let options = options ?? RampOptions()
    let versions = [version] + options.rivals
    for version in versions { _ = try registered(version) }
    do { try plan.validate() } catch { throw ControlError(.badInput, error.message) }
    try checkNoRollout(endpoint, "an endpoint has one ramp at a time")
    try checkApprovable(plan, name)
    guard let stable = endpoint.stable, let split = endpoint.split else {
      throw ControlError(
        .refused,
        "\(name) serves nothing yet, so there is nothing to compare with: \"sluice deploy \(name) "
          + "\(version)\" gives \(version) all traffic")
    }
    guard !versions.contains(stable) else {
      throw ControlError(
        .refused, "\(stable) is the stable of \(name) already: ramp another version")
    }
    guard !endpoint.isDrained else {
      throw ControlError(
        .refused,
        "\(name) is drained, a ramp would see nothing: \"sluice endpoint enable \(name)\" first")
    }
    if let other = split.versions.first(where: { $0 != stable && !versions.contains($0) }) {
      throw ControlError(
        .refused,
        "\(other) also has traffic on \(name): give it to the stable first with \"sluice split "
          + "\(name) \(stable)=100%\"")
    }
    try checkCandidates(versions, plan, endpoint)
    try checkPrepared(stable)
    let dependencies = try dependencies(plan, endpoint)
    let hold = startHold(plan, options, dependencies, versions)
    let rivals = options.rivals.isEmpty ? nil : options.rivals
    let start = RampStart(
      rollout: endpoint.rolloutCount + 1, candidate: version, fallback: stable, plan: plan,
      thresholds: plan.metrics.contains { $0.metric == .latency } ? context.stableLatency : nil,
      waits: plan.approvals == nil ? nil : true, rivals: rivals,
      hold: hold == .approval ? nil : hold, schedule: options.at,
      dependencies: dependencies.isEmpty ? nil : dependencies)
    // What the rollout begins with is a function of the event alone.
    var begun = endpoint
    let plain = change(endpoint, .rampStarted(start))
    begun.fold(plain)
    let after = begun.rollout.map { $0.split($0.weight) }
    return change(endpoint, .rampStarted(start), to: after)
  }

  /// Why a rollout has no traffic at first; nil when its first step begins at once.
  private func startHold(
    _ plan: Plan, _ options: RampOptions, _ dependencies: [RolloutDependency],
    _ versions: [VersionID]
  ) -> HoldCause? {
    if let at = options.at, at > context.now { return .scheduled(at) }
    if plan.approvals != nil { return .approval }
    if let first = dependencies.first { return .dependency(first.endpoint) }
    return versions.allSatisfy(context.prepared.contains) ? nil : .warming
  }

  /// Whether all candidates can serve beside each other.
  private func checkCandidates(
    _ versions: [VersionID], _ plan: Plan, _ endpoint: EndpointState
  ) throws(ControlError) {
    guard Set(versions).count == versions.count else {
      throw ControlError(.badInput, "a version is named twice as a candidate: name each once")
    }
    guard versions.count <= ControlLimits.candidatesMax else {
      throw ControlError(
        .badInput, "a ramp has at most \(ControlLimits.candidatesMax) candidates")
    }
    let new = versions.filter { !endpoint.isDeployed($0) }
    guard endpoint.deployed.count + new.count <= ControlLimits.deployedMax else {
      throw ControlError(
        .refused,
        "\(endpoint.name) has \(endpoint.deployed.count) versions, \(ControlLimits.deployedMax) "
          + "are the most allowed: unload one with \"sluice model unload \(endpoint.name) "
          + "VERSION\"")
    }
    for version in versions {
      try checkFits(version, try registered(version).draft.signature, endpoint)
      try checkRequirements(plan, version, endpoint)
    }
    let last = plan.steps.count - 1
    // The last step is for the one that is left then, unless nothing comes before it.
    for (index, step) in plan.steps.enumerated()
    where step.kind.hasTraffic && (index < last || index == 0) {
      guard step.weight * versions.count < Split.whole || versions.count == 1 else {
        throw ControlError(
          .refused,
          "\(versions.count) candidates at \(percentText(step.weight)) each in step \(index + 1) "
            + "leave nothing for the stable to be compared with: ramp fewer, or by a plan with "
            + "smaller steps")
      }
    }
  }

  /// The running rollouts that the plan waits for.
  private func dependencies(
    _ plan: Plan, _ endpoint: EndpointState
  ) throws(ControlError) -> [RolloutDependency] {
    var found: [RolloutDependency] = []
    for name in plan.after ?? [] {
      let other = try known(name)
      guard name != endpoint.name else {
        throw ControlError(.badInput, "the ramp on \(name) cannot wait for itself")
      }
      guard let rollout = other.rollout else { continue }
      guard !isAwaited(endpoint.name, by: name, depth: 0) else {
        throw ControlError(
          .refused,
          "the ramp on \(name) waits for \(endpoint.name): they cannot wait for each other")
      }
      found.append(RolloutDependency(endpoint: name, rollout: rollout.id))
    }
    return found
  }

  /// Whether an endpoint's rollout waits, directly or through others, for `name`.
  private func isAwaited(_ name: Name, by other: Name, depth: Int) -> Bool {
    guard depth < ControlLimits.endpointsMax else { return true }
    let waits = state.endpoint(other)?.rollout?.dependencies ?? []
    return waits.contains { dependency in
      dependency.endpoint == name || isAwaited(name, by: dependency.endpoint, depth: depth + 1)
    }
  }

  /// Goes on without one of several candidates.
  func drop(
    _ name: Name, _ version: VersionID, _ reason: String?
  ) throws(ControlError) -> Event {
    let (endpoint, rollout) = try running(name, "no candidate to drop", isSafe: true)
    guard rollout.candidates.contains(version) else {
      throw ControlError(.refused, "\(version) is no candidate of the ramp on \(name)")
    }
    guard rollout.candidates.count > 1 else {
      throw ControlError(
        .refused,
        "\(version) is the only candidate left on \(name): \"sluice abort \(name)\" ends the ramp")
    }
    return change(
      endpoint,
      .candidateDropped(rollout.drop(version, .operator, evidence(rollout))), reason: reason,
      to: rollout.split(rollout.weight, without: [version]))
  }
}

extension Rollout {
  /// The event payload of going on without a candidate.
  func drop(
    _ version: VersionID, _ cause: RollbackCause, _ evidence: RolloutEvidence,
    metric: MetricEvidence? = nil
  ) -> CandidateDrop {
    CandidateDrop(
      rollout: id, version: version, cause: cause,
      leads: candidates.first { $0 != version } ?? candidate, metric: metric, evidence: evidence)
  }
}
