import Core

/// Values that depend element by element on one value that can take few different ones.
///
/// The output of a single tree is one of its leaves' values, that of ArgMax one of the positions.
/// Whatever element-wise operators make of it is then a table, which is made at load by running
/// the very nodes it replaces on all the values: its entries have the bits that the graph would
/// have given. Nothing is assumed of constants or formulas; what is not element-wise stays as it
/// is.
struct Tabulation {
  /// Operators whose output at a row depends on that row alone, when shapes stay columns.
  private static let elementwise: Set<String> = [
    "Abs", "Add", "And", "Cast", "Ceil", "Clip", "Div", "Equal", "Exp", "Floor", "Greater",
    "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Log", "Max", "Min", "Mul", "Neg", "Not",
    "Or", "Pow", "Reciprocal", "Reshape", "Round", "Sigmoid", "Sign", "Sqrt", "Squeeze", "Sub",
    "Sum", "Tanh", "Unsqueeze", "Where", "ai.onnx.ml.LabelEncoder",
    "ai.onnx.ml.ArrayFeatureExtractor",
  ]
  /// All values of all roots together.
  private static let valuesMax = 1 << 22

  /// A value that takes few different ones.
  struct Root {
    let value: Int
    let choices: Tensor
  }

  let graph: Graph
  let facts: Facts
  private(set) var roots: [Root] = []
  /// For each value that depends on one root alone, that root.
  private(set) var rootOf: [Int: Int] = [:]
  /// The nodes between, in order.
  private var nodes: [Int] = []
  private var valueCount = 0

  /// - Parameter root: what the only output of the node at an index may be; `nil` for most nodes.
  init(_ graph: Graph, _ facts: Facts, root: (Int) -> Tensor?) {
    self.graph = graph
    self.facts = facts
    for (index, node) in graph.nodes.enumerated() {
      guard node.outputs.count == 1, let output = node.outputs.first, output >= 0,
        facts.isColumn(output)
      else { continue }
      if let choices = root(index) {
        valueCount += choices.count
        if valueCount > Tabulation.valuesMax { return }
        rootOf[output] = roots.count
        roots.append(Root(value: output, choices: choices))
      } else if let root = onlyRoot(node) {
        rootOf[output] = root
        nodes.append(index)
      }
    }
  }

  /// The one root that an element-wise node depends on.
  private func onlyRoot(_ node: Graph.Node) -> Int? {
    let name = qualifiedName(node.call.node)
    guard Tabulation.elementwise.contains(name) else { return nil }
    var result: Int?
    for (slot, input) in node.inputs.enumerated() where input >= 0 {
      if let constant = graph.constants[input] {
        // Shapes and axes, and the list that positions are looked up in, may be of any length.
        let isList: Bool
        switch name {
        case "Reshape", "Squeeze", "Unsqueeze": isList = slot == 1
        case "ai.onnx.ml.ArrayFeatureExtractor": isList = slot == 0 && constant.dims.rank == 1
        default: isList = false
        }
        guard isList || constant.count == 1 else { return nil }
        continue
      }
      guard let root = rootOf[input], result == nil || result == root else { return nil }
      // A list of positions makes more columns of a table than one.
      guard name != "ai.onnx.ml.ArrayFeatureExtractor" || slot == 1 else { return nil }
      result = root
    }
    return result
  }

  /// What `values` are for each choice of their roots; `nil` when the nodes complain of one.
  func tables(of values: [Int]) -> [Tensor]? {
    let chosen = values.compactMap { rootOf[$0] }
    guard chosen.count == values.count else { return nil }
    var part = graph
    let used = Array(Set(chosen)).sorted()
    part.inputs = used.map { roots[$0].value }
    part.outputs = values
    part.nodes = nodes.map { graph.nodes[$0] }
    let plan = Plan(part)
    let frame = plan.makeFrame()
    var views: [Tensor] = []
    for (value, root) in zip(plan.inputs, used) {
      let choices = roots[root].choices
      frame.views[value] = choices.view
      frame.views[value].shape = facts.columnShape(roots[root].value, rows: choices.count)
      views.append(choices)
    }
    guard (try? plan.run(frame)) != nil else { return nil }
    var result: [Tensor] = []
    for (place, value) in plan.outputs.enumerated() {
      let view = frame.views[value]
      guard view.count == roots[chosen[place]].choices.count else { return nil }
      result.append(Tensor(copying: view))
    }
    return withExtendedLifetime(views) { result }
  }
}

