/// Up to 255 ascending edges of one numeric feature, arranged for a search without branches: 16
/// pivots tell the block, 16 edges of the block tell the bin.
///
/// A value costs two 16-wide comparisons whatever the data are; a binary search over 255 edges is
/// some ten times slower, because its branches cannot be predicted.
final class BinEdges {
  /// `lines[0]` holds the pivots, `lines[1...16]` the blocks; unused places are +infinity.
  private let lines: UnsafeMutablePointer<SIMD16<Float>>

  /// Arranges `edges`.
  /// - Precondition: at most 255, ascending.
  init(_ edges: [Float]) {
    precondition(edges.count <= 255, "a numeric feature has at most 255 edges")
    lines = .allocate(capacity: 17)
    lines.initialize(repeating: SIMD16(repeating: .infinity), count: 17)
    for (i, edge) in edges.enumerated() {
      lines[1 + i / 16][i % 16] = edge
      if i % 16 == 15 { lines[0][i / 16] = edge }
    }
  }

  deinit {
    lines.deinitialize(count: 17)
    lines.deallocate()
  }

  /// What ``bin(of:lines:)`` reads; valid as long as this object lives.
  var pointer: UnsafePointer<SIMD16<Float>> { UnsafePointer(lines) }

  /// The number of edges below `value`, 0 to 255.
  /// - Precondition: `value` is finite.
  @inline(__always)
  static func bin(of value: Float, lines: UnsafePointer<SIMD16<Float>>) -> Int {
    let wide = SIMD16<Float>(repeating: value)
    let block = countBelow(lines[0], wide)
    return block << 4 + countBelow(lines[1 + block], wide)
  }

  /// How many of 16 edges lie below the value.
  ///
  /// A true lane is -1, so the lanes' sum counts them: `? 1 : 0` would become branches.
  @inline(__always)
  private static func countBelow(_ edges: SIMD16<Float>, _ value: SIMD16<Float>) -> Int {
    let mask = unsafeBitCast(edges .< value, to: SIMD16<Int32>.self)
    let eight = mask.lowHalf &+ mask.highHalf
    let four = eight.lowHalf &+ eight.highHalf
    let two = four.lowHalf &+ four.highHalf
    return -Int(two[0] &+ two[1])
  }
}
