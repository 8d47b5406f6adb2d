import Control
import Core
import Serving
import Storage

extension Node {
  /// Carries out one order: prepare, decide, commit, apply, route, tell.
  /// - Throws: a ``Failure``; nothing was changed then.
  func perform(_ order: Order) throws -> Outcome {
    if case .forgetActor(let name, _, let reason) = order.command {
      return try forget(name, reason, order)
    }
    return try carryOut(order)
  }

  /// Journals that a name is erased, and then erases it.
  private func forget(_ name: String, _ reason: String?, _ order: Order) throws -> Outcome {
    let person = people.person(named: name)
    // A name is shown as it was, or what stands in its place once it is erased.
    let pseudonym = person?.pseudonym
    let outcome = try carryOut(
      Order(
        command: .forgetActor(name: name, pseudonym: pseudonym, reason: reason),
        actor: order.actor, expectedGeneration: order.expectedGeneration,
        freezeOverride: order.freezeOverride))
    guard let pseudonym else { return outcome }
    // Journaled, so that what fails now is done at the next start.
    var failure: NodeError?
    do {
      try people.forget([pseudonym], at: SystemClock.now())
    } catch {
      failure = NodeError(describing: error)
    }
    try core.reload {
      try Recovery.replay(
        core.reader, saved: savedStates, people: people, checksAll: false)
    }
    if let failure {
      throw NodeError(
        .system,
        "the name is erased in what is shown, but not yet on the disk: \(failure.message); it is "
          + "tried again at the next start")
    }
    return outcome
  }

  private func carryOut(_ order: Order) throws -> Outcome {
    let received = SystemClock.monotonicNanoseconds()
    try checkRules(of: order.command)
    let reserved = try prepareVersions(for: order.command)
    defer {
      for version in reserved { shelf.letGo(version) }
      releaseVersions()
    }
    let change = try core.transact(on: plane) { state in
      try checkFiles(of: order.command)
      return try decide(state, order.command, context(order, state))
    }
    if case .registry(.delete) = order.command { removeForgottenArtifacts() }
    let durable = SystemClock.monotonicNanoseconds()
    let endpoint = order.command.endpoint
    return Outcome(
      summary: change.events.map(\.summary).joined(separator: "; ")
        + (change.isJournaled ? "" : " (kept by a tombstone: the journal cannot be written)"),
      generation: endpoint.flatMap { change.after.endpoint($0)?.generation } ?? 0,
      sequence: change.sequence,
      durableMicroseconds: Int((durable - received) / 1_000),
      version: change.events.lazy.compactMap(\.registeredVersion).first,
      fenceMicroseconds: fenceTime(order.command, since: received))
  }

  /// What a decision needs to know beside the state.
  private func context(_ order: Order, _ state: ControlState) -> DecisionContext {
    let endpoint = order.command.endpoint
    return DecisionContext(
      now: SystemClock.now(), actor: Node.shown(order.actor),
      expectedGeneration: order.expectedGeneration,
      prepared: isServing ? preparedVersions(on: endpoint) : Set(state.versions.map(\.version)),
      evidence: endpoint.flatMap { analyst.latestEvidence(of: $0) },
      stableLatency: stableLatency(order.command, state), freezeOverride: order.freezeOverride)
  }

  /// A person by the name that is read back from the journal, which is also what screens show.
  private static func shown(_ actor: ActorID) -> ActorID {
    guard actor.kind == .person else { return actor }
    return ActorID(kind: .person, name: People.canonical(actor.name))
  }

  /// Loads what a command needs, before anything is decided or locked.
  /// - Returns: the versions that are now reserved on the shelf, for the caller to let go.
  private func prepareVersions(for command: Command) throws -> [VersionID] {
    switch command {
    case .deploy(_, let version): return try prepare([version])
    case .startRamp(_, let version, _, let options), .supersede(_, let version, _, _, let options):
      return try prepare([version] + (options?.rivals ?? []))
    case .retry(let name):
      guard let ended = core.state.endpoint(name)?.ended.first else { return [] }
      return try prepare([ended.candidate] + (ended.rivals ?? []))
    case .registerVersion(let draft):
      // An artifact that does not compile never becomes a version.
      let trial = RegisteredVersion(
        version: VersionID(model: draft.model, number: 1), draft: draft,
        registered: SystemClock.now(), by: .system)
      let model = try shelf.compile(trial, called: "the new version of \(draft.model)")
      guard model.signature == draft.signature else {
        throw NodeError(.badInput, "the draft's signature is not the model file's")
      }
      try shelf.runGolden(trial, model)
    default: break
    }
    return []
  }