extension Facts {
  /// Whether a value has one element a row: [N], [N, 1], [1, N] and so on.
  func isColumn(_ value: Int) -> Bool {
    guard let shape = of(value)?.shape else { return false }
    return shape.count(where: { $0 == nil }) == 1 && shape.allSatisfy { $0 == nil || $0 == 1 }
  }

  /// The shape that a column has when there are so many rows.
  func columnShape(_ value: Int, rows: Int) -> Shape {
    Facts.shape(of(value)?.shape ?? [nil], rows: rows)
  }

  /// A shape with the rows put in; allocates nothing.
  static func shape(_ fact: [Int?], rows: Int) -> Shape {
    var shape = Shape()
    var axis = 0
    while axis < fact.count {
      shape.append(fact[axis] ?? rows)
      axis += 1
    }
    return shape
  }
}

/// What comes after ArgMax (the classes' names and their types) becomes one look-up.
enum LabelTables {
  private static let choicesMax = 1 << 16

  static func merge(_ graph: inout Graph, _ facts: Facts) {
    guard graph.nodes.contains(where: { $0.kernel is ArgKernel }) else { return }
    let source = graph
    let found = Tabulation(source, facts) { index in
      let node = source.nodes[index]
      guard let kernel = node.kernel as? ArgKernel, let shape = facts.of(node.inputs[0])?.shape
      else { return nil }
      let axis = kernel.axis < 0 ? kernel.axis + shape.count : kernel.axis
      guard shape.indices.contains(axis), let count = shape[axis], count <= choicesMax, count > 0
      else { return nil }
      return Tensor(.int64, Shape(count)) { base in
        let to = base.bindMemory(to: Int64.self, capacity: count)
        for i in 0..<count { to[i] = Int64(i) }
      }
    }
    var isNeeded = Set(source.outputs)
    for node in source.nodes {
      // What other nodes than those of the tables read must be there.
      let isInside = node.outputs.count == 1 && found.rootOf[node.outputs[0]] != nil
      if !isInside { isNeeded.formUnion(node.inputs) }
    }
    for index in source.nodes.indices {
      let node = source.nodes[index]
      guard let output = node.outputs.first, isNeeded.contains(output),
        let root = found.rootOf[output], !(node.kernel is ArgKernel),
        let table = found.tables(of: [output])?.first
      else { continue }
      graph.nodes[index].kernel = LookUpKernel(table: table, fact: facts.of(output)?.shape ?? [])
      graph.nodes[index].inputs = [found.roots[root].value]
    }
  }
}

/// The entry of a constant list at each position given.
struct LookUpKernel: Kernel {
  let table: Tensor
  /// The output's shape; `nil` stands for the rows.
  let fact: [Int?]

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    let count = view.count
    let shape = Facts.shape(fact, rows: count)
    let positions = view.pointer(Int64.self)
    let stride = table.elementType.strideBytes
    let out = UnsafeMutableRawPointer(
      try io.output(0, table.elementType, shape, as: UInt8.self))
    for i in 0..<count {
      let at = Int(positions[i])
      guard at >= 0, at < table.count else {
        throw KernelFault(.data, "the position \(at) of \(table.count)")
      }
      if stride == 8 {
        out.storeBytes(
          of: table.base.load(fromByteOffset: at &* 8, as: UInt64.self), toByteOffset: i &* 8,
          as: UInt64.self)
      } else {
        (out + i * stride).copyMemory(from: table.base + at * stride, byteCount: stride)
      }
    }
  }
}

/// A constant less a column, and the column: the two classes' probabilities.
struct ComplementKernel: Kernel {
  let whole: Float

  func run(_ io: NodeIO) throws(KernelFault) {
    let (x, shape) = try io.input(0, .float32, as: Float.self)
    let out = try io.output(0, .float32, Shape(shape.count, 2), as: Float.self)
    for i in 0..<shape.count {
      out[i &* 2] = whole - x[i]
      out[i &* 2 &+ 1] = x[i]
    }
  }
}
