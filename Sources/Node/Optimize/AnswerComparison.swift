import Core
import Inference

/// How the answers of two models differ on the same rows.
public struct AnswerChange: Sendable, Encodable, Equatable {
  /// Rows that both answered.
  public var rows = 0
  /// The largest absolute difference of a number; the greatest double there is when one of two is
  /// no number or infinite and the other is not.
  public var largest = 0.0
  /// The mean absolute difference of all numbers.
  public var mean = 0.0
  /// Rows whose label (whole number, truth value or text) is another.
  public var labels = 0
  /// Whether the model gives numbers that its labels follow from.
  public var hasScores = false

  enum CodingKeys: String, CodingKey {
    case rows, mean
    case largest = "max"
    case labels = "labels_changed"
    case hasScores = "has_scores"
  }
}

/// What a model says of rows, as far as two models are compared by it.
struct AnswerSheet {
  /// Numbers, output after output within a row.
  private(set) var scores: [Double] = []
  /// Labels as text, output after output within a row.
  private(set) var labels: [String] = []
  /// Labels a row.
  private(set) var labelWidth = 0
  private let rows: Int

  /// Answers all rows, `rowsPerCall` at a time.
  /// - Throws: a ``Failure``: the model refuses the rows.
  init(_ model: CompiledModel, _ rows: EvaluationRows, rowsPerCall: Int) throws {
    self.rows = rows.batch.rows
    let answering = try CompiledBatchModel(model, file: [], explanation: nil)
      .makeAnswerer(maxRows: rowsPerCall)
    // One look at the columns for all calls: it points every text at its bytes.
    try rows.batch.withColumns { columns in
      for start in stride(from: 0, to: rows.batch.rows, by: rowsPerCall) {
        let count = min(rowsPerCall, rows.batch.rows - start)
        let here = rows.layout.inputs.enumerated().map { index, input in
          columns[index].advanced(by: start * input.width)
        }
        let outputs = try answering.answer(here, rows: count)
        for row in 0..<count { append(outputs, row) }
      }
    }
  }

  private mutating func append(_ outputs: [BatchOutput], _ row: Int) {
    labelWidth = 0
    for output in outputs {
      for index in (row * output.width)..<((row + 1) * output.width) {
        switch output.values {
        case .float32(let values): scores.append(Double(values[index]))
        case .float64(let values): scores.append(values[index])
        case .int64(let values): add("\(values[index])")
        case .int32(let values): add("\(values[index])")
        case .bool(let values): add(values[index] == 0 ? "false" : "true")
        case .text(let values): add(values[index].string)
        }
      }
    }
  }

  private mutating func add(_ label: String) {
    labels.append(label)
    labelWidth += 1
  }

  /// What another model says differently of the same rows.
  func change(to other: AnswerSheet) -> AnswerChange {
    var change = AnswerChange(rows: rows, hasScores: !scores.isEmpty)
    guard scores.count == other.scores.count, labels.count == other.labels.count else {
      change.largest = .greatestFiniteMagnitude
      change.labels = rows
      return change
    }
    var sum = 0.0
    for (a, b) in zip(scores, other.scores) where a != b && !(a.isNaN && b.isNaN) {
      let difference = abs(a - b)
      let counted = difference.isFinite ? difference : Double.greatestFiniteMagnitude
      change.largest = max(change.largest, counted)
      sum += difference.isFinite ? difference : 0
    }
    change.mean = scores.isEmpty ? 0 : sum / Double(scores.count)
    guard labelWidth > 0 else { return change }
    for row in 0..<rows {
      let range = (row * labelWidth)..<((row + 1) * labelWidth)
      if labels[range] != other.labels[range] { change.labels += 1 }
    }
    return change
  }

  /// How good the answers are.
  ///
  /// - Returns: the share of right labels, or for a model that gives one number a row the root of
  ///   the mean squared error; `nil` when the answers are neither.
  func quality(_ truth: [String]) -> (metric: String, value: Double)? {
    guard truth.count == rows, rows > 0 else { return nil }
    if labelWidth > 0 {
      let right = (0..<rows).count { AnswerSheet.isSame(labels[$0 * labelWidth], truth[$0]) }
      return ("accuracy", Double(right) / Double(rows))
    }
    guard scores.count == rows else { return nil }
    var sum = 0.0
    for (score, text) in zip(scores, truth) {
      guard let wanted = Double(text) else { return nil }
      sum += (score - wanted) * (score - wanted)
    }
    let value = (sum / Double(rows)).squareRoot()
    return value.isFinite ? ("rmse", value) : nil
  }

  /// Whether a label is the one of the file, where `1` and `1.0` are the same.
  private static func isSame(_ label: String, _ wanted: String) -> Bool {
    if label == wanted { return true }
    guard let a = Double(label), let b = Double(wanted) else { return false }
    return a == b
  }
}
