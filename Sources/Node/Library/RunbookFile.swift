import Control
import Core
import Documents

/// A runbook as a person writes it (YAML).
public enum RunbookFile {
  /// Reads a runbook from the bytes of a file called `file`.
  /// - Throws: a ``Failure`` with line and column.
  public static func parse(_ bytes: [UInt8], file: String) throws -> Runbook {
    guard let node = try YAMLParser.parse(bytes, file: file) else {
      throw InvalidValue("\(printable(file)): the file is empty; a runbook needs name and steps")
    }
    let root = try node.mapping(allowed: ["name", "title", "symptom", "steps"])
    let name = try root.required("name").name().text
    let runbook = Runbook(
      name: name, title: try root.optional("title")?.string(limitBytes: 200) ?? name,
      symptom: try root.optional("symptom")?.string(limitBytes: 100) ?? "",
      steps: try root.required("steps").items(limit: Runbook.stepsMax).map(step))
    do {
      try runbook.validate()
    } catch {
      throw node.error(error.message)
    }
    return runbook
  }

  private static let checkKeys = ["metric", "above", "below", "at_least", "at_most", "over"]

  private static func step(_ node: DocumentNode) throws -> RunbookStep {
    let step = try node.mapping(
      allowed: ["check", "action", "note", "command", "when"] + checkKeys)
    if let text = step.optional("check") {
      return .check(try check(step), text: try text.string(limitBytes: 200))
    }
    if let text = step.optional("action") {
      let action = try step.required("command").choice(RunbookAction.self)
      var guards: [RunbookCheck] = []
      if let when = step.optional("when") {
        guards.append(try check(try when.mapping(allowed: checkKeys)))
      }
      return .action(action, guards: guards, text: try text.string(limitBytes: 200))
    }
    if let text = step.optional("note") { return .note(try text.string(limitBytes: 500)) }
    throw node.error("a step is a check, an action or a note")
  }

  private static func check(_ mapping: DocumentMapping) throws -> RunbookCheck {
    let comparisons: [(key: String, comparison: Comparison)] = [
      ("above", .above), ("below", .below), ("at_least", .atLeast), ("at_most", .atMost),
    ]
    let metric = try mapping.required("metric").choice(RunbookMetric.self)
    for (key, comparison) in comparisons {
      guard let limit = mapping.optional(key) else { continue }
      return RunbookCheck(
        metric: metric, comparison: comparison, value: try value(limit),
        window: try mapping.optional("over")?.duration())
    }
    throw mapping.node.error("a check needs above, below, at_least or at_most")
  }

  /// A number, or a percentage as a share of 1.
  private static func value(_ node: DocumentNode) throws -> Double {
    if try node.string().hasSuffix("%") { return Double(try node.percent()) / Double(Split.whole) }
    return try node.double()
  }
}
