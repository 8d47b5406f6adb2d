import Control
import Core
import Documents

/// A plan as a person writes it (YAML).
public enum PlanFile {
  /// Reads a plan file.
  /// - Throws: a ``Failure`` with file, line and column of what is wrong.
  public static func load(path: String) throws -> Plan {
    try parse(try TextFile.read(path, limitBytes: 1 << 20), file: path)
  }

  /// A plan that comes with the program.
  public static func builtIn(name: String) -> Plan? {
    BuiltInLibrary.plans.first { $0.name == name }
  }

  /// Reads a plan from the bytes of a file called `file`.
  /// - Throws: a ``Failure`` with line and column.
  public static func parse(_ bytes: [UInt8], file: String) throws -> Plan {
    guard let node = try YAMLParser.parse(bytes, file: file) else {
      throw InvalidValue("\(printable(file)): the file is empty; a plan needs name and steps")
    }
    let root = try node.mapping(allowed: [
      "name", "summary", "steps", "metrics", "hold_risk", "rollback_risk", "soak",
      "hold_deadline", "latency_slack", "approvals", "blast", "promote", "warm_up", "hold_policy",
      "segments", "judge", "after", "requires",
    ])
    let plan = Plan(
      name: try root.required("name").name().text,
      summary: try root.optional("summary")?.string(limitBytes: 200) ?? "",
      steps: try root.required("steps").items(limit: ControlLimits.planStepsMax).map(step),
      metrics: try root.optional("metrics")?.items(limit: Metric.allCases.count).map(metric) ?? [],
      holdRisk: try root.optional("hold_risk").map(risk) ?? 0.05,
      rollbackRisk: try root.optional("rollback_risk").map(risk) ?? 0.01,
      soak: try root.optional("soak")?.duration() ?? .zero,
      holdDeadline: try root.optional("hold_deadline")?.duration(),
      latencySlack: try root.optional("latency_slack")?.duration() ?? .milliseconds(5),
      approvals: try root.optional("approvals").map(approvals),
      blast: try root.optional("blast").map(blast),
      promotion: try root.optional("promote").map(promotion),
      warmUp: try root.optional("warm_up")?.int(in: 0...Plan.warmUpMax) ?? Plan.defaultWarmUp,
      holdPolicy: try root.optional("hold_policy").map(holdPolicy),
      segments: try root.optional("segments").map(segments),
      judge: try root.optional("judge").flatMap(judge),
      after: try root.optional("after")?.items(limit: ControlLimits.dependenciesMax).map {
        try $0.name()
      },
      requirements: try root.optional("requires")?.items(limit: 10).map {
        try $0.choice(Requirement.self)
      })
    do {
      try plan.validate()
    } catch {
      throw node.error(NodeError(describing: error).message)
    }
    return plan
  }

  private static func step(_ node: DocumentNode) throws -> PlanStep {
    let step = try node.mapping(allowed: [
      "weight", "shadow", "preview", "ab", "when", "hold", "min_requests", "approval", "approvals",
    ])
    let (strategy, weight) = try doing(step, node)
    return PlanStep(
      weight: weight,
      hold: try step.optional("hold")?.duration() ?? .zero,
      minRequests: try step.optional("min_requests")?.int(in: 0...1_000_000_000) ?? 0,
      needsApproval: try step.optional("approval")?.bool() ?? false,
      approvals: try step.optional("approvals")?.int(in: 1...ControlLimits.approversMax),
      strategy: strategy, rule: try step.optional("when").map(rule))
  }

  /// What a step does: exactly one of `weight`, `shadow`, `preview` and `ab`.
  private static func doing(
    _ step: DocumentMapping, _ node: DocumentNode
  ) throws -> (Strategy?, BasisPoints) {
    let given = ["weight", "shadow", "preview", "ab"].filter { step.optional($0) != nil }
    guard given.count == 1 else {
      throw node.error(
        "a step has exactly one of weight, shadow, preview and ab, got "
          + (given.isEmpty ? "none" : given.joined(separator: " and ")))
    }
    switch given[0] {
    case "shadow": return (.shadow, try step.required("shadow").percent())
    case "ab": return (.abTest, try step.required("ab").percent())
    case "preview":
      let value = try step.required("preview")
      guard try value.bool() else { throw value.error("write preview: true, or another step") }
      return (.preview, 0)
    default: return (nil, try step.required("weight").percent())
    }
  }

