import Control
import Core
import Storage

/// Who served at a moment in the past: the fold of the journal up to then.
public struct AsOf: Sendable, Codable {
  /// The moment that was asked about.
  public let time: Timestamp
  /// The last event before it; 0 when there was none.
  public let sequence: Int
  /// The endpoints that existed then, by name.
  public let endpoints: [EndpointAsOf]
  /// Events that stand later in the journal and yet are dated before the moment, because the clock
  /// was set back between; they are not counted in.
  public let misdatedEvents: Int
}

/// What one endpoint did at a moment.
public struct EndpointAsOf: Sendable, Codable {
  /// Its name.
  public let endpoint: Name
  /// `serving`, `empty` or `drained`.
  public let status: EndpointStatus
  /// The weights; nil while it had none.
  public let split: Split?
  /// What candidates were compared with.
  public let stable: VersionID?
  /// The rollout under way.
  public let rollout: RolloutAsOf?
  /// The change that made it so.
  public let change: ChangeAsOf
  /// From when on it was so: the time of that change.
  public let from: Timestamp
  /// Until when it was so; nil when it still is.
  public let until: Timestamp?
  /// The change that ended it.
  public let endedBy: ChangeAsOf?
}

/// A rollout at a moment.
public struct RolloutAsOf: Sendable, Codable, Hashable {
  /// What was moved to.
  public let candidate: VersionID
  /// Where traffic would have gone back to.
  public let fallback: VersionID
  /// The plan's name.
  public let plan: String
  /// The step, from 1.
  public let step: Int
  /// How many steps the plan has.
  public let steps: Int
  /// `baking`, `held` or `soaking`.
  public let phase: String
}

/// A change: who, when and why.
public struct ChangeAsOf: Sendable, Codable {
  /// Its place in the journal.
  public let sequence: Int
  /// When.
  public let time: Timestamp
  /// Who.
  public let actor: ActorID
  /// What, in words.
  public let summary: String
  /// The reason or symptom that was given.
  public let reason: String?
}

extension AsOf {
  /// Folds the journal up to `time`, and looks on until each endpoint's answer changes.
  ///
  /// Reads only: it works beside a running node, one that hangs, and without one.
  /// - Parameter only: one endpoint, nil for all.
  /// - Throws: a ``Failure``: there is no journal, or it has no such endpoint at that time.
  public static func read(
    stateDirectory: String, time: Timestamp, only: Name? = nil
  ) throws -> AsOf {
    let reader = try JournalReader(StateDirectory(stateDirectory, create: false))
    var walk = AsOfWalk(time: time)
    var cursor = reader.cursor()
    while let record = try cursor.next() { try walk.take(record) }
    let answer = walk.answer(only: only)
    if let only, answer.endpoints.isEmpty {
      throw NodeError(.unknown, "there was no endpoint \"\(only)\" at \(time)")
    }
    return answer
  }
}

/// The walk over the journal that answers it.
struct AsOfWalk {
  /// What a caller or a rollout's watcher can tell apart.
  private struct Facets: Hashable {
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

  private struct Known {
    var facets: Facets
    var change: ChangeAsOf
    var endedBy: ChangeAsOf?
  }

  /// Events that say something and change nothing.
  private static let remarks: Set<String> = ["noted", "runbook-run"]

  private let time: Timestamp
  private var state = ControlState()
  private var known: [Name: Known] = [:]
  private var sequence = 0
  private var isPast = false
  private var misdatedEvents = 0

  init(time: Timestamp) { self.time = time }

  mutating func take(_ record: JournalRecord) throws {
    if record.entry.time > time { isPast = true }
    if isPast {
      if record.entry.time <= time { misdatedEvents += 1 }
    } else {
      sequence = record.sequence
    }
    guard let name = record.entry.endpoint, !AsOfWalk.remarks.contains(record.entry.kind) else {
      return
    }
    // After the moment an endpoint matters until its answer ends.
    if isPast, known[name] == nil || known[name]?.endedBy != nil { return }
    let event = try Recovery.event(of: record)
    state.fold(event)
    guard let endpoint = state.endpoint(name) else { return }
    let facets = Facets(endpoint)
    guard known[name]?.facets != facets else { return }
    let change = ChangeAsOf(
      sequence: record.sequence, time: event.time, actor: event.actor, summary: event.summary,
      reason: event.reason)
    if isPast {
      known[name]?.endedBy = change
    } else {
      known[name] = Known(facets: facets, change: change)
    }
  }

  func answer(only: Name?) -> AsOf {
    let names = known.keys.filter { only == nil || $0 == only }.sorted()
    let endpoints = names.compactMap { name -> EndpointAsOf? in
      guard let known = known[name] else { return nil }
      return EndpointAsOf(
        endpoint: name, status: known.facets.status, split: known.facets.split,
        stable: known.facets.stable, rollout: known.facets.rollout, change: known.change,
        from: known.change.time, until: known.endedBy?.time, endedBy: known.endedBy)
    }
    return AsOf(
      time: time, sequence: sequence, endpoints: endpoints, misdatedEvents: misdatedEvents)
  }
}
