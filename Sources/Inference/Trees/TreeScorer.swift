internal import CKernels
import Core

/// Walks rows through a forest and adds up their leaves.
///
/// The layout is chosen by the trees and by what the processor has; all give the same leaves, and
/// sums are made in one order, so that results have the same bits everywhere.
struct TreeScorer: Sendable {
  enum Aggregate: String, Sendable {
    case sum = "SUM"
    case average = "AVERAGE"
    case minimum = "MIN"
    case maximum = "MAX"
  }

  /// How the trees are laid out.
  enum Layout: Sendable {
    case flat(FlatTrees)
    case chained(ChainedTrees)
    case stepwise(TreeForest)
    case plain(PlainTrees)
  }

  let layout: Layout
  /// The same trees for many rows at once, where that is faster.
  let lanes: LaneTrees?
  let weights: TreeWeights
  let aggregate: Aggregate
  /// One more than the largest feature number.
  let featureCount: Int
  let treeCount: Int
  let set: InstructionSet
  /// For 64-bit inputs, when the thresholds are not 32-bit floats.
  let plain: PlainTrees?

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
    guard source.nodes.count <= limits.treeNodesMax else {
      throw KernelFault(
        .limit, "\(source.nodes.count) tree nodes, the limit is \(limits.treeNodesMax)")
    }
    var features = 0
    var isWide = false
    for node in source.nodes where node.mode != .leaf {
      guard node.feature >= 0, node.feature < 1 << 24 else {
        throw KernelFault(.limit, "a tree reads feature \(node.feature)")
      }
      features = max(features, node.feature + 1)
      if Double(Float(node.threshold)) != node.threshold && !node.threshold.isNaN { isWide = true }
    }
    featureCount = features
    treeCount = source.roots.count
    self.set = min(set, .native)
    self.aggregate = aggregate
    let (layout, ranks) = try TreeScorer.layout(source, features, limits, self.set)
    self.layout = layout
    let leafSource: [Int32] =
      switch layout {
      case .flat(let trees): trees.leafSource
      case .chained(let trees): trees.leafSource
      case .stepwise(let trees): trees.leafSource
      case .plain(let trees): trees.leafSource
      }
    lanes =
      if let ranks, self.set >= .avx2 {
        try LaneTrees(source, ranks, firstLeaf: leafSource.count)
      } else {
        nil
      }
    weights = try TreeWeights(
      source, leafSource: leafSource + (lanes?.leafSource ?? []), treeOfNode: treeOfNode)
    plain = isWide ? try PlainTrees(source, aggregate: aggregate) : nil
  }

  private static func layout(
    _ source: TreeSource, _ features: Int, _ limits: ModelLimits, _ set: InstructionSet
  ) throws(KernelFault) -> (Layout, RankColumns?) {
    if set == .avx512 {
      let treelets = try TreeletLayout(source)
      if FlatTrees.suits(treelets),
        let ranks = try RankColumns(source, featureCount: features)
      {
        let trees = try FlatTrees(source, treelets, ranks: ranks)
        // Six levels are found as fast as rows side by side, with less memory.
        return (.flat(trees), trees.isSixLevels ? nil : ranks)
      }
      if let trees = try ChainedTrees(source, treelets, featureCount: features) {
        return (.chained(trees), nil)
      }
    }
    if source.nodes.contains(where: { $0.mode == .member }) {
      return (.plain(try PlainTrees(source, aggregate: .sum)), nil)
    }
    let forest = try TreeForest(source, limits: limits)
    guard set == .avx2 else { return (.stepwise(forest), nil) }
    return (.stepwise(forest), try RankColumns(source, featureCount: features))
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
    let room = try TreeRoom(io, self, rows: rows.count)
    var first = 0
    while first < rows.count {
      let count = min(rows.count - first, room.rowsMax)
      if let lanes, count >= LaneTrees.rowsMin,
        runLanes(lanes, rows, first, count, room, finish)
      {
        first += count
        continue
      }
      let step = min(count, room.stepMax)
      let stride = fill(rows, first, step, room)
      for i in 0..<step {
        // Eight rows at a time lie side by side, all others one after another.
        total(room.leaves + i * stride.row, stride.tree, room.sums, room.has)
        finish(first + i, room.sums, room.has)
      }
      first += step
    }
  }

  /// Up to 64 rows side by side; false when they must walk because something is missing.
  private func runLanes(
    _ trees: LaneTrees, _ rows: TreeRows, _ first: Int, _ count: Int, _ room: TreeRoom,
    _ finish: (Int, UnsafeMutablePointer<Double>, UnsafeMutablePointer<Bool>) -> Void
  ) -> Bool {
    var isMissing = false
    for i in 0..<LaneTrees.rows {
      // Rows that are not there repeat the last one.
      let row = rows.row(first + min(i, count - 1), room.row)
      if trees.ranks.rankApart(row, codes: room.codes + i, step: LaneTrees.rows, using: set) {
        isMissing = true
      }
    }
    if isMissing && trees.needsMissing { return false }
    trees.leaves(codes: room.codes, room: room.words, leaves: room.leaves, using: set)
    guard aggregate == .sum, case .single(let target) = weights.form else {
      for i in 0..<count {
        total(room.leaves + i, LaneTrees.rows, room.sums, room.has)
        finish(first + i, room.sums, room.has)
      }
      return true
    }
    let lanes = UnsafeMutableRawPointer(room.words).assumingMemoryBound(to: Double.self)
    weights.sum64(room.leaves, trees: treeCount, room: lanes, sums: lanes + 8 * LaneTrees.rows)
    for i in 0..<count {
      for other in 0..<weights.targets {
        room.sums[other] = 0
        room.has[other] = false
      }
      room.has[target] = treeCount > 0
      room.sums[target] = lanes[8 * LaneTrees.rows + i]
      finish(first + i, room.sums, room.has)
    }
    return true
  }

  /// The leaves of `count` rows; returns how far apart rows and trees are in them.
  private func fill(
    _ rows: TreeRows, _ first: Int, _ count: Int, _ room: TreeRoom
  ) -> (row: Int, tree: Int) {
    switch layout {
    case .flat(let trees):
      var hasMissing = false
      for i in 0..<count {
        let codes = room.codes + i * trees.ranks.bytes
        let row = rows.row(first + i, room.row)
        let missing = trees.needsMissing ? room.missing + i * trees.ranks.bytes : nil
        let isMissing = trees.ranks.rank(row, codes: codes, missing: missing, using: set)
        guard let missing, isMissing != hasMissing else { continue }
        // From the first row on that lacks something, all have the second table.
        if isMissing && i > 0 {
          room.missing.update(repeating: 0, count: i * trees.ranks.bytes)
        } else if !isMissing {
          missing.update(repeating: 0, count: trees.ranks.bytes)
        }
        hasMissing = true
      }
      trees.leaves(
        rows: count, codes: room.codes, missing: hasMissing ? room.missing : nil,
        room: room.words, leaves: room.leaves)
      return (trees.leafSlots, 1)
    case .chained(let trees):
      var hasMissing: Int32 = 0
      for i in 0..<count {
        let row = rows.row(first + i, room.row)
        hasMissing |= sluice_take_columns(
          row, trees.features, trees.features.count, room.columns + i * trees.width)
      }
      trees.leaves(
        rows: count, room.columns, hasMissing: hasMissing != 0 && trees.needsMissing,
        leaves: room.leaves)
      return (trees.leafSlots, 1)
    case .stepwise(let trees): return step(trees, rows, first, count, room)
    case .plain(let trees):
      for i in 0..<count {
        trees.walk(rows.row(first + i, room.row), leaves: room.leaves + i * treeCount)
      }
      return (treeCount, 1)
    }
  }

  private func step(
    _ trees: TreeForest, _ rows: TreeRows, _ first: Int, _ count: Int, _ room: TreeRoom
  ) -> (row: Int, tree: Int) {
    if count == 8 {
      rows.transposeEight(first, room.columns, doubling: trees.readsMissingHalf)
      trees.walkEight(room.columns, leaves: room.leaves)
      return (1, 8)
    }
    for i in 0..<count {
      let row = rows.row(first + i, room.columns, doubling: trees.readsMissingHalf)
      trees.walk(row, leaves: room.leaves + i * trees.leafSlots)
    }
    return (trees.leafSlots, 1)
  }

  private func total(
    _ leaves: UnsafeMutablePointer<UInt32>, _ stride: Int, _ sums: UnsafeMutablePointer<Double>,
    _ has: UnsafeMutablePointer<Bool>
  ) {
    switch aggregate {
    case .sum, .average:
      weights.add(leaves, trees: treeCount, stride: stride, sums: sums, has: has, using: set)
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
