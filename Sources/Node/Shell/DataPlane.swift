import Control
import Core
import Serving
import Synchronization

/// The endpoints as they serve, made to follow the state.
///
/// `follow` is called in commit order under the commit lock; fences may come at any time.
final class DataPlane: ControlledPlane {
  /// What is kept of one endpoint besides its runtime.
  private struct Place {
    let runtime: EndpointRuntime
    /// The tables that are published now, from which the next ones follow.
    var tables = EndpointTables()
    /// The generation that it was last routed by, and whether it was drawn as the state says.
    var routed: (generation: Int, isComparable: Bool)?
  }

  private struct State {
    var places: [Name: Place] = [:]
    /// Versions that a running change holds closed, with how many changes do.
    var holds: [Held: Int] = [:]
    /// When versions were last closed, monotonic nanoseconds.
    var closedAt: [Name: UInt64] = [:]
  }

  private struct Held: Hashable {
    let endpoint: Name
    let version: VersionID
  }

  private let state = Mutex(State())
  private let shelf: ModelShelf
  private let analyst: Analyst

  init(shelf: ModelShelf, analyst: Analyst) {
    self.shelf = shelf
    self.analyst = analyst
  }

  /// The endpoint's runtime, for traffic sources.
  func runtime(of endpoint: Name) -> EndpointRuntime? {
    state.withLock { $0.places[endpoint]?.runtime }
  }

  // MARK: Fences

  func holdFence(on after: EndpointState, _ versions: [VersionID]) {
    let runtime = state.withLock { state in
      for version in versions {
        state.holds[Held(endpoint: after.name, version: version), default: 0] += 1
      }
      return state.places[after.name]?.runtime
    }
    guard let runtime else { return }
    let tickets = versions.map { ($0, runtime.fence($0, target: after.stable)) }
    let closed = SystemClock.monotonicNanoseconds()
    state.withLock { $0.closedAt[after.name] = closed }
    for (version, ticket) in tickets { analyst.noteFence(runtime, version, ticket: ticket) }
  }

  /// When versions were last closed on an endpoint, monotonic nanoseconds; nil when never.
  func lastClosed(on endpoint: Name) -> UInt64? { state.withLock { $0.closedAt[endpoint] } }

  func releaseFence(on endpoint: Name, _ versions: [VersionID]) {
    state.withLock { state in
      for version in versions {
        let key = Held(endpoint: endpoint, version: version)
        let count = (state.holds[key] ?? 0) - 1
        state.holds[key] = count > 0 ? count : nil
      }
    }
  }

  func reopen(_ endpoint: Name, in control: ControlState) {
    guard let endpoint = control.endpoint(endpoint) else { return }
    open(endpoint)
  }

  /// Opens what is fenced, is on the endpoint, and is neither closed by the state nor held.
  private func open(_ endpoint: EndpointState) {
    for deployment in endpoint.deployed {
      let version = deployment.version
      let held = Held(endpoint: endpoint.name, version: version)
      let runtime = state.withLock { state in
        state.holds[held] == nil ? state.places[endpoint.name]?.runtime : nil
      }
      guard let runtime, runtime.isFenced(version), !endpoint.closed.contains(version) else {
        continue
      }
      analyst.noteOpening(runtime, version)
      // Asked again under the lock under which holds are taken: a rollback that has come meanwhile
      // closes after this, or is seen here.
      state.withLock { state in if state.holds[held] == nil { runtime.unfence(version) } }
    }
  }

  // MARK: Following the state

  func follow(from before: ControlState, to after: ControlState) {
    for endpoint in after.endpoints where before.endpoint(endpoint.name) != endpoint {
      follow(endpoint)
    }
  }

  /// Routes one endpoint as its state says.
  func follow(_ endpoint: EndpointState) {
    guard let signature = endpoint.signature, let route = endpoint.route,
      let stable = endpoint.stable
    else { return }
    do {
      let runtime = try place(endpoint, signature)
      let served = try servable(endpoint, route.split, stable)
      let table = try changeTables(endpoint.name) {
        try $0.next(endpoint, served.split, served.stable)
      }
      let beside = try beside(endpoint, route, served.stable, runtime.schema)
      open(endpoint)
      let isComparable = isComparable(
        endpoint, isWhole: served.missing.isEmpty && beside.isComparable)
      analyst.follow(endpoint, runtime, isComparable: isComparable)
      try runtime.publish(
        table, loaded: loaded(endpoint), generation: endpoint.generation,
        isDrained: endpoint.isDrained, extras: beside.extras)
      if let fault = fault(served, beside) { analyst.noteRoutingFault(endpoint.name, fault) }
      for version in endpoint.closed where !runtime.isFenced(version) {
        let ticket = runtime.fence(version, target: stable)
        analyst.noteFence(runtime, version, ticket: ticket)
      }
    } catch {
      // The last published table goes on serving; the analyst shows why it could not be replaced.
      analyst.noteRoutingFault(endpoint.name, NodeError(describing: error).message)
    }
  }

