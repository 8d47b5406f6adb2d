/// A way in which a simulated node is broken on purpose, to show that the simulator finds it.
public enum Mutation: String, Sendable, CaseIterable {
  /// A rollback closes the version only after the journal has it.
  case fenceAfterCommit = "fence-after-commit"
  /// What a change that was refused had closed stays closed.
  case fenceLeaks = "fence-leaks"
  /// What an order would have closed stays closed while another decision of it is written.
  case foreseenStaysClosed = "foreseen-stays-closed"
  /// A rollback that the journal does not take is acknowledged without a tombstone.
  case tombstoneNotWritten = "tombstone-not-written"
  /// A start does not look for tombstones.
  case tombstonesIgnored = "tombstones-ignored"
  /// A tombstone closes a version that was deployed again after it.
  case tombstoneOutlivesDeploy = "tombstone-outlives-deploy"
  /// Rollbacks that only a tombstone holds never reach the journal.
  case unwrittenForgotten = "unwritten-forgotten"
  /// A change is acknowledged although the journal refused it.
  case failureAcknowledged = "failure-acknowledged"
  /// A node that lost its lease may still write.
  case staleLeaseAccepted = "stale-lease-accepted"
  /// A command on an endpoint that has changed since is carried out.
  case staleGenerationAccepted = "stale-generation-accepted"
  /// What is committed was decided on a state that has gone.
  case decisionNotRepeated = "decision-not-repeated"
  /// A forward move is routed before it is durable.
  case routedBeforeCommit = "routed-before-commit"
  /// The evidence of earlier weights is dropped when the weight changes.
  case evidenceLostOnWeightChange = "evidence-lost-on-weight-change"
  /// The test begins anew when a hold ends.
  case holdEndResetsEvidence = "hold-end-resets-evidence"
  /// A start goes on from the last event's evidence and ignores what was saved since.
  case savedEvidenceIgnored = "saved-evidence-ignored"
  /// A start goes on from what was saved although the last event knew more.
  case oldEvidenceRestored = "old-evidence-restored"
  /// Time without traffic counts as failed answers.
  case silenceCountsAsFailure = "silence-counts-as-failure"
  /// The step clock runs by the wall clock.
  case wallClockCounts = "wall-clock-counts"
  /// A label counts where the endpoint is now, not where its request was routed.
  case labelsCountNow = "labels-count-now"
  /// The fold forgets which versions a rollback closed.
  case closedForgotten = "closed-forgotten"
  /// The fold forgets that a step was passed without evidence.
  case skipForgotten = "skip-forgotten"
  /// The guard does not ask what the plan's metrics lack.
  case metricsNotAsked = "metrics-not-asked"
  /// The guard does not know the plan's caps.
  case capsIgnored = "caps-ignored"
  /// An effect that is delivered again is carried out again.
  case effectsAppliedTwice = "effects-applied-twice"
  /// An effect that comes late puts back an older route.
  case staleRoutesApplied = "stale-routes-applied"
  /// A freeze refuses a rollback.
  case rollbackBlockedByFreeze = "rollback-blocked-by-freeze"
  /// The version to go back to is unloaded while the rollout runs.
  case fallbackUnloaded = "fallback-unloaded"
  /// Versions that are not loaded get traffic.
  case unreadyRouted = "unready-routed"
  /// What stands in for a version that could not be loaded goes on when it is there again.
  case standInKept = "stand-in-kept"
  /// Each route table is drawn anew.
  case keysReshuffled = "keys-reshuffled"
  /// An approval is recorded for another plan.
  case approvalOfAnotherPlan = "approval-of-another-plan"
}
