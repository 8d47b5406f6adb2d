import Control
import Core
import Node

/// Retraining as lines for a person.
enum RetrainText {
  /// A line for each policy.
  static func list(_ overview: RetrainingOverview) -> String {
    if overview.policies.isEmpty {
      return "no retraining policies: put one into retraining/ of the state directory, like "
        + "samples/retraining/flight-delay.yaml\n"
    }
    var table = TextTable(["POLICY", "ENDPOINT", ">RUNS", "STATE", "NEXT", "LAST"])
    for view in overview.policies {
      table.add([
        view.name.text, view.endpoint.text, "\(view.runs)", state(view),
        view.next.map { "\($0)" } ?? "-", view.ended.first.map(result) ?? "-",
      ])
    }
    return table.text + (overview.proposals.isEmpty ? "" : "\n" + proposals(overview.proposals))
  }

  private static func state(_ view: RetrainingPolicyView) -> String {
    if let stage = view.stage { return stage }
    if view.command == nil { return "its file is gone" }
    if view.fault != nil { return "cannot begin" }
    return view.coolsUntil == nil ? "waits" : "cools down"
  }

  private static func result(_ run: EndedRetraining) -> String {
    let version = run.result.version.map { " \($0)" } ?? ""
    return "run \(run.began.run)\(version) \(run.result.words)"
  }

  /// All of one policy.
  static func page(_ view: RetrainingPolicyView) -> String {
    var lines = ["\(view.name) for \(view.endpoint): \(state(view))"]
    if let command = view.command { lines.append("command: \(printable(command, limit: 400))") }
    lines.append(
      "begins by hand" + view.triggers.map { ", by \($0)" }.joined())
    if let ending = view.ending, let plan = view.plan {
      lines.append(
        "then: \(ending == .ramp ? "a ramp by" : "a proposal of a ramp by") \(printable(plan))")
    }
    if let next = view.next { lines.append("next: \(next)") }
    if let cools = view.coolsUntil { lines.append("no trigger begins a run before \(cools)") }
    if let since = view.driftSince { lines.append("drift holds since \(since)") }
    if let through = view.learntThrough { lines.append("learnt from rows up to \(through)") }
    if let fault = view.fault { lines.append("cannot begin: \(printable(fault, limit: 400))") }
    if let running = view.running {
      let since = view.runningSince.map { " since \($0)" } ?? ""
      lines.append(
        "run \(running.run)\(since) (\(running.trigger.words)): "
          + printable(view.stage ?? "", limit: 80))
    }
    for run in view.ended {
      let rows = run.result.rows.map { ", \(grouped($0)) rows" } ?? ""
      lines.append(
        "\(run.start) \(result(run)) (\(run.began.trigger.words)\(rows), \(run.result.duration))")
    }
    return lines.map { $0 + "\n" }.joined()
  }

  /// What a run left to read.
  static func log(_ view: RetrainingLogView) -> String {
    var table = TextTable(["CHECK", "FOUND", "WANTED", "PASSED"])
    for line in view.quality {
      table.add([
        line.check, line.measured, line.limit.isEmpty ? "-" : line.limit,
        line.limit.isEmpty ? "-" : line.passed ? "yes" : "NO",
      ])
    }
    var text = "\(view.policy) run \(view.run), in \(printable(view.folder))\n"
    if !table.isEmpty { text += "\n" + table.text }
    let output = view.output.split(separator: "\n", omittingEmptySubsequences: false)
      .map { printable(String($0), limit: 1_000) }.joined(separator: "\n")
    return text + "\n" + (output.isEmpty ? "the command said nothing\n" : output + "\n")
  }

  /// What waits for a person.
  static func proposals(_ proposals: [RetrainingProposal]) -> String {
    if proposals.isEmpty { return "nothing is proposed\n" }
    var table = TextTable(["ENDPOINT", "PROPOSED", "PLAN", "POLICY", "SINCE"])
    for proposal in proposals {
      table.add([
        proposal.endpoint.text, "\(proposal.version)", proposal.plan, proposal.policy.text,
        "\(proposal.time)",
      ])
    }
    return table.text
      + "sluice retrain accept ENDPOINT VERSION starts the ramp, decline takes it off\n"
  }
}
