import Glibc

/// Mean and spread of a sample, for intervals of means.
public struct SampleMean: Sendable, Hashable {
  /// How many numbers.
  public let count: Int
  /// Their mean; 0 without numbers.
  public let mean: Double
  /// Their unbiased variance; 0 with fewer than two.
  public let variance: Double

  /// The mean and spread of numbers.
  public init(_ values: [Double]) {
    count = values.count
    let mean = values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
    self.mean = mean
    variance = values.count < 2 ? 0 : sampleCovariance(values, values)
  }

  /// Student's interval (1908) of the mean that the sample was drawn from; everything with fewer
  /// than two numbers.
  public func interval(confidence: Double = 0.95) -> ConfidenceInterval {
    guard count >= 2 else { return ConfidenceInterval(low: -.infinity, high: .infinity) }
    let n = Double(count)
    let half =
      StudentT.quantile(0.5 + confidence / 2, degreesOfFreedom: n - 1)
      * (variance / n).squareRoot()
    return ConfidenceInterval(low: mean - half, high: mean + half)
  }
}

/// Student's t distribution.
public enum StudentT {
  /// The value that is not exceeded with probability `p`, through the beta distribution.
  /// - Parameter degreesOfFreedom: over 0.
  public static func quantile(_ p: Double, degreesOfFreedom n: Double) -> Double {
    guard n > 0, p > 0, p < 1 else { return p == 0 ? -.infinity : p == 1 ? .infinity : .nan }
    if p == 0.5 { return 0 }
    let tail = 2 * min(p, 1 - p)
    // t² = n (1 - x) / x, where x, beta distributed with n/2 and 1/2, has the tail on its left. For
    // many degrees of freedom x lies close to 1, so its distance from 1 is what is sought.
    let distance = IncompleteBeta.quantile(0.5, n / 2, 1 - tail)
    let t = (n * distance / (1 - distance)).squareRoot()
    return p < 0.5 ? -t : t
  }
}

/// The logarithm of the odds.
func logOdds(_ p: Double) -> Double { log(p) - log1p(-p) }

/// The probability with these log odds.
func inverseLogOdds(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
