import Core

/// A model's graph while it is compiled: values have numbers instead of names.
struct Graph {
  /// One operator call.
  struct Node {
    /// The node as read; made-up nodes of fusions keep that of the last node they replace.
    let call: OperatorCall
    var kernel: any Kernel
    /// Value numbers; -1 for an optional input left out.
    var inputs: [Int]
    /// Value numbers; -1 for an output that nobody asked for.
    var outputs: [Int]

    /// How errors call it: `Scaler "Scaler1"`.
    var label: String {
      let name = call.node.name.isEmpty ? call.node.outputs.first ?? "" : call.node.name
      return "\(qualifiedName(call.node)) \"\(printable(name, limit: 80))\""
    }
  }

  let model: OnnxModel
  let limits: ModelLimits
  var names: [String] = []
  var constants: [Int: Tensor] = [:]
  var nodes: [Node] = []
  var inputs: [Int] = []
  var outputs: [Int] = []
}

/// `Add`, or `ai.onnx.ml.Scaler`.
func qualifiedName(_ node: OnnxNode) -> String {
  printable(node.domain.isEmpty ? node.operatorType : "\(node.domain).\(node.operatorType)")
}

/// What a nested graph sees of those around it: a name, and its value when that is known at load.
struct OuterValue {
  let name: String
  let constant: Tensor?
}

/// Builds a ``Graph`` from a file: checks names and order, makes kernels, folds constants.
struct GraphBuilder {
  private let model: OnnxModel
  private let source: OnnxGraph
  private let limits: ModelLimits
  /// `nil` for the model's own graph.
  private let outer: [OuterValue]?
  private var graph: Graph
  private var numbers: [String: Int] = [:]
  private var foldedBytes = 0

  static func build(_ model: OnnxModel, limits: ModelLimits) throws(InferenceError) -> Graph {
    try refuseUnsupported(model)
    return try build(model, model.graph, outer: nil, limits: limits)
  }

  /// A graph nested in a node.
  ///
  /// Its inputs are those it declares, then the values of `outer` that
  /// are not constant, in order.
  static func build(
    _ model: OnnxModel, body: OnnxGraph, outer: [OuterValue], limits: ModelLimits
  ) throws(InferenceError) -> Graph {
    try build(model, body, outer: outer, limits: limits)
  }

  private static func build(
    _ model: OnnxModel, _ source: OnnxGraph, outer: [OuterValue]?, limits: ModelLimits
  ) throws(InferenceError) -> Graph {
    var builder = GraphBuilder(model: model, source: source, outer: outer, limits: limits)
    try builder.declare()
    for index in try builder.sortedNodes() { try builder.add(source.nodes[index]) }
    try builder.close()
    return builder.graph
  }

  private init(
    model: OnnxModel, source: OnnxGraph, outer: [OuterValue]?, limits: ModelLimits
  ) {
    self.model = model
    self.source = source
    self.outer = outer
    self.limits = limits
    graph = Graph(model: model, limits: limits)
  }

  /// Names every operator that is not there, so that one attempt tells all.
  private static func refuseUnsupported(_ model: OnnxModel) throws(InferenceError) {
    var missing: [String] = []
    var first: OnnxNode?
    func visit(_ graph: OnnxGraph) {
      for node in graph.nodes {
        for body in node.bodies { visit(body) }
        guard OperatorRegistry.factory(domain: node.domain, name: node.operatorType) == nil
        else { continue }
        first = first ?? node
        let name = qualifiedName(node)
        if !missing.contains(name) && missing.count < 10 { missing.append(name) }
      }
    }
    visit(model.graph)
    guard let first else { return }
    let domain = first.domain.isEmpty ? "ai.onnx" : printable(first.domain)
    let opset = model.opsets[first.domain].map(String.init) ?? "none"
    let others = missing.dropFirst().joined(separator: ", ")
    throw InferenceError(
      .unsupported,
      "the operator \(printable(first.operatorType)) (domain \(domain), opset "
        + "\(opset)) of node \"\(printable(first.name, limit: 80))\" is not supported"
        + (others.isEmpty ? "" : "; nor are \(others)"), operatorName: qualifiedName(first))
  }

