import Control
import Core
import Telemetry

/// Puts one consistent picture together from the state and the analyst's figures.
///
/// Made under the analyst's lock, so it only reads and computes.
struct SnapshotBuilder {
  let request: SnapshotRequest
  let now: Timestamp
  let state: ControlState
  let prepared: Set<VersionID>
  let desk: AnalystDesk

  /// The second whose cells are complete, at the time asked for.
  private var lastSecond: Int {
    Int(((request.at ?? now).microseconds / 1_000_000)) - 1
  }

  /// One line for each endpoint.
  func summaries() -> [EndpointSummary] {
    state.endpoints.map { endpoint in
      let point = desk.telemetry[endpoint.name]?.points.window(endingAt: lastSecond, seconds: 10)
      return EndpointSummary(
        name: endpoint.name, status: endpoint.status.rawValue, generation: endpoint.generation,
        stable: endpoint.stable, candidate: endpoint.rollout?.candidate,
        candidateWeight: endpoint.rollout?.weight ?? 0,
        requestsPerSecond: point?.requestsPerSecond ?? 0,
        p99Milliseconds: point?.p99Milliseconds, errorRate: point?.errorRate,
        rollout: endpoint.rollout.map { rolloutWords($0) },
        severity: desk.symptoms.severity(of: endpoint.name))
    }
  }

  /// Everything about the endpoint asked for; nil when there is none.
  func detail() -> EndpointDetail? {
    let name = request.endpoint ?? state.endpoints.first?.name
    guard let name, let endpoint = state.endpoint(name) else { return nil }
    let telemetry = desk.telemetry[name] ?? EndpointTelemetry()
    var detail = EndpointDetail(
      name: name, status: endpoint.status.rawValue, generation: endpoint.generation,
      split: endpoint.split, versions: versionRows(endpoint, telemetry),
      traffic: TrafficViews.view(
        of: telemetry, endingAt: lastSecond, seconds: request.windowSeconds,
        points: request.points, now: Int(now.microseconds / 1_000_000)),
      rollout: rollout(endpoint), drift: drift(endpoint, telemetry),
      rollback: rollback(endpoint, telemetry), undo: undo(endpoint))
    detail.rules = endpoint.rules
    detail.history = GenerationView.all(of: endpoint)
    return detail
  }

  /// The registry for screens.
  func registry() -> [RegisteredVersionView] {
    request.wantsRegistry == false
      ? [] : RegistryPage.views(state.usableVersions[...], in: state)
  }

  // MARK: Parts

  private func rolloutWords(_ rollout: Rollout) -> String {
    switch rollout.phase {
    case .baking: "step \(rollout.step + 1) of \(rollout.plan.steps.count)"
    case .held(let cause): "held: \(cause.words)"
    case .soaking: "soaking"
    case .rollingBack: "rolling back"
    }
  }

  private func versionRows(
    _ endpoint: EndpointState, _ telemetry: EndpointTelemetry
  ) -> [VersionRow] {
    let models = Set(endpoint.deployed.map(\.version.model))
    let shown = state.usableVersions.filter {
      endpoint.isDeployed($0.version) || models.isEmpty || models.contains($0.version.model)
    }
    return shown.map { registered in
      let own = telemetry.versions[registered.version]
      let point = own?.points.window(endingAt: lastSecond, seconds: 10)
      let labels = own?.series.counts(endingAt: lastSecond, seconds: 60)
      let isFailed =
        endpoint.isDeployed(registered.version) && desk.serves
        && !prepared.contains(registered.version)
      return VersionRow(
        version: registered.version,
        state: isFailed ? "failed" : endpoint.role(of: registered.version),
        weight: endpoint.split?.weight(of: registered.version) ?? 0,
        requestsPerSecond: point.flatMap { $0.counts.requests > 0 ? $0.requestsPerSecond : nil },
        p50Milliseconds: point?.p50Milliseconds, p99Milliseconds: point?.p99Milliseconds,
        errorRate: point?.errorRate,
        wrongRate: labels.flatMap { $0.labels > 0 ? Double($0.wrong) / Double($0.labels) : nil },
        labels: labels?.labels ?? 0,
        driftScore: own.flatMap { DriftViews.largestScore($0) },
        registered: registered.registered, summary: registered.draft.summary,
        digest: registered.draft.artifact)
    }
  }

  private func rollout(_ endpoint: EndpointState) -> RolloutView? {
    if let rollout = endpoint.rollout {
      return RolloutViews.view(
        of: rollout, desk.book.evidence(of: endpoint.name) ?? rollout.evidence)
    }
    return endpoint.ended.first.map { ended in
      let last = desk.book.ended(of: endpoint.name)?.view
      return RolloutViews.view(of: ended, last: last?.identifier == ended.id ? last : nil)
    }
  }

  private func drift(_ endpoint: EndpointState, _ telemetry: EndpointTelemetry) -> DriftView? {
    let version = request.driftVersion ?? endpoint.rollout?.candidate ?? endpoint.stable
    guard let version, let own = telemetry.versions[version] else { return nil }
    return DriftViews.view(of: own, version: version, histograms: request.driftHistograms)
  }

  private func rollback(
    _ endpoint: EndpointState, _ telemetry: EndpointTelemetry
  ) -> RollbackPreview? {
    guard
      let would = rollbackPreview(
        state, endpoint.name, now: now, prepared: desk.serves ? prepared : nil)
    else { return nil }
    let point = telemetry.versions[would.target]?.points.window(endingAt: lastSecond, seconds: 10)
    return RollbackPreview(
      from: would.from, target: would.target, alternatives: would.alternatives,
      targetLive: would.targetLive, targetP99Milliseconds: point?.p99Milliseconds,
      targetErrorRate: point?.errorRate, targetReady: would.isTargetPrepared,
      generation: would.generation,
      symptom: desk.symptoms.symptoms.first { $0.endpoint == endpoint.name }?.sentence)
  }

  private func undo(_ endpoint: EndpointState) -> UndoView? {
    let loaded = desk.serves ? prepared : Set(state.versions.map(\.version))
    return undoPreview(state, endpoint.name, prepared: loaded).map {
      UndoView(changed: $0.changed, change: $0.change, split: $0.split)
    }
  }
}

extension RegisteredVersionView {
  /// A registered version with where it is loaded.
  init(_ registered: RegisteredVersion, in state: ControlState) {
    let places = state.endpoints.compactMap { endpoint -> VersionTraits.Place? in
      guard endpoint.isDeployed(registered.version) else { return nil }
      return VersionTraits.Place(
        endpoint: endpoint.name, role: endpoint.role(of: registered.version),
        weight: endpoint.split?.weight(of: registered.version) ?? 0)
    }
    self.init(registered, at: places)
    standing = state.standing(of: registered.version)
  }

  /// A registered version that is in these places.
  init(_ registered: RegisteredVersion, at places: [VersionTraits.Place]) {
    let draft = registered.draft
    self.init(
      version: registered.version, digest: draft.artifact, bytes: draft.artifactBytes,
      registered: registered.registered, summary: draft.summary, metrics: draft.metrics,
      loadedOn: places.map(\.endpoint))
    traits = VersionTraits(
      hasCard: draft.card != nil, hasReference: draft.reference != nil,
      hasGolden: draft.golden != nil, parent: draft.parent, by: registered.by, places: places)
  }
}
