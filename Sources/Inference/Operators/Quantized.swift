internal import CKernels
import Core

/// 8-bit integer products: DynamicQuantizeLinear and MatMulInteger.
let quantizedOperators: OperatorTable = [
  "DynamicQuantizeLinear": { _ in DynamicQuantizeKernel() },
  "MatMulInteger": { call throws(KernelFault) in
    if let weights = call.constant(1), weights.elementType == .int8, weights.dims.rank == 2,
      call.node.inputs.count < 4 || call.node.inputs[3].isEmpty
    {
      return IntegerDenseKernel(weights: PackedIntegers(weights))
    }
    return MatMulIntegerKernel()
  },
]

/// Floats as 8-bit numbers: x is near scale * (q - zero point).
///
/// The range always holds 0, which becomes the zero point exactly. Rounding is to the nearest,
/// ties to even, as the specification (ONNX 1.6, opset 11) and onnxruntime have it. A missing
/// number leaves the range alone and becomes 0; of infinities nothing sensible can be made, and
/// the scale is infinite then.
struct DynamicQuantizeKernel: Kernel {
  func run(_ io: NodeIO) throws(KernelFault) {
    let (x, shape) = try io.input(0, .float32, as: Float.self)
    let range = DynamicScale(x, shape.count)
    range.quantize(x, shape.count, to: try io.output(0, .uint8, shape, as: UInt8.self))
    try io.output(1, .float32, Shape(), as: Float.self)[0] = range.scale
    try io.output(2, .uint8, Shape(), as: UInt8.self)[0] = range.zero
  }
}

/// A float tensor's range and how it becomes 8-bit numbers.
struct DynamicScale {
  let scale: Float
  let zero: UInt8

  /// The scale of all of `x`.
  init(_ x: UnsafePointer<Float>, _ count: Int) {
    var low: Float = 0
    var high: Float = 0
    sluice_float_range(x, count, &low, &high)
    let step = (high - low) / 255
    scale = step == 0 ? 1 : step
    let place = (-low / scale).rounded(.toNearestOrEven)
    // Infinite ranges have no place for 0.
    zero = place.isNaN ? 0 : UInt8(max(0, min(255, place)))
  }

  func quantize(_ x: UnsafePointer<Float>, _ count: Int, to out: UnsafeMutablePointer<UInt8>) {
    sluice_quantize(x, count, scale, Float(zero), out)
  }
}

/// A dense layer of 8-bit integers in one step, from floats to floats: what a model spells as
/// DynamicQuantizeLinear, MatMulInteger, Cast, Mul, Mul, Add and Relu, with the same rounding.
struct QuantizedDenseKernel: Kernel {
  let weights: PackedIntegers
  /// For each column the scale of its weights.
  let scales: [Float]
  var bias: [Float]?
  var relu = false

  func run(_ io: NodeIO) throws(KernelFault) {
    let (x, shape) = try io.input(0, .float32, as: Float.self)
    guard shape.rank >= 1, shape[shape.rank - 1] == weights.depth else {
      throw KernelFault(
        .shape,
        "the input \(shape.list) does not fit the weights [\(weights.depth), \(weights.columns)]")
    }
    var made = shape
    made[shape.rank - 1] = weights.columns
    let rows = shape.product(0, shape.rank - 1)
    let columns = weights.columns
    let out = try io.output(0, .float32, made, as: Float.self)
    let range = DynamicScale(x, shape.count)
    // Scratch: sums of a row, steps, then bytes: the row with room behind it, and all inputs.
    let room = try io.scratch(
      2 * columns * 4 + weights.depth + 64 + shape.count, of: UInt8.self)
    let raw = UnsafeMutableRawPointer(room)
    let sums = raw.assumingMemoryBound(to: Int32.self)
    let steps = (raw + columns * 4).assumingMemoryBound(to: Float.self)
    let row = room + 2 * columns * 4
    let bytes = row + weights.depth + 64
    for column in 0..<columns { steps[column] = range.scale * scales[column] }
    range.quantize(x, shape.count, to: bytes)
    for index in 0..<rows {
      weights.multiply(
        bytes + index * weights.depth, isSigned: false, rows: 1, zero: Int(range.zero), room: row,
        into: sums)
      finish(sums, steps, out + index * columns)
    }
  }

