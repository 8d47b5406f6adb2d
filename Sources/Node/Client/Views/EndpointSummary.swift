import Core

/// One line of the home list.
public struct EndpointSummary: Sendable, Codable {
  /// Its name.
  public var name: Name
  /// `serving`, `drained` or `empty`.
  public var status: String
  /// The endpoint's generation.
  public var generation: Int
  /// The version that callers get; nil before the first deploy.
  public var stable: VersionID?
  /// The version under test; nil without a rollout.
  public var candidate: VersionID?
  /// The candidate's part of the traffic, 0 without a rollout.
  public var candidateWeight: BasisPoints
  /// Over the last 10 seconds.
  public var requestsPerSecond: Double
  /// 99 % of answers took at most this long; nil without answers.
  public var p99Milliseconds: Double?
  /// Failed answers, 0 to 1, over the last 10 seconds; nil without requests.
  public var errorRate: Double?
  /// The rollout's state in words; nil without one.
  public var rollout: String?
  /// The worst present symptom.
  public var severity: Severity

  /// Puts them together.
  public init(
    name: Name, status: String, generation: Int, stable: VersionID?, candidate: VersionID?,
    candidateWeight: BasisPoints, requestsPerSecond: Double, p99Milliseconds: Double?,
    errorRate: Double?, rollout: String?, severity: Severity
  ) {
    self.name = name
    self.status = status
    self.generation = generation
    self.stable = stable
    self.candidate = candidate
    self.candidateWeight = candidateWeight
    self.requestsPerSecond = requestsPerSecond
    self.p99Milliseconds = p99Milliseconds
    self.errorRate = errorRate
    self.rollout = rollout
    self.severity = severity
  }
}

/// How bad something is; each has a glyph and a word on the screen.
public enum Severity: String, Sendable, Codable, Comparable, CaseIterable {
  case ok, warn, bad
  /// Orders from `ok` to `bad`.
  public static func < (a: Severity, b: Severity) -> Bool { a.rank < b.rank }
  private var rank: Int { self == .ok ? 0 : self == .warn ? 1 : 2 }
}
