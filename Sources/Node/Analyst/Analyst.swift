import Control
import Core
import Serving
import Synchronization
import Telemetry

/// The one cold reader of what the data plane reports: figures, drift, labels, evidence.
final class Analyst: Sendable {
  private let desk: Mutex<AnalystDesk>
  private let runtimes = Mutex<[EndpointRuntime]>([])
  private let queues = Mutex<[Name: LabelQueue]>([:])
  /// The evidence as of the last round, for those who cannot wait for the desk: a rollback.
  private let evidence = Mutex<[Name: RolloutEvidence]>([:])
  private let shelf: ModelShelf
  private let recorder: Recorder?

  init(shelf: ModelShelf, serves: Bool, recorder: Recorder? = nil) {
    self.shelf = shelf
    self.recorder = recorder
    desk = Mutex(AnalystDesk(serves: serves))
  }

  /// Reads or changes what the analyst knows.
  func withDesk<Result>(_ body: (AnalystDesk) throws -> sending Result) rethrows -> sending Result {
    try desk.withLock { desk in try body(desk) }
  }

  /// The evidence of an endpoint's running rollout, at most a round old; never waits for a round.
  func latestEvidence(of endpoint: Name) -> RolloutEvidence? {
    evidence.withLock { $0[endpoint] }
  }

  // MARK: What the data plane tells

  /// A version was closed.
  func noteFence(_ runtime: EndpointRuntime, _ version: VersionID, ticket: Int) {
    withDesk { desk in
      let isBroken = desk.fences[runtime.name, default: FenceLedger()]
        .close(version, ticket: ticket)
      if isBroken { desk.figures(runtime.name).routedAfterFence += 1 }
    }
  }

  /// A version is about to be opened again.
  func noteOpening(_ runtime: EndpointRuntime, _ version: VersionID) {
    let taken = runtime.ticketsTaken
    withDesk { $0.fences[runtime.name]?.open(version, ticketsTaken: taken) }
  }

  /// A route table could not be replaced.
  func noteRoutingFault(_ endpoint: Name, _ fault: String) {
    withDesk { $0.routingFaults[endpoint] = fault }
  }

  /// The endpoint's next route table is about to be published.
  ///
  /// - Parameter isComparable: whether every version has the share that the state gives it; when
  ///   not, answers are no evidence.
  func follow(_ endpoint: EndpointState, _ runtime: EndpointRuntime, isComparable: Bool) {
    runtimes.withLock { runtimes in
      if !runtimes.contains(where: { $0 === runtime }) { runtimes.append(runtime) }
    }
    let recorder = recorder?.follow(endpoint, runtime)
    withDesk { desk in
      desk.recorders[endpoint.name] = recorder
      desk.routingFaults[endpoint.name] = nil
      if let ended = endpoint.ended.first, endpoint.rollout == nil,
        let evidence = desk.book.evidence(of: endpoint.name), evidence.rollout == ended.id,
        let before = desk.book.running(of: endpoint.name)
      {
        desk.book.keepEnded(
          EvidenceBook.Ended(
            view: RolloutViews.view(of: before, evidence),
            verdict: VerdictView(
              before, evidence, endpoint: endpoint.name, ended: (ended.end.words, ended.summary))),
          of: endpoint.name)
      }
      desk.book.follow(
        endpoint, route: isComparable ? endpoint.generation : nil, layout: runtime.schema.layout)
      let followed = desk.book.evidence(of: endpoint.name)
      evidence.withLock { $0[endpoint.name] = followed }
      let figures = desk.figures(endpoint.name)
      for deployment in endpoint.deployed {
        watchDrift(figures.version(deployment.version), deployment.version, runtime)
      }
    }
  }

  private func watchDrift(
    _ telemetry: VersionTelemetry, _ version: VersionID, _ runtime: EndpointRuntime
  ) {
    guard telemetry.drift == nil, telemetry.driftFault == nil, let loaded = shelf.loaded(version)
    else { return }
    telemetry.driftFault = loaded.referenceFault
    guard let reference = loaded.reference else { return }
    do {
      telemetry.drift = try DriftMonitor(reference: reference, row: runtime.schema.layout)
    } catch {
      telemetry.driftFault = error.message
    }
  }

