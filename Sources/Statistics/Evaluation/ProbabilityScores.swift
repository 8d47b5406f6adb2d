import Glibc

/// How good class probabilities are, beyond their order.
public struct ProbabilityScores: Sendable {
  /// The losses `-log p` of the true classes, one a row.
  public let logLosses: [Double]
  /// The squared distances of the probabilities from the truth, one a row: for two classes
  /// `(p - y)²`, for more the sum over the classes.
  public let brierScores: [Double]
  /// The expected calibration error.
  ///
  /// The mean distance between what the model was sure of and how often it was right, over equally
  /// wide bins, weighted with their rows (Naeini, Cooper & Hauskrecht 2015).
  public let calibrationError: Double
  /// What the bins of ``calibrationError`` hold.
  public let calibration: [CalibrationBin]

  /// The rows whose probability fell into one range.
  public struct CalibrationBin: Sendable, Hashable {
    /// Rows.
    public var count = 0
    /// The sum of the probabilities.
    public var probabilitySum = 0.0
    /// Rows for which the event came.
    public var hits = 0
  }

  /// The bins of ``calibration`` over 0...1.
  public static let binCount = 10

  /// Scores the probabilities of rows.
  ///
  /// Probabilities are kept a rounding error (2⁻⁵²) away from 0 and 1 for the logarithm, as
  /// scikit-learn does. For two classes calibration is that of the second class's probability, for
  /// more that of the answered class.
  /// - Parameters:
  ///   - probabilities: a row's probabilities of all classes, row after row.
  ///   - truths: each row's class, 0 to `classCount - 1`.
  /// - Precondition: `probabilities` has `truths.count * classCount` elements, `classCount` is at
  ///   least 2.
  public init(probabilities: [Double], truths: [Int], classCount: Int) {
    precondition(classCount >= 2 && probabilities.count == truths.count * classCount)
    var losses: [Double] = []
    var squares: [Double] = []
    losses.reserveCapacity(truths.count)
    squares.reserveCapacity(truths.count)
    var bins = [CalibrationBin](repeating: CalibrationBin(), count: ProbabilityScores.binCount)
    for (row, truth) in truths.enumerated() {
      let base = row * classCount
      let p = probabilities[base + truth]
      losses.append(-log(min(max(p, .ulpOfOne), 1 - .ulpOfOne)))
      var square = 0.0
      var answer = 0
      for c in 0..<classCount {
        let distance = probabilities[base + c] - (c == truth ? 1 : 0)
        square += distance * distance
        if probabilities[base + c] > probabilities[base + answer] { answer = c }
      }
      if classCount == 2 {
        let distance = probabilities[base + 1] - Double(truth)
        square = distance * distance
        answer = 1
      }
      squares.append(square)
      let sure = probabilities[base + answer]
      let bin = min(bins.count - 1, max(0, Int(sure.isNaN ? 0 : sure * Double(bins.count))))
      bins[bin].count += 1
      bins[bin].probabilitySum += sure
      if truth == answer { bins[bin].hits += 1 }
    }
    logLosses = losses
    brierScores = squares
    calibration = bins
    let rows = Double(max(1, truths.count))
    calibrationError = bins.reduce(0) { $0 + abs($1.probabilitySum - Double($1.hits)) } / rows
  }

  /// The mean log loss, in nats.
  public var logLoss: Double { SampleMean(logLosses).mean }
  /// The mean Brier score.
  public var brier: Double { SampleMean(brierScores).mean }
}
