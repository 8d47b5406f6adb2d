import Core
import Inference
import Telemetry

/// Makes sessions of a compiled model for the data plane.
public final class ModelSource: PredictorSource {
  private let model: CompiledModel
  private let outputs: ModelOutputs

  /// Takes a compiled model.
  /// - Throws: ``ServingError`` with the code `badSignature` when none of its outputs is a score or
  ///   a label.
  public init(_ model: CompiledModel) throws(ServingError) {
    self.model = model
    outputs = try ModelOutputs(model.signature)
  }

  /// A session for one row, warm as the engine makes it.
  public func makePredictor() throws(ServingError) -> any Predictor {
    ModelPredictor(model, outputs)
  }
}

/// Which outputs of a model are its score and its label.
struct ModelOutputs: Sendable {
  /// The first output of floating-point numbers.
  var score: (index: Int, isDouble: Bool)?
  /// The first output of whole numbers or texts.
  var label: (index: Int, type: ElementType)?

  init(_ signature: Signature) throws(ServingError) {
    for (index, output) in signature.outputs.enumerated() {
      switch output.elementType {
      case .float32, .float64:
        if score == nil { score = (index, output.elementType == .float64) }
      case .int64, .int32, .bool, .text:
        if label == nil { label = (index, output.elementType) }
      default: break
      }
    }
    if score == nil, label == nil {
      throw ServingError(
        .badSignature,
        "none of the model's outputs is a score (float32, float64) or a label (int64, int32, bool, "
          + "text)")
    }
  }
}

extension ModelOutputs {
  /// Of two numbers the second, the positive class's; of more the greatest; else the only one.
  static func positive<T: BinaryFloatingPoint>(_ values: UnsafeBufferPointer<T>) -> T {
    if values.count == 2 { return values[1] }
    var greatest = T.nan
    for value in values where !(value <= greatest) { greatest = value }
    return greatest
  }
}

/// One session of a compiled model, bound once to a worker's row.
final class ModelPredictor: Predictor {
  private let session: Session
  private let outputs: ModelOutputs
  private let signature: Signature
  private var row: RowBuffer?
  /// The row's texts in the engine's form, copied before each run; the engine points here.
  private var texts: UnsafeMutableBufferPointer<TextRef>
  private var textSources: [UnsafePointer<TextValue>] = []

  init(_ model: CompiledModel, _ outputs: ModelOutputs) {
    session = model.makeSession(maxRows: 1)
    signature = model.signature
    self.outputs = outputs
    texts = .allocate(capacity: 0)
  }

  deinit { texts.deallocate() }

  func attach(to row: RowBuffer) throws(ServingError) {
    var sources: [UnsafePointer<TextValue>] = []
    var columns: [Int] = []
    for input in signature.inputs {
      guard let column = row.schema.column(input.name),
        row.schema.columns[column].elementType == input.elementType
      else {
        throw ServingError(
          .badSignature,
          "the model takes the input \"\(printable(input.name, limit: 60))\" as "
            + "\(input.elementType.rawValue), which the endpoint's requests do not carry")
      }
      columns.append(column)
      guard input.elementType == .text else { continue }
      let values = row.address(of: column).assumingMemoryBound(to: TextValue.self)
      for i in 0..<row.schema.columns[column].width { sources.append(values + i) }
    }
    texts.deallocate()
    texts = .allocate(capacity: sources.count)
    texts.initialize(repeating: TextRef(bytes: nil, count: 0))
    textSources = sources
    // Keeps the memory that the session points to.
    self.row = row
    try bind(columns, row)
  }

  private func bind(_ columns: [Int], _ row: RowBuffer) throws(ServingError) {
    var nextText = 0
    for (input, column) in columns.enumerated() {
      let width = row.schema.columns[column].width
      let address = row.address(of: column)
      let pointer: ColumnPointer
      switch row.schema.columns[column].elementType {
      case .float64: pointer = .float64(address.assumingMemoryBound(to: Double.self))
      case .int64: pointer = .int64(address.assumingMemoryBound(to: Int64.self))
      case .int32: pointer = .int32(address.assumingMemoryBound(to: Int32.self))
      case .bool: pointer = .bool(address.assumingMemoryBound(to: UInt8.self))
      case .text:
        guard let base = texts.baseAddress else { continue }
        pointer = .text(UnsafePointer(base + nextText))
        nextText += width
      default: pointer = .float32(address.assumingMemoryBound(to: Float.self))
      }
      do throws(InferenceError) {
        try session.bind(input: input, to: pointer, elements: width)
      } catch {
        throw ServingError(.badSignature, error.message)
      }
    }
  }

  func predict() -> Prediction {
    for i in textSources.indices {
      let text = textSources[i].pointee
      texts[i] = TextRef(bytes: text.bytes, count: text.count)
    }
    do throws(InferenceError) {
      try session.run(rows: 1)
    } catch {
      return .failure
    }
    // A probability that is no number is a failed answer, whatever the label says.
    if session.hasNonFiniteOutput { return .failure }
    return Prediction(succeeded: true, score: score(), label: label())
  }

  /// The most values of an output that are told.
  private static let outputValuesMax = 1_024

  func allOutputs() -> [PredictionOutput] {
    signature.outputs.indices.map { index in
      let values: [String]
      switch signature.outputs[index].elementType {
      case .float32: values = texts(session.floats(output: index)) { "\($0)" }
      case .float64: values = texts(session.doubles(output: index)) { "\($0)" }
      case .int64: values = texts(session.int64s(output: index)) { "\($0)" }
      case .int32: values = texts(session.int32s(output: index)) { "\($0)" }
      case .bool: values = texts(session.bools(output: index)) { $0 != 0 ? "true" : "false" }
      case .text: values = texts(session.texts(output: index)) { $0.string }
      default: values = []
      }
      return PredictionOutput(name: signature.outputs[index].name, values: values)
    }
  }

  private func texts<T>(_ values: UnsafeBufferPointer<T>, _ text: (T) -> String) -> [String] {
    values.prefix(ModelPredictor.outputValuesMax).map(text)
  }

  private func score() -> Float {
    guard let output = outputs.score else { return .nan }
    return output.isDouble
      ? Float(ModelOutputs.positive(session.doubles(output: output.index)))
      : ModelOutputs.positive(session.floats(output: output.index))
  }

  private func label() -> Prediction.Label {
    guard let output = outputs.label else { return .none }
    switch output.type {
    case .int64: return session.int64s(output: output.index).first.map { .number($0) } ?? .none
    case .int32:
      return session.int32s(output: output.index).first.map { .number(Int64($0)) } ?? .none
    case .bool: return session.bools(output: output.index).first.map { .number(Int64($0)) } ?? .none
    default:
      return session.texts(output: output.index).first.map {
        .text(TextValue(bytes: $0.bytes, count: $0.count))
      } ?? .none
    }
  }
}
