import Core

extension ControlState {
  /// What holds, stops or ends a ramp by `plan` that would start at `now`: one sentence each.
  ///
  /// Times are the earliest possible: with traffic all the time, requests and approvals at once.
  func conditions(
    of plan: Plan, on endpoint: Name, at now: Timestamp, _ options: RampOptions?,
    _ details: [StepForecast]
  ) -> [String] {
    var lines: [String] = []
    let required = registry.requirements(of: endpoint) + (plan.requirements ?? [])
    if !required.isEmpty {
      let all = Requirement.allCases.filter(required.contains)
      lines.append("before the start the version must show: \(all.words)")
    }
    if let time = options?.at, time > now {
      lines.append("begins at \(FreezeWindow.text(time))Z")
    }
    for name in plan.after ?? [] where self.endpoint(name)?.rollout != nil {
      lines.append("before the start the rollout of \(name) has to complete")
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
    lines += plan.handlingLines
    if let line = plan.exposureLine(details) { lines.append(line) }
    if let requests = plan.blast?.requests {
      lines.append(
        "held without traffic when the candidate has answered \(requests) requests before the "
          + "last step")
    }
    if let errors = plan.blast?.errors {
      lines.append("rolled back at \(errors) failed or wrong answers before the last step")
    }
    return lines + schedule(of: plan, on: endpoint, at: max(now, options?.at ?? now))
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
    if let judge {
      return ["judged every \(judge.interval) with traffic by \(judge.judge.words)"]
    }
    return metrics.map { judged in
      let limit = Int(((judged.limit ?? JudgedMetric.defaultLimit) * Double(Split.whole)).rounded())
      let line =
        judged.metric == .disagreement
        ? "over \(percentText(limit)) more than a copy of the stable differs from it"
        : "\(judged.tolerance) times the stable's"
      return "\(judged.metric.words): held at E \(evidenceText(holdEvidence / judged.riskShare)), "
        + "rolled back at E \(evidenceText(rollbackEvidence / judged.riskShare)), against \(line)"
    }
  }

  /// What is done about segments and holds.
  fileprivate var handlingLines: [String] {
    var lines: [String] = []
    if let segments {
      let values = segments.values.map { printable($0, limit: 40) }.joined(separator: ", ")
      lines.append(
        "requests by \(printable(segments.by, limit: 60)) (\(values)) are judged apart as well; "
          + "one that breaches alone goes back to the stable alone")
    }
    switch holdPolicy?.weight {
    case .floor: lines.append("a hold by the guard takes the weight down to the first step's")
    case .zero: lines.append("a hold by the guard takes the weight away")
    case .keep, nil: break
    }
    if let holdDeadline {
      switch holdPolicy?.then ?? .rollback {
      case .rollback: lines.append("a hold of \(holdDeadline) is rolled back")
      case .escalate: lines.append("a hold of \(holdDeadline) alarms people and goes on")
      case .extend:
        lines.append("a hold of \(holdDeadline) is given as long again, then rolled back")
      }
    }
    return lines
  }

  /// How many callers can meet a candidate before the last step.
  fileprivate func exposureLine(_ details: [StepForecast]) -> String? {
    let before = details.dropLast()
    guard let most = before.filter({ $0.rule == nil }).map(\.exposed).max(), most > 0 else {
      return nil
    }
    let expected = before.filter(\.strategy.hasTraffic).compactMap(\.expectedRequests)
    let requests =
      expected.isEmpty
      ? "" : ", about \(expected.reduce(0, saturated)) requests at the present rate"
    return "before the last step at most \(percentText(most)) of the callers meet a candidate"
      + requests
  }
}
