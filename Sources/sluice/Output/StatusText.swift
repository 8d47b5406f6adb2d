import Core
import Node

/// The state of a node as lines for a person.
enum StatusText {
  /// Everything that `sluice status` shows.
  static func text(of report: StatusCommands.Report) -> String {
    var text = head(report)
    if report.endpoints.isEmpty {
      return text + "no endpoints yet: sluice endpoint create NAME makes one\n"
    }
    for endpoint in report.endpoints {
      text += "\n" + title(endpoint.summary) + versions(endpoint.versions)
      if let rollout = endpoint.rollout { text += self.rollout(rollout) }
    }
    if !report.proposals.isEmpty { text += "\n" + RetrainText.proposals(report.proposals) }
    // Proposals are shown above, with a node as without.
    let symptoms = report.symptoms.filter { $0.kind != "proposal" }
    if !symptoms.isEmpty {
      text += "\n"
      for symptom in symptoms {
        let place = symptom.endpoint.map { "\($0): " } ?? ""
        text += "\(word(symptom.severity)) \(place)\(printable(symptom.sentence))\n"
      }
    }
    return text
  }

  /// A list of endpoints, a line each.
  static func endpoints(_ endpoints: [EndpointSummary]) -> String {
    if endpoints.isEmpty { return "no endpoints yet: sluice endpoint create NAME makes one\n" }
    var table = TextTable([
      "ENDPOINT", "STATE", ">GEN", "STABLE", "CANDIDATE", ">WEIGHT", ">REQ/S", ">P99 MS", ">ERRORS",
      "ROLLOUT", "HEALTH",
    ])
    for endpoint in endpoints {
      table.add([
        endpoint.name.text, endpoint.status, "\(endpoint.generation)",
        endpoint.stable.map(\.description) ?? "-", endpoint.candidate.map(\.description) ?? "-",
        endpoint.candidate == nil ? "-" : percentText(endpoint.candidateWeight),
        fixed(endpoint.requestsPerSecond, 1), fixed(endpoint.p99Milliseconds, 2),
        percent(endpoint.errorRate), endpoint.rollout ?? "-", word(endpoint.severity),
      ])
    }
    return table.text
  }

  private static func head(_ report: StatusCommands.Report) -> String {
    let node = report.node
    let who =
      report.running ? "node \(node.pid), profile \(printable(node.profile))" : "no node runs"
    var text = "\(printable(node.stateDirectory)): \(who), journal \(node.sequence)"
    if !node.trafficSource.isEmpty { text += ", \(printable(node.trafficSource))" }
    if !node.durable { text += ", THE JOURNAL CANNOT BE WRITTEN" }
    return text + "\n"
  }

  private static func title(_ endpoint: EndpointSummary) -> String {
    var text = "\(endpoint.name): \(printable(endpoint.status)), generation \(endpoint.generation)"
    text += ", \(fixed(endpoint.requestsPerSecond, 1)) requests/s"
    text += ", p99 \(fixed(endpoint.p99Milliseconds, 2)) ms, errors \(percent(endpoint.errorRate))"
    return text + ", \(word(endpoint.severity))\n"
  }

  private static func versions(_ versions: [VersionRow]) -> String {
    var table = TextTable([
      "  VERSION", "STATE", ">WEIGHT", ">REQ/S", ">P50 MS", ">P99 MS", ">ERRORS", ">WRONG",
      ">DRIFT",
    ])
    for row in versions where row.state != "registered" {
      table.add([
        "  \(row.version)", row.state, percentText(row.weight), fixed(row.requestsPerSecond, 1),
        fixed(row.p50Milliseconds, 2), fixed(row.p99Milliseconds, 2), percent(row.errorRate),
        percent(row.wrongRate), fixed(row.driftScore, 3),
      ])
    }
    return table.isEmpty ? "  no version is loaded\n" : table.text
  }

  private static func rollout(_ rollout: RolloutView) -> String {
    var text = "  rollout \(rollout.identifier): \(rollout.candidate) by "
    text += "\(printable(rollout.plan.name)), \(printable(rollout.phase)), step "
    text += "\(rollout.step + 1) of \(rollout.plan.steps.count) at "
    text += percentText(rollout.candidateWeight)
    if !rollout.cause.isEmpty { text += ": \(printable(rollout.cause))" }
    text += "\n"
    for evidence in rollout.evidence {
      text += "    \(evidence.metric.rawValue): evidence \(fixed(evidence.eValue, 2)) "
      text += "(holds at \(fixed(evidence.holdAt, 0)), rolls back at "
      text += "\(fixed(evidence.rollbackAt, 0))); candidate \(grouped(evidence.candidateBad)) of "
      text += "\(grouped(evidence.candidateTotal)), stable \(grouped(evidence.stableBad)) of "
      text += "\(grouped(evidence.stableTotal))\n"
    }
    return text
  }

  /// A severity as a word that is found by eye.
  static func word(_ severity: Severity) -> String {
    switch severity {
    case .ok: "ok"
    case .warn: "WARN"
    case .bad: "BAD"
    }
  }
}
