import Core

/// Rewrites of the graph that make it faster without changing what it computes.
enum Fusion {
  static func apply(to graph: inout Graph, _ facts: Facts) {
    TabulatedTrees.merge(&graph, facts)
    LabelTables.merge(&graph, facts)
    mergeComplements(&graph, facts)
    graph.dropDeadNodes()
    removeAliases(&graph, facts)
    mergeDense(&graph)
    mergeQuantized(&graph)
    assemble(&graph, facts)
    graph.dropDeadNodes()
  }

  /// How often each value is read, outputs included.
  static func readers(_ graph: Graph) -> [Int] {
    var count = [Int](repeating: 0, count: graph.names.count)
    for node in graph.nodes {
      for value in node.inputs where value >= 0 { count[value] += 1 }
    }
    for value in graph.outputs { count[value] += 1 }
    return count
  }

  /// Nodes that only hand their input on are left out.
  private static func removeAliases(_ graph: inout Graph, _ facts: Facts) {
    let given = Set(graph.inputs)
    let wanted = Set(graph.outputs)
    var substitute: [Int: Int] = [:]
    var kept: [Graph.Node] = []
    for node in graph.nodes {
      var node = node
      node.inputs = node.inputs.map { substitute[$0] ?? $0 }
      if let input = node.inputs.first, node.outputs.count == 1, let output = node.outputs.first,
        input >= 0, output >= 0, !wanted.contains(output), handsOn(node, input, output, facts)
      {
        substitute[output] = input
      } else {
        kept.append(node)
      }
    }
    graph.nodes = kept
    renameOutputs(&graph, given, facts)
  }

  /// An output that is but another name of a computed value becomes that value.
  private static func renameOutputs(_ graph: inout Graph, _ given: Set<Int>, _ facts: Facts) {
    var wanted = Set(graph.outputs)
    for index in graph.nodes.indices.reversed() {
      let node = graph.nodes[index]
      guard let input = node.inputs.first, let output = node.outputs.first,
        node.outputs.count == 1, wanted.contains(output), !wanted.contains(input),
        !given.contains(input), graph.constants[input] == nil, handsOn(node, input, output, facts),
        let producer = graph.nodes.firstIndex(where: { $0.outputs.contains(input) })
      else { continue }
      graph.nodes[producer].outputs = graph.nodes[producer].outputs.map {
        $0 == input ? output : $0
      }
      for other in graph.nodes.indices where other != index {
        graph.nodes[other].inputs = graph.nodes[other].inputs.map { $0 == input ? output : $0 }
      }
      graph.nodes.remove(at: index)
      wanted.insert(input)
    }
  }

  /// Whether a node's output is its input, type and shape included.
  private static func handsOn(
    _ node: Graph.Node, _ input: Int, _ output: Int, _ facts: Facts
  ) -> Bool {
    guard let from = facts.of(input), let to = facts.of(output), from.type == to.type,
      from.shape == to.shape
    else { return false }
    switch node.kernel {
    case is AliasKernel: return true
    case let cast as CastKernel: return cast.target == from.type
    case let reshape as ReshapeKernel:
      // One dimension follows the rows, and what is asked for is that all the rest goes there.
      guard let wanted = reshape.constant, from.shape.count(where: { $0 == nil }) == 1 else {
        return false
      }
      return from.shape.indices.allSatisfy {
        from.shape[$0] == nil ? wanted[$0] == -1 : wanted[$0] == from.shape[$0]
      } && wanted.count == from.shape.count
    default: return false
    }
  }

  /// [1 - p, p], as two classes are given by one probability.
  private static func mergeComplements(_ graph: inout Graph, _ facts: Facts) {
    var producer: [Int: Int] = [:]
    for index in graph.nodes.indices {
      let node = graph.nodes[index]
      for output in node.outputs where output >= 0 { producer[output] = index }
      guard let concat = node.kernel as? ConcatKernel, concat.axis == 1 || concat.axis == -1,
        node.inputs.count == 2, let from = producer[node.inputs[0]],
        graph.nodes[from].call.node.operatorType == "Sub",
        graph.nodes[from].call.node.domain.isEmpty,
        graph.nodes[from].inputs.count == 2, graph.nodes[from].inputs[1] == node.inputs[1],
        let whole = graph.constants[graph.nodes[from].inputs[0]], whole.count == 1,
        whole.elementType == .float32, let fact = facts.of(node.inputs[1]),
        fact.type == .float32, fact.shape == [nil, 1],
        facts.of(node.inputs[0])?.shape == [nil, 1]
      else { continue }
      graph.nodes[index].kernel = ComplementKernel(whole: whole.elements(Float.self)[0])
      graph.nodes[index].inputs = [node.inputs[1]]
    }
  }

  /// Tables that a pipeline puts together column by column are gathered in one pass, and linear
  /// layers on them look categories up instead of multiplying by zeros.
  private static func assemble(_ graph: inout Graph, _ facts: Facts) {
    let analysis = ColumnAnalysis(graph, facts)
    var made: [Int: Assembly] = [:]
    var result: [Graph.Node] = []
    for node in graph.nodes {
      guard let input = node.inputs.first, input >= 0, isConsumer(node.kernel),
        let columns = analysis.of(input), columns.type == .float32, !columns.isPlain
      else {
        result.append(node)
        continue
      }
      // Values that are the same columns under another name share one assembly.
      let key = analysis.canonical(input)
      let assembly: Assembly
      if let known = made[key] {
        assembly = known
      } else {
        assembly = Assembly(columns, &graph)
        result.append(assembly.node(node.call))
        made[key] = assembly
      }
      var node = node
      let rows = AssembledRows(termCount: assembly.kernel.termCount)
      switch node.kernel {
      case let dense as DenseKernel where dense.depth == columns.width:
        node.kernel = dense.reading(rows)
        node.inputs = [assembly.places, assembly.values]
      case var linear as LinearClassifierKernel where linear.weights.depth == columns.width:
        linear.assembled = rows
        node.kernel = linear
        node.inputs = [assembly.places, assembly.values]
      case var linear as LinearRegressorKernel where linear.weights.depth == columns.width:
        linear.assembled = rows
        node.kernel = linear
        node.inputs = [assembly.places, assembly.values]
      default: node.inputs[0] = assembly.table
      }
      result.append(node)
    }
    graph.nodes = result
  }

  private static func isConsumer(_ kernel: any Kernel) -> Bool {
    kernel is DenseKernel || kernel is LinearClassifierKernel || kernel is LinearRegressorKernel
      || kernel is TreeClassifierKernel || kernel is TreeRegressorKernel
  }

  /// The values one assembly gives.
  private struct Assembly {
    let kernel: AssemblyKernel
    let sources: [Int]
    let table: Int
    let places: Int
    let values: Int

    init(_ columns: Columns, _ graph: inout Graph) {
      sources = columns.sources
      kernel = AssemblyKernel(columns, inputs: sources)
      table = graph.names.count
      places = table + 1
      values = table + 2
      graph.names += ["table", "places", "values"]
    }

    func node(_ call: OperatorCall) -> Graph.Node {
      Graph.Node(
        call: call, kernel: kernel, inputs: sources, outputs: [table, places, values])
    }
  }
}
