import Core

/// Operators that write, rank or count by position.
let scatterOperators: OperatorTable = [
  "CumSum": { call throws(KernelFault) in
    CumulativeSumKernel(
      isExclusive: try call.int("exclusive", default: 0) != 0,
      isReversed: try call.int("reverse", default: 0) != 0)
  }
]

/// Running sums along an axis.
struct CumulativeSumKernel: Kernel {
  let isExclusive: Bool
  let isReversed: Bool

  func run(_ io: NodeIO) throws(KernelFault) {
    try dispatchNumeric(
      try io.input(0).type, float: { () throws(KernelFault) in try go(io, Float.self) },
      double: { () throws(KernelFault) in try go(io, Double.self) },
      int32: { () throws(KernelFault) in try go(io, Int32.self) },
      int64: { () throws(KernelFault) in try go(io, Int64.self) })
  }

  private func go<T: NumericElement>(_ io: NodeIO, _: T.Type) throws(KernelFault) {
    let (x, shape) = try io.input(0, T.elementType, as: T.self)
    let chosen = try io.integers(1)
    guard chosen.count == 1 else { throw KernelFault(.shape, "one axis is expected") }
    let axis = try shape.axis(chosen[0])
    let out = try io.output(0, T.elementType, shape, as: T.self)
    let inner = shape.product(axis + 1, shape.rank)
    let size = shape[axis]
    for row in 0..<shape.product(0, axis) {
      for column in 0..<inner {
        var sum = T.zero
        for i in 0..<size {
          let at = (row * size + (isReversed ? size - 1 - i : i)) * inner + column
          let next = T.plus(sum, x[at])
          out[at] = isExclusive ? sum : next
          sum = next
        }
      }
    }
  }
}
