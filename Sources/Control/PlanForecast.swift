import Core

extension ControlState {
  /// What holds, stops or ends a ramp by `plan` that would start at `now`: one sentence each.
  ///
  /// Times are the earliest possible: with traffic all the time, requests and approvals at once.
  func conditions(of plan: Plan, on endpoint: Name, at now: Timestamp) -> [String] {
    var lines: [String] = []
    let required = registry.requirements(of: endpoint) + (plan.requirements ?? [])
    if !required.isEmpty {
      let all = Requirement.allCases.filter(required.contains)
      lines.append("before the start the version must show: \(all.words)")
    }
    if let rule = plan.approvals {
      lines.append("before the start: \(rule.words(rule.count))")
    }
    for (index, step) in plan.steps.enumerated() {
      guard let count = step.approvals else { continue }
      let rule = plan.approvals ?? ApprovalRule(count: count)
      lines.append("after step \(index + 1): \(rule.words(count))")
    }
    lines += plan.judgedLines
    if let requests = plan.blast?.requests {
      lines.append(
        "held without traffic when the candidate has answered \(requests) requests before the "
          + "last step")
    }
    if let errors = plan.blast?.errors {
      lines.append("rolled back at \(errors) failed or wrong answers before the last step")
    }
    return lines + schedule(of: plan, on: endpoint, at: now)
  }

  /// When each step can begin at the earliest, and the freezes that the ramp would wait in.
  private func schedule(of plan: Plan, on endpoint: Name, at now: Timestamp) -> [String] {
    var lines: [String] = []
    var time = now
    for (index, step) in plan.steps.enumerated() {
      guard let begin = unfrozen(endpoint, from: time, &lines) else {
        lines.append("step \(index + 1) cannot begin before that")
        return lines
      }
      lines.append("step \(index + 1) at the earliest \(FreezeWindow.text(begin))Z")
      guard let end = after(step.hold, of: endpoint, from: begin, &lines) else { return lines }
      time = end
    }
    guard let end = after(plan.soak, of: endpoint, from: time, &lines) else { return lines }
    lines.append("the new stable at the earliest \(FreezeWindow.text(end))Z")
    return lines
  }

  /// The first time from `time` on in which nothing is frozen; nil when a person has to end that.
  private func unfrozen(
    _ endpoint: Name, from time: Timestamp, _ lines: inout [String]
  ) -> Timestamp? {
    var time = time
    for _ in 0..<ControlLimits.freezesMax {
      let active = activeFreezes(on: endpoint, at: time)
      guard let first = active.first else { return time }
      lines.append(first.sentence)
      guard let until = first.until else { return nil }
      time = until
    }
    return nil
  }

  /// When `span` has passed outside of freezes; nil when it never does.
  private func after(
    _ span: TimeSpan, of endpoint: Name, from time: Timestamp, _ lines: inout [String]
  ) -> Timestamp? {
    var time = time
    var left = span
    // A year of weekly windows, each cutting the span once.
    for _ in 0..<53 * ControlLimits.freezesMax {
      guard let now = unfrozen(endpoint, from: time, &lines) else { return nil }
      let next = freezes.filter { $0.endpoint == nil || $0.endpoint == endpoint }
        .compactMap { $0.window.nextBegin(after: now) }.min()
      guard let next, next < now + left else { return now + left }
      left = left - (next - now)
      time = next
    }
    return nil
  }
}

extension ApprovalRule {
  /// `2 approvals from alice, bob, not from who starts it`.
  fileprivate func words(_ count: Int) -> String {
    let names = from.map { printable($0, limit: 40) }.joined(separator: ", ")
    return "\(count) \(count == 1 ? "approval" : "approvals")"
      + (names.isEmpty ? "" : " from \(names)") + ", not from who starts it"
  }
}

extension Plan {
  /// What is judged and where the lines are.
  fileprivate var judgedLines: [String] {
    metrics.map { judged in
      "\(judged.metric.words): held at E \(evidenceText(holdEvidence / judged.riskShare)), rolled "
        + "back at E \(evidenceText(rollbackEvidence / judged.riskShare)), against "
        + "\(judged.tolerance) times the stable's"
    }
  }
}
