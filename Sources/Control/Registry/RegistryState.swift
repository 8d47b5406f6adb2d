import Core

/// A movable name of one version of a model: `champion`.
public struct ModelAlias: Sendable, Hashable, Codable {
  /// The name; begins with a letter, so that it is never read as a number.
  public let alias: Name
  /// What it stands for now.
  public let version: VersionID
  /// Who set it, or whose command moved it.
  public let by: ActorID
  /// Since when.
  public let since: Timestamp

  /// `flight-delay@champion`.
  public var written: String { "\(version.model)@\(alias)" }
}

/// How many versions of a model stay when `retention run` is called.
public struct RetentionRule: Sendable, Hashable, Codable {
  /// The model.
  public let model: Name
  /// The newest versions that always stay.
  public let keep: Int
  /// Versions younger than so many days stay as well; nil lets the count alone decide.
  public let days: Int?

  /// Puts the three together.
  public init(model: Name, keep: Int, days: Int? = nil) {
    self.model = model
    self.keep = keep
    self.days = days
  }
}

/// What every version must show before it gets weight on an endpoint.
public struct EndpointPolicy: Sendable, Hashable, Codable {
  /// The endpoint.
  public let endpoint: Name
  /// What is required, each once.
  public let requirements: [Requirement]
}

/// What the registry knows beside the versions themselves.
public struct RegistryState: Sendable, Hashable, Codable {
  /// What became of versions, by version; versions of which nothing was said have none.
  public internal(set) var records: [VersionRecord] = []
  /// By model, then alias.
  public internal(set) var aliases: [ModelAlias] = []
  /// By model.
  public internal(set) var retention: [RetentionRule] = []
  /// By endpoint.
  public internal(set) var policies: [EndpointPolicy] = []

  /// Nothing said of anything.
  public init() {}

  /// What became of a version; empty when nothing was said of it.
  public func record(of version: VersionID) -> VersionRecord {
    let place = place(of: version)
    if place < records.count, records[place].version == version { return records[place] }
    return VersionRecord(version: version)
  }

  /// The version that an alias of a model stands for.
  public func version(_ model: Name, alias: Name) -> VersionID? {
    aliases(ofModel: model).first { $0.alias == alias }?.version
  }

  /// The aliases of a model, by name.
  public func aliases(ofModel model: Name) -> ArraySlice<ModelAlias> {
    var (low, high) = (0, aliases.count)
    while low < high {
      let middle = (low + high) / 2
      if aliases[middle].version.model < model { low = middle + 1 } else { high = middle }
    }
    return aliases[low...].prefix { $0.version.model == model }
  }

  /// The aliases of a version, by name.
  public func aliases(of version: VersionID) -> [Name] {
    aliases(ofModel: version.model).filter { $0.version == version }.map(\.alias)
  }

  /// What an endpoint requires of every version.
  public func requirements(of endpoint: Name) -> [Requirement] {
    policies.first { $0.endpoint == endpoint }?.requirements ?? []
  }

  /// Changes a version's record, making it where there is none.
  mutating func update(_ version: VersionID, _ body: (inout VersionRecord) -> Void) {
    let place = place(of: version)
    if place == records.count || records[place].version != version {
      records.insert(VersionRecord(version: version), at: place)
    }
    body(&records[place])
  }

  /// Where the record of a version is, or belongs: the first that does not come before it.
  private func place(of version: VersionID) -> Int {
    var (low, high) = (0, records.count)
    while low < high {
      let middle = (low + high) / 2
      if records[middle].version < version { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension ControlState {
  /// What became of versions: tags, approvals, gates, deletions.
  public var records: [VersionRecord] { registry.records }

  /// Whether a version was deleted.
  public func isDeleted(_ version: VersionID) -> Bool {
    registry.record(of: version).deletion != nil
  }

  /// The versions that can be used, by version.
  public var usableVersions: [RegisteredVersion] {
    let deleted = Set(registry.records.lazy.filter { $0.deletion != nil }.map(\.version))
    return deleted.isEmpty ? versions : versions.filter { !deleted.contains($0.version) }
  }

  /// Reads `model@number` or `model@alias`.
  /// - Throws: ``ControlError`` when there is no such alias or the text is neither.
  public func resolve(_ text: String) throws(ControlError) -> VersionID {
    if let version = try? VersionID(text) { return version }
    guard let at = text.lastIndex(of: "@"), let model = try? Name(String(text[..<at])),
      let alias = try? Name(String(text[text.index(after: at)...]))
    else {
      throw ControlError(
        .badInput,
        "\"\(printable(text, limit: 130))\" is not a version: expected MODEL@NUMBER or "
          + "MODEL@ALIAS, like flight-delay@3 or flight-delay@champion")
    }
    if let version = registry.version(model, alias: alias) { return version }
    let known = registry.aliases(ofModel: model).map(\.alias.text)
    throw ControlError(
      .unknown,
      "\(model) has no alias \"\(alias)\" "
        + (known.isEmpty ? "(it has none)" : "(it has: \(known.joined(separator: ", ")))")
        + ": set it with \"sluice model alias \(model)@N \(alias)\"")
  }
}
