import Core

/// What a step of a plan does with the candidates.
public enum Strategy: String, Sendable, Hashable, Codable, CaseIterable {
  /// Each candidate answers its share of the requests.
  case canary
  /// Each candidate gets a copy of a share of the requests; its answers never leave the node.
  case shadow
  /// The candidates are loaded and probed, and answer only pinned and synthetic requests
  /// (blue-green).
  case preview
  /// As canary, for a fixed time that good results never shorten.
  case abTest = "ab"

  /// Whether callers get answers of the candidates.
  public var hasTraffic: Bool { self == .canary || self == .abTest }
}

/// What a hold does with the candidates' weight, and what its deadline does.
public struct HoldPolicy: Sendable, Hashable, Codable {
  /// What becomes of the weight while the guard holds; going on gives it back.
  public enum Weight: String, Sendable, Hashable, Codable, CaseIterable {
    /// Nothing.
    case keep
    /// It falls to that of the plan's first step with traffic.
    case floor
    /// It is taken away.
    case zero
  }

  /// What happens when a hold has lasted as long as ``Plan/holdDeadline``.
  public enum Ending: String, Sendable, Hashable, Codable, CaseIterable {
    /// The rollout is rolled back.
    case rollback
    /// People are alarmed, once; it goes on holding.
    case escalate
    /// One more deadline, then it is rolled back.
    case extend
  }

  /// What becomes of the weight.
  public let weight: Weight
  /// What the deadline does.
  public let then: Ending

  /// Puts the two together.
  public init(weight: Weight = .keep, then: Ending = .rollback) {
    self.weight = weight
    self.then = then
  }
}

/// The parts of the requests that are judged apart as well.
public struct PlanSegments: Sendable, Hashable, Codable {
  /// The column of the row that tells them apart.
  public let by: String
  /// Its values that are judged, at most ``ControlLimits/segmentsMax``.
  public let values: [String]

  /// Puts the two together.
  public init(by: String, values: [String]) {
    self.by = by
    self.values = values
  }
}

/// A further candidate of a rollout, beside the leading one and with the same weight.
public struct Rival: Sendable, Hashable, Codable {
  /// Which version.
  public let version: VersionID
  /// Metrics whose hold a person overrode or certainty ended.
  public internal(set) var overridden: [Metric]

  /// A rival as it begins.
  public init(version: VersionID) {
    self.version = version
    overridden = []
  }
}

/// A rollback that takes the weight away little by little, to warm its target.
public struct Retreat: Sendable, Hashable, Codable {
  /// The weight that it began from.
  public let from: BasisPoints
  /// When it began.
  public let began: Timestamp
  /// The evidence's ``RolloutEvidence/watched`` then; nil in journals of older builds.
  public let watched: TimeSpan?
  /// How long it takes.
  public let over: TimeSpan
  /// How many moves it takes, the last of them the rollback; 1 to 10.
  public let moves: Int

  /// The most moves of a retreat.
  public static let movesMax = 10

  /// A retreat that begins now, in as many moves as the weight allows.
  init(from weight: BasisPoints, began: Timestamp, watched: TimeSpan, over: TimeSpan) {
    from = weight
    self.began = began
    self.watched = watched
    self.over = over
    moves = max(1, min(Retreat.movesMax, weight))
  }

  /// The weight that is due; 0 at the end.
  ///
  /// By the clock on the wall or by the time that was watched, whichever is further: a clock that
  /// jumps back keeps nothing from going back, nor does a time in which no node ran.
  /// - Parameter evidence: the evidence's ``RolloutEvidence/watched`` now.
  public func weight(at now: Timestamp, watched evidence: TimeSpan?) -> BasisPoints {
    let seen = watched.map { (evidence ?? .zero) - $0 } ?? .zero
    let passed = max(now - began, seen).microseconds
    guard passed > 0 else { return from }
    guard over > .zero, over.microseconds > passed else { return 0 }
    // Both factors are small: at most 10 moves of at most 366 days.
    let made = Int(passed * Int64(moves) / over.microseconds)
    return from * (moves - made) / moves
  }
}

/// A rollout that waits for another endpoint's.
public struct RolloutDependency: Sendable, Hashable, Codable {
  /// Whose rollout has to complete first.
  public let endpoint: Name
  /// That endpoint's count of rollouts: this one or a later one has to complete.
  public let rollout: Int
}

/// What a ramp begins with beside its version and plan.
public struct RampOptions: Sendable, Hashable, Codable {
  /// Further candidates, with the same weight each.
  public var rivals: [VersionID]
  /// When it begins; nil is at once.
  public var at: Timestamp?

  /// Puts the two together.
  public init(rivals: [VersionID] = [], at: Timestamp? = nil) {
    self.rivals = rivals
    self.at = at
  }
}
