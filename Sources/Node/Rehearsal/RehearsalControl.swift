import Control
import Core

/// The control plane of a rehearsal: a state of its own with one endpoint, moved by the very same
/// decisions as a node's, in virtual time.
///
/// This is the one place where a rehearsal meets ``Control``.
struct RehearsalControl {
  /// Who starts the ramp; nobody's approval is refused because of it.
  static let author = ActorID(kind: .person, name: "rehearsal")
  /// One look gives one event; so many follow from each other at most.
  private static let eventsMax = 64

  private(set) var state = ControlState()
  let endpoint: Name

  /// An endpoint with the stable, and a ramp of the candidates that begins at `now`.
  /// - Parameter signatures: the stable's, then the candidates'.
  /// - Throws: ``ControlError`` when the plan is not legal, or leaves the stable nothing.
  init(
    _ subject: RehearsalSubject, signatures: [Signature], _ plan: Plan,
    thresholds: LatencyThresholds?,
    now: Timestamp
  ) throws(ControlError) {
    endpoint = subject.endpoint
    for (version, signature) in zip([subject.stable] + subject.candidates, signatures) {
      state.fold(RehearsalControl.registered(version, signature, now))
    }
    let context = context(now, thresholds)
    try perform(.createEndpoint(endpoint), context)
    try perform(.deploy(endpoint: endpoint, version: subject.stable), context)
    try perform(
      .startRamp(
        endpoint: endpoint, version: subject.candidate, plan: plan,
        options: RampOptions(rivals: subject.rivals)), context)
  }

  private static func registered(
    _ version: VersionID, _ signature: Signature, _ now: Timestamp
  ) -> Event {
    let draft = VersionDraft(
      model: version.model, artifact: digest, artifactBytes: 1, signature: signature)
    return Event(
      body: .versionRegistered(
        RegisteredVersion(version: version, draft: draft, registered: now, by: author)),
      endpoint: nil, actor: author, time: now)
  }

  /// Stands for the model files, which the state's decisions do not read.
  private static let digest: Digest = {
    guard let digest = try? Digest(bytes: [UInt8](repeating: 0, count: 32)) else {
      preconditionFailure("a digest has 32 bytes")
    }
    return digest
  }()

  private func context(
    _ now: Timestamp, _ thresholds: LatencyThresholds? = nil, actor: ActorID = author
  ) -> DecisionContext {
    DecisionContext(
      now: now, actor: actor, prepared: Set(state.versions.map(\.version)),
      stableLatency: thresholds)
  }

  private mutating func perform(
    _ command: Command, _ context: DecisionContext
  ) throws(ControlError) {
    for event in try decide(state, command, context) { state.fold(event) }
  }

  /// The endpoint as it is decided now.
  var current: EndpointState {
    guard let known = state.endpoint(endpoint) else {
      preconditionFailure("the endpoint was made in init")
    }
    return known
  }

  /// One look of the guard and the step clock, and what follows from it; approvals that the plan
  /// wants are given at once.
  /// - Returns: what happened, oldest first.
  mutating func look(_ evidence: RolloutEvidence, now: Timestamp) -> [Event] {
    var events: [Event] = []
    var evidence = evidence
    for _ in 0..<RehearsalControl.eventsMax {
      if current.rollout?.hold == .approval { events += approve(evidence, now) }
      let next = observe(state, endpoint: endpoint, evidence: evidence, now: now)
      guard let event = next.first else { break }
      state.fold(event)
      events.append(event)
      guard let rollout = current.rollout else { break }
      evidence.follow(rollout)
    }
    return events
  }

  private mutating func approve(_ evidence: RolloutEvidence, _ now: Timestamp) -> [Event] {
    var events: [Event] = []
    for number in 1...ControlLimits.approversMax {
      guard let rollout = current.rollout, rollout.hold == .approval else { break }
      let status = rollout.approvalsNow
      if status?.isComplete == true { break }
      let name = status?.awaited.first ?? "approver \(number)"
      var asked = context(now, actor: ActorID(kind: .person, name: name))
      asked.evidence = evidence
      let command: Command =
        status == nil
        ? .resume(endpoint: endpoint, reason: nil)
        : .approve(endpoint: endpoint, plan: nil, reason: nil)
      guard let given = try? decide(state, command, asked) else { break }
      for event in given { state.fold(event) }
      events += given
    }
    return events
  }
}
