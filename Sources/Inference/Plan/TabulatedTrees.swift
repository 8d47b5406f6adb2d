import Core

/// Trees whose outputs pass through element-wise operators before they are added up become one
/// forest.
///
/// This is how isolation forests are exported: for every tree an ensemble of its own that gives
/// the number of the leaf, look-ups of the leaf's size and depth, and a formula for the expected
/// path length, some 27 nodes a tree. A single tree has few different outputs, one a leaf, so
/// whatever depends on one tree alone is a table over its leaves. The table is made at load by
/// running the very nodes it replaces on the leaves' values: its entries have the bits that the
/// graph would have given. Nothing is assumed of constants or formulas; a graph in which anything
/// is not element-wise simply stays as it is.
struct TabulatedTrees {
  /// Operators whose output at a row depends on that row alone, when shapes stay columns.
  private static let elementwise: Set<String> = [
    "Abs", "Add", "And", "Cast", "Ceil", "Clip", "Div", "Equal", "Exp", "Floor", "Greater",
    "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Log", "Max", "Min", "Mul", "Neg", "Not",
    "Or", "Pow", "Reciprocal", "Reshape", "Round", "Sigmoid", "Sign", "Sqrt", "Sub", "Sum", "Tanh",
    "Unsqueeze", "Where", "ai.onnx.ml.LabelEncoder",
  ]
  private static let leavesMax = 1 << 22

  /// A tree that stands alone in its node.
  private struct Tree {
    let node: Int
    /// What it reads: a table, and for each of its features the column there.
    let table: Int
    let columns: [Int]?
    let source: TreeSource
    let leaves: [Int]
    let values: [Float]
  }

  private let graph: Graph
  private let facts: Facts
  /// For each value computed from one tree alone, that tree.
  private var treeOf: [Int: Int] = [:]
  private var trees: [Tree] = []
  /// The nodes of ``treeOf``, in order.
  private var tabulated: [Int] = []
  private var producer: [Int: Int] = [:]
  private var leafTotal = 0

  /// Rewrites every sum of such trees.
  static func merge(_ graph: inout Graph, _ facts: Facts) {
    let isSum = { (node: Graph.Node) in
      node.call.node.operatorType == "Sum" && node.call.node.domain.isEmpty
    }
    // A lone tree is no gain, and most graphs have no such trees: they cost nothing here.
    guard graph.nodes.contains(where: isSum),
      graph.nodes.count(where: { $0.kernel is TreeRegressorKernel }) > 1
    else { return }
    var found = TabulatedTrees(graph, facts)
    for index in graph.nodes.indices where isSum(graph.nodes[index]) {
      guard let made = found.forest(index) else { continue }
      graph.nodes[index].kernel = made.kernel
      graph.nodes[index].inputs = [made.table]
    }
  }

  private init(_ graph: Graph, _ facts: Facts) {
    self.graph = graph
    self.facts = facts
    for (index, node) in graph.nodes.enumerated() {
      for output in node.outputs where output >= 0 { producer[output] = index }
      guard node.outputs.count == 1, let output = node.outputs.first, output >= 0,
        isColumn(output)
      else { continue }
      if node.kernel is TreeRegressorKernel {
        guard let tree = tree(index) else { continue }
        leafTotal += tree.leaves.count
        if leafTotal > TabulatedTrees.leavesMax { return }
        treeOf[output] = trees.count
        trees.append(tree)
      } else if let tree = onlyTree(node) {
        treeOf[output] = tree
        tabulated.append(index)
      }
    }
  }

  /// Whether a value has one element a row.
  private func isColumn(_ value: Int) -> Bool {
    guard let shape = facts.of(value)?.shape, shape.first == .some(nil) else { return false }
    return shape.dropFirst().allSatisfy { $0 == 1 }
  }

  /// The one tree that an element-wise node depends on.
  private func onlyTree(_ node: Graph.Node) -> Int? {
    guard TabulatedTrees.elementwise.contains(qualifiedName(node.call.node)) else { return nil }
    var result: Int?
    for (slot, input) in node.inputs.enumerated() where input >= 0 {
      if let constant = graph.constants[input] {
        // The shape of a Reshape and the axes of an Unsqueeze may be of any length.
        let isShape = slot == 1 && ["Reshape", "Unsqueeze"].contains(node.call.node.operatorType)
        guard isShape || constant.count == 1 else { return nil }
        continue
      }
      guard let tree = treeOf[input], result == nil || result == tree else { return nil }
      result = tree
    }
    return result
  }

  /// The tree of a node, when it is one tree with one value a leaf and nothing after it.
  private func tree(_ index: Int) -> Tree? {
    let node = graph.nodes[index]
    let call = node.call
    guard let input = node.inputs.first, input >= 0, facts.of(input)?.type == .float32,
      let targets = try? call.int("n_targets", default: 1), targets == 1,
      let aggregate = try? call.string("aggregate_function") ?? "SUM", aggregate == "SUM",
      let transform = try? call.string("post_transform") ?? "NONE", transform == "NONE",
      !call.has("base_values"), !call.has("base_values_as_tensor"),
      let source = try? TreeAttributes(call, weightPrefix: "target").source,
      source.roots.count == 1, source.members.isEmpty
    else { return nil }
    let leaves = source.nodes.indices.filter { source.nodes[$0].mode == .leaf }
    var weightOf = [Float?](repeating: nil, count: source.nodes.count)
    for weight in source.weights where source.nodes[weight.node].mode == .leaf {
      guard weight.target == 0, weightOf[weight.node] == nil else { return nil }
      weightOf[weight.node] = Float(weight.value)
    }
    let values = leaves.compactMap { weightOf[$0] }
    guard values.count == leaves.count, let (table, columns) = pickedColumns(input) else {
      return nil
    }
    return Tree(
      node: index, table: table, columns: columns, source: source, leaves: leaves, values: values)
  }

