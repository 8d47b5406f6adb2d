import Control
import Core

/// One registered version, for the list of what can be deployed.
public struct RegisteredVersionView: Sendable, Codable {
  /// The version.
  public var version: VersionID
  /// SHA-256 of its model file.
  public var digest: Digest
  /// Size of the model file.
  public var bytes: Int
  /// When it was registered.
  public var registered: Timestamp
  /// One sentence about it, from its card.
  public var summary: String
  /// Its evaluation, by metric name.
  public var metrics: [String: Double]
  /// Endpoints where it is loaded.
  public var loadedOn: [Name]
  /// Aliases, tags, status, gates, checklist; nil from an older node.
  public var standing: VersionStanding?
  /// What else the registry's list tells; nil from an older node.
  public var traits: VersionTraits?

  /// Puts them together.
  public init(
    version: VersionID, digest: Digest, bytes: Int, registered: Timestamp, summary: String,
    metrics: [String: Double], loadedOn: [Name], standing: VersionStanding? = nil
  ) {
    self.version = version
    self.digest = digest
    self.bytes = bytes
    self.registered = registered
    self.summary = summary
    self.metrics = metrics
    self.loadedOn = loadedOn
    self.standing = standing
  }
}

/// A registered version with its card.
public struct VersionDetail: Sendable, Codable {
  /// The version as the registry lists it.
  public var registered: RegisteredVersionView
  /// Its inputs and outputs.
  public var signature: Signature
  /// The card's Markdown; empty when there is none.
  public var card: String
  /// Whether drift can be measured against its training data.
  public var hasReference: Bool
  /// Nil when the artifact's bytes still match the digest, else what is wrong.
  public var damage: String?
  /// Why it could not be loaded when that was last tried; nil when it could or was not tried.
  public var fault: String?
  /// Its golden rows; nil when it has none.
  public var golden: GoldenView?
  /// What runs it, when that was chosen; nil lets the engine choose.
  public var backend: Backend?
  /// What was registered: digests of its files, its parent; nil from an older node.
  public var draft: VersionDraft?

  /// Puts them together.
  public init(
    registered: RegisteredVersionView, signature: Signature, card: String, hasReference: Bool,
    damage: String?, backend: Backend? = nil, draft: VersionDraft? = nil
  ) {
    self.registered = registered
    self.draft = draft
    self.signature = signature
    self.card = card
    self.hasReference = hasReference
    self.damage = damage
    self.backend = backend
  }
}

/// A version's golden rows.
public struct GoldenView: Sendable, Codable, Equatable {
  /// SHA-256 of the file as it is kept.
  public let digest: Digest
  /// What they gave when the version was last loaded; nil when it is not loaded, or they failed.
  public let result: GoldenResult?
  /// What must run them; nil lets the engine choose.
  public let backend: Backend?

  /// Puts them together.
  public init(digest: Digest, result: GoldenResult?, backend: Backend?) {
    self.digest = digest
    self.result = result
    self.backend = backend
  }
}
