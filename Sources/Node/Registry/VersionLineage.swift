import Control
import Core
import Glibc
import Storage

/// Where a version came from and what became of it.
public struct VersionLineage: Sendable, Codable {
  /// The version as it was registered.
  public let registered: RegisteredVersion
  /// The versions it was made from, nearest first.
  public let ancestors: [VersionID]
  /// The versions that were made from it, by version.
  public let children: [VersionID]
  /// Tags, approval, gates, sign-offs, deletion.
  public let record: VersionRecord
  /// The rollouts in which it took part, oldest first.
  public let rollouts: [LineageRollout]
  /// When it had weight, oldest first.
  public let served: [ServedSpan]
}

/// A rollout in which a version took part.
public struct LineageRollout: Sendable, Codable, Hashable {
  /// What the version was in it.
  public enum Part: String, Sendable, Codable { case candidate, fallback }
  /// Where.
  public let endpoint: Name
  /// The endpoint's count of rollouts.
  public let rollout: Int
  /// What the version was in it.
  public let part: Part
  /// The other version.
  public let other: VersionID
  /// The plan's name.
  public let plan: String
  /// When it began, and who began it.
  public let started: Timestamp
  /// Who began it.
  public let by: ActorID
  /// When it ended; nil while it runs.
  public internal(set) var ended: Timestamp?
  /// How it ended: `completed`, `rolled-back`, `aborted`, `superseded`; nil while it runs.
  public internal(set) var end: String?
  /// What was said of the end.
  public internal(set) var summary: String?
}

/// A span of time in which a version had weight on an endpoint that took requests.
public struct ServedSpan: Sendable, Codable, Hashable {
  /// Where.
  public let endpoint: Name
  /// Since when.
  public let from: Timestamp
  /// Until when; nil while it still has.
  public internal(set) var until: Timestamp?
  /// Its greatest weight in that time.
  public internal(set) var peak: BasisPoints
}

extension VersionLineage {
  /// The most versions that are followed back.
  private static let ancestorsMax = 1_000

  /// Reads it from the state and the journal.
  static func read(
    _ reader: JournalReader, _ state: ControlState, _ version: VersionID
  ) throws -> VersionLineage {
    guard let registered = state.version(version) else {
      throw NodeError(.unknown, "there is no version \(version): see sluice model list")
    }
    var walk = LineageWalk(version)
    var cursor = reader.cursor()
    while let record = try cursor.next() { try walk.take(record) }
    var ancestors: [VersionID] = []
    var parent = registered.draft.parent
    while let version = parent, !ancestors.contains(version), ancestors.count < ancestorsMax {
      ancestors.append(version)
      parent = state.version(version)?.draft.parent
    }
    return VersionLineage(
      registered: registered, ancestors: ancestors,
      children: state.versions.filter { $0.draft.parent == version }.map(\.version),
      record: state.registry.record(of: version), rollouts: walk.rollouts, served: walk.served)
  }
}

/// The walk over the journal that finds what became of a version.
struct LineageWalk {
  /// What an endpoint does with the version.
  private struct Place {
    var weight: BasisPoints = 0
    var isDrained = false
    var open: Int?
  }

  private(set) var rollouts: [LineageRollout] = []
  private(set) var served: [ServedSpan] = []
  private let version: VersionID
  /// The version as canonical JSON writes it.
  private let needle: [UInt8]
  private var places: [Name: Place] = [:]

  init(_ version: VersionID) {
    self.version = version
    needle = Array("\"\(version)\"".utf8)
  }

  mutating func take(_ record: JournalRecord) throws {
    guard let name = record.entry.endpoint else { return }
    let isSwitch = ["endpoint-drained", "endpoint-enabled"].contains(record.entry.kind)
    // A split in which it does not stand any more follows one in which it does.
    let matters = isSwitch || (places[name]?.weight ?? 0) > 0 || names(record.entry.body)
    guard matters else { return }
    take(try Recovery.event(of: record), at: name)
  }

  /// Whether the version stands in the bytes of an event.
  private func names(_ body: [UInt8]) -> Bool {
    body.withUnsafeBytes { body in
      needle.withUnsafeBytes { needle in
        guard let start = body.baseAddress, let wanted = needle.baseAddress else { return false }
        var place = 0
        // Decoding every event of a long journal would take seconds.
        while body.count - place >= needle.count,
          let found = memchr(start + place, 0x22, body.count - place - needle.count + 1)
        {
          if memcmp(found, wanted, needle.count) == 0 { return true }
          place = UnsafeRawPointer(found) - start + 1
        }
        return false
      }
    }
  }

  private mutating func take(_ event: Event, at name: Name) {
    var place = places[name] ?? Place()
    switch event.body {
    case .endpointDrained: place.isDrained = true
    case .endpointEnabled: place.isDrained = false
    case .rampStarted(let start): begin(start, event, name)
    case .completed(let change): end(change.rollout, "completed", event, name)
    case .promoted(let change) where change.completes:
      end(change.rollout, "completed", event, name)
    case .rolledBack(let back):
      end(back.rollout, back.cause == .superseded ? "superseded" : "rolled-back", event, name)
    case .aborted(let back): end(back.rollout, "aborted", event, name)
    default: break
    }
    if let after = event.after { place.weight = after.weight(of: version) }
    let serves = place.weight > 0 && !place.isDrained
    if let open = place.open {
      if serves {
        served[open].peak = max(served[open].peak, place.weight)
      } else {
        served[open].until = event.time
        place.open = nil
      }
    } else if serves {
      place.open = served.count
      served.append(
        ServedSpan(endpoint: name, from: event.time, until: nil, peak: place.weight))
    }
    places[name] = place
  }

  private mutating func begin(_ start: RampStart, _ event: Event, _ name: Name) {
    let isCandidate = start.candidate == version
    guard isCandidate || start.fallback == version else { return }
    rollouts.append(
      LineageRollout(
        endpoint: name, rollout: start.rollout, part: isCandidate ? .candidate : .fallback,
        other: isCandidate ? start.fallback : start.candidate, plan: start.plan.name,
        started: event.time, by: event.actor))
  }

  private mutating func end(_ rollout: Int?, _ end: String, _ event: Event, _ name: Name) {
    guard let rollout,
      let index = rollouts.lastIndex(where: {
        $0.endpoint == name && $0.rollout == rollout && $0.end == nil
      })
    else { return }
    rollouts[index].ended = event.time
    rollouts[index].end = end
    rollouts[index].summary = event.summary
  }
}
