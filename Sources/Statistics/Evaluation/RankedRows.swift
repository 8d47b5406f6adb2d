/// Rows sorted once by their scores, so that resamples of them are ranked without sorting again.
public struct RankedRows: Sendable {
  /// Rows by falling score.
  private let order: [Int]
  /// For each place of ``order`` whether the next one has another score.
  private let endsTie: [Bool]
  private let isPositive: [Bool]

  /// Sorts rows.
  /// - Returns: `nil` when a score is no number.
  /// - Precondition: as many scores as truths.
  public init?(scores: [Double], isPositive: [Bool]) {
    precondition(scores.count == isPositive.count, "as many scores as truths")
    guard !scores.contains(where: \.isNaN) else { return nil }
    let order = scores.indices.sorted { scores[$0] > scores[$1] }
    self.order = order
    endsTie = order.indices.map {
      $0 + 1 == order.count || scores[order[$0]] != scores[order[$0 + 1]]
    }
    self.isPositive = isPositive
  }

  /// The ROC-AUC and the average precision when each row comes as often as told, by the formulas
  /// of ``Ranking``; `nil` when one kind of rows does not come.
  /// - Precondition: as many numbers as rows.
  public func scores(drawn: [Int32]) -> (rocAUC: Double, averagePrecision: Double)? {
    precondition(drawn.count == order.count, "a count for each row")
    var (above, aboveNegative) = (0.0, 0.0)
    var (tied, tiedNegative) = (0.0, 0.0)
    var (wins, precisionSum) = (0.0, 0.0)
    for place in order.indices {
      let row = order[place]
      if isPositive[row] { tied += Double(drawn[row]) } else { tiedNegative += Double(drawn[row]) }
      guard endsTie[place] else { continue }
      wins += tiedNegative * (above + tied / 2)
      above += tied
      aboveNegative += tiedNegative
      if tied > 0 { precisionSum += tied * above / (above + aboveNegative) }
      (tied, tiedNegative) = (0, 0)
    }
    guard above > 0, aboveNegative > 0 else { return nil }
    return (wins / (above * aboveNegative), precisionSum / above)
  }
}
