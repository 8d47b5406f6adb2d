import Core
import Inference
import Telemetry

/// Makes warm sessions of a compiled model for workers.
public final class ModelPredictorSource: PredictorSource {
  private let model: CompiledModel
  private let shape: AnswerShape
  private let schema: RowSchema

  /// - Throws: ``ServingError`` with the code `badSignature` when requests cannot carry the model's
  ///   inputs, or it gives neither a class nor a number.
  public init(_ model: CompiledModel) throws(ServingError) {
    self.model = model
    shape = try AnswerShape(model.signature)
    schema = try RowSchema(model.signature)
  }

  /// A session that has answered once.
  public func makePredictor() throws(ServingError) -> any Predictor {
    let predictor = ModelPredictor(model, shape)
    let row = RowBuffer(schema)
    try predictor.attach(to: row)
    _ = predictor.predict()
    return predictor
  }
}

/// Which outputs of a model are its class and its score.
struct AnswerShape: Sendable {
  /// The class output's index and type; nil when the model gives none.
  let label: (output: Int, type: ElementType)?
  /// The score output's index; nil when the model gives none.
  let score: Int?
  /// Which number of the score output is the score: the last class of two is the positive one.
  let element: Int

  init(_ signature: Signature) throws(ServingError) {
    let outputs = signature.outputs
    let classes = outputs.firstIndex { $0.elementType == .int64 || $0.elementType == .text }
    label = classes.map { ($0, outputs[$0].elementType) }
    let numbers = outputs.firstIndex { $0.elementType == .float32 }
    score = numbers
    if let numbers, let width = outputs[numbers].shape.dropFirst().last ?? nil, width == 2 {
      element = 1
    } else {
      element = 0
    }
    guard label != nil || score != nil else {
      throw ServingError(
        .badSignature,
        "the model gives neither a class (int64 or text) nor a float32 number: there is nothing to "
          + "serve")
    }
  }
}

/// One session of a compiled model, bound to one worker's row.
final class ModelPredictor: Predictor {
  private let session: Session
  private let shape: AnswerShape
  private var isAttached = false
  /// Kept alive for as long as the session points into it.
  private var row: RowBuffer?

  init(_ model: CompiledModel, _ shape: AnswerShape) {
    session = model.makeSession(maxRows: 1)
    self.shape = shape
  }

  func attach(to row: RowBuffer) throws(ServingError) {
    for (index, input) in session.model.signature.inputs.enumerated() {
      guard let place = row.schema.column(input.name),
        row.schema.columns[place].elementType == input.elementType
      else {
        throw ServingError(
          .badSignature,
          "the endpoint's requests have no column \"\(printable(input.name, limit: 60))\" of type "
            + input.elementType.rawValue)
      }
      let address = row.address(of: place)
      let column: ColumnPointer
      switch input.elementType {
      case .float32: column = .float32(address.assumingMemoryBound(to: Float.self))
      case .float64: column = .float64(address.assumingMemoryBound(to: Double.self))
      case .int64: column = .int64(address.assumingMemoryBound(to: Int64.self))
      case .int32: column = .int32(address.assumingMemoryBound(to: Int32.self))
      case .bool: column = .bool(address.assumingMemoryBound(to: UInt8.self))
      default: column = .text(address.assumingMemoryBound(to: TextRef.self))
      }
      do {
        try session.bind(input: index, to: column, elements: row.schema.columns[place].width)
      } catch {
        throw ServingError(.badSignature, error.message)
      }
    }
    self.row = row
    isAttached = true
  }

  func predict() -> Prediction {
    guard isAttached else { return .failure }
    do {
      try session.run(rows: 1)
    } catch {
      return .failure
    }
    if session.hasNonFiniteOutput { return .failure }
    var score = Float.nan
    if let output = shape.score {
      let numbers = session.floats(output: output)
      if numbers.indices.contains(shape.element) { score = numbers[shape.element] }
    }
    return Prediction(succeeded: true, score: score, label: label())
  }

  private func label() -> Prediction.Label {
    guard let label = shape.label else { return .none }
    switch label.type {
    case .int64: return session.int64s(output: label.output).first.map { .number($0) } ?? .none
    default:
      return session.texts(output: label.output).first.map {
        .text(TextValue(bytes: $0.bytes, count: $0.count))
      } ?? .none
    }
  }
}
