import Core

/// Operators that move or count elements without looking at them.
let shapeOperators: OperatorTable = [
  "Identity": { _ in AliasKernel() },
  "Dropout": { _ in DropoutKernel() },
  "Reshape": { call throws(KernelFault) in
    ReshapeKernel(
      keepsZeros: try call.int("allowzero", default: 0) != 0,
      constant: try call.constantIntegers(1).map { list throws(KernelFault) in
        try checkedIntegers(list)
      })
  },
  "Flatten": { call throws(KernelFault) in
    FlattenKernel(axis: try call.int("axis", default: 1))
  },
  "Squeeze": { call throws(KernelFault) in
    SqueezeKernel(axes: call.has("axes") ? try checkedIntegers(try call.ints("axes")) : nil)
  },
  "Unsqueeze": { call throws(KernelFault) in
    UnsqueezeKernel(axes: call.has("axes") ? try checkedIntegers(try call.ints("axes")) : nil)
  },
  "Shape": { call throws(KernelFault) in
    ShapeKernel(start: try call.int("start", default: 0), end: try call.int("end"))
  },
  "Size": { _ in SizeKernel() },
  "Transpose": { call throws(KernelFault) in
    TransposeKernel(order: call.has("perm") ? try checkedIntegers(try call.ints("perm")) : nil)
  },
  "Expand": { _ in ExpandKernel() },
  "Concat": { call throws(KernelFault) in
    guard let axis = try call.int("axis") else {
      throw KernelFault(.malformed, "the attribute axis is missing")
    }
    return ConcatKernel(axis: axis)
  },
]

/// A short list of integers from a model.
func checkedIntegers(_ list: [Int]) throws(KernelFault) -> SmallIntegers {
  guard list.count <= SmallIntegers.countMax else {
    throw KernelFault(.shape, "\(list.count) integers where few are expected")
  }
  return SmallIntegers(list)
}

/// The output is the input.
struct AliasKernel: Kernel {
  var aliasedInput: Int? { 0 }
  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    io.alias(0, of: view, shape: view.shape)
  }
}

/// The output is a copy of the input: for outputs that would lie in the caller's memory.
struct CopyKernel: Kernel {
  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    try io.copy(view, to: 0, shape: view.shape)
  }
}

/// Dropout at inference changes nothing; its mask says that all is kept.
struct DropoutKernel: Kernel {
  var aliasedInput: Int? { 0 }
  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    if io.has(2), !io.frame.isProbe {
      let mode = try io.input(2)
      if mode.type == .bool, mode.count == 1, mode.pointer(UInt8.self)[0] != 0, try drops(io) {
        throw KernelFault(.unsupported, "training mode, which drops at random")
      }
    }
    io.alias(0, of: view, shape: view.shape)
    if io.wants(1) {
      let mask = try io.output(1, .bool, view.shape, as: UInt8.self)
      mask.update(repeating: 1, count: view.count)
    }
  }

  /// Whether the ratio is other than zero; 0.5 when it is not given.
  private func drops(_ io: NodeIO) throws(KernelFault) -> Bool {
    guard io.has(1) else { return true }
    let ratio = try io.input(1)
    try requireNumeric(ratio)
    return ratio.count != 1 || floatElement(ratio, 0) != 0
  }
}

/// Another shape for the same elements.
struct ReshapeKernel: Kernel {
  let keepsZeros: Bool
  let constant: SmallIntegers?
  var aliasedInput: Int? { 0 }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    let wanted: SmallIntegers
    if let constant { wanted = constant } else { wanted = try io.integers(1) }
    io.alias(0, of: view, shape: try resolve(view.shape, wanted))
  }

  private func resolve(_ old: Shape, _ wanted: SmallIntegers) throws(KernelFault) -> Shape {
    guard wanted.count <= Shape.rankMax else {
      throw KernelFault(.unsupported, "\(wanted.count) dimensions")
    }
    var shape = Shape()
    var free = -1
    for i in 0..<wanted.count {
      var dim = wanted[i]
      if dim == 0 && !keepsZeros {
        guard i < old.rank else { throw KernelFault(.shape, "a 0 keeps a dimension that is not") }
        dim = old[i]
      } else if dim == -1 {
        guard free < 0 else { throw KernelFault(.shape, "two dimensions are left open") }
        free = i
        dim = 1
      } else if dim < 0 {
        throw KernelFault(.shape, "the dimension \(dim)")
      }
      shape.append(dim)
    }
    guard let known = shape.checkedCount else { throw KernelFault(.shape, "too many elements") }
    if free >= 0 {
      guard known > 0, old.count % known == 0 else {
        throw KernelFault(.shape, "\(old.list) does not reshape to \(shape.list) with one open")
      }
      shape[free] = old.count / known
    }
    guard shape.count == old.count else {
      throw KernelFault(.shape, "\(old.list) does not reshape to \(shape.list)")
    }
    return shape
  }
}