  @inline(__always)
  private func finish(
    _ sums: UnsafePointer<Int32>, _ steps: UnsafePointer<Float>, _ out: UnsafeMutablePointer<Float>
  ) {
    let columns = weights.columns
    if let bias {
      bias.withUnsafeBufferPointer {
        sluice_integers_to_floats(sums, 1, columns, steps, $0.baseAddress, relu ? 1 : 0, out)
      }
    } else {
      sluice_integers_to_floats(sums, 1, columns, steps, nil, relu ? 1 : 0, out)
    }
  }
}

/// Constant 8-bit weights, four inputs of a column side by side, as the product reads them.
///
/// `@unchecked Sendable`: written only before `init` returns.
final class PackedIntegers: @unchecked Sendable {
  let depth: Int
  let columns: Int
  let panels: UnsafeMutablePointer<Int8>
  /// For each column the sum of its weights, to take the inputs' zero point out with.
  let sums: UnsafeMutablePointer<Int32>

  init(_ weights: Tensor) {
    depth = weights.dims[0]
    columns = weights.dims[1]
    let padded = sluice_integer_panel_bytes(depth, columns)
    panels = UnsafeMutableRawPointer.allocate(byteCount: max(padded, 64), alignment: 64)
      .bindMemory(to: Int8.self, capacity: max(padded, 64))
    sums = UnsafeMutableRawPointer.allocate(byteCount: (columns + 16) * 4, alignment: 64)
      .bindMemory(to: Int32.self, capacity: columns + 16)
    sluice_pack_integers(weights.view.pointer(Int8.self), depth, columns, panels, sums)
  }

  deinit {
    panels.deallocate()
    sums.deallocate()
  }

  /// out[r][c] = sum over k of (x[r][k] - zero) * w[k][c], modulo 2^32.
  ///
  /// - Parameters:
  ///   - isSigned: whether `x` and `zero` are signed bytes.
  ///   - room: ``depth`` + 64 bytes.
  func multiply(
    _ x: UnsafePointer<UInt8>, isSigned: Bool, rows: Int, zero: Int,
    room: UnsafeMutablePointer<UInt8>, into out: UnsafeMutablePointer<Int32>
  ) {
    // Signed inputs are moved by 128, and the zero point with them.
    sluice_integer_dense(
      x, isSigned ? 1 : 0, rows, depth, panels, sums, columns, Int32(isSigned ? zero + 128 : zero),
      room, out)
  }
}

/// Rows of 8-bit numbers times constant 8-bit weights, as 32-bit sums.
struct IntegerDenseKernel: Kernel {
  let weights: PackedIntegers

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    guard view.type == .uint8 || view.type == .int8 else { throw unsupportedElement(view.type) }
    let shape = view.shape
    guard shape.rank >= 1, shape[shape.rank - 1] == weights.depth else {
      throw KernelFault(
        .shape,
        "the input \(shape.list) does not fit the weights [\(weights.depth), \(weights.columns)]")
    }
    var made = shape
    made[shape.rank - 1] = weights.columns
    let zero = try zeroPoint(io, 2, of: view.type)
    let out = try io.output(0, .int32, made, as: Int32.self)
    let room = try io.scratch(weights.depth + 64, of: UInt8.self)
    weights.multiply(
      UnsafeRawPointer(view.data).assumingMemoryBound(to: UInt8.self),
      isSigned: view.type == .int8, rows: shape.product(0, shape.rank - 1), zero: zero, room: room,
      into: out)
  }
}

