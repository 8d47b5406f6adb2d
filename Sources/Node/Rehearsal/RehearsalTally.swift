import Control
import Core

/// What is counted while one weight of a rehearsed rollout lasts.
struct RehearsalTally {
  private(set) var step: RehearsalReport.Step
  private let began: Int64
  private let versions: [VersionID]
  private var segments: [RehearsalReport.Segment]

  /// - Parameters:
  ///   - index: the plan's step, from 0; nil for the soak.
  ///   - time: since the rehearsal's start, microseconds.
  init(
    _ stage: RehearsalStage, _ index: Int?, weight: BasisPoints, rollout: Rollout?, at time: Int64
  ) {
    let told = index.flatMap { stage.plan.steps.indices.contains($0) ? stage.plan.steps[$0] : nil }
    let running = rollout?.candidates ?? stage.subject.candidates
    versions = stage.versions
    began = time
    segments = (stage.plan.segments?.values ?? []).map { RehearsalReport.Segment(segment: $0) }
    step = RehearsalReport.Step(
      step: index.map { $0 + 1 }, kind: told?.kind, doing: told?.doing, weight: weight,
      began: TimeSpan(microseconds: time), lasted: .zero, candidateRequests: 0, stableRequests: 0,
      outsideRequests: 0, copiedRequests: 0,
      candidates: running.map { RehearsalReport.Candidate(version: $0) },
      segments: nil, metrics: [], decision: "")
  }

  /// The weight that it is about.
  var weight: BasisPoints { step.weight }
  /// Whether any request came.
  var hasRequests: Bool { step.candidateRequests + step.stableRequests > 0 }

  private mutating func change(
    _ version: Int, _ body: (inout RehearsalReport.Candidate) -> Void
  ) {
    guard let place = step.candidates.firstIndex(where: { $0.version == versions[version] })
    else { return }
    body(&step.candidates[place])
  }

  private mutating func change(
    segment: Int8, _ body: (inout RehearsalReport.Segment) -> Void
  ) {
    guard segments.indices.contains(Int(segment)) else { return }
    body(&segments[Int(segment)])
  }

  /// One caller's request.
  mutating func countRequest(
    _ version: Int, failed: Bool, segment: Int8, isOutside: Bool
  ) {
    if version == 0 {
      step.stableRequests += 1
      if isOutside { step.outsideRequests += 1 }
    } else {
      step.candidateRequests += 1
      change(version) {
        $0.requests += 1
        if failed { $0.failed += 1 }
      }
    }
    change(segment: segment) {
      if version == 0 {
        $0.stableRequests += 1
        if failed { $0.stableFailed += 1 }
      } else {
        $0.candidateRequests += 1
        if failed { $0.candidateFailed += 1 }
      }
    }
  }

  /// One label of an answer that is evidence.
  mutating func countLabel(_ version: Int, isWrong: Bool, segment: Int8) {
    if version > 0 {
      change(version) {
        $0.labelled += 1
        if isWrong { $0.wrong += 1 }
      }
    }
    change(segment: segment) {
      if version == 0 {
        $0.stableLabelled += 1
        if isWrong { $0.stableWrong += 1 }
      } else {
        $0.candidateLabelled += 1
        if isWrong { $0.candidateWrong += 1 }
      }
    }
  }

  /// One request that was copied to at least one candidate.
  mutating func countCopied() { step.copiedRequests += 1 }

  /// What a candidate said to a copy.
  mutating func countPair(
    _ version: Int, candidateFailed: Bool, stableFailed: Bool, differs: Bool?, cloneDiffers: Bool?
  ) {
    change(version) {
      var copies = $0.copies ?? RehearsalReport.Copies()
      copies.pairs += 1
      if candidateFailed { copies.candidateFailed += 1 }
      if stableFailed { copies.stableFailed += 1 }
      if let differs, let cloneDiffers {
        copies.compared += 1
        if differs { copies.candidateDiffers += 1 }
        if cloneDiffers { copies.cloneDiffers += 1 }
        copies.differsBeyondClone = copies.candidateDiffers - copies.cloneDiffers
      }
      $0.copies = copies
    }
  }

  /// One label of a pair.
  mutating func countPairLabel(_ version: Int, candidateWrong: Bool, stableWrong: Bool) {
    change(version) {
      var copies = $0.copies ?? RehearsalReport.Copies()
      copies.labelled += 1
      if candidateWrong, !stableWrong { copies.onlyCandidateWrong += 1 }
      if stableWrong, !candidateWrong { copies.onlyStableWrong += 1 }
      $0.copies = copies
    }
  }

  /// A candidate is dropped.
  mutating func drop(_ version: VersionID, why: String, metrics: [MetricEvidence]) {
    guard let place = step.candidates.firstIndex(where: { $0.version == version }) else { return }
    step.candidates[place].dropped = why
    step.candidates[place].metrics = metrics
  }

  /// The step as it stands at its end.
  /// - Parameter closed: segments that are closed to the candidates.
  func closed(
    _ decision: String, at time: Int64, _ rollout: Rollout?, _ evidence: RolloutEvidence?,
    plan: Plan, closed: [String]
  ) -> RehearsalReport.Step {
    var step = step
    step.lasted = TimeSpan(microseconds: time - began)
    step.decision = decision
    guard let rollout, let evidence else { return with(segments, closed, in: step) }
    step.metrics = Judge.evaluate(evidence, plan: plan)
    let rivals = Judge.rivals(evidence, plan: plan)
    for place in step.candidates.indices where step.candidates[place].dropped == nil {
      let version = step.candidates[place].version
      step.candidates[place].metrics =
        version == rollout.candidate
        ? step.metrics : rivals.first { $0.version == version }?.metrics ?? []
    }
    var told = segments
    for verdict in Judge.segments(evidence, plan: plan) {
      guard let place = told.firstIndex(where: { $0.segment == verdict.segment }) else { continue }
      told[place].metrics = verdict.metrics
    }
    return with(told, closed, in: step)
  }

  private func with(
    _ segments: [RehearsalReport.Segment], _ closed: [String], in step: RehearsalReport.Step
  ) -> RehearsalReport.Step {
    var step = step
    guard !segments.isEmpty else { return step }
    step.segments = segments.map { segment in
      var segment = segment
      segment.isClosed = closed.contains(segment.segment)
      return segment
    }
    return step
  }
}
