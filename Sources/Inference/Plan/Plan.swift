import Core

/// A compiled graph: kernels in order, and which register each value lives in.
///
/// `@unchecked Sendable`: the tables are written only before `init` returns.
final class Plan: @unchecked Sendable {
  struct Step {
    let kernel: any Kernel
    let inputs: UnsafePointer<Int32>
    let inputCount: Int
    let outputs: UnsafePointer<Int32>
    let outputCount: Int
  }

  let steps: [Step]
  let labels: [(operatorName: String, node: OnnxNode)]
  let constants: [(value: Int, tensor: Tensor)]
  let inputs: [Int]
  let outputs: [Int]
  let valueCount: Int
  let registerOf: UnsafePointer<Int32>
  let registerCount: Int
  let scratchBytesMax: Int
  let bodyStepsMax: Int
  private let table: UnsafeMutablePointer<Int32>

  /// Lays out a graph.
  ///
  /// Nodes nobody needs are dropped; registers are given out by lifetime
  /// (linear scan, Poletto & Sarkar 1999), outputs keep theirs to the end.
  /// - Parameters:
  ///   - keepsAll: every value keeps its register, for a run that looks at all of them.
  ///   - renumbers: values get new numbers, so that frames hold no room for those that fusions
  ///     left without use; ``inputs`` and ``outputs`` are then not the graph's numbers.
  init(_ source: Graph, keepsAll: Bool = false, renumbers: Bool = false) {
    var graph = source
    if !keepsAll {
      graph.separateOutputsFromInputs()
      graph.dropDeadNodes()
      if renumbers { graph.dropUnusedValues() }
    }
    valueCount = graph.names.count
    inputs = graph.inputs
    outputs = graph.outputs
    scratchBytesMax = graph.limits.scratchBytesMax
    bodyStepsMax = graph.limits.bodyStepsMax
    let registers = RegisterAllocation(graph)
    registerCount = registers.count
    let slots = graph.nodes.reduce(0) { $0 + $1.inputs.count + $1.outputs.count }
    table = .allocate(capacity: slots + valueCount + 1)
    for value in 0..<valueCount { table[value] = Int32(registers.registerOf[value]) }
    registerOf = UnsafePointer(table)
    var next = table + valueCount
    var steps: [Step] = []
    for node in graph.nodes {
      let ins = next
      for (i, value) in node.inputs.enumerated() { ins[i] = Int32(value) }
      let outs = ins + node.inputs.count
      for (i, value) in node.outputs.enumerated() { outs[i] = Int32(value) }
      next = outs + node.outputs.count
      steps.append(
        Step(
          kernel: node.kernel, inputs: ins, inputCount: node.inputs.count, outputs: outs,
          outputCount: node.outputs.count))
    }
    self.steps = steps
    labels = graph.nodes.map { (qualifiedName($0.call.node), $0.call.node) }
    var read = Set(graph.outputs)
    for node in graph.nodes { read.formUnion(node.inputs) }
    constants = graph.constants.filter { read.contains($0.key) }
      .map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }
  }

  deinit { table.deallocate() }

  /// Memory for one session, with the constants in place.
  func makeFrame() -> Frame {
    let frame = Frame(
      valueCount: valueCount, registerOf: registerOf, registerCount: registerCount,
      bytesMax: scratchBytesMax, bodyStepsMax: bodyStepsMax)
    for (value, tensor) in constants { frame.views[value] = tensor.view }
    return frame
  }

  /// Computes everything once from the inputs in the frame.
  func run(_ frame: Frame) throws(InferenceError) {
    frame.beginRun()
    try runSteps(frame)
  }

  /// The same for a body, whose texts and limits are those of the whole run.
  func runSteps(_ frame: Frame) throws(InferenceError) {
    for index in steps.indices {
      let step = steps[index]
      let io = NodeIO(
        frame: frame, inputs: step.inputs, inputCount: step.inputCount, outputs: step.outputs,
        outputCount: step.outputCount)
      do {
        try step.kernel.run(io)
      } catch {
        try recover(error, index, io)
      }
    }
  }

  /// Tries a step another way, or says where its complaint came from.
  private func recover(
    _ fault: KernelFault, _ index: Int, _ io: NodeIO
  ) throws(InferenceError) {
    do throws(KernelFault) {
      try Widening.retry(steps[index].kernel, io, labels[index].node, after: fault)
    } catch {
      throw located(error, labels[index].operatorName, labels[index].node)
    }
  }
}

