import Core
import Testing

@testable import Control

/// A control plane on a bench: a state, a clock that only the test moves, and the journal so far.
struct Bench {
  static let model = try? Name("flight-delay")

  var state = ControlState()
  var journal: [Event] = []
  var now = Timestamp(microseconds: 1_700_000_000_000_000)
  var actor = ActorID(kind: .person, name: "ana")
  var prepared: Set<VersionID> = []
  var latency: LatencyThresholds?
  var freezeOverride: String?
  /// What the node knows of itself when the guard looks.
  var conditions = Conditions()
  let endpoint: Name

  init() throws { endpoint = try Name("flight-delay") }

  /// An endpoint with `live` as its stable, and so many versions registered and prepared.
  static func serving(versions: Int = 4, live: Int = 1) throws -> Bench {
    var bench = try Bench()
    for _ in 0..<versions { try bench.give(.registerVersion(bench.draft())) }
    bench.prepared = Set(bench.state.versions.map(\.version))
    try bench.give(.createEndpoint(bench.endpoint))
    try bench.give(.deploy(endpoint: bench.endpoint, version: bench.v(live)))
    return bench
  }

  func v(_ number: Int) -> VersionID { VersionID(model: endpoint, number: number) }

  /// The present time without its seconds.
  var wholeMinute: Timestamp {
    Timestamp(microseconds: now.microseconds / 60_000_000 * 60_000_000)
  }

  /// A window from the last whole minute on.
  func window(minutes: Int) -> FreezeWindow {
    .once(from: wholeMinute, to: wholeMinute + .minutes(minutes))
  }

  func draft(inputs: [String] = ["x"]) throws -> VersionDraft {
    VersionDraft(
      model: endpoint, artifact: try Digest(bytes: Array(repeating: 7, count: 32)),
      artifactBytes: 100,
      signature: Signature(
        inputs: inputs.map { TensorSpec(name: $0, elementType: .float32, shape: [nil, 1]) },
        outputs: [TensorSpec(name: "y", elementType: .float32, shape: [nil, 1])]),
      summary: "a model", metrics: ["auc": 0.75])
  }

