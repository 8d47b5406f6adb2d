import Core

/// Somebody who looks at the node: a console or another client that keeps its connection.
public struct AttachedView: Sendable, Codable, Hashable {
  /// The login name, as the kernel says.
  public var user: String
  /// The process that is connected.
  public var processID: Int
  /// Since when.
  public var since: Timestamp
  /// Whether it is the console in the node's own process.
  public var isInNode: Bool

  /// Puts them together.
  public init(user: String, processID: Int, since: Timestamp, isInNode: Bool) {
    self.user = user
    self.processID = processID
    self.since = since
    self.isInNode = isInNode
  }
}
