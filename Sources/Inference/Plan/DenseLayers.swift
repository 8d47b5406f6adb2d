internal import CKernels
import Core
import Glibc

/// What a dense layer does to its sums at the end.
enum Activation: Sendable {
  case none, relu, sigmoid, tanh

  /// The activation that an operator is, or `nil`.
  init?(_ node: OnnxNode) {
    guard node.domain.isEmpty else { return nil }
    switch node.operatorType {
    case "Relu": self = .relu
    case "Sigmoid": self = .sigmoid
    case "Tanh": self = .tanh
    default: return nil
    }
  }

  /// Applies what the kernel has not done already, with the operators' own functions.
  func finish(_ values: UnsafeMutablePointer<Float>, _ count: Int) {
    switch self {
    case .none, .relu: return
    case .sigmoid: for i in 0..<count { values[i] = Inference.sigmoid(values[i]) }
    case .tanh: for i in 0..<count { values[i] = tanhf(values[i]) }
    }
  }
}

/// Rows times constant weights plus a constant row, then an activation.
struct DenseLayer: Sendable {
  let weights: PackedWeights
  /// `nil`: nothing is added.
  var bias: PaddedVector?
  var activation = Activation.none
}

/// One dense layer, or several of which each reads only the one before.
///
/// Rows go through all layers in blocks, so that what passes between layers stays in the nearest
/// caches. A row's result does not depend on the block it is in.
///
/// `@unchecked Sendable`: written only before `init` returns.
final class DenseKernel: Kernel, @unchecked Sendable {
  /// The rows of a block: those that the C kernel takes together.
  private static let blockRows = 32

  private struct Step {
    let panels: UnsafeMutablePointer<Float>
    let bias: UnsafeMutablePointer<Float>
    let depth: Int
    let columns: Int
    let activation: Activation
  }

  let layers: [DenseLayer]
  /// When set, the input is assembled columns: places and values.
  let assembled: AssembledRows?
  private let zeros: PaddedVector
  private let steps: UnsafeMutablePointer<Step>
  /// Floats of scratch memory for the C kernel, and of a row between layers.
  private let workFloats: Int
  private let rowFloats: Int

  convenience init(weights: PackedWeights, bias: [Float]?) {
    self.init([DenseLayer(weights: weights, bias: bias.map { PaddedVector($0) })])
  }

  /// - Precondition: there is at least one layer.
  init(_ layers: [DenseLayer], assembled: AssembledRows? = nil) {
    precondition(!layers.isEmpty, "a dense step has layers")
    self.layers = layers
    self.assembled = assembled
    let widest = layers.map(\.weights.columns).max() ?? 0
    zeros = PaddedVector(Array(repeating: 0, count: widest))
    steps = .allocate(capacity: layers.count)
    for (i, layer) in layers.enumerated() {
      (steps + i).initialize(
        to: Step(
          panels: layer.weights.panels, bias: (layer.bias ?? zeros).pointer,
          depth: layer.weights.depth, columns: layer.weights.columns,
          activation: layer.activation))
    }
    workFloats =
      layers.map { (sluice_dense_scratch_bytes($0.weights.depth) + 63) / 64 * 16 }
      .max() ?? 0
    rowFloats = layers.dropLast().map(\.weights.columns).max() ?? 0
  }

  deinit { steps.deallocate() }

  /// The columns of the input.
  var depth: Int { layers[0].weights.depth }

  /// The same layers reading assembled columns.
  func reading(_ rows: AssembledRows) -> DenseKernel { DenseKernel(layers, assembled: rows) }

