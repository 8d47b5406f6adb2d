import Core

/// Trees whose outputs pass through element-wise operators before they are added up become one
/// forest.
///
/// This is how isolation forests are exported: for every tree an ensemble of its own that gives
/// the number of the leaf, look-ups of the leaf's size and depth, and a formula for the expected
/// path length, some 27 nodes a tree. See ``Tabulation``.
struct TabulatedTrees {
  /// A tree that stands alone in its node.
  private struct Tree {
    /// What it reads: a table, and for each of its features the column there.
    let table: Int
    let columns: [Int]?
    let source: TreeSource
    let leaves: [Int]
    let values: [Float]
  }

  private let graph: Graph
  private let facts: Facts
  private let tabulation: Tabulation
  /// One a root of the tabulation.
  private let trees: [Tree]

  /// Rewrites every sum of such trees.
  static func merge(_ graph: inout Graph, _ facts: Facts) {
    let isSum = { (node: Graph.Node) in
      node.call.node.operatorType == "Sum" && node.call.node.domain.isEmpty
    }
    // A lone tree is no gain, and most graphs have no such trees: they cost nothing here.
    guard graph.nodes.contains(where: isSum),
      graph.nodes.count(where: { $0.kernel is TreeRegressorKernel }) > 1
    else { return }
    let found = TabulatedTrees(graph, facts)
    for index in graph.nodes.indices where isSum(graph.nodes[index]) {
      guard let made = found.forest(index) else { continue }
      graph.nodes[index].kernel = made.kernel
      graph.nodes[index].inputs = [made.table]
    }
  }

  private init(_ graph: Graph, _ facts: Facts) {
    self.graph = graph
    self.facts = facts
    var producer: [Int: Int] = [:]
    for (index, node) in graph.nodes.enumerated() {
      for output in node.outputs where output >= 0 { producer[output] = index }
    }
    var trees: [Tree] = []
    tabulation = Tabulation(graph, facts) { index in
      guard graph.nodes[index].kernel is TreeRegressorKernel,
        let tree = TabulatedTrees.tree(graph, facts, producer, index)
      else { return nil }
      trees.append(tree)
      return Tensor(.float32, Shape(tree.values.count)) { base in
        let to = base.bindMemory(to: Float.self, capacity: max(tree.values.count, 1))
        for (i, value) in tree.values.enumerated() { to[i] = value }
      }
    }
    self.trees = trees
  }

  /// The tree of a node, when it is one tree with one value a leaf and nothing after it.
  private static func tree(
    _ graph: Graph, _ facts: Facts, _ producer: [Int: Int], _ index: Int
  ) -> Tree? {
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
    guard values.count == leaves.count,
      let (table, columns) = pickedColumns(graph, facts, producer, input)
    else { return nil }
    return Tree(
      table: table, columns: columns, source: source, leaves: leaves, values: values)
  }

  /// Looks through a Gather of columns: the table, and which of its columns are taken.
  private static func pickedColumns(
    _ graph: Graph, _ facts: Facts, _ producer: [Int: Int], _ value: Int
  ) -> (table: Int, columns: [Int]?)? {
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
  private func forest(_ index: Int) -> (kernel: TabulatedForestKernel, table: Int)? {
    let inputs = graph.nodes[index].inputs
    let members = inputs.compactMap { tabulation.rootOf[$0] }
    guard members.count > 1, members.count == inputs.count, Set(members).count == members.count,
      facts.isColumn(graph.nodes[index].outputs[0]),
      inputs.allSatisfy({ facts.of($0)?.type == .float32 }),
      let table = members.first.map({ trees[$0].table }),
      members.allSatisfy({ trees[$0].table == table }), facts.of(table)?.shape.count == 2,
      let width = facts.of(table)?.shape[1],
      let shape = facts.of(graph.nodes[index].outputs[0])?.shape,
      let tables = tabulation.tables(of: inputs),
      tables.allSatisfy({ $0.elementType == .float32 })
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
      for (leaf, value) in zip(tree.leaves, tables[place].elements(Float.self)) {
        source.weights.append(
          TreeSource.Weight(node: leaf + base, target: place, value: Double(value)))
      }
    }
    guard
      let scorer = try? TreeScorer(
        source, treeOfNode: treeOfNode, aggregate: .sum, limits: graph.limits)
    else { return nil }
    let kernel = TabulatedForestKernel(
      scorer: scorer, treeCount: members.count, width: width, fact: shape)
    return (kernel, table)
  }
}

/// The sum of one value a tree, added in the order of the trees in 32 bits, as the graph did it.
struct TabulatedForestKernel: Kernel {
  /// Each tree is an output of its own, so that the sum keeps its order.
  let scorer: TreeScorer
  let treeCount: Int
  /// The columns of the table.
  let width: Int
  /// The output's shape; `nil` stands for the rows.
  let fact: [Int?]

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    guard view.shape.rank == 2, view.shape[1] == width else {
      throw KernelFault(.shape, "the shape \(view.shape.list), expected \(width) columns")
    }
    let shape = Facts.shape(fact, rows: view.shape[0])
    let out = try io.output(0, .float32, shape, as: Float.self)
    let count = treeCount
    try scorer.run(io, input: 0) { row, sums, _ in
      var sum = Float(sums[0])
      for tree in 1..<count { sum += Float(sums[tree]) }
      out[row] = sum
    }
  }
}
