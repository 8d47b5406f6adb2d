import Control
import Core
import Node

/// A picture of a node as plain text, for `sluice top --once` and `sluice status`: no escape
/// sequences, ASCII frame, columns aligned; text from outside made harmless.
public enum TopView {
  /// The whole picture, one string a line.
  /// - Parameter eventLimit: how many of the newest events are listed.
  public static func lines(_ snapshot: NodeSnapshot, eventLimit: Int = 5) -> [String] {
    var lines = [header(snapshot), ""]
    lines += table(endpoints(snapshot))
    if let detail = snapshot.detail { lines += self.detail(detail) }
    if !snapshot.symptoms.isEmpty {
      lines += ["", "symptoms"]
      for symptom in snapshot.symptoms {
        let word = symptom.severity.rawValue
        lines.append("  \(padded(word, 5)) \(printable(symptom.sentence, limit: 500))")
      }
    }
    let events = snapshot.events.prefix(max(0, eventLimit))
    if !events.isEmpty {
      lines += ["", "newest events"]
      for event in events {
        lines.append(
          "  \(event.time.clock)Z  \(event.actor)  \(printable(event.kind))  "
            + printable(event.summary, limit: 300))
      }
    }
    return lines
  }

  private static func header(_ snapshot: NodeSnapshot) -> String {
    let node = snapshot.node
    var parts = [
      "sluice \(printable(node.program))", printable(node.profile), "pid \(node.pid)",
      "up \(Format.age(snapshot.time - node.started))",
      "\(Format.fixed(node.processors, 1)) cores", Format.bytes(node.residentBytes),
      "journal \(node.sequence)",
    ]
    if !node.trafficSource.isEmpty { parts.append(printable(node.trafficSource)) }
    if !node.durable { parts.append("JOURNAL NOT WRITABLE") }
    return "\(snapshot.time)  " + parts.joined(separator: "  ")
  }

  private static func endpoints(_ snapshot: NodeSnapshot) -> [[String]] {
    var rows = [
      [
        "ENDPOINT", "STATUS", "STABLE", "CANDIDATE", "WT%", "REQ/S", "P99 MS", "ERR%", "STATE",
        "ROLLOUT",
      ]
    ]
    for line in snapshot.endpoints {
      rows.append([
        line.name.text, printable(line.status), line.stable?.short ?? Format.none,
        line.candidate?.short ?? Format.none,
        line.candidate == nil ? Format.none : Format.weight(line.candidateWeight),
        Format.rate(line.requestsPerSecond), Format.milliseconds(line.p99Milliseconds),
        Format.share(line.errorRate), line.severity.rawValue,
        printable(line.rollout ?? Format.none),
      ])
    }
    return rows
  }

  private static func detail(_ detail: EndpointDetail) -> [String] {
    var lines = [
      "", "\(detail.name)  \(printable(detail.status))  generation \(detail.generation)",
    ]
    var rows = [
      ["VERSION", "STATE", "WT%", "REQ/S", "P50 MS", "P99 MS", "ERR%", "WRONG%", "PSI", "SUMMARY"]
    ]
    for row in detail.versions {
      rows.append([
        row.version.description, printable(row.state), Format.weight(row.weight),
        Format.rate(row.requestsPerSecond), Format.milliseconds(row.p50Milliseconds),
        Format.milliseconds(row.p99Milliseconds), Format.share(row.errorRate),
        Format.share(row.wrongRate), Format.distance(row.driftScore),
        printable(row.summary, limit: 60),
      ])
    }
    lines += table(rows).map { "  " + $0 }
    if let rollout = detail.rollout { lines += self.rollout(rollout) }
    if let drift = detail.drift, let line = self.drift(drift) { lines.append(line) }
    return lines
  }

  private static func rollout(_ rollout: RolloutView) -> [String] {
    var line =
      "  rollout \(rollout.fallback) -> \(rollout.candidate)  "
      + "plan \(printable(rollout.plan.name))  "
      + "step \(min(rollout.step + 1, rollout.plan.steps.count))/\(rollout.plan.steps.count)  "
      + "\(printable(rollout.phase))  \(percentText(rollout.candidateWeight))"
    if let remaining = rollout.remaining { line += "  next \(Format.countdown(remaining))" }
    if !rollout.cause.isEmpty { line += "  \(printable(rollout.cause, limit: 300))" }
    var lines = [line]
    if let facts = rollout.facts { lines += self.facts(facts) }
    for item in rollout.evidence {
      lines.append(
        "    \(padded(MetricText.of(item.metric), 13)) E \(Format.evidence(item.eValue)) "
          + "(holds at \(Format.evidence(item.holdAt)), rolls back at "
          + "\(Format.evidence(item.rollbackAt)))  candidate "
          + "\(Format.count(item.candidateBad))/\(Format.count(item.candidateTotal)), stable "
          + "\(Format.count(item.stableBad))/\(Format.count(item.stableTotal))")
    }
    return lines
  }

  /// What it waits for, may cost and needs.
  private static func facts(_ facts: RolloutFacts) -> [String] {
    var parts: [String] = []
    if let approvals = facts.approvals, !approvals.isComplete {
      parts.append(ConsoleModel.words(approvals))
    }
    if let use = facts.warmUp {
      parts.append("warm-up \(Format.count(use.used)) of \(Format.count(use.limit)) answers")
    }
    if let use = facts.requests {
      parts.append("\(Format.count(use.used)) of \(Format.count(use.limit)) requests used")
    }
    if let use = facts.errors {
      parts.append("\(Format.count(use.used)) of \(Format.count(use.limit)) errors used")
    }
    if facts.isUnverified { parts.append("UNVERIFIED") }
    parts += facts.missing.map { "waits for: \($0)" }
    return parts.map { "    " + printable($0, limit: 300) }
  }

  private static func drift(_ drift: DriftView) -> String? {
    guard drift.enough else {
      return "  drift \(drift.version)  \(Format.count(drift.rows)) rows, not enough yet"
    }
    let worst = drift.features.filter { $0.severity != .ok }.prefix(5)
    guard !worst.isEmpty else { return "  drift \(drift.version)  quiet" }
    let list = worst.map {
      "\(printable($0.name, limit: 60)) PSI \(Format.distance($0.psi)) \($0.severity.rawValue)"
    }
    return "  drift \(drift.version)  " + list.joined(separator: ", ")
  }

  /// Columns as wide as their widest cell; numbers stand right, text left.
  private static func table(_ rows: [[String]]) -> [String] {
    guard let count = rows.first?.count else { return [] }
    let widths = (0..<count).map { column in
      rows.map { SafeText.columns(of: $0[column]) }.max() ?? 0
    }
    let isNumber = (0..<count).map { column in
      rows.dropFirst().allSatisfy {
        $0[column] == Format.none || $0[column].first?.isNumber == true
      }
        && rows.count > 1
    }
    return rows.map { row in
      var line = ""
      for (column, text) in row.enumerated() {
        let pad = String(repeating: " ", count: widths[column] - SafeText.columns(of: text))
        line += (column == 0 ? "" : "  ") + (isNumber[column] ? pad + text : text + pad)
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    SafeText.fitted(text, to: max(width, SafeText.columns(of: text)))
  }
}
