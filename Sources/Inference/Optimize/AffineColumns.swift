import Core

/// A node that changes each column of a table by itself, as `a * x + b`: a Scaler, or arithmetic
/// with a constant row.
struct AffineColumns {
  /// The arithmetic, in the order the engine and onnxruntime do it.
  enum Form {
    /// (x - offset) * scale
    case scale(offsets: [Float], scales: [Float])
    case add([Float])
    case subtract([Float])
    case multiply([Float])
    case divide([Float])
  }

  let form: Form
  /// The name of the table that is changed.
  let input: String

  /// Puts the two together.
  init(form: Form, input: String) {
    self.form = form
    self.input = input
  }

  /// What the node does, if it is of this kind and changes a table of floats of known width.
  init?(_ node: OnnxDraft.Node, _ site: OptimizationSite) {
    guard node.outputs.count == 1, let width = site.tableWidth(node.outputs[0]) else { return nil }
    if node.isOperator("Scaler", ml: true) {
      guard let kernel = site.graphNode(node)?.kernel as? ScalerKernel, node.inputs.count == 1,
        site.tableWidth(node.inputs[0]) == width
      else { return nil }
      input = node.inputs[0]
      form = .scale(
        offsets: AffineColumns.spread(kernel.offsets, width),
        scales: AffineColumns.spread(kernel.scales, width))
      return
    }
    guard node.inputs.count == 2 else { return nil }
    // Only sums and products have their constant on either side.
    let isEitherSide = node.isOperator("Add") || node.isOperator("Mul")
    let constantSide = isEitherSide && site.constant(node.inputs[0]) != nil ? 0 : 1
    guard let row = site.constant(node.inputs[constantSide]), row.elementType == .float32,
      row.count == 1 || (row.count == width && row.shape.last == width), row.shape.count <= 2,
      site.tableWidth(node.inputs[1 - constantSide]) == width
    else { return nil }
    input = node.inputs[1 - constantSide]
    let values = AffineColumns.spread(Array(row.elements(Float.self)), width)
    switch node.operatorType {
    case "Add" where node.isOperator("Add"): form = .add(values)
    case "Sub" where node.isOperator("Sub"): form = .subtract(values)
    case "Mul" where node.isOperator("Mul"): form = .multiply(values)
    case "Div" where node.isOperator("Div"): form = .divide(values)
    default: return nil
    }
  }

  private static func spread(_ values: [Float], _ width: Int) -> [Float] {
    values.count == 1 ? Array(repeating: values[0], count: width) : values
  }

  /// The number of columns.
  var width: Int {
    switch form {
    case .scale(_, let scales): scales.count
    case .add(let values), .subtract(let values), .multiply(let values), .divide(let values):
      values.count
    }
  }

  /// What a value of a column becomes, with the engine's own rounding.
  func apply(_ x: Float, column: Int) -> Float {
    switch form {
    case .scale(let offsets, let scales): (x - offsets[column]) * scales[column]
    case .add(let values): x + values[column]
    case .subtract(let values): x - values[column]
    case .multiply(let values): x * values[column]
    case .divide(let values): x / values[column]
    }
  }

  /// Slope and intercept of a column without rounding; `nil` when one is no finite number.
  func line(column: Int) -> (slope: Double, intercept: Double)? {
    let (slope, intercept): (Double, Double) =
      switch form {
      case .scale(let offsets, let scales):
        (Double(scales[column]), -Double(offsets[column]) * Double(scales[column]))
      case .add(let values): (1, Double(values[column]))
      case .subtract(let values): (1, -Double(values[column]))
      case .multiply(let values): (Double(values[column]), 0)
      case .divide(let values): (1 / Double(values[column]), 0)
      }
    return slope.isFinite && intercept.isFinite ? (slope, intercept) : nil
  }

  /// The comparison of the value before with another threshold that is true for exactly the same
  /// values; `nil` when there is none.
  ///
  /// With rounding, `apply` is still monotone: each of its operations is. So the values for which
  /// `apply(x) <= t` are all floats up to some greatest one, which a search finds. A missing value
  /// stays missing, and infinities stay infinite, as long as slope and intercept are finite and
  /// the slope is not 0.
  func compared(_ node: TreeSource.Node, column: Int) -> TreeSource.Node? {
    guard let (slope, _) = line(column: column), slope != 0, isSafe(column) else { return nil }
    let limit = Float(node.threshold)
    guard !limit.isNaN else { return nil }
    let isRising = slope > 0
    var result = node
    let found: Float?
    switch node.mode {
    case .lessOrEqual where isRising, .greater where isRising:
      found = FloatOrder.last { apply($0, column: column) <= limit }
    case .less where isRising, .greaterOrEqual where isRising:
      found = FloatOrder.first { apply($0, column: column) >= limit }
    case .lessOrEqual:
      result.mode = .greaterOrEqual
      found = FloatOrder.first { apply($0, column: column) <= limit }
    case .greater:
      result.mode = .less
      found = FloatOrder.first { apply($0, column: column) <= limit }
    case .less:
      result.mode = .greater
      found = FloatOrder.last { apply($0, column: column) >= limit }
    case .greaterOrEqual:
      result.mode = .lessOrEqual
      found = FloatOrder.last { apply($0, column: column) >= limit }
    case .equal, .notEqual, .member, .leaf: return nil
    }
    guard let found else { return nil }
    result.threshold = Double(found)
    return result
  }

  /// Whether every number of the column's arithmetic is finite and no product is with 0, so that
  /// nothing becomes NaN that was not.
  private func isSafe(_ column: Int) -> Bool {
    switch form {
    case .scale(let offsets, let scales):
      offsets[column].isFinite && scales[column].isFinite && scales[column] != 0
    case .add(let values), .subtract(let values): values[column].isFinite
    case .multiply(let values), .divide(let values):
      values[column].isFinite && values[column] != 0
    }
  }
}

/// All floats but NaN in their order, from -infinity to infinity.
enum FloatOrder {
  private static let lowest = -0x7F80_0000
  private static let highest = 0x7F80_0000

  /// The float of a place; 0 is zero, negative places are negative numbers.
  private static func float(_ place: Int) -> Float {
    place < 0
      ? -Float(bitPattern: UInt32(-place)) : Float(bitPattern: UInt32(place))
  }

  /// The greatest float for which `holds` is true, where it is true up to some float.
  static func last(_ holds: (Float) -> Bool) -> Float? {
    guard holds(float(lowest)) else { return nil }
    var (low, high) = (lowest, highest + 1)
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if holds(float(middle)) { low = middle } else { high = middle }
    }
    return float(low)
  }

  /// The least float for which `holds` is true, where it is true from some float on.
  static func first(_ holds: (Float) -> Bool) -> Float? {
    guard holds(float(highest)) else { return nil }
    var (low, high) = (lowest - 1, highest)
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if holds(float(middle)) { high = middle } else { low = middle }
    }
    return float(high)
  }
}
