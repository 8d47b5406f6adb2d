import Control
import Core
import Node

/// The story of a version as a tree; everything in it is made harmless.
enum LineageText {
  /// A line with the lines under it.
  private struct Branch {
    var text: String
    var under: [Branch] = []

    init(_ text: String, _ under: [Branch] = []) {
      self.text = text
      self.under = under
    }
  }

  private static let shownMax = 100

  static func page(_ lineage: VersionLineage) -> String {
    let version = lineage.registered
    var text =
      "\(version.version)  registered \(version.registered) by \(version.by)\n"
    draw(
      [
        origin(lineage), files(version.draft), people(lineage.record), gates(lineage.record),
        rollouts(lineage.rollouts), served(lineage.served),
        Branch(
          lineage.children.isEmpty
            ? "no version was made from it"
            : "made from it: \(lineage.children.map(\.short).joined(separator: ", "))"),
      ] + deletion(lineage.record), "", into: &text)
    return text
  }

  private static func draw(_ branches: [Branch], _ indent: String, into text: inout String) {
    for (index, branch) in branches.enumerated() {
      let isLast = index == branches.count - 1
      let room = max(30, 80 - indent.count - 3)
      for (number, line) in wrapped(branch.text, width: room).enumerated() {
        let mark = number == 0 ? (isLast ? "└─ " : "├─ ") : (isLast ? "   " : "│  ")
        text += indent + mark + line + "\n"
      }
      draw(branch.under, indent + (isLast ? "   " : "│  "), into: &text)
    }
  }

  private static func origin(_ lineage: VersionLineage) -> Branch {
    var under: [Branch] = []
    if let parent = lineage.ancestors.first {
      let rest = lineage.ancestors.dropFirst().map(\.short).joined(separator: " ← ")
      under.append(Branch("parent \(parent)\(rest.isEmpty ? "" : " ← \(rest)")"))
    }
    if let training = lineage.registered.draft.origin?.training {
      if let command = training.command {
        under.append(Branch("trained by: \(printable(command, limit: 500))"))
      }
      if let data = training.data {
        let rows = training.dataRows.map { ", \(grouped($0)) rows" } ?? ""
        under.append(Branch("training data sha256 \(data)\(rows)"))
      }
      if training.began != nil || training.duration != nil {
        let began = training.began.map { "began \($0)" }
        let took = training.duration.map { "took \($0)" }
        under.append(Branch("training \([began, took].compactMap { $0 }.joined(separator: ", "))"))
      }
    }
    if let bundle = lineage.registered.draft.origin?.bundle {
      let signer = bundle.signer.map { "signed by key \($0.prefix(12))" } ?? "signature not checked"
      under.append(
        Branch(
          "bundle of \(bundle.version), made \(bundle.made) by \(printable(bundle.by, limit: 60)), "
            + signer))
    }
    return Branch(under.isEmpty ? "origin not recorded" : "origin", under)
  }

  private static func files(_ draft: VersionDraft) -> Branch {
    let files: [(String, Digest?)] = [
      ("model", draft.artifact), ("card", draft.card), ("reference", draft.reference),
      ("golden rows", draft.golden),
    ]
    return Branch(
      "files",
      files.compactMap { name, digest in digest.map { Branch("\(name)  \($0.short)") } })
  }

  private static func people(_ record: VersionRecord) -> Branch {
    var under: [Branch] = []
    for sign in record.signOffs {
      under.append(
        Branch("\"\(printable(sign.item, limit: 100))\" signed by \(sign.by) \(sign.time)"))
    }
    let by = record.approval.map { ", by \($0.by) \($0.time)" } ?? ""
    let reason = record.approval?.reason.map { ": \(printable($0))" } ?? ""
    return Branch("\(record.status.rawValue)\(by)\(reason)", under)
  }

  private static func gates(_ record: VersionRecord) -> Branch {
    let under = record.gates.map { gates in
      let run = gates.run
      let against = run.against.map { ", against \($0)" } ?? ""
      return Branch(
        "\(printable(run.gates, limit: 63)) (\(run.digest.short)) "
          + "\(run.passed ? "passed" : "FAILED") \(gates.time) by \(gates.by)\(against)",
        run.lines.filter { !$0.passed }.map {
          Branch(
            "\(printable($0.gate, limit: 60)): \(printable($0.measured, limit: 60)), wanted "
              + printable($0.limit, limit: 60))
        })
    }
    return Branch(under.isEmpty ? "no gates run" : "gates", under)
  }

  private static func rollouts(_ rollouts: [LineageRollout]) -> Branch {
    let under = rollouts.suffix(shownMax).map { rollout in
      let role =
        rollout.part == .candidate
        ? "ramped over \(rollout.other.short)" : "fallback of \(rollout.other.short)"
      let end = rollout.end.map { "\($0) \(rollout.ended.map(\.description) ?? "")" } ?? "runs"
      return Branch(
        "\(rollout.endpoint) \(rollout.started): \(role) by \(printable(rollout.plan, limit: 60)), "
          + "\(end)", rollout.summary.map { [Branch(printable($0, limit: 300))] } ?? [])
    }
    return Branch(under.isEmpty ? "no rollouts" : "\(rollouts.count) rollouts", under)
  }

  private static func served(_ spans: [ServedSpan]) -> Branch {
    let under = spans.suffix(shownMax).map { span in
      Branch(
        "\(span.endpoint)  \(span.from) to \(span.until.map(\.description) ?? "now")  up to "
          + percentText(span.peak))
    }
    return Branch(under.isEmpty ? "never served" : "served", under)
  }

  private static func deletion(_ record: VersionRecord) -> [Branch] {
    guard let deletion = record.deletion else { return [] }
    let reason = deletion.reason.map { ": \(printable($0))" } ?? ""
    return [Branch("DELETED \(deletion.time) by \(deletion.by)\(reason)")]
  }

  /// Who served an endpoint at a moment.
  static func served(_ endpoint: EndpointAsOf, at time: Timestamp) -> String {
    var text = "\(endpoint.endpoint) at \(time): "
    switch (endpoint.status, endpoint.split) {
    case (.serving, let split?):
      text += split.shares.map { "\($0.version) \(percentText($0.weight))" }.joined(separator: ", ")
    case (let status, _): text += "\(status.rawValue), nobody served"
    }
    text += "\n  since \(endpoint.from)  \(endpoint.change.actor)  "
    text += printable(endpoint.change.summary, limit: 400) + "\n"
    guard let until = endpoint.until, let ended = endpoint.endedBy else {
      return text + "  until now\n"
    }
    return text + "  until \(until)  \(ended.actor)  \(printable(ended.summary, limit: 400))\n"
  }
}
