import Core
import Inference

/// Answers rows in batches as ``ModelSource``'s predictors answer them one by one: the same score,
/// the same label, the same notion of failure.
///
/// For rehearsals off the request path. Used by one thread.
public final class ModelBatch {
  /// The most rows of one run.
  public let maxRows: Int
  /// The model's inputs, in the order in which ``run(_:rows:)`` takes their columns.
  public let inputs: [TensorSpec]

  private let session: Session
  private let outputs: ModelOutputs
  private let widths: [Int]
  private var rows = 0

  /// A session of a model; `schema` says how wide each input is.
  /// - Throws: ``ServingError`` with the code `badSignature` when it gives neither score nor label,
  ///   or the rows lack an input.
  public init(
    _ model: CompiledModel, schema: RowSchema, maxRows: Int
  ) throws(ServingError) {
    outputs = try ModelOutputs(model.signature)
    inputs = model.signature.inputs
    var widths: [Int] = []
    for input in inputs {
      guard let column = schema.column(input.name),
        schema.columns[column].elementType == input.elementType
      else {
        throw ServingError(
          .badSignature,
          "the model takes the input \"\(printable(input.name, limit: 60))\" as "
            + "\(input.elementType.rawValue), which the rows do not carry")
      }
      widths.append(schema.columns[column].width)
    }
    self.widths = widths
    self.maxRows = maxRows
    session = model.makeSession(maxRows: maxRows)
  }

  /// Answers `rows` rows, one pointer for each of ``inputs``.
  /// - Returns: false when the model failed, or gave a number that is none: then nobody knows which
  ///   rows are good, and they must be run one by one.
  public func run(_ columns: [ColumnPointer], rows: Int) -> Bool {
    do throws(InferenceError) {
      for (input, column) in columns.enumerated() {
        try session.bind(input: input, to: column, elements: rows * widths[input])
      }
      try session.run(rows: rows)
    } catch {
      return false
    }
    self.rows = rows
    return isOneAnswerARow && !session.hasNonFiniteOutput
  }

  /// A model may give one answer for all its rows.
  private var isOneAnswerARow: Bool {
    if rows == 1 { return true }
    return [outputs.score?.index, outputs.label?.index].allSatisfy { index in
      index.map { session.shape(output: $0).first == rows } ?? true
    }
  }

  /// What the last run said to a row.
  /// - Precondition: that run returned true and `row` is below its rows.
  public func prediction(row: Int) -> Prediction {
    precondition(row >= 0 && row < rows, "no such row")
    return Prediction(succeeded: true, score: score(row), label: label(row))
  }

  private func score(_ row: Int) -> Float {
    guard let output = outputs.score else { return .nan }
    return output.isDouble
      ? Float(ModelOutputs.positive(part(session.doubles(output: output.index), row)))
      : ModelOutputs.positive(part(session.floats(output: output.index), row))
  }

  private func label(_ row: Int) -> Prediction.Label {
    guard let output = outputs.label else { return .none }
    switch output.type {
    case .int64:
      return part(session.int64s(output: output.index), row).first.map { .number($0) } ?? .none
    case .int32:
      return part(session.int32s(output: output.index), row).first.map { .number(Int64($0)) }
        ?? .none
    case .bool:
      return part(session.bools(output: output.index), row).first.map { .number(Int64($0)) }
        ?? .none
    default:
      return part(session.texts(output: output.index), row).first.map {
        .text(TextValue(bytes: $0.bytes, count: $0.count))
      } ?? .none
    }
  }

  private func part<T>(_ values: UnsafeBufferPointer<T>, _ row: Int) -> UnsafeBufferPointer<T> {
    let width = values.count / rows
    return UnsafeBufferPointer(rebasing: values[row * width..<(row + 1) * width])
  }
}
