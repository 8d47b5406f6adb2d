import Control
import Core
import Serving
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
  /// The place of the request's segment among those that are judged apart; nil for none.
  var segment: Int?
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
    let candidates: [VersionID]
    /// Whom they are compared with.
    let fallback: VersionID
  }

  /// Whose answer it was, and to which counts it belongs.
  private struct Place {
    let arm: RolloutEvidence.Arm
    let epoch: Int
    /// The candidate's evidence: nil is the leading one's, else a rival's place; of the stable's
    /// answers every candidate has its own count.
    let rival: Int?
    let mark: Mark
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
  /// Tells the segments apart by a request's row.
  private(set) var segments: SegmentReader?
  /// Copies for shadows that were lost before this rollout began, or are counted already.
  private var droppedCopies: Int?

  init(keysMax: Int = KeyLedger.keysMax) {
    self.keysMax = keysMax
    keys = KeyLedger(limit: keysMax)
  }

  /// Follows an endpoint whose route table gets the generation `route`; nil when what comes by that
  /// table is no evidence.
  /// - Parameter layout: how the rows of its requests look.
  func follow(_ endpoint: EndpointState, route: Int?, layout: Telemetry.RowLayout? = nil) {
    if running?.id != endpoint.rollout?.id || running?.stage != endpoint.rollout?.stage {
      gap = .zero
    }
    if running?.id != endpoint.rollout?.id {
      keys = KeyLedger(limit: keysMax)
      places = LabelPlaces()
      droppedCopies = nil
    }
    running = endpoint.rollout
    warmUp = endpoint.rollout?.plan.warmUp ?? 0
    guard let rollout = endpoint.rollout else {
      evidence = nil
      segments = nil
      return
    }
    var followed = evidence ?? rollout.evidence
    followed.follow(rollout)
    evidence = followed
    if let layout { readSegments(rollout, layout) }
    if let route {
      let mark = Mark(
        rollout: rollout.id, epoch: rollout.epoch, candidates: rollout.candidates,
        fallback: rollout.fallback)
      marks.append((route, mark))
    }
    if marks.count > EvidencePage.marksKept { marks.removeFirst() }
  }

  private func readSegments(_ rollout: Rollout, _ layout: Telemetry.RowLayout) {
    guard let told = rollout.plan.segments else {
      segments = nil
      return
    }
    segments = SegmentReader(
      told.by, values: evidence?.segments?.map(\.segment) ?? told.values, layout)
  }

  /// Takes over evidence that was saved.
  func restore(_ saved: RolloutEvidence) { evidence = saved }

  /// Counts one drawn answer by the route that it came by.
  ///
  /// The arm of every draw is counted. Until a candidate has given the plan's
  /// ``Control/Plan/warmUp`` answers no answer of it or of the stable beside it is judged; its own
  /// count for the breaker and the step, as do a key's later ones. Of several candidates each is
  /// compared with the stable on its own.
  func take(_ answer: DrawnAnswer) -> Taken {
    guard let place = place(route: answer.route, version: answer.version) else {
      return Taken(isCounted: false, isDraw: false)
    }
    let isDraw = answer.key.map { keys.isFirst($0) } ?? true
    count(answer, place, isDraw: isDraw)
    if place.arm == .stable { countForRivals(answer, place, isDraw: isDraw) }
    isChanged = true
    return Taken(isCounted: true, isDraw: isDraw)
  }

  private func countForRivals(_ answer: DrawnAnswer, _ place: Place, isDraw: Bool) {
    for rival in (evidence?.rivals ?? []).indices {
      count(
        answer, Place(arm: .stable, epoch: place.epoch, rival: rival, mark: place.mark),
        isDraw: isDraw)
    }
  }

  private func count(_ answer: DrawnAnswer, _ place: Place, isDraw: Bool) {
    let (arm, epoch, rival) = (place.arm, place.epoch, place.rival)
    if isDraw { evidence?.update(rival: rival) { $0.recordDraw(arm, epoch: epoch) } }
    if isDraw, isWarm(rival) {
      evidence?.update(rival: rival) {
        $0.recordAnswer(
          arm, failed: answer.failed, latencyMicroseconds: answer.latencyMicroseconds,
          epoch: epoch, segment: answer.segment)
      }
      if !answer.failed, let profile = evidence?.profile {
        compare(answer, arm, epoch, rival, profile)
      }
    } else if arm == .candidate {
      evidence?.update(rival: rival) { $0.recordWarmUp(failed: answer.failed) }
    }
  }

  private func isWarm(_ rival: Int?) -> Bool {
    guard let rival else { return (evidence?.candidateRequests ?? 0) >= warmUp }
    return (evidence?.rivals?[rival].evidence.candidateRequests ?? 0) >= warmUp
  }

  private func compare(
    _ answer: DrawnAnswer, _ arm: RolloutEvidence.Arm, _ epoch: Int, _ rival: Int?,
    _ profile: StableProfile
  ) {
    let score = answer.score.isFinite ? Double(answer.score) : nil
    evidence?.update(rival: rival) {
      $0.recordValues(
        arm, label: places.place(of: answer.label, in: profile.labels), score: score,
        confidence: score.map(profile.confidence), epoch: epoch)
    }
  }

  /// Counts one late label by the route that its answer came by.
  ///
  /// Labels of answers in the warm-up count as well, those of both arms: a cold instance answers
  /// late, not wrongly.
  func takeLabel(
    route: Int, version: VersionID, wrong: Bool, segment: Int? = nil
  ) -> Bool {
    guard let place = place(route: route, version: version) else { return false }
    evidence?.update(rival: place.rival) {
      $0.recordLabel(
        place.arm, wrong: wrong, epoch: place.epoch, segment: segment)
    }
    if place.arm == .stable {
      for rival in (evidence?.rivals ?? []).indices {
        evidence?.update(rival: rival) {
          $0.recordLabel(
            .stable, wrong: wrong, epoch: place.epoch, segment: segment)
        }
      }
    }
    isChanged = true
    return true
  }

  private func place(route: Int, version: VersionID) -> Place? {
    guard let rollout = evidence?.rollout,
      let mark = marks.last(where: { $0.generation == route })?.mark, mark.rollout == rollout
    else { return nil }
    if version == mark.fallback {
      return Place(arm: .stable, epoch: mark.epoch, rival: nil, mark: mark)
    }
    guard mark.candidates.contains(version) else { return nil }
    // One that was dropped since has no evidence any more; the one that leads may be another.
    if version == running?.candidate {
      return Place(arm: .candidate, epoch: mark.epoch, rival: nil, mark: mark)
    }
    guard let rival = evidence?.rivalIndex(of: version) else { return nil }
    return Place(arm: .candidate, epoch: mark.epoch, rival: rival, mark: mark)
  }

  // MARK: Shadows

  /// Counts what a candidate said to a copy of a request, beside the stable and its clone.
  ///
  /// Every copy is a comparison of its own, whatever its key: both answer the same request, so the
  /// key does not decide who is asked.
  /// - Parameters:
  ///   - candidate: who answered the copy.
  ///   - primary: who answered the caller.
  func take(_ shadow: ShadowRecord, candidate: VersionID, primary: VersionID) -> Bool {
    guard
      let place = place(route: Int(shadow.generation), version: candidate),
      place.arm == .candidate, place.mark.fallback == primary
    else { return false }
    let hasClone = shadow.hasClone && !shadow.cloneFailed
    let areTimed = shadow.isWarm && hasClone && !shadow.failed
    evidence?.update(rival: place.rival) {
      $0.recordShadowPair(
        ShadowPair(
          stableFailed: shadow.primaryFailed, candidateFailed: shadow.failed,
          candidateDiffers: shadow.differs,
          cloneDiffers: hasClone && !shadow.primaryFailed ? shadow.cloneDiffers : nil,
          candidateMicroseconds: areTimed ? Int(shadow.latencyNanoseconds / 1_000) : nil,
          cloneMicroseconds: areTimed ? Int(shadow.cloneLatencyNanoseconds / 1_000) : nil))
    }
    isChanged = true
    return true
  }

  /// Counts a late label of a request that a shadow answered too.
  func takeShadowLabel(
    route: Int, candidate: VersionID, candidateWrong: Bool, stableWrong: Bool
  ) -> Bool {
    guard let place = place(route: route, version: candidate), place.arm == .candidate else {
      return false
    }
    evidence?.update(rival: place.rival) {
      $0.recordShadowLabel(
        candidateWrong: candidateWrong, stableWrong: stableWrong)
    }
    isChanged = true
    return true
  }

  /// Counts the copies that were lost since the last call, by their number since the beginning.
  func takeDroppedCopies(_ total: Int) {
    defer { droppedCopies = total }
    guard evidence?.shadow != nil, let before = droppedCopies, total > before else { return }
    evidence?.recordShadowDropped(total - before)
    for rival in (evidence?.rivals ?? []).indices {
      evidence?.update(rival: rival) { $0.recordShadowDropped(total - before) }
    }
    isChanged = true
  }

  /// Adds time to the step clock: observed when there was traffic, idle when not.
  ///
  /// The pauses between the requests of a quiet endpoint are observed time too, once the next
  /// request shows that they were no more than pauses; without traffic for
  /// ``Control/Guard/noDataLimit`` the rollout is held and the time does not count.
  func addTime(_ span: TimeSpan, hadTraffic: Bool) {
    guard evidence != nil else { return }
    evidence?.watchedTime(add: span)
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

/// Tells which judged segment a tapped row belongs to.
struct SegmentReader {
  private enum Column {
    case texts(offsetBytes: Int, [TextKey])
    case numbers(offsetBytes: Int, [Float])
  }

  private let column: Column

  /// - Parameters:
  ///   - name: the column by which segments are told apart.
  ///   - values: its judged values, in the order of their places.
  /// Nil when requests carry no such column.
  init?(_ name: String, values: [String], _ layout: Telemetry.RowLayout) {
    guard let field = layout.field(name) else { return nil }
    switch field.kind {
    case .text: column = .texts(offsetBytes: field.offsetBytes, values.map { TextKey($0) })
    case .number:
      // What is no number equals none.
      column = .numbers(
        offsetBytes: field.offsetBytes, values.map { Float($0) ?? .nan })
    }
  }

  /// The place of the row's segment; nil when its value is none of the judged ones.
  func place(of row: UnsafeRawPointer) -> Int? {
    switch column {
    case .texts(let offset, let values):
      let value = row.load(fromByteOffset: offset, as: TextKey.self)
      for index in values.indices where values[index] == value { return index }
    case .numbers(let offset, let values):
      let value = row.load(fromByteOffset: offset, as: Float.self)
      for index in values.indices where values[index] == value { return index }
    }
    return nil
  }
}
