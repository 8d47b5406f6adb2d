import Core

extension Decision {
  func register(_ draft: VersionDraft) throws(ControlError) -> Event {
    guard draft.artifactBytes > 0 else {
      throw ControlError(.badInput, "the model file of \(draft.model) is empty")
    }
    guard !draft.signature.inputs.isEmpty, !draft.signature.outputs.isEmpty else {
      throw ControlError(
        .badInput, "the model file of \(draft.model) has no inputs or no outputs: nothing to serve")
    }
    if let bad = draft.metrics.first(where: { !$0.value.isFinite }) {
      throw ControlError(
        .badInput,
        "the card's metric \"\(printable(bad.key, limit: 60))\" is \(bad.value): give a number")
    }
    guard draft.summary.unicodeScalars.count <= ControlLimits.remarkLengthMax,
      draft.metrics.count <= 1_000
    else {
      throw ControlError(
        .badInput,
        "the card's summary is longer than \(ControlLimits.remarkLengthMax) characters or it has "
          + "more than 1000 metrics: shorten it")
    }
    if let parent = draft.parent, state.version(parent) == nil {
      throw ControlError(
        .unknown, "there is no version \(parent) that the new one could be made from")
    }
    let number = state.nextNumber(of: draft.model)
    guard number <= ControlLimits.versionsPerModelMax else {
      throw ControlError(
        .refused,
        "\(draft.model) has \(ControlLimits.versionsPerModelMax) versions, the most allowed: "
          + "register under a new model name")
    }
    let version = RegisteredVersion(
      version: VersionID(model: draft.model, number: number), draft: draft,
      registered: context.now, by: context.actor)
    return Event(
      body: .versionRegistered(version), endpoint: nil, actor: context.actor, time: context.now)
  }

  func createEndpoint(_ name: Name) throws(ControlError) -> Event {
    guard state.endpoint(name) == nil else {
      throw ControlError(.refused, "the endpoint \(name) is there already")
    }
    guard state.endpoints.count < ControlLimits.endpointsMax else {
      throw ControlError(
        .refused, "there are \(ControlLimits.endpointsMax) endpoints, the most allowed")
    }
    return Event(
      body: .endpointCreated, endpoint: name, actor: context.actor, time: context.now,
      generation: 1)
  }

  func setDrained(_ name: Name, _ drained: Bool) throws(ControlError) -> Event {
    let endpoint = try current(name)
    guard endpoint.isDrained != drained else {
      throw ControlError(
        .refused,
        drained
          ? "\(name) is drained already; \"sluice endpoint enable \(name)\" takes requests again"
          : "\(name) takes requests already")
    }
    return change(endpoint, drained ? .endpointDrained : .endpointEnabled)
  }

  func deploy(_ name: Name, _ version: VersionID) throws(ControlError) -> Event {
    let endpoint = try current(name)
    let found = try registered(version)
    let isClosed = endpoint.closed.contains(version)
    guard !endpoint.isDeployed(version) || isClosed else {
      throw ControlError(.refused, "\(version) is on \(name) already")
    }
    try checkFits(version, found.draft.signature, endpoint)
    if endpoint.split == nil { try checkRequirements(nil, version, endpoint) }
    try checkPrepared(version)
    return change(
      endpoint,
      .deployed(
        DeployedVersion(
          version: version, signature: found.draft.signature, isReopened: isClosed)),
      to: endpoint.split == nil ? Split(all: version) : nil)
  }

  /// Whether a version can answer the endpoint's callers and there is room for it.
  func checkFits(
    _ version: VersionID, _ signature: Signature, _ endpoint: EndpointState
  ) throws(ControlError) {
    if let wanted = endpoint.signature, let why = signature.incompatibility(with: wanted) {
      throw ControlError(
        .refused,
        "\(version) does not fit \(endpoint.name): \(why); deploy it on an endpoint of its own")
    }
    guard
      endpoint.isDeployed(version) || endpoint.deployed.count < ControlLimits.deployedMax
    else {
      throw ControlError(
        .refused,
        "\(endpoint.name) has \(ControlLimits.deployedMax) versions, the most allowed: unload one "
          + "with \"sluice model unload \(endpoint.name) VERSION\"")
    }
  }

