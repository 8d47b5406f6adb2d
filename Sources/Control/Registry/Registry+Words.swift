import Core

extension RegistryEvent {
  /// One sentence, harmless for a terminal.
  var news: String {
    switch self {
    case .aliasSet(let change):
      let before = change.before.map { ", was \($0.short)" } ?? ""
      return "\(change.version.model)@\(change.alias) is \(change.version)\(before)"
    case .aliasRemoved(let change):
      return "\(change.version.model)@\(change.alias) removed, was \(change.version)"
    case .tagged(let change):
      let parts =
        change.set.map(\.description) + change.removed.map { "without \(printable($0, limit: 63))" }
      return "\(change.version) tagged \(parts.prefix(8).joined(separator: ", "))"
    case .approvalDecided(let change):
      return "\(change.version) \(change.status.rawValue), was \(change.before.rawValue)"
    case .gatesRun(let change): return gateNews(change)
    case .checklistSet(let change):
      let count = change.checklist.map { "\($0.items.count) items" } ?? "the standard items"
      let eyes = change.checklist?.fourEyes == true ? ", four eyes" : ""
      return "\(change.version) has a checklist of \(count)\(eyes)"
    case .signed(let change):
      return "\(change.version): \"\(printable(change.item, limit: 100))\" signed off, "
        + "\(change.signed) of \(change.items)"
    case .unsigned(let change):
      return
        "\(change.version): signature of \"\(printable(change.item, limit: 100))\" taken back, "
        + "\(change.signed) of \(change.items)"
    case .deleted(let version): return "\(version) deleted"
    case .retentionSet(let rule): return "retention of \(rule.model) \(rule.words)"
    case .retentionRemoved(let rule): return "retention of \(rule.model) removed"
    case .policySet(let change):
      return change.requirements.isEmpty
        ? "requires nothing of a version any more"
        : "requires \(change.requirements.words) of every version"
    }
  }

  private func gateNews(_ change: GateChange) -> String {
    let run = change.run
    let failed = run.failed
    var text =
      "gates \(printable(run.gates, limit: 63)) (\(run.digest.short)) on \(change.version): "
    text += run.passed ? "passed" : "FAILED"
    text += ", \(run.lines.count - failed.count) of \(run.lines.count) pass"
    if let rows = run.rows { text += "; rows \(printable(rows, limit: 100))" }
    if let against = run.against { text += "; against \(against)" }
    let signed = run.lines.filter { $0.passed && $0.measured.hasPrefix("signed by ") }
    if !signed.isEmpty {
      text += "; signed: "
      text += signed.prefix(8).map {
        "\(printable($0.gate, limit: 60)) \(printable(String($0.measured.dropFirst(7)), limit: 60))"
      }.joined(separator: ", ")
    }
    if !failed.isEmpty {
      text += "; failed: "
      text += run.lines.filter { !$0.passed }.prefix(8).map {
        "\(printable($0.gate, limit: 60)) \(printable($0.measured, limit: 60))"
      }.joined(separator: ", ")
    }
    return text
  }

  /// How bad it is.
  var severity: EventSeverity {
    switch self {
    case .gatesRun(let change): change.run.passed ? .ok : .warn
    case .approvalDecided(let change): change.status == .rejected ? .warn : .ok
    case .deleted: .warn
    case .policySet(let change):
      Set(change.before).isSubset(of: change.requirements) ? .ok : .warn
    default: .ok
    }
  }

  /// The command line that does the same; nil where none does without the files.
  func commandLine(_ endpoint: Name?, reason: String) -> String? {
    switch self {
    case .aliasSet(let change): return "sluice model alias \(change.version) \(change.alias)"
    case .aliasRemoved(let change):
      return "sluice model alias \(change.version) \(change.alias) --remove"
    case .tagged(let change):
      var line = "sluice model tag \(change.version)"
      for tag in change.set { line += " \(shellQuoted("\(tag.key)=\(tag.value)"))" }
      if !change.removed.isEmpty {
        line += " --remove \(shellQuoted(change.removed.joined(separator: ",")))"
      }
      return line
    case .approvalDecided(let change):
      return "sluice model approve \(change.version) --status \(change.status.rawValue)\(reason)"
    case .gatesRun, .checklistSet: return nil
    case .signed(let change):
      return "sluice checklist sign \(change.version) \(shellQuoted(change.item))"
    case .unsigned(let change):
      return "sluice checklist unsign \(change.version) \(shellQuoted(change.item))\(reason)"
    case .deleted(let version): return "sluice model delete \(version)\(reason)"
    case .retentionSet(let rule):
      return "sluice model retention set \(rule.model) --keep \(rule.keep)"
        + (rule.days.map { " --days \($0)" } ?? "")
    case .retentionRemoved(let rule): return "sluice model retention remove \(rule.model)"
    case .policySet(let change):
      guard let endpoint else { return nil }
      let words = change.requirements.map(\.rawValue).joined(separator: " ")
      return "sluice endpoint require \(endpoint) \(words.isEmpty ? "nothing" : words)\(reason)"
    }
  }
}