  func run(_ io: NodeIO) throws(KernelFault) {
    let count = layers.count
    let first = steps[0]
    let columns = steps[count - 1].columns
    var x: UnsafePointer<Float>?
    let rows: Int
    let out: UnsafeMutablePointer<Float>
    if let assembled {
      rows = try assembled.rows(io)
      out = try io.output(0, .float32, Shape(rows, columns), as: Float.self)
    } else {
      let (values, old) = try io.input(0, .float32, as: Float.self)
      guard old.rank >= 1, old[old.rank - 1] == first.depth else {
        throw KernelFault(
          .shape,
          "the input \(old.list) does not fit the weights [\(first.depth), \(first.columns)]")
      }
      x = UnsafePointer(values)
      rows = old.product(0, old.rank - 1)
      var shape = old
      shape[old.rank - 1] = columns
      out = try io.output(0, .float32, shape, as: Float.self)
    }
    let block = min(rows, DenseKernel.blockRows)
    let work = try io.scratch(workFloats + 2 * block * rowFloats, of: Float.self)
    var row = 0
    while row < rows {
      let here = min(rows - row, block)
      // Two halves take turns between the layers.
      var next = work + workFloats
      var other = next + block * rowFloats
      var to = count == 1 ? out + row * columns : next
      if let assembled {
        try assembled.multiply(
          io, row..<(row + here), layers[0].weights, first.bias, relu: first.activation == .relu,
          to)
      } else if let x {
        multiply(first, x + row * first.depth, here, work, to)
      }
      first.activation.finish(to, here * first.columns)
      var layer = 1
      while layer < count {
        let from = UnsafePointer(to)
        swap(&next, &other)
        to = layer == count - 1 ? out + row * columns : next
        multiply(steps[layer], from, here, work, to)
        steps[layer].activation.finish(to, here * steps[layer].columns)
        layer += 1
      }
      row += here
    }
  }

  @inline(__always)
  private func multiply(
    _ step: Step, _ x: UnsafePointer<Float>, _ rows: Int, _ work: UnsafeMutablePointer<Float>,
    _ out: UnsafeMutablePointer<Float>
  ) {
    sluice_dense(
      x, rows, step.depth, step.depth, step.panels, step.bias, step.columns,
      step.activation == .relu ? 1 : 0, work, out)
  }
}

extension Fusion {
  /// MatMul or Gemm, then Add of a constant row, then an activation become one dense layer; layers
  /// that follow one another become one step.
  static func mergeDense(_ graph: inout Graph) {
    let readCount = readers(graph)
    var producer: [Int: Int] = [:]
    var merged: Set<Int> = []
    for index in graph.nodes.indices {
      let node = graph.nodes[index]
      if let output = node.outputs.first, output >= 0 { producer[output] = index }
      for (side, input) in node.inputs.enumerated() where input >= 0 && readCount[input] == 1 {
        guard let from = producer[input], let dense = graph.nodes[from].kernel as? DenseKernel,
          let grown = grow(dense, node, side, graph)
        else { continue }
        graph.nodes[index].kernel = grown
        graph.nodes[index].inputs = graph.nodes[from].inputs.prefix(1).map { $0 }
        merged.insert(from)
        break
      }
    }
    graph.nodes = graph.nodes.indices.filter { !merged.contains($0) }.map { graph.nodes[$0] }
  }

  /// The layers with this node's work taken in, if it is of that kind.
  private static func grow(
    _ dense: DenseKernel, _ node: Graph.Node, _ side: Int, _ graph: Graph
  ) -> DenseKernel? {
    var layers = dense.layers
    let last = layers.count - 1
    if let next = node.kernel as? DenseKernel {
      guard side == 0, next.depth == layers[last].weights.columns else { return nil }
      return DenseKernel(layers + next.layers)
    }
    guard layers[last].activation == .none else { return nil }
    if let activation = Activation(node.call.node) {
      layers[last].activation = activation
      return DenseKernel(layers)
    }
    guard node.call.node.domain.isEmpty, node.call.node.operatorType == "Add",
      node.inputs.count == 2, layers[last].bias == nil,
      let row = graph.constants[node.inputs[1 - side]], row.elementType == .float32,
      row.count == layers[last].weights.columns, row.dims.rank <= 2,
      row.dims.rank == 0 || row.dims[row.dims.rank - 1] == layers[last].weights.columns
    else { return nil }
    layers[last].bias = PaddedVector(Array(row.elements(Float.self)))
    return DenseKernel(layers)
  }
}
