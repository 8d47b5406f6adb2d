import Core

/// Everything that a request on an endpoint needs to know, published as one: a request uses one
/// snapshot from beginning to end.
///
/// Immutable.
public final class RoutingSnapshot: Sendable {
  /// A version that can answer.
  struct Arm: Sendable {
    let version: LoadedVersion
    /// Its bit in the fence's closed set.
    let slot: Int
    /// What tap records call it.
    let tag: UInt16
    /// Its buckets on the table; 0 for a standby.
    let weight: UInt16
    /// Whether traffic of closed versions may come to it.
    let takesDetours: Bool
  }

  /// What is routed how: everything but the numbers that change without it.
  struct Content: Sendable {
    /// The buckets; nil while nothing is deployed.
    var table: RouteTable?
    /// The table's arms in their order, then the other versions.
    var arms: [Arm] = []
    /// Whether what the table draws is evidence.
    var isTableDrawn = true
    /// What is routed ahead of the table.
    var rules: [RoutedRule] = []
    /// The same and the shadows' rule, for workers.
    var compiled = CompiledRules.none
    /// What is copied for shadows.
    var shadow: ShadowOrder?
    /// Whether the endpoint is drained.
    var isDrained = false
    /// What a refused caller is told to wait.
    var retryAfterSeconds = 1
  }

  /// Counts publications; workers compare it.
  let epoch: Int
  /// The endpoint's generation as the control plane counts it.
  public let generation: Int
  let content: Content

  /// The buckets; nil while nothing is deployed.
  public var table: RouteTable? { content.table }
  /// What is routed ahead of the table, in the order in which it is asked.
  public var rules: [RoutedRule] { content.rules }
  /// Whether what the table draws is evidence.
  public var isTableDrawn: Bool { content.isTableDrawn }
  /// What is copied for shadows; nil when nothing is.
  public var shadow: ShadowOrder? { content.shadow }
  /// Whether the endpoint is drained.
  public var isDrained: Bool { content.isDrained }
  /// What a refused caller is told to wait.
  public var retryAfterSeconds: Int { content.retryAfterSeconds }
  /// The versions that can answer: the table's, then the others.
  public var versions: [VersionID] { content.arms.map(\.version.id) }
  var arms: [Arm] { content.arms }

  init(epoch: Int, generation: Int, _ content: Content) {
    self.epoch = epoch
    self.generation = generation
    self.content = content
  }
}
