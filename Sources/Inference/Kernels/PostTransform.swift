import Core
import Glibc

/// What the scores of an ai.onnx.ml classifier or regressor go through at the end.
///
/// The specification is vague for two classes with one score; what happens there is how
/// onnxruntime does it, since exported models are checked against it.
enum PostTransform: String, Sendable {
  case none = "NONE"
  case logistic = "LOGISTIC"
  case softmax = "SOFTMAX"
  case softmaxZero = "SOFTMAX_ZERO"
  case probit = "PROBIT"

  init(_ call: OperatorCall) throws(KernelFault) {
    let name = try call.string("post_transform") ?? "NONE"
    guard let transform = PostTransform(rawValue: name) else {
      throw KernelFault(.malformed, "the post_transform \"\(printable(name))\"")
    }
    self = transform
  }

  /// By TreeEnsemble's numbers.
  ///
  /// onnxruntime takes 1 as LOGISTIC and 2 as SOFTMAX, the reverse of
  /// the specification's text; it is followed, since it is what exporters try their models with.
  init?(number: Int) {
    let all: [PostTransform] = [.none, .logistic, .softmax, .softmaxZero, .probit]
    guard all.indices.contains(number) else { return nil }
    self = all[number]
  }

  /// Transforms one row of scores in place; a single score only by PROBIT.
  @inline(__always)
  func apply(_ scores: UnsafeMutablePointer<Float>, _ count: Int) {
    if count == 1 && self != .probit { return }
    switch self {
    case .none: return
    case .logistic: for i in 0..<count { scores[i] = sigmoid(scores[i]) }
    case .probit: for i in 0..<count { scores[i] = PostTransform.probit(scores[i]) }
    case .softmax: PostTransform.softmax(scores, count, skipsZeros: false)
    case .softmaxZero: PostTransform.softmax(scores, count, skipsZeros: true)
    }
  }

  private static func softmax(
    _ scores: UnsafeMutablePointer<Float>, _ count: Int, skipsZeros: Bool
  ) {
    var top = -Float.greatestFiniteMagnitude
    for i in 0..<count where scores[i] > top { top = scores[i] }
    let factor = expf(-top)
    var sum: Float = 0
    for i in 0..<count {
      if skipsZeros && abs(scores[i]) <= 1e-7 {
        scores[i] *= factor
      } else {
        scores[i] = expf(scores[i] - top)
        sum += scores[i]
      }
    }
    for i in 0..<count { scores[i] /= sum }
  }

  /// sqrt(2) times the inverse error function at 2x - 1, after Winitzki's approximation, which is
  /// what onnxruntime uses.
  static func probit(_ x: Float) -> Float {
    let y = 2 * x - 1
    let log = logf((1 - y) * (1 + y))
    let v: Float = 2 / (3.14159 * 0.147) + 0.5 * log
    let root = (-v + (v * v - (1 / 0.147) * log).squareRoot()).squareRoot()
    return 1.41421356 * (y < 0 ? -root : root)
  }
}
