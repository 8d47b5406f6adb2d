import Core

extension ControlState {
  /// Takes over what an event says of the registry.
  mutating func fold(_ change: RegistryEvent, _ event: Event) {
    switch change {
    case .aliasSet(let change): registry.move(change.alias, to: change.version, event)
    case .aliasRemoved(let change):
      registry.aliases.removeAll {
        $0.alias == change.alias && $0.version.model == change.version.model
      }
    case .retentionSet(let rule):
      registry.retention.removeAll { $0.model == rule.model }
      registry.retention.append(rule)
      registry.retention.sort { $0.model < $1.model }
    case .retentionRemoved(let rule): registry.retention.removeAll { $0.model == rule.model }
    case .policySet(let change):
      guard let name = event.endpoint else { return }
      registry.policies.removeAll { $0.endpoint == name }
      guard !change.requirements.isEmpty else { return }
      registry.policies.append(
        EndpointPolicy(endpoint: name, requirements: change.requirements))
      registry.policies.sort { $0.endpoint < $1.endpoint }
    default: registry.foldVersion(change, event)
    }
  }

  /// Takes over from a change of an endpoint who serves there.
  ///
  /// The alias `champion` follows the stable: when an endpoint's stable carries it and a version
  /// of the same model takes its place, the alias goes along.
  mutating func foldServing(_ event: Event, stableBefore: VersionID?) {
    guard let name = event.endpoint else { return }
    if let after = event.after {
      for share in after.shares where share.weight > 0 {
        if registry.record(of: share.version).servedOn.contains(name) { continue }
        registry.update(share.version) { record in
          let place = record.servedOn.firstIndex { $0 > name } ?? record.servedOn.count
          record.servedOn.insert(name, at: place)
        }
      }
    }
    guard let stableBefore, let stable = endpoint(name)?.stable, stable != stableBefore,
      stable.model == stableBefore.model,
      let alias = registry.aliases.first(where: {
        $0.alias.text == RegistryState.champion && $0.version == stableBefore
      })
    else { return }
    registry.move(alias.alias, to: stable, event)
  }
}

extension RegistryState {
  /// The alias that follows an endpoint's stable.
  public static let champion = "champion"

  fileprivate mutating func move(_ alias: Name, to version: VersionID, _ event: Event) {
    aliases.removeAll { $0.alias == alias && $0.version.model == version.model }
    let place =
      aliases.firstIndex { ($0.version.model, $0.alias) > (version.model, alias) } ?? aliases.count
    aliases.insert(
      ModelAlias(alias: alias, version: version, by: event.actor, since: event.time), at: place)
  }

  fileprivate mutating func foldVersion(_ change: RegistryEvent, _ event: Event) {
    guard let version = change.version else { return }
    update(version) { record in
      switch change {
      case .tagged(let change):
        let gone = Set(change.removed + change.set.map(\.key))
        record.tags = (record.tags.filter { !gone.contains($0.key) } + change.set).sorted()
      case .approvalDecided(let change):
        record.approval = VersionApproval(
          status: change.status, by: event.actor, time: event.time, reason: event.reason)
      case .gatesRun(let change):
        record.gates.insert(
          GateRecord(run: change.run, time: event.time, by: event.actor), at: 0)
        record.gates = Array(record.gates.prefix(ControlLimits.gateRecordsMax))
        if let checklist = change.run.checklist { record.take(checklist) }
      case .checklistSet(let change): record.take(change.checklist)
      case .signed(let change):
        record.signOffs.append(
          SignOff(item: change.item, by: event.actor, time: event.time))
      case .unsigned(let change): record.signOffs.removeAll { $0.item == change.item }
      case .deleted:
        record.deletion = VersionDeletion(
          by: event.actor, time: event.time, reason: event.reason)
      default: break
      }
    }
  }
}

extension VersionRecord {
  /// Another checklist; what is no item of it any more is not signed either.
  fileprivate mutating func take(_ checklist: Checklist?) {
    self.checklist = checklist
    let items = items
    signOffs.removeAll { !items.contains($0.item) }
  }
}

extension ControlLimits {
  /// Runs of the gates kept in the state of a version; the journal keeps all.
  public static let gateRecordsMax = 8
  /// Lines of one run of the gates.
  public static let gateLinesMax = 400
  /// Aliases of one model.
  public static let aliasesPerModelMax = 32
  /// Tags of one version.
  public static let tagsMax = 64
  /// Items of one checklist.
  public static let checklistItemsMax = 100
}
