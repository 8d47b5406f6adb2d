import Core

extension Event {
  /// The command line that does the same, for audit and for copying; nil where none does (an import
  /// needs the file, a version comes back from a hold by itself).
  ///
  /// Everything that a person typed is quoted for the shell and made harmless for the terminal.
  public var commandLine: String? {
    if case .registry(let event) = body {
      return event.commandLine(endpoint, reason: reasonOption)
    }
    guard let endpoint else {
      if case .noted(let text) = body { return "sluice note \(shellQuoted(text))" }
      return freezeCommand
    }
    switch body {
    case .versionRegistered: return nil
    case .freezeAdded, .freezeRemoved: return freezeCommand
    case .approved: return "sluice approve \(endpoint)" + reasonOption
    case .endpointCreated: return "sluice endpoint create \(endpoint)"
    case .endpointDrained: return "sluice endpoint drain \(endpoint)"
    case .endpointEnabled: return "sluice endpoint enable \(endpoint)"
    case .deployed(let deployed): return "sluice deploy \(endpoint) \(deployed.version)"
    case .unloaded(let version): return "sluice model unload \(endpoint) \(version)"
    case .split, .undone:
      guard let after else { return nil }
      if case .undone(let entry) = body {
        let to = entry.generation.map { " --to \($0)" } ?? ""
        return "sluice undo \(endpoint)\(to)" + overrideOption
      }
      return "sluice split \(endpoint) \(after)" + overrideOption
    case .rampStarted(let start):
      let versions = ([start.candidate] + (start.rivals ?? [])).map(\.description)
      let at = start.schedule.map { " --at \($0)" } ?? ""
      return "sluice ramp \(endpoint) \(versions.joined(separator: " ")) --plan "
        + shellQuoted(start.plan.name) + at
        + after(start)
    case .candidateDropped(let drop):
      return drop.cause == .operator
        ? "sluice drop \(endpoint) \(drop.version)" + reasonOption : nil
    case .ruleAdded(let rule): return ruleCommand(rule, endpoint)
    case .ruleRemoved(let rule):
      if let key = rule.pinnedKey { return "sluice unpin \(endpoint) --key \(shellQuoted(key))" }
      return "sluice rule remove \(endpoint) \(rule.name)" + reasonOption
    case .retraining(let change): return change.commandLine(on: endpoint)
    case .noted(let text): return "sluice note \(endpoint) \(shellQuoted(text))"
    case .runbookRun(let run): return "sluice runbook run \(shellQuoted(run.runbook)) \(endpoint)"
    case .recordingSet(let change): return recordCommand(endpoint, change.policy)
    default: return rolloutCommand(endpoint)
    }
  }

  private func recordCommand(_ endpoint: Name, _ policy: RecordingPolicy?) -> String {
    guard let policy else { return "sluice record off \(endpoint)" }
    let without = policy.withheld.joined(separator: ",")
    // A span is written in its two greatest units.
    let isExact = (try? TimeSpan("\(policy.maxAge)")) == policy.maxAge
    let age = isExact ? "\(policy.maxAge)" : "\(policy.maxAge.microseconds)us"
    return "sluice record on \(endpoint) --share \(percentText(policy.share)) --keep "
      + byteText(policy.keepBytes).filter { $0 != " " } + " --max-age \(age)"
      + (without.isEmpty ? "" : " --drop-columns \(shellQuoted(without))")
  }

  private func rolloutCommand(_ endpoint: Name) -> String? {
    switch body {
    case .held(let change):
      return [.noData, .recovered, .freeze, .budgetSpent].contains(change.hold)
        ? nil : "sluice pause \(endpoint)" + reasonOption
    case .resumed(let change):
      guard change.hold != .noData, actor.kind != .system else { return nil }
      return "sluice resume \(endpoint)" + reasonOption + overrideOption
    case .stepped(let change):
      return "sluice step \(endpoint)" + (change.step < change.fromStep ? " --back" : "")
        + reasonOption
    case .weightSet(let change):
      return "sluice step \(endpoint) --weight \(percentText(change.weight))" + reasonOption
    case .retreatStarted(let change):
      let over = change.retreat.map { " --over \($0.over)" } ?? ""
      return "sluice rollback \(endpoint)\(over)" + reasonOption
    case .retreated, .escalated, .holdExtended: return nil
    case .promoted(let change) where change.dropped != nil:
      return "sluice promote \(endpoint) --version \(change.candidate)" + reasonOption
    case .soaking, .completed, .promoted: return "sluice promote \(endpoint)" + reasonOption
    case .rolledBack(let rollback) where rollback.cause == .superseded: return nil
    case .rolledBack(let rollback):
      return "sluice rollback \(endpoint) --to \(rollback.target)" + reasonOption
    case .aborted: return "sluice abort \(endpoint)" + reasonOption
    default: return nil
    }
  }

  private func after(_ start: RampStart) -> String {
    let names = (start.dependencies ?? []).map(\.endpoint.text)
    return names.isEmpty ? "" : " --after \(names.joined(separator: ","))"
  }

  private func ruleCommand(_ rule: RouteRule, _ endpoint: Name) -> String {
    if let key = rule.pinnedKey, let version = rule.split.versions.first {
      return "sluice pin \(endpoint) \(version) --key \(shellQuoted(key))"
    }
    return "sluice rule add \(endpoint) \(rule.name) \(rule.split) --when "
      + shellQuoted(rule.rule.description) + reasonOption
  }

  private var freezeCommand: String? {
    switch body {
    case .freezeAdded(let freeze) where freeze.isLineStop:
      return "sluice stop-the-line" + reasonOption
    case .freezeAdded(let freeze):
      return "sluice freeze add '\(freeze.window)' --endpoint "
        + (freeze.endpoint?.text ?? "all") + reasonOption
    case .freezeRemoved(let freeze):
      return
        (freeze.isLineStop ? "sluice stop-the-line --release" : "sluice freeze remove \(freeze.id)")
        + reasonOption
    default: return nil
    }
  }

  private var overrideOption: String {
    guard let override else { return "" }
    return " --override-freeze \(shellQuoted(override.reason))"
  }

  private var reasonOption: String {
    guard let reason, isGiven(reason) else { return "" }
    return " --reason \(shellQuoted(reason))"
  }
}

/// `text` as one word of a POSIX shell, harmless for the terminal.
func shellQuoted(_ text: String) -> String {
  let text = printable(text, limit: ControlLimits.reasonLengthMax)
  let isPlain =
    !text.isEmpty
    && text.utf8.allSatisfy { byte in
      (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
        || [0x2D, 0x2E, 0x2F, 0x3A, 0x40, 0x5F].contains(byte)
    }
  if isPlain, !text.hasPrefix("-") { return text }
  var quoted = "'"
  for character in text.unicodeScalars {
    if character == "'" { quoted += "'\\''" } else { quoted.unicodeScalars.append(character) }
  }
  return quoted + "'"
}
