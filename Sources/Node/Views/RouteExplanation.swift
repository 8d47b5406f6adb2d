import Control
import Core
import Serving

/// Which version a request gets, and by which rule.
public struct RouteExplanation: Sendable, Codable {
  /// Where.
  public var endpoint: Name
  /// The key, as given; empty when there is none.
  public var key: String
  /// The bucket that the key falls into, 0 to 9,999; -1 without a key.
  public var bucket: Int
  /// The first bucket of the unbroken range with the same version around it; -1 without a key.
  public var rangeFirst: Int
  /// The last bucket of that range; -1 without a key.
  public var rangeLast: Int
  /// Who answers; nil while the endpoint is drained, and when every request draws anew.
  public var version: VersionID?
  /// Why, in one sentence.
  public var rule: String
  /// The endpoint's generation that this is true for.
  public var generation: Int
  /// The name of the rule whose split it goes by; nil when it is the endpoint's own.
  public var matchedRule: String?
  /// Whether the answer is evidence of a running rollout.
  public var isEvidence: Bool?
  /// What becomes of copies of the request, in one sentence; nil when none are made.
  public var shadow: String?
  /// Rules ahead of the one that was found that may be about the request, depending on columns that
  /// were not given.
  public var undecided: [String]?
}

/// What a request is routed by, as it is published.
struct PublishedRoutes {
  let table: RouteTable
  var rules: [RoutedRule] = []
  var shadow: ShadowOrder?
  var isTableDrawn = true
}

extension RouteExplanation {
  /// Follows a key through a table as a worker does.
  /// - Parameter isFenced: whether a version is closed by a fence now.
  init(
    _ endpoint: EndpointState, key: String, table: RouteTable, isFenced: (VersionID) -> Bool
  ) {
    self.init(
      endpoint, PublishedRoutes(table: table), key: key, matches: { _ in false },
      isFenced: isFenced)
  }

  /// Follows a request through what is published as a worker does.
  /// - Parameters:
  ///   - key: the sticky key; nil for none.
  ///   - matches: whether a rule is about the request; nil when that cannot be told.
  ///   - isFenced: whether a version is closed by a fence now.
  init(
    _ endpoint: EndpointState, _ routes: PublishedRoutes, key: String?,
    matches: (RequestRule) -> Bool?, isFenced: (VersionID) -> Bool
  ) {
    var undecided: [String] = []
    var matched: RoutedRule?
    for rule in routes.rules {
      let isAbout = matches(rule.rule)
      if isAbout == true {
        matched = rule
        break
      }
      if isAbout == nil { undecided.append("\(rule.name): \(rule.rule)") }
    }
    let table = matched?.table ?? routes.table
    self.init(endpoint, key: key, table: table, matched: matched, isFenced: isFenced)
    matchedRule = matched?.name
    if !undecided.isEmpty { self.undecided = undecided }
    isEvidence = endpoint.rollout != nil && (matched?.isDrawn ?? routes.isTableDrawn)
    if let order = routes.shadow, order.share > 0, !order.candidates.isEmpty {
      shadow = RouteExplanation.shadow(
        order, isAbout: order.rule.map(matches) ?? true, stableAnswers: version == table.stable)
    }
  }

  private init(
    _ endpoint: EndpointState, key: String?, table: RouteTable, matched: RoutedRule?,
    isFenced: (VersionID) -> Bool
  ) {
    self.endpoint = endpoint.name
    self.key = key ?? ""
    generation = endpoint.generation
    (bucket, rangeFirst, rangeLast) = (-1, -1, -1)
    let words = Words(endpoint: endpoint, table: table, matched: matched)
    guard !endpoint.isDrained else {
      rule = "\(endpoint.name) is drained: every request gets 503"
      return
    }
    guard let key else {
      (version, rule) = words.withoutKey(isFenced)
      return
    }
    bucket = KeyHash.bucket(of: KeyHash.hash(Array(key.utf8), salt: table.salt))
    let arm = table.buckets[bucket]
    (rangeFirst, rangeLast) = (bucket, bucket)
    while rangeFirst > 0, table.buckets[rangeFirst - 1] == arm { rangeFirst -= 1 }
    while rangeLast < RouteTable.bucketCount - 1, table.buckets[rangeLast + 1] == arm {
      rangeLast += 1
    }
    let owner = table.arms[Int(arm)]
    if isFenced(owner) {
      version = table.stable
      rule = words.about("\(owner) has the bucket and is closed by a rollback: the stable answers")
    } else {
      version = owner
      rule = words.about(words.share(of: owner))
    }
  }

