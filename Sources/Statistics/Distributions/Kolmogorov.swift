import Glibc

/// The limit law of the Kolmogorov-Smirnov distance.
public enum Kolmogorov {
  /// The probability that √N D is over `t` when both samples have one law.
  ///
  /// For large `t` the alternating series 2 Σ (-1)^(i-1) exp(-2 i² t²), for small `t` its theta
  /// transform 1 - √(2π)/t Σ exp(-(2i-1)² π² / (8 t²)); both converge within some terms.
  public static func survival(_ t: Double) -> Double {
    guard !t.isNaN else { return .nan }
    if t <= 0.04 { return 1 }
    if t < 1 {
      var sum = 0.0
      for i in 1...20 {
        let odd = Double(2 * i - 1)
        let term = exp(-odd * odd * Double.pi * Double.pi / (8 * t * t))
        sum += term
        if term < sum * 1e-18 { break }
      }
      return max(0, 1 - (2 * Double.pi).squareRoot() / t * sum)
    }
    var sum = 0.0
    var sign = 1.0
    for i in 1...100 {
      let term = exp(-2 * Double(i * i) * t * t)
      sum += sign * term
      if term <= sum * 1e-18 { break }
      sign = -sign
    }
    return min(1, max(0, 2 * sum))
  }

  /// The p-value of the two-sample distance `d` with samples of `n` and `m` values.
  ///
  /// With d a distance over bins, which is at most the true one, the p-value errs to the careful
  /// side. Good from some 50 values in the smaller sample.
  public static func pValue(distance d: Double, _ n: Int, _ m: Int) -> Double {
    guard n > 0, m > 0 else { return .nan }
    return survival((Double(n) * Double(m) / (Double(n) + Double(m))).squareRoot() * d)
  }
}
