import Core

/// From bytes to a ``CompiledModel``: decode, build, measure, fuse, plan.
enum Compiler {
  static func compile(
    _ file: [UInt8], limits: ModelLimits, fuses: Bool
  ) throws(InferenceError) -> CompiledModel {
    var onnx = try OnnxDecoder.decode(file, limits: limits)
    let dictionaries = try Dictionaries.expand(&onnx)
    let lengths = try Sequences.expand(&onnx, limits: limits)
    var graph = try GraphBuilder.build(onnx, limits: limits)
    let infos = graph.inputs.map { value in onnx.inputs.first { $0.name == graph.names[value] } }
    let specs = try inputSpecs(infos)
    graph.dropDeadNodes()
    let facts = try Facts.measure(graph, specs)
    let keys = graph.outputs.map { graph.dictionaryKeys(of: $0) }
    if fuses, let facts { Fusion.apply(to: &graph, facts) }
    let plan = Plan(graph, renumbers: true)
    let signature = Signature(
      inputs: specs.map { TensorSpec(name: $0.name, elementType: $0.type, shape: $0.shape ?? []) },
      outputs: try outputSpecs(onnx, graph, facts))
    return CompiledModel(
      signature: signature, summary: summary(onnx, steps: plan.steps.count, bytes: file.count),
      plan: plan, inputShapes: specs.map(\.shape), outputKeys: keys,
      dictionaryInputs: dictionaries, outputLengths: lengths)
  }

  /// An input as the engine needs it.
  struct InputSpec {
    let name: String
    let type: ElementType
    /// `nil` when the file does not say.
    let shape: [Int?]?
  }

  static func inputSpecs(
    _ infos: [OnnxValueInfo?]
  ) throws(InferenceError) -> [InputSpec] {
    var specs: [InputSpec] = []
    for case let info? in infos {
      guard case .tensor(let number, let shape) = info.kind else {
        throw InferenceError(
          .unsupported,
          "the input \"\(printable(info.name))\" is a sequence, map or optional, "
            + "only tensors are supported", operatorName: "input type")
      }
      guard let type = ElementType(onnx: number) else {
        throw InferenceError(
          .unsupported,
          "the input \"\(printable(info.name))\" has the element type "
            + "\(onnxTypeName(number)), which is not supported",
          operatorName: "tensor(\(onnxTypeName(number)))")
      }
      guard (shape?.count ?? 0) <= Shape.rankMax else {
        throw InferenceError(
          .unsupported,
          "the input \"\(printable(info.name))\" has more than \(Shape.rankMax) "
            + "dimensions", operatorName: "input rank")
      }
      specs.append(InputSpec(name: info.name, type: type, shape: shape))
    }
    return specs
  }

  private static func outputSpecs(
    _ onnx: OnnxModel, _ graph: Graph, _ facts: Facts?
  ) throws(InferenceError) -> [TensorSpec] {
    var specs: [TensorSpec] = []
    for (info, value) in zip(onnx.outputs, graph.outputs) {
      let known = facts?.of(value)
      var type = known?.type ?? .float32
      var shape = known?.shape ?? []
      if case .tensor(let number, let declared) = info.kind {
        guard let wanted = ElementType(onnx: number) ?? known?.type else {
          throw InferenceError(
            .unsupported,
            "the output \"\(printable(info.name))\" has the element type "
              + "\(onnxTypeName(number)), which is not supported",
            operatorName: "tensor(\(onnxTypeName(number)))")
        }
        if let known, number != 0, wanted != known.type {
          throw InferenceError(
            .shape,
            "the output \"\(printable(info.name))\" is declared as \(wanted.rawValue), "
              + "but the graph gives \(known.type.rawValue); export the model again")
        }
        type = wanted
        // What was measured is surer than what exporters write.
        if known == nil, let declared { shape = declared }
      }
      specs.append(TensorSpec(name: info.name, elementType: type, shape: shape))
    }
    return specs
  }

  private static func summary(_ onnx: OnnxModel, steps: Int, bytes: Int) -> ModelSummary {
    var operators: [String: Int] = [:]
    var parameters = 0
    var nodes = 0
    func count(_ graph: OnnxGraph) {
      for node in graph.nodes {
        nodes += 1
        operators[qualifiedName(node), default: 0] += 1
        for attribute in node.attributes {
          if case .floats(let list) = attribute.value { parameters += list.count }
        }
        for body in node.bodies { count(body) }
      }
      for (_, tensor) in graph.initializers where tensor.elementType != .text {
        parameters += tensor.count
      }
    }
    count(onnx.graph)
    var opsets: [String: Int] = [:]
    for (domain, version) in onnx.opsets { opsets[domain.isEmpty ? "ai.onnx" : domain] = version }
    let producer = onnx.producer + (onnx.producerVersion.isEmpty ? "" : " " + onnx.producerVersion)
    return ModelSummary(
      operators: operators, nodeCount: nodes, stepCount: steps,
      parameterCount: parameters, fileBytes: bytes, opsets: opsets, irVersion: onnx.irVersion,
      producer: producer)
  }
}

