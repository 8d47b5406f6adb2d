import Control
import Core

/// Legal plans of every shape, drawn from a seed.
struct RandomPlan {
  private var random: SplitMix64
  /// Whether all shares are those that a file can hold.
  private let isOfFile: Bool

  init(seed: UInt64, isOfFile: Bool = false) {
    random = SplitMix64(seed: seed)
    self.isOfFile = isOfFile
  }

  mutating func plan() -> Plan {
    let metrics = self.metrics()
    let deadline = maybe { $0.span() }
    let names = ["ana", "bob", "carol", "d.e-f"].shuffled(using: &random)
    let approvals = maybe { ApprovalRule(count: $0.pick(1...2), from: Array(names.prefix(2))) }
    let steps = self.steps()
    return Plan(
      name: "p\(pick(1...99))", summary: pick(["", "all: of \"it\" # - %", "5 % and 10 %", "1"]),
      steps: steps, metrics: metrics, holdRisk: share(0.04...0.2),
      rollbackRisk: share(0.001...0.03), soak: pick(1...2) == 1 ? .zero : span(),
      holdDeadline: deadline, latencySlack: span(), approvals: approvals,
      blast: maybe {
        $0.pick(1...2) == 1
          ? BlastCap(requests: $0.pick(1...9_000), errors: nil)
          : BlastCap(requests: $0.maybe { $0.pick(1...9) }, errors: $0.pick(1...90))
      },
      promotion: metrics.contains { !$0.metric.isTwoSided }
        ? maybe { PromotionRule(margin: 1.01 + $0.random.nextUnit(), risk: $0.share(0.01...0.5)) }
        : nil, warmUp: pick(0...9_000),
      holdPolicy: maybe {
        HoldPolicy(
          weight: $0.pick(HoldPolicy.Weight.allCases),
          then: deadline == nil ? .rollback : $0.pick(HoldPolicy.Ending.allCases))
      },
      segments: maybe { $0.segments() }, judge: maybe { $0.judge() } ?? nil,
      after: maybe { plan in
        ["churn", "fraud-score", "x"].prefix(plan.pick(0...3)).compactMap { try? Name($0) }
      },
      requirements: maybe { plan in
        Array(Requirement.allCases.shuffled(using: &plan.random).prefix(plan.pick(0...3)))
      })
  }

  // MARK: Parts

  private mutating func steps() -> [PlanStep] {
    var steps: [PlanStep] = []
    for _ in 0..<pick(0...2) {
      steps.append(
        pick(1...2) == 1
          ? PlanStep(weight: 0, hold: span(), strategy: .preview)
          : PlanStep(
            weight: pick(1...10_000), hold: span(), minRequests: pick(0...9), strategy: .shadow,
            rule: maybe { $0.rule() }))
    }
    if let rule = maybe({ $0.rule() }) { steps += rising(pick(1...2), rule: rule) }
    steps += rising(pick(0...3), rule: nil)
    steps.append(
      PlanStep(
        weight: Split.whole, hold: pick(1...2) == 1 ? .zero : span(),
        strategy: isOfFile ? nil : pick([nil, .canary])))
    return steps
  }

  private mutating func rising(_ count: Int, rule: RequestRule?) -> [PlanStep] {
    (0..<count).map { _ in pick(1...9_999) }.sorted().reduce(into: [PlanStep]()) { steps, weight in
      guard weight > steps.last?.weight ?? 0 else { return }
      let isTest = pick(1...4) == 1
      steps.append(
        PlanStep(
          weight: weight, hold: span(), minRequests: pick(0...5_000),
          needsApproval: pick(1...3) == 1, approvals: maybe { $0.pick(1...2) },
          strategy: isTest ? .abTest : nil, rule: rule))
    }
  }

  private mutating func rule() -> RequestRule {
    pick([
      RequestRule([.input("carrier", anyOf: ["AA", "U|A", "a b"])]),
      RequestRule([.header("x-beta", anyOf: ["1"]), .key(anyOf: ["alice", "="])]),
      RequestRule([.input("key", anyOf: [""])]),
    ])
  }

  private mutating func metrics() -> [JudgedMetric] {
    let chosen = Metric.allCases.shuffled(using: &random).prefix(pick(0...4))
    // Parts that sum to 1: in hundredths of a per cent, or what is left of it.
    var left = Split.whole
    return chosen.enumerated().map { index, metric in
      let later = chosen.count - 1 - index
      let points = later == 0 ? left : pick(1...(left - later))
      left -= points
      let part =
        chosen.count == 3 && !isOfFile ? 1.0 / 3 : Double(points) / Double(Split.whole)
      return JudgedMetric(
        metric: metric, tolerance: 1 + random.nextUnit(), riskShare: part,
        limit: metric == .disagreement ? maybe { $0.share(0.01...0.3) } : nil)
    }
  }

  private mutating func segments() -> PlanSegments {
    let values = ["AA", "U|A", "a\\b", "x y", "null", "1", "é\u{2028}\u{1F600}", "\"q\": [1]"]
    return PlanSegments(
      by: pick(["carrier", "a b", "by: x", "~"]),
      values: Array(values.shuffled(using: &random).prefix(pick(1...8))))
  }

  private mutating func judge() -> ComparisonRule? {
    var settings = ComparisonSettings(pick(ComparisonSettings.Tool.allCases))
    settings.interval = maybe { $0.span() }.map { $0 + .seconds(1) }
    settings.limit = maybe { $0.share(0.01...0.9) }
    settings.failures = maybe { $0.pick(1...1_000) }
    settings.window = maybe { $0.pick(ComparisonSettings.windowRange) }
    settings.confidence = maybe { $0.share(0.5...0.99) }
    settings.tolerance = maybe { $0.random.nextUnit() * 3 }
    settings.points = maybe { $0.pick(ComparisonSettings.pointsRange) }
    return settings.rule
  }

  // MARK: Draws

  private mutating func pick(_ range: ClosedRange<Int>) -> Int {
    Int.random(in: range, using: &random)
  }

  private mutating func pick<Value>(_ values: [Value]) -> Value {
    values[pick(0...values.count - 1)]
  }

  private mutating func maybe<Value>(_ value: (inout RandomPlan) -> Value) -> Value? {
    pick(1...2) == 1 ? value(&self) : nil
  }

  /// Of one, two or many units.
  private mutating func span() -> TimeSpan {
    pick([
      .minutes(pick(1...600)), .seconds(pick(1...90_000)), .milliseconds(pick(1...9_999)),
      TimeSpan(microseconds: Int64(pick(1...90_000_000_000))),
    ])
  }

  private mutating func share(_ range: ClosedRange<Double>) -> Double {
    let value = Double.random(in: range, using: &random)
    return isOfFile || pick(1...2) == 1
      ? (value * Double(Split.whole)).rounded() / Double(Split.whole) : value
  }
}
