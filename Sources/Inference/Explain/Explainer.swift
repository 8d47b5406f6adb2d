import Core

/// One thread's explanations of rows: for each margin a base value and a contribution of each
/// input column, which add up to the margin.
///
/// ```swift
/// let explainer = try ExplainedModel.load(file).makeExplainer(maxRows: 64)
/// try explainer.bind(input: 0, to: .float32(rows), elements: 64 * 13)
/// try explainer.explain(rows: 64)
/// for (feature, value) in explainer.top(3, row: 0, output: 0) { … }
/// ```
/// Without background rows, trees are explained by how their training data was spread (TreeSHAP,
/// path-dependent) and linear models against zero after scaling: w_i z_i, where z_i = 0 is what the
/// scaler takes for the centre. With background rows both are explained against these
/// (interventional): for trees the mean of the exact Shapley values against each row, for linear
/// models w_i (z_i - mean of z_i), as `shap.TreeExplainer(data:)` and `shap.LinearExplainer` do.
public final class Explainer {
  /// The model it explains.
  public let model: ExplainedModel
  /// The most rows of one call.
  public let maxRows: Int
  /// The background rows in use; 0 when none were set.
  public private(set) var backgroundRows = 0
  /// The rows that were explained last.
  public private(set) var rows = 0

  /// The most background rows that are taken.
  public static let backgroundRowsMax = 10_000

  private let session: Session
  private let trees: TreeContributions?
  private let width: Int
  private let targets: [Int]
  /// One number for each row, output and feature.
  private var contributions: [Double]
  private var bases: [Double]
  private var margins: [Double]
  /// What one row's table columns give, output by output.
  private var shares: [Double]
  /// The base value of each output before its constant.
  private var expectations: [Double]
  /// The background rows' tables, or for linear models their mean.
  private var background: [Double] = []

  init(_ model: ExplainedModel, maxRows: Int) {
    precondition(maxRows >= 1, "an explainer takes at least one row")
    self.model = model
    self.maxRows = maxRows
    session = model.table.makeSession(maxRows: maxRows)
    width = model.margins.width
    targets = model.margins.outputs.map(\.target)
    let outputs = targets.count
    contributions = Array(repeating: 0, count: maxRows * outputs * model.features.count)
    bases = Array(repeating: 0, count: maxRows * outputs)
    margins = bases
    shares = Array(repeating: 0, count: max(outputs * width, 1))
    expectations = Array(repeating: 0, count: outputs)
    if case .trees(let layout) = model.margins.form {
      let made = TreeContributions(
        layout, targets: targets, targetCount: model.margins.targetCount)
      trees = made
      if !model.needsBackground { expectations = made.expectation() }
    } else {
      trees = nil
    }
  }

  /// Points an input at the caller's data, as ``Session/bind(input:to:elements:)`` does.
  /// - Throws: ``InferenceError`` when there is no such input or the type is another.
  public func bind(
    input: Int, to column: ColumnPointer, elements: Int
  ) throws(InferenceError) {
    try session.bind(input: input, to: column, elements: elements)
  }

  /// Adds the bound rows to the background: from now on rows are explained against it.
  ///
  /// The time of an explanation of trees grows with the background rows; 100 are usually enough.
  /// - Throws: ``InferenceError`` as ``explain(rows:)`` does, or when there are too many.
  public func addBackground(rows: Int) throws(InferenceError) {
    guard backgroundRows + max(rows, 0) <= Explainer.backgroundRowsMax else {
      throw InferenceError(
        .input, "more than \(Explainer.backgroundRowsMax) background rows; take a sample of them")
    }
    let table = try readTable(rows: rows)
    let before = Double(backgroundRows)
    backgroundRows += rows
    let all = Double(backgroundRows)
    if let trees {
      background += table
      var sums = before > 0 ? expectations.map { $0 * before } : expectations.map { _ in 0 }
      for row in Int(before)..<backgroundRows { score(trees, row, &sums) }
      expectations = sums.map { $0 / all }
    } else if case .linear(let coefficients, _) = model.margins.form {
      if background.isEmpty { background = Array(repeating: 0, count: width) }
      for i in 0..<width {
        let sum = (0..<rows).reduce(background[i] * before) {
          $0 + present(table[$1 * width + i])
        }
        background[i] = sum / all
      }
      for (i, target) in targets.enumerated() {
        expectations[i] = (0..<width).reduce(0) {
          $0 + coefficients[target * width + $1] * background[$1]
        }
      }
    }
  }

  private func score(_ trees: TreeContributions, _ row: Int, _ sums: inout [Double]) {
    background.withUnsafeBufferPointer { table in
      sums.withUnsafeMutableBufferPointer { sums in
        guard let table = table.baseAddress, let sums = sums.baseAddress else { return }
        trees.addScores(table + row * width, sums)
      }
    }
  }

  /// Explains `rows` rows of the bound columns.
  /// - Throws: ``InferenceError`` when an input is unbound or has another count than the rows need,
  ///   when the data cannot be computed with, or when the trees need background rows and none were
  ///   set.
  public func explain(rows: Int) throws(InferenceError) {
    self.rows = 0
    if model.needsBackground && backgroundRows == 0 {
      throw Explainer.noCover(model)
    }
    let table = try readTable(rows: rows)
    table.withUnsafeBufferPointer { table in
      guard let start = table.baseAddress else { return }
      for row in 0..<rows { explainRow(row, start + row * width) }
    }
    self.rows = rows
  }

