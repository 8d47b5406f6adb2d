import Core

/// What one arm of an endpoint answered between two looks.
struct AnswerBatch {
  var version: VersionID
  /// The generation of the route table that the requests came by.
  var route: Int
  /// Whether its arm was drawn: no rule by hand sent it.
  var isDrawn = true
  /// The place of its segment among those that are told apart.
  var segment: Int?
  var total = 0
  var failed = 0
  /// Of the last answers how many failed one after another.
  var failedLast = 0
  /// Slower than the stable's p50, p90 and p99.
  var slow = [0, 0, 0]
  /// Answers of each class, and last of any other.
  var classes: [Int] = []
  /// Below and above the stable's usual scores.
  var unusual = [0, 0]
}

/// A model of how a node gathers evidence: each answer counts where its request was routed, however
/// late it or its label comes.
final class SimulatedCollector {
  private struct Mark {
    let generation: Int
    let rollout: Int
    let epoch: Int
    let candidates: [VersionID]
    let fallback: VersionID
  }

  /// Where answers count: which arm, in which epoch, in the evidence of whom.
  struct Spot {
    let arm: RolloutEvidence.Arm
    let epoch: Int
    /// Candidates whose evidence it is: the one that answered, or for the stable all.
    let candidates: [VersionID]
  }

  private struct Page {
    var evidence: RolloutEvidence?
    var running: Rollout?
    var marks: [Mark] = []
    var gap = TimeSpan.zero
    var isChanged = false
  }

  private static let marksMax = 512

  private var pages: [Name: Page] = [:]
  private let mutation: Mutation?

  init(mutation: Mutation?) { self.mutation = mutation }

  /// The evidence of the endpoint's running rollout.
  func evidence(of endpoint: Name) -> RolloutEvidence? { pages[endpoint]?.evidence }

  /// Follows an endpoint whose route table gets the generation `route`; nil when what comes by that
  /// table is no evidence.
  func follow(_ endpoint: EndpointState, route: Int?) {
    var page = pages[endpoint.name] ?? Page()
    defer { pages[endpoint.name] = page }
    if page.running?.id != endpoint.rollout?.id || page.running?.stage != endpoint.rollout?.stage {
      page.gap = .zero
    }
    let endsHold = page.running?.hold != nil && endpoint.rollout?.hold == nil
    page.running = endpoint.rollout
    guard let rollout = endpoint.rollout else {
      page.evidence = nil
      return
    }
    var followed = page.evidence ?? rollout.evidence
    if followed.rollout != rollout.id { followed = rollout.evidence }
    if let segments = rollout.plan.segments { followed.judgeSegments(segments.values) }
    let wasEpoch = followed.epoch
    followed.follow(rollout)
    if mutation == .evidenceLostOnWeightChange, followed.epoch != wasEpoch {
      for index in followed.epochs.indices.dropLast() {
        followed.epochs[index] = .init(weight: followed.epochs[index].weight)
      }
    }
    if mutation == .holdEndResetsEvidence, endsHold, let last = followed.epochs.indices.last {
      followed.epochs[last] = .init(weight: followed.epochs[last].weight)
    }
    page.evidence = followed
    if let route {
      page.marks.append(
        Mark(
          generation: route, rollout: rollout.id, epoch: rollout.epoch,
          candidates: rollout.candidates, fallback: rollout.fallback))
      if page.marks.count > SimulatedCollector.marksMax { page.marks.removeFirst() }
    }
  }

  /// Puts back evidence that was saved, unless the journal knows more.
  func restore(_ saved: RolloutEvidence, for endpoint: EndpointState) {
    guard let rollout = endpoint.rollout, mutation != .savedEvidenceIgnored else { return }
    var evidence = RolloutEvidence.resumed(saved, in: rollout)
    if mutation == .oldEvidenceRestored, saved.rollout == rollout.id {
      evidence = saved
      evidence.follow(rollout)
    }
    pages[endpoint.name, default: Page()].evidence = evidence
  }

  /// Where answers that came by a route count; nil when they are no evidence.
  func place(
    _ endpoint: Name, route: Int, version: VersionID
  ) -> Spot? {
    guard let page = pages[endpoint], let rollout = page.running,
      let mark = page.marks.last(where: { $0.generation == route }), mark.rollout == rollout.id
    else { return nil }
    let left = mark.candidates.filter { rollout.candidates.contains($0) }
    if left.contains(version) {
      return Spot(arm: .candidate, epoch: mark.epoch, candidates: [version])
    }
    guard version == mark.fallback else { return nil }
    return Spot(arm: .stable, epoch: mark.epoch, candidates: left)
  }

  /// Changes the evidence of some candidates of an endpoint.
  private func update(
    _ endpoint: Name, _ candidates: [VersionID], _ change: (inout RolloutEvidence) -> Void
  ) {
    guard var evidence = pages[endpoint]?.evidence, let rollout = pages[endpoint]?.running else {
      return
    }
    for version in candidates {
      if version == rollout.candidate {
        change(&evidence[rival: nil])
      } else if let index = evidence.rivalIndex(of: version) {
        change(&evidence[rival: index])
      }
    }
    pages[endpoint]?.evidence = evidence
    pages[endpoint]?.isChanged = true
  }

