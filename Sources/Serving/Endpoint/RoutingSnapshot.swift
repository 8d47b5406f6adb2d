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
    /// Its buckets; 0 for a standby.
    let weight: UInt16
  }

  /// Counts publications; workers compare it.
  let epoch: Int
  /// The endpoint's generation as the control plane counts it.
  public let generation: Int
  /// The buckets; nil while nothing is deployed.
  public let table: RouteTable?
  /// The table's arms in their order, then the standbys.
  let arms: [Arm]
  /// Whether the endpoint is drained.
  public let isDrained: Bool
  /// What a refused caller is told to wait.
  public let retryAfterSeconds: Int

  init(
    epoch: Int, generation: Int, table: RouteTable?, arms: [Arm], isDrained: Bool,
    retryAfterSeconds: Int
  ) {
    self.epoch = epoch
    self.generation = generation
    self.table = table
    self.arms = arms
    self.isDrained = isDrained
    self.retryAfterSeconds = retryAfterSeconds
  }
}
