import Core

/// Walks rows through a forest and adds up their leaves.
struct TreeScorer: Sendable {
  enum Aggregate: String, Sendable {
    case sum = "SUM"
    case average = "AVERAGE"
    case minimum = "MIN"
    case maximum = "MAX"
  }

  let forest: TreeForest
  let weights: TreeWeights
  let aggregate: Aggregate
  /// For 64-bit inputs, when the thresholds are not 32-bit floats.
  let plain: PlainTrees?

  init(
    _ attributes: TreeAttributes, aggregate: Aggregate, limits: ModelLimits
  ) throws(KernelFault) {
    try self.init(
      attributes.source, treeOfNode: attributes.treeOfNode, aggregate: aggregate, limits: limits)
  }

  init(
    _ source: TreeSource, treeOfNode: [Int32], aggregate: Aggregate, limits: ModelLimits
  ) throws(KernelFault) {
    forest = try TreeForest(source, limits: limits)
    weights = try TreeWeights(source, forest, treeOfNode: treeOfNode)
    self.aggregate = aggregate
    plain =
      forest.hasWideThresholds ? try PlainTrees(source, aggregate: aggregate) : nil
  }

  /// Calls `finish(row, sums, has)` for each row of input `index`.
  func run(
    _ io: NodeIO, input index: Int,
    finish: (Int, UnsafeMutablePointer<Double>, UnsafeMutablePointer<Bool>) -> Void
  ) throws(KernelFault) {
    let view = try io.input(index)
    try requireNumeric(view)
    let width = columnCount(view.shape)
    guard view.shape.rank >= 1, width >= forest.featureCount else {
      throw KernelFault(
        .shape, "\(width) columns, the trees read \(forest.featureCount)")
    }
    if view.type == .float64, let plain {
      try plain.run(io, input: index, finish: finish)
      return
    }
    let rows = width == 0 ? 0 : view.count / width
    let targets = weights.targets
    let slots = forest.leafSlots
    // Sums, flags, then features of eight rows, then leaves of eight rows: all in one piece.
    let words = targets * 2 + (targets + 3) / 4 + 8 * forest.rowWidth + 8 * slots + 16
    let room = try io.scratch(words, of: UInt32.self)
    let sums = UnsafeMutableRawPointer(room).assumingMemoryBound(to: Double.self)
    let has = UnsafeMutableRawPointer(room + targets * 2).assumingMemoryBound(to: Bool.self)
    let features = UnsafeMutableRawPointer(room + targets * 2 + (targets + 3) / 4)
      .assumingMemoryBound(to: Float.self)
    let leaves = room + targets * 2 + (targets + 3) / 4 + 8 * forest.rowWidth
    var row = 0
    while row + 8 <= rows {
      gatherEight(view, row, width, features)
      forest.walkEight(features, leaves: leaves)
      for i in 0..<8 {
        total(leaves + i, 8, sums, has)
        finish(row + i, sums, has)
      }
      row += 8
    }
    while row < rows {
      forest.walk(gatherOne(view, row, width, features), leaves: leaves)
      total(leaves, 1, sums, has)
      finish(row, sums, has)
      row += 1
    }
  }

  private func total(
    _ leaves: UnsafeMutablePointer<UInt32>, _ stride: Int, _ sums: UnsafeMutablePointer<Double>,
    _ has: UnsafeMutablePointer<Bool>
  ) {
    let trees = forest.treeCount
    switch aggregate {
    case .sum: weights.add(leaves, trees: trees, stride: stride, sums: sums, has: has)
    case .average:
      weights.add(leaves, trees: trees, stride: stride, sums: sums, has: has)
      for i in 0..<weights.targets { sums[i] /= Double(trees) }
    case .minimum, .maximum:
      weights.extreme(
        leaves, trees: trees, stride: stride, isMaximum: aggregate == .maximum, sums: sums,
        has: has)
    }
  }

  /// One row's features: where they lie, when that will do.
  private func gatherOne(
    _ view: TensorView, _ row: Int, _ width: Int, _ features: UnsafeMutablePointer<Float>
  ) -> UnsafePointer<Float> {
    if view.type == .float32 && !forest.readsMissingHalf {
      return UnsafePointer(view.pointer(Float.self) + row * width)
    }
    let count = forest.featureCount
    for f in 0..<count { features[f] = comparable(view, row * width + f) }
    if forest.readsMissingHalf {
      for f in 0..<count {
        let x = features[f]
        features[count + f] = x.isNaN ? -.infinity : x
      }
    }
    return UnsafePointer(features)
  }

  /// Eight rows' features, transposed.
  private func gatherEight(
    _ view: TensorView, _ first: Int, _ width: Int, _ features: UnsafeMutablePointer<Float>
  ) {
    let count = forest.featureCount
    for i in 0..<8 {
      let base = (first + i) * width
      for f in 0..<count { features[f * 8 + i] = comparable(view, base + f) }
    }
    if forest.readsMissingHalf {
      for i in 0..<(count * 8) {
        let x = features[i]
        features[count * 8 + i] = x.isNaN ? -.infinity : x
      }
    }
  }

  /// A feature as a float that compares with float thresholds as the original does: a double is
  /// rounded up, which keeps `x <= t` for every float `t`.
  @inline(__always)
  private func comparable(_ view: TensorView, _ i: Int) -> Float {
    view.type == .float64 ? roundedUp(view.pointer(Double.self)[i]) : floatElement(view, i)
  }
}
