import Core

/// The rows of an input as the trees read them.
struct TreeRows {
  let view: TensorView
  /// Elements a row.
  let width: Int
  /// How many of them are read, from the first on.
  let features: Int

  /// The number of rows.
  var count: Int { width == 0 ? 0 : view.count / width }

  /// One row's features: where they lie, when that will do, otherwise copied to `room`.
  ///
  /// - Parameter doubling: whether the features follow once more, with missing ones as -infinity.
  @inline(__always)
  func row(
    _ row: Int, _ room: UnsafeMutablePointer<Float>, doubling: Bool = false
  ) -> UnsafePointer<Float> {
    if view.type == .float32 && !doubling {
      return UnsafePointer(view.pointer(Float.self) + row * width)
    }
    for f in 0..<features { room[f] = comparable(row * width + f) }
    if doubling {
      for f in 0..<features {
        let x = room[f]
        room[features + f] = x.isNaN ? -.infinity : x
      }
    }
    return UnsafePointer(room)
  }

  /// Eight rows' features, transposed.
  func transposeEight(_ first: Int, _ room: UnsafeMutablePointer<Float>, doubling: Bool) {
    for i in 0..<8 {
      let base = (first + i) * width
      for f in 0..<features { room[f * 8 + i] = comparable(base + f) }
    }
    if doubling {
      for i in 0..<(features * 8) {
        let x = room[i]
        room[features * 8 + i] = x.isNaN ? -.infinity : x
      }
    }
  }

  /// A feature as a float that compares with float thresholds as the original does: a double is
  /// rounded up, which keeps `x <= t` for every float `t`.
  @inline(__always)
  private func comparable(_ i: Int) -> Float {
    view.type == .float64 ? roundedUp(view.pointer(Double.self)[i]) : floatElement(view, i)
  }
}

/// The scratch memory of one run, in one piece.
struct TreeRoom {
  /// The most rows at a time.
  let rowsMax: Int
  /// The most of them that walk together when they do not go side by side.
  let stepMax: Int
  /// A sum and a flag for each output.
  let sums: UnsafeMutablePointer<Double>
  let has: UnsafeMutablePointer<Bool>
  /// One row.
  let row: UnsafeMutablePointer<Float>
  /// Features of all rows, in the form the layout wants.
  let columns: UnsafeMutablePointer<Float>
  let codes: UnsafeMutablePointer<UInt8>
  let missing: UnsafeMutablePointer<UInt8>
  let words: UnsafeMutablePointer<UInt8>
  let leaves: UnsafeMutablePointer<UInt32>
  /// Memory for the caller, 64-byte aligned.
  let extra: UnsafeMutableRawPointer

  /// Rows at a time of ``ChainedTrees``: a tree stays in the first cache while they pass.
  private static let chainedRowsMax = 256

  /// - Parameters:
  ///   - targets: how many sums.
  ///   - extraBytes: more memory, at ``extra``.
  init(
    _ io: NodeIO, _ walker: TreeWalker, rows: Int, targets: Int, extraBytes: Int = 0
  ) throws(KernelFault) {
    var codeBytes = 0
    var wordBytes = 0
    var columnFloats = 0
    let slots: Int
    switch walker.layout {
    case .flat(let trees):
      stepMax = max(1, min(rows, FlatTrees.rowsMax))
      codeBytes = trees.ranks.bytes * stepMax
      wordBytes = trees.roomBytes * stepMax
      slots = trees.leafSlots
    case .chained(let trees):
      stepMax = max(1, min(rows, TreeRoom.chainedRowsMax))
      columnFloats = trees.width * stepMax
      slots = trees.leafSlots
    case .stepwise(let trees):
      stepMax = rows < 8 ? 1 : 8
      columnFloats = trees.rowWidth * stepMax
      slots = trees.leafSlots
    case .plain:
      stepMax = 1
      slots = walker.treeCount
    }
    if let lanes = walker.lanes, rows >= LaneTrees.rowsMin {
      rowsMax = LaneTrees.rows
      codeBytes = max(codeBytes, (lanes.ranks.count + 1) * LaneTrees.rows)
      wordBytes = max(wordBytes, LaneTrees.roomBytes)
    } else {
      rowsMax = stepMax
    }
    let sumBytes = TreeRoom.padded(targets * 8)
    let hasBytes = TreeRoom.padded(targets)
    let rowBytes = TreeRoom.padded(walker.featureCount * 4)
    let columnBytes = TreeRoom.padded(columnFloats * 4)
    let leafBytes = TreeRoom.padded(slots * rowsMax * 4)
    let total =
      sumBytes + hasBytes + rowBytes + columnBytes + 2 * codeBytes + wordBytes
      + leafBytes + extraBytes
    let base = UnsafeMutableRawPointer(try io.scratch(total, of: UInt8.self))
    sums = base.assumingMemoryBound(to: Double.self)
    has = (base + sumBytes).assumingMemoryBound(to: Bool.self)
    var at = base + (sumBytes + hasBytes)
    row = at.assumingMemoryBound(to: Float.self)
    at += rowBytes
    columns = at.assumingMemoryBound(to: Float.self)
    at += columnBytes
    codes = at.assumingMemoryBound(to: UInt8.self)
    missing = (at + codeBytes).assumingMemoryBound(to: UInt8.self)
    words = (at + 2 * codeBytes).assumingMemoryBound(to: UInt8.self)
    at += 2 * codeBytes + wordBytes
    leaves = at.assumingMemoryBound(to: UInt32.self)
    extra = at + leafBytes
  }

  private static func padded(_ bytes: Int) -> Int { (bytes + 63) & ~63 }
}
