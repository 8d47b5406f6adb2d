import Core
import Inference

/// The engine's explanations for the rows of a batch: of each row's likeliest output.
final class EngineExplainer: RowExplainer {
  /// Background rows that are taken of a file: more change little and cost as much each.
  static let backgroundRowsMax = 100

  let features: [String]
  private let explainer: Explainer
  private let widths: [Int]

  /// - Parameters:
  ///   - columnNames: of the columns of the model's one input, for the background's.
  ///   - background: a file of rows to explain against; without one, trees are explained by how
  ///     their training data was spread, which not every file tells.
  /// - Throws: a ``Failure``: the model cannot be explained, or not without background rows, or
  ///   these cannot be read.
  init(
    _ model: ExplainedModel, columnNames: [String]?, background: String?, maxRows: Int
  ) throws {
    let layout = try RowLayout(model.signature, columnNames: columnNames)
    widths = layout.inputs.map(\.width)
    features = model.features.map(\.name)
    guard !features.isEmpty else {
      throw NodeError(.badInput, "the model has no inputs that could contribute to its answers")
    }
    explainer = model.makeExplainer(maxRows: max(maxRows, EngineExplainer.backgroundRowsMax))
    if let background {
      let rows = try RowTable.read(
        background, layout, rowsMax: EngineExplainer.backgroundRowsMax)
      guard rows.rows > 0 else {
        throw NodeError(.badInput, "\(printable(background)) has no rows to explain against")
      }
      try rows.withColumns { columns in
        try bind(columns, rows: rows.rows)
        try explainer.addBackground(rows: rows.rows)
      }
    } else if model.needsBackground {
      throw NodeError(
        .badInput,
        "these trees can be explained against given rows only (--background FILE): their file does "
          + "not tell how the training data was spread; an XGBoost or LightGBM file itself does")
    }
  }

  func explain(
    _ columns: [ColumnPointer], rows: Int, into contributions: UnsafeMutablePointer<Double>
  ) throws {
    try bind(columns, rows: rows)
    try explainer.explain(rows: rows)
    for row in 0..<rows {
      let output = explainer.likeliestOutput(row: row)
      var next = contributions + row * features.count
      for value in explainer.contributions(row: row, output: output) {
        next.pointee = value
        next += 1
      }
    }
  }

  private func bind(_ columns: [ColumnPointer], rows: Int) throws(InferenceError) {
    for (index, column) in columns.enumerated() {
      try explainer.bind(input: index, to: column, elements: rows * widths[index])
    }
  }
}