  private static func noCover(_ model: ExplainedModel) -> InferenceError {
    var reason = "its file does not tell how much of the training data came by each node"
    if case .trees(let layout) = model.margins.form, let fault = layout.coverFault {
      reason = "its covers are inconsistent (\(fault))"
    }
    return InferenceError(
      .unsupported,
      "contributions of these trees cannot be computed from the model alone: \(reason); give "
        + "background rows, or import the XGBoost or LightGBM file itself instead of an ONNX file",
      operatorName: "cover")
  }

  /// The columns that the trees or coefficients read, row by row.
  private func readTable(rows: Int) throws(InferenceError) -> [Double] {
    try session.run(rows: rows)
    let view = session.tableView
    let columns = columnCount(view.shape)
    guard columns >= width, view.count == rows * columns else {
      throw InferenceError(
        .shape, "the model's table has the shape \(view.shape.list) for \(rows) rows")
    }
    switch view.type {
    case .float32, .float64, .int32, .int64, .bool, .uint8: break
    default:
      throw InferenceError(.shape, "the model's table holds \(view.type.rawValue)")
    }
    return [Double](unsafeUninitializedCapacity: rows * width) { buffer, count in
      for row in 0..<rows {
        for i in 0..<width {
          let place = row * columns + i
          buffer[row * width + i] =
            view.type == .float64
            ? view.pointer(Double.self)[place] : Double(floatElement(view, place))
        }
      }
      count = rows * width
    }
  }

  private func explainRow(_ row: Int, _ x: UnsafePointer<Double>) {
    let outputs = targets.count
    let features = model.features.count
    for i in shares.indices { shares[i] = 0 }
    var scores = [Double](repeating: 0, count: outputs)
    shares.withUnsafeMutableBufferPointer { shares in
      guard let to = shares.baseAddress else { return }
      if let trees {
        scores.withUnsafeMutableBufferPointer { scores in
          if let sums = scores.baseAddress { trees.addScores(x, sums) }
        }
        explainTrees(trees, x, to)
      } else if case .linear(let coefficients, _) = model.margins.form {
        for (i, target) in targets.enumerated() {
          for c in 0..<width {
            let w = coefficients[target * width + c]
            let value = present(x[c])
            scores[i] += w * value
            to[i * width + c] = w * (value - (backgroundRows > 0 ? background[c] : 0))
          }
        }
      }
    }
    let start = row * outputs
    for i in 0..<outputs {
      let constant = model.margins.outputs[i].constant
      margins[start + i] = scores[i] + constant
      bases[start + i] = expectations[i] + constant
      let base = (start + i) * features
      for f in 0..<features { contributions[base + f] = 0 }
      for c in 0..<width {
        let feature = model.featureOf[c]
        // A column that is the same for all rows belongs to the base.
        if feature < 0 {
          bases[start + i] += shares[i * width + c]
        } else {
          contributions[base + feature] += shares[i * width + c]
        }
      }
    }
  }

  /// A value as linear scores read it.
  private func present(_ x: Double) -> Double {
    model.margins.skipsMissing && x.isNaN ? 0 : x
  }

  private func explainTrees(
    _ trees: TreeContributions, _ x: UnsafePointer<Double>, _ to: UnsafeMutablePointer<Double>
  ) {
    guard backgroundRows > 0 else {
      trees.addPathDependent(x, to)
      return
    }
    background.withUnsafeBufferPointer { table in
      guard let start = table.baseAddress else { return }
      let scale = 1 / Double(backgroundRows)
      for other in 0..<backgroundRows {
        trees.addInterventional(x, start + other * width, scale: scale, to)
      }
    }
  }
}

extension Explainer {
  private func place(_ row: Int, _ output: Int) -> Int {
    precondition(
      row >= 0 && row < rows && model.outputs.indices.contains(output),
      "row \(row), output \(output) was not explained")
    return row * targets.count + output
  }

  /// What the margin is before anything is known of the row.
  /// - Precondition: the row was explained last and there is such an output.
  public func base(row: Int, output: Int) -> Double { bases[place(row, output)] }

  /// The margin: the base value plus all contributions.
  /// - Precondition: the row was explained last and there is such an output.
  public func margin(row: Int, output: Int) -> Double { margins[place(row, output)] }

  /// What each of ``ExplainedModel/features`` adds to the margin, in their order.
  /// - Precondition: the row was explained last and there is such an output.
  public func contributions(row: Int, output: Int) -> ArraySlice<Double> {
    let count = model.features.count
    let start = place(row, output) * count
    return contributions[start..<start + count]
  }

  /// The output with the largest margin: the class that is most likely, where each has one; the
  /// first of equal ones, and the only one where there is but one.
  /// - Precondition: the row was explained last.
  public func likeliestOutput(row: Int) -> Int {
    var best = 0
    for output in model.outputs.indices
    where margin(row: row, output: output) > margin(row: row, output: best) {
      best = output
    }
    return best
  }

  /// The `count` features that add or take the most, largest magnitude first.
  ///
  /// Equal ones come in the order of the inputs; features that add nothing are left out.
  /// - Precondition: the row was explained last and there is such an output.
  public func top(
    _ count: Int, row: Int, output: Int
  ) -> [(feature: ExplainedFeature, contribution: Double)] {
    let list = contributions(row: row, output: output)
    let order = list.indices.filter { list[$0] != 0 }.sorted {
      let (a, b) = (abs(list[$0]), abs(list[$1]))
      return a > b || (a == b && $0 < $1)
    }
    return order.prefix(max(count, 0)).map {
      (model.features[$0 - list.startIndex], list[$0])
    }
  }
}
