import Core
import Node

/// `sluice runbook …`.
enum RunbookCommands {
  static let group = CommandGroup(
    name: "runbook", summary: "Runbooks: from a symptom to checks and guarded actions")
  static let all: [CommandDeclaration] = [list, dryRun, run]

  private static let runbook = Positional(
    "runbook", .text.named("RUNBOOK"), help: "a runbook's name")
  private static let endpoint = ControlCommands.endpoint
  private static let shown = Option<Name>(
    "endpoint", .name.named("ENDPOINT"), help: "the endpoint whose symptoms propose runbooks")

  static let list = CommandDeclaration(
    "runbook list", summary: "Shows the runbooks, those first whose symptom is present",
    parameters: [shown],
    examples: [("sluice runbook list", "names, symptoms and what each is for")]
  ) { call in
    let runbooks = try call.withNode {
      try $0.snapshot(SnapshotRequest(endpoint: call[shown], points: 1, eventLimit: 0))
    }.runbooks
    var table = TextTable(["RUNBOOK", "SYMPTOM", "PROPOSED", ">STEPS", "LAST RUN", "TITLE"])
    for row in runbooks {
      table.add([
        row.name, row.symptom, row.proposed ? "yes" : "-", "\(row.steps.count)",
        row.lastRun ?? "-", row.title,
      ])
    }
    try call.tell(runbooks, text: table.isEmpty ? "no runbooks\n" : table.text)
    return .done
  }

  static let dryRun = CommandDeclaration(
    "runbook dry-run", summary: "Makes a runbook's checks and says what it would do",
    parameters: [runbook, endpoint],
    examples: [("sluice runbook dry-run high-error-rate flight-delay", "changes nothing")]
  ) { call in
    try carryOut(call, dryRun: true)
  }

  static let run = CommandDeclaration(
    "runbook run", summary: "Carries out a runbook on an endpoint",
    discussion: ["The exit code is 1 when one of its checks failed or an action was refused."],
    parameters: [runbook, endpoint],
    examples: [("sluice runbook run high-error-rate flight-delay", "each action is journalled")]
  ) { call in
    try carryOut(call, dryRun: false)
  }

  private static func carryOut(_ call: Invocation, dryRun: Bool) throws -> ExitCode {
    let request = NodeRequest.runbook(
      name: call[required: runbook], endpoint: call[required: endpoint], dryRun: dryRun,
      actor: ActorID.currentPerson())
    let run = try call.withNode { client in
      guard case .runbookRun(let run) = try client.send(request) else { throw client.mismatch }
      return run
    }
    var text = ""
    for (index, step) in run.steps.enumerated() {
      text += "\(index + 1). \(printable(step.text)): \(printable(step.result))"
      text += step.detail.isEmpty ? "\n" : " (\(printable(step.detail)))\n"
    }
    try call.tell(run, text: text + printable(run.outcome) + "\n")
    let failed = run.steps.contains { $0.result == "fail" || $0.result == "refused" }
    return failed ? .notSo : .done
  }
}
