import Core

/// Turns dense layers into 8-bit integer products, with standard operators.
///
/// Weights are symmetric 8-bit numbers with a scale for each output column, found here; inputs
/// become 8-bit numbers when the model runs, with one scale for all rows of a call
/// (DynamicQuantizeLinear). So `x W + b` becomes
/// `Cast(MatMulInteger(q(x), Wq)) * (scale_x * scale_W) + b`, where each of the two roundings is
/// off by half a step at most. Because the scale of the inputs is that of the whole call, a row's
/// answer depends a little on the rows beside it.
enum QuantizePass {
  /// Smaller layers gain nothing.
  static let weightsMin = 1_024
  /// Where DynamicQuantizeLinear came with.
  private static let opsetMin = 11

  static func apply(to site: inout OptimizationSite) throws(InferenceError) {
    guard (site.model.opsets[""] ?? 0) >= opsetMin else {
      site.notes.append("8-bit layers need operator set \(opsetMin) or later; export it again")
      return
    }
    var nodes: [OnnxDraft.Node] = []
    var names = Namer(site)
    // Layers that read the same values share their 8-bit form.
    var quantized: [String: Quantized] = [:]
    let analysis = site.facts.map { ColumnAnalysis(site.graph, $0) }
    for node in site.draft.nodes {
      guard let layer = Layer(node, site) else {
        nodes.append(node)
        continue
      }
      if let value = site.number(layer.input), let columns = analysis?.of(value),
        columns.segments.contains(where: \.isCategory)
      {
        site.notes.append(
          "\(layer.label) is left as it is: its categories are looked up, which is faster")
        nodes.append(node)
        continue
      }
      guard let integers = layer.integers() else {
        site.notes.append("\(layer.label) is left as it is: a weight is not finite")
        nodes.append(node)
        continue
      }
      if quantized[layer.input] == nil {
        let made = Quantized(
          values: names.fresh("\(layer.input)_q"), scale: names.fresh("\(layer.input)_q_scale"),
          zero: names.fresh("\(layer.input)_q_zero"))
        quantized[layer.input] = made
        nodes.append(
          Namer.node(
            "DynamicQuantizeLinear", [layer.input], [made.values, made.scale, made.zero]))
      }
      guard let input = quantized[layer.input] else { continue }
      emit(layer, integers, input, &names, &nodes, &site)
      site.changes += 1
    }
    site.draft.nodes = nodes
    site.dropUnreadConstants()
  }

  /// Adds the nodes of one layer.
  private static func emit(
    _ layer: Layer, _ integers: (weights: Tensor, scales: Tensor), _ input: Quantized,
    _ names: inout Namer, _ nodes: inout [OnnxDraft.Node], _ site: inout OptimizationSite
  ) {
    let stem = layer.output
    let weights = names.fresh("\(stem)_weights_q")
    let scales = names.fresh("\(stem)_weights_scale")
    site.draft.initializers.append((weights, integers.weights))
    site.draft.initializers.append((scales, integers.scales))
    let sums = names.fresh("\(stem)_sums")
    let floats = names.fresh("\(stem)_float")
    let steps = names.fresh("\(stem)_steps")
    nodes.append(Namer.node("MatMulInteger", [input.values, weights, input.zero], [sums]))
    var cast = Namer.node("Cast", [sums], [floats])
    cast.set(.int("to", ElementType.float32.onnxNumber))
    nodes.append(cast)
    nodes.append(Namer.node("Mul", [input.scale, scales], [steps]))
    guard let bias = layer.bias else {
      nodes.append(Namer.node("Mul", [floats, steps], [layer.output]))
      return
    }
    let scaled = names.fresh("\(stem)_scaled")
    nodes.append(Namer.node("Mul", [floats, steps], [scaled]))
    nodes.append(Namer.node("Add", [scaled, bias], [layer.output]))
  }

  /// The names of a value's 8-bit form.
  private struct Quantized {
    let values: String
    let scale: String
    let zero: String
  }

  /// Gives names that are not taken.
  private struct Namer {
    private var taken: Set<String>

    init(_ site: OptimizationSite) {
      taken = Set(site.draft.initializers.map(\.name) + site.draft.inputs.map(\.name))
      for node in site.draft.nodes { taken.formUnion(node.outputs) }
    }

    mutating func fresh(_ stem: String) -> String {
      var name = stem
      var number = 1
      while !taken.insert(name).inserted {
        number += 1
        name = "\(stem)_\(number)"
      }
      return name
    }

    static func node(
      _ type: String, _ inputs: [String], _ outputs: [String]
    ) -> OnnxDraft.Node {
      OnnxDraft.Node(
        name: outputs[0], operatorType: type, inputs: inputs, outputs: outputs)
    }
  }

  /// A dense layer with constant weights.
  struct Layer {
    let label: String
    let input: String
    let output: String
    /// The name of the constant row that is added.
    let bias: String?
    private let weights: Tensor
    private let isTransposed: Bool

    init?(_ node: OnnxDraft.Node, _ site: OptimizationSite) {
      guard node.isOperator("MatMul") || node.isOperator("Gemm"), node.inputs.count >= 2,
        node.outputs.count == 1, site.tableWidth(node.inputs[0]) != nil,
        let made = site.graphNode(node), let weights = site.constant(node.inputs[1]),
        weights.elementType == .float32, weights.shape.count == 2,
        weights.count >= QuantizePass.weightsMin
      else { return nil }
      let isGemm = node.operatorType == "Gemm"
      if isGemm {
        let isPlain =
          (try? made.call.int("transA", default: 0)) == 0
          && (try? made.call.float("alpha", default: 1)) == 1
          && (try? made.call.float("beta", default: 1)) == 1
        guard isPlain else { return nil }
      }
      isTransposed = isGemm && ((try? made.call.int("transB", default: 0)) ?? 0) != 0
      label = made.label
      input = node.inputs[0]
      output = node.outputs[0]
      bias = isGemm && node.inputs.count > 2 && !node.inputs[2].isEmpty ? node.inputs[2] : nil
      self.weights = weights
    }

    /// The weights as 8-bit integers, a row for each input, and the scale of each column.
    func integers() -> (weights: Tensor, scales: Tensor)? {
      let values = weights.elements(Float.self)
      let depth = weights.shape[isTransposed ? 1 : 0]
      let columns = weights.shape[isTransposed ? 0 : 1]
      guard values.allSatisfy(\.isFinite) else { return nil }
      func at(_ row: Int, _ column: Int) -> Float {
        values[isTransposed ? column * depth + row : row * columns + column]
      }
      let scales = (0..<columns).map { column -> Float in
        let largest = (0..<depth).reduce(Float(0)) { max($0, abs(at($1, column))) }
        // A column of zeros has any scale; the least numbers would underflow.
        return max(largest / 127, .leastNormalMagnitude)
      }
      let made = Tensor(.int8, Shape(depth, columns)) { base in
        let to = base.bindMemory(to: Int8.self, capacity: max(depth * columns, 1))
        for row in 0..<depth {
          for column in 0..<columns {
            let step = (at(row, column) / scales[column]).rounded(.toNearestOrEven)
            to[row * columns + column] = Int8(max(-127, min(127, step)))
          }
        }
      }
      guard let row = try? Tensor(floats: scales, shape: [columns]) else { return nil }
      return (made, row)
    }
  }
}

extension Columns.Segment {
  /// Whether it is a category and not a number.
  fileprivate var isCategory: Bool {
    if case .oneHot = kind { return true }
    return false
  }
}
