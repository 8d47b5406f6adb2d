import Core

extension Plan {
  /// Checks that the plan can be carried out and judged.
  /// - Throws: ``InvalidValue`` that names the field, as `steps[2].weight`, and what is legal.
  public func validate() throws(InvalidValue) {
    guard !name.isEmpty, name.unicodeScalars.count <= 100 else {
      throw InvalidValue("a plan's name has 1 to 100 characters")
    }
    try validateSteps()
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
    var before: BasisPoints = 0
    for (index, step) in steps.enumerated() {
      let field = "steps[\(index)]"
      guard (1...Split.whole).contains(step.weight) else {
        throw InvalidValue(
          "\(label): \(field).weight must be over 0% and at most 100%, got "
            + percentText(step.weight))
      }
      guard step.weight > before else {
        throw InvalidValue(
          "\(label): weights must rise, but \(field) has \(percentText(step.weight)) after "
            + percentText(before))
      }
      guard step.minRequests >= 0 else {
        throw InvalidValue("\(label): \(field).minRequests must be 0 or more")
      }
      try check("\(field).hold", step.hold)
      before = step.weight
    }
    guard before == Split.whole else {
      throw InvalidValue(
        "\(label): the last step must be 100%, got \(percentText(before)): add a step of 100%")
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
