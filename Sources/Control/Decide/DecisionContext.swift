import Core

/// What a decision depends on beside the state and the command.
public struct DecisionContext: Sendable {
  /// The time now.
  ///
  /// Holds measure their deadline by it, so the node should let it never run backwards.
  public var now: Timestamp
  /// Who asks.
  public var actor: ActorID
  /// The endpoint's generation that the person saw; nil when they do not say.
  public var expectedGeneration: Int?
  /// The versions that the node has loaded, checked and warmed: only these may get weight.
  public var prepared: Set<VersionID>
  /// The live evidence of the endpoint's running rollout; nil takes that of the last event.
  public var evidence: RolloutEvidence?
  /// The stable's answer times, for a ramp that starts; nil while it has answered too little.
  public var stableLatency: LatencyThresholds?
  /// Why the person goes past a freeze, when they say so.
  public var freezeOverride: String?

  /// Puts them together.
  public init(
    now: Timestamp, actor: ActorID, expectedGeneration: Int? = nil,
    prepared: Set<VersionID> = [], evidence: RolloutEvidence? = nil,
    stableLatency: LatencyThresholds? = nil, freezeOverride: String? = nil
  ) {
    self.now = now
    self.actor = actor
    self.expectedGeneration = expectedGeneration
    self.prepared = prepared
    self.evidence = evidence
    self.stableLatency = stableLatency
    self.freezeOverride = freezeOverride
  }
}