  private mutating func number(_ name: String) -> Int {
    if let known = numbers[name] { return known }
    graph.names.append(name)
    numbers[name] = graph.names.count - 1
    return graph.names.count - 1
  }

  private mutating func declare() throws(InferenceError) {
    for (name, tensor) in source.initializers {
      guard !name.isEmpty, numbers[name] == nil else {
        throw InferenceError(
          .graph, "two constants have the name \"\(printable(name))\"; export the model again")
      }
      graph.constants[number(name)] = tensor
    }
    for info in source.inputs where numbers[info.name] == nil {
      graph.inputs.append(number(info.name))
    }
    for value in outer ?? [] {
      guard numbers[value.name] == nil else { continue }
      if let constant = value.constant {
        graph.constants[number(value.name)] = constant
      } else {
        graph.inputs.append(number(value.name))
      }
    }
    // Before IR version 4 constants are listed as inputs as well; a name twice is an error.
    var seen: Set<String> = []
    for info in source.inputs where !seen.insert(info.name).inserted {
      throw InferenceError(.graph, "two inputs have the name \"\(printable(info.name))\"")
    }
    guard !source.outputs.isEmpty else {
      throw InferenceError(.graph, "the graph has no outputs; export the model again")
    }
  }

  /// The nodes in an order where everything is computed before it is read (Kahn 1962).
  private func sortedNodes() throws(InferenceError) -> [Int] {
    var producer: [String: Int] = [:]
    for (index, node) in source.nodes.enumerated() {
      for output in node.outputs where !output.isEmpty {
        guard numbers[output] == nil, producer.updateValue(index, forKey: output) == nil else {
          throw InferenceError(
            .graph,
            "two nodes or inputs give the value \"\(printable(output))\"; "
              + "export the model again")
        }
      }
    }
    var waiting = [Int](repeating: 0, count: source.nodes.count)
    var readers: [[Int]] = Array(repeating: [], count: source.nodes.count)
    for (index, node) in source.nodes.enumerated() {
      for input in node.inputs + node.captures where !input.isEmpty {
        if let from = producer[input] {
          waiting[index] += 1
          readers[from].append(index)
        } else if numbers[input] == nil {
          throw InferenceError(
            .graph,
            "\(qualifiedName(node)) \"\(printable(node.name, limit: 80))\" reads "
              + "\"\(printable(input))\", which nothing gives")
        }
      }
    }
    var ready = waiting.indices.filter { waiting[$0] == 0 }
    var next = 0
    while next < ready.count {
      for reader in readers[ready[next]] {
        waiting[reader] -= 1
        if waiting[reader] == 0 { ready.append(reader) }
      }
      next += 1
    }
    guard ready.count == source.nodes.count else {
      let stuck = waiting.firstIndex { $0 > 0 } ?? 0
      throw InferenceError(
        .graph,
        "the graph has a cycle through \(qualifiedName(source.nodes[stuck])) "
          + "\"\(printable(source.nodes[stuck].name, limit: 80))\"")
    }
    return ready
  }

  private mutating func add(_ node: OnnxNode) throws(InferenceError) {
    guard let opset = model.opsets[node.domain] else {
      throw InferenceError(
        .malformed,
        "\(qualifiedName(node)) belongs to an operator set whose version the model "
          + "does not name")
    }
    let captures = node.captures
    let inputs = (node.inputs + captures).map { $0.isEmpty ? -1 : numbers[$0] ?? -1 }
    let call = OperatorCall(
      node: node, captures: captures, model: model, opset: opset,
      constants: inputs.map { $0 < 0 ? nil : graph.constants[$0] }, limits: limits)
    guard let factory = OperatorRegistry.factory(domain: node.domain, name: node.operatorType)
    else { return }
    let outputs = node.outputs.map { $0.isEmpty ? -1 : number($0) }
    do {
      let made = Graph.Node(
        call: call, kernel: try factory(call), inputs: inputs, outputs: outputs)
      if inputs.allSatisfy({ $0 < 0 || graph.constants[$0] != nil }), try fold(made) { return }
      graph.nodes.append(made)
    } catch {
      throw located(error, qualifiedName(node), node)
    }
  }

