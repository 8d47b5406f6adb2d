import Core

/// A model while a pass works on it: what the file says, what the engine makes of it, and the
/// draft of the file to come.
struct OptimizationSite {
  let model: OnnxModel
  /// The graph with constants folded and dead nodes dropped, before anything is fused.
  let graph: Graph
  /// Types and shapes; `nil` when they cannot be known beforehand.
  let facts: Facts?
  var draft: OnnxDraft
  /// What a pass found worth telling.
  var notes: [String] = []
  /// How many things the pass changed.
  var changes = 0
  /// Whether something was written in fewer bytes, with the same content.
  var isRepacked = false

  private let numberOf: [String: Int]
  private let graphNodeOf: [String: Int]

  init(_ file: [UInt8], limits: ModelLimits) throws(InferenceError) {
    let onnx = try OnnxDecoder.decode(file, limits: limits)
    model = onnx
    draft = try OnnxDraft(onnx)
    var graph = try GraphBuilder.build(onnx, limits: limits)
    graph.dropDeadNodes()
    self.graph = graph
    var infos: [OnnxValueInfo?] = []
    for value in graph.inputs {
      let name = graph.names[value]
      infos.append(onnx.inputs.first { $0.name == name })
    }
    facts = try Facts.measure(graph, try Compiler.inputSpecs(infos))
    numberOf = Dictionary(
      graph.names.enumerated().map { ($0.element, $0.offset) },
      uniquingKeysWith: { first, _ in first })
    var graphNodeOf: [String: Int] = [:]
    for (index, node) in graph.nodes.enumerated() {
      for output in node.call.node.outputs where !output.isEmpty { graphNodeOf[output] = index }
    }
    self.graphNodeOf = graphNodeOf
  }

  /// The value's type and shape.
  func fact(_ name: String) -> Facts.Fact? { numberOf[name].flatMap { facts?.of($0) } }

  /// The value's number in ``graph``.
  func number(_ name: String) -> Int? { numberOf[name] }

  /// The engine's node for a node of the draft; `nil` when it is dead or folded away.
  func graphNode(_ node: OnnxDraft.Node) -> Graph.Node? {
    for output in node.outputs {
      if let index = graphNodeOf[output] { return graph.nodes[index] }
    }
    return nil
  }

  /// Whether the value is a table of floats: rows, then `width` columns.
  func tableWidth(_ name: String) -> Int? {
    guard let fact = fact(name), fact.type == .float32, fact.shape.count == 2,
      fact.shape[0] == nil
    else { return nil }
    return fact.shape[1]
  }

  /// The constant of that name.
  func constant(_ name: String) -> Tensor? {
    if name.isEmpty { return nil }
    return draft.initializers.first { $0.name == name }?.tensor
  }

  /// For each value how often nodes and the model's outputs read it.
  func readCounts() -> [String: Int] {
    var counts: [String: Int] = [:]
    for node in draft.nodes {
      for input in node.inputs { counts[input, default: 0] += 1 }
    }
    for output in draft.outputs { counts[output.name, default: 0] += 1 }
    return counts
  }

  /// For each value the node of the draft that gives it.
  func producers() -> [String: Int] {
    var producers: [String: Int] = [:]
    for (index, node) in draft.nodes.enumerated() {
      for output in node.outputs where !output.isEmpty { producers[output] = index }
    }
    return producers
  }

  /// A name that no value has, beginning with `stem`.
  func freshName(_ stem: String) -> String {
    var taken = Set(draft.initializers.map(\.name))
    for node in draft.nodes { taken.formUnion(node.outputs) }
    for input in draft.inputs { taken.insert(input.name) }
    var name = stem
    var number = 1
    while taken.contains(name) {
      number += 1
      name = "\(stem)_\(number)"
    }
    return name
  }

  /// Removes constants that nothing reads, and their declarations as inputs.
  mutating func dropUnreadConstants() {
    let counts = readCounts()
    let all = Set(draft.initializers.map(\.name))
    draft.initializers.removeAll { counts[$0.name] == nil }
    let kept = Set(draft.initializers.map(\.name))
    // Before IR version 4 constants were listed as inputs as well.
    draft.inputs.removeAll { all.contains($0.name) && !kept.contains($0.name) }
  }
}
