import Core

extension EventBody {
  /// The word under which the journal keeps it.
  public var kind: String {
    switch self {
    case .versionRegistered: "version-registered"
    case .endpointCreated: "endpoint-created"
    case .endpointDrained: "endpoint-drained"
    case .endpointEnabled: "endpoint-enabled"
    case .deployed: "deployed"
    case .unloaded: "unloaded"
    case .split: "split"
    case .rampStarted: "ramp-started"
    case .held: "held"
    case .resumed: "resumed"
    case .stepped: "stepped"
    case .weightSet: "weight-set"
    case .soaking: "soaking"
    case .promoted: "promoted"
    case .completed: "completed"
    case .rolledBack: "rolled-back"
    case .aborted: "aborted"
    case .undone: "undone"
    case .noted: "noted"
    case .runbookRun: "runbook-run"
    case .freezeAdded: "freeze-added"
    case .freezeRemoved: "freeze-removed"
    case .approved: "approved"
    case .retraining(let change): change.kind
    case .candidateDropped: "candidate-dropped"
    case .retreatStarted: "retreat-started"
    case .retreated: "retreated"
    case .escalated: "escalated"
    case .holdExtended: "hold-extended"
    case .segmentClosed: "segment-closed"
    case .ruleAdded: "rule-added"
    case .ruleRemoved: "rule-removed"
    case .actorForgotten: "actor-forgotten"
    case .recordingSet: "recording-set"
    case .registry(let event): event.kind
    }
  }
}

extension Event: Codable {
  private enum Key: String, CodingKey {
    case kind, data, endpoint, actor, time, reason, generation, before, after, override
  }

  /// Writes `{"kind": ..., "data": ..., "endpoint": ..., ...}`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(body.kind, forKey: .kind)
    try container.encodeIfPresent(endpoint, forKey: .endpoint)
    try container.encode(actor, forKey: .actor)
    try container.encode(time, forKey: .time)
    try container.encodeIfPresent(reason, forKey: .reason)
    try container.encodeIfPresent(generation, forKey: .generation)
    try container.encodeIfPresent(before, forKey: .before)
    try container.encodeIfPresent(after, forKey: .after)
    try container.encodeIfPresent(override, forKey: .override)
    switch body {
    case .endpointCreated, .endpointDrained, .endpointEnabled, .split: break
    case .versionRegistered(let data): try container.encode(data, forKey: .data)
    case .deployed(let data): try container.encode(data, forKey: .data)
    case .unloaded(let data): try container.encode(data, forKey: .data)
    case .rampStarted(let data): try container.encode(data, forKey: .data)
    case .held(let data), .resumed(let data), .stepped(let data), .weightSet(let data),
      .soaking(let data), .promoted(let data), .completed(let data):
      try container.encode(data, forKey: .data)
    case .rolledBack(let data), .aborted(let data): try container.encode(data, forKey: .data)
    case .undone(let data): try container.encode(data, forKey: .data)
    case .noted(let data): try container.encode(data, forKey: .data)
    case .runbookRun(let data): try container.encode(data, forKey: .data)
    case .freezeAdded(let data), .freezeRemoved(let data):
      try container.encode(data, forKey: .data)
    case .approved(let data): try container.encode(data, forKey: .data)
    case .retraining(let data): try container.encode(data, forKey: .data)
    case .candidateDropped(let data): try container.encode(data, forKey: .data)
    case .retreatStarted(let data), .retreated(let data), .escalated(let data),
      .holdExtended(let data):
      try container.encode(data, forKey: .data)
    case .segmentClosed(let data): try container.encode(data, forKey: .data)
    case .ruleAdded(let data), .ruleRemoved(let data): try container.encode(data, forKey: .data)
    case .actorForgotten(let data): try container.encode(data, forKey: .data)
    case .recordingSet(let data): try container.encode(data, forKey: .data)
    case .registry(let data): try container.encode(data, forKey: .data)
    }
  }

  /// Reads it back.
  /// - Throws: ``InvalidValue`` for a kind that this program does not know.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let kind = try container.decode(String.self, forKey: .kind)
    self.init(
      body: try Event.body(kind, container),
      endpoint: try container.decodeIfPresent(Name.self, forKey: .endpoint),
      actor: try container.decode(ActorID.self, forKey: .actor),
      time: try container.decode(Timestamp.self, forKey: .time),
      reason: try container.decodeIfPresent(String.self, forKey: .reason),
      generation: try container.decodeIfPresent(Int.self, forKey: .generation),
      before: try container.decodeIfPresent(Split.self, forKey: .before),
      after: try container.decodeIfPresent(Split.self, forKey: .after),
      override: try container.decodeIfPresent(FreezeOverride.self, forKey: .override))
  }

  private static func body(
    _ kind: String, _ container: KeyedDecodingContainer<Key>
  ) throws -> EventBody {
    func data<Value: Decodable>(_ type: Value.Type) throws -> Value {
      try container.decode(type, forKey: .data)
    }
    switch kind {
    case "version-registered": return .versionRegistered(try data(RegisteredVersion.self))
    case "endpoint-created": return .endpointCreated
    case "endpoint-drained": return .endpointDrained
    case "endpoint-enabled": return .endpointEnabled
    case "deployed": return .deployed(try data(DeployedVersion.self))
    case "unloaded": return .unloaded(try data(VersionID.self))
    case "split": return .split
    case "ramp-started": return .rampStarted(try data(RampStart.self))
    case "held": return .held(try data(RolloutChange.self))
    case "resumed": return .resumed(try data(RolloutChange.self))
    case "stepped": return .stepped(try data(RolloutChange.self))
    case "weight-set": return .weightSet(try data(RolloutChange.self))
    case "soaking": return .soaking(try data(RolloutChange.self))
    case "promoted": return .promoted(try data(RolloutChange.self))
    case "completed": return .completed(try data(RolloutChange.self))
    case "rolled-back": return .rolledBack(try data(Rollback.self))
    case "aborted": return .aborted(try data(Rollback.self))
    case "undone": return .undone(try data(UndoEntry.self))
    case "noted": return .noted(try data(String.self))
    case "runbook-run": return .runbookRun(try data(RunbookRun.self))
    case "freeze-added": return .freezeAdded(try data(Freeze.self))
    case "freeze-removed": return .freezeRemoved(try data(Freeze.self))
    case "approved": return .approved(try data(Approval.self))
    case "candidate-dropped": return .candidateDropped(try data(CandidateDrop.self))
    case "retreat-started": return .retreatStarted(try data(RolloutChange.self))
    case "retreated": return .retreated(try data(RolloutChange.self))
    case "escalated": return .escalated(try data(RolloutChange.self))
    case "hold-extended": return .holdExtended(try data(RolloutChange.self))
    case "segment-closed": return .segmentClosed(try data(SegmentClosure.self))
    case "rule-added": return .ruleAdded(try data(RouteRule.self))
    case "rule-removed": return .ruleRemoved(try data(RouteRule.self))
    case "actor-forgotten": return .actorForgotten(try data(ForgottenActor.self))
    case "recording-set": return .recordingSet(try data(RecordingChange.self))
    default:
      if let event = try RetrainingEvent(
        kind: kind, from: { try container.superDecoder(forKey: .data) })
      {
        return .retraining(event)
      }
      if let event = try RegistryEvent(
        kind: kind, from: { try container.superDecoder(forKey: .data) })
      {
        return .registry(event)
      }
      throw InvalidValue(
        "the journal holds an event of the kind \"\(printable(kind))\", which this program does "
          + "not know: it was written by a newer one")
    }
  }
}
