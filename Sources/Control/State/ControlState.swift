import Core

/// An immutable version in the registry.
public struct RegisteredVersion: Sendable, Hashable, Codable {
  /// Its name.
  public let version: VersionID
  /// What it was made of.
  public let draft: VersionDraft
  /// When it was registered.
  public let registered: Timestamp
  /// Who registered it.
  public let by: ActorID

  /// Puts them together.
  public init(version: VersionID, draft: VersionDraft, registered: Timestamp, by: ActorID) {
    self.version = version
    self.draft = draft
    self.registered = registered
    self.by = by
  }
}

/// Everything that is decided: a fold over the journal.
///
/// Lists, not dictionaries, so that its canonical JSON is a function of its value.
public struct ControlState: Sendable, Hashable, Codable {
  /// The registry, by version.
  public internal(set) var versions: [RegisteredVersion]
  /// The endpoints, by name.
  public internal(set) var endpoints: [EndpointState]
  /// The freezes that were made and not removed, oldest first; some of them are over or to come.
  public internal(set) var freezes: [Freeze]
  /// Freezes so far.
  public internal(set) var freezeCount: Int
  /// What was retrained and what is proposed.
  public internal(set) var retraining: RetrainingBook
  /// How many events were applied.
  public internal(set) var sequence: Int
  /// The pseudonyms of persons whose names were erased, oldest first; nil for none.
  public internal(set) var forgotten: [String]?
  /// ``registry``; nil while nothing was said, as in states of older programs.
  private var registryState: RegistryState?

  /// What was said of versions: aliases, tags, approvals, gates, deletions.
  public internal(set) var registry: RegistryState {
    get { registryState ?? RegistryState() }
    // Taken out and put back, so that it is changed in place.
    _modify {
      var taken = registryState ?? RegistryState()
      registryState = nil
      defer { registryState = taken }
      yield &taken
    }
  }

  /// Nothing registered, nothing served.
  public init() {
    versions = []
    endpoints = []
    freezes = []
    freezeCount = 0
    retraining = RetrainingBook()
    sequence = 0
  }

  /// A registered version.
  public func version(_ id: VersionID) -> RegisteredVersion? {
    versions.first { $0.version == id }
  }

  /// An endpoint.
  public func endpoint(_ name: Name) -> EndpointState? {
    endpoints.first { $0.name == name }
  }

  /// The endpoints that have a version on them.
  public func endpoints(with version: VersionID) -> [Name] {
    endpoints.filter { $0.isDeployed(version) }.map(\.name)
  }

  /// The number that the model's next version gets.
  public func nextNumber(of model: Name) -> Int {
    1 + (versions.last { $0.version.model == model }?.version.number ?? 0)
  }
}
