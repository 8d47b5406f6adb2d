import Control
import Core
import Glibc
import Storage

extension Node {
  /// The most bytes of a command's output that are sent.
  private static let outputBytesMax = 256 << 10

  /// Answers a question about retraining.
  /// - Throws: a ``Failure`` that says why it was refused.
  func answer(_ question: RetrainingQuestion, actor: ActorID) throws -> RetrainingAnswer {
    switch question {
    case .overview: return .overview(retrainingOverview())
    case .run(let name): return .outcome(try runByHand(name, actor))
    case .stop(let name): return .outcome(try stopRun(name, actor))
    case .log(let policy, let run): return .log(try retrainingLog(policy, run))
    case .accept(let endpoint, let version, let generation, let override):
      return .outcome(
        try accept(
          endpoint, version, actor, expectedGeneration: generation, freezeOverride: override))
    }
  }

  /// Only the node itself begins and ends runs: the journal must not tell of one that nobody runs.
  func checkFromOutside(_ command: Command) throws(NodeError) {
    switch command {
    case .retraining(.begin), .retraining(.finish):
      throw NodeError(
        .refused, "runs are begun by the node: \"sluice retrain run POLICY\" asks it to")
    default: return
    }
  }

  // MARK: Beginning and ending

  /// At a start: runs that the journal has as going on went with the process that did them.
  func endInterruptedRuns() {
    let now = SystemClock.now()
    for state in core.state.retraining.policies {
      guard let running = state.running else { continue }
      let result = RetrainingResult(
        outcome: .interrupted, duration: max(.zero, now - state.lastBegan),
        detail: "the node ended while it ran")
      _ = try? perform(
        Order(
          command: .retraining(
            .finish(policy: state.policy, run: running.run, result: result)), actor: .system))
    }
  }

  private func runByHand(_ name: Name, _ actor: ActorID) throws -> Outcome {
    guard let policy = library.retraining.first(where: { $0.name == name }) else {
      throw NodeError(
        .unknown, "there is no retraining policy \(name): see \"sluice retrain list\"")
    }
    guard isServing else {
      throw NodeError(
        .refused, "runs go on in a node: start one with \"sluice serve\" on this state first")
    }
    let slot = try retrainer.reserve(policy.name, endpoint: policy.endpoint)
    do {
      let begin = self.begin(policy, .byHand, "asked for by \(actor.name)")
      let outcome = try perform(Order(command: .retraining(.begin(begin)), actor: actor))
      let began = SystemClock.now()
      try retrainer.start(slot) { slot in
        RetrainingRun(self, policy, begin, slot, actor: actor, began: began).run()
      }
      retrainer.note(nil, of: name)
      return outcome
    } catch {
      retrainer.release(slot)
      throw error
    }
  }

  /// A run that a trigger begins: its thread journals the beginning, so that the guard need not
  /// wait for the disk.
  private func runByTrigger(_ policy: RetrainingPolicy, _ found: RetrainingTriggers.Begin) {
    do {
      let slot = try retrainer.reserve(policy.name, endpoint: policy.endpoint)
      try retrainer.start(slot) { slot in
        do {
          let begin = self.begin(policy, found.trigger, found.detail)
          _ = try self.perform(Order(command: .retraining(.begin(begin)), actor: .system))
          self.retrainer.note(nil, of: policy.name)
          RetrainingRun(self, policy, begin, slot, actor: .system, began: SystemClock.now()).run()
        } catch {
          self.retrainer.note(NodeError(describing: error).message, of: policy.name)
        }
      }
    } catch {
      retrainer.note(error.message, of: policy.name)
    }
  }

