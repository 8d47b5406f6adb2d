import Control
import Core

/// What the first rows of a journal come to, with all that is needed to go on from there.
///
/// It is kept with persons' codes as they stand in the journal, so that an erased name is not in
/// it.
struct JournalFold: Sendable, Hashable, Codable {
  /// Which row made an endpoint what it is.
  struct LastChange: Sendable, Hashable, Codable {
    let endpoint: Name
    let sequence: Int
  }

  /// The state after them.
  private(set) var state = ControlState()
  /// For each endpoint the last row that a caller or a watcher could tell from the one before, by
  /// name.
  private(set) var changes: [LastChange] = []
  /// The latest time in any row; nil before the first.
  private(set) var latest: Timestamp?
  /// The last row.
  private(set) var sequence = 0

  /// Events that say something and change nothing.
  private static let remarks: Set<String> = ["noted", "runbook-run"]

  /// Takes the next row in.
  mutating func take(_ event: Event, at sequence: Int) {
    self.sequence = sequence
    latest = latest.map { max($0, event.time) } ?? event.time
    guard let name = event.endpoint, !JournalFold.remarks.contains(event.kind) else {
      state.fold(event)
      return
    }
    let before = facets(of: name)
    state.fold(event)
    guard let after = facets(of: name), after != before else { return }
    let change = LastChange(endpoint: name, sequence: sequence)
    let place = changes.firstIndex { $0.endpoint >= name } ?? changes.count
    if place < changes.count, changes[place].endpoint == name {
      changes[place] = change
    } else {
      changes.insert(change, at: place)
    }
  }

  /// Passes a row over that cannot be read.
  mutating func skip(_ sequence: Int) { self.sequence = sequence }

  /// What can be told apart of an endpoint; nil when there is none.
  func facets(of name: Name) -> EndpointFacets? { state.endpoint(name).map(EndpointFacets.init) }

  /// The row that made an endpoint what it is.
  func change(of name: Name) -> Int? { changes.first { $0.endpoint == name }?.sequence }

  /// The state with names in place of codes, in sentences too.
  static func named(
    _ state: ControlState, by people: (any PersonCoding)?
  ) throws(InvalidValue) -> ControlState {
    guard let people else { return state }
    let json = PersonCode.expanded(try CanonicalJSON.encode(state), people)
    return try CanonicalJSON.decode(ControlState.self, from: json)
  }
}

/// What a caller of an endpoint, or a rollout's watcher, can tell apart.
struct EndpointFacets: Hashable {
  let status: EndpointStatus
  let split: Split?
  let stable: VersionID?
  let rollout: RolloutAsOf?

  init(_ endpoint: EndpointState) {
    status = endpoint.status
    split = endpoint.split
    stable = endpoint.stable
    rollout = endpoint.rollout.map {
      RolloutAsOf(
        candidate: $0.candidate, fallback: $0.fallback, plan: $0.plan.name, step: $0.step + 1,
        steps: $0.plan.steps.count, phase: $0.phaseWord)
    }
  }
}
