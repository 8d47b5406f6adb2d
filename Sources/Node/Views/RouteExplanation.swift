import Control
import Core
import Serving

/// Which version a key gets, and by which rule.
public struct RouteExplanation: Sendable, Codable {
  /// Where.
  public var endpoint: Name
  /// The key, as given.
  public var key: String
  /// The bucket that the key falls into, 0 to 9,999.
  public var bucket: Int
  /// The first bucket of the unbroken range with the same version around it.
  public var rangeFirst: Int
  /// The last bucket of that range.
  public var rangeLast: Int
  /// Who answers; nil while the endpoint is drained.
  public var version: VersionID?
  /// Why, in one sentence.
  public var rule: String
  /// The endpoint's generation that this is true for.
  public var generation: Int
}

extension RouteExplanation {
  /// Follows a key through a table as a worker does.
  /// - Parameter isFenced: whether a version is closed by a fence now.
  init(
    _ endpoint: EndpointState, key: String, table: RouteTable, isFenced: (VersionID) -> Bool
  ) {
    let bucket = KeyHash.bucket(of: KeyHash.hash(Array(key.utf8), salt: table.salt))
    let arm = table.buckets[bucket]
    let owner = table.arms[Int(arm)]
    var first = bucket
    while first > 0, table.buckets[first - 1] == arm { first -= 1 }
    var last = bucket
    while last < RouteTable.bucketCount - 1, table.buckets[last + 1] == arm { last += 1 }
    self.endpoint = endpoint.name
    self.key = key
    self.bucket = bucket
    rangeFirst = first
    rangeLast = last
    generation = endpoint.generation
    let share = percentText(endpoint.split?.weight(of: owner) ?? 0)
    if endpoint.isDrained {
      version = nil
      rule = "\(endpoint.name) is drained: every request gets 503"
    } else if isFenced(owner) {
      version = table.stable
      rule = "\(owner) has the bucket and is closed by a rollback: the stable answers"
    } else if let rollout = endpoint.rollout, rollout.candidate == owner {
      version = owner
      rule = "ramp \(rollout.id) gives \(owner) \(share) of the buckets, this one among them"
    } else if owner == table.stable {
      version = owner
      rule = "\(owner) is the stable and has every bucket that no other version has, \(share)"
    } else {
      version = owner
      rule = "the split gives \(owner) \(share) of the buckets, this one among them"
    }
  }
}

extension Node {
  /// Which version a key gets on an endpoint now.
  /// - Throws: ``NodeError`` when there is no such endpoint, or nothing answers there.
  func explainRoute(_ name: Name, key: String) throws -> RouteExplanation {
    guard let endpoint = core.state.endpoint(name) else {
      throw NodeError(.unknown, "there is no endpoint \"\(name)\": see sluice endpoint list")
    }
    guard let split = endpoint.split, let stable = endpoint.stable else {
      throw NodeError(
        .refused, "\(name) serves nothing yet: \"sluice deploy \(name) VERSION\" gives it a version"
      )
    }
    if let runtime = plane.runtime(of: name), let table = runtime.snapshot.table {
      return RouteExplanation(endpoint, key: key, table: table) { runtime.isFenced($0) }
    }
    // Nothing serves in this process. With one version beside the stable the table follows from the
    // split; with more it also depends on the order of changes, which only the serving node knows.
    guard split.versions.filter({ $0 != stable }).count <= 1 else {
      throw NodeError(
        .refused, "\(name) has several versions beside the stable: ask while the node serves")
    }
    let salt = KeyHash.salt("\(name)/\(endpoint.rolloutCount)")
    let table = try RouteTable(split, stable: stable, salt: salt)
    return RouteExplanation(endpoint, key: key, table: table) { _ in false }
  }
}
