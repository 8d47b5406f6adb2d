/// How near numbers come to the truth.
public struct RegressionScores: Sendable {
  /// The distances of the answers from the truths, one a row.
  public let absoluteErrors: [Double]
  /// Their squares.
  public let squaredErrors: [Double]
  /// The mean of answer minus truth.
  public let bias: Double
  /// The share of the truths' variance that the answers explain.
  ///
  /// That is 1 minus the sum of squared errors over that of the truths' distances from their mean;
  /// 1 for exact answers to a constant truth, 0 for inexact ones.
  public let r2: Double

  /// Scores answers.
  /// - Precondition: both lists are equally long.
  public init(truths: [Double], answers: [Double]) {
    precondition(truths.count == answers.count, "as many answers as truths")
    absoluteErrors = zip(truths, answers).map { abs($1 - $0) }
    squaredErrors = zip(truths, answers).map { ($1 - $0) * ($1 - $0) }
    bias = SampleMean(zip(truths, answers).map { $1 - $0 }).mean
    let mean = SampleMean(truths).mean
    let spread = truths.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let left = squaredErrors.reduce(0, +)
    r2 = spread > 0 ? 1 - left / spread : left == 0 ? 1 : 0
  }

  /// The mean absolute error.
  public var mae: Double { SampleMean(absoluteErrors).mean }
  /// The root of the mean squared error.
  public var rmse: Double { SampleMean(squaredErrors).mean.squareRoot() }

  /// Student's interval of ``mae``.
  public func maeInterval(confidence: Double = 0.95) -> ConfidenceInterval {
    SampleMean(absoluteErrors).interval(confidence: confidence)
  }

  /// The roots of Student's interval of the mean squared error.
  public func rmseInterval(confidence: Double = 0.95) -> ConfidenceInterval {
    let square = SampleMean(squaredErrors).interval(confidence: confidence)
    return ConfidenceInterval(
      low: max(0, square.low).squareRoot(), high: max(0, square.high).squareRoot())
  }
}
