import Core

extension Decision {
  func registryEvent(_ command: RegistryCommand) throws(ControlError) -> Event {
    switch command {
    case .setAlias(let alias, let version): return try setAlias(alias, version)
    case .removeAlias(let alias, let model): return try removeAlias(alias, model)
    case .tag(let version, let set, let remove): return try tag(version, set, remove)
    case .decideApproval(let version, let status, let reason):
      return try decideApproval(version, status, reason)
    case .recordGates(let version, let run): return try recordGates(version, run)
    case .setChecklist(let version, let checklist): return try setChecklist(version, checklist)
    case .sign(let version, let item): return try sign(version, item)
    case .unsign(let version, let item, let reason): return try unsign(version, item, reason)
    case .delete(let version, let reason): return try delete(version, reason)
    case .setRetention(let rule): return try setRetention(rule)
    case .removeRetention(let model): return try removeRetention(model)
    case .setPolicy(let name, let requirements, let reason):
      return try setPolicy(name, requirements, reason)
    }
  }

  private func said(
    _ change: RegistryEvent, on endpoint: Name? = nil, reason: String? = nil
  ) -> Event {
    Event(
      body: .registry(change), endpoint: endpoint, actor: context.actor, time: context.now,
      reason: reason.map { clipped($0) })
  }

  // MARK: Names and tags

  private func setAlias(_ alias: Name, _ version: VersionID) throws(ControlError) -> Event {
    _ = try registered(version)
    guard let first = alias.text.utf8.first, (0x61...0x7A).contains(first) else {
      throw ControlError(
        .badInput, "the alias \"\(alias)\" must begin with a letter: @3 would be a number")
    }
    let before = state.registry.version(version.model, alias: alias)
    guard before != version else {
      throw ControlError(.refused, "\(version.model)@\(alias) is \(version) already")
    }
    let count = state.registry.aliases(ofModel: version.model).count
    guard before != nil || count < ControlLimits.aliasesPerModelMax else {
      throw ControlError(
        .refused,
        "\(version.model) has \(ControlLimits.aliasesPerModelMax) aliases, the most allowed: "
          + "remove one first")
    }
    return said(.aliasSet(AliasChange(alias: alias, version: version, before: before)))
  }

  private func removeAlias(_ alias: Name, _ model: Name) throws(ControlError) -> Event {
    let version = try state.resolve("\(model)@\(alias)")
    return said(.aliasRemoved(AliasChange(alias: alias, version: version, before: version)))
  }

  private func tag(
    _ version: VersionID, _ set: [Tag], _ remove: [String]
  ) throws(ControlError) -> Event {
    _ = try registered(version)
    let now = state.registry.record(of: version).tags
    guard Set(set.map(\.key) + remove).count == set.count + remove.count else {
      throw ControlError(.badInput, "a tag is named twice: each key once")
    }
    if let missing = remove.first(where: { key in !now.contains { $0.key == key } }) {
      let keys = now.map(\.key).joined(separator: ", ")
      throw ControlError(
        .unknown,
        "\(version) has no tag \"\(printable(missing, limit: 63))\" "
          + (keys.isEmpty ? "(it has none)" : "(it has: \(keys))"))
    }
    let new = set.filter { !now.contains($0) }
    guard !new.isEmpty || !remove.isEmpty else {
      throw ControlError(
        set.isEmpty ? .badInput : .refused,
        set.isEmpty
          ? "no tag is given: give some as key=value" : "\(version) has these tags already"
      )
    }
    let added = new.filter { tag in !now.contains { $0.key == tag.key } }.count
    guard now.count + added - remove.count <= ControlLimits.tagsMax else {
      throw ControlError(
        .refused, "\(version) has \(now.count) tags, at most \(ControlLimits.tagsMax) are allowed")
    }
    return said(.tagged(TagChange(version: version, set: new.sorted(), removed: remove.sorted())))
  }

  // MARK: Approval