  /// Runs a node whose inputs are all constant; `false` when its outputs would be too large.
  private mutating func fold(_ node: Graph.Node) throws(KernelFault) -> Bool {
    let count = node.inputs.count + node.outputs.count
    let runner = FoldingRun(valueCount: count, limits: limits)
    for (slot, value) in node.inputs.enumerated() where value >= 0 {
      if let tensor = graph.constants[value] { runner.set(slot, tensor) }
    }
    let results: [Tensor?]
    do throws(KernelFault) {
      results = try runner.run(node)
    } catch {
      // Too large to keep: computed at run time instead, within the session's memory.
      if error.code == .limit { return false }
      throw error
    }
    for (output, tensor) in zip(node.outputs, results) where output >= 0 {
      guard let tensor else { return false }
      foldedBytes += tensor.count * tensor.elementType.strideBytes
    }
    guard foldedBytes <= limits.foldedBytesMax else { return false }
    for (output, tensor) in zip(node.outputs, results) where output >= 0 {
      graph.constants[output] = tensor
    }
    return true
  }

  private mutating func close() throws(InferenceError) {
    for info in source.outputs {
      guard let value = numbers[info.name] else {
        throw InferenceError(
          .graph, "the output \"\(printable(info.name))\" is given by no node")
      }
      guard outer != nil || !graph.outputs.contains(value) else {
        throw InferenceError(.graph, "two outputs have the name \"\(printable(info.name))\"")
      }
      graph.outputs.append(value)
    }
  }
}

/// A kernel's complaint with the place it came from.
func located(_ fault: KernelFault, _ operatorName: String, _ node: OnnxNode) -> InferenceError {
  let name = node.name.isEmpty ? node.outputs.first ?? "" : node.name
  return InferenceError(
    fault.code, "\(operatorName) \"\(printable(name, limit: 80))\": \(fault.message)",
    operatorName: fault.code == .unsupported ? fault.operatorName ?? operatorName : nil)
}

/// One node computed at load.
private struct FoldingRun {
  let frame: Frame
  private let registerOf: UnsafeMutablePointer<Int32>
  private let valueCount: Int

  init(valueCount: Int, limits: ModelLimits) {
    self.valueCount = valueCount
    registerOf = .allocate(capacity: max(valueCount, 1))
    for i in 0..<valueCount { registerOf[i] = Int32(i) }
    frame = Frame(
      valueCount: valueCount, registerOf: registerOf, registerCount: valueCount,
      bytesMax: limits.foldedBytesMax, bodyStepsMax: limits.bodyStepsMax / 10)
  }

  func set(_ slot: Int, _ tensor: Tensor) { frame.views[slot] = tensor.view }

  func run(_ node: Graph.Node) throws(KernelFault) -> [Tensor?] {
    defer { registerOf.deallocate() }
    let inputs = node.inputs.enumerated().map { $0.element < 0 ? Int32(-1) : Int32($0.offset) }
    let outputs = node.outputs.enumerated().map {
      $0.element < 0 ? Int32(-1) : Int32(node.inputs.count + $0.offset)
    }
    let result = inputs.withUnsafeBufferPointer { ins in
      outputs.withUnsafeBufferPointer { outs -> Result<[Tensor?], KernelFault> in
        guard let outBase = outs.baseAddress else { return .success([]) }
        // An empty list has no address; the outputs' one is never read through then.
        let io = NodeIO(
          frame: frame, inputs: ins.baseAddress ?? outBase, inputCount: ins.count,
          outputs: outBase, outputCount: outs.count)
        do throws(KernelFault) {
          do throws(KernelFault) {
            try node.kernel.run(io)
          } catch {
            try Widening.retry(node.kernel, io, node.call.node, after: error)
          }
          return .success(
            outs.map { $0 < 0 ? nil : Tensor(copying: frame.views[Int($0)]) })
        } catch {
          return .failure(error)
        }
      }
    }
    return try result.get()
  }
}
