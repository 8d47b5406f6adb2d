import Control
import Core

extension PlanFile {
  /// A plan as a file that ``parse(_:file:)`` reads back as the same plan.
  /// - Throws: ``InvalidValue`` for a plan that is not legal, or that holds what no file can say: a
  ///   name that is no ``Name``, a share finer than 0.01 %, a judge that files cannot ask for.
  public static func text(of plan: Plan) throws(InvalidValue) -> String {
    try plan.validate()
    var lines = ["name: \(YAMLScalar.text(try Name(plan.name).text))"]
    if !plan.summary.isEmpty { lines.append("summary: \(YAMLScalar.text(plan.summary))") }
    lines.append("steps:")
    for step in plan.steps { lines += item(fields(of: step)) }
    if !plan.metrics.isEmpty {
      lines.append("metrics:")
      for metric in plan.metrics { lines += try item(fields(of: metric)) }
    }
    lines.append("latency_slack: \(plan.latencySlack.exactText)")
    lines.append("hold_risk: \(try share(plan.holdRisk, "hold_risk"))")
    lines.append("rollback_risk: \(try share(plan.rollbackRisk, "rollback_risk"))")
    lines.append("warm_up: \(plan.warmUp)")
    lines += try guardLines(plan) + startLines(plan)
    let text = lines.joined(separator: "\n") + "\n"
    // What is saved must be what was seen: read it as it will be read.
    guard let read = try? parse(Array(text.utf8), file: plan.name), read == written(plan) else {
      throw InvalidValue(
        "the plan \"\(printable(plan.name, limit: 60))\" would not read back as the same plan")
    }
    return text
  }

  /// The plan with what files always say or cannot tell apart in the form that files give.
  private static func written(_ plan: Plan) -> Plan {
    Plan(
      name: plan.name, summary: plan.summary,
      steps: plan.steps.map { step in
        PlanStep(
          weight: step.weight, hold: step.hold, minRequests: step.minRequests,
          needsApproval: step.needsApproval, approvals: step.approvals,
          strategy: step.kind == .canary ? nil : step.strategy, rule: step.rule)
      }, metrics: plan.metrics, holdRisk: plan.holdRisk, rollbackRisk: plan.rollbackRisk,
      soak: plan.soak, holdDeadline: plan.holdDeadline, latencySlack: plan.latencySlack,
      approvals: plan.approvals, blast: plan.blast, promotion: plan.promotion,
      warmUp: plan.warmUp, holdPolicy: plan.holdPolicy, segments: plan.segments,
      judge: plan.judge, after: plan.after, requirements: plan.requirements)
  }

  private static func guardLines(_ plan: Plan) throws(InvalidValue) -> [String] {
    var lines: [String] = []
    if let promotion = plan.promotion {
      lines += [
        "promote:", "  margin: \(promotion.margin)",
        "  risk: \(try share(promotion.risk, "promote.risk"))",
      ]
    }
    if plan.soak > .zero { lines.append("soak: \(plan.soak.exactText)") }
    if let deadline = plan.holdDeadline { lines.append("hold_deadline: \(deadline.exactText)") }
    if let policy = plan.holdPolicy {
      lines += [
        "hold_policy:", "  weight: \(policy.weight.rawValue)", "  then: \(policy.then.rawValue)",
      ]
    }
    if let blast = plan.blast {
      lines.append("blast:")
      if let requests = blast.requests { lines.append("  requests: \(requests)") }
      if let errors = blast.errors { lines.append("  errors: \(errors)") }
    }
    if let segments = plan.segments {
      lines += [
        "segments:", "  by: \(YAMLScalar.text(segments.by))",
        "  values: \(YAMLScalar.list(segments.values))",
      ]
    }
    if let judge = plan.judge { lines += try judgeLines(judge) }
    return lines
  }

  private static func startLines(_ plan: Plan) -> [String] {
    var lines: [String] = []
    if let approvals = plan.approvals {
      lines += ["approvals:", "  count: \(approvals.count)"]
      if !approvals.from.isEmpty { lines.append("  from: \(YAMLScalar.list(approvals.from))") }
    }
    if let requirements = plan.requirements {
      lines.append("requires: \(YAMLScalar.list(requirements.map(\.rawValue)))")
    }
    if let after = plan.after { lines.append("after: \(YAMLScalar.list(after.map(\.text)))") }
    return lines
  }

