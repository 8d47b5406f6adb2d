import Glibc

extension EProcess {
  /// The least and the greatest ratio looked for.
  private static let ratioBounds = 1e-3...1e3

  /// The ratios of bad-event rates, candidate to stable, that the counts do not contradict: a
  /// confidence sequence.
  ///
  /// The two one-sided tests turned round: the lower end is the greatest tolerance at which the
  /// evidence for "more" reaches 2/`risk`, the upper end the least at which that for "fewer" does.
  /// Both fall, or rise, steadily with the tolerance, so bisection finds them. By Ville's
  /// inequality the true ratio, if it does not change, lies inside at every look together but for
  /// probability `risk`.
  /// - Parameters:
  ///   - epochs: the counts.
  ///   - risk: over 0 and under 1; 0.05 for an interval of 95 %.
  ///   - plannedRestarts: as in the test.
  /// - Returns: the ends, 0 or infinity where the counts set none.
  public static func ratioInterval(
    _ epochs: [Epoch], risk: Double = 0.05, plannedRestarts: Int = 0
  ) -> ConfidenceInterval {
    let line = log(2 / risk)
    let low = boundary {
      logEvidence(epochs, tolerance: $0, plannedRestarts: plannedRestarts) < line
    }
    let high = boundary {
      logEvidenceOfFewer(epochs, tolerance: $0, plannedRestarts: plannedRestarts) >= line
    }
    return ConfidenceInterval(
      low: low <= ratioBounds.lowerBound ? 0 : low,
      high: high >= ratioBounds.upperBound ? .infinity : high)
  }

  /// The least ratio, on a logarithmic scale, from which on `holds`.
  private static func boundary(_ holds: (Double) -> Bool) -> Double {
    if holds(ratioBounds.lowerBound) { return ratioBounds.lowerBound }
    if !holds(ratioBounds.upperBound) { return ratioBounds.upperBound }
    var low = log(ratioBounds.lowerBound)
    var high = log(ratioBounds.upperBound)
    // 2 ln 1000 halved thirty times: nine digits.
    for _ in 0..<30 {
      let middle = (low + high) / 2
      if holds(exp(middle)) { high = middle } else { low = middle }
    }
    return exp(high)
  }

  /// About how many more candidate requests it takes until non-inferiority is certain, if the
  /// candidate is as good as the stable.
  ///
  /// The forecast of ``requestsToVerdict(share:stableRate:ratio:tolerance:line:logEvidence:cost:)``
  /// with the arms exchanged, counted in the candidate's requests again.
  /// - Parameters:
  ///   - share: the candidate's share w, over 0 and under 1.
  ///   - rate: the rate of bad events of both, over 0 to 1.
  ///   - margin: the ratio that must be excluded, over 1.
  ///   - line: the evidence wanted, over 1.
  ///   - logEvidence: what has been gathered already (ln E).
  /// - Returns: nil when the question has no finite answer.
  public static func requestsToCertify(
    share w: Double, rate: Double, margin: Double, line: Double, logEvidence: Double = 0
  ) -> Int? {
    guard w > 0, w < 1, margin > 1,
      let stable = requestsToVerdict(
        share: 1 - w, stableRate: rate, ratio: 1, tolerance: 1 / margin, line: line,
        logEvidence: logEvidence)
    else { return nil }
    return Int((Double(stable) * w / (1 - w)).rounded(.up))
  }
}
