import Core

/// Operators that compute on 32- and 64-bit integers, given narrower or unsigned ones.
///
/// Kernels are compiled for float, double, int32 and int64 only. When one refuses an element type,
/// its narrow inputs are copied to int64, it runs on those, and its first output is cut back to the
/// type of the first narrow input, which for sums and products is arithmetic modulo its size. Only
/// models that need it pay: the refusal is the cold path.
enum Widening {
  /// Whose first output has the type of its inputs.
  private static let sameType: Set<String> = [
    "Abs", "Add", "Clip", "CumSum", "Div", "MatMul", "Max", "Min", "Mod", "Mul", "Neg", "Pow",
    "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Relu", "Sign", "Sub",
    "Sum", "TopK",
  ]
  /// Whose outputs have types of their own.
  private static let ownType: Set<String> = [
    "ArgMax", "ArgMin", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual",
  ]
  private static let valuesMax = 64
  /// Value i lies in register i.
  private static let identity: Registers = Registers(count: valuesMax)

  /// `@unchecked Sendable`: written only before `init` returns.
  private final class Registers: @unchecked Sendable {
    let table: UnsafeMutablePointer<Int32>

    init(count: Int) {
      table = .allocate(capacity: count)
      for i in 0..<count { table[i] = Int32(i) }
    }
  }

  /// Runs a kernel that complained again, by way of int64 if that helps.
  /// - Throws: `fault` if it does not.
  static func retry(
    _ kernel: any Kernel, _ io: NodeIO, _ node: OnnxNode, after fault: KernelFault
  ) throws(KernelFault) {
    guard fault.isElementType, try runWidened(kernel, io, node) else { throw fault }
  }

  /// - Returns: `false` when that is no way for this operator or these inputs.
  private static func runWidened(
    _ kernel: any Kernel, _ io: NodeIO, _ node: OnnxNode
  ) throws(KernelFault) -> Bool {
    let cutsBack = sameType.contains(node.operatorType)
    let count = io.inputCount + io.outputCount
    guard node.domain.isEmpty, cutsBack || ownType.contains(node.operatorType), count <= valuesMax
    else { return false }
    var narrow: ElementType?
    let frame = io.frame.child(of: io.outputs, values: count, registerOf: identity.table)
    for i in 0..<io.inputCount where io.has(i) {
      let view = try io.input(i)
      guard try widen(view, frame, i) else {
        frame.views[i] = view
        continue
      }
      narrow = narrow ?? view.type
    }
    guard let narrow else { return false }
    let numbers = try io.scratch(count, of: Int32.self)
    for i in 0..<count {
      numbers[i] = i < io.inputCount ? (io.has(i) ? Int32(i) : -1) : Int32(i)
    }
    try kernel.run(
      NodeIO(
        frame: frame, inputs: numbers, inputCount: io.inputCount,
        outputs: numbers + io.inputCount, outputCount: io.outputCount))
    for i in 0..<io.outputCount where io.wants(i) {
      let view = frame.views[io.inputCount + i]
      if i == 0 && cutsBack && view.type == .int64 {
        try cut(view, to: narrow, io)
      } else {
        try io.copy(view, to: i, shape: view.shape)
      }
    }
    return true
  }

  /// Copies a narrow input to int64; `false` for other types.
  private static func widen(
    _ view: TensorView, _ frame: Frame, _ value: Int
  ) throws(KernelFault) -> Bool {
    switch view.type {
    case .int8: try widen(view, Int8.self, frame, value)
    case .uint8: try widen(view, UInt8.self, frame, value)
    case .int16: try widen(view, Int16.self, frame, value)
    case .uint16: try widen(view, UInt16.self, frame, value)
    case .uint32: try widen(view, UInt32.self, frame, value)
    case .uint64: try widen(view, UInt64.self, frame, value)
    default: return false
    }
    return true
  }

  private static func widen<T: FixedWidthInteger>(
    _ view: TensorView, _: T.Type, _ frame: Frame, _ value: Int
  ) throws(KernelFault) {
    let from = view.pointer(T.self)
    let to = try frame.allocate(value, .int64, view.shape).assumingMemoryBound(to: Int64.self)
    for i in 0..<view.count {
      guard let wide = Int64(exactly: from[i]) else {
        throw KernelFault(.unsupported, "uint64 elements beyond 2^63 are not supported here")
      }
      to[i] = wide
    }
  }

  private static func cut(
    _ view: TensorView, to type: ElementType, _ io: NodeIO
  ) throws(KernelFault) {
    switch type {
    case .int8: try cut(view, type, Int8.self, io)
    case .uint8: try cut(view, type, UInt8.self, io)
    case .int16: try cut(view, type, Int16.self, io)
    case .uint16: try cut(view, type, UInt16.self, io)
    case .uint32: try cut(view, type, UInt32.self, io)
    default: try cut(view, type, UInt64.self, io)
    }
  }

  private static func cut<T: FixedWidthInteger>(
    _ view: TensorView, _ type: ElementType, _: T.Type, _ io: NodeIO
  ) throws(KernelFault) {
    let from = view.pointer(Int64.self)
    let to = try io.output(0, type, view.shape, as: T.self)
    for i in 0..<view.count { to[i] = T(truncatingIfNeeded: from[i]) }
  }
}
