import Core

/// Operators that order or tell apart elements.
let rankingOperators: OperatorTable = [
  "TopK": { call throws(KernelFault) in try TopKernel(call) },
  "OneHot": { call throws(KernelFault) in
    OneHotExpansionKernel(axis: try call.int("axis", default: -1))
  },
  "Unique": { call throws(KernelFault) in
    UniqueKernel(
      axis: try call.int("axis"), isSorted: try call.int("sorted", default: 1) != 0)
  },
]

/// The k largest or smallest elements along an axis, best first; of equal ones the first.
///
/// NaN counts as larger than any number.
struct TopKernel: Kernel {
  let axis: Int
  let takesLargest: Bool
  /// Before opset 10 the count is an attribute.
  let count: Int?

  init(_ call: OperatorCall) throws(KernelFault) {
    axis = try call.int("axis", default: -1)
    takesLargest = try call.int("largest", default: 1) != 0
    count = call.opset < 10 ? try call.int("k") : nil
    guard call.opset >= 10 || count != nil else {
      throw KernelFault(.malformed, "the attribute k is missing")
    }
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
    var wanted = count ?? 0
    if count == nil {
      let list = try io.integers(1)
      guard list.count == 1 else { throw KernelFault(.shape, "k is not one number") }
      wanted = list[0]
    }
    guard wanted >= 0, wanted <= size else {
      throw KernelFault(.data, "\(wanted) of \(size) elements")
    }
    var shape = old
    shape[axis] = wanted
    // Only one of the two can be unread, so that they never share memory.
    let values = try io.output(0, T.elementType, shape, as: T.self)
    let places = try io.output(1, .int64, shape, as: Int64.self)
    let heap = try io.scratch(wanted, of: Int.self)
    let inner = old.product(axis + 1, old.rank)
    for row in 0..<old.product(0, axis) {
      for column in 0..<inner {
        let from = x + row * size * inner + column
        select(from, inner, size, heap, wanted)
        for i in 0..<wanted {
          let to = (row * wanted + i) * inner + column
          values[to] = from[heap[i] * inner]
          places[to] = Int64(heap[i])
        }
      }
    }
  }

  /// Whether the element at `a` comes before that at `b` in the result.
  @inline(__always)
  private func isBefore<T: NumericElement>(
    _ x: UnsafeMutablePointer<T>, _ step: Int, _ a: Int, _ b: Int
  ) -> Bool {
    let (p, q) = (x[a * step], x[b * step])
    if p.isNotANumber || q.isNotANumber {
      if p.isNotANumber && q.isNotANumber { return a < b }
      return p.isNotANumber == takesLargest
    }
    if p == q { return a < b }
    return takesLargest ? p > q : p < q
  }

  /// Leaves the first `count` positions in order: a heap with the worst on top, then sorted.
  private func select<T: NumericElement>(
    _ x: UnsafeMutablePointer<T>, _ step: Int, _ size: Int, _ heap: UnsafeMutablePointer<Int>,
    _ count: Int
  ) {
    if count == 0 { return }
    for i in 0..<count { heap[i] = i }
    var root = count / 2
    while root > 0 {
      root -= 1
      sink(x, step, heap, root, count)
    }
    for i in count..<max(size, count) where isBefore(x, step, i, heap[0]) {
      heap[0] = i
      sink(x, step, heap, 0, count)
    }
    var end = count - 1
    while end > 0 {
      (heap[0], heap[end]) = (heap[end], heap[0])
      sink(x, step, heap, 0, end)
      end -= 1
    }
  }

  private func sink<T: NumericElement>(
    _ x: UnsafeMutablePointer<T>, _ step: Int, _ heap: UnsafeMutablePointer<Int>, _ root: Int,
    _ count: Int
  ) {
    var at = root
    while 2 * at + 1 < count {
      var child = 2 * at + 1
      if child + 1 < count && isBefore(x, step, heap[child], heap[child + 1]) { child += 1 }
      if !isBefore(x, step, heap[at], heap[child]) { return }
      (heap[at], heap[child]) = (heap[child], heap[at])
      at = child
    }
  }
}

/// A new axis with one value at the index and another elsewhere.
struct OneHotExpansionKernel: Kernel {
  let axis: Int

  func run(_ io: NodeIO) throws(KernelFault) {
    let indices = try io.input(0)
    try requireNumeric(indices)
    let depthView = try io.input(1)
    try requireNumeric(depthView)
    let values = try io.input(2)
    guard depthView.count == 1, values.count == 2 else {
      throw KernelFault(.shape, "one depth and two values are expected")
    }
    // A probe's zero says nothing of the depth to come.
    var depth = integer(depthView, 0)
    if depth < 1 && io.frame.isProbe { depth = 1 }
    guard depth >= 1, indices.shape.rank < Shape.rankMax else {
      throw KernelFault(.data, "a depth of \(depth) for indices \(indices.shape.list)")
    }
    let at = try indices.shape.axis(axis, rank: indices.shape.rank + 1)
    var shape = Shape()
    for d in 0..<indices.shape.rank {
      if d == at { shape.append(depth) }
      shape.append(indices.shape[d])
    }
    if at == indices.shape.rank { shape.append(depth) }
    let out = UnsafeMutableRawPointer(try io.output(0, values.type, shape, as: UInt8.self))
    let stride = values.type.strideBytes
    for i in 0..<shape.count { (out + i * stride).copyMemory(from: values.data, byteCount: stride) }
    let inner = indices.shape.product(at, indices.shape.rank)
    for i in 0..<indices.count {
      var hot = integer(indices, i)
      if hot < 0 { hot &+= depth }
      guard hot >= 0, hot < depth else { continue }
      let to = (i / inner * depth + hot) * inner + i % inner
      (out + to * stride).copyMemory(from: values.data + stride, byteCount: stride)
    }
  }

  private func integer(_ view: TensorView, _ i: Int) -> Int {
    switch view.type {
    case .int64, .int32: indexValue(view, i)
    case .float64: saturatingInt(view.pointer(Double.self)[i])
    default: saturatingInt(Double(floatElement(view, i)))
    }
  }
}
