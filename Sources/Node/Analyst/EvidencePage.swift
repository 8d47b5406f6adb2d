import Control
import Core
import Telemetry

/// One drawn answer as the evidence takes it.
struct DrawnAnswer {
  /// The generation of the route table that it came by.
  var route: Int
  /// Who was drawn.
  var version: VersionID
  /// Whether that version failed by itself.
  var failed: Bool
  /// From routing to the answer.
  var latencyMicroseconds: Int
  /// The sticky key's hash; nil when the request had none.
  var key: UInt64?
  /// What it answered.
  var label: TextKey
  /// Its score; NaN when there is none.
  var score: Float
}

/// One endpoint's evidence, and which route table belonged to which part of it.
///
/// Owned by the analyst's lock.
final class EvidencePage {
  /// What one published route table meant for a rollout.
  struct Mark {
    /// The rollout's number on its endpoint.
    let rollout: Int
    /// The evidence's epoch.
    let epoch: Int
    /// Who is judged.
    let candidate: VersionID
    /// Whom it is compared with.
    let fallback: VersionID
  }

  /// What became of a drawn answer.
  struct Taken: Equatable {
    /// Whether it belongs to the running rollout.
    var isCounted: Bool
    /// Whether it is a draw of its own: without a key, or the key's first.
    var isDraw: Bool
  }

  /// Route tables that a late label can still refer to.
  private static let marksKept = 512

  private(set) var evidence: RolloutEvidence?
  private(set) var running: Rollout?
  /// Whether there is something to save.
  var isChanged = false
  /// Time since the last traffic in this step that may still count for it.
  private var gap = TimeSpan.zero
  /// Marks by the route table's generation, oldest first.
  private var marks: [(generation: Int, mark: Mark)] = []
  private var keys: KeyLedger
  private let keysMax: Int
  private var warmUp = 0
  private var places = LabelPlaces()

  init(keysMax: Int = KeyLedger.keysMax) {
    self.keysMax = keysMax
    keys = KeyLedger(limit: keysMax)
  }

  /// Follows an endpoint whose route table gets the generation `route`; nil when what comes by that
  /// table is no evidence.
  func follow(_ endpoint: EndpointState, route: Int?) {
    if running?.id != endpoint.rollout?.id || running?.stage != endpoint.rollout?.stage {
      gap = .zero
    }
    if running?.id != endpoint.rollout?.id {
      keys = KeyLedger(limit: keysMax)
      places = LabelPlaces()
    }
    running = endpoint.rollout
    warmUp = endpoint.rollout?.plan.warmUp ?? 0
    guard let rollout = endpoint.rollout else {
      evidence = nil
      return
    }
    var followed = evidence ?? rollout.evidence
    followed.follow(rollout)
    evidence = followed
    if let route {
      let mark = Mark(
        rollout: rollout.id, epoch: rollout.epoch, candidate: rollout.candidate,
        fallback: rollout.fallback)
      marks.append((route, mark))
    }
    if marks.count > EvidencePage.marksKept { marks.removeFirst() }
  }

  /// Takes over evidence that was saved.
  func restore(_ saved: RolloutEvidence) { evidence = saved }

  /// Counts one drawn answer by the route that it came by.
  ///
  /// The arm of every draw is counted. Until the candidate has given the plan's
  /// ``Control/Plan/warmUp`` answers no answer of either arm is judged; those of the candidate
  /// count for the breaker and the step, as do a key's later ones.
  func take(_ answer: DrawnAnswer) -> Taken {
    guard let (arm, epoch) = place(route: answer.route, version: answer.version) else {
      return Taken(isCounted: false, isDraw: false)
    }
    let isDraw = answer.key.map { keys.isFirst($0) } ?? true
    if isDraw { evidence?.recordDraw(arm, epoch: epoch) }
    let isWarm = (evidence?.candidateRequests ?? 0) >= warmUp
    if isDraw, isWarm {
      evidence?.recordAnswer(
        arm, failed: answer.failed, latencyMicroseconds: answer.latencyMicroseconds, epoch: epoch)
      if !answer.failed, let profile = evidence?.profile { compare(answer, arm, epoch, profile) }
    } else if arm == .candidate {
      evidence?.recordWarmUp(failed: answer.failed)
    }
    isChanged = true
    return Taken(isCounted: true, isDraw: isDraw)
  }

  private func compare(
    _ answer: DrawnAnswer, _ arm: RolloutEvidence.Arm, _ epoch: Int, _ profile: StableProfile
  ) {
    let score = answer.score.isFinite ? Double(answer.score) : nil
    evidence?.recordValues(
      arm, label: places.place(of: answer.label, in: profile.labels), score: score,
      confidence: score.map(profile.confidence), epoch: epoch)
  }

  /// Counts one late label by the route that its answer came by.
  ///
  /// Labels of answers in the warm-up count as well, those of both arms: a cold instance answers
  /// late, not wrongly.
  func takeLabel(route: Int, version: VersionID, wrong: Bool) -> Bool {
    guard let (arm, epoch) = place(route: route, version: version) else { return false }
    evidence?.recordLabel(arm, wrong: wrong, epoch: epoch)
    isChanged = true
    return true
  }

  private func place(
    route: Int, version: VersionID
  ) -> (arm: RolloutEvidence.Arm, epoch: Int)? {
    guard let rollout = evidence?.rollout,
      let mark = marks.last(where: { $0.generation == route })?.mark, mark.rollout == rollout
    else { return nil }
    if version == mark.candidate { return (.candidate, mark.epoch) }
    return version == mark.fallback ? (.stable, mark.epoch) : nil
  }

  /// Adds time to the step clock: observed when there was traffic, idle when not.
  ///
  /// The pauses between the requests of a quiet endpoint are observed time too, once the next
  /// request shows that they were no more than pauses; without traffic for
  /// ``Control/Guard/noDataLimit`` the rollout is held and the time does not count.
  func addTime(_ span: TimeSpan, hadTraffic: Bool) {
    guard evidence != nil else { return }
    if hadTraffic {
      let pause = gap < Guard.noDataLimit ? gap : .zero
      evidence?.observedTime(add: pause + span)
      gap = .zero
    } else {
      evidence?.idleTime(add: span)
      gap = gap + span
    }
    isChanged = true
  }

  /// Fixes the latency thresholds of a rollout that has none.
  func judgeLatency(by thresholds: LatencyThresholds) { evidence?.judgeLatency(by: thresholds) }

  /// Fixes what the stable usually answers, for a rollout that does not know it.
  func judgeAnswers(by profile: StableProfile) { evidence?.judgeAnswers(by: profile) }
}
