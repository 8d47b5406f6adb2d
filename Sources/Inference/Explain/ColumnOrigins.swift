import Core

/// Which column of the model's inputs each column of a value is made from.
///
/// Follows the graph from the inputs; what an operator may mix is taken as mixed, so a column that
/// is said to come from one input column depends on that one alone.
struct ColumnOrigins {
  /// Where a column comes from.
  enum Origin: Hashable {
    /// The same for every row.
    case constant
    /// One column of the inputs, counted over all inputs.
    case column(Int)
    /// Several columns.
    case mixed

    func joined(_ other: Origin) -> Origin {
      switch (self, other) {
      case (.constant, let one), (let one, .constant): one
      default: self == other ? self : .mixed
      }
    }
  }

  private let graph: Graph
  private let facts: Facts
  private var known: [Int: [Origin]] = [:]

  /// The columns of one row beyond which nothing is followed.
  private static let widthMax = 1 << 16
  /// The columns of all values together beyond which no further value is followed.
  private static let columnsMax = 1 << 22

  /// - Parameter starts: for each graph input the number of its first column.
  init(_ graph: Graph, _ facts: Facts, starts: [Int], widths: [Int]) {
    self.graph = graph
    self.facts = facts
    for (index, value) in graph.inputs.enumerated() {
      known[value] = (0..<widths[index]).map { .column(starts[index] + $0) }
    }
    var total = 0
    for node in graph.nodes {
      for (slot, output) in node.outputs.enumerated() where output >= 0 {
        guard let width = width(of: output), total + width <= ColumnOrigins.columnsMax else {
          continue
        }
        total += width
        let columns = columns(node, slot, width)
        // What does not fit in number was not understood.
        known[output] =
          columns?.count == width
          ? columns : Array(repeating: union(node), count: width)
      }
    }
  }

  /// The origin of each column of a value of which every row has as many; nil when that is unknown.
  func of(_ value: Int) -> [Origin]? { known[value] }

  /// The elements that a row of a value has.
  private func width(of value: Int) -> Int? {
    guard let shape = facts.of(value)?.shape, let first = shape.first, first == nil else {
      return nil
    }
    var product = 1
    for dim in shape.dropFirst() {
      guard let dim, dim <= ColumnOrigins.widthMax else { return nil }
      product *= dim
      guard product <= ColumnOrigins.widthMax else { return nil }
    }
    return product
  }

  private func columns(of value: Int) -> [Origin] {
    if let columns = known[value] { return columns }
    return [graph.constants[value] == nil ? .mixed : .constant]
  }

  private func union(_ node: Graph.Node) -> Origin {
    node.inputs.filter { $0 >= 0 }.reduce(.constant) { all, input in
      columns(of: input).reduce(all) { $0.joined($1) }
    }
  }

  /// Operators that make each element from the one at the same place.
  private static let elementwise: Set<String> = [
    "Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Imputer", "Scaler",
    "Binarizer", "LabelEncoder", "CategoryMapper", "Neg", "Abs", "Log", "Exp", "Sqrt", "Sign",
    "Reciprocal", "Floor", "Ceil", "Round", "IsNaN", "IsInf", "Not", "Sigmoid", "Tanh", "Erf",
    "Relu", "Clip", "StringNormalizer",
  ]
  /// Operators that make each element from those at the same place of all inputs.
  private static let broadcasting: Set<String> = [
    "Add", "Sub", "Mul", "Div", "Pow", "Mod", "Min", "Max", "Sum", "Mean", "Equal", "Less",
    "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor", "Where",
  ]

  private func columns(_ node: Graph.Node, _ slot: Int, _ width: Int) -> [Origin]? {
    guard let input = node.inputs.first, input >= 0 else { return nil }
    let name = node.call.node.operatorType
    if ColumnOrigins.elementwise.contains(name) { return columns(of: input) }
    if ColumnOrigins.broadcasting.contains(name) { return broadcast(node, width) }
    switch name {
    case "FeatureVectorizer": return node.inputs.flatMap { columns(of: $0) }
    case "Concat": return isAlongColumns(node) ? node.inputs.flatMap { columns(of: $0) } : nil
    case "OneHotEncoder":
      let from = columns(of: input)
      guard !from.isEmpty, width % from.count == 0 else { return nil }
      return from.flatMap { Array(repeating: $0, count: width / from.count) }
    case "ArrayFeatureExtractor": return picked(node, input, node.inputs)
    case "Gather":
      let rank = facts.of(input)?.shape.count ?? 0
      let axis = (try? node.call.int("axis", default: 0)) ?? 0
      return rank == 2 && (axis == 1 || axis == -1) ? picked(node, input, node.inputs) : nil
    case "Split":
      guard isAlongColumns(node) else { return nil }
      let before = node.outputs[..<slot].map { self.width(of: $0) }
      guard before.allSatisfy({ $0 != nil }) else { return nil }
      let start = before.reduce(0) { $0 + ($1 ?? 0) }
      let from = columns(of: input)
      return start + width <= from.count ? Array(from[start..<start + width]) : nil
    default: return nil
    }
  }

  private func broadcast(_ node: Graph.Node, _ width: Int) -> [Origin]? {
    var result = [Origin](repeating: .constant, count: width)
    for input in node.inputs where input >= 0 {
      let columns = columns(of: input)
      guard columns.count == width || columns.count == 1 else { return nil }
      for i in 0..<width {
        result[i] = result[i].joined(columns[columns.count == 1 ? 0 : i])
      }
    }
    return result
  }

  /// Whether the axis is the last one, and those between it and the rows have one place.
  private func isAlongColumns(_ node: Graph.Node) -> Bool {
    guard let input = node.inputs.first, let shape = facts.of(input)?.shape, shape.count >= 2,
      var axis = try? node.call.int("axis", default: 0)
    else { return false }
    if axis < 0 { axis += shape.count }
    return axis == shape.count - 1 && shape[1..<axis].allSatisfy { $0 == 1 }
  }

  private func picked(_ node: Graph.Node, _ input: Int, _ inputs: [Int]) -> [Origin]? {
    guard inputs.count == 2, let list = graph.constants[inputs[1]] else { return nil }
    let from = columns(of: input)
    let view = list.view
    guard view.type == .int64 || view.type == .int32 else { return nil }
    var result: [Origin] = []
    for i in 0..<list.count {
      var index = indexValue(view, i)
      if index < 0 { index += from.count }
      guard from.indices.contains(index) else { return nil }
      result.append(from[index])
    }
    return result
  }
}
