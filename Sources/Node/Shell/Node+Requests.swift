import CSystem
import Control
import Core
import Glibc
import Storage

extension Node {
  /// Answers one request of this process; see ``answer(_:)``.
  /// - Throws: a ``Failure`` that says why it was refused.
  public func send(_ request: NodeRequest) throws -> NodeReply {
    if case .snapshot(let asked) = request { noteLook(asked) }
    return try answer(request)
  }

  /// Answers one request; the control socket calls it on its threads.
  /// - Throws: a ``Failure`` that says why it was refused.
  func answer(_ request: NodeRequest) throws -> NodeReply {
    try checkRunning()
    switch request {
    case .ping: return .ready(info())
    case .snapshot(let request): return .snapshot(snapshot(request))
    case .perform(let order):
      try checkFromOutside(order.command)
      return .outcome(try perform(order))
    case .retraining(let question, let actor):
      return .retraining(try answer(question, actor: actor))
    case .previewRamp(let endpoint, let version, let plan, let options):
      return .rampPreview(try previewRamp(endpoint, version, plan, options))
    case .runbook(let name, let endpoint, let dryRun, let actor):
      return .runbookRun(try runRunbook(name, on: endpoint, dryRun: dryRun, actor: actor))
    case .journal(let after, let limit): return .journal(try journal(after: after, limit: limit))
    case .verdict(let endpoint): return .verdict(try verdict(on: endpoint))
    case .verifyJournal: return .journalCheck(try verifyJournal())
    case .version(let version): return .version(try detail(of: version))
    case .why(let endpoint, let key, let row, let headers):
      return .why(try explainRoute(endpoint, key: key, row: row, headers: headers))
    case .tryRequest(let endpoint, let row, let key, let headers, let version):
      return .tried(
        try tryRequest(
          TryOrder(endpoint: endpoint, row: row, key: key, headers: headers, version: version)))
    case .recording(let endpoint): return .recording(try recording(of: endpoint))
    case .rehearse(let order): return .rehearsal(try rehearse(order))
    case .shutdown:
      requestStop()
      return .ready(info())
    case .registry(let question): return .registry(try answer(question))
    case .asOf(let time, let endpoint):
      return .asOf(try AsOf.read(stateDirectory: directory.path, time: time, only: endpoint))
    case .registryPage(let offset, let limit):
      return .registryPage(RegistryPage(core.state, offset: offset, limit: limit))
    case .previewSupersede(let endpoint, let version, let plan, let options):
      return .rampPreview(try previewRamp(endpoint, version, plan, options, supersedes: true))
    case .savePlan(let plan, let replaces, let actor):
      return .planSaved(path: try savePlan(plan, replaces: replaces, actor: actor))
    }
  }

  /// Reads plans, runbooks and retraining policies again, all or nothing.
  /// - Throws: a ``Failure`` with file, line and column; what was known stays then.
  public func reload() throws { try library.reload() }

  /// The process as the header shows it.
  func info() -> NodeInfo {
    NodeInfo(
      program: Product.version, pid: Int(getpid()), started: started,
      stateDirectory: directory.path, profile: options.profile, processors: processors(),
      residentBytes: Int(sluice_resident_memory_bytes()), trafficSource: trafficWords,
      sequence: core.sequence, durable: core.durable)
  }

  /// One consistent picture.
  func snapshot(_ request: SnapshotRequest) -> NodeSnapshot {
    let state = core.state
    let now = SystemClock.now()
    let prepared = shelf.prepared
    let (summaries, detail, registry, symptoms) = analyst.withDesk { desk in
      let builder = SnapshotBuilder(
        request: request, now: now, state: state, prepared: prepared, desk: desk)
      return (
        builder.summaries(), builder.detail(), builder.registry(), desk.symptoms.symptoms
      )
    }
    let rows = core.recentRows(min(max(request.eventLimit, 0), 1_000))
    let events = rows.filter { row in request.at.map { row.time <= $0 } ?? true }
    var snapshot = NodeSnapshot(
      time: now, node: info(), endpoints: summaries, detail: detail, registry: registry,
      events: events, symptoms: symptoms,
      runbooks: runbookViews(symptoms, endpoint: detail?.name, rows: rows), plans: plans())
    snapshot.freezes = state.freezes.map { FreezeView($0, at: now) }
    snapshot.registryRevision = state.registryRevision
    snapshot.attached = attached(at: now)
    snapshot.proposals = state.retraining.proposals
    return snapshot
  }

  /// The known plans, the profile's usual one first: a screen proposes that.
  private func plans() -> [Plan] {
    let usual = options.profile == "demo" ? "quick-ramp" : "standard-launch"
    let all = library.plans
    return all.filter { $0.name == usual } + all.filter { $0.name != usual }
  }

