import Core
import Statistics

/// Whether the arms got the shares of the requests that were drawn for them.
///
/// When they did not (records lost on one side, a cache in front of one version, routing that is
/// broken), the two arms' requests cannot be compared and no verdict on them means anything.
public struct SampleRatioEvidence: Sendable, Hashable, Codable {
  /// The evidence against the drawn shares, in either direction.
  public let eValue: Double
  /// Where the guard holds: 1 over ``Judge/sampleRatioRisk``.
  public let holdAt: Double
  /// Drawn requests of the candidate.
  public let candidate: Int
  /// Drawn requests of the stable.
  public let stable: Int
  /// How many of both the candidate should have got.
  public let expectedCandidate: Double

  /// Whether the shares are surely not as drawn.
  public var isSuspect: Bool { eValue >= holdAt }

  /// `the candidate got 612 of 10,000 requests where 500 were due, E 4021`.
  public var sentence: String {
    "the candidate got \(candidate) of \(candidate + stable) drawn requests where "
      + "\(Int(expectedCandidate.rounded())) were due, E \(evidenceText(eValue))"
  }
}

/// Whether labels come for both versions' answers alike.
///
/// A label comes or does not, whoever answered. When it comes more often for one version, those that
/// are missing may be of the answers that were wrong, and what is wrong among the others says little.
public struct LabelRateEvidence: Sendable, Hashable, Codable {
  /// The evidence that labels do not come alike, in either direction.
  public let eValue: Double
  /// Where the guard holds: 1 over ``Judge/labelRateRisk``.
  public let holdAt: Double
  /// Labels of the candidate's answers.
  public let candidate: Int
  /// Labels of the stable's.
  public let stable: Int
  /// How many of both should have been the candidate's.
  public let expectedCandidate: Double

  /// Whether labels surely do not come alike.
  public var isSuspect: Bool { eValue >= holdAt }

  /// `the candidate's answers got 1,204 of 30,000 labels where 1,500 were due, E 5120`.
  public var sentence: String {
    "the candidate's answers got \(candidate) of \(candidate + stable) labels where "
      + "\(Int(expectedCandidate.rounded())) were due, E \(evidenceText(eValue))"
  }
}

extension Judge {
  /// The chance that the check of the labels ever holds a rollout whose labels come alike.
  public static let labelRateRisk = 0.001

  /// The check of the labels: each that came is an event of the test, in both directions.
  public static func labelRate(_ evidence: RolloutEvidence, plan: Plan) -> LabelRateEvidence {
    let shares = shareEvidence(
      evidence, plannedRestarts: plan.plannedRestarts,
      by: { ($0.wrongAnswers.candidateTotal, $0.wrongAnswers.stableTotal) })
    return LabelRateEvidence(
      eValue: shares.eValue, holdAt: 1 / labelRateRisk, candidate: shares.candidate,
      stable: shares.stable, expectedCandidate: shares.expected)
  }

  /// The chance that the check of the shares ever holds a rollout whose requests are drawn rightly.
  ///
  /// Small, because it comes on top of the plan's own risks; what breaks routing shows itself with
  /// every request.
  public static let sampleRatioRisk = 0.001

  /// The check of the shares: each drawn request is an event of the test, in both directions.
  public static func sampleRatio(_ evidence: RolloutEvidence) -> SampleRatioEvidence {
    let shares = shareEvidence(
      evidence, plannedRestarts: 0, by: { ($0.drawn.candidateTotal, $0.drawn.stableTotal) })
    return SampleRatioEvidence(
      eValue: shares.eValue, holdAt: 1 / sampleRatioRisk, candidate: shares.candidate,
      stable: shares.stable, expectedCandidate: shares.expected)
  }

  /// The two-sided test that what is counted fell to both arms by the drawn shares.
  private static func shareEvidence(
    _ evidence: RolloutEvidence, plannedRestarts: Int,
    by counts: (RolloutEvidence.Epoch) -> (candidate: Int, stable: Int)
  ) -> (eValue: Double, candidate: Int, stable: Int, expected: Double) {
    // At 0 and 100 % there is nothing to draw.
    let epochs = evidence.epochs.compactMap { epoch -> EProcess.Epoch? in
      guard epoch.share > 0, epoch.share < 1 else { return nil }
      let (candidate, stable) = counts(epoch)
      return EProcess.Epoch(
        shareBasisPoints: epoch.weight, candidateBad: candidate, stableBad: stable,
        wholeBasisPoints: epoch.whole ?? Split.whole)
    }
    let log = EProcess.logMean([
      EProcess.logEvidence(epochs, tolerance: 1, plannedRestarts: plannedRestarts),
      EProcess.logEvidenceOfFewer(epochs, tolerance: 1, plannedRestarts: plannedRestarts),
    ])
    return (
      EProcess.value(fromLog: log), epochs.reduce(0) { $0 + $1.candidateBad },
      epochs.reduce(0) { $0 + $1.stableBad },
      epochs.reduce(0) { $0 + Double($1.candidateBad + $1.stableBad) * $1.share }
    )
  }
}
