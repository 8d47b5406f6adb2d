import Core
import Inference

/// Where each value of a row belongs: which input of the model, and which of its elements.
struct RowLayout: Sendable {
  /// One input of the model.
  struct Input: Sendable {
    let name: String
    let type: ElementType
    /// Elements a row.
    let width: Int
    /// Whether it is no input of the model but a column beside them, kept as the text that the file
    /// has, a number or truth value as well.
    var isBeside = false
    /// The names of the elements where the model has some of its own; as many as elements.
    var columnNames: [String]?
  }

  /// A place that a named value goes to.
  struct Target: Sendable, Hashable {
    let input: Int
    /// The element, or nil for all of them at once (a JSON array).
    let element: Int?
  }

  let inputs: [Input]
  /// By the names that columns and keys may have: `X`; for elements of wide inputs `X[0]` or
  /// `X_0`, and `f0` when the model has one input only; before these the names that the model's
  /// file has for the columns of its one input.
  let targets: [String: Target]
  /// How many rows the model takes at once when it takes a fixed number of them.
  let fixedRows: Int?
  /// The most elements a row may have.
  static let widthMax = 100_000

  /// - Parameters:
  ///   - columnNames: of the columns of the one input; passed over when their number is another
  ///     than that of its elements.
  ///   - beside: columns that are read with the inputs, after them.
  /// - Throws: ``NodeError`` when rows cannot be given to such a model.
  init(
    _ signature: Signature, columnNames: [String]? = nil, beside: [String] = []
  ) throws(NodeError) {
    var inputs: [Input] = []
    var targets: [String: Target] = [:]
    var fixedRows: Int?
    var total = 0
    for (index, spec) in signature.inputs.enumerated() {
      let width = try RowLayout.width(of: spec)
      total += width
      guard total <= RowLayout.widthMax else {
        throw NodeError(.badInput, "a row of this model has more than \(RowLayout.widthMax) values")
      }
      if let rows = spec.shape[0] {
        guard fixedRows == nil || fixedRows == rows, rows > 0 else {
          throw NodeError(
            .badInput, "the inputs of the model do not agree on how many rows they take at once")
        }
        fixedRows = rows
      }
      inputs.append(Input(name: spec.name, type: spec.elementType, width: width))
      targets[spec.name] = Target(input: index, element: width == 1 ? 0 : nil)
    }
    if let columnNames, inputs.count == 1, columnNames.count == inputs[0].width {
      inputs[0].columnNames = columnNames
    }
    RowLayout.addElementNames(inputs, to: &targets)
    for name in beside {
      targets[name] = Target(input: inputs.count, element: 0)
      inputs.append(Input(name: name, type: .text, width: 1, isBeside: true))
    }
    guard !inputs.isEmpty else { throw NodeError(.badInput, "the model takes no input") }
    self.inputs = inputs
    self.targets = targets
    self.fixedRows = fixedRows
  }

  /// Adds the names of single elements; an input of the same name goes before, unless the
  /// model's file itself names a column so.
  private static func addElementNames(_ inputs: [Input], to targets: inout [String: Target]) {
    for (index, input) in inputs.enumerated() {
      for (element, name) in (input.columnNames ?? []).enumerated() {
        targets[name] = Target(input: index, element: element)
      }
    }
    for (index, input) in inputs.enumerated() where input.width > 1 || inputs.count == 1 {
      for element in 0..<input.width {
        var names = inputs.count == 1 ? ["f\(element)"] : []
        if input.width > 1 { names += ["\(input.name)[\(element)]", "\(input.name)_\(element)"] }
        for name in names where targets[name] == nil {
          targets[name] = Target(input: index, element: element)
        }
      }
    }
  }

  private static func width(of spec: TensorSpec) throws(NodeError) -> Int {
    let name = "the model's input \"\(printable(spec.name))\""
    guard !spec.shape.isEmpty else {
      throw NodeError(.badInput, "\(name) is one value for all rows; rows cannot be given to it")
    }
    switch spec.elementType {
    case .float32, .float64, .int32, .int64, .bool, .text: break
    default:
      throw NodeError(
        .badInput, "\(name) is \(spec.elementType.rawValue), which cannot be read from rows")
    }
    var width = 1
    for size in spec.shape.dropFirst() {
      guard let size else {
        throw NodeError(
          .badInput,
          "\(name) has the shape \(shapeText(spec.shape)): how many values a row has is not fixed")
      }
      let (product, overflow) = width.multipliedReportingOverflow(by: size)
      guard !overflow, product > 0, product <= widthMax else {
        throw NodeError(.badInput, "\(name) has too many values a row: \(shapeText(spec.shape))")
      }
      width = product
    }
    return width
  }

  /// The names that a table must have, in the order of the model.
  var columnNames: [String] {
    inputs.flatMap { input in
      input.columnNames
        ?? (input.width == 1 ? [input.name] : (0..<input.width).map { "\(input.name)[\($0)]" })
    }
  }
}