  private func runbookViews(
    _ symptoms: [Symptom], endpoint: Name?, rows: [JournalRow]
  ) -> [RunbookView] {
    let present = Set(symptoms.filter { $0.endpoint == endpoint }.map(\.kind))
    let views = library.runbooks.map { runbook in
      RunbookView(
        name: runbook.name, title: runbook.title, symptom: runbook.symptom,
        proposed: present.contains(runbook.symptom), steps: runbook.steps.map(\.sentence),
        lastRun: rows.first {
          $0.kind == "runbook-run" && $0.endpoint == endpoint
            && $0.summary.contains(runbook.name)
        }.map { "\($0.time.clock)Z by \($0.actor)" })
    }
    return views.filter(\.proposed) + views.filter { !$0.proposed }
  }

  // MARK: Journal and registry

  private func journal(after: Int, limit: Int) throws -> [JournalRow] {
    var rows: [JournalRow] = []
    var cursor = try core.reader.cursor(after: max(0, after))
    let count = min(max(limit, 1), 10_000)
    while rows.count < count, let (sequence, record) = try cursor.nextResult() {
      do {
        let event = try Recovery.event(of: try record.get(), people)
        rows.append(JournalRow(event: event, sequence: sequence))
      } catch {
        rows.append(JournalRow(unreadable: try? record.get(), at: sequence, error))
      }
    }
    return rows
  }

  private func verdict(on name: Name) throws(NodeError) -> VerdictView {
    guard let endpoint = core.state.endpoint(name) else {
      throw NodeError(
        .unknown, "there is no endpoint \(name); sluice endpoint list shows them")
    }
    if let rollout = endpoint.rollout {
      let live = analyst.withDesk { $0.book.evidence(of: name) }
      let evidence = live?.rollout == rollout.id ? live : nil
      return VerdictView(rollout, evidence ?? rollout.evidence, endpoint: name)
    }
    if let last = analyst.withDesk({ $0.book.ended(of: name) }) { return last.verdict }
    throw NodeError(
      .unknown,
      "no ramp runs on \(name) and none has ended since the node began: \"sluice log\" tells of "
        + "earlier ones")
  }

  private func verifyJournal() throws -> JournalCheck {
    let check = try core.reader.verify()
    return JournalCheck(
      events: check.count, head: check.count > 0 ? check.head.hash : nil, fault: check.fault)
  }

  private func detail(of version: VersionID) throws -> VersionDetail {
    let state = core.state
    guard let registered = state.version(version) else {
      throw NodeError(.unknown, "there is no version \(version): see sluice model list")
    }
    var damage: String?
    do {
      // The file of a deleted version may be gone: that is no damage.
      if !state.isDeleted(version) { _ = try artifacts.verify(registered.draft.artifact) }
    } catch {
      damage = error.message
    }
    var card = ""
    if let digest = registered.draft.card {
      card = String(decoding: try artifacts.read(digest), as: UTF8.self)
    }
    var detail = VersionDetail(
      registered: RegisteredVersionView(registered, in: state),
      signature: registered.draft.signature, card: card,
      hasReference: registered.draft.reference != nil, damage: damage,
      backend: registered.draft.backend, draft: registered.draft)
    detail.fault = shelf.fault(of: version)
    if let digest = registered.draft.golden {
      detail.golden = GoldenView(
        digest: digest, result: shelf.golden(of: version), backend: registered.draft.backend)
    }
    return detail
  }

  // MARK: Ramp preview

  private func previewRamp(
    _ endpoint: Name, _ version: VersionID, _ plan: Plan, _ options: RampOptions?,
    supersedes: Bool = false
  ) throws -> RampPreview {
    var state = core.state
    guard let known = state.endpoint(endpoint) else {
      throw NodeError(.unknown, "there is no endpoint \"\(endpoint)\": see sluice endpoint list")
    }
    let last = Int(SystemClock.now().microseconds / 1_000_000) - 1
    let rate = analyst.withDesk { desk in
      desk.telemetry[endpoint]?.points.window(endingAt: last, seconds: 10).requestsPerSecond
    }
    // As if it were loaded: loading is part of starting, and can still fail then.
    let context = DecisionContext(
      now: SystemClock.now(), actor: .currentPerson(),
      prepared: Set(state.versions.map(\.version)))
    var refusal: String?
    if supersedes, known.rollout != nil {
      let command = Command.supersede(
        endpoint: endpoint, version: version, plan: plan, reason: nil, options: options)
      do {
        // The ramp begins where the rollback of the running one leaves the endpoint.
        if let back = try decide(state, command, context).first { state.fold(back) }
      } catch { refusal = error.message }
    }
    let forecast = Control.rampPreview(
      state, endpoint, version, plan, context, options: options, requestsPerSecond: rate)
    var preview = RampPreview(
      endpoint: endpoint, candidate: version,
      fallback: known.rollout?.fallback ?? forecast.fallback ?? version, plan: plan,
      steps: forecast.steps, summary: forecast.summary,
      refusal: refusal ?? forecast.refusal)
    preview.conditions = forecast.conditions
    preview.details = forecast.details
    return preview
  }
}
