/// A range of values of an unknown number that fits what was seen.
public struct ConfidenceInterval: Sendable, Hashable {
  /// The lower end.
  public let low: Double
  /// The upper end.
  public let high: Double

  /// Puts the two together.
  public init(low: Double, high: Double) {
    self.low = low
    self.high = high
  }
}

/// Intervals for a share of which `count` in `total` were seen.
public enum ProportionInterval {
  /// Wilson's score interval (1927): close to its nominal level on average, short; for screens.
  /// - Returns: 0...1 when nothing was seen.
  public static func wilson(
    _ count: Int, of total: Int, confidence: Double = 0.95
  ) -> ConfidenceInterval {
    guard total > 0, count >= 0, count <= total else { return ConfidenceInterval(low: 0, high: 1) }
    let z = Normal.quantile(0.5 + confidence / 2)
    let n = Double(total)
    let p = Double(count) / n
    let scale = 1 / (1 + z * z / n)
    let centre = (p + z * z / (2 * n)) * scale
    let half = z * scale * (p * (1 - p) / n + z * z / (4 * n * n)).squareRoot()
    return ConfidenceInterval(
      low: count == 0 ? 0 : max(0, centre - half), high: count == total ? 1 : min(1, centre + half))
  }

  /// Clopper and Pearson's exact interval (1934): never under its nominal level; for verdicts.
  /// - Returns: 0...1 when nothing was seen.
  public static func clopperPearson(
    _ count: Int, of total: Int, confidence: Double = 0.95
  ) -> ConfidenceInterval {
    guard total > 0, count >= 0, count <= total else { return ConfidenceInterval(low: 0, high: 1) }
    let tail = (1 - confidence) / 2
    let k = Double(count)
    let n = Double(total)
    return ConfidenceInterval(
      low: count == 0 ? 0 : IncompleteBeta.quantile(k, n - k + 1, tail),
      high: count == total ? 1 : IncompleteBeta.quantile(k + 1, n - k, 1 - tail))
  }
}
