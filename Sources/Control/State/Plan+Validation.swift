import Core
import Statistics

extension Plan {
  /// Checks that the plan can be carried out and judged.
  /// - Throws: ``InvalidValue`` that names the field, as `steps[2].weight`, and what is legal.
  public func validate() throws(InvalidValue) {
    guard !name.isEmpty, name.unicodeScalars.count <= 100 else {
      throw InvalidValue("a plan's name has 1 to 100 characters")
    }
    try validateSteps()
    try validateParts()
    try validateMetrics()
    try validateApprovals()
    try validateBlast()
    try validatePromotion()
    guard (0...Plan.warmUpMax).contains(warmUp) else {
      throw InvalidValue("\(label): warmUp must be 0 to \(Plan.warmUpMax) answers, got \(warmUp)")
    }
    try check("soak", soak)
    try check("latencySlack", latencySlack)
    if let holdDeadline {
      try check("holdDeadline", holdDeadline)
      guard holdDeadline > .zero else {
        throw InvalidValue("\(label): holdDeadline must be longer than nothing")
      }
    }
  }

  private var label: String { "plan \"\(printable(name, limit: 60))\"" }

  private func check(_ field: String, _ span: TimeSpan) throws(InvalidValue) {
    guard span >= .zero, span <= ControlLimits.spanMax else {
      throw InvalidValue("\(label): \(field) must be between 0s and 366d, got \(span)")
    }
  }

  private func validateSteps() throws(InvalidValue) {
    guard !steps.isEmpty else { throw InvalidValue("\(label) has no steps: give at least one") }
    guard steps.count <= ControlLimits.planStepsMax else {
      throw InvalidValue(
        "\(label) has \(steps.count) steps: at most \(ControlLimits.planStepsMax) are allowed")
    }
    for (index, step) in steps.enumerated() {
      let field = "steps[\(index)]"
      guard step.minRequests >= 0 else {
        throw InvalidValue("\(label): \(field).minRequests must be 0 or more")
      }
      try check("\(field).hold", step.hold)
      try validate(step, field)
    }
    try validateOrder()
    guard let last = steps.last, last.isOpen, last.kind == .canary, last.weight == Split.whole
    else {
      throw InvalidValue(
        "\(label): the last step must be 100% of all requests: add a step of 100%")
    }
  }

  /// What a step of its strategy may say.
  private func validate(_ step: PlanStep, _ field: String) throws(InvalidValue) {
    if let rule = step.rule {
      do { try rule.validate() } catch {
        throw InvalidValue("\(label): \(field).when: \(error.message)")
      }
    }
    if step.kind == .preview {
      guard step.weight == 0, step.rule == nil, step.minRequests == 0 else {
        throw InvalidValue(
          "\(label): \(field) is a preview, which no caller's request reaches: it has no "
            + "weight, no rule and no requests to wait for")
      }
      return
    }
    guard (1...Split.whole).contains(step.weight) else {
      throw InvalidValue(
        "\(label): \(field).weight must be over 0% and at most 100%, got "
          + percentText(step.weight))
    }
    if step.kind == .abTest, step.hold == .zero || step.weight == Split.whole {
      throw InvalidValue(
        "\(label): \(field) is an A/B test, which takes a time (hold) and under "
          + "100% of the requests"
      )
    }
  }

  /// Previews and shadows first, then rules, each with rising weights, then all requests with
  /// rising weights.
  private func validateOrder() throws(InvalidValue) {
    for (index, pair) in zip(steps, steps.dropFirst()).enumerated() {
      let (step, next) = pair
      let field = "steps[\(index + 1)]"
      guard step.rank <= next.rank else {
        throw InvalidValue(
          "\(label): \(field) comes too late: previews and shadows come first, then steps with a "
            + "rule (when), then steps for all requests")
      }
      guard step.kind.hasTraffic, next.kind.hasTraffic, step.rule == next.rule else { continue }
      guard next.weight > step.weight else {
        throw InvalidValue(
          "\(label): weights must rise, but \(field) has \(percentText(next.weight)) after "
            + percentText(step.weight))
      }
    }
    let rules = steps.compactMap { $0.kind.hasTraffic ? $0.rule : nil }
    for (index, rule) in rules.enumerated() {
      guard let first = rules.firstIndex(of: rule), rules[first...index].allSatisfy({ $0 == rule })
      else {
        throw InvalidValue(
          "\(label): the steps for \(printable(rule.description, limit: 60)) must follow each other"
        )
      }
    }
  }

  private func validateApprovals() throws(InvalidValue) {
    if let approvals { try checkCount("approvals.count", approvals.count) }
    let names = approvals?.from ?? []
    guard names.count <= ControlLimits.approversMax, Set(names).count == names.count,
      names.allSatisfy({ !$0.isEmpty && $0.unicodeScalars.count <= 100 })
    else {
      throw InvalidValue(
        "\(label): approvals.from must be at most \(ControlLimits.approversMax) login names, each "
          + "once")
    }
    for (index, step) in steps.enumerated() {
      if let count = step.approvals { try checkCount("steps[\(index)].approvals", count) }
    }
  }

  private func checkCount(_ field: String, _ count: Int) throws(InvalidValue) {
    let names = approvals?.from ?? []
    let most = names.isEmpty ? ControlLimits.approversMax : names.count
    guard (1...max(1, most)).contains(count), most >= 1 else {
      throw InvalidValue("\(label): \(field) must be 1 to \(most), got \(count)")
    }
  }

