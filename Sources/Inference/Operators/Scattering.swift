import Core

/// Operators that write, rank or count by position.
let scatterOperators: OperatorTable = [
  "CumSum": { call throws(KernelFault) in
    CumulativeSumKernel(
      isExclusive: try call.int("exclusive", default: 0) != 0,
      isReversed: try call.int("reverse", default: 0) != 0)
  },
  "ScatterElements": { call throws(KernelFault) in
    ScatterElementsKernel(
      axis: try call.int("axis", default: 0), combination: try ScatterCombination(call))
  },
  "Scatter": { call throws(KernelFault) in
    ScatterElementsKernel(axis: try call.int("axis", default: 0), combination: .replace)
  },
  "ScatterND": { call throws(KernelFault) in
    ScatterNDKernel(combination: try ScatterCombination(call))
  },
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

/// What an update does to the element that it meets.
enum ScatterCombination: String, Sendable {
  case replace = "none"
  case add
  case multiply = "mul"
  case maximum = "max"
  case minimum = "min"

  init(_ call: OperatorCall) throws(KernelFault) {
    let name = try call.string("reduction") ?? "none"
    guard let combination = ScatterCombination(rawValue: name) else {
      throw KernelFault(.malformed, "the reduction \"\(printable(name))\"")
    }
    self = combination
  }

  @inline(__always)
  func apply<T: NumericElement>(_ old: T, _ new: T) -> T {
    switch self {
    case .replace: new
    case .add: T.plus(old, new)
    case .multiply: T.times(old, new)
    case .maximum: MaximumRule.apply(new, old)
    case .minimum: MinimumRule.apply(new, old)
    }
  }

  /// Combines `count` elements at `from` into those at `to`, counted in elements.
  func apply(
    _ type: ElementType, from: UnsafeMutableRawPointer, to: UnsafeMutableRawPointer, count: Int
  ) throws(KernelFault) {
    if self == .replace {
      to.copyMemory(from: from, byteCount: count * type.strideBytes)
      return
    }
    try dispatchNumeric(
      type, float: { () throws(KernelFault) in go(from, to, count, Float.self) },
      double: { () throws(KernelFault) in go(from, to, count, Double.self) },
      int32: { () throws(KernelFault) in go(from, to, count, Int32.self) },
      int64: { () throws(KernelFault) in go(from, to, count, Int64.self) })
  }

  private func go<T: NumericElement>(
    _ from: UnsafeMutableRawPointer, _ to: UnsafeMutableRawPointer, _ count: Int, _: T.Type
  ) {
    let (x, out) = (from.assumingMemoryBound(to: T.self), to.assumingMemoryBound(to: T.self))
    for i in 0..<count { out[i] = apply(out[i], x[i]) }
  }
}

/// A copy of a tensor with single elements updated along an axis.
struct ScatterElementsKernel: Kernel {
  let axis: Int
  let combination: ScatterCombination

  func run(_ io: NodeIO) throws(KernelFault) {
    let data = try io.input(0)
    let indices = try io.input(1)
    let updates = try io.input(2)
    try checkIndexType(indices)
    guard data.shape.rank == indices.shape.rank, data.shape.rank > 0,
      updates.shape == indices.shape, updates.type == data.type
    else {
      throw KernelFault(
        .shape,
        "indices \(indices.shape.list) and updates \(updates.type.rawValue)"
          + "\(updates.shape.list) for data \(data.type.rawValue)\(data.shape.list)")
    }
    let axis = try data.shape.axis(self.axis)
    for d in 0..<data.shape.rank where d != axis && indices.shape[d] > data.shape[d] {
      throw KernelFault(.shape, "indices \(indices.shape.list) for data \(data.shape.list)")
    }
    let out = UnsafeMutableRawPointer(try io.output(0, data.type, data.shape, as: UInt8.self))
    let stride = data.type.strideBytes
    out.copyMemory(from: data.data, byteCount: data.count * stride)
    // The step of each axis; a size of 1 has none, its index is always 0.
    let strides = Broadcast.strides(data.shape, in: data.shape.rank)
    var index = InlineArray<8, Int>(repeating: 0)
    for i in 0..<indices.count {
      var at = 0
      for d in 0..<data.shape.rank {
        let place = d == axis ? try position(indexValue(indices, i), data.shape[d], io) : index[d]
        at += place * strides[d]
      }
      try combination.apply(
        data.type, from: updates.data + i * stride, to: out + at * stride, count: 1)
      advance(&index, indices.shape)
    }
  }
}

/// A copy of a tensor with slices updated, each at a position given by a tuple of indices.
struct ScatterNDKernel: Kernel {
  let combination: ScatterCombination

  func run(_ io: NodeIO) throws(KernelFault) {
    let data = try io.input(0)
    let indices = try io.input(1)
    let updates = try io.input(2)
    try checkIndexType(indices)
    guard data.shape.rank > 0, indices.shape.rank > 0, updates.type == data.type else {
      throw KernelFault(
        .shape, "updates \(updates.type.rawValue) for data \(data.type.rawValue)\(data.shape.list)")
    }
    let width = indices.shape[indices.shape.rank - 1]
    guard width <= data.shape.rank else {
      throw KernelFault(.shape, "tuples of \(width) indices for data \(data.shape.list)")
    }
    let tuples = indices.shape.product(0, indices.shape.rank - 1)
    let inner = data.shape.product(width, data.shape.rank)
    guard updates.count == tuples * inner else {
      throw KernelFault(
        .shape,
        "updates \(updates.shape.list) for data \(data.shape.list) at \(indices.shape.list)")
    }
    let out = UnsafeMutableRawPointer(try io.output(0, data.type, data.shape, as: UInt8.self))
    let stride = data.type.strideBytes
    out.copyMemory(from: data.data, byteCount: data.count * stride)
    if inner == 0 { return }
    for tuple in 0..<tuples {
      let at = try tuplePosition(indices, tuple * width, width, data.shape, from: 0, io)
      try combination.apply(
        data.type, from: updates.data + tuple * inner * stride, to: out + at * inner * stride,
        count: inner)
    }
  }
}

/// The number of the slice that `width` indices from `start` on point at, counted over the
/// dimensions `first..<first + width`.
@inline(__always)
func tuplePosition(
  _ indices: TensorView, _ start: Int, _ width: Int, _ shape: Shape, from first: Int, _ io: NodeIO
) throws(KernelFault) -> Int {
  var at = 0
  for d in 0..<width {
    let size = shape[first + d]
    at = at * size + (try position(indexValue(indices, start + d), size, io))
  }
  return at
}
