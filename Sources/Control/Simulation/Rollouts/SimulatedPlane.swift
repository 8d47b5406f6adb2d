import Core

/// A model of the data plane: loaded versions, route tables, fences, tickets.
// A simulation runs on one thread; only the protocols of the real node ask for more.
package final class SimulatedPlane: @unchecked Sendable {
  /// One endpoint as it serves.
  struct Place {
    var table: SimulatedTable
    /// Whether what the table draws is evidence.
    var isDrawn: Bool
    /// Requests that go by a table of their own, the first that matches wins.
    var rules: [Rule]
    /// What is copied.
    var shadow: EndpointRoute.Shadow?
    /// The state's generation that the table was made for.
    var generation: Int
    var isDrained: Bool
    /// Whether it was drawn as the state says.
    let isComparable: Bool
    /// What else may answer, best first.
    let standby: [VersionID]
    /// Closed versions with who takes their traffic.
    var fenced: [VersionID: VersionID]
  }

  /// Requests that go by a table of their own.
  struct Rule {
    let name: String
    let table: SimulatedTable
    let isDrawn: Bool
  }

  /// Requests that go by one table.
  struct Stream {
    let isDrawn: Bool
    let shares: [(version: VersionID, count: Int)]
  }

  private struct Held: Hashable {
    let endpoint: Name
    let version: VersionID
  }

  private(set) var places: [Name: Place] = [:]
  private var holds: [Held: Int] = [:]
  /// The versions in memory, warmed and checked.
  var loaded: Set<VersionID> = []
  /// The last ticket that was given to a request or a fence.
  private(set) var ticket = 0
  let collector: SimulatedCollector
  private let mutation: Mutation?
  /// Told of each table with the one before it.
  var onRoute: RolloutWitness.RouteWatch = { _, _, _, _ in }

  init(_ collector: SimulatedCollector, mutation: Mutation?) {
    self.collector = collector
    self.mutation = mutation
  }

  // MARK: Fences

  /// Closes versions now; nothing may open them until the hold is released.
  package func holdFence(on after: EndpointState, _ versions: [VersionID]) {
    holdFence(on: after, versions, closes: true)
  }

  func holdFence(on after: EndpointState, _ versions: [VersionID], closes: Bool) {
    for version in versions {
      holds[Held(endpoint: after.name, version: version), default: 0] += 1
      if closes, let target = after.stable { fence(version, on: after.name, target: target) }
    }
  }

  private func fence(_ version: VersionID, on endpoint: Name, target: VersionID) {
    ticket += 1
    places[endpoint]?.fenced[version] = target
  }

  /// Ends a hold.
  package func releaseFence(on endpoint: Name, _ versions: [VersionID]) {
    for version in versions {
      let key = Held(endpoint: endpoint, version: version)
      let count = (holds[key] ?? 0) - 1
      holds[key] = count > 0 ? count : nil
    }
  }

  /// Opens what the state does not close and no other change holds.
  package func reopen(_ endpoint: Name, in state: ControlState) {
    if let endpoint = state.endpoint(endpoint) { open(endpoint) }
  }

  private func open(_ endpoint: EndpointState) {
    for deployment in endpoint.deployed {
      let version = deployment.version
      guard holds[Held(endpoint: endpoint.name, version: version)] == nil,
        !endpoint.closed.contains(version)
      else { continue }
      places[endpoint.name]?.fenced[version] = nil
    }
  }

  /// Whether a change still holds a version closed.
  var isAnythingHeld: Bool { !holds.isEmpty }

  // MARK: Routing

  /// Routes as the state says; called in commit order.
  package func follow(from before: ControlState, to after: ControlState) {
    for endpoint in after.endpoints where before.endpoint(endpoint.name) != endpoint {
      follow(endpoint)
    }
  }

  /// Routes one endpoint as its state says.
  func follow(_ endpoint: EndpointState) {
    guard let route = endpoint.route, let stable = endpoint.stable,
      let (served, target, isWhole) = servable(endpoint, route.split, stable)
    else { return }
    let old = places[endpoint.name]
    let main = table(old?.table, served, target, endpoint.rolloutCount)
    var rules: [Rule] = []
    // Requests of this generation may still be under way that came by what stood in.
    var isComparable =
      isWhole && (old?.generation != endpoint.generation || old?.isComparable ?? true)
    for rule in route.rules {
      guard let (split, stable, isWhole) = servable(endpoint, rule.split, target) else { continue }
      let before = old?.rules.first { $0.name == rule.name }?.table
      if rule.isDrawn { isComparable = isComparable && isWhole }
      rules.append(
        Rule(
          name: rule.name, table: table(before, split, stable, endpoint.rolloutCount),
          isDrawn: rule.isDrawn))
    }
    open(endpoint)
    collector.follow(endpoint, route: isComparable ? endpoint.generation : nil)
    // What was opened just now is open.
    let fenced = places[endpoint.name]?.fenced ?? [:]
    places[endpoint.name] = Place(
      table: main, isDrawn: route.isDrawn, rules: rules, shadow: route.shadow,
      generation: endpoint.generation, isDrained: endpoint.isDrained,
      isComparable: isComparable, standby: standby(endpoint), fenced: fenced)
    onRoute(endpoint, isComparable, Tables(old), Tables(places[endpoint.name]))
    for version in endpoint.closed where fenced[version] == nil {
      fence(version, on: endpoint.name, target: stable)
    }
  }

  private func standby(_ endpoint: EndpointState) -> [VersionID] {
    let versions = endpoint.rollbackTargets() + endpoint.deployed.map(\.version)
    return versions.filter { endpoint.isDeployed($0) && !endpoint.closed.contains($0) }
  }

  /// The next table of the same requests: of the same rollout with as few buckets moved as can be.
  private func table(
    _ old: SimulatedTable?, _ split: Split, _ stable: VersionID, _ salt: Int
  ) -> SimulatedTable {
    guard let old, old.salt == salt else {
      return SimulatedTable(split, stable: stable, salt: salt)
    }
    if mutation == .keysReshuffled { return old.reshuffled(to: split, stable: stable) }
    return old.changed(to: split, stable: stable)
  }

  /// The split with the shares of versions that are not in memory given to the stable, or to the
  /// best one that is there; nil when none is.
  private func servable(
    _ endpoint: EndpointState, _ split: Split, _ stable: VersionID
  ) -> (split: Split, stable: VersionID, isWhole: Bool)? {
    let wanted = split.versions.contains(stable) ? split.versions : [stable] + split.versions
    let missing = wanted.filter { !loaded.contains($0) }
    if missing.isEmpty || mutation == .unreadyRouted { return (split, stable, true) }
    let heaviest = split.shares.sorted {
      ($0.weight, $1.version) > ($1.weight, $0.version)
    }.map(\.version)
    let substitutes = [stable] + heaviest + endpoint.rollbackTargets()
    guard let substitute = substitutes.first(where: { loaded.contains($0) }) else { return nil }
    var shares = split.shares.filter { !missing.contains($0.version) && $0.version != substitute }
    let rest = Split.whole - shares.reduce(0) { $0 + $1.weight }
    shares.append(Split.Share(version: substitute, weight: rest))
    guard let served = try? Split(shares) else { return nil }
    return (served, substitute, false)
  }

  /// Puts back the split of a past row: what a broken consumer of effects does.
  func routeStale(_ endpoint: EndpointState, _ split: Split) {
    guard let old = places[endpoint.name], let stable = endpoint.stable else { return }
    places[endpoint.name]?.table = old.table.changed(to: split, stable: stable)
  }

  // MARK: Requests

  /// Who answers now, with their buckets: by rules, and by the table for all others.
  func streams(on endpoint: Name) -> [Stream] {
    guard let place = places[endpoint], !place.isDrained else { return [] }
    let tables = place.rules.map { ($0.isDrawn, $0.table) } + [(place.isDrawn, place.table)]
    return tables.map { isDrawn, table in
      Stream(
        isDrawn: isDrawn,
        shares: table.weights.compactMap { version, count in
          open(version, place).map { ($0, count) }
        })
    }
  }

  /// Who answers for a version: for a closed one what its fence says, the stable or whoever else is
  /// open and in memory; nil when nobody is.
  private func open(_ version: VersionID, _ place: Place) -> VersionID? {
    guard let target = place.fenced[version] else { return version }
    return ([target, place.table.stable] + place.standby).first {
      loaded.contains($0) && place.fenced[$0] == nil
    }
  }
}

/// The tables of an endpoint by the names of their rules.
struct Tables {
  let named: [(name: String, table: SimulatedTable)]

  init(_ place: SimulatedPlane.Place?) {
    named = place.map { [("", $0.table)] + $0.rules.map { ($0.name, $0.table) } } ?? []
  }

  /// The table of a rule; the endpoint's own has no name.
  subscript(name: String) -> SimulatedTable? { named.first { $0.name == name }?.table }
}