  /// Where an endpoint's late labels go.
  func labels(of endpoint: Name) -> LabelQueue {
    queues.withLock { queues in
      if let queue = queues[endpoint] { return queue }
      let queue = LabelQueue()
      queues[endpoint] = queue
      return queue
    }
  }

  // MARK: One round

  /// Takes in everything that has been reported since the last round.
  /// - Returns: the endpoints whose evidence grew, and how many requests and labels there were.
  func takeIn(now: Timestamp, monotonic: UInt64) -> (grown: Set<Name>, reports: Int) {
    let runtimes = runtimes.withLock { $0 }
    // Labels first, then taps, then the labels' effect: a label's request is then always known.
    let arrived = queues.withLock { $0 }.mapValues { $0.takeAll() }
    // From the monotonic clock of the records to the wall clock of the charts.
    let offset = now.microseconds * 1_000 - Int64(monotonic)
    return withDesk { desk in
      var reports = 0
      for runtime in runtimes {
        let round = TapRound(desk: desk, runtime: runtime, offset: offset)
        // Shadows before the taps: what the taps do not hold yet has no label either.
        let copies = round.drainShadows()
        reports += copies.count
        reports += runtime.drainTaps { record, row in round.take(record, row) }
        for copy in copies { round.take(copy) }
        round.countDroppedCopies()
        reports += arrived[runtime.name]?.count ?? 0
        desk.figures(runtime.name).droppedTaps = runtime.droppedTaps
        for label in arrived[runtime.name] ?? [] { round.take(label, now: now) }
      }
      for name in desk.grown {
        let grown = desk.book.evidence(of: name)
        evidence.withLock { $0[name] = grown }
      }
      defer { desk.grown.removeAll(keepingCapacity: true) }
      return (desk.grown, reports)
    }
  }

  /// Moves the step clocks by the time since the last call.
  func advanceClocks(by span: TimeSpan) {
    withDesk { desk in
      for name in desk.telemetry.keys {
        desk.book.addTime(name, span, hadTraffic: (desk.requestsInTick[name] ?? 0) > 0)
        let aged = desk.book.evidence(of: name)
        evidence.withLock { $0[name] = aged }
      }
      desk.requestsInTick.removeAll(keepingCapacity: true)
    }
  }
}

/// Takes one endpoint's records in; lives for one round under the analyst's lock.
struct TapRound {
  private let desk: AnalystDesk
  private let runtime: EndpointRuntime
  private let name: Name
  private let figures: EndpointTelemetry
  private let offset: Int64
  private let page: EvidencePage?
  private let recorder: EndpointRecorder?

  init(desk: AnalystDesk, runtime: EndpointRuntime, offset: Int64) {
    self.desk = desk
    self.runtime = runtime
    name = runtime.name
    figures = desk.figures(name)
    self.offset = offset
    page = desk.book.page(of: runtime.name)
    recorder = desk.recorders[runtime.name]
  }

  /// One request.
  func take(_ record: TapRecord, _ row: UnsafeRawPointer) {
    guard !record.outcome.isRefusal else {
      if !record.flags.contains(.synthetic) { figures.refused += 1 }
      return
    }
    guard !record.flags.contains(.synthetic), let version = version(record.version) else { return }
    let second = Int((record.timeNanoseconds + offset) / 1_000_000_000)
    let latency = Int(record.latencyNanoseconds)
    figures.total.record(
      second: second, latencyNanoseconds: latency, failed: record.outcome == .failed)
    let own = figures.version(version)
    own.series.record(
      second: second, latencyNanoseconds: latency, failed: record.versionFailed)
    if desk.fences[name, default: FenceLedger()].forbids(version, ticket: Int(record.ticket)) {
      figures.routedAfterFence += 1
    }
    if !record.versionFailed {
      own.drift?.observe(row: row, score: record.score, label: record.label)
      // What the version says to requests of every kind, or of the kind that is judged.
      if record.rule == TapRecord.noRule || record.flags.contains(.drawn),
        record.flags.isDisjoint(with: [.pinned, .redirected])
      {
        own.answers.add(label: record.label, score: record.score)
      }
    }
    desk.requestsInTick[name, default: 0] += 1
    var remembered = record
    let segment = page?.segments?.place(of: row)
    if !judge(record, version, latency, segment: segment) {
      // Its label is no evidence either.
      remembered.flags.remove(.drawn)
    }
    if let recorder, recorder.offer(record, row, time: record.timeNanoseconds + offset) {
      remembered.flags.insert(.recorded)
    }
    figures.predictions?.record(remembered, segment: segment)
  }