  private func decideApproval(
    _ version: VersionID, _ status: ReviewStatus, _ reason: String?
  ) throws(ControlError) -> Event {
    let found = try registered(version)
    let record = state.registry.record(of: version)
    guard record.status != status else {
      let by = record.approval.map { ", by \($0.by)" } ?? ""
      throw ControlError(.refused, "\(version) is \(status.rawValue) already\(by)")
    }
    if status == .approved {
      guard context.actor.kind == .person else {
        throw ControlError(
          .refused, "only a person can approve, not the \(context.actor.kind.rawValue)")
      }
      try checkFourEyes(found, record, "approve")
    }
    guard status != .rejected || isGiven(reason) else {
      throw ControlError(.badInput, "rejecting \(version) needs a reason, --reason \"...\"")
    }
    if status == .archived, let place = state.endpoints.first(where: { $0.carries(version) }) {
      throw ControlError(
        .refused,
        "\(version) has traffic on \(place.name) or is where it would go back to: it cannot be "
          + "archived yet")
    }
    return said(
      .approvalDecided(
        ApprovalChange(version: version, status: status, before: record.status)), reason: reason)
  }

  private func checkFourEyes(
    _ found: RegisteredVersion, _ record: VersionRecord, _ doing: String
  ) throws(ControlError) {
    guard record.checklist?.fourEyes == true, found.by.name == context.actor.name else { return }
    throw ControlError(
      .refused,
      "\(context.actor) imported \(found.version), and its checklist asks for four eyes: somebody "
        + "else has to \(doing) it")
  }

  // MARK: Gates and checklist

  private func recordGates(_ version: VersionID, _ run: GateRun) throws(ControlError) -> Event {
    _ = try registered(version)
    guard !run.gates.isEmpty, run.lines.count <= ControlLimits.gateLinesMax else {
      throw ControlError(
        .badInput,
        "a run of gates has a name and at most \(ControlLimits.gateLinesMax) lines")
    }
    if let checklist = run.checklist { try checkLegal(checklist) }
    let kept = GateRun(
      gates: clipped(run.gates, 63), digest: run.digest, against: run.against,
      rows: run.rows.map { clipped($0, 200) },
      lines: run.lines.map {
        GateLine(
          gate: clipped($0.gate, 200), passed: $0.passed, measured: clipped($0.measured, 200),
          limit: clipped($0.limit, 200))
      }, checklist: run.checklist)
    return said(.gatesRun(GateChange(version: version, run: kept)))
  }

  private func checkLegal(_ checklist: Checklist) throws(ControlError) {
    guard checklist.items.count <= ControlLimits.checklistItemsMax,
      Set(checklist.items).count == checklist.items.count,
      checklist.items.allSatisfy({ isGiven($0) && $0.unicodeScalars.count <= 100 })
    else {
      throw ControlError(
        .badInput,
        "a checklist has at most \(ControlLimits.checklistItemsMax) items of 1 to 100 characters, "
          + "each once")
    }
  }

  private func setChecklist(
    _ version: VersionID, _ checklist: Checklist?
  ) throws(ControlError) -> Event {
    _ = try registered(version)
    if let checklist { try checkLegal(checklist) }
    guard state.registry.record(of: version).checklist != checklist else {
      throw ControlError(.refused, "\(version) has that checklist already")
    }
    return said(.checklistSet(ChecklistChange(version: version, checklist: checklist)))
  }

  private func listed(
    _ version: VersionID, _ item: String
  ) throws(ControlError) -> (RegisteredVersion, VersionRecord) {
    let found = try registered(version)
    let record = state.registry.record(of: version)
    guard record.items.contains(item) else {
      let items = record.items.prefix(20).map { "\"\(printable($0, limit: 100))\"" }
      throw ControlError(
        .unknown,
        "the checklist of \(version) has no item \"\(printable(item, limit: 100))\"; it has: "
          + items.joined(separator: ", "))
    }
    return (found, record)
  }

