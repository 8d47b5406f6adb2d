import Glibc

/// What raw scores go through at the end, in the arithmetic of the library that trained the model.
enum ScoreTransform: Sendable, Equatable {
  case identity
  /// 1 / (1 + e^(-slope x)).
  case logistic(slope: Double)
  case exponential
  case softmax
  /// 1 above 0, else 0.
  case step
  /// ln(1 + e^x), of LightGBM's cross_entropy_lambda.
  case logOnePlusExponential
  /// x |x|, which undoes LightGBM's reg_sqrt.
  case signedSquare

  /// Transforms one row in 32 bits, as XGBoost does (src/common/math.h).
  func apply(_ scores: UnsafeMutablePointer<Float>, _ count: Int) {
    switch self {
    case .identity, .logOnePlusExponential, .signedSquare: return
    case .logistic:
      for i in 0..<count {
        // Cut so that the exponential stays finite.
        let power = min(-scores[i], 88.7)
        scores[i] = 1 / (expf(power) + 1 + 1e-16)
      }
    case .exponential: for i in 0..<count { scores[i] = expf(scores[i]) }
    case .step: for i in 0..<count { scores[i] = scores[i] > 0 ? 1 : 0 }
    case .softmax:
      var top = scores[0]
      for i in 1..<max(count, 1) { top = max(top, scores[i]) }
      var sum = 0.0
      for i in 0..<count {
        scores[i] = expf(scores[i] - top)
        sum += Double(scores[i])
      }
      let divisor = Float(sum)
      for i in 0..<count { scores[i] /= divisor }
    }
  }

  /// Transforms one row in 64 bits, as LightGBM does (src/objective).
  func apply(_ scores: UnsafeMutablePointer<Double>, _ count: Int) {
    switch self {
    case .identity: return
    case .logistic(let slope):
      for i in 0..<count { scores[i] = 1 / (1 + exp(-slope * scores[i])) }
    case .exponential: for i in 0..<count { scores[i] = exp(scores[i]) }
    case .step: for i in 0..<count { scores[i] = scores[i] > 0 ? 1 : 0 }
    case .logOnePlusExponential: for i in 0..<count { scores[i] = log1p(exp(scores[i])) }
    case .signedSquare: for i in 0..<count { scores[i] *= abs(scores[i]) }
    case .softmax:
      var top = scores[0]
      for i in 1..<max(count, 1) { top = max(top, scores[i]) }
      var sum = 0.0
      for i in 0..<count {
        scores[i] = exp(scores[i] - top)
        sum += scores[i]
      }
      for i in 0..<count { scores[i] /= sum }
    }
  }
}
