import Core

/// Rewrites of the graph that make it faster without changing what it computes.
enum Fusion {
  static func apply(to graph: inout Graph, _ facts: Facts) {
    mergeDense(&graph)
    mergeQuantized(&graph)
    assemble(&graph, facts)
    graph.dropDeadNodes()
  }

  /// How often each value is read, outputs included.
  private static func readers(_ graph: Graph) -> [Int] {
    var count = [Int](repeating: 0, count: graph.names.count)
    for node in graph.nodes {
      for value in node.inputs where value >= 0 { count[value] += 1 }
    }
    for value in graph.outputs { count[value] += 1 }
    return count
  }

  /// MatMul, then Add of a constant row, then Relu become one dense layer.
  private static func mergeDense(_ graph: inout Graph) {
    let readCount = readers(graph)
    var producer: [Int: Int] = [:]
    var merged: Set<Int> = []
    for index in graph.nodes.indices {
      let node = graph.nodes[index]
      if let output = node.outputs.first, output >= 0 { producer[output] = index }
      for (side, input) in node.inputs.enumerated() where input >= 0 && readCount[input] == 1 {
        guard let from = producer[input], let dense = graph.nodes[from].kernel as? DenseKernel,
          dense.assembled == nil, let grown = grow(dense, node, side, graph)
        else { continue }
        graph.nodes[index].kernel = grown
        graph.nodes[index].inputs = graph.nodes[from].inputs.prefix(1).map { $0 }
        merged.insert(from)
        break
      }
    }
    graph.nodes = graph.nodes.indices.filter { !merged.contains($0) }.map { graph.nodes[$0] }
  }

  /// The layer with this node's work taken in, if it is of that kind.
  private static func grow(
    _ dense: DenseKernel, _ node: Graph.Node, _ side: Int, _ graph: Graph
  ) -> DenseKernel? {
    guard node.call.node.domain.isEmpty else { return nil }
    switch node.call.node.operatorType {
    case "Relu": return dense.relu ? nil : dense.with(relu: true)
    case "Add":
      guard node.inputs.count == 2, !dense.hasBias, !dense.relu,
        let row = graph.constants[node.inputs[1 - side]], row.elementType == .float32,
        row.count == dense.weights.columns, row.dims.rank <= 2,
        row.dims.rank == 0 || row.dims[row.dims.rank - 1] == dense.weights.columns
      else { return nil }
      return dense.with(bias: Array(row.elements(Float.self)))
    default: return nil
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
      let rows = AssembledRows(hotCount: assembly.kernel.hotCount, places: assembly.kernel.places)
      switch node.kernel {
      case let dense as DenseKernel where dense.weights.depth == columns.width:
        node.kernel = dense.with(assembled: rows)
        node.inputs = [assembly.hot, assembly.numbers]
      case var linear as LinearClassifierKernel where linear.weights.depth == columns.width:
        linear.assembled = rows
        node.kernel = linear
        node.inputs = [assembly.hot, assembly.numbers]
      case var linear as LinearRegressorKernel where linear.weights.depth == columns.width:
        linear.assembled = rows
        node.kernel = linear
        node.inputs = [assembly.hot, assembly.numbers]
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
    let hot: Int
    let numbers: Int

    init(_ columns: Columns, _ graph: inout Graph) {
      sources = columns.sources
      kernel = AssemblyKernel(columns, inputs: sources)
      table = graph.names.count
      hot = table + 1
      numbers = table + 2
      graph.names += ["table", "hot places", "numbers"]
    }

    func node(_ call: OperatorCall) -> Graph.Node {
      Graph.Node(
        call: call, kernel: kernel, inputs: sources, outputs: [table, hot, numbers])
    }
  }
}