  var here: EndpointState {
    get throws { try #require(state.endpoint(endpoint)) }
  }
  var rollout: Rollout {
    get throws { try #require(try here.rollout) }
  }

  /// The evidence of a node that has watched since the rollout began.
  func watched(_ evidence: RolloutEvidence?) -> RolloutEvidence? {
    guard let rollout = state.endpoint(endpoint)?.rollout else { return evidence }
    var watched = evidence ?? rollout.evidence
    watched.watched = now - rollout.started
    return watched
  }

  func context(_ evidence: RolloutEvidence? = nil, seen: Int? = nil) -> DecisionContext {
    DecisionContext(
      now: now, actor: actor, expectedGeneration: seen, prepared: prepared,
      evidence: watched(evidence),
      stableLatency: latency, freezeOverride: freezeOverride)
  }

  /// Decides, commits, applies.
  @discardableResult
  mutating func give(
    _ command: Command, _ evidence: RolloutEvidence? = nil, seen: Int? = nil
  ) throws -> Event {
    let events = try decide(state, command, context(evidence, seen: seen))
    try #require(events.count == 1)
    commit(events[0])
    return events[0]
  }

  /// The same for a command that gives several events.
  @discardableResult
  mutating func giveAll(
    _ command: Command, _ evidence: RolloutEvidence? = nil, seen: Int? = nil
  ) throws -> [Event] {
    let events = try decide(state, command, context(evidence, seen: seen))
    for event in events { commit(event) }
    return events
  }

  mutating func commit(_ event: Event) {
    journal.append(event)
    state = apply(state, event)
    now = now + .seconds(1)
  }

  /// Lets the guard and the clock look once.
  @discardableResult
  mutating func look(_ evidence: RolloutEvidence) -> Event? {
    let event = observe(
      state, endpoint: endpoint, evidence: watched(evidence) ?? evidence, conditions: conditions,
      now: now
    ).first
    if let event { commit(event) }
    return event
  }

  /// The same, when something must happen.
  mutating func mustLook(_ evidence: RolloutEvidence) throws -> Event {
    let event = look(evidence)
    return try #require(event)
  }

  /// The refusal of a command; fails the test when it is not refused.
  func refusal(
    _ command: Command, _ evidence: RolloutEvidence? = nil, seen: Int? = nil,
    at location: SourceLocation = #_sourceLocation
  ) -> ControlError {
    do throws(ControlError) {
      _ = try decide(state, command, context(evidence, seen: seen))
    } catch {
      return error
    }
    Issue.record("\(command) was not refused", sourceLocation: location)
    return ControlError(.badInput, "")
  }

  static func plan(
    _ weights: [BasisPoints] = [500, 2_500, 10_000], hold: TimeSpan = .minutes(1),
    minRequests: Int = 0, approval: Set<Int> = [], soak: TimeSpan = .minutes(2),
    deadline: TimeSpan? = nil, metrics: [JudgedMetric]? = nil, stepApprovals: Int? = nil,
    approvals: ApprovalRule? = nil, blast: BlastCap? = nil
  ) -> Plan {
    Plan(
      name: "standard-launch", summary: "a plan",
      steps: weights.indices.map {
        PlanStep(
          weight: weights[$0], hold: hold, minRequests: minRequests,
          needsApproval: approval.contains($0),
          approvals: approval.contains($0) ? stepApprovals : nil)
      },
      metrics: metrics ?? [
        JudgedMetric(metric: .errors, tolerance: 1, riskShare: 0.5),
        JudgedMetric(metric: .wrongAnswers, tolerance: 1.25, riskShare: 0.5),
      ],
      soak: soak, holdDeadline: deadline, approvals: approvals, blast: blast)
  }

  /// A serving endpoint with a ramp of @2 in its first step.
  static func ramping(_ plan: Plan = Bench.plan(), rivals: [Int] = []) throws -> Bench {
    var bench = try serving()
    let options = RampOptions(rivals: rivals.map { bench.v($0) })
    try bench.give(
      .startRamp(endpoint: bench.endpoint, version: bench.v(2), plan: plan, options: options))
    return bench
  }

  /// A plan of steps of one's own.
  static func plan(
    steps: [PlanStep], soak: TimeSpan = .minutes(2), deadline: TimeSpan? = nil,
    policy: HoldPolicy? = nil, metrics: [JudgedMetric]? = nil, segments: PlanSegments? = nil,
    judge: ComparisonRule? = nil, after: [Name]? = nil, approvals: ApprovalRule? = nil,
    blast: BlastCap? = nil
  ) -> Plan {
    Plan(
      name: "own", summary: "", steps: steps,
      metrics: metrics ?? [JudgedMetric(metric: .errors, tolerance: 1, riskShare: 1)], soak: soak,
      holdDeadline: deadline, approvals: approvals, blast: blast, holdPolicy: policy,
      segments: segments, judge: judge, after: after)
  }

  /// A ramp of @2 in one of the states that a rollout can be in.
  static func inState(_ state: String) throws -> Bench {
    let rule = ApprovalRule(count: 1)
    var bench = try ramping(
      plan(
        soak: .minutes(9), approvals: state == "waiting" ? rule : nil,
        blast: state == "spent" ? BlastCap(requests: 100) : nil))
    switch state {
    case "raised":
      try bench.give(.setCandidateWeight(endpoint: bench.endpoint, weight: 600, reason: nil))
    case "paused": try bench.give(.pause(endpoint: bench.endpoint))
    case "approval":
      bench = try ramping(plan(approval: [0]))
      let event = try bench.mustLook(bench.quiet(minutes: 2))
      try #require(event.kind == "held")
    case "soaking": try bench.give(.promote(endpoint: bench.endpoint, reason: "x"))
    case "spent":
      let event = try bench.mustLook(bench.quiet(requests: 100))
      try #require(event.kind == "held")
    default: break
    }
    return bench
  }

  /// Evidence of the running rollout after `requests` more good answers and labels of the
  /// candidate, and as many of the stable as the weight stands for: one label in ten is wrong on
  /// both.
  func quiet(minutes: Int = 0, requests: Int = 100) throws -> RolloutEvidence {
    var evidence = try rollout.evidence
    let weight = try rollout.weight
    let rest = try Split.whole - weight * rollout.candidates.count
    let stable = weight == 0 ? 0 : requests * rest / weight
    for place in [nil] + (try rollout.rivals ?? []).indices.map(Optional.some) {
      quieten(&evidence[rival: place], requests, stable)
    }
    evidence.observedTime(add: .minutes(minutes))
    return evidence
  }

  private func quieten(_ evidence: inout RolloutEvidence, _ requests: Int, _ stable: Int) {
    for (arm, count) in [(RolloutEvidence.Arm.candidate, requests), (.stable, stable)] {
      evidence.record(metric: .errors, arm: arm, bad: 0, count: count)
      evidence.record(metric: .wrongAnswers, arm: arm, bad: count / 10, count: count)
      for quantile in 0..<3 where evidence.thresholds != nil {
        evidence.record(
          metric: .latency, arm: arm, bad: count / 10, count: count, stream: quantile)
      }
    }
    for _ in 0..<requests { evidence.recordWarmUp(failed: false) }
  }

  func json(_ value: some Encodable) throws -> String {
    String(decoding: try CanonicalJSON.encode(value), as: UTF8.self)
  }
}