  /// Whether what comes by the next table is drawn as the state says.
  private func isComparable(_ endpoint: EndpointState, isWhole: Bool) -> Bool {
    state.withLock { state in
      let last = state.places[endpoint.name]?.routed
      // Requests of the same generation may still be under way that came by what stood in.
      let isComparable =
        isWhole && (last?.generation != endpoint.generation || last?.isComparable ?? true)
      state.places[endpoint.name]?.routed = (endpoint.generation, isComparable)
      return isComparable
    }
  }

  /// What is published beside the table, and what is wrong with it.
  private struct Beside {
    var extras = EndpointRuntime.Extras()
    /// Versions that rules or shadows name and that are not in memory.
    var missing: [VersionID] = []
    /// A rule that no request can match.
    var fault: String?
    /// Whether what the rollout's own rule draws is drawn as the state says.
    var isComparable = true
  }

  /// The rules and the shadows, as far as the versions that they name are in memory.
  private func beside(
    _ endpoint: EndpointState, _ route: EndpointRoute, _ stable: VersionID, _ schema: RowSchema
  ) throws -> Beside {
    var result = Beside()
    // Without a rollout nothing is evidence, but what the stable usually answers is learnt.
    result.extras.isTableDrawn = route.isDrawn || endpoint.rollout == nil
    result.extras.withoutDetours = Set(endpoint.rollout?.candidates ?? [])
    var orders: [EndpointTables.RuleOrder] = []
    for rule in route.rules {
      if let fault = RoutedRule.fault(of: rule.rule, on: schema) {
        result.fault = result.fault ?? "the rule \(rule.name) is about no request: \(fault)"
      }
      let served = try servable(endpoint, rule.split, stable)
      result.missing += served.missing
      if rule.isDrawn, !served.missing.isEmpty { result.isComparable = false }
      orders.append(
        EndpointTables.RuleOrder(
          name: rule.name, rule: rule.rule, isDrawn: rule.isDrawn, split: served.split,
          stable: served.stable))
    }
    result.extras.rules = try changeTables(endpoint.name) { [orders] tables in
      try tables.next(endpoint, rules: orders)
    }
    if let shadow = route.shadow, stable == shadow.stable {
      let present = shadow.candidates.filter {
        shelf.loaded($0) != nil && !endpoint.closed.contains($0)
      }
      result.missing += shadow.candidates.filter { shelf.loaded($0) == nil }
      result.extras.shadow = ShadowOrder(
        candidates: present, share: shadow.share, clonesStable: true, rule: shadow.rule)
    }
    return result
  }

  /// The versions in memory that may answer, rollback targets first: they take what a fence sends
  /// away when even the stable is closed.
  private func loaded(_ endpoint: EndpointState) -> [LoadedVersion] {
    let targets = endpoint.rollbackTargets()
    let others = endpoint.deployed.map(\.version).filter { !targets.contains($0) }
    return (targets + others).filter { endpoint.isDeployed($0) && !endpoint.closed.contains($0) }
      .compactMap { shelf.loaded($0)?.version }
  }

  private func fault(_ served: Servable, _ beside: Beside) -> String? {
    if let missing = (served.missing + beside.missing).first {
      return "\(missing) is not in memory, \(served.stable) has its share: "
        + (shelf.fault(of: missing) ?? "it was never loaded")
    }
    return beside.fault
  }

  /// What of a split can be served by the versions that are in memory.
  private struct Servable {
    let split: Split
    let stable: VersionID
    /// Versions that should have traffic and cannot.
    let missing: [VersionID]
  }

  /// The split, with the shares of versions that are not in memory (their file is gone or damaged)
  /// given to the stable, or to the best version that is there: what can answer goes on answering.
  private func servable(
    _ endpoint: EndpointState, _ split: Split, _ stable: VersionID
  ) throws -> Servable {
    let wanted = [stable] + split.versions.filter { $0 != stable }
    let missing = wanted.filter { shelf.loaded($0) == nil }
    let heaviest = split.shares.sorted { $0.weight > $1.weight }.map(\.version)
    let substitutes = [stable] + heaviest + endpoint.rollbackTargets()
    guard !missing.isEmpty, let substitute = substitutes.first(where: { shelf.loaded($0) != nil })
    else { return Servable(split: split, stable: stable, missing: []) }
    var shares = split.shares.filter { !missing.contains($0.version) && $0.version != substitute }
    let rest = Split.whole - shares.reduce(0) { $0 + $1.weight }
    shares.append(Split.Share(version: substitute, weight: rest))
    return Servable(split: try Split(shares), stable: substitute, missing: missing)
  }

  private func place(
    _ endpoint: EndpointState, _ signature: Signature
  ) throws -> EndpointRuntime {
    if let runtime = runtime(of: endpoint.name) { return runtime }
    let runtime = EndpointRuntime(name: endpoint.name, schema: try RowSchema(signature))
    state.withLock { $0.places[endpoint.name] = Place(runtime: runtime) }
    return runtime
  }

  /// Makes the next tables of an endpoint, outside the lock: a fence must not wait for them.
  private func changeTables<Result>(
    _ endpoint: Name, _ change: (inout EndpointTables) throws -> Result
  ) rethrows -> Result {
    // Only one follows at a time, under the commit lock.
    var tables = state.withLock { $0.places[endpoint]?.tables } ?? EndpointTables()
    let result = try change(&tables)
    state.withLock { [tables] in $0.places[endpoint]?.tables = tables }
    return result
  }
}
