import Core

/// Softmax and its kin, batch and layer normalization.
let normalizationOperators: OperatorTable = [
  "Softmax": { call throws(KernelFault) in try SoftmaxKernel(call, .soft) },
  "LogSoftmax": { call throws(KernelFault) in try SoftmaxKernel(call, .logarithm) },
  "Hardmax": { call throws(KernelFault) in try SoftmaxKernel(call, .hard) },
  "BatchNormalization": { call throws(KernelFault) in
    guard try call.int("training_mode", default: 0) == 0 else {
      throw call.unsupported("BatchNormalization in training mode")
    }
    return BatchNormalizationKernel(epsilon: try call.float("epsilon", default: 1e-5))
  },
  "LayerNormalization": { call throws(KernelFault) in
    LayerNormalizationKernel(
      axis: try call.int("axis", default: -1), epsilon: try call.float("epsilon", default: 1e-5))
  },
]

/// Softmax, its logarithm, or a one at the maximum.
struct SoftmaxKernel: Kernel {
  enum Form: Sendable { case soft, logarithm, hard }

  let axis: Int
  let form: Form
  /// Before opset 13 the input counts as two dimensions, cut at the axis.
  let flattens: Bool

  init(_ call: OperatorCall, _ form: Form) throws(KernelFault) {
    flattens = call.opset < 13
    axis = try call.int("axis", default: flattens ? 1 : -1)
    self.form = form
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    switch try io.input(0).type {
    case .float32: try go(io, Float.self)
    case .float64: try go(io, Double.self)
    default: throw unsupportedElement(try io.input(0).type)
    }
  }

  private func go<T: RealElement>(_ io: NodeIO, _: T.Type) throws(KernelFault) {
    let (x, shape) = try io.input(0, T.elementType, as: T.self)
    let out = try io.output(0, T.elementType, shape, as: T.self)
    if shape.rank == 0 {
      out[0] = form == .logarithm ? 0 : 1
      return
    }
    let axis = try shape.axis(self.axis)
    let inner = flattens ? 1 : shape.product(axis + 1, shape.rank)
    let size = flattens ? shape.product(axis, shape.rank) : shape[axis]
    if size == 0 { return }
    for row in 0..<shape.product(0, axis) {
      for column in 0..<inner {
        let base = row * size * inner + column
        apply(x + base, out + base, size, inner)
      }
    }
  }

  private func apply<T: RealElement>(
    _ x: UnsafeMutablePointer<T>, _ out: UnsafeMutablePointer<T>, _ size: Int, _ step: Int
  ) {
    var top = x[0]
    var at = 0
    for i in 1..<size where x[i * step] > top {
      top = x[i * step]
      at = i
    }
    if form == .hard {
      for i in 0..<size { out[i * step] = i == at ? 1 : 0 }
      return
    }
    var sum: T = 0
    for i in 0..<size {
      let value = T.exp(x[i * step] - top)
      sum += value
      out[i * step] = form == .logarithm ? x[i * step] - top : value
    }
    if form == .logarithm {
      let shift = T.log(sum)
      for i in 0..<size { out[i * step] -= shift }
    } else {
      for i in 0..<size { out[i * step] /= sum }
    }
  }
}

/// (x - mean) / sqrt(variance + epsilon) * scale + shift for each channel (dimension 1).
struct BatchNormalizationKernel: Kernel {
  let epsilon: Float

  func run(_ io: NodeIO) throws(KernelFault) {
    switch try io.input(0).type {
    case .float32: try go(io, Float.self)
    case .float64: try go(io, Double.self)
    default: throw unsupportedElement(try io.input(0).type)
    }
  }

  private func go<T: RealElement>(_ io: NodeIO, _: T.Type) throws(KernelFault) {
    let (x, shape) = try io.input(0, T.elementType, as: T.self)
    let channels = shape.rank > 1 ? shape[1] : 1
    var parameters: [UnsafeMutablePointer<T>] = []
    parameters.reserveCapacity(4)
    for i in 1...4 {
      let (values, list) = try io.input(i, T.elementType, as: T.self)
      guard list.count == channels else {
        throw KernelFault(.shape, "input \(i) has \(list.count) values for \(channels) channels")
      }
      parameters.append(values)
    }
    let out = try io.output(0, T.elementType, shape, as: T.self)
    let inner = shape.product(2, shape.rank)
    for row in 0..<(shape.rank > 0 ? shape[0] : 1) {
      for c in 0..<channels {
        let factor = parameters[0][c] / (parameters[3][c] + T(epsilon)).squareRoot()
        for i in 0..<inner {
          let at = (row * channels + c) * inner + i
          out[at] = (x[at] - parameters[2][c]) * factor + parameters[1][c]
        }
      }
    }
  }
}

/// Normalizes everything from an axis on, then scales and shifts.
struct LayerNormalizationKernel: Kernel {
  let axis: Int
  let epsilon: Float

  func run(_ io: NodeIO) throws(KernelFault) {
    switch try io.input(0).type {
    case .float32: try go(io, Float.self)
    case .float64: try go(io, Double.self)
    default: throw unsupportedElement(try io.input(0).type)
    }
  }

  private func go<T: RealElement>(_ io: NodeIO, _: T.Type) throws(KernelFault) {
    let (x, shape) = try io.input(0, T.elementType, as: T.self)
    let (scale, scaleShape) = try io.input(1, T.elementType, as: T.self)
    let axis = try shape.axis(self.axis)
    let size = shape.product(axis, shape.rank)
    guard scaleShape.count == size, size > 0 else {
      throw KernelFault(.shape, "scale \(scaleShape.list) for \(shape.list) from axis \(axis)")
    }
    var shift: UnsafeMutablePointer<T>?
    if io.has(2) {
      let (values, list) = try io.input(2, T.elementType, as: T.self)
      guard list.count == size else { throw KernelFault(.shape, "shift \(list.list)") }
      shift = values
    }
    var reduced = shape
    for d in axis..<shape.rank { reduced[d] = 1 }
    let out = try io.output(0, T.elementType, shape, as: T.self)
    let means = try io.output(1, T.elementType, reduced, as: T.self)
    let inverses = io.wants(2) ? try io.output(2, T.elementType, reduced, as: T.self) : nil
    for row in 0..<shape.product(0, axis) {
      let from = x + row * size
      var sum: T = 0
      for i in 0..<size { sum += from[i] }
      let mean = sum / T(size)
      var squares: T = 0
      for i in 0..<size { squares += (from[i] - mean) * (from[i] - mean) }
      let inverse = 1 / (squares / T(size) + T(epsilon)).squareRoot()
      for i in 0..<size {
        out[row * size + i] = (from[i] - mean) * inverse * scale[i] + (shift?[i] ?? 0)
      }
      means[row] = mean
      inverses?[row] = inverse
    }
  }
}
