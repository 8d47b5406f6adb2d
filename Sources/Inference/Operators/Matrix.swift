internal import CKernels
import Core

/// MatMul and Gemm.
let matrixOperators: OperatorTable = [
  "MatMul": { call throws(KernelFault) in
    if let weights = call.constant(1), weights.elementType == .float32, weights.dims.rank == 2,
      let packed = try PackedWeights(weights, isTransposed: false, scale: 1)
    {
      return DenseKernel(weights: packed, bias: nil)
    }
    return MatMulKernel()
  },
  "Gemm": { call throws(KernelFault) in try gemm(call) },
]

private func gemm(_ call: OperatorCall) throws(KernelFault) -> any Kernel {
  let alpha = try call.float("alpha", default: 1)
  let beta = try call.float("beta", default: 1)
  let isATransposed = try call.int("transA", default: 0) != 0
  let isBTransposed = try call.int("transB", default: 0) != 0
  if !isATransposed, let weights = call.constant(1), weights.elementType == .float32,
    weights.dims.rank == 2,
    let packed = try PackedWeights(weights, isTransposed: isBTransposed, scale: alpha)
  {
    let hasBias = call.node.inputs.count > 2 && !call.node.inputs[2].isEmpty
    if !hasBias { return DenseKernel(weights: packed, bias: nil) }
    if let bias = call.constantFloats(2), let dims = call.constant(2)?.dims,
      dims.rank <= 1 || dims[0] == 1, bias.count == packed.columns || bias.count == 1
    {
      let all = bias.count == 1 ? Array(repeating: bias[0], count: packed.columns) : bias
      return DenseKernel(weights: packed, bias: all.map { $0 * beta })
    }
  }
  return GemmKernel(
    alpha: alpha, beta: beta, isATransposed: isATransposed, isBTransposed: isBTransposed)
}

/// A constant weight matrix in the layout of the dense kernel.
///
/// `@unchecked Sendable`: written only before `init` returns.
final class PackedWeights: @unchecked Sendable {
  let depth: Int
  let columns: Int
  let panels: UnsafeMutablePointer<Float>

  /// `nil` when a weight is not finite: the kernel skips zeros, and 0 * inf is not 0.
  convenience init?(_ weights: Tensor, isTransposed: Bool, scale: Float) throws(KernelFault) {
    let depth = weights.dims[isTransposed ? 1 : 0]
    let columns = weights.dims[isTransposed ? 0 : 1]
    try self.init(
      Array(weights.elements(Float.self)), depth: depth, columns: columns,
      isTransposed: isTransposed, scale: scale)
  }

  init?(
    _ weights: [Float], depth: Int, columns: Int, isTransposed: Bool, scale: Float = 1
  ) throws(KernelFault) {
    guard weights.count == depth * columns else {
      throw KernelFault(.shape, "\(weights.count) weights for \(depth) x \(columns)")
    }
    guard depth > 0, columns > 0, weights.allSatisfy({ ($0 * scale).isFinite }) else { return nil }
    self.depth = depth
    self.columns = columns
    let padded = sluice_padded_columns(columns)
    panels = UnsafeMutableRawPointer.allocate(byteCount: depth * padded * 4, alignment: 64)
      .bindMemory(to: Float.self, capacity: depth * padded)
    // Read before the first layer runs, so that a limit on instruction sets holds for it.
    _ = InstructionSet.current
    sluice_pack_panels(weights, depth, columns, isTransposed ? 1 : 0, panels)
    if scale != 1 { for i in 0..<(depth * padded) { panels[i] *= scale } }
  }

  deinit { panels.deallocate() }
}

/// A row vector padded to whole registers.
///
/// `@unchecked Sendable`: written only before `init` returns.
final class PaddedVector: @unchecked Sendable {
  let values: [Float]
  let pointer: UnsafeMutablePointer<Float>

  init(_ values: [Float]) {
    self.values = values
    let padded = max(sluice_padded_columns(values.count), 16)
    pointer = UnsafeMutableRawPointer.allocate(byteCount: padded * 4, alignment: 64)
      .bindMemory(to: Float.self, capacity: padded)
    pointer.initialize(repeating: 0, count: padded)
    for (i, value) in values.enumerated() { pointer[i] = value }
  }

  deinit { pointer.deallocate() }
}

/// Matrix products with numpy's broadcasting of leading dimensions.
struct MatMulKernel: Kernel {
  func run(_ io: NodeIO) throws(KernelFault) {
    try dispatchNumeric(
      try io.input(0).type, float: { () throws(KernelFault) in try go(io, Float.self) },
      double: { () throws(KernelFault) in try go(io, Double.self) },
      int32: { () throws(KernelFault) in try go(io, Int32.self) },
      int64: { () throws(KernelFault) in try go(io, Int64.self) })
  }

