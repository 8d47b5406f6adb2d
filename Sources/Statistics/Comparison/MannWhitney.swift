import Glibc

/// How far one sample lies from another, by ranks.
public enum MannWhitney {
  /// The Hodges-Lehmann interval of the shift from `first` to `second`: order statistics of all
  /// pairwise differences, their places by the normal approximation of the rank sum (Hollander,
  /// Wolfe & Chicken, Nonparametric Statistical Methods, 4.3).
  /// - Returns: `nil` when a sample is empty.
  public static func shiftInterval(
    _ first: [Double], _ second: [Double], confidence: Double
  ) -> ConfidenceInterval? {
    guard !first.isEmpty, !second.isEmpty else { return nil }
    var differences: [Double] = []
    differences.reserveCapacity(first.count * second.count)
    for x in first { for y in second { differences.append(y - x) } }
    differences.sort()
    let (m, n) = (Double(first.count), Double(second.count))
    let z = Normal.quantile(0.5 + confidence / 2)
    let place = (m * n / 2 - z * (m * n * (m + n + 1) / 12).squareRoot()).rounded(.down)
    let index = max(0, Int(place) - 1)
    return ConfidenceInterval(
      low: differences[index], high: differences[differences.count - 1 - index])
  }
}