/// Two dimensions: what is before the axis, and the rest.
struct FlattenKernel: Kernel {
  let axis: Int
  var aliasedInput: Int? { 0 }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    let rank = view.shape.rank
    let at = axis < 0 ? axis + rank : axis
    guard at >= 0, at <= rank else { throw KernelFault(.shape, "the axis \(axis)") }
    io.alias(0, of: view, shape: Shape(view.shape.product(0, at), view.shape.product(at, rank)))
  }
}

/// Drops dimensions of size 1.
struct SqueezeKernel: Kernel {
  let axes: SmallIntegers?
  var aliasedInput: Int? { 0 }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    var chosen: SmallIntegers?
    if let axes { chosen = axes } else if io.has(1) { chosen = try io.integers(1) }
    var drops = InlineArray<8, Bool>(repeating: false)
    if let chosen {
      for i in 0..<chosen.count {
        let axis = try view.shape.axis(chosen[i])
        guard view.shape[axis] == 1 else {
          throw KernelFault(.shape, "axis \(axis) of \(view.shape.list) is not 1")
        }
        drops[axis] = true
      }
    } else {
      for i in 0..<view.shape.rank { drops[i] = view.shape[i] == 1 }
    }
    var shape = Shape()
    for i in 0..<view.shape.rank where !drops[i] { shape.append(view.shape[i]) }
    io.alias(0, of: view, shape: shape)
  }
}

/// Adds dimensions of size 1.
struct UnsqueezeKernel: Kernel {
  let axes: SmallIntegers?
  var aliasedInput: Int? { 0 }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    let chosen: SmallIntegers
    if let axes { chosen = axes } else { chosen = try io.integers(1) }
    let rank = view.shape.rank + chosen.count
    guard rank <= Shape.rankMax else { throw KernelFault(.unsupported, "\(rank) dimensions") }
    var isNew = InlineArray<8, Bool>(repeating: false)
    for i in 0..<chosen.count {
      let axis = try view.shape.axis(chosen[i], rank: rank)
      guard !isNew[axis] else { throw KernelFault(.shape, "the axis \(axis) is given twice") }
      isNew[axis] = true
    }
    var shape = Shape()
    var next = 0
    for i in 0..<rank {
      if isNew[i] {
        shape.append(1)
      } else {
        shape.append(view.shape[next])
        next += 1
      }
    }
    io.alias(0, of: view, shape: shape)
  }
}

/// The sizes of the dimensions, or of a range of them.
struct ShapeKernel: Kernel {
  let start: Int
  let end: Int?

  func run(_ io: NodeIO) throws(KernelFault) {
    let shape = try io.input(0).shape
    let rank = shape.rank
    let from = min(max(start < 0 ? start + rank : start, 0), rank)
    let stop = end ?? rank
    let to = max(min(max(stop < 0 ? stop + rank : stop, 0), rank), from)
    let out = try io.output(0, .int64, Shape(to - from), as: Int64.self)
    for i in from..<to { out[i - from] = Int64(shape[i]) }
  }
}

/// The number of elements.
struct SizeKernel: Kernel {
  func run(_ io: NodeIO) throws(KernelFault) {
    let count = try io.input(0).count
    try io.output(0, .int64, .scalar, as: Int64.self)[0] = Int64(count)
  }
}