  private static func shadow(
    _ order: ShadowOrder, isAbout: Bool?, stableAnswers: Bool
  ) -> String? {
    let names = order.candidates.map { "\($0)" }.joined(separator: ", ")
    guard let isAbout else {
      return "\(names) may get a copy, if the request is one of \(order.rule.map { "\($0)" } ?? "")"
    }
    guard isAbout, stableAnswers else { return nil }
    return
      "\(names) gets a copy of \(percentText(order.share)) of such requests, each drawn on its "
      + "own; its answer never leaves"
  }

  /// Sentences about one table.
  private struct Words {
    let endpoint: EndpointState
    let table: RouteTable
    let matched: RoutedRule?

    func about(_ sentence: String) -> String {
      guard let matched else { return sentence }
      return "the rule \(matched.name) (\(matched.rule)) is about it: \(sentence)"
    }

    func share(of owner: VersionID) -> String {
      let share = percentText(table.weight(of: owner))
      if let rollout = endpoint.rollout, rollout.candidates.contains(owner),
        matched?.isDrawn ?? true
      {
        return "ramp \(rollout.id) gives \(owner) \(share) of the buckets, this one among them"
      }
      if owner == table.stable {
        return "\(owner) is the stable and has every bucket that no other version has, \(share)"
      }
      return "the split gives \(owner) \(share) of the buckets, this one among them"
    }

    /// A single version, or what each request draws from.
    func withoutKey(_ isFenced: (VersionID) -> Bool) -> (VersionID?, String) {
      let shares = zip(table.arms, table.weights).filter { $0.1 > 0 }
      if shares.count == 1, let only = shares.first?.0 {
        return isFenced(only)
          ? (table.stable, about("\(only) is closed by a rollback: the stable answers"))
          : (only, about("\(only) has all of the requests"))
      }
      let list = shares.map { "\($0.0) \(percentText($0.1))" }.joined(separator: ", ")
      return (nil, about("without a key every request draws anew: \(list)"))
    }
  }
}

extension Node {
  /// Which version a request gets on an endpoint now.
  /// - Parameters:
  ///   - row: what is known of its row, by column.
  ///   - headers: its attributes.
  /// - Throws: ``NodeError`` when there is no such endpoint, or nothing answers there.
  func explainRoute(
    _ name: Name, key: String?, row: [String: String] = [:], headers: [String: String] = [:]
  ) throws -> RouteExplanation {
    guard let endpoint = core.state.endpoint(name) else {
      throw NodeError(.unknown, "there is no endpoint \"\(name)\": see sluice endpoint list")
    }
    guard let route = endpoint.route, let stable = endpoint.stable,
      let signature = endpoint.signature
    else {
      throw NodeError(
        .refused, "\(name) serves nothing yet: \"sluice deploy \(name) VERSION\" gives it a version"
      )
    }
    let facts = RequestFacts(
      row: try RecordedRow(row, schema: try RowSchema(signature)), headers: headers, key: key)
    if let runtime = plane.runtime(of: name) {
      let snapshot = runtime.snapshot
      if let table = snapshot.table {
        let routes = PublishedRoutes(
          table: table, rules: snapshot.rules, shadow: snapshot.shadow,
          isTableDrawn: snapshot.isTableDrawn)
        return RouteExplanation(endpoint, routes, key: key, matches: facts.match) {
          runtime.isFenced($0)
        }
      }
    }
    let routes = try unservedRoutes(endpoint, route, stable)
    return RouteExplanation(endpoint, routes, key: key, matches: facts.match) { _ in false }
  }

  /// Nothing serves in this process: with one version beside the stable a table follows from the
  /// split; with more it also depends on the order of changes, which only the serving node knows.
  private func unservedRoutes(
    _ endpoint: EndpointState, _ route: EndpointRoute, _ stable: VersionID
  ) throws -> PublishedRoutes {
    let splits = [route.split] + route.rules.map(\.split)
    guard splits.allSatisfy({ $0.versions.filter { $0 != stable }.count <= 1 }) else {
      throw NodeError(
        .refused,
        "\(endpoint.name) has several versions beside the stable: ask while the node serves")
    }
    func salt(_ text: String) -> UInt64 { KeyHash.salt("\(endpoint.name)/\(text)") }
    let own = "\(endpoint.rolloutCount)"
    let rules = try route.rules.map { rule in
      RoutedRule(
        name: rule.name, rule: rule.rule,
        table: try RouteTable(
          rule.split, stable: stable, salt: salt(rule.isDrawn ? own : rule.name)),
        isDrawn: rule.isDrawn)
    }
    let shadow = route.shadow.map {
      ShadowOrder(candidates: $0.candidates, share: $0.share, rule: $0.rule)
    }
    return PublishedRoutes(
      table: try RouteTable(route.split, stable: stable, salt: salt(own)), rules: rules,
      shadow: shadow, isTableDrawn: route.isDrawn)
  }
}
