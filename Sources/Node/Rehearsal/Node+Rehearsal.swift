import Control
import Core

/// A rehearsal asked of a node: the node knows its endpoint, its recording and its versions.
public struct RehearsalOrder: Sendable, Codable {
  /// The endpoint whose requests are replayed.
  public var endpoint: Name
  /// The version that is to be ramped; the leading one of several.
  public var candidate: VersionID
  /// Further candidates; nil is none.
  public var rivals: [VersionID]?
  /// The plan, as a ramp would have it.
  public var plan: Plan
  /// Leaves out earlier requests.
  public var since: Timestamp?
  /// Leaves out requests from then on.
  public var until: Timestamp?
  /// Requests a second, evenly; nil is at their own times.
  public var requestsPerSecond: Double?
  /// The first run's seed.
  public var seed: UInt64
  /// How many rollouts with other draws.
  public var runs: Int
  /// Whether rows are timed one by one.
  public var measuresLatency: Bool

  /// Puts them together.
  public init(
    endpoint: Name, candidate: VersionID, rivals: [VersionID]? = nil, plan: Plan,
    since: Timestamp? = nil, until: Timestamp? = nil, requestsPerSecond: Double? = nil,
    seed: UInt64 = 1, runs: Int = 1, measuresLatency: Bool = true
  ) {
    self.endpoint = endpoint
    self.candidate = candidate
    self.rivals = rivals
    self.plan = plan
    self.since = since
    self.until = until
    self.requestsPerSecond = requestsPerSecond
    self.seed = seed
    self.runs = runs
    self.measuresLatency = measuresLatency
  }
}

extension Node {
  /// Rehearses on the calling thread, which takes seconds; requests go on being served.
  /// - Throws: a ``Failure``: nothing recorded, no such version, an illegal plan.
  func rehearse(_ order: RehearsalOrder) throws -> RehearsalReport {
    let state = core.state
    guard let stable = state.endpoint(order.endpoint)?.stable else {
      throw NodeError(
        .unknown,
        "\(order.endpoint) serves nothing, so there is nothing to compare with: see sluice "
          + "endpoint list")
    }
    let rivals = order.rivals ?? []
    let models = try ([stable, order.candidate] + rivals).map { version in
      guard let registered = state.version(version) else {
        throw NodeError(.unknown, "there is no version \(version): see sluice model list")
      }
      return RehearsalModel(
        .stored(digest: registered.draft.artifact, stateDirectory: directory.path),
        backend: registered.draft.backend)
    }
    return try Rehearsal.run(
      RehearsalSubject(
        endpoint: order.endpoint, stable: stable, candidate: order.candidate, rivals: rivals),
      stable: models[0], candidates: Array(models.dropFirst()),
      RehearsalOptions(
        plan: order.plan, stateDirectory: directory.path, since: order.since, until: order.until,
        requestsPerSecond: order.requestsPerSecond, seed: order.seed, runs: order.runs,
        measuresLatency: order.measuresLatency))
  }
}
