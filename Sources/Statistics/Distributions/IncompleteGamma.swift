import Glibc

/// The regularised incomplete gamma functions.
public enum IncompleteGamma {
  private static let maxTerms = 1_000_000

  /// P(a, x), the lower one: the distribution function at `x` of a gamma law with shape `a`.
  ///
  /// Numerical Recipes, 3rd edition, 6.2: the series below `a + 1`, the continued fraction above,
  /// each with a leading factor that keeps its digits. Relative error some 1e-14.
  /// - Parameters:
  ///   - a: the shape, over 0; not a number otherwise.
  ///   - x: 0 or more; less gives 0.
  public static func lower(_ a: Double, _ x: Double) -> Double {
    guard a > 0, !x.isNaN else { return .nan }
    if x <= 0 { return 0 }
    if x == .infinity { return 1 }
    return x < a + 1 ? series(a, x) : 1 - fraction(a, x)
  }

  /// Q(a, x) = 1 - P(a, x), exact also where it is tiny.
  public static func upper(_ a: Double, _ x: Double) -> Double {
    guard a > 0, !x.isNaN else { return .nan }
    if x <= 0 { return 1 }
    if x == .infinity { return 0 }
    return x < a + 1 ? 1 - series(a, x) : fraction(a, x)
  }

  private static func series(_ a: Double, _ x: Double) -> Double {
    var term = 1.0
    var sum = 1.0
    var n = a
    for _ in 0..<maxTerms {
      n += 1
      term *= x / n
      sum += term
      if term < sum * 1e-17 { break }
    }
    // x^a e^-x / Γ(a+1) is the Poisson term at a.
    return sum * PoissonTerm.probability(a, mean: x)
  }

  private static func fraction(_ a: Double, _ x: Double) -> Double {
    // Modified Lentz.
    let tiny = 1e-300
    var b = x + 1 - a
    var c = 1 / tiny
    var d = 1 / b
    var h = d
    for i in 1..<maxTerms {
      let an = -Double(i) * (Double(i) - a)
      b += 2
      d = an * d + b
      if abs(d) < tiny { d = tiny }
      c = b + an / c
      if abs(c) < tiny { c = tiny }
      d = 1 / d
      let factor = d * c
      h *= factor
      if abs(factor - 1) < 1e-16 { break }
    }
    // x^a e^-x / Γ(a) = a times the Poisson term at a.
    return h * a * PoissonTerm.probability(a, mean: x)
  }
}
