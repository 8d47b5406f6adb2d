import Control
import Core
import Node

/// Versions as tables for a person's terminal.
enum RegistryText {
  /// One row a version.
  static func table(_ versions: [RegisteredVersionView]) -> String {
    if versions.isEmpty { return "no versions found\n" }
    var table = TextTable([
      "VERSION", "ALIASES", "STATUS", "GATES", "CHECK", ">SIZE", "REGISTERED", "LOADED ON", "TAGS",
      "SUMMARY",
    ])
    for row in versions {
      let standing = row.standing
      table.add([
        row.version.description, joined(standing?.aliases.map(\.text)),
        standing?.deletion == nil ? standing?.status.rawValue ?? "-" : "deleted",
        standing?.gatesPassed.map { $0 ? "passed" : "FAILED" } ?? "-",
        standing.map { "\($0.itemsSigned)/\($0.items)" } ?? "-", byteText(row.bytes),
        row.registered.description, joined(row.loadedOn.map(\.text)),
        joined(standing?.tags.map(\.description)), row.summary,
      ])
    }
    return table.text
  }

  private static func joined(_ words: [String]?) -> String {
    (words ?? []).joined(separator: " ").ifEmpty("-")
  }

  /// A rule and what it makes of each version.
  static func retention(_ views: [RetentionView]) -> String {
    if views.isEmpty {
      return
        "no model has a retention, so nothing goes: sluice model retention set MODEL --keep N\n"
    }
    var text = ""
    for view in views {
      text += "\(view.rule.model) \(view.rule.words)\n"
      var table = TextTable(["", "VERSION", "REGISTERED", ">SIZE", "WHY"])
      for verdict in view.versions {
        table.add([
          verdict.stays == nil ? "goes" : "stays", verdict.version.description,
          verdict.registered.description, byteText(verdict.bytes), verdict.stays ?? "",
        ])
      }
      let freed = view.leaving.reduce(0) { $0 + $1.bytes }
      text += table.text + "\(view.leaving.count) would go, \(byteText(freed)) of model files\n"
    }
    return text
  }

  /// A checklist with who signed what.
  static func checklist(_ view: VersionRecordView) -> String {
    let rows = view.checklist
    var table = TextTable(["", "ITEM", "SIGNED BY", "WHEN"])
    for row in rows {
      table.add([
        row.signOff == nil ? "open" : "done", row.item, row.signOff?.by.description ?? "-",
        row.signOff?.time.description ?? "-",
      ])
    }
    let signed = rows.count { $0.signOff != nil }
    var text = "\(view.registered.version), \(signed) of \(rows.count) signed"
    if view.fourEyes { text += ", four eyes: not by \(view.registered.by)" }
    return text + "\n" + table.text
  }

  /// What people and gates say of a version, as lines of `model show`.
  static func standing(_ standing: VersionStanding) -> String {
    var text = ""
    if let deletion = standing.deletion {
      let reason = deletion.reason.map { ": \(printable($0))" } ?? ""
      text += "  DELETED     \(deletion.time) by \(deletion.by)\(reason)\n"
    }
    text += "  aliases     \(joined(standing.aliases.map(\.text)))\n"
    text += "  tags        \(joined(standing.tags.map(\.description)))\n"
    text += "  status      \(standing.status.rawValue)"
    if let approval = standing.approval {
      let reason = approval.reason.map { ": \(printable($0))" } ?? ""
      text += ", by \(approval.by) \(approval.time)\(reason)"
    }
    text += "\n  gates       \(standing.gates.map { "\(printable($0, limit: 63)): " } ?? "")"
    text += "\(standing.gateWords)\n"
    text += "  checklist   \(standing.itemsSigned) of \(standing.items) signed\n"
    return text + "  served on   \(joined(standing.servedOn.map(\.text)))\n"
  }
}
