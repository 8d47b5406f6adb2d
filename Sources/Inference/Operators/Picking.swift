import Core

// Selections by tuples of indices and by conditions; their entries are with the selections.

/// Picks slices, each by a tuple of indices, within each of the leading batch dimensions.
struct GatherNDKernel: Kernel {
  let batchRank: Int

  func run(_ io: NodeIO) throws(KernelFault) {
    let data = try io.input(0)
    let indices = try io.input(1)
    try checkIndexType(indices)
    let rank = indices.shape.rank
    guard rank > 0, data.shape.rank > 0, batchRank >= 0, batchRank < min(rank, data.shape.rank)
    else {
      throw KernelFault(
        .shape,
        "\(batchRank) batch dimensions of data \(data.shape.list) and indices "
          + "\(indices.shape.list)")
    }
    let width = indices.shape[rank - 1]
    for d in 0..<batchRank where data.shape[d] != indices.shape[d] {
      throw KernelFault(.shape, "indices \(indices.shape.list) for data \(data.shape.list)")
    }
    guard batchRank + width <= data.shape.rank else {
      throw KernelFault(.shape, "tuples of \(width) indices for data \(data.shape.list)")
    }
    let tail = batchRank + width
    guard rank - 1 + data.shape.rank - tail <= Shape.rankMax else {
      throw KernelFault(.unsupported, "\(rank - 1 + data.shape.rank - tail) dimensions")
    }
    var shape = Shape()
    for d in 0..<(rank - 1) { shape.append(indices.shape[d]) }
    for d in tail..<max(data.shape.rank, tail) { shape.append(data.shape[d]) }
    let out = UnsafeMutableRawPointer(try io.output(0, data.type, shape, as: UInt8.self))
    let inner = data.shape.product(tail, data.shape.rank) * data.type.strideBytes
    let slices = data.shape.product(batchRank, tail)
    let tuples = indices.shape.product(batchRank, rank - 1)
    if inner == 0 { return }
    for batch in 0..<indices.shape.product(0, batchRank) {
      for tuple in 0..<tuples {
        let to = batch * tuples + tuple
        let at = try tuplePosition(indices, to * width, width, data.shape, from: batchRank, io)
        // In a probe of an empty dimension a wrong index may still point nowhere.
        guard at < slices else { throw KernelFault(.data, "an index is outside of the data") }
        (out + to * inner).copyMemory(
          from: data.data + (batch * slices + at) * inner, byteCount: inner)
      }
    }
  }
}

/// Keeps the slices along an axis where a condition holds; without an axis single elements.
struct CompressKernel: Kernel {
  let axis: Int?
  var hasDataDependentShape: Bool { true }

  func run(_ io: NodeIO) throws(KernelFault) {
    let data = try io.input(0)
    let (condition, testShape) = try io.input(1, .bool, as: UInt8.self)
    var shape = data.shape
    var inner = data.type.strideBytes
    var outer = 1
    var size = data.count
    var at = 0
    if let axis {
      at = try shape.axis(axis)
      size = shape[at]
      inner *= shape.product(at + 1, shape.rank)
      outer = shape.product(0, at)
    } else {
      shape = Shape(size)
    }
    guard testShape.rank == 1, testShape[0] <= size else {
      throw KernelFault(.shape, "a condition \(testShape.list) for \(size) slices")
    }
    var kept = 0
    for i in 0..<testShape[0] where condition[i] != 0 { kept += 1 }
    shape[at] = kept
    var out = UnsafeMutableRawPointer(try io.output(0, data.type, shape, as: UInt8.self))
    for row in 0..<outer where inner > 0 {
      for i in 0..<testShape[0] where condition[i] != 0 {
        out.copyMemory(from: data.data + (row * size + i) * inner, byteCount: inner)
        out += inner
      }
    }
  }
}

/// The positions of the elements that are not zero, a column each.
struct NonZeroKernel: Kernel {
  var hasDataDependentShape: Bool { true }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    switch view.type.strideBytes {
    case 1: try go(io, view, UInt8.self) { $0 != 0 }
    case 2: try go(io, view, UInt16.self) { $0 != 0 }
    case 4 where view.type == .float32: try go(io, view, Float.self) { $0 != 0 }
    case 4: try go(io, view, UInt32.self) { $0 != 0 }
    case 8 where view.type == .float64: try go(io, view, Double.self) { $0 != 0 }
    case 8: try go(io, view, UInt64.self) { $0 != 0 }
    default: throw unsupportedElement(view.type)
    }
  }

  private func go<T>(
    _ io: NodeIO, _ view: TensorView, _: T.Type, _ isSet: (T) -> Bool
  ) throws(KernelFault) {
    let x = view.pointer(T.self)
    var count = 0
    for i in 0..<view.count where isSet(x[i]) { count += 1 }
    // A scalar counts as one dimension.
    let shape = view.shape.rank == 0 ? Shape(1) : view.shape
    let out = try io.output(0, .int64, Shape(shape.rank, count), as: Int64.self)
    var index = InlineArray<8, Int>(repeating: 0)
    var column = 0
    for i in 0..<shape.count {
      if isSet(x[i]) {
        for d in 0..<shape.rank { out[d * count + column] = Int64(index[d]) }
        column += 1
      }
      advance(&index, shape)
    }
  }
}