  /// Looks through a Gather of columns: the table, and which of its columns are taken.
  private func pickedColumns(_ value: Int) -> (table: Int, columns: [Int]?)? {
    guard let from = producer[value], let gather = graph.nodes[from].kernel as? GatherKernel,
      let indices = graph.constants[graph.nodes[from].inputs[1]], indices.dims.rank == 1
    else { return (value, nil) }
    let table = graph.nodes[from].inputs[0]
    guard gather.axis == 1 || gather.axis == -1, let fact = facts.of(table),
      fact.shape.count == 2, let width = fact.shape[1]
    else { return (value, nil) }
    var columns: [Int] = []
    for i in 0..<indices.count {
      let index = indexValue(indices.view, i)
      guard index >= -width, index < width else { return nil }
      columns.append(index < 0 ? index + width : index)
    }
    return (table, columns)
  }

  /// The forest that gives what the sum at `index` gives.
  private mutating func forest(_ index: Int) -> (kernel: TabulatedForestKernel, table: Int)? {
    let inputs = graph.nodes[index].inputs
    let members = inputs.compactMap { treeOf[$0] }
    guard members.count > 1, members.count == inputs.count, Set(members).count == members.count,
      isColumn(graph.nodes[index].outputs[0]), inputs.allSatisfy({ facts.of($0)?.type == .float32 }),
      let table = members.first.map({ trees[$0].table }),
      members.allSatisfy({ trees[$0].table == table }), facts.of(table)?.shape.count == 2,
      let width = facts.of(table)?.shape[1],
      let shape = facts.of(graph.nodes[index].outputs[0])?.shape,
      let tables = tables(members, inputs)
    else { return nil }
    var source = TreeSource()
    source.targets = members.count
    var treeOfNode: [Int32] = []
    for (place, member) in members.enumerated() {
      let tree = trees[member]
      let base = source.nodes.count
      for node in tree.source.nodes {
        var node = node
        if node.mode != .leaf {
          if let columns = tree.columns {
            guard columns.indices.contains(node.feature) else { return nil }
            node.feature = columns[node.feature]
          }
          guard node.feature < width else { return nil }
          node.whenTrue += base
          node.whenFalse += base
        }
        source.nodes.append(node)
        treeOfNode.append(Int32(place))
      }
      source.roots.append(tree.source.roots[0] + base)
      for (leaf, value) in zip(tree.leaves, tables[place]) {
        source.weights.append(
          TreeSource.Weight(node: leaf + base, target: place, value: Double(value)))
      }
    }
    guard
      let scorer = try? TreeScorer(
        source, treeOfNode: treeOfNode, aggregate: .sum, limits: graph.limits)
    else { return nil }
    let kernel = TabulatedForestKernel(
      scorer: scorer, treeCount: members.count, width: width, rank: shape.count)
    return (kernel, table)
  }

  /// For each tree the value of `outputs` at each of its leaves, in the order of the leaves.
  ///
  /// Made by running the nodes between the trees and `outputs` on all leaves at once.
  private func tables(_ members: [Int], _ outputs: [Int]) -> [[Float]]? {
    var part = graph
    part.inputs = members.map { graph.nodes[trees[$0].node].outputs[0] }
    part.outputs = outputs
    part.nodes = tabulated.map { graph.nodes[$0] }
    let plan = Plan(part)
    let frame = plan.makeFrame()
    let leafTensors = members.map { member in
      let values = trees[member].values
      let rank = facts.of(graph.nodes[trees[member].node].outputs[0])?.shape.count ?? 2
      return Tensor(.float32, rank == 1 ? Shape(values.count) : Shape(values.count, 1)) { base in
        let to = base.bindMemory(to: Float.self, capacity: max(values.count, 1))
        for (i, value) in values.enumerated() { to[i] = value }
      }
    }
    for (value, tensor) in zip(plan.inputs, leafTensors) { frame.views[value] = tensor.view }
    guard (try? plan.run(frame)) != nil else { return nil }
    var result: [[Float]] = []
    for (place, value) in plan.outputs.enumerated() {
      let view = frame.views[value]
      guard view.type == .float32, view.count == leafTensors[place].count else { return nil }
      let values = Array(UnsafeBufferPointer(start: view.pointer(Float.self), count: view.count))
      // Leaves are added in double below, where only the sign of a zero could get lost.
      guard values.allSatisfy({ $0.isFinite }) else { return nil }
      result.append(values)
    }
    return withExtendedLifetime(leafTensors) { result }
  }
}

/// The sum of one value a tree, added in the order of the trees in 32 bits, as the graph did it.
struct TabulatedForestKernel: Kernel {
  /// Each tree is an output of its own, so that the sum keeps its order.
  let scorer: TreeScorer
  let treeCount: Int
  /// The columns of the table.
  let width: Int
  /// The number of dimensions of the output: [rows], [rows, 1] and so on.
  let rank: Int

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    guard view.shape.rank == 2, view.shape[1] == width else {
      throw KernelFault(.shape, "the shape \(view.shape.list), expected \(width) columns")
    }
    var shape = Shape(view.shape[0])
    for _ in 1..<max(rank, 1) { shape.append(1) }
    let out = try io.output(0, .float32, shape, as: Float.self)
    let count = treeCount
    try scorer.run(io, input: 0) { row, sums, _ in
      var sum = Float(sums[0])
      for tree in 1..<count { sum += Float(sums[tree]) }
      out[row] = sum
    }
  }
}
