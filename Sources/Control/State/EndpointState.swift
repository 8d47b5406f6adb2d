import Core

/// Whether an endpoint answers.
public enum EndpointStatus: String, Sendable, Codable {
  /// No version was ever deployed.
  case empty
  /// It answers.
  case serving
  /// A person stopped it; callers get 503.
  case drained
}

/// A version on an endpoint.
public struct Deployment: Sendable, Hashable, Codable {
  /// Which one.
  public let version: VersionID
  /// When it was put there.
  public internal(set) var since: Timestamp
  /// The endpoint's generation that put it there: in order even when clocks jump.
  public internal(set) var generation: Int?
  /// Since when it has had weight; nil while it has none.
  public internal(set) var liveSince: Timestamp?
  /// How long it had weight before that.
  public internal(set) var livedBefore: TimeSpan

  /// How long it has had weight here, up to `now`.
  public func live(at now: Timestamp) -> TimeSpan {
    guard let liveSince, now > liveSince else { return livedBefore }
    return TimeSpan(
      microseconds: saturated(livedBefore.microseconds, (now - liveSince).microseconds))
  }
}

/// What undo would give back.
public struct UndoEntry: Sendable, Hashable, Codable {
  /// When the change was made.
  public let changed: Timestamp
  /// What it was, in words.
  public let change: String
  /// The split before it.
  public let split: Split
  /// The stable before it.
  public let stable: VersionID
  /// The rollback targets before it.
  public let goodVersions: [VersionID]
  /// The generation whose split is given back, when a person chose one.
  public let generation: Int?

  init(
    changed: Timestamp, change: String, split: Split, stable: VersionID,
    goodVersions: [VersionID], generation: Int? = nil
  ) {
    self.changed = changed
    self.change = change
    self.split = split
    self.stable = stable
    self.goodVersions = goodVersions
    self.generation = generation
  }
}

/// A change as a stale refusal tells it.
public struct RecentChange: Sendable, Hashable, Codable {
  /// The endpoint's generation after it.
  public let generation: Int
  /// What it was, in words.
  public let summary: String
  /// Who made it.
  public let actor: ActorID
  /// Where a rollback went from there, when somewhere.
  public let rollbackTarget: VersionID?
  /// Which rollout ran then.
  public let rollout: Int?
  /// The split after it; nil while the endpoint was empty.
  public let split: Split?
  /// The stable after it.
  public let stable: VersionID?
}

/// Everything that is decided about one endpoint.
public struct EndpointState: Sendable, Hashable, Codable {
  /// Its name.
  public let name: Name
  /// When it was made.
  public let created: Timestamp
  /// Raised by each change.
  public internal(set) var generation: Int
  /// Whether a person stopped it.
  public internal(set) var isDrained: Bool
  /// What its callers send and get; fixed by the first version.
  public internal(set) var signature: Signature?
  /// The versions on it, by version.
  public internal(set) var deployed: [Deployment]
  /// The weights; nil while it is empty.
  public internal(set) var split: Split?
  /// The last good version: what candidates are compared with.
  public internal(set) var stable: VersionID?
  /// Earlier stables, newest first: where a rollback goes.
  public internal(set) var goodVersions: [VersionID]
  /// Versions that were rolled back: no weight until a new deploy or ramp.
  public internal(set) var closed: [VersionID]
  /// The running rollout.
  public internal(set) var rollout: Rollout?
  /// Rollouts so far.
  public internal(set) var rolloutCount: Int
  /// Ended rollouts, newest first.
  public internal(set) var ended: [EndedRollout]
  /// The last change that undo can take back.
  public internal(set) var lastChange: UndoEntry?
  /// The last changes, newest first.
  public internal(set) var recent: [RecentChange]
  /// Rules by hand, oldest first: what they match does not go by the split.
  public internal(set) var rules: [RouteRule]
  /// What is recorded of its requests; nil is nothing.
  public internal(set) var recording: RecordingPolicy?

  init(name: Name, created: Timestamp) {
    self.name = name
    self.created = created
    generation = 0
    isDrained = false
    deployed = []
    goodVersions = []
    closed = []
    rolloutCount = 0
    ended = []
    recent = []
    rules = []
  }

  /// Whether it answers.
  public var status: EndpointStatus {
    isDrained ? .drained : split == nil ? .empty : .serving
  }

  /// Whether a version is on it.
  public func isDeployed(_ version: VersionID) -> Bool {
    deployed.contains { $0.version == version }
  }

  /// Whether a version has no traffic here, and no running rollout that could give it some.
  public func isQuiet(_ version: VersionID) -> Bool {
    (split?.weight(of: version) ?? 0) == 0 && rollout?.candidates.contains(version) != true
  }

  /// `live`, `canary`, `standby`, `closed`, or `registered` when it is not on the endpoint.
  public func role(of version: VersionID) -> String {
    guard isDeployed(version) else { return "registered" }
    if closed.contains(version) { return "closed" }
    if let rollout, rollout.candidates.contains(version) { return "canary" }
    return (split?.weight(of: version) ?? 0) > 0 ? "live" : "standby"
  }
}
