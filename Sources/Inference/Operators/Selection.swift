import Core

/// Operators that pick elements by position.
let selectionOperators: OperatorTable = [
  "Gather": { call throws(KernelFault) in GatherKernel(axis: try call.int("axis", default: 0)) },
  "GatherElements": { call throws(KernelFault) in
    GatherElementsKernel(axis: try call.int("axis", default: 0))
  },
  "GatherND": { call throws(KernelFault) in
    GatherNDKernel(batchRank: try call.int("batch_dims", default: 0))
  },
  "Compress": { call throws(KernelFault) in CompressKernel(axis: try call.int("axis")) },
  "NonZero": { _ in NonZeroKernel() },
  "Slice": { call throws(KernelFault) in
    let isOld = call.has("starts")
    return SliceKernel(
      starts: isOld ? try checkedIntegers(try call.ints("starts")) : nil,
      ends: isOld ? try checkedIntegers(try call.ints("ends")) : nil,
      axes: isOld && call.has("axes") ? try checkedIntegers(try call.ints("axes")) : nil)
  },
  "Split": { call throws(KernelFault) in
    SplitKernel(
      axis: try call.int("axis", default: 0),
      sizes: call.has("split") ? try checkedIntegers(try call.ints("split")) : nil)
  },
  "Tile": { _ in TileKernel() },
  "ArgMax": { call throws(KernelFault) in try ArgKernel(call, isMaximum: true) },
  "ArgMin": { call throws(KernelFault) in try ArgKernel(call, isMaximum: false) },
]

/// Reads an index tensor element; both integer widths are legal.
@inline(__always)
func indexValue(_ view: TensorView, _ i: Int) -> Int {
  view.type == .int64 ? Int(view.pointer(Int64.self)[i]) : Int(view.pointer(Int32.self)[i])
}

func checkIndexType(_ view: TensorView) throws(KernelFault) {
  guard view.type == .int64 || view.type == .int32 else {
    throw KernelFault(.shape, "the indices are \(view.type.rawValue), expected int64 or int32")
  }
}

/// An index counted from the front, checked; in a probe a wrong one becomes 0.
@inline(__always)
func position(_ index: Int, _ size: Int, _ io: NodeIO) throws(KernelFault) -> Int {
  let at = index < 0 ? index &+ size : index
  if at >= 0 && at < size { return at }
  if io.frame.isProbe && size > 0 { return 0 }
  throw KernelFault(.data, "the index \(index) is outside of \(size) elements")
}

/// Picks whole slices along an axis.
struct GatherKernel: Kernel {
  let axis: Int

  func run(_ io: NodeIO) throws(KernelFault) {
    let data = try io.input(0)
    let indices = try io.input(1)
    try checkIndexType(indices)
    let axis = try data.shape.axis(self.axis)
    let rank = data.shape.rank + indices.shape.rank - 1
    guard rank <= Shape.rankMax else { throw KernelFault(.unsupported, "\(rank) dimensions") }
    var shape = Shape()
    for d in 0..<axis { shape.append(data.shape[d]) }
    for d in 0..<indices.shape.rank { shape.append(indices.shape[d]) }
    for d in (axis + 1)..<max(data.shape.rank, axis + 1) { shape.append(data.shape[d]) }
    let out = UnsafeMutableRawPointer(try io.output(0, data.type, shape, as: UInt8.self))
    let size = data.shape[axis]
    let inner = data.shape.product(axis + 1, data.shape.rank) * data.type.strideBytes
    let count = indices.count
    if inner == 0 || count == 0 { return }
    for outer in 0..<data.shape.product(0, axis) {
      for i in 0..<count {
        let at = try position(indexValue(indices, i), size, io)
        (out + (outer * count + i) * inner).copyMemory(
          from: data.data + (outer * size + at) * inner, byteCount: inner)
      }
    }
  }
}

/// Picks single elements along an axis, each by an index of its own.
struct GatherElementsKernel: Kernel {
  let axis: Int

