import Control
import Core

extension Node {
  /// Carries out a runbook step by step, or says what it would do.
  ///
  /// Actions are commands like any other: decided, journalled, refused with the same words. Guards
  /// are asked again with fresh values just before each action.
  func runRunbook(
    _ name: String, on endpoint: Name, dryRun: Bool, actor: ActorID
  ) throws -> RunbookRunView {
    guard let runbook = library.runbooks.first(where: { $0.name == name }) else {
      throw NodeError(
        .unknown, "there is no runbook \"\(printable(name))\": see sluice runbook list")
    }
    guard core.state.endpoint(endpoint) != nil else {
      throw NodeError(.unknown, "there is no endpoint \"\(endpoint)\": see sluice endpoint list")
    }
    var run = RunbookRunView(
      name: name, endpoint: endpoint, dryRun: dryRun, steps: [], outcome: "")
    var stopped: String?
    for index in runbook.steps.indices {
      if stopped != nil {
        run.steps.append(
          .init(
            text: printable(runbook.steps[index].sentence), result: "skipped",
            detail: "an earlier step stopped the runbook"))
        continue
      }
      let result = runbook.evaluate(step: index, runbookValues(endpoint))
      let step = carryOut(result, runbook, endpoint, dryRun: dryRun, actor: actor)
      run.steps.append(step)
      if step.result == "fail" || step.result == "refused" { stopped = step.result }
    }
    run.outcome = outcome(run, stopped: stopped)
    try record(run, actor)
    return run
  }

  private func carryOut(
    _ result: RunbookStepResult, _ runbook: Runbook, _ endpoint: Name, dryRun: Bool,
    actor: ActorID
  ) -> RunbookRunView.Step {
    guard let action = result.action, !dryRun else {
      return .init(text: result.text, result: result.outcome.rawValue, detail: result.detail)
    }
    let symptom = "runbook \(runbook.name), run by \(actor.name)"
    do {
      let outcome = try perform(
        Order(
          command: action.command(endpoint: endpoint, symptom: symptom),
          actor: ActorID(kind: .runbook, name: runbook.name)))
      return .init(text: result.text, result: "done", detail: outcome.summary)
    } catch {
      return .init(
        text: result.text, result: "refused", detail: NodeError(describing: error).message)
    }
  }

  private func outcome(_ run: RunbookRunView, stopped: String?) -> String {
    switch stopped {
    case "fail": "stopped: a check does not hold"
    case "refused": "stopped: an action was refused"
    default: run.dryRun ? "would go through" : "went through"
    }
  }

  private func record(_ run: RunbookRunView, _ actor: ActorID) throws {
    _ = try perform(
      Order(
        command: .recordRunbook(
          endpoint: run.endpoint, runbook: run.name,
          outcome: (run.dryRun ? "dry run: " : "") + run.outcome,
          steps: run.steps.map {
            "\($0.result): \($0.text)\($0.detail.isEmpty ? "" : " (\($0.detail))")"
          }),
        actor: actor))
  }

  /// The live values that checks look at, by their keys.
  func runbookValues(_ endpoint: Name) -> [String: Double] {
    let state = core.state
    let last = Int(SystemClock.now().microseconds / 1_000_000) - 1
    return analyst.withDesk { desk in
      guard let known = state.endpoint(endpoint) else { return [:] }
      let figures = desk.figures(endpoint)
      var values: [String: Double] = [:]
      for seconds in [60, 300, 900, 3_600] {
        let point = figures.total.window(endingAt: last, seconds: seconds)
        let suffix = seconds == 60 ? "" : "/\(TimeSpan.seconds(seconds))"
        values["requests_per_second\(suffix)"] = point.requestsPerSecond
        values["error_rate\(suffix)"] = point.errorRate
        values["wrong_rate\(suffix)"] = point.wrongRate
        values["p50_ms\(suffix)"] = point.p50Milliseconds
        values["p99_ms\(suffix)"] = point.p99Milliseconds
      }
      let shown = known.rollout?.candidate ?? known.stable
      if let own = shown.flatMap({ figures.versions[$0] }) {
        values["max_psi"] = DriftViews.largestScore(own)
        values["drifted_features"] = Double(DriftViews.drifted(own).count)
      }
      values["candidate_weight"] = Double(known.rollout?.weight ?? 0) / 100
      values["rollout_active"] = known.rollout == nil ? 0 : 1
      values["e_max"] = 1
      if let rollout = known.rollout {
        let evidence = desk.book.evidence(of: endpoint) ?? rollout.evidence
        values["e_max"] =
          Judge.evaluate(evidence, plan: rollout.plan).map(\.eValue).max() ?? 1
      }
      return values
    }
  }
}
