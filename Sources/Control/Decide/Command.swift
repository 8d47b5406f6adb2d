import Core

/// Everything that changes control state.
///
/// Keys, mouse, palette, runbooks, the command line and the control socket all send one of these,
/// and the journal records what came of it.
public enum Command: Sendable, Hashable, Codable {
  /// Adds an immutable version to the registry; the registry gives the number.
  case registerVersion(VersionDraft)
  /// Makes an endpoint; it serves nothing until a version is deployed on it.
  case createEndpoint(Name)
  /// Stops taking requests: callers get 503 until ``enableEndpoint(_:)``.
  case drainEndpoint(Name)
  /// Takes requests again.
  case enableEndpoint(Name)
  /// Loads a version on an endpoint; the first one gets all traffic, later ones none.
  case deploy(endpoint: Name, version: VersionID)
  /// Takes a version without weight off an endpoint.
  case unload(endpoint: Name, version: VersionID)
  /// Sets the weights by hand; refused while a rollout runs.
  case setSplit(endpoint: Name, split: Split)
  /// Starts a rollout of a version by a plan; loads the version when it is not deployed yet.
  case startRamp(endpoint: Name, version: VersionID, plan: Plan, options: RampOptions? = nil)
  /// Rolls the running candidate back and starts a rollout of another version; both or neither.
  case supersede(
    endpoint: Name, version: VersionID, plan: Plan, reason: String?, options: RampOptions? = nil)
  /// Starts the last rollout again, when it was rolled back, aborted or superseded.
  case retry(endpoint: Name)
  /// Agrees to the running rollout's going on; `plan` is the digest of the plan that was read.
  case approve(endpoint: Name, plan: Digest?, reason: String?)
  /// Lets nothing move forward in a window, on an endpoint or (nil) everywhere.
  case addFreeze(endpoint: Name?, window: FreezeWindow, reason: String?)
  /// Ends a freeze by its number; nil ends the stop of the line.
  case removeFreeze(id: Int?, reason: String?)
  /// Holds the running rollout at its weight.
  case pause(endpoint: Name)
  /// Lets a held rollout go on; the same test goes on. Past a guard's hold it needs a reason.
  case resume(endpoint: Name, reason: String?)
  /// Goes to the next or the previous step by hand. Skipping a guard's warning needs a reason.
  case step(endpoint: Name, direction: StepDirection, reason: String?)
  /// Moves the running rollout's candidate to a weight by hand, between the plan's steps.
  case setCandidateWeight(endpoint: Name, weight: BasisPoints, reason: String?)
  /// Ends the rollout and gives all traffic to its fallback; the candidate is closed.
  case abort(endpoint: Name, reason: String?)
  /// Gives the candidate all traffic now, past the remaining steps; `version` picks one of several
  /// and closes the others.
  case promote(endpoint: Name, reason: String?, version: VersionID? = nil)
  /// Gives all traffic to the last good version (or `to`) and closes the others; with `over` the
  /// running rollout's traffic goes back little by little in that time.
  case rollBack(endpoint: Name, to: VersionID?, symptom: String?, over: TimeSpan? = nil)
  /// Gives back the split from before the last change; raises risk, so it is a change of its own.
  case undo(endpoint: Name)
  /// Gives back the split of an earlier generation; raises risk too.
  case undoTo(endpoint: Name, generation: Int)
  /// Writes a person's remark into the journal.
  case annotate(endpoint: Name?, text: String)
  /// Records that a runbook was run: what was checked and done.
  case recordRunbook(endpoint: Name?, runbook: String, outcome: String, steps: [String])
  /// Does something about the retraining of a model.
  case retraining(RetrainingCommand)
  /// Goes on without one of several candidates; it is closed.
  case drop(endpoint: Name, version: VersionID, reason: String?)
  /// Sends the requests that a rule matches by a split of their own; who and when are put in.
  case addRule(endpoint: Name, rule: RouteRule, reason: String?)
  /// Ends a rule by its name.
  case removeRule(endpoint: Name, name: Name, reason: String?)
  /// Erases a person's name; the node gives the pseudonym that the journal has for it.
  case forgetActor(name: String, pseudonym: String?, reason: String?)
  /// Records requests by a policy, or (nil) ends that; what is on disk stays until it is old.
  case setRecording(endpoint: Name, policy: RecordingPolicy?)
  /// Says or does something of registered versions.
  case registry(RegistryCommand)
}

/// Which way ``Command/step(endpoint:direction:reason:)`` goes.
public enum StepDirection: String, Sendable, Hashable, Codable {
  case next, previous
}

/// What the registry is given to make a version of: digests of artifacts already stored, and what
/// is known of the model.
public struct VersionDraft: Sendable, Hashable, Codable {
  /// The model's name; the version's number is the model's next.
  public let model: Name
  /// The model file.
  public let artifact: Digest
  /// The model file's size in bytes.
  public let artifactBytes: Int
  /// The model file's inputs and outputs.
  public let signature: Signature
  /// The model card (Markdown with YAML front matter), when there is one.
  public let card: Digest?
  /// The training reference for drift, when there is one.
  public let reference: Digest?
  /// Rows with the training library's own answers, checked whenever the version is loaded.
  public let golden: Digest?
  /// What runs the version; `nil` lets the engine choose.
  public let backend: Backend?
  /// The version that this one was made from, when a command of this program made it.
  public let parent: VersionID?
  /// What the card or the importer says in one line.
  public let summary: String
  /// What the card says of the evaluation: `accuracy`, `roc_auc`, ...
  public let metrics: [String: Double]
  /// The training or the bundle that it came from, when that is known.
  public let origin: VersionOrigin?

  /// Puts them together.
  public init(
    model: Name, artifact: Digest, artifactBytes: Int, signature: Signature, card: Digest? = nil,
    reference: Digest? = nil, golden: Digest? = nil, backend: Backend? = nil,
    parent: VersionID? = nil, summary: String = "", metrics: [String: Double] = [:],
    origin: VersionOrigin? = nil
  ) {
    self.model = model
    self.artifact = artifact
    self.artifactBytes = artifactBytes
    self.signature = signature
    self.card = card
    self.reference = reference
    self.golden = golden
    self.backend = backend
    self.parent = parent
    self.summary = summary
    self.metrics = metrics
    self.origin = origin
  }
}

extension Command {
  /// The endpoint that the command is about.
  public var endpoint: Name? {
    switch self {
    case .registerVersion: nil
    case .createEndpoint(let name), .drainEndpoint(let name), .enableEndpoint(let name): name
    case .deploy(let name, _), .unload(let name, _), .setSplit(let name, _): name
    case .startRamp(let name, _, _, _), .pause(let name), .resume(let name, _): name
    case .step(let name, _, _), .setCandidateWeight(let name, _, _), .abort(let name, _): name
    case .promote(let name, _, _), .rollBack(let name, _, _, _), .undo(let name): name
    case .undoTo(let name, _), .supersede(let name, _, _, _, _), .retry(let name): name
    case .approve(let name, _, _): name
    case .addFreeze(let name, _, _): name
    case .removeFreeze: nil
    case .annotate(let name, _), .recordRunbook(let name, _, _, _): name
    case .retraining(.begin(let begin)): begin.endpoint
    case .retraining(.decline(let name, _, _)): name
    case .retraining(.finish): nil
    case .drop(let name, _, _), .addRule(let name, _, _), .removeRule(let name, _, _): name
    case .forgetActor: nil
    case .setRecording(let name, _): name
    case .registry(.setPolicy(let name, _, _)): name
    case .registry: nil
    }
  }
}
