/// The Wasserstein-1 distance from bins that also keep the sum of their values.
public enum BinnedWasserstein {
  /// ∫ |F - G|, a lower bound that is exact unless F - G changes its sign inside a bin.
  ///
  /// Over a bin from e₀ to e₁ the integral of a distribution function is e₁F₁ - e₀F₀ - s with s the
  /// sum of the bin's values over the row count, so each bin's integral of F - G is exact; the
  /// outer bins reach as far as their values do.
  /// - Parameters:
  ///   - edges: the upper edges of all bins but the last, rising; a value at an edge is below it.
  ///   - referenceCounts: counts, one more than there are edges.
  ///   - referenceSums: sums of the values in each bin.
  ///   - currentCounts: the current window's counts.
  ///   - currentSums: and sums.
  /// - Returns: not a number when either side is empty or the lengths differ.
  public static func distance(
    edges: [Double], referenceCounts: [Int], referenceSums: [Double], currentCounts: [Int],
    currentSums: [Double]
  ) -> Double {
    guard let (n, m) = BinnedDistance.totals(referenceCounts, currentCounts),
      referenceCounts.count == edges.count + 1, referenceSums.count == referenceCounts.count,
      currentSums.count == referenceCounts.count
    else { return .nan }
    var result = 0.0
    var f = 0.0
    var g = 0.0
    var before = 0.0  // F - G at the bin's lower edge
    for j in referenceCounts.indices {
      f += Double(referenceCounts[j])
      g += Double(currentCounts[j])
      let sums = referenceSums[j] / n - currentSums[j] / m
      let after = j < edges.count ? f / n - g / m : 0
      let top = j < edges.count ? edges[j] * after : 0
      let bottom = j > 0 ? edges[j - 1] * before : 0
      result += abs(top - bottom - sums)
      before = after
    }
    return result
  }
}
