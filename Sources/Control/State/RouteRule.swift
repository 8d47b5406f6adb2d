import Core

/// A rule by hand: which requests go to which versions, ahead of the endpoint's split.
///
/// What it routes is never evidence. A rollback that closes one of its versions removes it.
public struct RouteRule: Sendable, Hashable, Codable {
  /// Its name on the endpoint.
  public let name: Name
  /// Which requests.
  public let rule: RequestRule
  /// Where they go.
  public let split: Split
  /// Who made it; put in when it is decided.
  public let by: ActorID
  /// When; put in when it is decided.
  public let since: Timestamp

  /// Puts them together.
  public init(
    name: Name, rule: RequestRule, split: Split, by: ActorID = .system,
    since: Timestamp = Timestamp(microseconds: 0)
  ) {
    self.name = name
    self.rule = rule
    self.split = split
    self.by = by
    self.since = since
  }
}

extension RouteRule {
  /// The rule that sends one key's requests to one version.
  public static func pin(_ key: String, to version: VersionID) -> RouteRule {
    RouteRule(
      name: pinName(key), rule: RequestRule([.key(anyOf: [key])]), split: Split(all: version))
  }

  /// The name of a key's pin: what a name may hold of the key, and part of its SHA-256.
  public static func pinName(_ key: String) -> Name {
    let kept = key.lowercased().utf8.filter { byte in
      (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }
    let hex = sha256(Array(key.utf8)).prefix(4).map { byte in
      let digits = String(byte, radix: 16)
      return digits.utf8.count == 1 ? "0" + digits : digits
    }
    let text = "pin-" + String(decoding: kept.prefix(24), as: UTF8.self) + "-" + hex.joined()
    // 37 legal characters at most, so it is a name.
    guard let name = try? Name(text) else { preconditionFailure("\(text) is a legal name") }
    return name
  }

  /// The key that the rule pins to one version; nil when it is no pin.
  public var pinnedKey: String? {
    guard rule.conditions.count == 1, case .key(let keys) = rule.conditions[0], keys.count == 1,
      split.shares.count == 1, name == RouteRule.pinName(keys[0])
    else { return nil }
    return keys[0]
  }
}

/// How an endpoint's requests are to be routed: what the data plane carries out.
public struct EndpointRoute: Sendable, Hashable {
  /// Requests that go by a split of their own.
  public struct Rule: Sendable, Hashable {
    /// What explanations call it.
    public let name: String
    /// Which requests.
    public let rule: RequestRule
    /// Where they go.
    public let split: Split
    /// Whether what it draws is evidence: for the running rollout's own segment, and for nothing
    /// else.
    public let isDrawn: Bool
  }

  /// Requests that the candidates get copies of.
  public struct Shadow: Sendable, Hashable {
    /// Who gets the copies.
    public let candidates: [VersionID]
    /// Whose answers leave, and whose clone measures the noise.
    public let stable: VersionID
    /// The share of all requests that is copied to each candidate.
    public let share: BasisPoints
    /// Which requests; nil is all.
    public let rule: RequestRule?
  }

  /// Where requests go that match no rule.
  public let split: Split
  /// Whether what the split draws is evidence; false while a segment or no traffic is judged.
  public let isDrawn: Bool
  /// Rules, the first that matches wins.
  public let rules: [Rule]
  /// What is copied; nil when nothing is.
  public let shadow: Shadow?
}

extension EndpointState {
  /// How its requests are routed now; nil while it is empty.
  public var route: EndpointRoute? {
    guard let split else { return nil }
    var routed = rules.map {
      EndpointRoute.Rule(name: $0.name.text, rule: $0.rule, split: $0.split, isDrawn: false)
    }
    guard let rollout else {
      return EndpointRoute(split: split, isDrawn: false, rules: routed, shadow: nil)
    }
    if let segments = rollout.plan.segments, let closed = rollout.closedSegments {
      routed += closed.map { value in
        EndpointRoute.Rule(
          name: "closed segment \(segments.by)=\(value)",
          rule: RequestRule([.input(segments.by, anyOf: [value])]),
          split: Split(all: rollout.fallback), isDrawn: false)
      }
    }
    let step = rollout.planStep
    let isLive = rollout.isStarted && rollout.retreat == nil
    var shadow: EndpointRoute.Shadow?
    if isLive, step.kind == .shadow, rollout.hold != .budgetSpent {
      shadow = EndpointRoute.Shadow(
        candidates: rollout.candidates, stable: rollout.fallback, share: step.weight,
        rule: step.rule)
    }
    if rollout.isStarted, step.kind.hasTraffic, let rule = step.rule, !rollout.isSoaking {
      routed.append(
        EndpointRoute.Rule(
          name: "rollout \(rollout.id)", rule: rule, split: rollout.trafficSplit(rollout.weight),
          isDrawn: true))
      return EndpointRoute(split: split, isDrawn: false, rules: routed, shadow: shadow)
    }
    return EndpointRoute(
      split: split, isDrawn: rollout.isStarted && step.kind.hasTraffic, rules: routed,
      shadow: shadow)
  }
}