  func unload(_ name: Name, _ version: VersionID) throws(ControlError) -> Event {
    let endpoint = try current(name)
    guard endpoint.isDeployed(version) else {
      throw ControlError(.unknown, "\(version) is not on \(name)")
    }
    if let rollout = endpoint.rollout {
      if version == rollout.fallback {
        throw ControlError(
          .refused,
          "\(version) is where the ramp of \(rollout.candidate) would go back to: it stays loaded "
            + "until the ramp ends")
      }
      if rollout.candidates.contains(version) {
        throw ControlError(
          .refused,
          "\(version) is being ramped on \(name): abort first with \"sluice abort \(name)\"")
      }
    }
    if let rule = endpoint.rules.first(where: { $0.split.versions.contains(version) }) {
      throw ControlError(
        .refused,
        "the rule \"\(rule.name)\" of \(name) sends requests to \(version): remove it first with "
          + "\"sluice rule remove \(name) \(rule.name)\"")
    }
    let weight = endpoint.split?.weight(of: version) ?? 0
    guard weight == 0 else {
      throw ControlError(
        .refused,
        "\(version) has \(percentText(weight)) of \(name)'s traffic: give that to another version "
          + "first with \"sluice split\"")
    }
    guard version != endpoint.stable else {
      throw ControlError(.refused, "\(version) is the stable of \(name): promote another first")
    }
    guard version != endpoint.rollbackTargets().first else {
      throw ControlError(
        .refused,
        "\(version) is where a rollback of \(name) would go: it stays loaded until a newer good "
          + "version takes that place")
    }
    return change(endpoint, .unloaded(version))
  }

  func setSplit(_ name: Name, _ split: Split) throws(ControlError) -> Event {
    let endpoint = try current(name)
    try checkNoRollout(endpoint, "the weights belong to its plan")
    for version in split.versions {
      try checkMayHaveWeight(version, endpoint)
      // What serves already was let in once; taking its traffic away must stay possible.
      guard (endpoint.split?.weight(of: version) ?? 0) == 0 else { continue }
      try checkRequirements(nil, version, endpoint)
    }
    guard split != endpoint.split else {
      throw ControlError(.refused, "\(name) has the split \(split) already")
    }
    return change(endpoint, .split, to: split)
  }

  /// Whether a version may get traffic: deployed, open and prepared.
  func checkMayHaveWeight(
    _ version: VersionID, _ endpoint: EndpointState
  ) throws(ControlError) {
    guard endpoint.isDeployed(version) else {
      _ = try registered(version)
      throw ControlError(
        .refused,
        "\(version) is not on \(endpoint.name): deploy it first with \"sluice deploy "
          + "\(endpoint.name) \(version)\"")
    }
    guard !endpoint.closed.contains(version) else {
      throw ControlError(
        .refused,
        "\(version) was rolled back on \(endpoint.name): it comes back only by \"sluice deploy "
          + "\(endpoint.name) \(version)\" or a new ramp")
    }
    try checkPrepared(version)
  }

  func checkNoRollout(_ endpoint: EndpointState, _ why: String) throws(ControlError) {
    guard let rollout = endpoint.rollout else { return }
    throw ControlError(
      .refused,
      "a ramp of \(rollout.candidate) runs on \(endpoint.name) and \(why): let it end, or abort it "
        + "with \"sluice abort \(endpoint.name)\"")
  }

  func undo(_ name: Name) throws(ControlError) -> Event {
    let endpoint = try current(name)
    try checkNoRollout(endpoint, "undo would fight it")
    guard let entry = endpoint.lastChange else {
      throw ControlError(
        .refused,
        "nothing to undo on \(name): no change of weights since the last rollback or ramp")
    }
    for version in entry.split.versions { try checkMayHaveWeight(version, endpoint) }
    return change(endpoint, .undone(entry), to: entry.split)
  }

  func annotate(_ name: Name?, _ text: String) throws(ControlError) -> Event {
    if let name { _ = try known(name) }
    guard isGiven(text) else { throw ControlError(.badInput, "the note is empty: write something") }
    guard text.unicodeScalars.count <= ControlLimits.remarkLengthMax else {
      throw ControlError(
        .badInput, "the note is longer than \(ControlLimits.remarkLengthMax) characters: shorten it"
      )
    }
    return Event(body: .noted(text), endpoint: name, actor: context.actor, time: context.now)
  }

  func recordRunbook(_ name: Name?, _ run: RunbookRun) throws(ControlError) -> Event {
    if let name { _ = try known(name) }
    guard isGiven(run.runbook) else {
      throw ControlError(.badInput, "the runbook has no name: give it one")
    }
    let kept = RunbookRun(
      runbook: clipped(run.runbook), outcome: clipped(run.outcome),
      steps: run.steps.prefix(Runbook.stepsMax).map { clipped($0) })
    return Event(
      body: .runbookRun(kept), endpoint: name, actor: context.actor, time: context.now)
  }
}
