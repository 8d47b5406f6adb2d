import Core

/// What a step of a runbook comes to with the live values.
public struct RunbookStepResult: Sendable, Hashable {
  /// How it came out.
  public enum Outcome: String, Sendable, Codable {
    /// The check holds.
    case pass
    /// The check does not hold; what follows is skipped.
    case fail
    /// The action's guards hold: it would be done.
    case wouldDo = "would do"
    /// A guard does not hold, or an earlier check failed.
    case skipped
    /// A note for the person.
    case told
  }

  /// Index into the runbook's steps.
  public let step: Int
  /// The step in words.
  public let text: String
  /// How it came out.
  public let outcome: Outcome
  /// The live values that decided: `p99_ms 31.2 > 25`.
  public let detail: String
  /// The action to carry out, when it is one and its guards hold.
  public let action: RunbookAction?
}

extension Runbook {
  /// What each step comes to with `values`, by ``RunbookCheck/key``; a check with a window takes
  /// the plain metric's value when there is none for the window.
  ///
  /// A check holds only when there is a value: missing data never passes, and never lets an action
  /// through. Guards are to be asked again (``RunbookStep`` by step, with fresh values) just before
  /// each action; ``evaluate(step:_:)`` does one.
  public func evaluate(_ values: [String: Double]) -> [RunbookStepResult] {
    var results: [RunbookStepResult] = []
    var isStopped = false
    for index in steps.indices {
      if isStopped {
        results.append(
          RunbookStepResult(
            step: index, text: printable(steps[index].sentence), outcome: .skipped,
            detail: "an earlier check does not hold", action: nil))
        continue
      }
      let result = evaluate(step: index, values)
      results.append(result)
      isStopped = result.outcome == .fail
    }
    return results
  }

  /// What one step comes to with `values`.
  /// - Precondition: the runbook has that step.
  public func evaluate(step index: Int, _ values: [String: Double]) -> RunbookStepResult {
    let step = steps[index]
    let outcome: RunbookStepResult.Outcome
    var detail = ""
    var doing: RunbookAction?
    switch step {
    case .note: outcome = .told
    case .check(let check, _):
      let (holds, text) = check.ask(values)
      outcome = holds ? .pass : .fail
      detail = text
    case .action(let action, let guards, _):
      let answers = guards.map { $0.ask(values) }
      let holds = answers.allSatisfy(\.0)
      outcome = holds ? .wouldDo : .skipped
      detail = answers.map(\.1).joined(separator: ", ")
      doing = holds ? action : nil
    }
    return RunbookStepResult(
      step: index, text: printable(step.sentence), outcome: outcome, detail: detail, action: doing)
  }
}

extension RunbookCheck {
  /// Whether it holds, and the value that decided.
  func ask(_ values: [String: Double]) -> (Bool, String) {
    guard let live = values[key] ?? values[metric.rawValue], !live.isNaN else {
      return (false, "\(metric.rawValue): no data")
    }
    let holds = comparison.holds(live, value)
    let sign = "\(comparison.rawValue) \(shortNumber(value))"
    return (holds, "\(metric.rawValue) \(shortNumber(live)) \(holds ? "is" : "is not") \(sign)")
  }
}
