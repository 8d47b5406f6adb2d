import Control
import Core

/// What can be asked of a node about the retraining of models.
public enum RetrainingQuestion: Sendable, Codable {
  /// All policies, their runs, and what is proposed.
  case overview
  /// Begins a run of a policy.
  case run(policy: Name)
  /// Ends the run of a policy that goes on.
  case stop(policy: Name)
  /// What a run found of its rows and what its command said; nil is the newest run.
  case log(policy: Name, run: Int?)
  /// Starts the ramp of a proposed version by the proposal's plan.
  case accept(
    endpoint: Name, version: VersionID, expectedGeneration: Int?, freezeOverride: String?)
}

/// A node's answer to a ``RetrainingQuestion``.
public enum RetrainingAnswer: Sendable, Codable {
  /// To ``RetrainingQuestion/overview``.
  case overview(RetrainingOverview)
  /// To what changes something.
  case outcome(Outcome)
  /// To ``RetrainingQuestion/log(policy:run:)``.
  case log(RetrainingLogView)
}

/// All of a node's retraining as screens show it.
public struct RetrainingOverview: Sendable, Codable {
  /// Each policy, by name; also those whose file is gone and that ran once.
  public var policies: [RetrainingPolicyView]
  /// What waits for a person, oldest first.
  public var proposals: [RetrainingProposal]
}

/// One policy as screens show it.
public struct RetrainingPolicyView: Sendable, Codable {
  /// Its name.
  public var name: Name
  /// The endpoint whose traffic is learnt from.
  public var endpoint: Name
  /// The model that gets new versions; nil when the policy's file is gone.
  public var model: Name?
  /// The command as it can be typed; nil when the policy's file is gone.
  public var command: String?
  /// What begins a run, in words; empty when only people do.
  public var triggers: [String]
  /// What follows on passed gates: `propose` or `ramp`.
  public var ending: RetrainingPolicy.Ending?
  /// The plan of the ramp.
  public var plan: String?
  /// Runs so far.
  public var runs: Int
  /// What the run that goes on does now: `training`; nil when none goes on.
  public var stage: String?
  /// The run that goes on.
  public var running: RetrainingBegin?
  /// When that began.
  public var runningSince: Timestamp?
  /// The newest ended runs, newest first.
  public var ended: [EndedRetraining]
  /// The next scheduled moment.
  public var next: Timestamp?
  /// Until when no trigger begins a run; nil when one may.
  public var coolsUntil: Timestamp?
  /// Up to when recorded rows were learnt from.
  public var learntThrough: Timestamp?
  /// Since when enough inputs have drifted for its trigger.
  public var driftSince: Timestamp?
  /// Why its last trigger could not begin a run.
  public var fault: String?
}

/// What one run left to read.
public struct RetrainingLogView: Sendable, Codable {
  /// The policy.
  public var policy: Name
  /// The run.
  public var run: Int
  /// The folder with its files on the node's machine.
  public var folder: String
  /// What was found of the rows.
  public var quality: [QualityLine]
  /// What the command said; the end of it when it is long.
  ///
  /// Text from outside.
  public var output: String
}
