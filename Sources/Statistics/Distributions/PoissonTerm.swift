import Glibc

/// Point probabilities of the Poisson and binomial laws, exact to some units in the last place even
/// for large counts.
///
/// The plain formula `exp(k ln m - m - lgamma(k + 1))` subtracts numbers of the size of `k ln k`
/// and so loses digits as `k` grows. C. Loader, "Fast and accurate computation of binomial
/// probabilities" (2000), writes the same value with the deviance and the error of Stirling's
/// formula, which are both small and computed directly. The incomplete gamma and beta functions
/// take their leading factors from here.
enum PoissonTerm {
  /// `exp(-mean) mean^k / Γ(k + 1)` for real `k >= 0` and `mean > 0`.
  static func probability(_ k: Double, mean: Double) -> Double {
    if mean == 0 { return k == 0 ? 1 : 0 }
    if k == 0 { return exp(-mean) }
    if k < 1e-3 { return exp(k * log(mean) - mean - lnGamma(k + 1)) }
    return exp(-stirlingError(k) - deviance(k, mean)) / (2 * Double.pi * k).squareRoot()
  }

  /// `n! / (k! (n-k)!) p^k (1-p)^(n-k)`, with Γ for real `k` and `n`, `0 <= k <= n`.
  static func binomial(_ k: Double, _ n: Double, _ p: Double) -> Double {
    let q = 1 - p
    if p <= 0 { return k == 0 ? 1 : 0 }
    if q <= 0 { return k == n ? 1 : 0 }
    if k == 0 { return exp(n * log1p(-p)) }
    if k == n { return exp(n * log(p)) }
    let correction =
      stirlingError(n) - stirlingError(k) - stirlingError(n - k) - deviance(k, n * p)
      - deviance(n - k, n * q)
    return exp(correction) * (n / (2 * Double.pi * k * (n - k))).squareRoot()
  }

  /// `ln Γ(n + 1) - (n + 1/2) ln n + n - ln(2π)/2`, the error of Stirling's formula.
  static func stirlingError(_ n: Double) -> Double {
    if n < 16 {
      return lnGamma(n + 1) - (n + 0.5) * log(n) + n - 0.5 * log(2 * Double.pi)
    }
    let s = 1 / (n * n)
    let tail = 1.0 / 1680 - s / 1188
    return (1.0 / 12 - s * (1.0 / 360 - s * (1.0 / 1260 - s * tail))) / n
  }

  /// `x ln(x / m) + m - x`, without cancellation where `x` is near `m`.
  static func deviance(_ x: Double, _ m: Double) -> Double {
    guard abs(x - m) < 0.1 * (x + m) else { return x * log(x / m) + m - x }
    let v = (x - m) / (x + m)
    var sum = (x - m) * v
    var term = 2 * x * v
    let v2 = v * v
    for j in 1..<1000 {
      term *= v2
      let next = sum + term / Double(2 * j + 1)
      if next == sum { return next }
      sum = next
    }
    return sum
  }
}

/// `ln Γ(x)` for `x > 0`.
func lnGamma(_ x: Double) -> Double {
  var sign: Int32 = 0
  return lgamma_r(x, &sign)
}
