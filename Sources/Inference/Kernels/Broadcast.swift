/// Element-wise loops with numpy's broadcasting.
///
/// Same shape, scalar and row-vector operands have loops of their own, since nearly every graph
/// needs only those; the rest walks the output with strides.
enum Broadcast {
  @inline(__always)
  static func binary<A, B, R>(
    _ a: UnsafeMutablePointer<A>, _ aShape: Shape, _ b: UnsafeMutablePointer<B>, _ bShape: Shape,
    _ out: UnsafeMutablePointer<R>, _ shape: Shape, _ apply: (A, B) -> R
  ) {
    let count = shape.count
    if aShape == bShape {
      for i in 0..<count { out[i] = apply(a[i], b[i]) }
    } else if bShape.count == 1 {
      let right = b[0]
      for i in 0..<count { out[i] = apply(a[i], right) }
    } else if aShape.count == 1 {
      let left = a[0]
      for i in 0..<count { out[i] = apply(left, b[i]) }
    } else {
      walk(shape, aShape, bShape) { at, x, y, length, xStep, yStep in
        for i in 0..<length { out[at + i] = apply(a[x + i * xStep], b[y + i * yStep]) }
      }
    }
  }

  /// Calls `body` for each run of the last dimension: output offset, operand offsets, length and
  /// operand steps.
  @inline(__always)
  static func walk(
    _ shape: Shape, _ aShape: Shape, _ bShape: Shape,
    _ body: (Int, Int, Int, Int, Int, Int) -> Void
  ) {
    let rank = shape.rank
    guard rank > 0, shape.count > 0 else {
      if shape.count > 0 { body(0, 0, 0, 1, 0, 0) }
      return
    }
    let aStride = strides(aShape, in: rank)
    let bStride = strides(bShape, in: rank)
    var index = InlineArray<8, Int>(repeating: 0)
    let length = shape[rank - 1]
    var at = 0
    while true {
      var x = 0
      var y = 0
      for d in 0..<(rank - 1) {
        x += index[d] * aStride[d]
        y += index[d] * bStride[d]
      }
      body(at, x, y, length, aStride[rank - 1], bStride[rank - 1])
      at += length
      var d = rank - 2
      while d >= 0 {
        index[d] += 1
        if index[d] < shape[d] { break }
        index[d] = 0
        d -= 1
      }
      if d < 0 { return }
    }
  }

  /// Strides of `shape` seen from a result of `rank` dimensions: 0 where it repeats.
  static func strides(_ shape: Shape, in rank: Int) -> InlineArray<8, Int> {
    var result = InlineArray<8, Int>(repeating: 0)
    var stride = 1
    var d = shape.rank - 1
    while d >= 0 {
      result[d + rank - shape.rank] = shape[d] == 1 ? 0 : stride
      stride *= shape[d]
      d -= 1
    }
    return result
  }
}
