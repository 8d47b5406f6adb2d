import Control
import Core
import Serving
import Telemetry

/// What all runs of a rehearsal share.
final class RehearsalStage: Sendable {
  let subject: RehearsalSubject
  let plan: Plan
  let facts: [RehearsalRows.Facts]
  /// The stable, then the candidates in their order.
  let versions: [VersionID]
  /// What each of ``versions`` said.
  let answers: [RehearsalAnswers]
  /// What a second session of the stable said; nil when the plan copies nothing.
  let clone: RehearsalAnswers?
  /// Of each of ``versions``.
  let signatures: [Signature]
  let clock: RehearsalClock
  /// What bit of ``RehearsalRows/Facts/rules`` stands for which rule.
  let rules: [RequestRule]
  /// The stable's usual latency and answers; nil when the plan does not ask or there are too few.
  let thresholds: LatencyThresholds?
  let profile: StableProfile?

  /// - Parameters:
  ///   - answers: the stable's, then the candidates' in the subject's order.
  ///   - signatures: likewise.
  init(
    _ subject: RehearsalSubject, _ plan: Plan, facts: [RehearsalRows.Facts],
    answers: [RehearsalAnswers], clone: RehearsalAnswers?, signatures: [Signature],
    clock: RehearsalClock
  ) {
    self.subject = subject
    self.plan = plan
    self.facts = facts
    versions = [subject.stable] + subject.candidates
    self.answers = answers
    self.clone = clone
    self.signatures = signatures
    self.clock = clock
    rules = RehearsalMarker.rules(of: plan)
    thresholds = RehearsalStage.thresholds(plan, answers[0])
    profile = RehearsalStage.profile(plan, answers[0])
  }

  private static func thresholds(
    _ plan: Plan, _ stable: RehearsalAnswers
  ) -> LatencyThresholds? {
    guard plan.metrics.contains(where: { $0.metric == .latency }),
      stable.latencyNanoseconds.count >= LatencyThresholds.minimumAnswers,
      let quantiles = stable.latencyQuantiles()
    else { return nil }
    let slack = Int(plan.latencySlack.microseconds)
    return LatencyThresholds(
      p50Microseconds: quantiles.p50 + slack, p90Microseconds: quantiles.p90 + slack,
      p99Microseconds: quantiles.p99 + slack)
  }

  private static func profile(_ plan: Plan, _ stable: RehearsalAnswers) -> StableProfile? {
    guard plan.metrics.contains(where: { $0.metric.isTwoSided }) else { return nil }
    var sample = AnswerSample()
    for row in stable.labels.indices where !stable.failed[row] {
      sample.add(label: stable.labels[row], score: stable.scores[row])
    }
    return sample.profile()
  }

  /// Whether a version's answer to a row was wrong; nil when nobody knows.
  func isWrong(_ version: Int, _ row: Int) -> Bool? {
    guard facts[row].label != TrafficTable.noLabel, !answers[version].failed[row] else {
      return nil
    }
    return answers[version].labels[row] != TextKey(decimal: facts[row].label)
  }

  /// Engine time of a row in microseconds; 0 when it was not measured.
  func microseconds(_ answers: RehearsalAnswers, _ row: Int) -> Int {
    answers.latencyNanoseconds.isEmpty ? 0 : Int(answers.latencyNanoseconds[row] / 1_000)
  }

  /// A copied row as a node's shadows report it.
  /// - Parameter isWarm: whether the sessions for copies have answered often enough to be timed.
  func copied(
    _ row: Int, to candidate: Int, generation: Int, isWarm: Bool
  ) -> ShadowRecord {
    let (primary, own) = (answers[0], answers[candidate])
    let isTimed = !own.latencyNanoseconds.isEmpty
    func latency(_ answers: RehearsalAnswers?) -> UInt64 {
      isTimed ? answers.map { UInt64($0.latencyNanoseconds[row]) } ?? 0 : 0
    }
    return ShadowRecord(
      requestID: UInt64(row), generation: UInt64(generation), timeNanoseconds: 0,
      primaryLatencyNanoseconds: latency(primary), latencyNanoseconds: latency(own),
      cloneLatencyNanoseconds: latency(clone), primaryLabel: primary.labels[row],
      label: own.labels[row], primaryScore: primary.scores[row], score: own.scores[row],
      primary: 0, version: UInt16(candidate), primaryFailed: primary.failed[row],
      failed: own.failed[row], hasClone: clone != nil, cloneFailed: clone?.failed[row] ?? false,
      cloneDiffers: clone.map {
        ShadowRecord.differ(
          (primary.labels[row], primary.scores[row]), ($0.labels[row], $0.scores[row]))
      } ?? false, isWarm: isWarm && isTimed)
  }
}