/// The one zero point of a side; 0 without one.
private func zeroPoint(
  _ io: NodeIO, _ index: Int, of type: ElementType
) throws(KernelFault) -> Int {
  guard io.has(index) else { return 0 }
  let view = try io.input(index)
  guard view.type == type else {
    throw KernelFault(
      .shape, "input \(index) is \(view.type.rawValue), expected \(type.rawValue)")
  }
  guard view.count == 1 else {
    throw KernelFault(.unsupported, "\(view.count) zero points of one side")
  }
  return integerElement(view, 0)
}

@inline(__always)
private func integerElement(_ view: TensorView, _ index: Int) -> Int {
  view.type == .int8
    ? Int(view.pointer(Int8.self)[index]) : Int(view.pointer(UInt8.self)[index])
}

/// The product in any form: signed or unsigned sides, batches, zero points of rows or columns.
struct MatMulIntegerKernel: Kernel {
  func run(_ io: NodeIO) throws(KernelFault) {
    let a = try io.input(0)
    let b = try io.input(1)
    for side in [a, b] where side.type != .int8 && side.type != .uint8 {
      throw unsupportedElement(side.type)
    }
    guard a.shape.rank >= 1, b.shape.rank >= 1 else {
      throw KernelFault(.shape, "a scalar operand")
    }
    let aShape = a.shape.rank == 1 ? Shape(1, a.shape[0]) : a.shape
    let bShape = b.shape.rank == 1 ? Shape(b.shape[0], 1) : b.shape
    let m = aShape[aShape.rank - 2]
    let depth = aShape[aShape.rank - 1]
    let n = bShape[bShape.rank - 1]
    guard depth == bShape[bShape.rank - 2] else {
      throw KernelFault(.shape, "\(a.shape.list) times \(b.shape.list)")
    }
    let batch = try Shape.broadcast(leading(aShape), leading(bShape))
    guard batch.rank + 2 <= Shape.rankMax else { throw KernelFault(.unsupported, "the rank") }
    var shape = batch
    if a.shape.rank > 1 { shape.append(m) }
    if b.shape.rank > 1 { shape.append(n) }
    let aZeros = try zeros(io, 2, of: a.type, count: m)
    let bZeros = try zeros(io, 3, of: b.type, count: n)
    let out = try io.output(0, .int32, shape, as: Int32.self)
    let aSteps = Broadcast.strides(leading(aShape), in: batch.rank)
    let bSteps = Broadcast.strides(leading(bShape), in: batch.rank)
    var index = InlineArray<8, Int>(repeating: 0)
    for at in 0..<batch.count {
      var x = 0
      var y = 0
      for d in 0..<batch.rank {
        x += index[d] * aSteps[d]
        y += index[d] * bSteps[d]
      }
      for i in 0..<m {
        for j in 0..<n {
          var sum = 0
          for k in 0..<depth {
            let left = integerElement(a, x * m * depth + i * depth + k) - zero(aZeros, i)
            let right = integerElement(b, y * depth * n + k * n + j) - zero(bZeros, j)
            sum &+= left &* right
          }
          out[at * m * n + i * n + j] = Int32(truncatingIfNeeded: sum)
        }
      }
      advance(&index, batch)
    }
  }

  private func leading(_ shape: Shape) -> Shape {
    var result = Shape()
    for d in 0..<(shape.rank - 2) { result.append(shape[d]) }
    return result
  }

  private func zeros(
    _ io: NodeIO, _ index: Int, of type: ElementType, count: Int
  ) throws(KernelFault) -> TensorView? {
    guard io.has(index) else { return nil }
    let view = try io.input(index)
    guard view.type == type, view.count == 1 || view.count == count else {
      throw KernelFault(
        .shape,
        "input \(index) is \(view.type.rawValue) \(view.shape.list), expected one zero "
          + "point or \(count) of type \(type.rawValue)")
    }
    return view
  }

  @inline(__always)
  private func zero(_ zeros: TensorView?, _ index: Int) -> Int {
    guard let zeros else { return 0 }
    return integerElement(zeros, zeros.count == 1 ? 0 : index)
  }
}