  /// Segments, the comparison rule and dependencies.
  private func validateParts() throws(InvalidValue) {
    if let segments {
      let limit = RequestRule.textMaxBytes
      guard (1...ControlLimits.segmentsMax).contains(segments.values.count),
        Set(segments.values).count == segments.values.count, !segments.by.isEmpty,
        (segments.values + [segments.by]).allSatisfy({ $0.utf8.count <= limit })
      else {
        throw InvalidValue(
          "\(label): segments needs a column (by) and 1 to \(ControlLimits.segmentsMax) values "
            + "of at most \(limit) bytes, each once")
      }
    }
    if let judge {
      guard judge.interval >= .seconds(1), judge.interval <= ControlLimits.spanMax else {
        throw InvalidValue("\(label): judge.interval must be between 1s and 366d")
      }
      guard judge.judge.isLegal else {
        throw InvalidValue(
          "\(label): the judge's limits must be between 0 and 1 and its counts 1 to 1000")
      }
    }
    if let holdPolicy, holdPolicy.then != .rollback, holdDeadline == nil {
      throw InvalidValue(
        "\(label): what a hold's deadline does needs a deadline: give holdDeadline")
    }
    if let after {
      guard after.count <= ControlLimits.dependenciesMax, Set(after).count == after.count else {
        throw InvalidValue(
          "\(label): after must be at most \(ControlLimits.dependenciesMax) endpoints, each once")
      }
    }
  }

  private func validateBlast() throws(InvalidValue) {
    guard let blast else { return }
    guard blast.requests != nil || blast.errors != nil else {
      throw InvalidValue("\(label): blast needs requests, errors or both")
    }
    for (field, cap) in [("requests", blast.requests), ("errors", blast.errors)] {
      if let cap, cap < 1 {
        throw InvalidValue("\(label): blast.\(field) must be 1 or more, got \(cap)")
      }
    }
  }

  /// The most answers that may be left out at the beginning.
  public static let warmUpMax = 1_000_000

  private func validatePromotion() throws(InvalidValue) {
    guard let promotion else { return }
    guard promotion.margin > 1, promotion.margin <= ControlLimits.toleranceMax else {
      throw InvalidValue(
        "\(label): promotion.margin must be over 1 and at most "
          + "\(Int(ControlLimits.toleranceMax)), got \(promotion.margin)")
    }
    guard promotion.risk > 1e-9, promotion.risk < 1 else {
      throw InvalidValue("\(label): promotion.risk must be between 0 and 1, got \(promotion.risk)")
    }
    guard metrics.contains(where: { !$0.metric.isTwoSided }) else {
      throw InvalidValue(
        "\(label): promotion needs a judged metric that can be worse (errors, wrong_answers, "
          + "latency): add one or leave promotion out")
    }
  }

  private func validateMetrics() throws(InvalidValue) {
    for (field, risk) in [("holdRisk", holdRisk), ("rollbackRisk", rollbackRisk)] {
      guard risk > 1e-9, risk < 1 else {
        throw InvalidValue("\(label): \(field) must be between 0 and 1, got \(risk)")
      }
    }
    guard rollbackRisk < holdRisk else {
      throw InvalidValue(
        "\(label): rollbackRisk (\(rollbackRisk)) must be smaller than holdRisk (\(holdRisk))")
    }
    if metrics.isEmpty { return }
    var sum = 0.0
    for (index, judged) in metrics.enumerated() {
      let field = "metrics[\(index)] (\(judged.metric.rawValue))"
      guard metrics.firstIndex(where: { $0.metric == judged.metric }) == index else {
        throw InvalidValue("\(label): \(field) is judged twice")
      }
      guard judged.tolerance >= 1, judged.tolerance <= ControlLimits.toleranceMax else {
        throw InvalidValue(
          "\(label): \(field).tolerance must be 1 to \(Int(ControlLimits.toleranceMax)), got "
            + "\(judged.tolerance)")
      }
      guard judged.riskShare > 1e-9, judged.riskShare <= 1 else {
        throw InvalidValue(
          "\(label): \(field).riskShare must be over 0 and at most 1, got \(judged.riskShare)")
      }
      sum += judged.riskShare
    }
    guard abs(sum - 1) <= 1e-9 else {
      throw InvalidValue("\(label): the metrics' risk shares sum to \(sum): they must sum to 1")
    }
  }
}

extension PlanStep {
  /// Where it may stand in a plan: before those of a higher rank.
  fileprivate var rank: Int { !kind.hasTraffic ? 0 : rule != nil ? 1 : 2 }
}

extension ComparisonJudge {
  fileprivate var isLegal: Bool {
    switch self {
    case .flagger(let limit, let threshold):
      limit > 0 && limit < 1 && (1...1_000).contains(threshold)
    case .argo(let limit, let failureLimit, let window):
      limit > 0 && limit < 1 && (0...1_000).contains(failureLimit) && (1...100).contains(window)
    case .kayenta(let confidence, let tolerance, let pointsMin):
      confidence > 0 && confidence < 1 && tolerance >= 0 && tolerance < 1_000
        && (1...100).contains(pointsMin)
    case .peeking(let pValue): pValue > 0 && pValue < 1
    }
  }
}
