internal import CKernels
import Core

/// Finds the leaf of each tree for rows of features.
///
/// The layout is chosen by the trees and by what the processor has; all give the same leaves.
struct TreeWalker: Sendable {
  /// How the trees are laid out.
  enum Layout: Sendable {
    case flat(FlatTrees)
    case chained(ChainedTrees)
    case stepwise(TreeForest)
    case plain(PlainTrees)
  }

  /// Rows that walked together: the leaf of row `first + i` and tree t is
  /// `leaves[i * rowStride + t * treeStride]`.
  struct Walked {
    let first: Int
    let count: Int
    let leaves: UnsafeMutablePointer<UInt32>
    let rowStride: Int
    let treeStride: Int
    /// Whether there is room for ``LaneTrees/rows`` rows, which lie side by side.
    let isLanes: Bool
  }

  let layout: Layout
  /// The same trees for many rows at once, where that is faster.
  let lanes: LaneTrees?
  /// For each leaf number the source node; -1 for numbers that no leaf has.
  let leafSource: [Int32]
  /// One more than the largest feature number.
  let featureCount: Int
  let treeCount: Int
  let set: InstructionSet

  /// - Parameter set: what kernels may use; at most what the processor has.
  init(
    _ source: TreeSource, limits: ModelLimits, using set: InstructionSet = .current
  ) throws(KernelFault) {
    guard source.nodes.count <= limits.treeNodesMax else {
      throw KernelFault(
        .limit, "\(source.nodes.count) tree nodes, the limit is \(limits.treeNodesMax)")
    }
    var features = 0
    for node in source.nodes where node.mode != .leaf {
      guard node.feature >= 0, node.feature < 1 << 24 else {
        throw KernelFault(.limit, "a tree reads feature \(node.feature)")
      }
      features = max(features, node.feature + 1)
    }
    featureCount = features
    treeCount = source.roots.count
    self.set = min(set, .native)
    let (layout, ranks) = try TreeWalker.layout(source, features, limits, self.set)
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
    self.leafSource = leafSource + (lanes?.leafSource ?? [])
  }

  private static func layout(
    _ source: TreeSource, _ features: Int, _ limits: ModelLimits, _ set: InstructionSet
  ) throws(KernelFault) -> (Layout, RankColumns?) {
    if set == .avx512, !source.roots.isEmpty {
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
    guard set == .avx2, !source.roots.isEmpty else { return (.stepwise(forest), nil) }
    return (.stepwise(forest), try RankColumns(source, featureCount: features))
  }

  /// Calls `body` for all rows, group by group.
  /// - Precondition: the rows have ``featureCount`` columns; `room` is made for as many rows.
  @inline(__always)
  func run(_ rows: TreeRows, _ room: TreeRoom, body: (Walked) -> Void) {
    var first = 0
    while first < rows.count {
      let count = min(rows.count - first, room.rowsMax)
      if let lanes, count >= LaneTrees.rowsMin, runLanes(lanes, rows, first, count, room) {
        body(
          Walked(
            first: first, count: count, leaves: room.leaves, rowStride: 1,
            treeStride: LaneTrees.rows, isLanes: true))
        first += count
        continue
      }
      let step = min(count, room.stepMax)
      // Eight rows at a time lie side by side, all others one after another.
      let stride = fill(rows, first, step, room)
      body(
        Walked(
          first: first, count: step, leaves: room.leaves, rowStride: stride.row,
          treeStride: stride.tree, isLanes: false))
      first += step
    }
  }

  /// Up to 64 rows side by side; false when they must walk because something is missing.
  private func runLanes(
    _ trees: LaneTrees, _ rows: TreeRows, _ first: Int, _ count: Int, _ room: TreeRoom
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
}
