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
      "hold_deadline", "latency_slack", "approvals", "blast", "promote", "warm_up",
      "requires",
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
      "weight", "hold", "min_requests", "approval", "approvals",
    ])
    return PlanStep(
      weight: try step.required("weight").percent(),
      hold: try step.optional("hold")?.duration() ?? .zero,
      minRequests: try step.optional("min_requests")?.int(in: 0...1_000_000_000) ?? 0,
      needsApproval: try step.optional("approval")?.bool() ?? false,
      approvals: try step.optional("approvals")?.int(in: 1...ControlLimits.approversMax))
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
    let metric = try node.mapping(allowed: ["metric", "tolerance", "risk_share"])
    return JudgedMetric(
      metric: try metric.required("metric").choice(Metric.self),
      tolerance: try metric.optional("tolerance")?.double(in: 1...ControlLimits.toleranceMax)
        ?? 1.25,
      riskShare: try metric.optional("risk_share").map(risk) ?? 1)
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
