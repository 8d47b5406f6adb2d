import Core

/// The different elements, or slices along an axis: sorted or in order of appearance, with where
/// each first appears, which one each element is, and how often each appears.
///
/// All NaN count as one and come last, as in numpy.
struct UniqueKernel: Kernel {
  let axis: Int?
  let isSorted: Bool
  var hasDataDependentShape: Bool { true }

  /// A tensor seen as `count` slices.
  private struct Slices {
    let count: Int
    let outer: Int
    let inner: Int
    let shape: Shape
    let axis: Int
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    var slices = Slices(
      count: view.count, outer: 1, inner: 1, shape: Shape(view.count), axis: 0)
    if let axis {
      let at = try view.shape.axis(axis)
      slices = Slices(
        count: view.shape[at], outer: view.shape.product(0, at),
        inner: view.shape.product(at + 1, view.shape.rank), shape: view.shape, axis: at)
    }
    guard slices.count < Int(Int32.max) else {
      throw KernelFault(.limit, "\(slices.count) elements to tell apart")
    }
    switch view.type {
    case .float32: try go(io, view, slices, Float.self, compareReals)
    case .float64: try go(io, view, slices, Double.self, compareReals)
    case .int8: try go(io, view, slices, Int8.self, compareIntegers)
    case .int16: try go(io, view, slices, Int16.self, compareIntegers)
    case .int32: try go(io, view, slices, Int32.self, compareIntegers)
    case .int64: try go(io, view, slices, Int64.self, compareIntegers)
    case .bool, .uint8: try go(io, view, slices, UInt8.self, compareIntegers)
    case .uint16: try go(io, view, slices, UInt16.self, compareIntegers)
    case .uint32: try go(io, view, slices, UInt32.self, compareIntegers)
    case .uint64: try go(io, view, slices, UInt64.self, compareIntegers)
    case .text:
      try go(io, view, slices, TextRef.self) { $0.isEqual($1) ? 0 : $0.isLess($1) ? -1 : 1 }
    }
  }

  private func go<T>(
    _ io: NodeIO, _ view: TensorView, _ slices: Slices, _: T.Type, _ compare: (T, T) -> Int
  ) throws(KernelFault) {
    let x = view.pointer(T.self)
    func order(_ a: Int32, _ b: Int32) -> Int {
      for row in 0..<slices.outer {
        let base = row * slices.count
        for i in 0..<slices.inner {
          let result = compare(
            x[(base + Int(a)) * slices.inner + i], x[(base + Int(b)) * slices.inner + i])
          if result != 0 { return result }
        }
      }
      return 0
    }
    var sorted = (0..<Int32(slices.count)).map { $0 }
    sorted.sort {
      let result = order($0, $1)
      return result == 0 ? $0 < $1 : result < 0
    }
    // Runs of equal slices; the first of each is the earliest.
    var groups: [(first: Int32, members: Range<Int>)] = []
    var start = 0
    for i in 1...max(sorted.count, 1) where !sorted.isEmpty {
      if i < sorted.count && order(sorted[start], sorted[i]) == 0 { continue }
      groups.append((sorted[start], start..<i))
      start = i
    }
    if !isSorted { groups.sort { $0.first < $1.first } }
    try write(io, view, slices, groups.map { (Int($0.first), sorted[$0.members]) })
  }

  private func write(
    _ io: NodeIO, _ view: TensorView, _ slices: Slices,
    _ groups: [(first: Int, members: ArraySlice<Int32>)]
  ) throws(KernelFault) {
    if io.wants(0) {
      var shape = slices.shape
      shape[slices.axis] = groups.count
      let out = UnsafeMutableRawPointer(try io.output(0, view.type, shape, as: UInt8.self))
      let bytes = slices.inner * view.type.strideBytes
      for row in 0..<slices.outer where bytes > 0 {
        for (i, group) in groups.enumerated() {
          (out + (row * groups.count + i) * bytes).copyMemory(
            from: view.data + (row * slices.count + group.first) * bytes, byteCount: bytes)
        }
      }
    }
    if io.wants(1) {
      let out = try io.output(1, .int64, Shape(groups.count), as: Int64.self)
      for (i, group) in groups.enumerated() { out[i] = Int64(group.first) }
    }
    if io.wants(2) {
      let out = try io.output(2, .int64, Shape(slices.count), as: Int64.self)
      for (i, group) in groups.enumerated() {
        for member in group.members { out[Int(member)] = Int64(i) }
      }
    }
    if io.wants(3) {
      let out = try io.output(3, .int64, Shape(groups.count), as: Int64.self)
      for (i, group) in groups.enumerated() { out[i] = Int64(group.members.count) }
    }
  }
}

private func compareIntegers<T: FixedWidthInteger>(_ a: T, _ b: T) -> Int {
  a == b ? 0 : a < b ? -1 : 1
}

private func compareReals<T: BinaryFloatingPoint>(_ a: T, _ b: T) -> Int {
  if a == b || (a.isNaN && b.isNaN) { return 0 }
  if a.isNaN || b.isNaN { return a.isNaN ? 1 : -1 }
  return a < b ? -1 : 1
}