  /// Counts an answer as evidence.
  /// - Returns: false when a later label of it is none: its key's arm was drawn by an earlier
  ///   request.
  private func judge(
    _ record: TapRecord, _ version: VersionID, _ latency: Int, segment: Int?
  ) -> Bool {
    guard record.flags.contains(.drawn), let page else { return true }
    let taken = page.take(
      DrawnAnswer(
        route: Int(record.generation), version: version, failed: record.versionFailed,
        latencyMicroseconds: latency / 1_000,
        key: record.flags.contains(.keyed) ? record.keyHash : nil, label: record.label,
        score: record.score, segment: segment))
    if taken.isCounted { desk.grown.insert(name) }
    return taken.isDraw || !taken.isCounted
  }

  private func version(_ tag: UInt16) -> VersionID? {
    guard tag != TapRecord.noVersion else { return nil }
    if let known = desk.tags[name]?[tag] { return known }
    let version = runtime.version(tag: tag)
    desk.tags[name, default: [:]][tag] = version
    return version
  }

  /// One late label.
  func take(_ late: LabelArrival, now: Timestamp) {
    guard let binding = figures.predictions?.bind(late),
      case .bound(let answer, let isWrong) = binding, let version = version(answer.version)
    else { return }
    if TapRecord.Flags(rawValue: answer.flags).contains(.recorded) {
      recorder?.offer(late, time: now)
    }
    let second = Int(now.microseconds / 1_000_000)
    figures.total.recordLabel(second: second, wrong: isWrong)
    figures.version(version).series.recordLabel(second: second, wrong: isWrong)
    if figures.hasShadows { takeShadowLabel(late) }
    guard answer.isDrawn, let page else { return }
    let counted = page.takeLabel(
      route: Int(answer.generation), version: version, wrong: isWrong, segment: answer.segment)
    if counted { desk.grown.insert(name) }
  }

  // MARK: Shadows

  /// The shadows' answers since the last round; few, so that they can be kept until the taps are
  /// taken in.
  func drainShadows() -> [ShadowRecord] {
    var copies: [ShadowRecord] = []
    runtime.drainShadows { copies.append($0) }
    return copies
  }

  /// One shadow's answer.
  func take(_ shadow: ShadowRecord) {
    guard let candidate = version(shadow.version), let primary = version(shadow.primary),
      let page, page.take(shadow, candidate: candidate, primary: primary)
    else { return }
    desk.grown.insert(name)
    figures.hasShadows = true
    if let known = figures.predictions?.labelled(shadow) {
      _ = page.takeShadowLabel(
        route: Int(shadow.generation), candidate: candidate,
        candidateWrong: known.shadowIsWrong, stableWrong: known.primaryIsWrong)
    } else {
      figures.shadows?.record(shadow)
    }
  }

  private func takeShadowLabel(_ late: LabelArrival) {
    guard let page else { return }
    figures.shadows?.bind(
      requestID: late.requestID, label: TextKey(decimal: late.label)
    ) { pair, primaryIsWrong, shadowIsWrong in
      guard let candidate = version(pair.version) else { return }
      let counted = page.takeShadowLabel(
        route: Int(pair.generation), candidate: candidate, candidateWrong: shadowIsWrong,
        stableWrong: primaryIsWrong)
      if counted { desk.grown.insert(name) }
    }
  }

  /// Copies that no shadow answered for want of time.
  func countDroppedCopies() { page?.takeDroppedCopies(runtime.droppedShadowCopies) }
}
