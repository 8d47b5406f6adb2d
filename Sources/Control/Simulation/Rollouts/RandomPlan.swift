import Core

/// Plans at random, most of them legal.
enum RandomPlan {
  /// A plan.
  static func make(_ draw: inout Draw) -> Plan {
    let metrics = metrics(&draw)
    let canCertify = metrics.contains { !$0.metric.isTwoSided }
    return Plan(
      name: "random", summary: "", steps: steps(&draw), metrics: metrics,
      holdRisk: 0.05, rollbackRisk: 0.01,
      soak: .seconds(draw.once(in: 3) ? 0 : draw.below(40)),
      holdDeadline: draw.once(in: 3) ? .seconds(1 + draw.below(300)) : nil,
      latencySlack: .milliseconds(draw.below(6)),
      approvals: draw.once(in: 5)
        ? ApprovalRule(count: 1 + draw.below(2), from: draw.once(in: 3) ? ["bob", "carol"] : [])
        : nil,
      blast: draw.once(in: 4)
        ? BlastCap(
          requests: draw.once(in: 2) ? 1 + draw.below(900) : nil, errors: 1 + draw.below(200))
        : nil,
      promotion: canCertify && draw.once(in: 6) ? PromotionRule(margin: 2, risk: 0.05) : nil,
      warmUp: draw.once(in: 2) ? 0 : draw.below(300), holdPolicy: holdPolicy(&draw),
      segments: draw.once(in: 8)
        ? PlanSegments(by: "x", values: ["1", "2", "3"].dropLast(draw.below(3))) : nil,
      judge: draw.once(in: 14)
        ? ComparisonRule(
          judge: .flagger(limit: 0.25, threshold: 3), interval: .seconds(10)) : nil,
      after: draw.once(in: 16) ? [Name.simulated(draw.once(in: 2) ? "a" : "b")] : nil)
  }

  private static func holdPolicy(_ draw: inout Draw) -> HoldPolicy? {
    guard draw.once(in: 3) else { return nil }
    return HoldPolicy(
      weight: draw.one(of: HoldPolicy.Weight.allCases) ?? .keep,
      then: draw.one(of: HoldPolicy.Ending.allCases) ?? .rollback)
  }

  private static func steps(_ draw: inout Draw) -> [PlanStep] {
    var weights: [BasisPoints] = []
    for _ in 0..<draw.below(4) {
      weights.append((weights.last ?? 0) + 1 + draw.below(draw.once(in: 3) ? 60 : 2_600))
    }
    // One plan in forty does not end at 100 % and is refused.
    if !draw.once(in: 40) { weights.append(Split.whole) }
    var steps: [PlanStep] = []
    if draw.once(in: 8) { steps.append(step(1 + draw.below(5_000), .shadow, nil, &draw)) }
    if draw.once(in: 10) { steps.append(step(1, .preview, nil, &draw)) }
    if draw.once(in: 8) {
      let rule = RequestRule([.input("x", anyOf: ["1"])])
      steps.append(step(100 + draw.below(5_000), nil, rule, &draw))
    }
    let test = draw.once(in: 8) ? draw.below(max(1, weights.count)) : -1
    for (index, weight) in weights.enumerated() {
      let isTest = index == test && weight < Split.whole
      steps.append(step(weight, isTest ? .abTest : nil, nil, &draw))
    }
    return steps
  }

  private static func step(
    _ weight: BasisPoints, _ strategy: Strategy?, _ rule: RequestRule?, _ draw: inout Draw
  ) -> PlanStep {
    let needs = draw.once(in: 7)
    return PlanStep(
      weight: weight, hold: .seconds(draw.below(45)),
      minRequests: strategy == .preview || draw.once(in: 2) ? 0 : draw.below(150),
      needsApproval: needs, approvals: needs && draw.once(in: 2) ? 1 : nil, strategy: strategy,
      rule: rule)
  }

  private static func metrics(_ draw: inout Draw) -> [JudgedMetric] {
    switch draw.below(8) {
    case 0: return []
    case 1, 2, 3: return [JudgedMetric(metric: .errors, tolerance: 1.25, riskShare: 1)]
    case 4, 5:
      return [
        JudgedMetric(metric: .errors, tolerance: 1, riskShare: 0.5),
        JudgedMetric(metric: .wrongAnswers, tolerance: 1.5, riskShare: 0.5),
      ]
    case 6:
      return [
        JudgedMetric(metric: .latency, tolerance: 1.25, riskShare: 0.5),
        JudgedMetric(metric: .wrongAnswers, tolerance: 1.25, riskShare: 0.5),
      ]
    default:
      return [
        JudgedMetric(metric: .errors, tolerance: 1.25, riskShare: 0.5),
        JudgedMetric(metric: .predictions, tolerance: 1.25, riskShare: 0.25),
        JudgedMetric(metric: .scores, tolerance: 1.25, riskShare: 0.25),
      ]
    }
  }
}