  private func begin(
    _ policy: RetrainingPolicy, _ trigger: RetrainingTrigger, _ detail: String
  ) -> RetrainingBegin {
    let state = core.state.retraining.state(of: policy.name)
    var since = state?.learntThrough.map { $0 + TimeSpan(microseconds: 1) }
    if let reach = policy.data.reach, let learnt = since {
      since = min(learnt, SystemClock.now() + TimeSpan(microseconds: -reach.microseconds))
    }
    return RetrainingBegin(
      policy: policy.name, run: (state?.runs ?? 0) + 1, endpoint: policy.endpoint,
      model: policy.model, trigger: trigger, detail: detail, policyDigest: policy.digest,
      since: since)
  }

  private func stopRun(_ name: Name, _ actor: ActorID) throws(NodeError) -> Outcome {
    guard let slot = retrainer.slot(of: name) else {
      throw NodeError(.refused, "no run of \(name) goes on")
    }
    slot.stop("stopped by \(actor.name)")
    return Outcome(
      summary: "the run of \(name) is being stopped",
      generation: core.state.endpoint(slot.endpoint)?.generation ?? 0, sequence: core.sequence,
      durableMicroseconds: 0)
  }

  private func accept(
    _ endpoint: Name, _ version: VersionID, _ actor: ActorID, expectedGeneration: Int?,
    freezeOverride: String?
  ) throws -> Outcome {
    let proposals = core.state.retraining.proposals(for: endpoint)
    guard let proposal = proposals.first(where: { $0.version == version }) else {
      let names = proposals.map { "\($0.version)" }.joined(separator: ", ")
      throw NodeError(
        .unknown,
        "\(version) is not proposed for \(endpoint) "
          + (names.isEmpty ? "(nothing is)" : "(there are: \(names))"))
    }
    guard let plan = library.plans.first(where: { $0.name == proposal.plan }) else {
      throw NodeError(
        .unknown,
        "the proposal's plan \"\(printable(proposal.plan))\" is gone: ramp by another one with "
          + "\"sluice ramp \(endpoint) \(version) --plan PLAN\"")
    }
    return try perform(
      Order(
        command: .startRamp(endpoint: endpoint, version: version, plan: plan), actor: actor,
        expectedGeneration: expectedGeneration, freezeOverride: freezeOverride))
  }

  // MARK: Triggers

  /// Looks at the triggers of all policies, at most every ten seconds; the guard calls it.
  func judgeRetraining() {
    let state = core.state
    tellOfRetraining(state)
    let policies = library.retraining
    guard !policies.isEmpty,
      retrainer.isTimeToLook(monotonic: SystemClock.monotonicNanoseconds())
    else { return }
    let now = SystemClock.now()
    for policy in policies {
      guard let endpoint = state.endpoint(policy.endpoint) else { continue }
      let known = state.retraining.state(of: policy.name)
      let isOccupied =
        endpoint.rollout != nil
        || state.retraining.proposals(for: policy.endpoint).contains { $0.policy == policy.name }
      let found = retrainer.look(
        policy, retrainingFigures(policy, endpoint.stable, now), known, isOccupied: isOccupied,
        now: now)
      if let found { runByTrigger(policy, found) }
    }
  }

  private func retrainingFigures(
    _ policy: RetrainingPolicy, _ stable: VersionID?, _ now: Timestamp
  ) -> RetrainingFigures {
    guard let stable, policy.drift != nil || policy.accuracy != nil else {
      return RetrainingFigures()
    }
    let last = Int(now.microseconds / 1_000_000) - 1
    return analyst.withDesk { desk in
      var figures = RetrainingFigures()
      guard let own = desk.telemetry[policy.endpoint]?.versions[stable] else { return figures }
      figures.recentRequests = own.series.counts(endingAt: last, seconds: 60).requests
      if policy.drift != nil { figures.drifted = DriftViews.driftedInputs(own) }
      if let rule = policy.accuracy {
        let seconds = max(1, Int(rule.window.microseconds / 1_000_000))
        let counts = own.series.counts(endingAt: last, seconds: seconds)
        figures.labels = counts.labels
        figures.wrong = counts.wrong
      }
      return figures
    }
  }