  private static func rule(_ node: DocumentNode) throws -> RequestRule {
    do { return try RequestRule(try node.string(limitBytes: 100_000)) } catch let error
      as InvalidValue
    {
      throw node.error(error.message)
    }
  }

  private static func holdPolicy(_ node: DocumentNode) throws -> HoldPolicy {
    let policy = try node.mapping(allowed: ["weight", "then"])
    return HoldPolicy(
      weight: try policy.optional("weight")?.choice(HoldPolicy.Weight.self) ?? .keep,
      then: try policy.optional("then")?.choice(HoldPolicy.Ending.self) ?? .rollback)
  }

  private static func segments(_ node: DocumentNode) throws -> PlanSegments {
    let segments = try node.mapping(allowed: ["by", "values"])
    return PlanSegments(
      by: try segments.required("by").string(limitBytes: RequestRule.textMaxBytes),
      values: try segments.required("values").items(limit: ControlLimits.segmentsMax).map {
        try $0.string(limitBytes: RequestRule.textMaxBytes)
      })
  }

  /// A comparison rule with what is not said as its documentation shows it; nil for `evidence`.
  private static func judge(_ node: DocumentNode) throws -> ComparisonRule? {
    if case .scalar = node.content {
      return ComparisonSettings(try node.choice(ComparisonSettings.Tool.self)).rule
    }
    let rule = try node.mapping(allowed: [
      "rule", "interval", "limit", "failures", "window", "confidence", "tolerance", "points",
    ])
    var said = ComparisonSettings(
      try rule.required("rule").choice(ComparisonSettings.Tool.self))
    said.interval = try rule.optional("interval")?.duration()
    said.limit = try rule.optional("limit").map(risk)
    said.failures = try rule.optional("failures")?.int(in: said.failuresRange)
    said.window = try rule.optional("window")?.int(in: ComparisonSettings.windowRange)
    said.confidence = try rule.optional("confidence").map(risk)
    said.tolerance = try rule.optional("tolerance")?.double(in: ComparisonSettings.toleranceRange)
    said.points = try rule.optional("points")?.int(in: ComparisonSettings.pointsRange)
    return said.rule
  }

  private static func approvals(_ node: DocumentNode) throws -> ApprovalRule {
    let rule = try node.mapping(allowed: ["count", "from"])
    let limit = ControlLimits.approversMax
    return ApprovalRule(
      count: try rule.required("count").int(in: 1...limit),
      from: try rule.optional("from")?.items(limit: limit).map {
        try $0.string(limitBytes: 100)
      } ?? [])
  }

  private static func blast(_ node: DocumentNode) throws -> BlastCap {
    let cap = try node.mapping(allowed: ["requests", "errors"])
    return BlastCap(
      requests: try cap.optional("requests")?.int(in: 1...1_000_000_000),
      errors: try cap.optional("errors")?.int(in: 1...1_000_000_000))
  }

  private static func metric(_ node: DocumentNode) throws -> JudgedMetric {
    let metric = try node.mapping(allowed: ["metric", "tolerance", "risk_share", "limit"])
    return JudgedMetric(
      metric: try metric.required("metric").choice(Metric.self),
      tolerance: try metric.optional("tolerance")?.double(in: 1...ControlLimits.toleranceMax)
        ?? 1.25,
      riskShare: try metric.optional("risk_share").map(risk) ?? 1,
      limit: try metric.optional("limit").map(risk))
  }

  private static func promotion(_ node: DocumentNode) throws -> PromotionRule {
    let rule = try node.mapping(allowed: ["margin", "risk"])
    let standard = PromotionRule()
    return PromotionRule(
      margin: try rule.optional("margin")?.double(in: 1...ControlLimits.toleranceMax)
        ?? standard.margin,
      risk: try rule.optional("risk").map(self.risk) ?? standard.risk)
  }

  private static func risk(_ node: DocumentNode) throws -> Double {
    Double(try node.percent()) / Double(Split.whole)
  }
}
