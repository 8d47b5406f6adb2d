import Control
import Core

/// Everything about one endpoint.
public struct EndpointDetail: Sendable, Codable {
  /// Its name.
  public var name: Name
  /// `serving`, `drained` or `empty`.
  public var status: String
  /// The endpoint's generation.
  public var generation: Int
  /// What each version gets; nil before the first deploy.
  public var split: Split?
  /// Its versions, and those that could be deployed.
  public var versions: [VersionRow]
  /// Its traffic over the asked window.
  public var traffic: TrafficView
  /// The running rollout, or the one that ended last.
  public var rollout: RolloutView?
  /// Drift of the asked version; nil without a reference.
  public var drift: DriftView?
  /// What `R` would do now; nil when there is nothing to roll back to.
  public var rollback: RollbackPreview?
  /// The last change that `u` can take back: when, and the split it would give.
  public var undo: UndoView?
  /// Rules by hand, oldest first; nil from an older node.
  public var rules: [RouteRule]?
  /// The generations whose split can be given back, newest first; nil from an older node.
  public var history: [GenerationView]?

  /// Puts them together.
  public init(
    name: Name, status: String, generation: Int, split: Split?, versions: [VersionRow],
    traffic: TrafficView, rollout: RolloutView?, drift: DriftView?, rollback: RollbackPreview?,
    undo: UndoView?
  ) {
    self.name = name
    self.status = status
    self.generation = generation
    self.split = split
    self.versions = versions
    self.traffic = traffic
    self.rollout = rollout
    self.drift = drift
    self.rollback = rollback
    self.undo = undo
  }
}

/// One version on the endpoint (or registered and not deployed).
public struct VersionRow: Sendable, Codable {
  /// The version.
  public var version: VersionID
  /// `live`, `canary`, `standby`, `closed` (rolled back), `failed`, `registered` (not deployed).
  public var state: String
  /// Its part of the traffic.
  public var weight: BasisPoints
  /// Over the shown window's last 10 seconds; nil without requests.
  public var requestsPerSecond: Double?
  /// Half of its answers took at most this long; nil without requests.
  public var p50Milliseconds: Double?
  /// 99 % of its answers took at most this long; nil without requests.
  public var p99Milliseconds: Double?
  /// Failed answers, 0 to 1; nil without requests.
  public var errorRate: Double?
  /// Wrong answers by late label, 0 to 1, over the last minute of labels; nil without labels.
  public var wrongRate: Double?
  /// Labels behind `wrongRate`.
  public var labels: Int
  /// The largest PSI of its features and outputs; nil before there are enough rows.
  public var driftScore: Double?
  /// When it was registered.
  public var registered: Timestamp
  /// One sentence about it, from its card.
  public var summary: String
  /// SHA-256 of its model file.
  public var digest: Digest

  /// Puts them together.
  public init(
    version: VersionID, state: String, weight: BasisPoints, requestsPerSecond: Double?,
    p50Milliseconds: Double?, p99Milliseconds: Double?, errorRate: Double?, wrongRate: Double?,
    labels: Int, driftScore: Double?, registered: Timestamp, summary: String, digest: Digest
  ) {
    self.version = version
    self.state = state
    self.weight = weight
    self.requestsPerSecond = requestsPerSecond
    self.p50Milliseconds = p50Milliseconds
    self.p99Milliseconds = p99Milliseconds
    self.errorRate = errorRate
    self.wrongRate = wrongRate
    self.labels = labels
    self.driftScore = driftScore
    self.registered = registered
    self.summary = summary
    self.digest = digest
  }
}

/// What a rollback would do, shown before it is confirmed.
public struct RollbackPreview: Sendable, Codable {
  /// The split now.
  public var from: Split
  /// The version that would get all traffic.
  public var target: VersionID
  /// Older targets that can be chosen instead, newest first.
  public var alternatives: [VersionID]
  /// How long the target has been (or was) live.
  public var targetLive: TimeSpan?
  /// 99 % of its last answers took at most this long; nil without answers.
  public var targetP99Milliseconds: Double?
  /// Failed answers among its last, 0 to 1; nil without answers.
  public var targetErrorRate: Double?
  /// True when the target is loaded and answers now.
  public var targetReady: Bool
  /// The generation that it was computed for.
  public var generation: Int
  /// What on the screen speaks for it; recorded with the rollback.
  public var symptom: String?

  /// Puts them together.
  public init(
    from: Split, target: VersionID, alternatives: [VersionID], targetLive: TimeSpan?,
    targetP99Milliseconds: Double?, targetErrorRate: Double?, targetReady: Bool, generation: Int,
    symptom: String?
  ) {
    self.from = from
    self.target = target
    self.alternatives = alternatives
    self.targetLive = targetLive
    self.targetP99Milliseconds = targetP99Milliseconds
    self.targetErrorRate = targetErrorRate
    self.targetReady = targetReady
    self.generation = generation
    self.symptom = symptom
  }
}

/// What undo would give back.
public struct UndoView: Sendable, Codable {
  /// When the change was made that it takes back.
  public var changed: Timestamp
  /// What that change was, in words.
  public var change: String
  /// The split that it gives.
  public var split: Split

  /// Puts them together.
  public init(changed: Timestamp, change: String, split: Split) {
    self.changed = changed
    self.change = change
    self.split = split
  }
}
