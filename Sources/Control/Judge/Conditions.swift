import Core

/// What the node knows of itself when it lets the guard look: everything that is neither state nor
/// evidence.
public struct Conditions: Sendable, Hashable, Codable {
  /// The versions that are loaded and whose last probe was answered rightly; nil when nobody asked,
  /// and then every version counts as prepared but one that is still warming.
  public var prepared: Set<VersionID>?
  /// What is wrong on the node that is no candidate's fault, in a sentence; nil when nothing is.
  public var incident: String?
  /// Why the node cannot bear more load, in a sentence; nil when it can.
  public var overCapacity: String?

  /// Puts them together.
  public init(
    prepared: Set<VersionID>? = nil, incident: String? = nil, overCapacity: String? = nil
  ) {
    self.prepared = prepared
    self.incident = incident
    self.overCapacity = overCapacity
  }
}
