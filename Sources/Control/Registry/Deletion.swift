import Core

extension EndpointState {
  /// Whether a version has traffic here, or traffic would go back to it.
  func carries(_ version: VersionID) -> Bool {
    (split?.weight(of: version) ?? 0) > 0 || stable == version
      || rollbackTargets().first == version || rollout?.candidate == version
      || rollout?.fallback == version
  }
}

extension ControlState {
  /// Why a version must stay, each as a clause that says what to do; empty when it can be deleted.
  public func deletionBlockers(of version: VersionID) -> [String] {
    var blockers: [String] = []
    for endpoint in endpoints {
      let name = endpoint.name
      if endpoint.rollout?.fallback == version {
        blockers.append("the ramp on \(name) would go back to it")
      } else if endpoint.rollout?.candidate == version {
        blockers.append("it is being ramped on \(name)")
      } else if endpoint.isDeployed(version) {
        let isTarget = endpoint.goodVersions.contains(version)
        blockers.append(
          isTarget
            ? "a rollback of \(name) can go to it"
            : "it is on \(name) (\(endpoint.role(of: version))): \"sluice unload \(name) "
              + "\(version)\""
        )
      } else if endpoint.goodVersions.contains(version) {
        blockers.append("a rollback of \(name) can go to it")
      } else if let last = endpoint.lastChange,
        last.stable == version || last.split.weight(of: version) > 0
          || last.goodVersions.contains(version)
      {
        blockers.append("an undo on \(name) would give it back")
      }
    }
    for alias in registry.aliases(of: version) {
      blockers.append(
        "it has the alias \(alias): \"sluice model alias \(version) \(alias) --remove\"")
    }
    if let tag = registry.record(of: version).tags.first(where: \.protects) {
      blockers.append("it is protected by the tag \(tag)")
    }
    return blockers
  }

  /// What a rule makes of each version of its model that is there, oldest first.
  public func retention(_ rule: RetentionRule, now: Timestamp) -> [RetentionVerdict] {
    let present = usableVersions.filter { $0.version.model == rule.model }
    let newest = Set(present.suffix(rule.keep).map(\.version))
    return present.map { registered in
      let version = registered.version
      var why = ""
      if newest.contains(version) {
        why = "one of the \(rule.keep) newest"
      } else if let days = rule.days,
        (now - registered.registered).microseconds < Int64(days) * 86_400_000_000
      {
        why = "younger than \(days) days"
      } else {
        why = deletionBlockers(of: version).joined(separator: "; ")
      }
      return RetentionVerdict(
        version: version, registered: registered.registered, bytes: registered.draft.artifactBytes,
        stays: why.isEmpty ? nil : why)
    }
  }

  /// The digests of files that versions which are there need.
  public var neededArtifacts: Set<Digest> {
    var needed: Set<Digest> = []
    for registered in usableVersions { needed.formUnion(registered.draft.files) }
    // Cards and bundles' descriptions are small, and tell what a deleted version was.
    for registered in versions {
      if let card = registered.draft.card { needed.insert(card) }
      if let document = registered.draft.origin?.bundle?.document { needed.insert(document) }
    }
    return needed
  }

  /// The files of deleted versions that no other version has.
  public var forgottenArtifacts: Set<Digest> {
    var files: Set<Digest> = []
    for record in registry.records where record.deletion != nil {
      if let draft = version(record.version)?.draft { files.formUnion(draft.files) }
    }
    return files.isEmpty ? files : files.subtracting(neededArtifacts)
  }
}

extension VersionDraft {
  /// The digests of all its files.
  public var files: Set<Digest> {
    Set([artifact, card, reference, golden, origin?.bundle?.document].compactMap { $0 })
  }
}

/// What a retention rule makes of a version.
public struct RetentionVerdict: Sendable, Hashable, Codable {
  /// The version.
  public let version: VersionID
  /// When it was registered.
  public let registered: Timestamp
  /// The size of its model file.
  public let bytes: Int
  /// Why it stays; nil when it goes.
  public let stays: String?
}
