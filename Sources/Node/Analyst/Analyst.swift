import Control
import Core
import Serving
import Synchronization
import Telemetry

/// The one cold reader of what the data plane reports: figures, drift, labels, evidence.
final class Analyst: Sendable {
  /// A late label on its way to its answer.
  struct LateLabel: Sendable {
    let requestID: UInt64
    let label: TextKey
  }

  private let desk: Mutex<AnalystDesk>
  private let runtimes = Mutex<[EndpointRuntime]>([])
  private let labels = Mutex<[LateLabel]>([])
  private let lostLabels = Atomic<Int>(0)
  private let shelf: ModelShelf

  /// Labels that may wait for the analyst; more are dropped and counted.
  private static let labelsWaitingMax = 65_536

  init(shelf: ModelShelf, serves: Bool) {
    self.shelf = shelf
    desk = Mutex(AnalystDesk(serves: serves))
  }

  /// Reads or changes what the analyst knows.
  func withDesk<Result>(_ body: (AnalystDesk) throws -> sending Result) rethrows -> sending Result {
    try desk.withLock { desk in try body(desk) }
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
  func follow(_ endpoint: EndpointState, _ runtime: EndpointRuntime) {
    runtimes.withLock { runtimes in
      if !runtimes.contains(where: { $0 === runtime }) { runtimes.append(runtime) }
    }
    withDesk { desk in
      desk.routingFaults[endpoint.name] = nil
      if let ended = endpoint.ended.first, endpoint.rollout == nil,
        let evidence = desk.book.evidence(of: endpoint.name), evidence.rollout == ended.id,
        let before = desk.book.running(of: endpoint.name)
      {
        desk.book.keepEnded(RolloutViews.view(of: before, evidence), of: endpoint.name)
      }
      desk.book.follow(endpoint, route: endpoint.generation)
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

  /// A late label came; it waits for the next tick.
  func receive(_ label: LateLabel) {
    let taken = labels.withLock { labels in
      guard labels.count < Analyst.labelsWaitingMax else { return false }
      labels.append(label)
      return true
    }
    if !taken { lostLabels.add(1, ordering: .relaxed) }
  }

  // MARK: One round

  /// Takes in everything that has been reported since the last round.
  /// - Returns: the endpoints whose evidence grew.
  func takeIn(now: Timestamp, monotonic: UInt64) -> Set<Name> {
    let runtimes = runtimes.withLock { $0 }
    let arrived = labels.withLock { labels in
      defer { labels.removeAll(keepingCapacity: true) }
      return labels
    }
    // From the monotonic clock of the records to the wall clock of the charts.
    let offset = now.microseconds * 1_000 - Int64(monotonic)
    return withDesk { desk in
      for runtime in runtimes {
        let round = TapRound(desk: desk, runtime: runtime, offset: offset)
        runtime.drainTaps { record, row in round.take(record, row) }
        desk.figures(runtime.name).droppedTaps = runtime.droppedTaps
      }
      let second = Int(now.microseconds / 1_000_000)
      for label in arrived { TapRound.take(label, desk: desk, second: second) }
      defer { desk.grown.removeAll(keepingCapacity: true) }
      return desk.grown
    }
  }

  /// Moves the step clocks by the time since the last call.
  func advanceClocks(by span: TimeSpan) {
    withDesk { desk in
      for name in desk.telemetry.keys {
        desk.book.addTime(name, span, hadTraffic: (desk.requestsInTick[name] ?? 0) > 0)
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

  init(desk: AnalystDesk, runtime: EndpointRuntime, offset: Int64) {
    self.desk = desk
    self.runtime = runtime
    name = runtime.name
    figures = desk.figures(name)
    self.offset = offset
  }

  /// One request.
  func take(_ record: TapRecord, _ row: UnsafeRawPointer) {
    guard record.outcome != .unavailable else {
      figures.refused += 1
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
    }
    desk.requestsInTick[name, default: 0] += 1
    judge(record, version, latency)
    if let answering = self.version(record.answeredBy) {
      desk.predictions.insert(
        requestID: record.requestID, endpoint: name, version: answering,
        route: Int(record.generation),
        drawn: record.flags.contains(.drawn) && answering == version, label: record.label,
        nanoseconds: record.timeNanoseconds)
    }
  }

  private func judge(_ record: TapRecord, _ version: VersionID, _ latency: Int) {
    guard record.flags.contains(.drawn) else { return }
    let counted = desk.book.recordAnswer(
      name, route: Int(record.generation), version: version, failed: record.versionFailed,
      latencyMicroseconds: latency / 1_000)
    if counted { desk.grown.insert(name) }
  }

  private func version(_ tag: UInt16) -> VersionID? {
    guard tag != TapRecord.noVersion else { return nil }
    if let known = desk.tags[name]?[tag] { return known }
    let version = runtime.version(tag: tag)
    desk.tags[name, default: [:]][tag] = version
    return version
  }

  /// One late label.
  static func take(_ late: Analyst.LateLabel, desk: AnalystDesk, second: Int) {
    guard let answer = desk.predictions.take(requestID: late.requestID) else { return }
    let figures = desk.figures(answer.endpoint)
    let wrong = answer.label != late.label
    figures.total.recordLabel(second: second, wrong: wrong)
    figures.version(answer.version).series.recordLabel(second: second, wrong: wrong)
    guard answer.drawn else { return }
    let counted = desk.book.recordLabel(
      answer.endpoint, route: answer.route, version: answer.version, wrong: wrong)
    if counted { desk.grown.insert(answer.endpoint) }
  }
}
