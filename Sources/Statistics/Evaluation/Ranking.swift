/// How well scores put the rows of one class above the others.
public struct Ranking: Sendable {
  /// The area under the receiver operating characteristic: the chance that a random positive row
  /// has a higher score than a random negative one, ties counting half.
  public let rocAUC: Double
  /// The mean of precision over the recall steps (not interpolated), the area under the
  /// precision-recall curve.
  public let averagePrecision: Double
  /// Positive rows.
  public let positives: Int
  /// Negative rows.
  public let negatives: Int

  /// The placement values of DeLong, DeLong & Clarke-Pearson (1988).
  ///
  /// For each positive row the share of negative rows that it beats, and for each negative row the
  /// share of positive rows that beat it.
  let positivePlacements: [Double]
  let negativePlacements: [Double]

  /// Ranks rows by their scores; `nil` unless there are rows of both kinds and all scores are
  /// numbers.
  /// - Parameters:
  ///   - scores: a row's score for the positive class; only the order matters.
  ///   - isPositive: whether a row is of that class; as many as scores.
  public init?(scores: [Double], isPositive: [Bool]) {
    precondition(scores.count == isPositive.count, "as many scores as truths")
    let positives = isPositive.count { $0 }
    let negatives = isPositive.count - positives
    guard positives > 0, negatives > 0, !scores.contains(where: \.isNaN) else { return nil }
    self.positives = positives
    self.negatives = negatives
    let order = scores.indices.sorted { scores[$0] > scores[$1] }
    var placements = [Double](repeating: 0, count: scores.count)
    var (above, aboveNegative) = (0, 0)
    var precisionSum = 0.0
    var at = 0
    while at < order.count {
      // Rows with equal scores come at once.
      var end = at
      var tiedPositive = 0
      while end < order.count, scores[order[end]] == scores[order[at]] {
        if isPositive[order[end]] { tiedPositive += 1 }
        end += 1
      }
      let tiedNegative = end - at - tiedPositive
      for row in order[at..<end] {
        placements[row] =
          isPositive[row]
          ? (Double(negatives - aboveNegative - tiedNegative) + Double(tiedNegative) / 2)
            / Double(negatives)
          : (Double(above) + Double(tiedPositive) / 2) / Double(positives)
      }
      above += tiedPositive
      aboveNegative += tiedNegative
      precisionSum += Double(tiedPositive) * Double(above) / Double(end)
      at = end
    }
    averagePrecision = precisionSum / Double(positives)
    positivePlacements = zip(placements, isPositive).compactMap { $1 ? $0 : nil }
    negativePlacements = zip(placements, isPositive).compactMap { $1 ? nil : $0 }
    rocAUC = positivePlacements.reduce(0, +) / Double(positives)
  }

  /// The variance of ``rocAUC`` (DeLong, DeLong & Clarke-Pearson 1988); `nil` with a single row of
  /// either kind.
  public var rocAUCVariance: Double? { Ranking.covariance(self, self) }

  /// An interval of ``rocAUC`` on the logit scale, which keeps it within 0...1; 0...1 where no
  /// variance can be had.
  public func rocAUCInterval(confidence: Double = 0.95) -> ConfidenceInterval {
    guard let variance = rocAUCVariance else { return ConfidenceInterval(low: 0, high: 1) }
    guard rocAUC > 0, rocAUC < 1, variance > 0 else {
      // All rows apart: as many pairs as the smaller side bound what may yet be seen.
      let pairs = min(positives, negatives)
      return ProportionInterval.clopperPearson(
        Int((rocAUC * Double(pairs)).rounded()), of: pairs, confidence: confidence)
    }
    let logit = logOdds(rocAUC)
    let half =
      Normal.quantile(0.5 + confidence / 2) * variance.squareRoot() / (rocAUC * (1 - rocAUC))
    return ConfidenceInterval(low: inverseLogOdds(logit - half), high: inverseLogOdds(logit + half))
  }

  /// The interval of `first.rocAUC - second.rocAUC` for two rankings of the same rows; `nil` when
  /// the rows differ in number or a variance cannot be had.
  public static func rocAUCDifference(
    _ first: Ranking, _ second: Ranking, confidence: Double = 0.95
  ) -> ConfidenceInterval? {
    guard let a = covariance(first, first), let b = covariance(second, second),
      let both = covariance(first, second)
    else { return nil }
    let half = Normal.quantile(0.5 + confidence / 2) * max(0, a + b - 2 * both).squareRoot()
    let difference = first.rocAUC - second.rocAUC
    return ConfidenceInterval(low: difference - half, high: difference + half)
  }

  private static func covariance(_ a: Ranking, _ b: Ranking) -> Double? {
    guard a.positives == b.positives, a.negatives == b.negatives, a.positives > 1, a.negatives > 1
    else { return nil }
    return sampleCovariance(a.positivePlacements, b.positivePlacements) / Double(a.positives)
      + sampleCovariance(a.negativePlacements, b.negativePlacements) / Double(a.negatives)
  }
}

/// The unbiased covariance of two equally long samples of at least two numbers.
func sampleCovariance(_ x: [Double], _ y: [Double]) -> Double {
  let n = Double(x.count)
  let meanX = x.reduce(0, +) / n
  let meanY = y.reduce(0, +) / n
  var sum = 0.0
  for i in x.indices { sum += (x[i] - meanX) * (y[i] - meanY) }
  return sum / (n - 1)
}
