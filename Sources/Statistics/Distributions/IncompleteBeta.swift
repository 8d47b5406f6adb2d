import Glibc

/// The regularised incomplete beta function and its inverse.
public enum IncompleteBeta {
  private static let maxTerms = 100_000

  /// I_x(a, b): the distribution function at `x` of a beta law.
  ///
  /// The continued fraction of Numerical Recipes, 3rd edition, 6.4, on the side where it converges.
  /// - Parameters:
  ///   - a: the first shape, over 0.
  ///   - b: the second shape, over 0.
  ///   - x: clamped to 0...1.
  public static func regularised(_ a: Double, _ b: Double, _ x: Double) -> Double {
    guard a > 0, b > 0, !x.isNaN else { return .nan }
    if x <= 0 { return 0 }
    if x >= 1 { return 1 }
    let front = factor(a, b, x)
    if x < (a + 1) / (a + b + 2) { return front * fraction(a, b, x) / a }
    return 1 - front * fraction(b, a, 1 - x) / b
  }

  /// The `x` at which I_x(a, b) is `p`, to full precision by bisection of the number line.
  public static func quantile(_ a: Double, _ b: Double, _ p: Double) -> Double {
    guard a > 0, b > 0, !p.isNaN else { return .nan }
    if p <= 0 { return 0 }
    if p >= 1 { return 1 }
    var low = 0.0
    var high = 1.0
    for _ in 0..<200 {
      let middle = low + (high - low) / 2
      if middle == low || middle == high { break }
      if regularised(a, b, middle) < p { low = middle } else { high = middle }
    }
    return low + (high - low) / 2
  }

  /// `x^a (1-x)^b / B(a, b)`.
  private static func factor(_ a: Double, _ b: Double, _ x: Double) -> Double {
    // Γ(a+b)/(Γ(a)Γ(b)) = ab/(a+b) · Γ(a+b+1)/(Γ(a+1)Γ(b+1)), and the latter is a binomial term.
    a * b / (a + b) * PoissonTerm.binomial(a, a + b, x)
  }

  private static func fraction(_ a: Double, _ b: Double, _ x: Double) -> Double {
    let tiny = 1e-300
    var c = 1.0
    var d = 1 - (a + b) * x / (a + 1)
    if abs(d) < tiny { d = tiny }
    d = 1 / d
    var h = d
    for m in 1..<maxTerms {
      let m = Double(m)
      for an in [
        m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
        -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
      ] {
        d = 1 + an * d
        if abs(d) < tiny { d = tiny }
        c = 1 + an / c
        if abs(c) < tiny { c = tiny }
        d = 1 / d
        h *= d * c
      }
      if abs(d * c - 1) < 1e-16 { break }
    }
    return h
  }
}
