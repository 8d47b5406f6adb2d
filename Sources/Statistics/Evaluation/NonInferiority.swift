/// Whether a candidate is no worse than the stable by more than a margin, judged on the same rows.
public enum NonInferiority {
  /// What an interval of the difference allows to say.
  public enum Verdict: String, Sendable, Hashable, Codable {
    /// Even the worst end of the interval is within the margin.
    case proven
    /// The interval holds the margin: more rows are needed.
    case undecided
    /// Even the best end is beyond the margin.
    case refuted
  }

  /// Compares an interval of candidate minus stable with the margin.
  /// - Parameters:
  ///   - difference: of a score of which more is better.
  ///   - margin: how much less is still acceptable, 0 or more.
  public static func verdict(difference: ConfidenceInterval, margin: Double) -> Verdict {
    if difference.low > -margin { return .proven }
    return difference.high < -margin ? .refuted : .undecided
  }

  /// The interval of a difference of two shares that were counted on the same rows: Wald's after
  /// adding one row of each kind of disagreement (Bonett & Price 2012).
  /// - Parameters:
  ///   - onlyFirst: rows that the first got right and the second wrong.
  ///   - onlySecond: the reverse.
  ///   - total: all rows.
  public static func pairedShares(
    onlyFirst: Int, onlySecond: Int, total: Int, confidence: Double = 0.95
  ) -> ConfidenceInterval {
    guard total > 0 else { return ConfidenceInterval(low: -1, high: 1) }
    let n = Double(total + 2)
    let first = Double(onlyFirst + 1) / n
    let second = Double(onlySecond + 1) / n
    let difference = first - second
    let variance = (first + second - difference * difference) / n
    let half = Normal.quantile(0.5 + confidence / 2) * variance.squareRoot()
    return ConfidenceInterval(low: max(-1, difference - half), high: min(1, difference + half))
  }

  /// Student's interval of the mean of `first - second`, row by row.
  /// - Precondition: both lists are equally long.
  public static func pairedMeans(
    _ first: [Double], _ second: [Double], confidence: Double = 0.95
  ) -> ConfidenceInterval {
    precondition(first.count == second.count, "the same rows")
    return SampleMean(zip(first, second).map { $0 - $1 }).interval(confidence: confidence)
  }
}