  private func go<T: NumericElement>(_ io: NodeIO, _: T.Type) throws(KernelFault) {
    let (a, aOld) = try io.input(0, T.elementType, as: T.self)
    let (b, bOld) = try io.input(1, T.elementType, as: T.self)
    guard aOld.rank >= 1, bOld.rank >= 1 else { throw KernelFault(.shape, "a scalar operand") }
    let aShape = aOld.rank == 1 ? Shape(1, aOld[0]) : aOld
    let bShape = bOld.rank == 1 ? Shape(bOld[0], 1) : bOld
    let m = aShape[aShape.rank - 2]
    let depth = aShape[aShape.rank - 1]
    let n = bShape[bShape.rank - 1]
    guard depth == bShape[bShape.rank - 2] else {
      throw KernelFault(.shape, "\(aOld.list) times \(bOld.list)")
    }
    let aBatch = MatMulKernel.leading(aShape)
    let bBatch = MatMulKernel.leading(bShape)
    let batch = try Shape.broadcast(aBatch, bBatch)
    var shape = batch
    guard shape.rank + 2 <= Shape.rankMax else { throw KernelFault(.unsupported, "the rank") }
    if aOld.rank > 1 { shape.append(m) }
    if bOld.rank > 1 { shape.append(n) }
    let out = try io.output(0, T.elementType, shape, as: T.self)
    let aSteps = Broadcast.strides(aBatch, in: batch.rank)
    let bSteps = Broadcast.strides(bBatch, in: batch.rank)
    var index = InlineArray<8, Int>(repeating: 0)
    for at in 0..<batch.count {
      var x = 0
      var y = 0
      for d in 0..<batch.rank {
        x += index[d] * aSteps[d]
        y += index[d] * bSteps[d]
      }
      multiply(a + x * m * depth, b + y * depth * n, out + at * m * n, m, depth, n)
      advance(&index, batch)
    }
  }

  private static func leading(_ shape: Shape) -> Shape {
    var result = Shape()
    for d in 0..<(shape.rank - 2) { result.append(shape[d]) }
    return result
  }
}

/// out = a (m x depth) times b (depth x n), row-major.
func multiply<T: NumericElement>(
  _ a: UnsafeMutablePointer<T>, _ b: UnsafeMutablePointer<T>, _ out: UnsafeMutablePointer<T>,
  _ m: Int, _ depth: Int, _ n: Int
) {
  for i in 0..<m {
    let row = out + i * n
    for j in 0..<n { row[j] = T.zero }
    for k in 0..<depth {
      let x = a[i * depth + k]
      let from = b + k * n
      for j in 0..<n { row[j] = T.plus(row[j], T.times(x, from[j])) }
    }
  }
}

/// alpha * A * B + beta * C with optional transpositions, in any form.
struct GemmKernel: Kernel {
  let alpha: Float
  let beta: Float
  let isATransposed: Bool
  let isBTransposed: Bool

  func run(_ io: NodeIO) throws(KernelFault) {
    try dispatchNumeric(
      try io.input(0).type, float: { () throws(KernelFault) in try go(io, Float.self) },
      double: { () throws(KernelFault) in try go(io, Double.self) },
      int32: { () throws(KernelFault) in try go(io, Int32.self) },
      int64: { () throws(KernelFault) in try go(io, Int64.self) })
  }

  private func scaled<T: NumericElement>(_ x: T, by factor: Float) -> T {
    if factor == 1 { return x }
    if let f = factor as? T { return T.times(x, f) }
    if let f = Double(factor) as? T { return T.times(x, f) }
    return T(saturatingInt(x.asDouble * Double(factor)))
  }

  private func go<T: NumericElement>(_ io: NodeIO, _: T.Type) throws(KernelFault) {
    let (a, aShape) = try io.input(0, T.elementType, as: T.self)
    let (b, bShape) = try io.input(1, T.elementType, as: T.self)
    guard aShape.rank == 2, bShape.rank == 2 else {
      throw KernelFault(.shape, "operands \(aShape.list) and \(bShape.list), expected matrices")
    }
    let m = aShape[isATransposed ? 1 : 0]
    let depth = aShape[isATransposed ? 0 : 1]
    let n = bShape[isBTransposed ? 0 : 1]
    guard depth == bShape[isBTransposed ? 1 : 0] else {
      throw KernelFault(.shape, "\(aShape.list) times \(bShape.list)")
    }
    let shape = Shape(m, n)
    let out = try io.output(0, T.elementType, shape, as: T.self)
    let aRow = isATransposed ? 1 : depth
    let aStep = isATransposed ? m : 1
    let bRow = isBTransposed ? 1 : n
    let bStep = isBTransposed ? depth : 1
    for i in 0..<m {
      for j in 0..<n {
        var sum = T.zero
        for k in 0..<depth {
          sum = T.plus(sum, T.times(a[i * aRow + k * aStep], b[k * bRow + j * bStep]))
        }
        out[i * n + j] = scaled(sum, by: alpha)
      }
    }
    if io.has(2) {
      let (c, cShape) = try io.input(2, T.elementType, as: T.self)
      guard try Shape.broadcast(cShape, shape) == shape else {
        throw KernelFault(.shape, "C \(cShape.list) does not broadcast to \(shape.list)")
      }
      Broadcast.binary(out, shape, c, cShape, out, shape) { T.plus($0, scaled($1, by: beta)) }
    }
  }
}
