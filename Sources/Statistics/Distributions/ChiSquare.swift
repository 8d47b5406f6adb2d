import Glibc

/// The central and the noncentral chi-square law.
public enum ChiSquare {
  /// The probability of a value over `x`.
  /// - Parameters:
  ///   - x: the statistic; 0 or less gives 1.
  ///   - degreesOfFreedom: over 0; not a number otherwise.
  public static func survival(_ x: Double, degreesOfFreedom: Double) -> Double {
    IncompleteGamma.upper(degreesOfFreedom / 2, x / 2)
  }

  /// The value that is exceeded with probability `upperTail` (0.01 gives the 1 % line).
  public static func quantile(upperTail: Double, degreesOfFreedom: Double) -> Double {
    guard upperTail >= 0, upperTail <= 1, degreesOfFreedom > 0 else { return .nan }
    if upperTail == 0 { return .infinity }
    if upperTail == 1 { return 0 }
    var low = 0.0
    var high = max(1, degreesOfFreedom)
    while survival(high, degreesOfFreedom: degreesOfFreedom) > upperTail, high < 1e300 { high *= 2 }
    for _ in 0..<400 {
      let middle = low + (high - low) / 2
      if middle == low || middle == high { break }
      if survival(middle, degreesOfFreedom: degreesOfFreedom) > upperTail {
        low = middle
      } else {
        high = middle
      }
    }
    return low + (high - low) / 2
  }

  /// The probability of a value over `x` of the noncentral law.
  ///
  /// It is the mean of central survivals, Σ_j Poisson(j; λ/2) Q(k/2 + j, x/2) (Johnson, Kotz and
  /// Balakrishnan, Continuous Univariate Distributions 2, chapter 29). The sum runs upwards only,
  /// from a `j` below which the Poisson weight is under 1e-30, because
  /// Q(a + 1, y) = Q(a, y) + y^a e^-y / Γ(a + 1) adds positive numbers and so keeps its digits;
  /// downwards it would subtract.
  /// - Parameters:
  ///   - x: the statistic; 0 or less gives 1.
  ///   - degreesOfFreedom: over 0.
  ///   - noncentrality: λ, 0 or more; 0 gives the central law.
  public static func noncentralSurvival(
    _ x: Double, degreesOfFreedom: Double, noncentrality: Double
  ) -> Double {
    guard degreesOfFreedom > 0, noncentrality >= 0, !x.isNaN, noncentrality.isFinite else {
      return .nan
    }
    if x <= 0 { return 1 }
    if noncentrality == 0 { return survival(x, degreesOfFreedom: degreesOfFreedom) }
    let mean = noncentrality / 2
    let y = x / 2
    var j = max(0, (mean - 12 * mean.squareRoot() - 10).rounded(.down))
    var weight = PoissonTerm.probability(j, mean: mean)
    var a = degreesOfFreedom / 2 + j
    var tail = IncompleteGamma.upper(a, y)
    var step = PoissonTerm.probability(a, mean: y)
    var sum = 0.0
    for _ in 0..<10_000_000 {
      let term = weight * tail
      sum += term
      // Past both bulks every further term is smaller by a growing factor.
      if j > mean, term < sum * 1e-18 { break }
      if j > mean, weight < 1e-300 { break }
      j += 1
      weight *= mean / j
      tail = min(1, tail + step)
      a += 1
      step *= y / a
    }
    return min(1, sum)
  }
}
