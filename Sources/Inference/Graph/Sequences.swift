import Core

/// Takes sequences of tensors apart before the graph is built, where their length is plain to see.
///
/// SequenceConstruct names the elements, so SequenceAt with a constant place is one of them and
/// ConcatFromSequence a Concat. An output `y` that is a sequence becomes outputs `y.0`, `y.1` and
/// on. That is what exporters of models with several classifiers write.
enum Sequences {
  /// - Returns: for each output of the file how many tensors it became; `nil` for a plain one.
  /// - Throws: when the elements read, all places together, are more than the nodes allowed.
  static func expand(
    _ model: inout OnnxModel, limits: ModelLimits
  ) throws(InferenceError) -> [Int?] {
    var elements: [String: [String]] = [:]
    var nodes: [OnnxNode] = []
    for node in model.graph.nodes {
      if node.domain.isEmpty, node.operatorType == "SequenceConstruct",
        let name = node.outputs.first,
        !node.inputs.contains("")
      {
        elements[name] = node.inputs
        continue
      }
      nodes.append(node)
    }
    guard !elements.isEmpty else { return model.outputs.map { _ in nil } }
    var uses = 0
    for name in nodes.flatMap({ $0.inputs }) + model.outputs.map(\.name) {
      uses += elements[name]?.count ?? 0
      guard uses <= limits.nodesMax else {
        throw InferenceError(
          .limit, "the sequences have more than \(limits.nodesMax) elements, counted at each use")
      }
    }
    let makers = model.nodes.filter { node in node.outputs.contains { elements[$0] != nil } }
    model.graph.nodes = nodes.map { expanded($0, elements, model) }
    // What is still read as a sequence stays one, and is refused by name when the graph is built.
    let read = Set(model.nodes.flatMap { $0.inputs + $0.captures })
    model.graph.nodes += makers.filter { $0.outputs.contains(where: read.contains) }
    var counts: [Int?] = []
    var outputs: [OnnxValueInfo] = []
    for info in model.outputs {
      guard let names = elements[info.name] else {
        outputs.append(info)
        counts.append(nil)
        continue
      }
      counts.append(names.count)
      for (place, name) in names.enumerated() {
        let part = "\(info.name).\(place)"
        outputs.append(OnnxValueInfo(name: part, kind: .tensor(type: 0, shape: nil)))
        model.graph.nodes.append(
          OnnxNode(name: part, operatorType: "Identity", inputs: [name], outputs: [part]))
      }
    }
    model.graph.outputs = outputs
    return counts
  }

  private static func expanded(
    _ node: OnnxNode, _ elements: [String: [String]], _ model: OnnxModel
  ) -> OnnxNode {
    guard node.domain.isEmpty, let first = node.inputs.first, let list = elements[first] else {
      return node
    }
    var result = node
    switch node.operatorType {
    case "SequenceAt":
      guard node.inputs.count == 2, let at = constant(node.inputs[1], model), at >= -list.count,
        at < list.count
      else { return node }
      result.operatorType = "Identity"
      result.inputs = [list[at < 0 ? at + list.count : at]]
    case "ConcatFromSequence":
      let stacks = node.attributes.contains {
        if $0.name == "new_axis", case .int(let flag) = $0.value { flag != 0 } else { false }
      }
      guard !stacks else { return node }
      result.operatorType = "Concat"
      result.inputs = list
    default: return node
    }
    return result
  }

  private static func constant(_ name: String, _ model: OnnxModel) -> Int? {
    var tensor = model.initializers.first { $0.name == name }?.tensor
    if let maker = model.nodes.first(where: { $0.outputs.first == name }),
      maker.operatorType == "Constant", case .tensor(let value)? = maker.attributes.first?.value
    {
      tensor = value
    }
    guard let tensor, tensor.count == 1,
      tensor.elementType == .int64 || tensor.elementType == .int32
    else { return nil }
    return indexValue(tensor.view, 0)
  }
}

/// Operators on sequences; ``Sequences`` has replaced them wherever it can.
let sequenceOperators: OperatorTable = [
  "SequenceConstruct": { call throws(KernelFault) in throw unknownLength(call) },
  "SequenceAt": { call throws(KernelFault) in throw unknownLength(call) },
  "ConcatFromSequence": { call throws(KernelFault) in throw unknownLength(call) },
]

private func unknownLength(_ call: OperatorCall) -> KernelFault {
  call.unsupported("a sequence that is not taken apart at places known at load")
}
