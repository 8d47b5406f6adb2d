/// How differently a classifier treats segments of the rows.
///
/// The definitions are those of Hardt, Price & Srebro (2016) and of Fairlearn: the difference
/// between the segment with the largest and the one with the smallest rate.
public struct Fairness: Sendable, Hashable {
  /// The largest difference of the shares of rows for which the class is answered.
  public let demographicParityDifference: Double
  /// The larger of the differences of true and of false positive rates.
  public let equalisedOddsDifference: Double
  /// The largest difference of accuracies.
  public let accuracyDifference: Double
  /// The segments that were compared.
  public let segments: Int

  /// Compares segments by their confusion matrices.
  /// - Parameters:
  ///   - positive: the class whose answer matters.
  ///   - rowsMin: segments with fewer rows are left out: their rates say little.
  /// - Returns: `nil` when fewer than two segments are left.
  public init?(_ matrices: [ConfusionMatrix], positive: Int, rowsMin: Int = 1) {
    let kept = matrices.filter { $0.total >= max(1, rowsMin) }
    guard kept.count >= 2 else { return nil }
    func spread(_ rates: [Double]) -> Double { (rates.max() ?? 0) - (rates.min() ?? 0) }
    segments = kept.count
    demographicParityDifference = spread(kept.map { $0.selectionRate(positive) })
    equalisedOddsDifference = max(
      spread(kept.map { $0.recall(positive) }), spread(kept.map { $0.falsePositiveRate(positive) }))
    accuracyDifference = spread(kept.map(\.accuracy))
  }
}
