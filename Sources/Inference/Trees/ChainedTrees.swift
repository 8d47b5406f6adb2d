internal import CKernels

/// Trees walked three levels a step: for large trees on processors with AVX-512.
///
/// A treelet fills a cache line: the thresholds of its seven nodes, the columns they read and where
/// its eight exits lead. The row lies in one to four registers; one permutation fetches the seven
/// features, one instruction compares them.
///
/// `@unchecked Sendable`: written only before `init` returns.
final class ChainedTrees: @unchecked Sendable {
  /// The most features that are read.
  static let featuresMax = 64

  /// For each leaf the source node.
  let leafSource: [Int32]
  /// Whether a missing value ever goes left.
  let needsMissing: Bool
  /// Floats a row: 16, 32 or 64.
  let width: Int
  /// The features that trees read, ascending: column c of a row is feature `features[c]`.
  let features: [UInt32]
  /// How many leaves are written for a row: the trees, rounded up to eight.
  let leafSlots: Int

  private let treelets: UnsafeMutablePointer<SluiceTreelet>
  private let groups: Int
  private let roots: [UInt32]
  private let order: [UInt32]
  private let steps: [UInt32]

  /// Nil when the trees read too many features or compare otherwise than by `<=`.
  init?(_ source: TreeSource, _ layout: TreeletLayout, featureCount: Int) throws(KernelFault) {
    var isRead = [Bool](repeating: false, count: featureCount)
    for node in source.nodes where node.mode != .leaf {
      if node.mode == .equal || node.mode == .notEqual || node.mode == .member { return nil }
      isRead[node.feature] = true
    }
    features = (0..<featureCount).filter { isRead[$0] }.map { UInt32($0) }
    guard features.count <= ChainedTrees.featuresMax else { return nil }
    width = features.count <= 16 ? 16 : features.count <= 32 ? 32 : 64
    var columnOf = [UInt8](repeating: 0, count: featureCount)
    for (column, feature) in features.enumerated() { columnOf[Int(feature)] = UInt8(column) }
    leafSource = layout.leafSource
    let treeCount = layout.steps.count
    groups = (treeCount + 7) / 8
    leafSlots = groups * 8
    let count = layout.treeletCount
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: (count + 1) * MemoryLayout<SluiceTreelet>.stride, alignment: 64)
    treelets = memory.bindMemory(to: SluiceTreelet.self, capacity: count + 1)
    var needsMissing = false
    for tree in 0..<treeCount {
      for at in layout.firstTreelet[tree]..<layout.firstTreelet[tree + 1] {
        let treelet = try ChainedTrees.treelet(source, layout, tree, at, columnOf)
        if treelet.missingLeft != 0 { needsMissing = true }
        (treelets + at).initialize(to: treelet)
      }
    }
    // What fills up the last group of trees.
    var last = SluiceTreelet()
    last.exits = (-128, -128, -128, -128, -128, -128, -128, -128)
    (treelets + count).initialize(to: last)
    self.needsMissing = needsMissing
    let sorted = (0..<treeCount).sorted { (layout.steps[$0], $1) > (layout.steps[$1], $0) }
    var roots: [UInt32] = []
    var order: [UInt32] = []
    var steps: [UInt32] = []
    for position in 0..<(groups * 8) {
      let tree = position < treeCount ? sorted[position] : position
      roots.append(UInt32(position < treeCount ? layout.firstTreelet[tree] : count))
      order.append(UInt32(tree))
      if position % 8 == 0 { steps.append(UInt32(layout.steps[tree])) }
    }
    self.roots = roots
    self.order = order
    self.steps = steps
  }

  deinit { treelets.deallocate() }

  private static func treelet(
    _ source: TreeSource, _ layout: TreeletLayout, _ tree: Int, _ at: Int, _ columnOf: [UInt8]
  ) throws(KernelFault) -> SluiceTreelet {
    var result = SluiceTreelet()
    var limits = InlineArray<8, Float>(repeating: .nan)
    var columns: UInt64 = 0
    for place in 0..<7 where layout.nodes[at * 8 + place] >= 0 {
      let node = source.nodes[Int(layout.nodes[at * 8 + place])]
      let split = try TreeSplit(node)
      limits[place] = split.threshold
      columns |= UInt64(columnOf[node.feature]) << UInt64(place * 8)
      if split.missingGoesLeft { result.missingLeft |= 1 << UInt8(place) }
    }
    var child = Int32.max
    var leaf = Int32.max
    for exit in 0..<8 {
      let to = layout.exits[at * 8 + exit]
      if to >= 0 { child = min(child, to) } else { leaf = min(leaf, -1 - to) }
    }
    var codes: UInt64 = 0
    for exit in 0..<8 {
      let to = layout.exits[at * 8 + exit]
      let code = to >= 0 ? Int8(to - child) : Int8(-128 + (-1 - to - leaf))
      codes |= UInt64(UInt8(bitPattern: code)) << UInt64(exit * 8)
    }
    if child != Int32.max { result.firstChild = UInt32(layout.firstTreelet[tree] + Int(child)) }
    if leaf != Int32.max { result.firstLeaf = UInt32(layout.firstLeaf[tree] + Int(leaf)) }
    withUnsafeMutableBytes(of: &result.limits) { to in
      for place in 0..<8 {
        to.storeBytes(of: limits[place], toByteOffset: place * 4, as: Float.self)
      }
    }
    withUnsafeMutableBytes(of: &result.columns) { $0.storeBytes(of: columns, as: UInt64.self) }
    withUnsafeMutableBytes(of: &result.exits) { $0.storeBytes(of: codes, as: UInt64.self) }
    return result
  }

  /// The leaves of rows: `leaves[row * leafSlots + tree]`.
  /// - Parameter rows: ``width`` floats each, 64-byte aligned.
  func leaves(
    rows count: Int, _ rows: UnsafePointer<Float>, hasMissing: Bool,
    leaves: UnsafeMutablePointer<UInt32>
  ) {
    #if arch(x86_64)
      sluice_chain_leaves_avx512(
        treelets, roots, order, steps, groups, rows, width, hasMissing ? 1 : 0, count, leaves,
        leafSlots)
    #endif
  }
}