  private func sign(_ version: VersionID, _ item: String) throws(ControlError) -> Event {
    let (found, record) = try listed(version, item)
    guard context.actor.kind == .person else {
      throw ControlError(
        .refused, "only a person can sign, not the \(context.actor.kind.rawValue)")
    }
    try checkFourEyes(found, record, "sign")
    if let given = record.signOffs.first(where: { $0.item == item }) {
      throw ControlError(
        .refused, "\"\(printable(item, limit: 100))\" was signed by \(given.by) on \(given.time)")
    }
    return said(
      .signed(
        SignOffChange(
          version: version, item: item, signed: record.signOffs.count + 1,
          items: record.items.count)))
  }

  private func unsign(
    _ version: VersionID, _ item: String, _ reason: String?
  ) throws(ControlError) -> Event {
    let (_, record) = try listed(version, item)
    guard record.signOffs.contains(where: { $0.item == item }) else {
      throw ControlError(
        .refused, "\"\(printable(item, limit: 100))\" of \(version) is not signed")
    }
    return said(
      .unsigned(
        SignOffChange(
          version: version, item: item, signed: record.signOffs.count - 1,
          items: record.items.count)), reason: reason)
  }

  // MARK: Deletion and policies

  private func delete(_ version: VersionID, _ reason: String?) throws(ControlError) -> Event {
    _ = try registered(version)
    let blockers = state.deletionBlockers(of: version)
    guard blockers.isEmpty else {
      throw ControlError(
        .refused, "\(version) is not deleted: \(blockers.joined(separator: "; "))")
    }
    return said(.deleted(version), reason: reason)
  }

  private func setRetention(_ rule: RetentionRule) throws(ControlError) -> Event {
    guard state.versions.contains(where: { $0.version.model == rule.model }) else {
      throw ControlError(.unknown, "there is no model \"\(rule.model)\": see sluice model list")
    }
    guard (1...ControlLimits.versionsPerModelMax).contains(rule.keep),
      (1...36_500).contains(rule.days ?? 1)
    else {
      throw ControlError(
        .badInput,
        "retention keeps 1 to \(ControlLimits.versionsPerModelMax) versions and 1 to 36500 days")
    }
    guard !state.registry.retention.contains(rule) else {
      throw ControlError(.refused, "\(rule.model) has that retention already: \(rule.words)")
    }
    return said(.retentionSet(rule))
  }

  private func removeRetention(_ model: Name) throws(ControlError) -> Event {
    guard let rule = state.registry.retention.first(where: { $0.model == model }) else {
      throw ControlError(.refused, "\(model) has no retention: nothing goes by itself")
    }
    return said(.retentionRemoved(rule))
  }

  private func setPolicy(
    _ name: Name, _ requirements: [Requirement], _ reason: String?
  ) throws(ControlError) -> Event {
    _ = try known(name)
    let before = state.registry.requirements(of: name)
    let ordered = Requirement.allCases.filter(requirements.contains)
    guard ordered != before else {
      throw ControlError(
        .refused,
        "\(name) requires \(ordered.isEmpty ? "nothing" : ordered.words) already")
    }
    // Asking for less raises risk, so it says why.
    guard Set(before).isSubset(of: ordered) || isGiven(reason) else {
      throw ControlError(
        .refused, "requiring less than \(before.words) on \(name) needs a reason, --reason \"...\"")
    }
    return said(
      .policySet(PolicyChange(requirements: ordered, before: before)), on: name, reason: reason)
  }
}

extension [Requirement] {
  /// `gates, approved`.
  var words: String { map(\.rawValue).joined(separator: ", ") }
}

extension RetentionRule {
  /// `keeps the 5 newest, and all of the last 30 days`.
  public var words: String {
    "keeps the \(keep) newest" + (days.map { ", and all of the last \($0) days" } ?? "")
  }
}
