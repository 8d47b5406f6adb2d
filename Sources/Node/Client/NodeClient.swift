import Control
import Core

/// The one door to a running node.
///
/// The console and the command line hold a `NodeClient` and cannot tell whether the node is in
/// their process or behind its control socket.
///
/// Calls block; a screen makes them on a thread of its own.
public protocol NodeClient: Sendable {
  /// Answers one request.
  /// - Throws: ``NodeError`` (or another ``Failure``) when the node refused it or cannot be
  ///   reached.
  func send(_ request: NodeRequest) throws -> NodeReply
}

/// What can be asked of a node.
public enum NodeRequest: Sendable, Codable {
  /// Is it there?
  case ping
  /// Everything a screen shows.
  case snapshot(SnapshotRequest)
  /// Changes something.
  case perform(Order)
  /// What a ramp would do, step by step, without doing it.
  case previewRamp(endpoint: Name, version: VersionID, plan: Plan, options: RampOptions? = nil)
  /// Carries out a runbook, or with `dryRun` says what it would do.
  case runbook(name: String, endpoint: Name, dryRun: Bool, actor: ActorID)
  /// Journal rows with `sequence > after`, at most `limit`.
  case journal(after: Int, limit: Int)
  /// What is known of an endpoint's rollout, or of the last one that ended while the node ran.
  case verdict(endpoint: Name)
  /// Checks the journal's chain from its beginning.
  case verifyJournal
  /// The model card's text and metadata of a version.
  case version(VersionID)
  /// Which version a key gets on an endpoint, and by which rule.
  ///
  /// Without a key every request draws anew; columns of the row that are not given are not known.
  case why(
    endpoint: Name, key: String?, row: [String: String] = [:], headers: [String: String] = [:])
  /// Stops the node: drains, closes the journal, exits.
  case shutdown(actor: ActorID)
  /// What is recorded of an endpoint's requests.
  case recording(endpoint: Name)
  /// Asks the registry.
  case registry(RegistryQuestion)
  /// One test request, outside of every verdict.
  ///
  /// - Parameters:
  ///   - row: the values by column; empty for the row of a recent request.
  ///   - key: the sticky key; nil for none.
  ///   - headers: the attributes that rules look at.
  ///   - version: the version that is asked for, ahead of every rule; nil to be routed.
  case tryRequest(
    endpoint: Name, row: [String: String], key: String?, headers: [String: String],
    version: VersionID?)
  /// What a ramp would have done on the recorded requests; takes seconds.
  case rehearse(RehearsalOrder)
  /// What every endpoint did at a past time, or (with `endpoint`) that one.
  case asOf(time: Timestamp, endpoint: Name?)
  /// Registered versions from place `offset` on, at most `limit` and ``RegistryPage/limitMax``.
  case registryPage(offset: Int, limit: Int)
  /// What starting a ramp in place of the running one would do, without doing it.
  case previewSupersede(
    endpoint: Name, version: VersionID, plan: Plan, options: RampOptions? = nil)
  /// Asks about the retraining of models, or begins, stops or accepts what it made.
  case retraining(RetrainingQuestion, actor: ActorID)
  /// Keeps a plan as a file in the state directory's folder of plans, under its name.
  ///
  /// - Parameters:
  ///   - replaces: whether it may take the place of a plan of the same name.
  ///   - actor: for the journal, which notes it.
  case savePlan(Plan, replaces: Bool, actor: ActorID)
}

/// A command with who gives it and what they saw when they gave it.
public struct Order: Sendable, Codable {
  /// What to do.
  public let command: Command
  /// Who asks.
  public let actor: ActorID
  /// The endpoint's generation that the person saw; a different one refuses the command.
  public let expectedGeneration: Int?
  /// Why the person goes past a freeze; nil when they do not.
  public let freezeOverride: String?

  /// Puts them together.
  public init(
    command: Command, actor: ActorID, expectedGeneration: Int? = nil,
    freezeOverride: String? = nil
  ) {
    self.command = command
    self.actor = actor
    self.expectedGeneration = expectedGeneration
    self.freezeOverride = freezeOverride
  }
}

/// A node's answer to a ``NodeRequest``.
public enum NodeReply: Sendable, Codable {
  /// To ``NodeRequest/ping`` and ``NodeRequest/shutdown(actor:)``.
  case ready(NodeInfo)
  case snapshot(NodeSnapshot)
  case outcome(Outcome)
  case rampPreview(RampPreview)
  case runbookRun(RunbookRunView)
  case journal([JournalRow])
  case journalCheck(JournalCheck)
  case verdict(VerdictView)
  case version(VersionDetail)
  case why(RouteExplanation)
  case recording(RecordingView)
  case registry(RegistryAnswer)
  /// To ``NodeRequest/tryRequest(endpoint:row:key:headers:version:)``.
  case tried(TriedRequest)
  case rehearsal(RehearsalReport)
  case asOf(AsOf)
  case registryPage(RegistryPage)
  case retraining(RetrainingAnswer)
  /// To ``NodeRequest/savePlan(_:replaces:actor:)``: the file's path.
  case planSaved(path: String)
}

/// What a command changed.
public struct Outcome: Sendable, Codable {
  /// One sentence: `flight-delay: @2 5% → 25%`.
  public let summary: String
  /// The endpoint's generation afterwards.
  public let generation: Int
  /// The journal's last sequence number afterwards.
  public let sequence: Int
  /// From receipt to durable commit, microseconds.
  public let durableMicroseconds: Int
  /// The version that was registered, for ``Command/registerVersion(_:)``.
  public let version: VersionID?
  /// For a rollback: from decision to the last request routed to a closed version, microseconds.
  public let fenceMicroseconds: Int?

  /// Puts them together.
  public init(
    summary: String, generation: Int, sequence: Int, durableMicroseconds: Int,
    version: VersionID? = nil, fenceMicroseconds: Int? = nil
  ) {
    self.summary = summary
    self.generation = generation
    self.sequence = sequence
    self.durableMicroseconds = durableMicroseconds
    self.version = version
    self.fenceMicroseconds = fenceMicroseconds
  }
}
