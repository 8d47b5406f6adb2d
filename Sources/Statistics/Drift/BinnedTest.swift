import Glibc

/// Tests of "both windows have one distribution", on counts over the same bins.
public enum BinnedTest {
  /// A statistic with its degrees of freedom and p-value.
  public struct Result: Sendable, Hashable {
    /// The test's statistic.
    public let statistic: Double
    /// Bins that either side has, less one.
    public let degreesOfFreedom: Int
    /// The probability of such a statistic without drift; 1 when fewer than two bins are used.
    public let pValue: Double
    /// Cramér's V: the effect's size, 0 to 1, whatever the counts.
    public let cramersV: Double
  }

  /// Pearson's chi-square of the 2×k table; bins that neither side has are left out.
  public static func chiSquare(reference: [Int], current: [Int]) -> Result {
    test(reference, current) { observed, expected in
      (observed - expected) * (observed - expected) / expected
    }
  }

  /// The likelihood-ratio statistic G of the 2×k table.
  public static func likelihoodRatio(reference: [Int], current: [Int]) -> Result {
    test(reference, current) { observed, expected in
      observed > 0 ? 2 * observed * log(observed / expected) : 0
    }
  }

  /// The p-value of "the true PSI is at most `tolerated`" (a minimum-effect test).
  ///
  /// At many rows any difference, however small, is "significant"; this asks whether it is more
  /// than what is tolerated: with N = nm / (n + m), N·PSI follows nearly a noncentral chi-square
  /// law with k - 1 degrees of freedom and noncentrality N·tolerated.
  /// - Parameter tolerated: the PSI that does not matter, 0.1 by custom; 0 gives the plain test.
  public static func psiPValue(reference: [Int], current: [Int], tolerated: Double) -> Double {
    guard reference.count > 1, BinnedDistance.totals(reference, current) != nil else { return 1 }
    let n = BinnedDistance.effectiveSize(reference: reference, current: current)
    let psi = BinnedDistance.psi(reference: reference, current: current)
    return ChiSquare.noncentralSurvival(
      n * psi, degreesOfFreedom: Double(reference.count - 1), noncentrality: n * tolerated)
  }

  private static func test(
    _ reference: [Int], _ current: [Int], _ term: (Double, Double) -> Double
  ) -> Result {
    guard let (n, m) = BinnedDistance.totals(reference, current) else {
      return Result(statistic: .nan, degreesOfFreedom: 0, pValue: 1, cramersV: .nan)
    }
    var statistic = 0.0
    var used = 0
    for (a, b) in zip(reference, current) where a + b > 0 {
      let both = Double(a) + Double(b)
      statistic += term(Double(a), both * n / (n + m)) + term(Double(b), both * m / (n + m))
      used += 1
    }
    statistic = max(0, statistic)
    let p = used > 1 ? ChiSquare.survival(statistic, degreesOfFreedom: Double(used - 1)) : 1
    return Result(
      statistic: statistic, degreesOfFreedom: used - 1, pValue: p,
      cramersV: (statistic / (n + m)).squareRoot())
  }
}
