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
  /// Saved states that may be believed spare most of the way. Reads only: it works beside a running
  /// node, one that hangs, and without one.
  /// - Parameter only: one endpoint, nil for all.
  /// - Throws: a ``Failure``: there is no journal, or it has no such endpoint at that time.
  public static func read(
    stateDirectory: String, time: Timestamp, only: Name? = nil
  ) throws -> AsOf {
    let directory = try StateDirectory(stateDirectory, create: false)
    let reader = try JournalReader(directory)
    let walk = AsOfWalk(
      reader, saved: SavedStates(readingFrom: directory, reader),
      people: try People(readingFrom: directory))
    let answer = try walk.answer(at: time, only: only)
    if let only, answer.endpoints.isEmpty {
      throw NodeError(.unknown, "there was no endpoint \"\(only)\" at \(time)")
    }
    return answer
  }
}

/// The walk over the journal that answers it.
struct AsOfWalk {
  private let reader: JournalReader
  private let saved: SavedStates
  private let people: People

  init(_ reader: JournalReader, saved: SavedStates, people: People) {
    self.reader = reader
    self.saved = saved
    self.people = people
  }

  func answer(at time: Timestamp, only: Name?) throws -> AsOf {
    let then = try fold(at: time)
    let names = then.changes.map(\.endpoint).filter { only == nil || $0 == only }
    let ends = try ends(of: names, after: then)
    return AsOf(
      time: time, sequence: then.sequence,
      endpoints: try names.compactMap { name in
        guard let facets = then.facets(of: name), let change = try change(then.change(of: name))
        else { return nil }
        let end = try self.change(ends[name])
        return EndpointAsOf(
          endpoint: name, status: facets.status, split: facets.split, stable: facets.stable,
          rollout: facets.rollout, change: change, from: change.time, until: end?.time,
          endedBy: end)
      }, misdatedEvents: try reader.count(after: then.sequence, notLaterThan: time))
  }

  /// The fold of all rows before the first that is dated after the moment.
  private func fold(at time: Timestamp) throws -> JournalFold {
    var fold = saved.newest(notLaterThan: time).entry?.fold ?? JournalFold()
    var cursor = reader.cursor(after: fold.sequence)
    while let record = try cursor.next(), record.entry.time <= time {
      fold.take(try Recovery.event(of: record), at: record.sequence)
    }
    return fold
  }

  /// The first row after a fold that made each endpoint something else; none for those that still
  /// are the same.
  private func ends(of names: [Name], after then: JournalFold) throws -> [Name: Int] {
    var ends: [Name: Int] = [:]
    var open = names
    var fold = then
    while !open.isEmpty {
      fold = leap(from: fold, open) ?? fold
      var cursor = reader.cursor(after: fold.sequence)
      var hasEnded = false
      while !hasEnded {
        guard let record = try cursor.next() else { return ends }
        fold.take(try Recovery.event(of: record), at: record.sequence)
        guard let name = record.entry.endpoint, open.contains(name),
          fold.change(of: name) == record.sequence
        else { continue }
        ends[name] = record.sequence
        open.removeAll { $0 == name }
        hasEnded = true
      }
    }
    return ends
  }

  /// The latest saved state up to which none of the endpoints changed.
  private func leap(from fold: JournalFold, _ names: [Name]) -> JournalFold? {
    let later = saved.sequences.filter { $0 > fold.sequence }
    var found: JournalFold?
    // One that shows a change is followed only by such: so the next one tells first, and then
    // halving finds the last without.
    var (first, end, probe) = (0, later.count, 0)
    while first < end {
      guard case .success(let entry) = saved.entry(at: later[probe]) else { return found }
      if names.allSatisfy({ entry.fold.change(of: $0) == fold.change(of: $0) }) {
        found = entry.fold
        first = probe + 1
      } else {
        end = probe
      }
      probe = (first + end) / 2
    }
    return found
  }

  /// A row as a change; nil for no row.
  private func change(_ sequence: Int?) throws -> ChangeAsOf? {
    guard let sequence, let record = try reader.records(after: sequence - 1, limit: 1).first else {
      return nil
    }
    let event = try Recovery.event(of: record, people)
    return ChangeAsOf(
      sequence: record.sequence, time: event.time, actor: event.actor, summary: event.summary,
      reason: event.reason)
  }
}
