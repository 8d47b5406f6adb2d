import Core

/// Intervals for scores that have no formula, from resampling the rows (Efron 1979).
public enum Bootstrap {
  /// The most numbers that are drawn in all; fewer resamples are taken of more rows.
  public static let drawsMax = 40_000_000

  /// The percentile interval of a score.
  ///
  /// Every resample draws as many rows as there are, with replacement. Equal seeds give equal
  /// intervals on every machine.
  /// - Parameters:
  ///   - rows: how many rows there are.
  ///   - resamples: how many resamples to take, at least 100.
  ///   - score: the score of the rows named, some of them several times; `nil` when it has none.
  /// - Returns: `nil` when fewer than half of the resamples have a score.
  public static func interval(
    rows: Int, resamples: Int = 1_000, seed: UInt64 = 1, confidence: Double = 0.95,
    score: ([Int]) -> Double?
  ) -> ConfidenceInterval? {
    guard rows > 0 else { return nil }
    let count = max(100, min(resamples, drawsMax / rows))
    var random = SplitMix64(seed: seed)
    var chosen = [Int](repeating: 0, count: rows)
    var scores: [Double] = []
    for _ in 0..<count {
      for i in 0..<rows {
        chosen[i] = Int(random.next().multipliedFullWidth(by: UInt64(rows)).high)
      }
      if let value = score(chosen), !value.isNaN { scores.append(value) }
    }
    guard scores.count * 2 >= count else { return nil }
    scores.sort()
    return ConfidenceInterval(
      low: quantile(scores, (1 - confidence) / 2), high: quantile(scores, (1 + confidence) / 2))
  }

  /// The percentile intervals of several scores at once, each resample drawn once for all of them.
  ///
  /// - Parameters:
  ///   - rows: how many rows there are.
  ///   - scores: how many scores ``score`` writes.
  ///   - costPerDraw: how many numbers are looked at for one drawn row; fewer resamples are taken
  ///     where it is large.
  ///   - score: is given how often each row was drawn and writes the scores, NaN where there is
  ///     none.
  /// - Returns: for each score `nil` when fewer than half of the resamples have it.
  public static func intervals(
    rows: Int, scores: Int, resamples: Int = 1_000, seed: UInt64 = 1, confidence: Double = 0.95,
    costPerDraw: Int = 1, score: (_ drawn: [Int32], _ scores: inout [Double]) -> Void
  ) -> [ConfidenceInterval?] {
    guard rows > 0, scores > 0 else { return [ConfidenceInterval?](repeating: nil, count: scores) }
    let count = max(100, min(resamples, drawsMax / rows / max(1, costPerDraw)))
    var random = SplitMix64(seed: seed)
    var drawn = [Int32](repeating: 0, count: rows)
    var values = [Double](repeating: .nan, count: scores)
    var kept = [[Double]](repeating: [], count: scores)
    for _ in 0..<count {
      for row in 0..<rows { drawn[row] = 0 }
      for _ in 0..<rows {
        drawn[Int(random.next().multipliedFullWidth(by: UInt64(rows)).high)] += 1
      }
      for index in 0..<scores { values[index] = .nan }
      score(drawn, &values)
      for index in 0..<scores where !values[index].isNaN { kept[index].append(values[index]) }
    }
    return kept.map { list in
      guard list.count * 2 >= count else { return nil }
      let sorted = list.sorted()
      return ConfidenceInterval(
        low: quantile(sorted, (1 - confidence) / 2), high: quantile(sorted, (1 + confidence) / 2))
    }
  }

  /// The quantile of sorted numbers, linear between them.
  private static func quantile(_ sorted: [Double], _ p: Double) -> Double {
    let place = p * Double(sorted.count - 1)
    let below = Int(place)
    let above = min(below + 1, sorted.count - 1)
    return sorted[below] + (sorted[above] - sorted[below]) * (place - Double(below))
  }
}
