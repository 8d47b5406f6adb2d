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
    var table: RouteTable?
    /// The rollout whose salt the table has.
    var rollout = 0
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
    guard let signature = endpoint.signature, let split = endpoint.split,
      let stable = endpoint.stable
    else { return }
    do {
      let runtime = try place(endpoint, signature)
      let served = try servable(endpoint, split, stable)
      let table = try table(for: endpoint, served.split, served.stable)
      open(endpoint)
      let loaded = endpoint.deployed.compactMap { shelf.loaded($0.version)?.version }
        .filter { !endpoint.closed.contains($0.id) }
      analyst.follow(endpoint, runtime, isComparable: served.missing.isEmpty)
      try runtime.publish(
        table, loaded: loaded, generation: endpoint.generation, isDrained: endpoint.isDrained)
      if let missing = served.missing.first {
        analyst.noteRoutingFault(
          endpoint.name,
          "\(missing) is not in memory, \(served.stable) has its share: "
            + (shelf.fault(of: missing) ?? "it was never loaded"))
      }
      for version in endpoint.closed where !runtime.isFenced(version) {
        let ticket = runtime.fence(version, target: stable)
        analyst.noteFence(runtime, version, ticket: ticket)
      }
    } catch {
      // The last published table goes on serving; the analyst shows why it could not be replaced.
      analyst.noteRoutingFault(endpoint.name, NodeError(describing: error).message)
    }
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

  /// The next table: the old one with as few buckets moved as possible; a new rollout has a salt of
  /// its own, so that not always the same callers go first.
  private func table(
    for endpoint: EndpointState, _ split: Split, _ stable: VersionID
  ) throws -> RouteTable {
    let (old, rollout) = state.withLock { state in
      (state.places[endpoint.name]?.table, state.places[endpoint.name]?.rollout ?? 0)
    }
    let table: RouteTable
    if let old, rollout == endpoint.rolloutCount {
      table = try old.changed(to: split, stable: stable)
    } else {
      table = try RouteTable(
        split, stable: stable, salt: KeyHash.salt("\(endpoint.name)/\(endpoint.rolloutCount)"))
    }
    state.withLock { state in
      state.places[endpoint.name]?.table = table
      state.places[endpoint.name]?.rollout = endpoint.rolloutCount
    }
    return table
  }
}
