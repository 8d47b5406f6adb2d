import Control
import Core
import Serving

/// The route tables of one endpoint from change to change: each follows from the one before with as
/// few buckets moved as possible, so that callers stay where they are.
///
/// A new rollout has a salt of its own, so that not always the same callers go first.
struct EndpointTables {
  /// One rule of an endpoint: another one of the same name is not the same.
  private struct RuleKey: Hashable {
    let name: String
    let rule: RequestRule
  }

  /// A rule with the split that is to be routed by.
  struct RuleOrder {
    let name: String
    let rule: RequestRule
    let isDrawn: Bool
    let split: Split
    let stable: VersionID
  }

  private var table: RouteTable?
  /// The rollout whose salt the table has.
  private var rollout = 0
  /// The tables of rules, so that a rule whose weights change moves as few keys as it can.
  private var ruleTables: [RuleKey: RouteTable] = [:]
  /// In the place of the rollout's number in its salt, for draws that are not the node's.
  private let draw: UInt64?

  /// No tables yet.
  init(draw: UInt64? = nil) { self.draw = draw }

  /// The next table of the requests that no rule is about.
  mutating func next(
    _ endpoint: EndpointState, _ split: Split, _ stable: VersionID
  ) throws(ServingError) -> RouteTable {
    let next: RouteTable
    if let table, rollout == endpoint.rolloutCount {
      next = try table.changed(to: split, stable: stable)
    } else {
      next = try first(endpoint, split, stable)
    }
    table = next
    rollout = endpoint.rolloutCount
    return next
  }

  /// The next tables of all rules, in their order; rules that are not among them are forgotten.
  mutating func next(
    _ endpoint: EndpointState, rules: [RuleOrder]
  ) throws(ServingError) -> [RoutedRule] {
    var tables: [RuleKey: RouteTable] = [:]
    var routed: [RoutedRule] = []
    for rule in rules {
      let key = RuleKey(name: rule.name, rule: rule.rule)
      let next: RouteTable
      if let known = ruleTables[key] {
        next = try known.changed(to: rule.split, stable: rule.stable)
      } else {
        // The rollout's rule has the salt that all requests have at a later step: a caller who has
        // reached the candidate stays there.
        let salt =
          rule.isDrawn ? salt(of: endpoint) : KeyHash.salt("\(endpoint.name)/\(rule.name)")
        next = try RouteTable(rule.split, stable: rule.stable, salt: salt)
      }
      tables[key] = next
      routed.append(
        RoutedRule(name: rule.name, rule: rule.rule, table: next, isDrawn: rule.isDrawn))
    }
    ruleTables = tables
    return routed
  }

  private func salt(of endpoint: EndpointState) -> UInt64 {
    KeyHash.salt("\(endpoint.name)/\(draw ?? UInt64(endpoint.rolloutCount))")
  }

  /// The first table of a rollout in this process.
  ///
  /// Several candidates' ranges can meet, and then the table depends on the weights that there were
  /// before: after a restart they are gone through again, so that callers stay where they were.
  private func first(
    _ endpoint: EndpointState, _ split: Split, _ stable: VersionID
  ) throws(ServingError) -> RouteTable {
    let salt = salt(of: endpoint)
    guard let rollout = endpoint.rollout, rollout.candidates.count > 1 else {
      return try RouteTable(split, stable: stable, salt: salt)
    }
    let weight = split.weight(of: rollout.candidate)
    let earlier = rollout.plan.steps.prefix(max(0, rollout.step)).map(\.trafficWeight)
      .filter { $0 > 0 && $0 < weight }
    var table = try RouteTable(Split(all: stable), stable: stable, salt: salt)
    for weight in earlier {
      let shares = rollout.candidates.map { Split.Share(version: $0, weight: weight) }
      let rest = Split.whole - weight * shares.count
      guard rest >= 0, !rollout.candidates.contains(stable),
        let split = try? Split(shares + [Split.Share(version: stable, weight: rest)])
      else { continue }
      table = try table.changed(to: split, stable: stable)
    }
    return try table.changed(to: split, stable: stable)
  }
}
