import Core

extension Plan {
  /// A step in figures, for so many candidates.
  func forecast(_ index: Int, _ candidates: Int, _ requestsPerSecond: Double?) -> StepForecast {
    let step = steps[index]
    let isLast = index == steps.count - 1
    // Before the last step one candidate is left.
    let exposed = isLast ? step.trafficWeight : min(Split.whole, step.trafficWeight * candidates)
    var expected: Int?
    if step.hold > .zero, step.rule == nil, let rate = requestsPerSecond, rate.isFinite, rate >= 0 {
      let share = Double(step.weight * (isLast ? 1 : candidates)) / Double(Split.whole)
      let requests = rate * share * step.hold.seconds
      if requests < 1e15, step.kind != .preview { expected = Int(requests.rounded()) }
    }
    return StepForecast(
      strategy: step.kind, weight: step.weight, rule: step.rule?.description, exposed: exposed,
      hold: step.hold, minRequests: step.minRequests, expectedRequests: expected,
      approvals: step.approvals ?? (step.needsApproval ? 1 : 0), judged: judged(in: step))
  }

  /// The metrics that a step can tell anything of.
  private func judged(in step: PlanStep) -> [Metric] {
    metrics.map(\.metric).filter { metric in
      switch step.kind {
      case .preview: false
      case .shadow: [.errors, .wrongAnswers, .latency, .disagreement].contains(metric)
      // With all traffic on the candidate nothing is compared; labels still come for earlier steps.
      case .canary, .abTest: metric != .disagreement && !(step.isOpen && step.weight == Split.whole)
      }
    }
  }

  /// A step as people read it.
  func describe(_ index: Int, _ candidates: Int, _ forecast: StepForecast) -> String {
    let step = steps[index]
    let isLast = index == steps.count - 1
    let each = candidates > 1 && !isLast ? " to each of \(candidates) candidates" : ""
    let about = step.rule.map { " of \(printable($0.description, limit: 120))" } ?? ""
    var text: String
    switch step.kind {
    case .canary: text = percentText(step.weight) + about + each
    case .abTest: text = "A/B at \(percentText(step.weight))\(about)\(each)"
    case .shadow:
      text = "copies of \(percentText(step.weight))\(about)\(each), no caller sees them,"
    case .preview: text = "preview, pinned and synthetic requests only,"
    }
    if step.hold > .zero { text += " for \(step.hold)" }
    if step.minRequests > 0 { text += " and \(step.minRequests) requests" }
    if text.hasSuffix(",") { text.removeLast() }
    if let expected = forecast.expectedRequests {
      let what = step.kind == .shadow ? "copies" : "requests"
      text += " (about \(expected) \(what) at the present rate)"
    }
    if step.needsApproval { text += ", then waits for approval" }
    if isLast, candidates > 1 { text += " to the one that is left or picked" }
    if isLast, soak > .zero { text += ", then soaks for \(soak) with both versions loaded" }
    return text
  }
}
