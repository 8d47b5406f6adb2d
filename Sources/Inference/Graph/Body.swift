import Core

/// A graph nested in a node (If, Loop, Scan), ready to run in a frame of its own.
///
/// Values from the graphs around it come as extra inputs of the node, after those the file lists;
/// those known at load are constants of the body.
final class Body: Sendable {
  let plan: Plan
  /// The values of the inputs the body declares.
  let inputs: [Int]
  /// What the file says of its inputs and outputs.
  let inputInfos: [OnnxValueInfo]
  let outputInfos: [OnnxValueInfo]
  /// Whether the shapes of its outputs depend on the elements of its inputs.
  let hasDataDependentShape: Bool
  /// Which input of the node goes to which value of the body.
  private let captured: [Capture]

  private struct Capture: Sendable {
    let input: Int
    let value: Int
  }

  init(_ source: OnnxGraph, _ call: OperatorCall) throws(InferenceError) {
    let free = Set(source.freeNames)
    let first = call.node.inputs.count
    var outer: [OuterValue] = []
    for (index, name) in call.captures.enumerated() where free.contains(name) {
      outer.append(OuterValue(name: name, constant: call.constant(first + index)))
    }
    var graph = try GraphBuilder.build(
      call.model, body: source, outer: outer, limits: call.limits)
    graph.separateOutputs(from: graph.inputs, call)
    // Inputs that are initializers as well (an old custom) are constants.
    let constants = Set(source.initializers.map(\.name))
    inputInfos = source.inputs.filter { !constants.contains($0.name) }
    outputInfos = source.outputs
    plan = Plan(graph)
    // The plan may number values anew; the order of its inputs stays.
    inputs = Array(plan.inputs.prefix(inputInfos.count))
    var captured: [Capture] = []
    for (old, value) in zip(graph.inputs, plan.inputs).dropFirst(inputInfos.count) {
      if let index = call.captures.firstIndex(of: graph.names[old]) {
        captured.append(Capture(input: first + index, value: value))
      }
    }
    self.captured = captured
    hasDataDependentShape = graph.nodes.contains(where: \.kernel.hasDataDependentShape)
  }

  /// The frame to run in, with the values from outside in place.
  func frame(_ io: NodeIO, extraRegisters: Int = 0) -> Frame {
    let frame = io.frame.child(of: plan, extraRegisters: extraRegisters)
    // By index: an array's iterator takes heap memory in debug builds, which tests count.
    for i in captured.indices {
      frame.views[captured[i].value] = io.frame.views[Int(io.inputs[captured[i].input])]
    }
    return frame
  }

  /// Computes the outputs from the inputs that are in the frame.
  func run(_ frame: Frame) throws(KernelFault) {
    try frame.takeBodySteps(plan.steps.count + 1)
    do throws(InferenceError) {
      try plan.runSteps(frame)
    } catch {
      throw KernelFault(error)
    }
  }

  /// Output `index` of the last run.
  func output(_ index: Int, _ frame: Frame) -> TensorView { frame.views[plan.outputs[index]] }

  /// What an output that was never computed looks like, stacked: no elements.
  func emptyStack(_ index: Int, axis: Int) -> (type: ElementType, shape: Shape) {
    guard case .tensor(let number, let dims) = outputInfos[index].kind else {
      return (.float32, Shape(0))
    }
    var shape = Shape()
    for dim in (dims ?? []).prefix(Shape.rankMax - 1) { shape.append(dim ?? 0) }
    return (ElementType(onnx: number) ?? .float32, shape.inserting(0, at: min(axis, shape.rank)))
  }
}

extension Graph {
  /// Outputs that are one of `values` itself become copies of it.
  fileprivate mutating func separateOutputs(from values: [Int], _ call: OperatorCall) {
    for (index, output) in outputs.enumerated() where values.contains(output) {
      names.append(names[output])
      let copy = names.count - 1
      nodes.append(Node(call: call, kernel: CopyKernel(), inputs: [output], outputs: [copy]))
      outputs[index] = copy
    }
  }
}

extension Shape {
  /// With one more dimension before `axis`.
  /// - Precondition: fewer than ``rankMax`` dimensions.
  func inserting(_ size: Int, at axis: Int) -> Shape {
    var result = Shape()
    for d in 0..<axis { result.append(self[d]) }
    result.append(size)
    for d in axis..<Swift.max(rank, axis) { result.append(self[d]) }
    return result
  }

  /// Without the dimension `axis`.
  func removing(_ axis: Int) -> Shape {
    var result = Shape()
    for d in 0..<rank where d != axis { result.append(self[d]) }
    return result
  }
}