  func run(_ io: NodeIO) throws(KernelFault) {
    let data = try io.input(0)
    let indices = try io.input(1)
    try checkIndexType(indices)
    guard data.shape.rank == indices.shape.rank, data.shape.rank > 0 else {
      throw KernelFault(.shape, "indices \(indices.shape.list) for data \(data.shape.list)")
    }
    let axis = try data.shape.axis(self.axis)
    for d in 0..<data.shape.rank where d != axis && indices.shape[d] > data.shape[d] {
      throw KernelFault(.shape, "indices \(indices.shape.list) for data \(data.shape.list)")
    }
    let out = UnsafeMutableRawPointer(
      try io.output(0, data.type, indices.shape, as: UInt8.self))
    let strides = Broadcast.strides(data.shape, in: data.shape.rank)
    let stride = data.type.strideBytes
    var index = InlineArray<8, Int>(repeating: 0)
    for i in 0..<indices.count {
      var from = 0
      for d in 0..<data.shape.rank {
        let at = d == axis ? try position(indexValue(indices, i), data.shape[d], io) : index[d]
        from += at * strides[d]
      }
      (out + i * stride).copyMemory(from: data.data + from * stride, byteCount: stride)
      advance(&index, indices.shape)
    }
  }
}

/// The next position of an odometer over `shape`.
@inline(__always)
func advance(_ index: inout InlineArray<8, Int>, _ shape: Shape) {
  var d = shape.rank - 1
  while d >= 0 {
    index[d] += 1
    if index[d] < shape[d] { return }
    index[d] = 0
    d -= 1
  }
}

/// A box of a tensor, with steps.
struct SliceKernel: Kernel {
  let starts: SmallIntegers?
  let ends: SmallIntegers?
  let axes: SmallIntegers?

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    let from = try choose(starts, io, 1) ?? SmallIntegers()
    let to = try choose(ends, io, 2) ?? SmallIntegers()
    let on = try choose(axes, io, starts == nil ? 3 : -1)
    let by = try choose(nil, io, starts == nil ? 4 : -1)
    guard from.count == to.count, on == nil || on?.count == from.count,
      by == nil || by?.count == from.count
    else { throw KernelFault(.shape, "starts, ends, axes and steps differ in length") }
    var shape = view.shape
    var first = InlineArray<8, Int>(repeating: 0)
    var step = InlineArray<8, Int>(repeating: 1)
    for i in 0..<from.count {
      let axis = try view.shape.axis(on?[i] ?? i)
      let range = try SliceKernel.range(from[i], to[i], by?[i] ?? 1, size: view.shape[axis])
      first[axis] = range.first
      step[axis] = range.step
      shape[axis] = range.count
    }
    let out = UnsafeMutableRawPointer(try io.output(0, view.type, shape, as: UInt8.self))
    copy(view, to: out, shape, first, step)
  }

  private func choose(
    _ fixed: SmallIntegers?, _ io: NodeIO, _ index: Int
  ) throws(KernelFault) -> SmallIntegers? {
    if let fixed { return fixed }
    return index >= 0 && io.has(index) ? try io.integers(index) : nil
  }

  /// numpy's rules for one axis.
  static func range(
    _ start: Int, _ end: Int, _ step: Int, size: Int
  ) throws(KernelFault) -> (first: Int, step: Int, count: Int) {
    guard step != 0, step != .min else { throw KernelFault(.shape, "a step of \(step)") }
    let from = start < 0 ? start &+ size : start
    let to = end < 0 ? end &+ size : end
    if step > 0 {
      let a = min(max(from, 0), size)
      let b = min(max(to, 0), size)
      return (a, step, b > a ? (b - a - 1) / step + 1 : 0)
    }
    let a = min(max(from, -1), size - 1)
    // A far negative end means: through the first element.
    let b = min(max(end < -size ? -1 : to, -1), size - 1)
    return (a, step, a > b ? (a - b - 1) / -step + 1 : 0)
  }

  private func copy(
    _ view: TensorView, to out: UnsafeMutableRawPointer, _ shape: Shape,
    _ first: InlineArray<8, Int>, _ step: InlineArray<8, Int>
  ) {
    let rank = shape.rank
    let strides = Broadcast.strides(view.shape, in: rank)
    let stride = view.type.strideBytes
    var index = InlineArray<8, Int>(repeating: 0)
    for i in 0..<shape.count {
      var from = 0
      for d in 0..<rank { from += (first[d] + index[d] * step[d]) * strides[d] }
      (out + i * stride).copyMemory(from: view.data + from * stride, byteCount: stride)
      advance(&index, shape)
    }
  }
}

