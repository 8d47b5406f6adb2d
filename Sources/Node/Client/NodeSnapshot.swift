import Control
import Core

/// What a screen wants to see.
public struct SnapshotRequest: Sendable, Codable {
  /// The endpoint shown in detail; nil shows the first.
  public var endpoint: Name?
  /// How far back charts reach, seconds.
  public var windowSeconds: Int
  /// How many points a chart has at most; the node merges seconds into them.
  public var points: Int
  /// Shows the series as they stood at this time, nil is now.
  public var at: Timestamp?
  /// The version whose drift is shown; nil shows the rollout's candidate, else the stable.
  public var driftVersion: VersionID?
  /// How many journal rows to send at most, newest first.
  public var eventLimit: Int
  /// Whether the histograms of each feature are sent with the drift table.
  public var driftHistograms: Bool
  /// Whether all registered versions are sent too; nil is yes.
  ///
  /// A screen asks for them in pages instead, see ``NodeRequest/registryPage(offset:limit:)``.
  public var wantsRegistry: Bool?

  /// The live view of the first endpoint over five minutes.
  public init(
    endpoint: Name? = nil, windowSeconds: Int = 300, points: Int = 120, at: Timestamp? = nil,
    driftVersion: VersionID? = nil, eventLimit: Int = 100, driftHistograms: Bool = false,
    wantsRegistry: Bool? = nil
  ) {
    self.endpoint = endpoint
    self.windowSeconds = windowSeconds
    self.points = points
    self.at = at
    self.driftVersion = driftVersion
    self.eventLimit = eventLimit
    self.driftHistograms = driftHistograms
    self.wantsRegistry = wantsRegistry
  }
}

/// One consistent picture of a node.
public struct NodeSnapshot: Sendable, Codable {
  /// When it was taken.
  public var time: Timestamp
  /// The node itself.
  public var node: NodeInfo
  /// Every endpoint, by name.
  public var endpoints: [EndpointSummary]
  /// The endpoint asked for.
  public var detail: EndpointDetail?
  /// Registered versions, by model and number.
  public var registry: [RegisteredVersionView]
  /// Newest journal rows first.
  public var events: [JournalRow]
  /// What is wrong now, worst first.
  public var symptoms: [Symptom]
  /// The runbooks that are known, those proposed for a present symptom first.
  public var runbooks: [RunbookView]
  /// The plans that are known.
  public var plans: [Plan]
  /// The freezes, oldest first; nil from a node that knows none.
  public var freezes: [FreezeView]?
  /// Names the registry's state, see ``RegistryPage/revision``; nil from an older node.
  public var registryRevision: Int?
  /// Who looks at the node, longest first; nil from an older node.
  public var attached: [AttachedView]?
  /// What retraining made and waits for a person, oldest first; nil from an older node.
  public var proposals: [RetrainingProposal]?

  /// Puts them together.
  public init(
    time: Timestamp, node: NodeInfo, endpoints: [EndpointSummary], detail: EndpointDetail?,
    registry: [RegisteredVersionView], events: [JournalRow], symptoms: [Symptom],
    runbooks: [RunbookView], plans: [Plan]
  ) {
    self.time = time
    self.node = node
    self.endpoints = endpoints
    self.detail = detail
    self.registry = registry
    self.events = events
    self.symptoms = symptoms
    self.runbooks = runbooks
    self.plans = plans
  }
}

/// A freeze, and whether it holds.
public struct FreezeView: Sendable, Codable {
  /// Which one.
  public var freeze: Freeze
  /// Whether it holds now.
  public var isActive: Bool
  /// When it ends, when it holds now and ends by itself.
  public var until: Timestamp?

  /// The freeze as it stands at `now`.
  public init(_ freeze: Freeze, at now: Timestamp) {
    let active = freeze.active(at: now)
    self.freeze = freeze
    isActive = active != nil
    until = active?.until
  }
}

/// The running process.
public struct NodeInfo: Sendable, Codable {
  /// The program's version.
  public var program: String
  /// Process id.
  public var pid: Int
  /// When it began.
  public var started: Timestamp
  /// Where its state is.
  public var stateDirectory: String
  /// `dev` or `prod`: how much is asked before a risky action.
  public var profile: String
  /// Processor time of the whole process, in processors (1.0 is one busy core).
  public var processors: Double
  /// Resident memory in bytes.
  public var residentBytes: Int
  /// What feeds traffic, for the header: `replay 500/s, loop 2`; empty when nothing does.
  public var trafficSource: String
  /// Journal head.
  public var sequence: Int
  /// False when the journal cannot be written; forward moves are then refused.
  public var durable: Bool

  /// Puts them together.
  public init(
    program: String, pid: Int, started: Timestamp, stateDirectory: String, profile: String,
    processors: Double, residentBytes: Int, trafficSource: String, sequence: Int, durable: Bool
  ) {
    self.program = program
    self.pid = pid
    self.started = started
    self.stateDirectory = stateDirectory
    self.profile = profile
    self.processors = processors
    self.residentBytes = residentBytes
    self.trafficSource = trafficSource
    self.sequence = sequence
    self.durable = durable
  }
}
