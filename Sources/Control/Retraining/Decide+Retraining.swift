import Core

extension Decision {
  func retrainingEvent(_ command: RetrainingCommand) throws(ControlError) -> Event {
    switch command {
    case .begin(let begin): return try beginRetraining(begin)
    case .finish(let policy, let run, let result):
      return try finishRetraining(policy, run, result)
    case .decline(let endpoint, let version, let reason):
      return try declineProposal(endpoint, version, reason)
    }
  }

  private func said(
    _ change: RetrainingEvent, on endpoint: Name, reason: String? = nil
  ) -> Event {
    Event(
      body: .retraining(change), endpoint: endpoint, actor: context.actor, time: context.now,
      reason: reason.map { clipped($0) })
  }

  /// One run of a policy, and one of an endpoint, at a time.
  private func beginRetraining(_ begin: RetrainingBegin) throws(ControlError) -> Event {
    _ = try known(begin.endpoint)
    if let busy = state.retraining.policies.first(where: {
      $0.running != nil && ($0.policy == begin.policy || $0.endpoint == begin.endpoint)
    }) {
      throw ControlError(
        .refused,
        "\(busy.policy) is being run for \(busy.endpoint) already: wait for its end, or stop it "
          + "with \"sluice retrain stop \(busy.policy)\"")
    }
    let known = state.retraining.state(of: begin.policy)
    guard known != nil || state.retraining.policies.count < ControlLimits.retrainingPoliciesMax
    else {
      throw ControlError(
        .refused,
        "there are \(ControlLimits.retrainingPoliciesMax) retraining policies, the most allowed")
    }
    let run = (known?.runs ?? 0) + 1
    guard begin.run == run else {
      throw ControlError(
        .stale, "\(begin.policy) was run meanwhile: its next run is \(run), not \(begin.run)")
    }
    return said(.began(begin), on: begin.endpoint)
  }

  private func finishRetraining(
    _ policy: Name, _ run: Int, _ result: RetrainingResult
  ) throws(ControlError) -> Event {
    guard let running = state.retraining.state(of: policy)?.running, running.run == run else {
      throw ControlError(.refused, "run \(run) of \(policy) is not going on")
    }
    if let version = result.version { _ = try registered(version) }
    return said(.ended(RetrainingEnd(began: running, result: result)), on: running.endpoint)
  }

  private func declineProposal(
    _ endpoint: Name, _ version: VersionID, _ reason: String?
  ) throws(ControlError) -> Event {
    _ = try known(endpoint)
    guard state.retraining.proposals(for: endpoint).contains(where: { $0.version == version })
    else {
      let names = state.retraining.proposals(for: endpoint).map { "\($0.version)" }
      throw ControlError(
        .unknown,
        "\(version) is not proposed for \(endpoint) "
          + (names.isEmpty ? "(nothing is)" : "(there are: \(names.joined(separator: ", ")))"))
    }
    return said(.declined(version), on: endpoint, reason: reason)
  }
}

extension RetrainingEvent {
  /// What happened, in words; harmless for a terminal.
  var news: String {
    switch self {
    case .began(let begin):
      return "retraining \(begin.policy) run \(begin.run) began (\(begin.trigger.words): "
        + "\(printable(begin.detail, limit: 200)))"
    case .ended(let end):
      let made = end.result.version.map { " \($0)" } ?? ""
      return "retraining \(end.began.policy) run \(end.began.run)\(made) \(end.result.words)"
    case .declined(let version): return "proposal \(version) declined"
    }
  }

  /// How bad it is.
  var severity: EventSeverity {
    guard case .ended(let end) = self else { return .ok }
    return [.proposed, .ramped].contains(end.result.outcome) ? .ok : .warn
  }

  /// The command line that does the same.
  func commandLine(on endpoint: Name) -> String? {
    switch self {
    case .began(let begin) where begin.trigger == .byHand: "sluice retrain run \(begin.policy)"
    case .declined(let version): "sluice retrain decline \(endpoint) \(version)"
    default: nil
    }
  }
}

extension RetrainingResult {
  /// `proposed for a ramp by standard-launch`, harmless for a terminal.
  public var words: String {
    let said = printable(detail, limit: 200)
    switch outcome {
    case .proposed: return "proposed for a ramp by \(printable(plan ?? "-", limit: 60)): \(said)"
    case .ramped: return "on its ramp by \(printable(plan ?? "-", limit: 60)): \(said)"
    case .gatesFailed: return "did not pass its gates: \(said)"
    case .badData: return "not trained, the data are not good enough: \(said)"
    case .failed: return "failed: \(said)"
    case .interrupted: return "interrupted: \(said)"
    }
  }
}