/// Another order of dimensions; reversed unless given.
struct TransposeKernel: Kernel {
  let order: SmallIntegers?

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    switch view.type.strideBytes {
    case 1: try go(io, view, UInt8.self)
    case 2: try go(io, view, UInt16.self)
    case 4: try go(io, view, UInt32.self)
    case 8: try go(io, view, UInt64.self)
    default: try go(io, view, TextRef.self)
    }
  }

  private func go<T>(_ io: NodeIO, _ view: TensorView, _: T.Type) throws(KernelFault) {
    let rank = view.shape.rank
    guard order == nil || order?.count == rank else {
      throw KernelFault(.shape, "the order does not fit the \(rank) dimensions")
    }
    let strides = Broadcast.strides(view.shape, in: rank)
    var shape = Shape()
    var steps = InlineArray<8, Int>(repeating: 0)
    var seen = InlineArray<8, Bool>(repeating: false)
    for i in 0..<rank {
      let from = try view.shape.axis(order?[i] ?? rank - 1 - i)
      guard !seen[from] else { throw KernelFault(.shape, "the axis \(from) is given twice") }
      seen[from] = true
      shape.append(view.shape[from])
      steps[i] = strides[from]
    }
    let out = try io.output(0, view.type, shape, as: T.self)
    let x = view.pointer(T.self)
    var index = InlineArray<8, Int>(repeating: 0)
    var from = 0
    for at in 0..<shape.count {
      out[at] = x[from]
      var d = rank - 1
      while d >= 0 {
        index[d] += 1
        from += steps[d]
        if index[d] < shape[d] { break }
        from -= steps[d] * shape[d]
        index[d] = 0
        d -= 1
      }
    }
  }
}

/// Broadcasts to a shape.
struct ExpandKernel: Kernel {
  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    let wanted = try io.integers(1)
    guard wanted.count <= Shape.rankMax else {
      throw KernelFault(.unsupported, "\(wanted.count) dimensions")
    }
    let asked = try Shape((0..<wanted.count).map { wanted[$0] })
    let shape = try Shape.broadcast(view.shape, asked)
    switch view.type.strideBytes {
    case 1: try go(io, view, shape, UInt8.self)
    case 2: try go(io, view, shape, UInt16.self)
    case 4: try go(io, view, shape, UInt32.self)
    case 8: try go(io, view, shape, UInt64.self)
    default: try go(io, view, shape, TextRef.self)
    }
  }

  private func go<T>(
    _ io: NodeIO, _ view: TensorView, _ shape: Shape, _: T.Type
  ) throws(KernelFault) {
    let out = try io.output(0, view.type, shape, as: T.self)
    Broadcast.binary(view.pointer(T.self), view.shape, out, shape, out, shape) { x, _ in x }
  }
}

/// Joins tensors along an axis.
struct ConcatKernel: Kernel {
  let axis: Int

  func run(_ io: NodeIO) throws(KernelFault) {
    let first = try io.input(0)
    let axis = try first.shape.axis(self.axis)
    var shape = first.shape
    var joined = 0
    for i in 0..<io.inputCount {
      let view = try io.input(i)
      guard view.type == first.type, view.shape.rank == shape.rank else {
        throw KernelFault(
          .shape,
          "input \(i) is \(view.type.rawValue)\(view.shape.list), input 0 is "
            + "\(first.type.rawValue)\(first.shape.list)")
      }
      for d in 0..<shape.rank where d != axis && view.shape[d] != shape[d] {
        throw KernelFault(.shape, "\(view.shape.list) does not join \(first.shape.list)")
      }
      let (sum, overflow) = joined.addingReportingOverflow(view.shape[axis])
      guard !overflow else { throw KernelFault(.shape, "the joined axis overflows") }
      joined = sum
    }
    shape[axis] = joined
    let out = UnsafeMutableRawPointer(try io.output(0, first.type, shape, as: UInt8.self))
    let outer = shape.product(0, axis)
    let inner = shape.product(axis + 1, shape.rank) * first.type.strideBytes
    let step = joined * inner
    var at = 0
    for i in 0..<io.inputCount {
      let view = try io.input(i)
      let bytes = view.shape[axis] * inner
      copyRows(from: view.data, to: out + at, rows: outer, bytes: bytes, step: step)
      at += bytes
    }
  }

  @inline(__always)
  private func copyRows(
    from: UnsafeMutableRawPointer, to: UnsafeMutableRawPointer, rows: Int, bytes: Int, step: Int
  ) {
    // Columns of one number each are the common case; a call of memcpy costs more than the move.
    if bytes == 4 {
      for row in 0..<rows {
        let value = from.load(fromByteOffset: row * 4, as: UInt32.self)
        to.storeBytes(of: value, toByteOffset: row * step, as: UInt32.self)
      }
      return
    }
    for row in 0..<rows where bytes > 0 {
      (to + row * step).copyMemory(from: from + row * bytes, byteCount: bytes)
    }
  }
}