/// Cuts a tensor into parts along an axis.
struct SplitKernel: Kernel {
  let axis: Int
  let sizes: SmallIntegers?

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    let axis = try view.shape.axis(self.axis)
    let size = view.shape[axis]
    var given = sizes
    if given == nil, io.has(1) { given = try io.integers(1) }
    let parts = io.outputCount
    let equal = (size + parts - 1) / max(parts, 1)
    guard given == nil || given?.count == parts else {
      throw KernelFault(.shape, "sizes for \(given?.count ?? 0) parts, outputs for \(parts)")
    }
    let inner = view.shape.product(axis + 1, view.shape.rank) * view.type.strideBytes
    let outer = view.shape.product(0, axis)
    var at = 0
    for part in 0..<parts {
      let length = given?[part] ?? min(equal, size - at)
      guard length >= 0, at + length <= size else {
        throw KernelFault(.shape, "the parts do not fit the \(size) elements of the axis")
      }
      var shape = view.shape
      shape[axis] = length
      let out = UnsafeMutableRawPointer(try io.output(part, view.type, shape, as: UInt8.self))
      for row in 0..<outer where length * inner > 0 {
        (out + row * length * inner).copyMemory(
          from: view.data + (row * size + at) * inner, byteCount: length * inner)
      }
      at += length
    }
    guard at == size else {
      throw KernelFault(.shape, "the parts take \(at) of the axis's \(size) elements")
    }
  }
}

/// Repeats a tensor along each axis.
struct TileKernel: Kernel {
  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    let repeats = try io.integers(1)
    guard repeats.count == view.shape.rank else {
      throw KernelFault(.shape, "\(repeats.count) repeats for \(view.shape.rank) dimensions")
    }
    var list: [Int] = []
    for d in 0..<view.shape.rank {
      let (dim, overflow) = view.shape[d].multipliedReportingOverflow(by: repeats[d])
      guard !overflow else { throw KernelFault(.shape, "the repeats overflow") }
      list.append(dim)
    }
    let shape = try Shape(list)
    let out = UnsafeMutableRawPointer(try io.output(0, view.type, shape, as: UInt8.self))
    let strides = Broadcast.strides(view.shape, in: shape.rank)
    let stride = view.type.strideBytes
    var index = InlineArray<8, Int>(repeating: 0)
    for i in 0..<shape.count {
      var from = 0
      for d in 0..<shape.rank { from += index[d] % view.shape[d] * strides[d] }
      (out + i * stride).copyMemory(from: view.data + from * stride, byteCount: stride)
      advance(&index, shape)
    }
  }
}

/// Where the largest or smallest element of each run along an axis is.
struct ArgKernel: Kernel {
  let axis: Int
  let keepsAxis: Bool
  let takesLast: Bool
  let isMaximum: Bool

  init(_ call: OperatorCall, isMaximum: Bool) throws(KernelFault) {
    axis = try call.int("axis", default: 0)
    keepsAxis = try call.int("keepdims", default: 1) != 0
    takesLast = try call.int("select_last_index", default: 0) != 0
    self.isMaximum = isMaximum
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    try dispatchNumeric(
      try io.input(0).type, float: { () throws(KernelFault) in try go(io, Float.self) },
      double: { () throws(KernelFault) in try go(io, Double.self) },
      int32: { () throws(KernelFault) in try go(io, Int32.self) },
      int64: { () throws(KernelFault) in try go(io, Int64.self) })
  }

  private func go<T: NumericElement>(_ io: NodeIO, _: T.Type) throws(KernelFault) {
    let (x, old) = try io.input(0, T.elementType, as: T.self)
    let axis = try old.axis(self.axis)
    let size = old[axis]
    var shape = Shape()
    for d in 0..<old.rank {
      if d != axis { shape.append(old[d]) } else if keepsAxis { shape.append(1) }
    }
    let inner = old.product(axis + 1, old.rank)
    let out = try io.output(0, .int64, shape, as: Int64.self)
    guard size > 0 || shape.count == 0 else {
      throw KernelFault(.shape, "the axis is empty")
    }
    for row in 0..<old.product(0, axis) {
      for column in 0..<inner {
        let base = row * size * inner + column
        var best = x[base]
        var at = 0
        for i in 1..<max(size, 1) {
          let value = x[base + i * inner]
          let isBetter = isMaximum ? value > best : value < best
          if isBetter || (takesLast && value == best) {
            best = value
            at = i
          }
        }
        out[row * inner + column] = Int64(at)
      }
    }
  }
}
