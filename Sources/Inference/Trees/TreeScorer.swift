internal import CKernels
import Core

/// Walks rows through a forest and adds up their leaves.
///
/// Sums are made in one order, whatever the layout of the trees, so that results have the same bits
/// everywhere.
struct TreeScorer: Sendable {
  enum Aggregate: String, Sendable {
    case sum = "SUM"
    case average = "AVERAGE"
    case minimum = "MIN"
    case maximum = "MAX"
  }

  let walker: TreeWalker
  let weights: TreeWeights
  let aggregate: Aggregate
  /// For 64-bit inputs, when the thresholds are not 32-bit floats.
  let plain: PlainTrees?

  /// How the trees are laid out.
  var layout: TreeWalker.Layout { walker.layout }
  /// One more than the largest feature number.
  var featureCount: Int { walker.featureCount }
  var treeCount: Int { walker.treeCount }

  init(
    _ attributes: TreeAttributes, aggregate: Aggregate, limits: ModelLimits
  ) throws(KernelFault) {
    try self.init(
      attributes.source, treeOfNode: attributes.treeOfNode, aggregate: aggregate, limits: limits)
  }

  /// - Parameter set: what kernels may use; at most what the processor has.
  init(
    _ source: TreeSource, treeOfNode: [Int32], aggregate: Aggregate, limits: ModelLimits,
    using set: InstructionSet = .current
  ) throws(KernelFault) {
    walker = try TreeWalker(source, limits: limits, using: set)
    self.aggregate = aggregate
    weights = try TreeWeights(source, leafSource: walker.leafSource, treeOfNode: treeOfNode)
    let isWide = source.nodes.contains {
      $0.mode != .leaf && Double(Float($0.threshold)) != $0.threshold && !$0.threshold.isNaN
    }
    plain = isWide ? try PlainTrees(source, aggregate: aggregate) : nil
  }

  /// Calls `finish(row, sums, has)` for each row of input `index`.
  func run(
    _ io: NodeIO, input index: Int,
    finish: (Int, UnsafeMutablePointer<Double>, UnsafeMutablePointer<Bool>) -> Void
  ) throws(KernelFault) {
    let view = try io.input(index)
    try requireNumeric(view)
    let width = columnCount(view.shape)
    guard view.shape.rank >= 1, width >= featureCount else {
      throw KernelFault(.shape, "\(width) columns, the trees read \(featureCount)")
    }
    if view.type == .float64, let plain {
      try plain.run(io, input: index, finish: finish)
      return
    }
    let rows = TreeRows(view: view, width: width, features: featureCount)
    let room = try TreeRoom(io, walker, rows: rows.count, targets: weights.targets)
    walker.run(rows, room) { walked in
      if walked.isLanes, aggregate == .sum, case .single(let target) = weights.form {
        finishLanes(walked, target, room, finish)
        return
      }
      for i in 0..<walked.count {
        total(walked.leaves + i * walked.rowStride, walked.treeStride, room.sums, room.has)
        finish(walked.first + i, room.sums, room.has)
      }
    }
  }

  private func finishLanes(
    _ walked: TreeWalker.Walked, _ target: Int, _ room: TreeRoom,
    _ finish: (Int, UnsafeMutablePointer<Double>, UnsafeMutablePointer<Bool>) -> Void
  ) {
    let lanes = UnsafeMutableRawPointer(room.words).assumingMemoryBound(to: Double.self)
    weights.sum64(walked.leaves, trees: treeCount, room: lanes, sums: lanes + 8 * LaneTrees.rows)
    for i in 0..<walked.count {
      for other in 0..<weights.targets {
        room.sums[other] = 0
        room.has[other] = false
      }
      room.has[target] = treeCount > 0
      room.sums[target] = lanes[8 * LaneTrees.rows + i]
      finish(walked.first + i, room.sums, room.has)
    }
  }

  private func total(
    _ leaves: UnsafeMutablePointer<UInt32>, _ stride: Int, _ sums: UnsafeMutablePointer<Double>,
    _ has: UnsafeMutablePointer<Bool>
  ) {
    switch aggregate {
    case .sum, .average:
      weights.add(leaves, trees: treeCount, stride: stride, sums: sums, has: has, using: walker.set)
      if aggregate == .average {
        for i in 0..<weights.targets { sums[i] /= Double(treeCount) }
      }
    case .minimum, .maximum:
      weights.extreme(
        leaves, trees: treeCount, stride: stride, isMaximum: aggregate == .maximum, sums: sums,
        has: has)
    }
  }
}
