import Core

/// Lengths and distances of vectors.
let distanceOperators: OperatorTable = [
  "LpNormalization": { call throws(KernelFault) in
    let power = try call.int("p", default: 2)
    guard power == 1 || power == 2 else {
      throw KernelFault(.malformed, "p is \(power), 1 or 2 is expected")
    }
    return LengthNormalizationKernel(axis: try call.int("axis", default: -1), power: power)
  }
]

/// Divides vectors along an axis by their length; one of length 0 stays 0.
struct LengthNormalizationKernel: Kernel {
  let axis: Int
  /// 1: the sum of absolute values; 2: the root of the sum of squares.
  let power: Int

  func run(_ io: NodeIO) throws(KernelFault) {
    switch try io.input(0).type {
    case .float32: try go(io, Float.self)
    case .float64: try go(io, Double.self)
    default: throw unsupportedElement(try io.input(0).type)
    }
  }

  private func go<T: RealElement>(_ io: NodeIO, _: T.Type) throws(KernelFault) {
    let (x, shape) = try io.input(0, T.elementType, as: T.self)
    let axis = try shape.axis(self.axis)
    let out = try io.output(0, T.elementType, shape, as: T.self)
    let size = shape[axis]
    let inner = shape.product(axis + 1, shape.rank)
    for outer in 0..<shape.product(0, axis) {
      for column in 0..<inner {
        let base = outer * size * inner + column
        var total: T = 0
        for i in 0..<size {
          let value = x[base + i * inner]
          total += power == 1 ? T.magnitude(value) : value * value
        }
        if power == 2 { total = total.squareRoot() }
        for i in 0..<size {
          out[base + i * inner] = total == 0 ? 0 : x[base + i * inner] / total
        }
      }
    }
  }
}

/// The distance of each row of one table to each row of another (com.microsoft CDist, as scipy's
/// `cdist`).
struct PairwiseDistanceKernel: Kernel {
  private let isSquared: Bool

  init(_ call: OperatorCall) throws(KernelFault) {
    let metric = try call.string("metric") ?? "sqeuclidean"
    guard metric == "sqeuclidean" || metric == "euclidean" else {
      throw call.unsupported("the metric \"\(printable(metric))\"")
    }
    isSquared = metric == "sqeuclidean"
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    switch try io.input(0).type {
    case .float32: try go(io, Float.self)
    case .float64: try go(io, Double.self)
    default: throw unsupportedElement(try io.input(0).type)
    }
  }

  private func go<T: RealElement>(_ io: NodeIO, _: T.Type) throws(KernelFault) {
    let (a, aShape) = try io.input(0, T.elementType, as: T.self)
    let (b, bShape) = try io.input(1, T.elementType, as: T.self)
    guard aShape.rank == 2, bShape.rank == 2, aShape[1] == bShape[1] else {
      throw KernelFault(.shape, "tables \(aShape.list) and \(bShape.list)")
    }
    let width = aShape[1]
    let out = try io.output(0, T.elementType, Shape(aShape[0], bShape[0]), as: T.self)
    for row in 0..<aShape[0] {
      for other in 0..<bShape[0] {
        var total: T = 0
        for i in 0..<width {
          let difference = a[row * width + i] - b[other * width + i]
          total += difference * difference
        }
        out[row * bShape[0] + other] = isSquared ? total : total.squareRoot()
      }
    }
  }
}
