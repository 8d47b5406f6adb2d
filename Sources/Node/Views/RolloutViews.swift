import Control
import Core

/// Turns a rollout and its evidence into what the Canary pane shows.
enum RolloutViews {
  /// A running rollout.
  static func view(of rollout: Rollout, _ evidence: RolloutEvidence) -> RolloutView {
    let cause: String
    if case .held(let hold) = rollout.phase {
      let approvals = hold == .approval ? rollout.approvalsNow.map { ": \($0.sentence)" } : nil
      cause = hold.words + (approvals ?? "")
    } else {
      cause = ""
    }
    var view = RolloutView(
      identifier: rollout.id, candidate: rollout.candidate, fallback: rollout.fallback,
      plan: rollout.plan, phase: rollout.phaseWord, cause: cause, step: rollout.step,
      candidateWeight: rollout.weight, observed: evidence.stepObserved,
      remaining: rollout.remaining(evidence), stepRequests: evidence.stepCandidateRequests,
      candidateRequests: evidence.candidateRequests, evidence: lines(evidence, rollout.plan),
      started: rollout.started, startedBy: rollout.startedBy)
    view.facts = RolloutFacts(rollout, evidence)
    return view
  }

  /// A rollout that ended, with the last picture that was taken of it when there is one.
  static func view(of ended: EndedRollout, last: RolloutView?) -> RolloutView {
    var view =
      last
      ?? RolloutView(
        identifier: ended.id, candidate: ended.candidate, fallback: ended.fallback,
        plan: Plan(name: ended.plan, summary: "", steps: [], metrics: []), phase: "", cause: "",
        step: 0, candidateWeight: ended.weight, observed: .zero, remaining: nil, stepRequests: 0,
        candidateRequests: ended.candidateRequests, evidence: [], started: ended.started,
        startedBy: ended.startedBy)
    view.phase = ended.end.words
    view.cause = ended.summary
    view.remaining = nil
    view.facts = nil
    view.candidateRequests = ended.candidateRequests
    if ended.end != .completed { view.candidateWeight = 0 }
    return view
  }

  private static func isCompared(_ metric: Metric, _ evidence: RolloutEvidence) -> Bool {
    switch metric {
    case .latency: evidence.thresholds != nil
    case .predictions, .confidence, .scores: evidence.profile != nil
    default: true
    }
  }

  private static func lines(
    _ evidence: RolloutEvidence, _ plan: Plan
  ) -> [RolloutView.Evidence] {
    Judge.evaluate(evidence, plan: plan).map { judged in
      var line = RolloutView.Evidence(
        metric: judged.metric, eValue: judged.eValue, holdAt: judged.holdAt,
        rollbackAt: judged.rollbackAt, candidateBad: judged.candidateBad,
        stableBad: judged.stableBad, candidateTotal: judged.candidateTotal,
        stableTotal: judged.stableTotal, tolerance: judged.tolerance,
        requestsToVerdict: judged.requestsToVerdict)
      line.stream = judged.stream
      line.promotion = judged.promotion
      line.isCompared = isCompared(judged.metric, evidence)
      line.copies = judged.shadow.flatMap { $0.total > 0 ? $0 : nil }
      return line
    }
  }
}
