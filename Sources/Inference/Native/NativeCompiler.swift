import Core

/// The formats of tree libraries that are read as they are.
enum NativeFormat {
  case xgboostJSON
  case xgboostUBJSON
  case lightGBMText

  /// Recognises a file by its first bytes, or returns `nil`.
  init?(_ file: [UInt8]) {
    let start = file.prefix(4_096)
    if start.starts(with: "tree\n".utf8) || start.starts(with: "tree\r\n".utf8) {
      self = .lightGBMText
      return
    }
    let blanks: [UInt8] = [0x20, 0x09, 0x0A, 0x0D]
    let mark = start.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    let text = start[mark...].drop { blanks.contains($0) }
    guard text.first == UInt8(ascii: "{") else { return nil }
    let rest = text.dropFirst().drop { blanks.contains($0) }
    // UBJSON gives the length of a key; JSON begins it with a quote.
    switch rest.first {
    case UInt8(ascii: "L"), UInt8(ascii: "l"), UInt8(ascii: "i"), UInt8(ascii: "U"),
      UInt8(ascii: "I"), UInt8(ascii: "#"), UInt8(ascii: "$"):
      self = .xgboostUBJSON
    case UInt8(ascii: "\""):
      // Other libraries write JSON too; XGBoost's begins with this key, but for the version.
      guard String(decoding: start, as: UTF8.self).contains("\"learner\"") else { return nil }
      self = .xgboostJSON
    default: return nil
    }
  }
}

/// From a tree library's own file to a ``CompiledModel``: decode, make sense of it, lay out.
enum NativeCompiler {
  static func compile(
    _ file: [UInt8], format: NativeFormat, limits: ModelLimits
  ) throws(InferenceError) -> CompiledModel {
    var (model, budget) = try decode(file, format, limits, readsCovers: false)
    return try plan(model, &budget, limits, fileBytes: file.count)
  }

  /// - Parameter readsCovers: whether to read what explanations need.
  static func decode(
    _ file: [UInt8], _ format: NativeFormat, _ limits: ModelLimits, readsCovers: Bool
  ) throws(InferenceError) -> (NativeModel, AllocationBudget) {
    guard file.count <= limits.fileBytesMax else {
      throw InferenceError(
        .limit,
        "the model file has \(file.count) bytes, the limit is \(limits.fileBytesMax)")
    }
    // Typed errors do not pass through the closure.
    let result = file.withUnsafeBytes {
      bytes -> Result<NativeModel, InferenceError> in
      do throws(InferenceError) {
        return .success(try read(bytes, format, limits, readsCovers))
      } catch {
        return .failure(error)
      }
    }
    let model = try result.get()
    // Laying trees out may take as much again as decoding them.
    return (model, AllocationBudget(fileBytes: file.count))
  }

  private static func read(
    _ bytes: UnsafeRawBufferPointer, _ format: NativeFormat, _ limits: ModelLimits,
    _ readsCovers: Bool
  ) throws(InferenceError) -> NativeModel {
    switch format {
    case .xgboostJSON:
      let reader = JSONReader(bytes, limits: limits)
      return try XGBoostModel.build(
        try XGBoostDecoder.decode(reader, limits: limits, readsCovers: readsCovers).0)
    case .xgboostUBJSON:
      let reader = UBJSONReader(bytes, limits: limits)
      return try XGBoostModel.build(
        try XGBoostDecoder.decode(reader, limits: limits, readsCovers: readsCovers).0)
    case .lightGBMText:
      return try LightGBMModel.build(
        try LightGBMDecoder.decode(bytes, limits: limits, readsCovers: readsCovers).0)
    }
  }

  /// Lays the model out: a plan of one step, so that sessions treat it like any other.
  private static func plan(
    _ model: NativeModel, _ budget: inout AllocationBudget, _ limits: ModelLimits, fileBytes: Int
  ) throws(InferenceError) -> CompiledModel {
    let kernel: any Kernel
    let parameterCount: Int
    let nodeCount: Int
    switch model.body {
    case .trees(let trees):
      let made = try BoostedTreesKernel(model, trees, limits: limits, &budget)
      (kernel, parameterCount, nodeCount) = (made, made.parameterCount, trees.nodes.count)
    case .linear(let booster):
      kernel = LinearBoosterKernel(model, booster)
      (parameterCount, nodeCount) = (booster.weights.count, 1)
    }
    return assemble(
      model, kernel, parameterCount: parameterCount, nodeCount: nodeCount, limits,
      fileBytes: fileBytes)
  }

  /// The compiled model around the one kernel.
  static func assemble(
    _ model: NativeModel, _ kernel: any Kernel, parameterCount: Int, nodeCount: Int,
    _ limits: ModelLimits, fileBytes: Int
  ) -> CompiledModel {
    let outputs = outputSpecs(model)
    let onnx = OnnxModel(file: [])
    let node = OnnxNode(
      name: "model", operatorType: model.operatorName, inputs: [inputName],
      outputs: outputs.map(\.name))
    var graph = Graph(model: onnx, limits: limits)
    graph.names = [inputName] + outputs.map(\.name)
    graph.inputs = [0]
    graph.outputs = Array(1...outputs.count)
    graph.nodes = [
      Graph.Node(
        call: OperatorCall(node: node, model: onnx, opset: 1, constants: [nil], limits: limits),
        kernel: kernel, inputs: [0], outputs: graph.outputs)
    ]
    let input = inputSpec(model)
    return CompiledModel(
      signature: Signature(inputs: [input], outputs: outputs),
      summary: ModelSummary(
        operators: [model.operatorName: 1], nodeCount: nodeCount, stepCount: 1,
        parameterCount: parameterCount, fileBytes: fileBytes, opsets: [:], irVersion: 0,
        producer: model.producer),
      plan: Plan(graph), inputShapes: [input.shape], columnNames: columnNames(model))
  }

  /// The one input: rows of features.
  static func inputSpec(_ model: NativeModel) -> TensorSpec {
    TensorSpec(
      name: inputName, elementType: model.isSinglePrecision ? .float32 : .float64,
      shape: [nil, model.featureCount])
  }

  /// The features' names; `nil` when the file has none for every column or one comes twice.
  static func columnNames(_ model: NativeModel) -> [String]? {
    let names = model.featureNames
    let isUsable =
      !names.isEmpty && names.count == model.featureCount && Set(names).count == names.count
      && names.allSatisfy { !$0.isEmpty }
    return isUsable ? names : nil
  }

  /// The one input, named as the converters of these libraries' own examples do.
  private static let inputName = "input"

  private static func outputSpecs(_ model: NativeModel) -> [TensorSpec] {
    switch model.answer {
    case .numbers(let name):
      return [TensorSpec(name: name, elementType: .float32, shape: [nil, model.groups])]
    case .classes:
      return [
        TensorSpec(name: "label", elementType: .int64, shape: [nil]),
        TensorSpec(
          name: "probabilities", elementType: .float32, shape: [nil, max(model.groups, 2)]),
      ]
    case .labels:
      return [
        TensorSpec(name: "label", elementType: .int64, shape: [nil, model.groups]),
        TensorSpec(name: "probabilities", elementType: .float32, shape: [nil, model.groups]),
      ]
    }
  }
}
