import Core
import Statistics

extension Judge {
  /// A metric's evidence when copied requests were seen too: the mean of both.
  ///
  /// Copies come before the canary's first request, so the mean begins at 1 whenever it begins; a
  /// mean of such processes is one.
  static func withShadow(
    _ logCanary: Double, _ judged: JudgedMetric, _ evidence: RolloutEvidence
  ) -> Double {
    guard let shadow = evidence.shadow, let log = logShadow(shadow, judged) else {
      return logCanary
    }
    return EProcess.logMean([logCanary, log])
  }

  /// ln E of the pairs of a metric that copied requests tell of; nil for the others.
  static func logShadow(_ shadow: ShadowEvidence, _ judged: JudgedMetric) -> Double? {
    switch judged.metric {
    case .errors:
      return PairedTest.logEvidence(shadow.failures.counts, tolerance: judged.tolerance)
    case .wrongAnswers:
      return PairedTest.logEvidence(shadow.wrongAnswers.counts, tolerance: judged.tolerance)
    case .latency:
      return EProcess.logMean(
        shadow.slow.map { PairedTest.logEvidence($0.counts, tolerance: judged.tolerance) })
    case .disagreement:
      return PairedTest.logEvidence(
        shadow.disagreements.counts, tolerance: judged.tolerance,
        limit: judged.limit ?? JudgedMetric.defaultLimit)
    case .predictions, .confidence, .scores: return nil
    }
  }

  /// The pairs of copied requests that tell of a metric.
  static func shadowPairs(
    _ metric: Metric, _ evidence: RolloutEvidence, stream: Int
  ) -> ShadowEvidence.Pairs? {
    guard let shadow = evidence.shadow else { return nil }
    switch metric {
    case .errors: return shadow.failures
    case .wrongAnswers: return shadow.wrongAnswers
    case .latency: return stream < shadow.slow.count ? shadow.slow[stream] : nil
    case .disagreement: return shadow.disagreements
    case .predictions, .confidence, .scores: return nil
    }
  }

  /// How often the candidate's answers differ from the stable's, against a clone's.
  static func evaluateDisagreement(
    _ judged: JudgedMetric, _ evidence: RolloutEvidence, _ plan: Plan
  ) -> MetricEvidence {
    let pairs = evidence.shadow?.disagreements ?? .init()
    let log = evidence.shadow.flatMap { logShadow($0, judged) } ?? 0
    return MetricEvidence(
      metric: .disagreement, eValue: EProcess.value(fromLog: log),
      holdAt: plan.holdEvidence / judged.riskShare,
      rollbackAt: plan.rollbackEvidence / judged.riskShare, candidateBad: pairs.candidate,
      stableBad: pairs.other, candidateTotal: pairs.total, stableTotal: pairs.total,
      tolerance: judged.tolerance, requestsToVerdict: nil, stream: nil, promotion: nil,
      shadow: pairs, labels: nil)
  }
}

extension ShadowEvidence.Pairs {
  /// As the test takes them.
  var counts: PairedTest.Counts {
    PairedTest.Counts(
      both: both, candidateOnly: candidateOnly, otherOnly: otherOnly, neither: neither)
  }
}
