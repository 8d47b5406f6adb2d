import Core

/// The control plane's bounds: nothing in its state grows without end.
public enum ControlLimits {
  /// Versions of one model.
  public static let versionsPerModelMax = 10_000
  /// Endpoints of one node.
  public static let endpointsMax = 1_000
  /// Versions on one endpoint.
  public static let deployedMax = 16
  /// Steps of a plan.
  public static let planStepsMax = 32
  /// Weight changes of one rollout that a person may cause; the plan's own steps come on top.
  public static let manualWeightChangesMax = 64
  /// Earlier stables kept as rollback targets.
  public static let goodVersionsMax = 8
  /// Ended rollouts kept in the state; the journal keeps all.
  public static let endedRolloutsMax = 16
  /// Changes kept for the words of a stale refusal.
  public static let recentChangesMax = 32
  /// Unicode scalars of a reason or symptom that are kept.
  public static let reasonLengthMax = 500
  /// Unicode scalars of a remark.
  public static let remarkLengthMax = 2_000
  /// Freezes of one node.
  public static let freezesMax = 64
  /// Names in a plan's list of those who may approve.
  public static let approversMax = 64
  /// The greatest tolerance of a judged metric.
  public static let toleranceMax = 1_000.0
  /// Candidates of one rollout.
  public static let candidatesMax = 8
  /// Rules by hand on one endpoint.
  public static let rulesMax = 32
  /// Segments that a plan judges apart.
  public static let segmentsMax = 8
  /// Endpoints that a plan waits for.
  public static let dependenciesMax = 8
  /// How long a candidate may take until it is prepared, from its start on.
  public static let warmingMax = TimeSpan.minutes(5)
  /// The longest span in a plan, so that no sum of times can overflow.
  public static let spanMax = TimeSpan(microseconds: 366 * 86_400_000_000)
}

/// `text` cut to the length that the journal keeps.
func clipped(_ text: String, _ limit: Int = ControlLimits.reasonLengthMax) -> String {
  guard text.unicodeScalars.count > limit else { return text }
  return String(String.UnicodeScalarView(text.unicodeScalars.prefix(limit)))
}

/// Whether a reason was given: something other than white space.
func isGiven(_ reason: String?) -> Bool {
  reason?.contains { !$0.isWhitespace } ?? false
}
