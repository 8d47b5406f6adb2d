import Core

/// What can be done about the retraining of a model.
public enum RetrainingCommand: Sendable, Hashable, Codable {
  /// A run begins.
  case begin(RetrainingBegin)
  /// The run of a policy ended.
  case finish(policy: Name, run: Int, result: RetrainingResult)
  /// A person does not want the version that was proposed.
  case decline(endpoint: Name, version: VersionID, reason: String?)
}

/// What happened in retraining.
public enum RetrainingEvent: Sendable, Hashable {
  /// A run began.
  case began(RetrainingBegin)
  /// A run ended.
  case ended(RetrainingEnd)
  /// A proposal was declined.
  case declined(VersionID)
}

/// Why a run begins.
public enum RetrainingTrigger: Sendable, Hashable, Codable {
  /// A person asked for it.
  case byHand
  /// Inputs have drifted.
  case drift
  /// Fewer right answers than wanted.
  case accuracy
  /// The clock.
  case schedule

  /// As people read it.
  public var words: String {
    switch self {
    case .byHand: "by hand"
    case .drift: "drift"
    case .accuracy: "accuracy"
    case .schedule: "schedule"
    }
  }
}

/// A run that begins.
public struct RetrainingBegin: Sendable, Hashable, Codable {
  /// The policy's name.
  public let policy: Name
  /// The policy's count of runs, from 1.
  public let run: Int
  /// The endpoint whose traffic is learnt from.
  public let endpoint: Name
  /// The model that gets a new version.
  public let model: Name
  /// Why.
  public let trigger: RetrainingTrigger
  /// What was seen, in a sentence: `drift in 3 of 12 features for 10m`.
  public let detail: String
  /// The SHA-256 of the policy file that it runs by.
  public let policyDigest: Digest
  /// From when on recorded rows are used; nil is from the beginning.
  public let since: Timestamp?

  /// Puts them together.
  public init(
    policy: Name, run: Int, endpoint: Name, model: Name, trigger: RetrainingTrigger,
    detail: String, policyDigest: Digest, since: Timestamp?
  ) {
    self.policy = policy
    self.run = run
    self.endpoint = endpoint
    self.model = model
    self.trigger = trigger
    self.detail = clipped(detail)
    self.policyDigest = policyDigest
    self.since = since
  }
}

/// How a run ended.
public struct RetrainingResult: Sendable, Hashable, Codable {
  /// What came of it.
  public enum Outcome: String, Sendable, Hashable, Codable {
    /// A version was made and is proposed to people.
    case proposed
    /// A version was made and its ramp begun.
    case ramped
    /// A version was made and did not pass its gates.
    case gatesFailed = "gates-failed"
    /// The recorded rows were too few or not good enough.
    case badData = "bad-data"
    /// The command failed, took too long, or made nothing that can be imported.
    case failed
    /// The node ended while it ran.
    case interrupted
  }

  /// What came of it.
  public let outcome: Outcome
  /// The version that was made.
  public let version: VersionID?
  /// The plan of its ramp.
  public let plan: String?
  /// The SHA-256 of the exported rows.
  public let data: Digest?
  /// How many rows those were.
  public let rows: Int?
  /// Up to when the rows were recorded: the next run goes on from there.
  public let through: Timestamp?
  /// How long all of it took.
  public let duration: TimeSpan
  /// What to know of it, in a sentence; text that may come from the command.
  public let detail: String

  /// Puts them together.
  public init(
    outcome: Outcome, version: VersionID? = nil, plan: String? = nil, data: Digest? = nil,
    rows: Int? = nil, through: Timestamp? = nil, duration: TimeSpan, detail: String
  ) {
    self.outcome = outcome
    self.version = version
    self.plan = plan
    self.data = data
    self.rows = rows
    self.through = through
    self.duration = duration
    self.detail = clipped(detail)
  }
}

/// A run that ended, with which one it was.
public struct RetrainingEnd: Sendable, Hashable, Codable {
  /// The run.
  public let began: RetrainingBegin
  /// How it ended.
  public let result: RetrainingResult
}

extension RetrainingEvent {
  /// The word under which the journal keeps it; never changes.
  var kind: String {
    switch self {
    case .began: "retraining-began"
    case .ended: "retraining-ended"
    case .declined: "retraining-declined"
    }
  }

  /// Reads what an event of `kind` says; nil for a kind of something else.
  init?(kind: String, from data: () throws -> any Decoder) throws {
    switch kind {
    case "retraining-began": self = .began(try RetrainingBegin(from: data()))
    case "retraining-ended": self = .ended(try RetrainingEnd(from: data()))
    case "retraining-declined": self = .declined(try VersionID(from: data()))
    default: return nil
    }
  }
}

extension RetrainingEvent: Encodable {
  /// Writes what it says, without its kind.
  public func encode(to encoder: any Encoder) throws {
    switch self {
    case .began(let data): try data.encode(to: encoder)
    case .ended(let data): try data.encode(to: encoder)
    case .declined(let data): try data.encode(to: encoder)
    }
  }
}

extension RetrainingTrigger {
  /// Writes its word.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(words)
  }

  /// Reads its word.
  public init(from decoder: any Decoder) throws {
    let word = try decoder.singleValueContainer().decode(String.self)
    let all: [RetrainingTrigger] = [.byHand, .drift, .accuracy, .schedule]
    guard let found = all.first(where: { $0.words == word }) else {
      throw InvalidValue("\"\(printable(word))\" is no trigger of a retraining")
    }
    self = found
  }
}
