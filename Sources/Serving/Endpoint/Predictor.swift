import Core
import Telemetry

/// What a model says to one row.
public struct Prediction {
  /// A class, as the model names it.
  public enum Label {
    /// The model gives none.
    case none
    /// A class number.
    case number(Int64)
    /// A class name; valid until the predictor's next answer.
    case text(TextValue)

    /// The label in a form that can be kept and compared.
    @inlinable
    public var key: TextKey {
      switch self {
      case .none: .missing
      case .number(let number): TextKey(decimal: number)
      case .text(let text): TextKey(bytes: text.bytes, count: text.count)
      }
    }
  }

  /// False when the model failed; the rest means nothing then.
  public var succeeded: Bool
  /// The positive class's probability, or the first number the model gives; NaN when it gives none.
  public var score: Float
  /// The class.
  public var label: Label

  /// Puts the three together.
  @inlinable
  public init(succeeded: Bool, score: Float, label: Label) {
    self.succeeded = succeeded
    self.score = score
    self.label = label
  }

  /// The model gave no usable answer.
  @inlinable
  public static var failure: Prediction {
    Prediction(succeeded: false, score: .nan, label: .none)
  }
}

/// One output of a model, all of it, as texts.
public struct PredictionOutput: Sendable, Hashable {
  /// Its name.
  public let name: String
  /// Its values; numbers in the fewest digits that read back as the same.
  public let values: [String]

  /// Puts the two together.
  public init(name: String, values: [String]) {
    self.name = name
    self.values = values
  }
}

/// One warm, single-threaded session of a version.
///
/// A request costs one dynamic call; an implementation must not allocate or lock in ``predict()``.
public protocol Predictor: AnyObject {
  /// Binds to a worker's row; called once when a worker takes the predictor, off the hot path.
  /// - Throws: ``ServingError`` with the code `badSignature` when the row's columns do not fit.
  func attach(to row: RowBuffer) throws(ServingError)

  /// Answers for the row as it is now.
  func predict() -> Prediction

  /// Everything that the last answer gave; for test requests, off the hot path.
  func allOutputs() -> [PredictionOutput]
}

extension Predictor {
  /// Nothing beside score and label.
  public func allOutputs() -> [PredictionOutput] { [] }
}

/// Makes predictors of one version.
public protocol PredictorSource: Sendable {
  /// A session that has computed at least once, so that the first request is not slower.
  /// - Throws: ``ServingError`` with the code `noSession`.
  func makePredictor() throws(ServingError) -> any Predictor
}