  private func prepare(_ versions: [VersionID]) throws -> [VersionID] {
    var reserved: [VersionID] = []
    do {
      for version in versions {
        guard let registered = core.state.version(version) else { continue }
        shelf.reserve(version)
        reserved.append(version)
        if try shelf.prepare(registered) { routeAgain(version) }
      }
    } catch {
      for version in reserved { shelf.letGo(version) }
      throw error
    }
    return reserved
  }

  /// Refuses rules and segments that no request of the endpoint can be about.
  private func checkRules(of command: Command) throws {
    let (name, rules): (Name, [RequestRule])
    switch command {
    case .addRule(let endpoint, let rule, _): (name, rules) = (endpoint, [rule.rule])
    case .startRamp(let endpoint, _, let plan, _), .supersede(let endpoint, _, let plan, _, _):
      let segments = plan.segments.map { RequestRule([.input($0.by, anyOf: $0.values)]) }
      (name, rules) = (endpoint, plan.steps.compactMap(\.rule) + [segments].compactMap { $0 })
    default: return
    }
    guard !rules.isEmpty, let signature = core.state.endpoint(name)?.signature else { return }
    let schema = try RowSchema(signature)
    for rule in rules {
      guard let fault = RoutedRule.fault(of: rule, on: schema) else { continue }
      throw NodeError(.badInput, "the rule \(printable("\(rule)", limit: 100)): \(fault)")
    }
  }

  /// Forgets versions that no endpoint has any more.
  func releaseVersions() {
    shelf.keep { Set(core.state.endpoints.flatMap { $0.deployed.map(\.version) }) }
  }

  private func fenceTime(_ command: Command, since received: UInt64) -> Int? {
    switch command {
    case .rollBack(let endpoint, _, _, _), .abort(let endpoint, _),
      .supersede(let endpoint, _, _, _, _):
      guard let closed = plane.lastClosed(on: endpoint), closed >= received else { return nil }
      return Int((closed - received) / 1_000)
    default: return nil
    }
  }

  /// The stable's answer times before a ramp, plus the plan's slack; nil while it has answered too
  /// little.
  private func stableLatency(_ command: Command, _ state: ControlState) -> LatencyThresholds? {
    let (name, plan): (Name, Plan?)
    switch command {
    case .startRamp(let endpoint, _, let given, _), .supersede(let endpoint, _, let given, _, _):
      (name, plan) = (endpoint, given)
    case .retry(let endpoint):
      (name, plan) = (endpoint, state.endpoint(endpoint)?.ended.first?.frozenPlan)
    default: return nil
    }
    guard let plan, let endpoint = state.endpoint(name),
      let stable = endpoint.rollout?.fallback ?? endpoint.stable
    else { return nil }
    return latencyThresholds(of: stable, on: name, slack: plan.latencySlack)
  }

  /// The quantiles of a version's last ten minutes, plus a slack.
  func latencyThresholds(
    of version: VersionID, on endpoint: Name, slack: TimeSpan
  ) -> LatencyThresholds? {
    let last = Int(SystemClock.now().microseconds / 1_000_000) - 1
    return analyst.withDesk { desk -> LatencyThresholds? in
      guard let series = desk.telemetry[endpoint]?.versions[version]?.series else { return nil }
      // Counting is cheap, merging histograms is not, and the guard asks in every round until then.
      guard
        series.counts(endingAt: last, seconds: 600).requests >= LatencyThresholds.minimumAnswers
      else { return nil }
      let point = series.window(endingAt: last, seconds: 600)
      guard let p50 = point.p50Milliseconds, let p90 = point.p90Milliseconds,
        let p99 = point.p99Milliseconds
      else { return nil }
      let extra = Int(slack.microseconds)
      return LatencyThresholds(
        p50Microseconds: Int(p50 * 1_000) + extra, p90Microseconds: Int(p90 * 1_000) + extra,
        p99Microseconds: Int(p99 * 1_000) + extra)
    }
  }
}

extension Event {
  /// The version that the event registered.
  var registeredVersion: VersionID? {
    if case .versionRegistered(let registered) = body { return registered.version }
    return nil
  }
}
