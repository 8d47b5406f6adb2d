import Control
import Core
import Glibc
import Serving
import Synchronization

/// Asks the versions of running rollouts, from time to time and off the request path, whether they
/// still answer: a rollback must not go to a version that cannot.
///
/// A version is asked its golden rows when it has some, else the rows of recent requests, of which
/// it must answer one: that it cannot answer a certain row is for the judge to see. It has a thread
/// of its own, so that a version that hangs keeps neither the guard nor a caller waiting.
final class Prober: Sendable {
  /// A version that did not answer as it should.
  struct Failure: Sendable {
    let endpoint: Name
    let version: VersionID
    /// What was wrong.
    let sentence: String
  }

  private struct Place: Hashable {
    let endpoint: Name
    let version: VersionID
  }

  /// Between two rounds.
  static let interval = TimeSpan.seconds(10)
  /// Rounds after which it is tried again to load what could not be loaded.
  static let roundsBetweenLoads = 3
  /// Golden rows that are asked in a round.
  static let goldenRowsMax = 32
  /// With fewer rows of recent requests nothing is said of a version.
  static let recentRowsMin = 3

  private let failed = Mutex<[Place: String]>([:])
  private let shelf: ModelShelf

  init(shelf: ModelShelf) { self.shelf = shelf }

  /// The versions whose last probe on an endpoint failed.
  func failures(on endpoint: Name) -> Set<VersionID> {
    failed.withLock { failed in
      failed.isEmpty
        ? [] : Set(failed.keys.filter { $0.endpoint == endpoint }.map(\.version))
    }
  }

  /// Every version whose last probe failed, by endpoint and version.
  var failures: [Failure] {
    failed.withLock { $0 }
      .map { Failure(endpoint: $0.key.endpoint, version: $0.key.version, sentence: $0.value) }
      .sorted { ($0.endpoint.text, $0.version) < ($1.endpoint.text, $1.version) }
  }

  /// Asks every version that a running rollout has or goes back to, and every one that failed.
  /// - Parameter rows: recent requests' rows of an endpoint.
  func round(_ state: ControlState, rows: (Name) -> [RecordedRow]) {
    var places: Set<Place> = []
    for endpoint in state.endpoints {
      guard let rollout = endpoint.rollout else { continue }
      let next = endpoint.rollbackTargets().prefix(1)
      for version in [rollout.fallback] + rollout.candidates + next {
        places.insert(Place(endpoint: endpoint.name, version: version))
      }
    }
    for place in failed.withLock({ Array($0.keys) }) {
      if state.endpoint(place.endpoint)?.isDeployed(place.version) ?? false {
        places.insert(place)
      } else {
        failed.withLock { $0[place] = nil }
      }
    }
    for place in places {
      let fault = fault(of: place.version) { rows(place.endpoint) }
      failed.withLock { $0[place] = fault }
    }
  }

  /// What is wrong with a version's answers; nil when nothing is, or it cannot be asked.
  private func fault(of version: VersionID, rows: () -> [RecordedRow]) -> String? {
    // What is not in memory is no version that could be gone back to anyway.
    guard let loaded = shelf.loaded(version) else { return nil }
    if let probe = loaded.goldenProbe {
      do {
        try probe()
        return nil
      } catch {
        return "a golden row of \(version) is not answered as it should be: "
          + NodeError(describing: error).message
      }
    }
    let rows = rows()
    guard rows.count >= Prober.recentRowsMin else { return nil }
    return loaded.version.answersAny(of: rows)
      ? nil : "\(version) answers none of the rows of \(rows.count) recent requests"
  }
}

extension Node {
  /// The probing thread.
  func startProbing() throws(NodeError) -> ServiceThread {
    try ServiceThread("probe") { [weak self] stop in
      // Of this thread alone, as Linux has it: callers and the guard come first.
      _ = nice(19)
      var round = 0
      var next = SystemClock.monotonicNanoseconds()
      while !stop.isSet {
        // Not held while it sleeps: two threads that each hold the node most of the time would keep
        // it, and the lock on its directory, for ever.
        if SystemClock.monotonicNanoseconds() >= next {
          guard let self else { return }
          self.prober.round(self.core.state) { self.plane.runtime(of: $0)?.recentRows() ?? [] }
          round += 1
          if round % Prober.roundsBetweenLoads == 0 { self.loadMissing() }
          next =
            SystemClock.monotonicNanoseconds() + UInt64(Prober.interval.microseconds) * 1_000
        } else if self == nil {
          return
        }
        usleep(50_000)
      }
    }
  }

  /// The versions that may get traffic on an endpoint: loaded, and their last probe answered.
  func preparedVersions(on endpoint: Name?) -> Set<VersionID> {
    guard let endpoint else { return shelf.prepared }
    return shelf.prepared.subtracting(prober.failures(on: endpoint))
  }
}
