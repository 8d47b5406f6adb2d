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

  /// Puts them together.
  public init(
    version: VersionID, digest: Digest, bytes: Int, registered: Timestamp, summary: String,
    metrics: [String: Double], loadedOn: [Name]
  ) {
    self.version = version
    self.digest = digest
    self.bytes = bytes
    self.registered = registered
    self.summary = summary
    self.metrics = metrics
    self.loadedOn = loadedOn
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
  /// What was registered: digests of its files, its parent; nil from an older node.
  public var draft: VersionDraft?

  /// Puts them together.
  public init(
    registered: RegisteredVersionView, signature: Signature, card: String, hasReference: Bool,
    damage: String?, draft: VersionDraft? = nil
  ) {
    self.registered = registered
    self.draft = draft
    self.signature = signature
    self.card = card
    self.hasReference = hasReference
    self.damage = damage
  }
}
