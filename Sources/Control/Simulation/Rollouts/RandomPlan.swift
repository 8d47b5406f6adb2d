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
      warmUp: draw.once(in: 2) ? 0 : draw.below(300))
  }

  private static func steps(_ draw: inout Draw) -> [PlanStep] {
    var weights: [BasisPoints] = []
    for _ in 0..<draw.below(4) {
      weights.append((weights.last ?? 0) + 1 + draw.below(draw.once(in: 3) ? 60 : 2_600))
    }
    // One plan in forty does not end at 100 % and is refused.
    if !draw.once(in: 40) { weights.append(Split.whole) }
    return weights.map { weight in
      let needs = draw.once(in: 7)
      return PlanStep(
        weight: weight, hold: .seconds(draw.below(45)),
        minRequests: draw.once(in: 2) ? 0 : draw.below(150), needsApproval: needs,
        approvals: needs && draw.once(in: 2) ? 1 : nil)
    }
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
