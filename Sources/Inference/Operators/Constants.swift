import Core

/// Operators that make tensors from nothing.
let constantOperators: OperatorTable = [
  "Constant": { call throws(KernelFault) in ConstantKernel(value: try constantValue(call)) },
  "ConstantOfShape": { call throws(KernelFault) in
    let value = try call.tensor("value")
    guard value == nil || value?.count == 1 else {
      throw KernelFault(.malformed, "the attribute value has more than one element")
    }
    return FillKernel(value: value)
  },
  "Range": { _ in RangeKernel() },
  "EyeLike": { call throws(KernelFault) in try DiagonalKernel(call) },
]

private func constantValue(_ call: OperatorCall) throws(KernelFault) -> Tensor {
  do throws(InferenceError) {
    if let tensor = try fault({ () throws(KernelFault) in try call.tensor("value") }) {
      return tensor
    }
    for (name, isList) in [("value_float", false), ("value_floats", true)] where call.has(name) {
      let list = try fault { () throws(KernelFault) in
        isList ? try call.floats(name) : [try call.float(name, default: 0)]
      }
      return try Tensor(floats: list, shape: isList ? [list.count] : [])
    }
    for (name, isList) in [("value_int", false), ("value_ints", true)] where call.has(name) {
      let list = try fault { () throws(KernelFault) in
        isList ? try call.ints(name) : [try call.int(name, default: 0)]
      }
      return try Tensor(int64s: list.map(Int64.init), shape: isList ? [list.count] : [])
    }
    if call.has("value_string") {
      let text = try fault { () throws(KernelFault) in try call.string("value_string") ?? "" }
      return try Tensor(texts: [text], shape: [])
    }
    if call.has("value_strings") {
      let texts = try fault { () throws(KernelFault) in try call.strings("value_strings") }
      return Tensor(
        joined: texts.flatMap { $0 }, counts: texts.map(\.count), dims: Shape(texts.count))
    }
  } catch {
    throw KernelFault(error.code, error.message)
  }
  throw call.unsupported("a constant of this kind")
}

private func fault<T>(_ body: () throws(KernelFault) -> T) throws(InferenceError) -> T {
  do throws(KernelFault) {
    return try body()
  } catch {
    throw InferenceError(error.code, error.message)
  }
}

/// A constant of the model; folding replaces it before anything runs.
struct ConstantKernel: Kernel {
  let value: Tensor

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = value.view
    try io.copy(view, to: 0, shape: view.shape)
  }
}

/// A tensor of one repeated value; float 0 unless given.
struct FillKernel: Kernel {
  let value: Tensor?

  func run(_ io: NodeIO) throws(KernelFault) {
    let sizes = try io.integers(0)
    guard sizes.count <= Shape.rankMax else {
      throw KernelFault(.unsupported, "\(sizes.count) dimensions")
    }
    let shape = try Shape((0..<sizes.count).map { sizes[$0] })
    let type = value?.elementType ?? .float32
    let stride = type.strideBytes
    let out = UnsafeMutableRawPointer(try io.output(0, type, shape, as: UInt8.self))
    guard let value else {
      out.assumingMemoryBound(to: Float.self).update(repeating: 0, count: shape.count)
      return
    }
    for i in 0..<shape.count {
      (out + i * stride).copyMemory(from: value.base, byteCount: stride)
    }
  }
}

/// Ones on a diagonal, zeros elsewhere, in the shape of the input.
struct DiagonalKernel: Kernel {
  private let type: ElementType?
  /// How far above the main diagonal; below it when negative.
  private let offset: Int

  init(_ call: OperatorCall) throws(KernelFault) {
    offset = try call.int("k", default: 0)
    guard let number = try call.int("dtype") else {
      type = nil
      return
    }
    guard let type = ElementType(onnx: number), type != .text else {
      throw call.unsupported("a diagonal of \(onnxTypeName(number))")
    }
    self.type = type
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    let type = self.type ?? view.type
    guard view.shape.rank == 2 else {
      throw KernelFault(.shape, "\(view.shape.list) is not a matrix")
    }
    guard type != .text else { throw unsupportedElement(type) }
    let stride = type.strideBytes
    let out = UnsafeMutableRawPointer(try io.output(0, type, view.shape, as: UInt8.self))
    // All-zero bits are zero in every numeric type.
    out.initializeMemory(as: UInt8.self, repeating: 0, count: view.count * stride)
    for row in 0..<view.shape[0] {
      let (column, overflow) = row.addingReportingOverflow(offset)
      guard !overflow, column >= 0, column < view.shape[1] else { continue }
      let at = out + (row * view.shape[1] + column) * stride
      switch type {
      case .float32: at.storeBytes(of: 1, as: Float.self)
      case .float64: at.storeBytes(of: 1, as: Double.self)
      // Little-endian: the first byte is the lowest of an integer of any size.
      default: at.storeBytes(of: 1, as: UInt8.self)
      }
    }
  }
}

/// An arithmetic sequence.
struct RangeKernel: Kernel {
  func run(_ io: NodeIO) throws(KernelFault) {
    try dispatchNumeric(
      try io.input(0).type, float: { () throws(KernelFault) in try go(io, Float.self) },
      double: { () throws(KernelFault) in try go(io, Double.self) },
      int32: { () throws(KernelFault) in try go(io, Int32.self) },
      int64: { () throws(KernelFault) in try go(io, Int64.self) })
  }

  private func scalar<T: NumericElement>(
    _ io: NodeIO, _ index: Int, _: T.Type
  ) throws(KernelFault) -> T {
    let (value, shape) = try io.input(index, T.elementType, as: T.self)
    guard shape.count == 1 else { throw KernelFault(.shape, "input \(index) is not a scalar") }
    return value[0]
  }

  private func go<T: NumericElement>(_ io: NodeIO, _: T.Type) throws(KernelFault) {
    let start = try scalar(io, 0, T.self)
    let limit = try scalar(io, 1, T.self)
    let delta = try scalar(io, 2, T.self)
    let steps = ((limit.asDouble - start.asDouble) / delta.asDouble).rounded(.up)
    guard delta != T.zero, steps < 0x1p40 else {
      if io.frame.isProbe {
        _ = try io.output(0, T.elementType, Shape(0), as: T.self)
        return
      }
      throw KernelFault(.data, "a range from \(start) to \(limit) by \(delta)")
    }
    let count = max(0, saturatingInt(steps))
    let out = try io.output(0, T.elementType, Shape(count), as: T.self)
    for i in 0..<count { out[i] = T.plus(start, T.times(T(i), delta)) }
  }
}