extension Graph {
  /// Drops nodes whose outputs nobody reads.
  mutating func dropDeadNodes() {
    var needed = Set(outputs)
    var kept: [Node] = []
    for node in nodes.reversed() where node.outputs.contains(where: needed.contains) {
      var node = node
      node.outputs = node.outputs.map { needed.contains($0) ? $0 : -1 }
      needed.formUnion(node.inputs)
      kept.append(node)
    }
    nodes = kept.reversed()
  }

  /// Numbers the values that are left anew, so that a frame holds no room for the others.
  mutating func dropUnusedValues() {
    var isUsed = [Bool](repeating: false, count: names.count)
    for value in inputs + outputs { isUsed[value] = true }
    for node in nodes {
      for value in node.inputs where value >= 0 { isUsed[value] = true }
      for value in node.outputs where value >= 0 { isUsed[value] = true }
    }
    var numbers = [Int](repeating: -1, count: names.count)
    var kept: [String] = []
    for value in names.indices where isUsed[value] {
      numbers[value] = kept.count
      kept.append(names[value])
    }
    names = kept
    inputs = inputs.map { numbers[$0] }
    outputs = outputs.map { numbers[$0] }
    for index in nodes.indices {
      nodes[index].inputs = nodes[index].inputs.map { $0 < 0 ? -1 : numbers[$0] }
      nodes[index].outputs = nodes[index].outputs.map { $0 < 0 ? -1 : numbers[$0] }
    }
    var left: [Int: Tensor] = [:]
    for (value, tensor) in constants where isUsed[value] { left[numbers[value]] = tensor }
    constants = left
  }

  /// The value whose memory `value` may be a view of, through any number of nodes.
  func aliasRoots() -> [Int] {
    var roots = Array(names.indices)
    for node in nodes {
      if let input = node.kernel.aliasedInput, let output = node.outputs.first, output >= 0,
        input < node.inputs.count, node.inputs[input] >= 0
      {
        roots[output] = roots[node.inputs[input]]
      }
    }
    return roots
  }

  /// Outputs must not lie in a caller's input memory or in a constant's name: they get copies.
  mutating func separateOutputsFromInputs() {
    let roots = aliasRoots()
    let given = Set(inputs)
    for (index, output) in outputs.enumerated() where given.contains(roots[output]) {
      guard let call = nodes.last(where: { $0.outputs.contains(output) })?.call ?? nodes.first?.call
      else { continue }
      names.append(names[output])
      let copy = names.count - 1
      nodes.append(Node(call: call, kernel: CopyKernel(), inputs: [output], outputs: [copy]))
      outputs[index] = copy
    }
  }
}

/// Which register holds which value.
struct RegisterAllocation {
  private(set) var registerOf: [Int]
  private(set) var count = 0

  init(_ graph: Graph) {
    registerOf = Array(repeating: -1, count: graph.names.count)
    let roots = graph.aliasRoots()
    var lastUse = Array(repeating: -1, count: graph.names.count)
    for (index, node) in graph.nodes.enumerated() {
      for value in node.inputs + node.outputs where value >= 0 { lastUse[roots[value]] = index }
      // A kernel may copy where it could alias, so the value itself lives as long as its views.
      for value in node.inputs where value >= 0 { lastUse[value] = max(lastUse[value], index) }
    }
    for output in graph.outputs {
      lastUse[output] = .max
      lastUse[roots[output]] = .max
    }
    // A value that may be a view keeps a register of its own while its root lives.
    for value in graph.names.indices { lastUse[value] = max(lastUse[value], lastUse[roots[value]]) }
    var free: [Int] = []
    // For each node the registers that nothing reads after the node before it.
    var freedAt: [[Int]] = Array(repeating: [], count: graph.nodes.count + 1)
    for (index, node) in graph.nodes.enumerated() {
      free += freedAt[index]
      for value in node.outputs where value >= 0 {
        let register: Int
        if let reused = free.popLast() {
          register = reused
        } else {
          register = count
          count += 1
        }
        registerOf[value] = register
        let until = max(lastUse[value], index)
        if until < graph.nodes.count { freedAt[until + 1].append(register) }
      }
    }
  }
}
