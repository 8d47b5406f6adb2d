import Core

/// Operators that add or clear borders.
let borderOperators: OperatorTable = [
  "Pad": { call throws(KernelFault) in try PadKernel(call) },
  "Trilu": { call throws(KernelFault) in
    TriangleKernel(isUpper: try call.int("upper", default: 1) != 0)
  },
]

/// Adds elements before and after each axis, or (with negative counts) takes them away.
struct PadKernel: Kernel {
  enum Mode: String, Sendable { case constant, reflect, edge, wrap }

  let mode: Mode
  /// Before opset 11 the counts and the constant are attributes.
  let counts: SmallIntegers?
  let value: Float

  init(_ call: OperatorCall) throws(KernelFault) {
    let name = try call.string("mode") ?? "constant"
    guard let mode = Mode(rawValue: name) else {
      throw KernelFault(.malformed, "the mode \"\(printable(name))\"")
    }
    self.mode = mode
    counts = call.opset < 11 ? try checkedIntegers(try call.ints("pads")) : nil
    value = call.opset < 11 ? try call.float("value", default: 0) : 0
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    let rank = view.shape.rank
    var before = InlineArray<8, Int>(repeating: 0)
    var after = InlineArray<8, Int>(repeating: 0)
    try read(io, view.shape, &before, &after)
    var list = Shape()
    for d in 0..<rank {
      let (some, first) = view.shape[d].addingReportingOverflow(before[d])
      let (size, second) = some.addingReportingOverflow(after[d])
      guard !first, !second, size >= 0, size < 1 << 48, abs(before[d] / 2) < 1 << 47 else {
        throw KernelFault(.shape, "\(before[d]) and \(after[d]) around \(view.shape[d]) elements")
      }
      guard mode == .constant || view.shape[d] > 0 || size == 0 else {
        throw KernelFault(.shape, "the empty axis \(d) has nothing to repeat")
      }
      list.append(size)
    }
    guard list.checkedCount != nil else { throw KernelFault(.shape, "the padded shape overflows") }
    let out = UnsafeMutableRawPointer(try io.output(0, view.type, list, as: UInt8.self))
    try fill(io, view, out, list, before)
  }

  private func read(
    _ io: NodeIO, _ shape: Shape, _ before: inout InlineArray<8, Int>,
    _ after: inout InlineArray<8, Int>
  ) throws(KernelFault) {
    let pads: SmallIntegers
    if let counts { pads = counts } else { pads = try io.integers(1) }
    let axes = counts == nil && io.has(3) ? try io.integers(3) : nil
    let used = axes?.count ?? shape.rank
    guard pads.count == 2 * used else {
      throw KernelFault(.shape, "\(pads.count) pads for \(used) axes, twice as many are expected")
    }
    for i in 0..<used {
      let axis = try shape.axis(axes?[i] ?? i)
      before[axis] = pads[i]
      after[axis] = pads[used + i]
    }
  }

  private func fill(
    _ io: NodeIO, _ view: TensorView, _ out: UnsafeMutableRawPointer, _ shape: Shape,
    _ before: InlineArray<8, Int>
  ) throws(KernelFault) {
    let stride = view.type.strideBytes
    var constant: TensorView?
    if counts == nil, io.has(2) {
      let given = try io.input(2)
      guard given.count == 1, given.type == view.type else {
        throw KernelFault(.shape, "the constant is not one \(view.type.rawValue)")
      }
      constant = given
    }
    let strides = Broadcast.strides(view.shape, in: shape.rank)
    var index = InlineArray<8, Int>(repeating: 0)
    for i in 0..<shape.count {
      var from = 0
      for d in 0..<shape.rank where from >= 0 {
        let at = source(index[d] - before[d], view.shape[d])
        from = at < 0 ? -1 : from + at * strides[d]
      }
      let to = out + i * stride
      if from >= 0 {
        to.copyMemory(from: view.data + from * stride, byteCount: stride)
      } else if let constant {
        to.copyMemory(from: constant.data, byteCount: stride)
      } else {
        try storeValue(to, view.type)
      }
      advance(&index, shape)
    }
  }

  /// Where position `at` of an axis of `size` elements comes from; -1: the constant.
  @inline(__always)
  private func source(_ at: Int, _ size: Int) -> Int {
    if at >= 0 && at < size { return at }
    switch mode {
    case .constant: return -1
    case .edge: return at < 0 ? 0 : size - 1
    case .wrap:
      let rest = at % size
      return rest < 0 ? rest + size : rest
    case .reflect:
      if size == 1 { return 0 }
      let period = 2 * (size - 1)
      var rest = at % period
      if rest < 0 { rest += period }
      return rest < size ? rest : period - rest
    }
  }

  private func storeValue(
    _ to: UnsafeMutableRawPointer, _ type: ElementType
  ) throws(KernelFault) {
    switch type {
    case .float32: to.storeBytes(of: value, as: Float.self)
    case .float64: to.storeBytes(of: Double(value), as: Double.self)
    default: to.initializeMemory(as: UInt8.self, repeating: 0, count: type.strideBytes)
    }
  }
}

/// Keeps the upper or lower triangle of the last two dimensions, zeros elsewhere.
struct TriangleKernel: Kernel {
  let isUpper: Bool

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    guard view.shape.rank >= 2, view.type != .text else {
      throw KernelFault(.shape, "\(view.type.rawValue)\(view.shape.list) is no matrix")
    }
    var diagonal = 0
    if io.has(1) {
      let list = try io.integers(1)
      guard list.count == 1 else { throw KernelFault(.shape, "k is not one number") }
      diagonal = list[0]
    }
    let rank = view.shape.rank
    let (rows, columns) = (view.shape[rank - 2], view.shape[rank - 1])
    let stride = view.type.strideBytes
    let out = UnsafeMutableRawPointer(try io.output(0, view.type, view.shape, as: UInt8.self))
    for matrix in 0..<view.shape.product(0, rank - 2) {
      for row in 0..<rows {
        // The first column on or above the diagonal; saturated, since k is any number.
        let (sum, overflow) = row.addingReportingOverflow(diagonal)
        let edge = overflow ? columns : min(max(sum, 0), columns)
        let first = isUpper ? edge : 0
        let (next, isOver) = sum.addingReportingOverflow(1)
        let last = isUpper ? columns : overflow || isOver ? columns : min(max(next, 0), columns)
        let base = (matrix * rows + row) * columns
        (out + base * stride).initializeMemory(
          as: UInt8.self, repeating: 0, count: columns * stride)
        if first < last {
          (out + (base + first) * stride).copyMemory(
            from: view.data + (base + first) * stride, byteCount: (last - first) * stride)
        }
      }
    }
  }
}
