import Core

/// What a rollback would do.
public struct RollbackConsequence: Sendable, Hashable {
  /// The split now.
  public let from: Split
  /// Where all traffic would go.
  public let target: VersionID
  /// Other good versions, newest first.
  public let alternatives: [VersionID]
  /// The versions that would be closed.
  public let closes: [VersionID]
  /// How long the target has had (or had) weight on the endpoint.
  public let targetLive: TimeSpan
  /// Whether the node has the target loaded.
  public let isTargetPrepared: Bool
  /// The endpoint's generation that this is true for.
  public let generation: Int
}

/// What a rollback of an endpoint would do now; nil when there is nothing to roll back to.
/// - Parameter prepared: the versions that the node has loaded; nil leaves that out of account.
public func rollbackPreview(
  _ state: ControlState, _ name: Name, now: Timestamp, prepared: Set<VersionID>? = nil
) -> RollbackConsequence? {
  guard let endpoint = state.endpoint(name), let from = endpoint.split else { return nil }
  // What cannot be reached now is shown only when nothing else can.
  let ready = endpoint.rollbackTargets(prepared: prepared)
  let targets = ready.isEmpty ? endpoint.rollbackTargets() : ready
  guard let target = targets.first else { return nil }
  let live = endpoint.deployed.first { $0.version == target }?.live(at: now) ?? .zero
  return RollbackConsequence(
    from: from, target: target, alternatives: Array(targets.dropFirst()),
    closes: endpoint.rollback(to: target, .operator, nil).closed, targetLive: live,
    isTargetPrepared: prepared?.contains(target) ?? true, generation: endpoint.generation)
}

/// What undo would give back now; nil when it would be refused.
public func undoPreview(
  _ state: ControlState, _ name: Name, prepared: Set<VersionID>
) -> UndoEntry? {
  let context = DecisionContext(
    now: Timestamp(microseconds: 0), actor: .system, prepared: prepared)
  guard (try? decide(state, .undo(endpoint: name), context)) != nil else { return nil }
  return state.endpoint(name)?.lastChange
}

/// What a ramp would do, step by step.
public struct RampForecast: Sendable, Hashable {
  /// Where traffic would go back to; nil when the endpoint is empty or unknown.
  public let fallback: VersionID?
  /// One sentence a step.
  public let steps: [String]
  /// The steps in figures.
  public let details: [StepForecast]
  /// The whole in a sentence.
  public let summary: String
  /// What holds, stops or ends it: approvals, the judge's lines, caps, the earliest times, freezes.
  public let conditions: [String]
  /// Nil when it can start, else why it would be refused.
  public let refusal: String?
}

/// One step of a ramp that would be, in figures.
public struct StepForecast: Sendable, Hashable, Codable {
  /// What it does.
  public let strategy: Strategy
  /// Each candidate's share of the requests, for a shadow step of the copies.
  public let weight: BasisPoints
  /// Which requests; nil is all.
  public let rule: String?
  /// The share of callers who can meet a candidate: of all, or of those that the rule is about.
  public let exposed: BasisPoints
  /// How long it takes at least, with traffic.
  public let hold: TimeSpan
  /// How many requests each candidate must have answered.
  public let minRequests: Int
  /// About how many requests all candidates answer in that time at the present rate, when it is
  /// known and the step is about all requests.
  public let expectedRequests: Int?
  /// How many people have to agree before the next step.
  public let approvals: Int
  /// The metrics that are judged in it.
  public let judged: [Metric]
}

/// What a ramp would do, without doing it.
/// - Parameters:
///   - context: as for ``decide(_:_:_:)``.
///   - requestsPerSecond: the endpoint's present rate, for the expected requests; nil leaves them
///     out.
public func rampPreview(
  _ state: ControlState, _ name: Name, _ version: VersionID, _ plan: Plan,
  _ context: DecisionContext, options: RampOptions? = nil, requestsPerSecond: Double? = nil
) -> RampForecast {
  var refusal: String?
  do throws(ControlError) {
    _ = try decide(
      state, .startRamp(endpoint: name, version: version, plan: plan, options: options), context)
  } catch {
    refusal = error.message
  }
  let fallback = state.endpoint(name)?.stable
  var total = plan.soak
  for step in plan.steps { total = total + step.hold }
  let back = fallback.map { ", back to \($0) by itself when the guard sees harm" } ?? ""
  let watched =
    plan.metrics.isEmpty
    ? "; no metric is judged, so only \(Judge.breakerFailures) failures in a row roll back" : back
  let rivals = options?.rivals ?? []
  let count = 1 + rivals.count
  let details = plan.steps.indices.map { plan.forecast($0, count, requestsPerSecond) }
  let names = ([version] + rivals).map(\.description).joined(separator: ", ")
  let first = plan.steps.first.map { $0.doing ?? percentText($0.weight) } ?? "nothing"
  return RampForecast(
    fallback: fallback,
    steps: plan.steps.indices.map { plan.describe($0, count, details[$0]) }, details: details,
    summary: "\(names) from \(first) to 100% in \(plan.steps.count) "
      + "\(plan.steps.count == 1 ? "step" : "steps"), at least \(total) with traffic\(watched)",
    conditions: state.conditions(of: plan, on: name, at: context.now, options, details),
    refusal: refusal)
}
