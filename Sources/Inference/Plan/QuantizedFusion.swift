import Core

extension Fusion {
  /// DynamicQuantizeLinear, MatMulInteger with constant weights, Cast to float, Mul by the scales,
  /// then perhaps Add of a constant row and Relu become one dense layer of 8-bit integers.
  ///
  /// Each rounding stays where it was, so nothing changes by a bit.
  static func mergeQuantized(_ graph: inout Graph) {
    var site = QuantizedSite(graph)
    for index in graph.nodes.indices {
      guard let layer = site.layer(at: index) else { continue }
      graph.nodes[layer.last].kernel = layer.kernel
      graph.nodes[layer.last].inputs = [layer.input]
      site.taken.formUnion(layer.nodes.filter { $0 != layer.last })
    }
    graph.nodes = graph.nodes.indices.filter { !site.taken.contains($0) }.map { graph.nodes[$0] }
  }
}

/// A graph in which layers of 8-bit integers are looked for.
private struct QuantizedSite {
  /// One that was found.
  struct Layer {
    var kernel: QuantizedDenseKernel
    let input: Int
    /// Its nodes but the DynamicQuantizeLinear, which other layers may read too.
    var nodes: [Int]
    var last: Int
  }

  private let graph: Graph
  private var producer: [Int: Int] = [:]
  private var readers: [Int: [Int]] = [:]
  var taken: Set<Int> = []

  init(_ graph: Graph) {
    self.graph = graph
    for (index, node) in graph.nodes.enumerated() {
      for value in node.outputs where value >= 0 { producer[value] = index }
      for value in node.inputs where value >= 0 { readers[value, default: []].append(index) }
    }
    // An output of the model is read by someone who is no node.
    for value in graph.outputs { readers[value, default: []].append(-1) }
  }

  private func isOperator(_ index: Int, _ type: String) -> Bool {
    let node = graph.nodes[index].call.node
    return node.operatorType == type && node.domain.isEmpty
  }

  /// The one node that reads the one output of a node.
  private func onlyReader(of index: Int) -> Int? {
    guard let value = graph.nodes[index].outputs.first, let all = readers[value], all.count == 1,
      all[0] >= 0
    else { return nil }
    return all[0]
  }

  /// A constant row of `columns` floats.
  private func row(_ value: Int, _ columns: Int) -> [Float]? {
    guard let tensor = graph.constants[value], tensor.elementType == .float32,
      tensor.count == columns, tensor.dims.rank <= 2,
      tensor.dims.rank == 0 || tensor.dims[tensor.dims.rank - 1] == columns
    else { return nil }
    return Array(tensor.elements(Float.self))
  }

  /// The layer whose integer product is node `index`.
  func layer(at index: Int) -> Layer? {
    let product = graph.nodes[index]
    guard let kernel = product.kernel as? IntegerDenseKernel, product.inputs.count == 3,
      let from = producer[product.inputs[0]], isOperator(from, "DynamicQuantizeLinear"),
      graph.nodes[from].outputs.count == 3, graph.nodes[from].outputs[0] == product.inputs[0],
      graph.nodes[from].outputs[2] == product.inputs[2], let cast = onlyReader(of: index),
      (graph.nodes[cast].kernel as? CastKernel)?.target == .float32,
      let scaled = onlyReader(of: cast), isOperator(scaled, "Mul"),
      let side = graph.nodes[scaled].inputs.firstIndex(where: {
        $0 != graph.nodes[cast].outputs[0]
      }), let steps = producer[graph.nodes[scaled].inputs[side]], isOperator(steps, "Mul"),
      onlyReader(of: steps) == scaled,
      let scales = scales(of: steps, graph.nodes[from].outputs[1], kernel.weights.columns)
    else { return nil }
    var layer = Layer(
      kernel: QuantizedDenseKernel(weights: kernel.weights, scales: scales),
      input: graph.nodes[from].inputs[0], nodes: [index, cast, steps, scaled], last: scaled)
    takeSum(&layer)
    return layer
  }

  /// The constant side of scale * scales.
  private func scales(of index: Int, _ scale: Int, _ columns: Int) -> [Float]? {
    let inputs = graph.nodes[index].inputs
    guard inputs.count == 2, let side = inputs.firstIndex(of: scale) else { return nil }
    return row(inputs[1 - side], columns)
  }

  /// Takes in what follows: a bias, a ReLU.
  private func takeSum(_ layer: inout Layer) {
    if let next = onlyReader(of: layer.last), isOperator(next, "Add"),
      graph.nodes[next].inputs.count == 2,
      let side = graph.nodes[next].inputs.firstIndex(of: graph.nodes[layer.last].outputs[0]),
      let bias = row(graph.nodes[next].inputs[1 - side], layer.kernel.weights.columns)
    {
      layer.kernel.bias = bias
      layer.nodes.append(next)
      layer.last = next
    }
    if let next = onlyReader(of: layer.last), isOperator(next, "Relu") {
      layer.kernel.relu = true
      layer.nodes.append(next)
      layer.last = next
    }
  }
}