  /// Shows what waits for a person, and what went wrong.
  private func tellOfRetraining(_ state: ControlState) {
    let now = SystemClock.now()
    let proposals = state.retraining.proposals
    var faults: [Name: String] = [:]
    for policy in state.retraining.policies where policy.running == nil {
      guard let last = policy.ended.first,
        ![.proposed, .ramped].contains(last.result.outcome)
      else { continue }
      faults[policy.endpoint] =
        "retraining \(policy.policy) run \(last.began.run) \(last.result.words)"
    }
    for policy in library.retraining {
      guard let fault = retrainer.fault(of: policy.name) else { continue }
      faults[policy.endpoint] = "retraining \(policy.name) cannot begin: \(fault)"
    }
    analyst.withDesk { desk in
      for endpoint in state.endpoints {
        let waiting = proposals.filter { $0.endpoint == endpoint.name }
        let sentence = waiting.last.map { newest in
          let more = waiting.count > 1 ? " and \(waiting.count - 1) more" : ""
          return "\(newest.version) is proposed by \(newest.policy)\(more): sluice retrain accept "
            + "\(endpoint.name) \(newest.version)"
        }
        desk.symptoms.updateRetraining(
          endpoint.name, proposal: sentence, fault: faults[endpoint.name], now: now)
      }
    }
  }

  // MARK: Views

  private func retrainingOverview() -> RetrainingOverview {
    let state = core.state
    let now = SystemClock.now()
    let files = Dictionary(
      library.retraining.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let names = Set(files.keys).union(state.retraining.policies.map(\.policy)).sorted()
    let views = names.compactMap { name -> RetrainingPolicyView? in
      let (policy, known) = (files[name], state.retraining.state(of: name))
      guard let endpoint = policy?.endpoint ?? known?.endpoint else { return nil }
      let cools = policy.flatMap { policy in known.map { $0.lastBegan + policy.coolDown } }
      return RetrainingPolicyView(
        name: name, endpoint: endpoint, model: policy?.model,
        command: policy.map { CommandRunner.line($0.command) }, triggers: policy?.triggers ?? [],
        ending: policy?.ending, plan: policy?.plan, runs: known?.runs ?? 0,
        stage: known?.running == nil
          ? nil : retrainer.slot(of: name)?.stage ?? "its node has ended",
        running: known?.running, runningSince: known?.running == nil ? nil : known?.lastBegan,
        ended: known?.ended ?? [], next: policy?.nextMoment(after: now),
        coolsUntil: cools.flatMap { $0 > now ? $0 : nil }, learntThrough: known?.learntThrough,
        driftSince: retrainer.triggers(of: name)?.driftSince, fault: retrainer.fault(of: name))
    }
    return RetrainingOverview(policies: views, proposals: state.retraining.proposals)
  }

  private func retrainingLog(_ policy: Name, _ asked: Int?) throws -> RetrainingLogView {
    guard let known = core.state.retraining.state(of: policy) else {
      throw NodeError(.unknown, "\(policy) never ran: see \"sluice retrain list\"")
    }
    let run = asked ?? known.runs
    let folder = RunFolder(directory, policy: policy, run: run)
    guard access(folder.path, F_OK) == 0 else {
      throw NodeError(
        .unknown, "nothing is left of run \(run) of \(policy): only the newest runs are kept")
    }
    var view = RetrainingLogView(
      policy: policy, run: run, folder: folder.path, quality: [], output: "")
    if let bytes = try? TextFile.read(folder.reportPath, limitBytes: 8 << 20),
      let report = try? CanonicalJSON.decode(RunReport.self, from: bytes)
    {
      view.quality = report.lines
    }
    if let bytes = try? TextFile.read(folder.logPath, limitBytes: 4 << 20) {
      view.output = String(decoding: bytes.suffix(Node.outputBytesMax), as: UTF8.self)
    }
    return view
  }
}