  /// Counts answers.
  func take(_ batch: AnswerBatch, on endpoint: Name) {
    guard batch.isDrawn,
      let spot = place(endpoint, route: batch.route, version: batch.version),
      let rollout = pages[endpoint]?.running
    else { return }
    update(endpoint, spot.candidates) {
      $0.record(batch, spot.arm, epoch: spot.epoch, warmUp: rollout.plan.warmUp)
    }
  }

  /// Counts copies of requests that a candidate was given.
  func takeCopies(
    _ endpoint: Name, route: Int, of version: VersionID, _ pairs: [ShadowPair]
  ) {
    guard let spot = place(endpoint, route: route, version: version), spot.arm == .candidate else {
      return
    }
    update(endpoint, spot.candidates) { evidence in
      for pair in pairs { evidence.recordShadowPair(pair) }
    }
  }

  /// Counts late labels of answers that came by a route.
  func takeLabels(
    _ endpoint: Name, route: Int, version: VersionID, wrong: Int, total: Int
  ) {
    guard let spot = place(endpoint, route: route, version: version) else { return }
    update(endpoint, spot.candidates) {
      $0.record(
        metric: .wrongAnswers, arm: spot.arm, bad: wrong, count: total,
        epoch: mutation == .labelsCountNow ? nil : spot.epoch)
    }
  }

  /// Adds time to the step clock.
  func addTime(_ endpoint: Name, _ span: TimeSpan, hadTraffic: Bool) {
    guard var page = pages[endpoint], page.evidence != nil else { return }
    page.evidence?.watchedTime(add: span)
    if hadTraffic {
      let pause = page.gap < Guard.noDataLimit ? page.gap : .zero
      page.evidence?.observedTime(add: pause + span)
      page.gap = .zero
    } else {
      page.evidence?.idleTime(add: span)
      page.gap = page.gap + span
      if mutation == .silenceCountsAsFailure {
        page.evidence?.record(metric: .errors, arm: .candidate, bad: 1, count: 1)
      }
    }
    page.isChanged = true
    pages[endpoint] = page
  }

  func judge(
    _ endpoint: Name, by thresholds: LatencyThresholds?, and profile: StableProfile?
  ) {
    if let thresholds { pages[endpoint]?.evidence?.judgeLatency(by: thresholds) }
    if let profile { pages[endpoint]?.evidence?.judgeAnswers(by: profile) }
  }

  /// The evidence that changed since the last call, by endpoint.
  func takeChanged() -> [(Name, RolloutEvidence)] {
    var changed: [(Name, RolloutEvidence)] = []
    for name in pages.keys.sorted() {
      guard let page = pages[name], page.isChanged, let evidence = page.evidence else { continue }
      changed.append((name, evidence))
      pages[name]?.isChanged = false
    }
    return changed
  }
}

extension RolloutEvidence {
  /// Counts many answers of one arm at once.
  ///
  /// Until the candidate has given `warmUp` answers only the breaker and the step count them.
  mutating func record(_ batch: AnswerBatch, _ arm: Arm, epoch: Int, warmUp: Int) {
    guard epochs.indices.contains(epoch), batch.total > 0 else { return }
    epochs[epoch].drawn.add(arm, bad: 0, total: batch.total)
    if candidateRequests >= warmUp { recordJudged(batch, arm, epoch: epoch) }
    guard arm == .candidate else { return }
    stepCandidateRequests = saturated(stepCandidateRequests, batch.total)
    candidateRequests = saturated(candidateRequests, batch.total)
    consecutiveFailures =
      batch.failedLast == batch.total
      ? saturated(consecutiveFailures, batch.total) : batch.failedLast
  }

  private mutating func recordJudged(_ batch: AnswerBatch, _ arm: Arm, epoch: Int) {
    let answered = batch.total - batch.failed
    record(
      metric: .errors, arm: arm, bad: batch.failed, count: batch.total, epoch: epoch,
      segment: batch.segment)
    if thresholds != nil {
      for (stream, slow) in batch.slow.enumerated() {
        record(
          metric: .latency, arm: arm, bad: min(slow, answered), count: answered, epoch: epoch,
          stream: stream)
      }
    }
    guard let profile else { return }
    for (stream, count) in batch.classes.prefix(profile.streamCount).enumerated() {
      record(
        metric: .predictions, arm: arm, bad: count, count: answered, epoch: epoch, stream: stream)
    }
    for (stream, count) in batch.unusual.enumerated() {
      for metric in [Metric.scores, .confidence] {
        record(
          metric: metric, arm: arm, bad: min(count, answered), count: answered, epoch: epoch,
          stream: stream)
      }
    }
  }
}
