import Control
import Core

/// The live evidence of running rollouts, and which route each answer came by.
///
/// Owned by the analyst's lock.
///
/// An event counts in the epoch in which its request was *routed*, however late its label comes, so
/// each published route table leaves a mark here that says which rollout and epoch it belonged to.
struct EvidenceBook {
  /// What one published route table meant for a rollout.
  struct Mark: Sendable {
    /// The rollout's number on its endpoint.
    let rollout: Int
    /// The evidence's epoch.
    let epoch: Int
    /// Who is judged.
    let candidate: VersionID
    /// Whom it is compared with.
    let fallback: VersionID
  }

  /// One endpoint's evidence.
  private struct Page {
    var evidence: RolloutEvidence?
    var running: Rollout?
    /// Marks by the route table's generation, oldest first.
    var marks: [(generation: Int, mark: Mark)] = []
    var changed = false
    /// Time since the last traffic in this step that may still count for it.
    var gap = TimeSpan.zero
    var ended: RolloutView?
  }

  /// Route tables that a late label can still refer to.
  private static let marksKept = 512

  private var pages: [Name: Page] = [:]

  /// Follows an endpoint whose route table gets the generation `route`; nil when what comes by that
  /// table is no evidence.
  mutating func follow(_ endpoint: EndpointState, route: Int?) {
    var page = pages[endpoint.name] ?? Page()
    if page.running?.stage != endpoint.rollout?.stage { page.gap = .zero }
    page.running = endpoint.rollout
    if let rollout = endpoint.rollout {
      var evidence = page.evidence ?? rollout.evidence
      evidence.follow(rollout)
      page.evidence = evidence
      if let route {
        let mark = Mark(
          rollout: rollout.id, epoch: rollout.epoch, candidate: rollout.candidate,
          fallback: rollout.fallback)
        page.marks.append((route, mark))
      }
      if page.marks.count > EvidenceBook.marksKept { page.marks.removeFirst() }
      page.ended = nil
    } else {
      page.evidence = nil
    }
    pages[endpoint.name] = page
  }

  /// Puts back the evidence that was saved before a restart, when it is this rollout's and the last
  /// event of the journal did not know more: it is saved once a second, events take it as it is.
  mutating func restore(_ evidence: RolloutEvidence, for endpoint: EndpointState) {
    guard let rollout = endpoint.rollout, evidence.rollout == rollout.id,
      evidence.eventsSeen >= rollout.evidence.eventsSeen
    else { return }
    var evidence = evidence
    evidence.follow(rollout)
    pages[endpoint.name, default: Page()].evidence = evidence
  }

  /// The evidence of the endpoint's running rollout.
  func evidence(of endpoint: Name) -> RolloutEvidence? { pages[endpoint]?.evidence }

  /// The rollout that the endpoint ran when it was last followed.
  func running(of endpoint: Name) -> Rollout? { pages[endpoint]?.running }

  /// Counts one drawn answer by the route that it came by; false when it belongs to no running
  /// rollout.
  mutating func recordAnswer(
    _ endpoint: Name, route: Int, version: VersionID, failed: Bool, latencyMicroseconds: Int
  ) -> Bool {
    update(endpoint, route: route, version: version) { evidence, arm, epoch in
      evidence.recordAnswer(
        arm, failed: failed, latencyMicroseconds: latencyMicroseconds, epoch: epoch)
    }
  }

  /// Counts one late label by the route that its answer came by.
  mutating func recordLabel(
    _ endpoint: Name, route: Int, version: VersionID, wrong: Bool
  ) -> Bool {
    update(endpoint, route: route, version: version) { evidence, arm, epoch in
      evidence.recordLabel(arm, wrong: wrong, epoch: epoch)
    }
  }

  /// Adds time to the endpoint's step clock: observed when there was traffic, idle when not.
  ///
  /// The pauses between the requests of a quiet endpoint are observed time too, once the next
  /// request shows that they were no more than pauses; without traffic for
  /// ``Control/Guard/noDataLimit`` the rollout is held and the time does not count.
  mutating func addTime(_ endpoint: Name, _ span: TimeSpan, hadTraffic: Bool) {
    guard let gap = pages[endpoint]?.gap, pages[endpoint]?.evidence != nil else { return }
    if hadTraffic {
      let pause = gap < Guard.noDataLimit ? gap : .zero
      pages[endpoint]?.evidence?.observedTime(add: pause + span)
      pages[endpoint]?.gap = .zero
    } else {
      pages[endpoint]?.evidence?.idleTime(add: span)
      pages[endpoint]?.gap = gap + span
    }
    pages[endpoint]?.changed = true
  }

  /// Fixes the latency thresholds of a rollout that has none.
  mutating func judgeLatency(_ endpoint: Name, by thresholds: LatencyThresholds) {
    pages[endpoint]?.evidence?.judgeLatency(by: thresholds)
  }

  /// Keeps the picture of a rollout that has ended.
  mutating func keepEnded(_ view: RolloutView, of endpoint: Name) {
    pages[endpoint, default: Page()].ended = view
  }

  /// The picture of the endpoint's last rollout that ended while this node ran.
  func ended(of endpoint: Name) -> RolloutView? { pages[endpoint]?.ended }

  /// The evidence that changed since the last call, to be saved.
  mutating func takeChanged() -> [(Name, RolloutEvidence)] {
    var result: [(Name, RolloutEvidence)] = []
    for name in pages.keys {
      guard let page = pages[name], page.changed, let evidence = page.evidence else { continue }
      result.append((name, evidence))
      pages[name]?.changed = false
    }
    return result
  }

  private mutating func update(
    _ endpoint: Name, route: Int, version: VersionID,
    _ change: (inout RolloutEvidence, RolloutEvidence.Arm, Int) -> Void
  ) -> Bool {
    guard let index = pages.index(forKey: endpoint),
      var evidence = pages.values[index].evidence,
      let mark = pages.values[index].marks.last(where: { $0.generation == route })?.mark,
      mark.rollout == evidence.rollout
    else { return false }
    let arm: RolloutEvidence.Arm
    switch version {
    case mark.candidate: arm = .candidate
    case mark.fallback: arm = .stable
    default: return false
    }
    // Taken out first, so that the change is made in place and not on a copy.
    pages.values[index].evidence = nil
    change(&evidence, arm, mark.epoch)
    pages.values[index].evidence = evidence
    pages.values[index].changed = true
    return true
  }
}

extension RolloutEvidence {
  /// How much was counted; only ever rises.
  var eventsSeen: Int {
    epochs.reduce(candidateRequests) { sum, epoch in
      sum + epoch.errors.candidateTotal + epoch.errors.stableTotal
        + epoch.wrongAnswers.candidateTotal + epoch.wrongAnswers.stableTotal
    }
  }
}