/// Types and shapes of all values, found by running the graph on made-up rows.
///
/// Two runs with different row counts tell which dimensions follow the rows. Shapes that depend on
/// data come out as they are for zeros; fusions use only what both runs agree on.
struct Facts {
  struct Fact {
    let type: ElementType
    /// `nil` where the dimension differs between the runs: it follows the rows.
    let shape: [Int?]
  }

  private let facts: [Fact?]

  func of(_ value: Int) -> Fact? { value >= 0 && value < facts.count ? facts[value] : nil }

  private static let firstRows = 3
  private static let secondRows = 5

  /// - Returns: `nil` when the inputs' shapes are not known well enough to make up rows.
  /// - Throws: what the graph complains about, for rows of any content.
  static func measure(
    _ graph: Graph, _ inputs: [Compiler.InputSpec]
  ) throws(InferenceError) -> Facts? {
    guard inputs.allSatisfy({ spec in spec.shape.map { RowShape($0) != nil } ?? false }) else {
      return nil
    }
    var measured = graph
    // Every value is looked at, so none may share a register with another.
    measured.outputs = measured.nodes.flatMap(\.outputs).filter { $0 >= 0 } + graph.outputs
    let plan = Plan(measured, keepsAll: true)
    var runs: [[TensorView]] = []
    for rows in [firstRows, secondRows] {
      let frame = plan.makeFrame()
      let probe = ProbeInputs(inputs.map { ($0.type, $0.shape ?? []) }, rows: rows)
      for (value, view) in zip(graph.inputs, probe.views) { frame.views[value] = view }
      frame.isProbe = true
      do throws(InferenceError) {
        try plan.run(frame)
      } catch {
        // Integers of a fixed shape may be sizes or positions, which zeros are not.
        let mayBeSizes = inputs.contains { spec in
          (spec.type == .int64 || spec.type == .int32) && spec.shape?.first != .some(nil)
        }
        // Nor do zeros and empty texts give the shapes that real rows would.
        if mayBeSizes || graph.nodes.contains(where: \.kernel.hasDataDependentShape) { return nil }
        throw error
      }
      runs.append((0..<plan.valueCount).map { frame.views[$0] })
    }
    var computed = Set(graph.inputs)
    for node in graph.nodes
    where !node.kernel.hasDataDependentShape
      && node.inputs.allSatisfy({
        $0 < 0 || computed.contains($0) || graph.constants[$0] != nil
      })
    {
      computed.formUnion(node.outputs)
    }
    return Facts(
      facts: (0..<graph.names.count).map { value in
        if let constant = graph.constants[value] {
          return Fact(type: constant.elementType, shape: constant.shape)
        }
        let (a, b) = (runs[0][value], runs[1][value])
        guard computed.contains(value), a.shape.rank == b.shape.rank, a.type == b.type else {
          return nil
        }
        return Fact(
          type: a.type,
          shape: (0..<a.shape.rank).map { a.shape[$0] == b.shape[$0] ? a.shape[$0] : nil })
      })
  }
}

/// A declared shape whose first dimension is the rows, or that has none free.
struct RowShape {
  /// The elements of one row, or of everything when ``followsRows`` is false.
  let stride: Int
  let followsRows: Bool

  /// `nil` when a dimension other than the first is free, or the size overflows.
  init?(_ shape: [Int?]) {
    followsRows = shape.first.map { $0 == nil } ?? false
    var product = 1
    for dim in followsRows ? shape.dropFirst() : shape[...] {
      guard let dim else { return nil }
      let (next, overflow) = product.multipliedReportingOverflow(by: dim)
      if overflow || next > 1 << 40 { return nil }
      product = next
    }
    stride = product
  }

  func count(rows: Int) -> Int { followsRows ? rows * stride : stride }
}

/// Inputs of zeros and empty texts.
final class ProbeInputs {
  private(set) var views: [TensorView] = []

  init(_ inputs: [(type: ElementType, shape: [Int?])], rows: Int) {
    for (type, dims) in inputs {
      var shape = Shape()
      for dim in dims { shape.append(dim ?? rows) }
      // A shape too large is measured empty; the run then says what does not fit.
      if (shape.checkedCount ?? .max) > 1 << 28 { shape = Shape(0) }
      let bytes = max(shape.count * type.strideBytes, 64)
      let data = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
      data.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
      views.append(TensorView(data: data, type: type, shape: shape))
    }
  }

  deinit { for view in views { view.data.deallocate() } }
}