  private static func judgeLines(_ rule: ComparisonRule) throws(InvalidValue) -> [String] {
    guard let said = ComparisonSettings(rule) else {
      throw InvalidValue("judge: a file can name flagger, argo and kayenta only")
    }
    var lines = ["judge:", "  rule: \(said.tool.rawValue)"]
    if let interval = said.interval { lines.append("  interval: \(interval.exactText)") }
    if let limit = said.limit { lines.append("  limit: \(try share(limit, "judge.limit"))") }
    if let failures = said.failures { lines.append("  failures: \(failures)") }
    if let window = said.window { lines.append("  window: \(window)") }
    if let confidence = said.confidence {
      lines.append("  confidence: \(try share(confidence, "judge.confidence"))")
    }
    if let tolerance = said.tolerance { lines.append("  tolerance: \(tolerance)") }
    if let points = said.points { lines.append("  points: \(points)") }
    return lines
  }

  private static func fields(of step: PlanStep) -> [String] {
    var fields: [String] = []
    switch step.kind {
    case .canary: fields.append("weight: \(percentText(step.weight))")
    case .shadow: fields.append("shadow: \(percentText(step.weight))")
    case .abTest: fields.append("ab: \(percentText(step.weight))")
    case .preview: fields.append("preview: true")
    }
    if let rule = step.rule { fields.append("when: \(YAMLScalar.text(rule.description))") }
    if step.hold > .zero { fields.append("hold: \(step.hold.exactText)") }
    if step.minRequests > 0 { fields.append("min_requests: \(step.minRequests)") }
    if let approvals = step.approvals {
      fields.append("approvals: \(approvals)")
    } else if step.needsApproval {
      fields.append("approval: true")
    }
    return fields
  }

  private static func fields(of judged: JudgedMetric) throws(InvalidValue) -> [String] {
    let name = judged.metric.rawValue
    var fields = ["metric: \(name)", "tolerance: \(judged.tolerance)"]
    if let limit = judged.limit { fields.append("limit: \(try share(limit, "\(name).limit"))") }
    fields.append("risk_share: \(try share(judged.riskShare, "\(name).risk_share"))")
    return fields
  }

  /// One item of a list of mappings.
  private static func item(_ fields: [String]) -> [String] {
    fields.enumerated().map { "  \($0.offset == 0 ? "- " : "  ")\($0.element)" }
  }

  /// `5%`, when that is all of it.
  private static func share(_ value: Double, _ field: String) throws(InvalidValue) -> String {
    let points = (value * Double(Split.whole)).rounded()
    guard points >= 0, points <= Double(Split.whole), points / Double(Split.whole) == value else {
      throw InvalidValue(
        "\(field): a file holds shares to 0.01%, and \(value * 100)% is finer: round it")
    }
    return percentText(Int(points))
  }
}

/// Texts as YAML that reads back as the same text.
enum YAMLScalar {
  /// A text in a block: plain where nothing in it has a meaning, else in double quotes.
  static func text(_ text: String) -> String { isPlain(text) ? text : quoted(text) }

  /// A list in brackets.
  static func list(_ texts: [String]) -> String {
    let items = texts.map { text in
      isPlain(text) && !text.contains(",") && !text.contains("%") ? text : quoted(text)
    }
    return "[\(items.joined(separator: ", "))]"
  }

  /// Letters, digits and harmless marks, with a letter or digit at both ends, and no word for
  /// nothing.
  private static func isPlain(_ text: String) -> Bool {
    func isWord(_ byte: UInt8?) -> Bool {
      guard let byte else { return false }
      return (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
        || (0x61...0x7A).contains(byte)
    }
    let bytes = text.utf8
    return isWord(bytes.first) && (isWord(bytes.last) || bytes.last == UInt8(ascii: "%"))
      && bytes.allSatisfy { isWord($0) || " ,.%/-_()@+;".utf8.contains($0) }
      && text.lowercased() != "null"
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x22, 0x5C: result += "\\" + String(scalar)
      case 0x0A: result += "\\n"
      case 0x09: result += "\\t"
      // Controls, line and paragraph separators, and what YAML does not print.
      case 0..<0x20, 0x7F...0xA0, 0x2028, 0x2029, 0xE000...0xF8FF, 0xFEFF, 0xFFF0...0xFFFF:
        result += "\\u" + hexadecimal(scalar.value, digits: 4)
      case 0x1_0000...: result += "\\U" + hexadecimal(scalar.value, digits: 8)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  private static func hexadecimal(_ value: UInt32, digits: Int) -> String {
    let text = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}
