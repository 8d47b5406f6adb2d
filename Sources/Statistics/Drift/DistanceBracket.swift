import Glibc

/// What binned counts say of the Kolmogorov-Smirnov distance of the values behind them: it lies
/// between the two ends, always.
public struct DistanceBracket: Sendable, Hashable {
  /// The greatest difference of the two distribution functions at the bins' edges.
  public let low: Double
  /// The greatest difference that the values inside the bins could make.
  public let high: Double

  /// Computes the bracket.
  ///
  /// At an edge both distribution functions are known, so the distance is at least the greatest
  /// difference there. Inside a bin each function lies between its values at the bin's two edges,
  /// so the distance is at most the greatest cross difference. A bin that holds one value only (an
  /// atom) has no inside.
  /// - Parameters:
  ///   - reference: the reference's counts.
  ///   - current: the current window's counts over the same bins.
  ///   - isPoint: which bins hold a single value; empty means none.
  /// - Returns: nil when either side is empty or the lengths differ.
  public init?(reference: [Int], current: [Int], isPoint: [Bool] = []) {
    guard let (n, m) = BinnedDistance.totals(reference, current),
      isPoint.isEmpty || isPoint.count == reference.count
    else { return nil }
    var low = 0.0
    var high = 0.0
    var f = 0.0
    var g = 0.0
    var below = (f: 0.0, g: 0.0)
    for j in reference.indices {
      f += Double(reference[j])
      g += Double(current[j])
      let above = (f: f / n, g: g / m)
      low = max(low, abs(above.f - above.g))
      if isPoint.isEmpty || !isPoint[j] {
        high = max(high, above.f - below.g, above.g - below.f)
      }
      below = above
    }
    self.low = low
    self.high = max(low, high)
  }

  /// The p-value of "both have one distribution", from the low end: errs to the careful side.
  public func pValue(reference n: Int, current m: Int) -> Double {
    Kolmogorov.pValue(distance: low, n, m)
  }

  /// An upper bound of the p-value of "the true distance is at most `tolerated`", after the
  /// Dvoretzky-Kiefer-Wolfowitz inequality with Massart's constant.
  /// - Parameters:
  ///   - m: the current window's rows.
  ///   - tolerated: the distance that does not matter.
  ///   - referenceError: how far the reference's own distribution function may be off.
  public func minimumEffectPValue(
    current m: Int, tolerated: Double, referenceError: Double = 0
  ) -> Double {
    let excess = low - tolerated - referenceError
    guard excess > 0 else { return 1 }
    return min(1, 2 * exp(-2 * Double(m) * excess * excess))
  }
}
