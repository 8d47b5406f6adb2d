import Core

/// From bytes to a ``CompiledModel`` whose plan is one step: ONNX Runtime.
enum OnnxRuntimeCompiler {
  /// - Throws: ``InferenceError``: what our own walk over the file refuses, what ONNX Runtime
  ///   refuses, or inputs and outputs that this program has no types for.
  static func compile(
    _ file: [UInt8], runtime: OnnxRuntime, limits: ModelLimits
  ) throws(InferenceError) -> CompiledModel {
    let outline = try OnnxOutline.read(file, limits: limits)
    let zipMaps = ZipMaps(removedFrom: file, outline)
    let model = try OnnxRuntimeModel(zipMaps.file, runtime: runtime)
    var inputs: [TensorSpec] = []
    var inputShapes: [[Int?]?] = []
    for value in model.inputs {
      let (type, shape) = try tensor(value, "input")
      // ONNX Runtime gives an input without a shape as a scalar.
      let isKnown = outline.inputs.first { $0.name == value.name }?.hasShape ?? false
      inputs.append(TensorSpec(name: value.name, elementType: type, shape: shape))
      inputShapes.append(isKnown ? shape : nil)
    }
    let (outputs, positions, notes) = try outputs(of: model, outline, zipMaps)
    return CompiledModel(
      signature: Signature(inputs: inputs, outputs: outputs),
      summary: summary(outline, bytes: file.count),
      plan: plan(model, outline, outputs: positions, limits), inputShapes: inputShapes,
      backend: .onnxruntime, notes: ["ONNX Runtime \(runtime.version) runs it"] + notes)
  }

  private static func tensor(
    _ value: OnnxRuntimeModel.Value, _ side: String
  ) throws(InferenceError) -> (type: ElementType, shape: [Int?]) {
    let label = "the \(side) \"\(printable(value.name))\""
    guard let number = value.elementType else {
      throw InferenceError(
        .unsupported,
        "\(label) is a sequence, map or optional, only tensors are supported",
        operatorName: "\(side) type")
    }
    guard let type = ElementType(onnx: number) else {
      throw InferenceError(
        .unsupported,
        "\(label) has the element type \(onnxTypeName(number)), which is not supported; export "
          + "the model with \(side)s of float32", operatorName: "tensor(\(onnxTypeName(number)))")
    }
    guard let shape = value.shape else {
      throw InferenceError(
        .unsupported, "\(label) has more than \(Shape.rankMax) dimensions",
        operatorName: "\(side) rank")
    }
    return (type, shape)
  }

  /// The outputs in the order of the file, which of ONNX Runtime's each is, and what is left out.
  private static func outputs(
    of model: OnnxRuntimeModel, _ outline: OnnxOutline, _ zipMaps: ZipMaps
  ) throws(InferenceError) -> (specs: [TensorSpec], positions: [Int], notes: [String]) {
    var specs: [TensorSpec] = []
    var positions: [Int] = []
    var notes: [String] = []
    var refusal: InferenceError?
    for output in outline.outputs {
      let name = zipMaps.replacements[output.name] ?? output.name
      guard let position = model.outputs.firstIndex(where: { $0.name == name }) else {
        throw InferenceError(
          .graph, "nothing gives the output \"\(printable(output.name))\"; export the model again")
      }
      do throws(InferenceError) {
        let (type, shape) = try tensor(model.outputs[position], "output")
        specs.append(TensorSpec(name: output.name, elementType: type, shape: shape))
        positions.append(position)
      } catch {
        refusal = refusal ?? error
        notes.append("the output \"\(printable(output.name))\" is left out: \(error.message)")
      }
    }
    if specs.isEmpty {
      throw refusal ?? InferenceError(.graph, "the graph has no outputs; export the model again")
    }
    return (specs, positions, notes)
  }

  private static func plan(
    _ model: OnnxRuntimeModel, _ outline: OnnxOutline, outputs: [Int], _ limits: ModelLimits
  ) -> Plan {
    var node = OnnxNode()
    node.operatorType = "ONNX Runtime"
    node.name = outline.graphName.isEmpty ? "model" : outline.graphName
    var graph = Graph(model: OnnxModel(file: []), limits: limits)
    graph.names = model.inputs.map(\.name) + outputs.map { model.outputs[$0].name }
    graph.inputs = Array(model.inputs.indices)
    graph.outputs = outputs.indices.map { model.inputs.count + $0 }
    let call = OperatorCall(node: node, model: graph.model, opset: 1, constants: [], limits: limits)
    graph.nodes = [
      Graph.Node(
        call: call, kernel: OnnxRuntimeKernel(model: model, outputs: outputs),
        inputs: graph.inputs, outputs: graph.outputs)
    ]
    return Plan(graph)
  }

  private static func summary(_ outline: OnnxOutline, bytes: Int) -> ModelSummary {
    let producer =
      outline.producer + (outline.producerVersion.isEmpty ? "" : " " + outline.producerVersion)
    return ModelSummary(
      operators: outline.operators, nodeCount: outline.nodeCount, stepCount: 1,
      parameterCount: outline.parameterCount, fileBytes: bytes, opsets: outline.opsets,
      irVersion: outline.irVersion, producer: producer)
  }
}
