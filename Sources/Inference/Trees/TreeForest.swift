internal import CKernels

/// Trees laid out for walking without branches.
///
/// Nodes take eight bytes (or twelve when a tree or the feature count is too large), each tree in
/// breadth-first order so that its first levels share cache lines. Every comparison is turned into
/// `x <= threshold`, exactly: `<` takes the next smaller float, `>` and `>=` swap the sides,
/// `==` becomes two nodes. Features are read from a row with two halves: the values as they are,
/// and the same with missing ones made -infinity; a node whose missing values belong to the left
/// reads the second half. The result is bit for bit that of comparing as the file says.
///
/// `@unchecked Sendable`: written only before `init` returns.
final class TreeForest: @unchecked Sendable {
  /// The number of trees.
  let treeCount: Int
  /// One more than the largest feature number.
  let featureCount: Int
  /// Whether rows need the second half.
  let readsMissingHalf: Bool
  /// Whether a threshold is not a 32-bit float (so that 64-bit inputs cannot be compared).
  let hasWideThresholds: Bool

  private let isWide: Bool
  private let groups: Int
  private let narrow: UnsafeMutablePointer<SluiceNode>
  private let wide: UnsafeMutablePointer<SluiceWideNode>
  private let nodeCount: Int
  private let roots: [UInt32]
  private let order: [UInt32]
  private let depths: [UInt32]
  /// For each node the source node, when it is a leaf; otherwise -1.
  let leafSource: [Int32]

  init(_ source: TreeSource, limits: ModelLimits) throws(KernelFault) {
    var layout = TreeLayout(source)
    try layout.build(nodesMax: limits.treeNodesMax)
    treeCount = source.roots.count
    featureCount = layout.featureCount
    readsMissingHalf = layout.readsMissingHalf
    hasWideThresholds = layout.hasWideThresholds
    leafSource = layout.nodes.map(\.source)
    nodeCount = layout.nodes.count
    isWide =
      layout.featureCount * 2 > Int(UInt16.max)
      || layout.nodes.contains { Int16(exactly: $0.step) == nil }
    narrow = .allocate(capacity: isWide ? 1 : nodeCount)
    wide = .allocate(capacity: isWide ? nodeCount : 1)
    let second = layout.featureCount
    for (i, node) in layout.nodes.enumerated() {
      let feature = node.feature + (node.missingGoesLeft ? second : 0)
      if isWide {
        (wide + i).initialize(
          to: SluiceWideNode(
            threshold: node.threshold, feature: UInt32(feature), step: Int32(node.step)))
      } else {
        (narrow + i).initialize(
          to: SluiceNode(
            threshold: node.threshold, feature: UInt16(feature), step: Int16(node.step)))
      }
    }
    // Trees of like depth walk together, so that few steps are taken for nothing.
    let sorted = (0..<treeCount).sorted {
      (layout.depths[$0], $1) > (layout.depths[$1], $0)
    }
    groups = (treeCount + 7) / 8
    var roots: [UInt32] = []
    var order: [UInt32] = []
    var depths: [UInt32] = []
    for position in 0..<(groups * 8) {
      let tree = position < treeCount ? sorted[position] : position
      // What fills the last group up is a leaf of its own, the last node.
      roots.append(UInt32(position < treeCount ? layout.roots[tree] : nodeCount - 1))
      order.append(UInt32(tree))
      if position % 8 == 0 {
        depths.append(UInt32(position < treeCount ? layout.depths[tree] : 0))
      }
    }
    self.roots = roots
    self.order = order
    self.depths = depths
  }

  deinit {
    narrow.deallocate()
    wide.deallocate()
  }

  /// How many leaves a walk writes for each row: the trees, rounded up.
  var leafSlots: Int { groups * 8 }

  /// The number of floats that ``walk(_:leaves:)`` reads of a row.
  var rowWidth: Int { readsMissingHalf ? featureCount * 2 : featureCount }

  /// The leaf each tree ends in, for one row.
  func walk(_ row: UnsafePointer<Float>, leaves: UnsafeMutablePointer<UInt32>) {
    if isWide {
      sluice_walk_trees_wide(wide, roots, order, depths, groups, row, leaves)
    } else {
      sluice_walk_trees(narrow, roots, order, depths, groups, row, leaves)
    }
  }

  /// The same for eight transposed rows: `rows[feature * 8 + row]`, `leaves[tree * 8 + row]`.
  func walkEight(_ rows: UnsafePointer<Float>, leaves: UnsafeMutablePointer<UInt32>) {
    if isWide {
      sluice_walk_trees_8_wide(wide, roots, order, depths, groups, rows, leaves)
    } else {
      sluice_walk_trees_8(narrow, roots, order, depths, groups, rows, leaves)
    }
  }
}

/// Computes the places of nodes, one tree after another.
struct TreeLayout {
  struct Node {
    var threshold = Float.nan
    var feature = 0
    var missingGoesLeft = false
    var step = -1
    /// The source node of a leaf, or -1.
    var source: Int32 = -1
  }

  /// What is to be placed at a position.
  private enum Pending {
    case source(Int)
    /// The second half of an equality: its node, and where the unequal side lies already.
    case secondHalf(Int, unequalAt: Int)
    /// A node that always leads to a position.
    case jump(Int)
  }

  private let trees: TreeSource
  private(set) var nodes: [Node] = []
  private(set) var roots: [Int] = []
  private(set) var depths: [Int] = []
  private(set) var featureCount = 0
  private(set) var readsMissingHalf = false
  private(set) var hasWideThresholds = false

  init(_ source: TreeSource) { trees = source }

  mutating func build(nodesMax: Int) throws(KernelFault) {
    guard trees.nodes.count <= nodesMax else {
      throw KernelFault(.limit, "\(trees.nodes.count) tree nodes, the limit is \(nodesMax)")
    }
    for node in trees.nodes where node.mode != .leaf {
      featureCount = max(featureCount, node.feature + 1)
    }
    guard featureCount <= 1 << 24 else {
      throw KernelFault(.limit, "a tree reads feature \(featureCount - 1)")
    }
    var isPlaced = [Bool](repeating: false, count: trees.nodes.count)
    for root in trees.roots { try place(root, &isPlaced) }
    // The leaf that fills up the last group.
    nodes.append(Node())
  }

  private mutating func place(_ root: Int, _ isPlaced: inout [Bool]) throws(KernelFault) {
    let start = nodes.count
    roots.append(start)
    nodes.append(Node())
    var queue: [(at: Int, what: Pending, level: Int)] = [(start, .source(root), 0)]
    var next = 0
    var depth = 0
    while next < queue.count {
      let (at, what, level) = queue[next]
      next += 1
      depth = max(depth, level)
      switch what {
      case .jump(let target): nodes[at].step = target - at - 1
      case .secondHalf(let index, let unequalAt):
        placeSecondHalf(index, unequalAt, at, level, &queue)
      case .source(let index):
        guard isPlaced.indices.contains(index) else {
          throw KernelFault(.malformed, "a tree node is not there")
        }
        guard !isPlaced[index] else {
          throw KernelFault(.malformed, "a tree node is reached on two ways")
        }
        isPlaced[index] = true
        try placeNode(index, at, level, &queue)
      }
    }
    depths.append(depth)
    guard nodes.count < Int(Int32.max) else { throw KernelFault(.limit, "the trees are too large") }
  }

  private mutating func placeNode(
    _ index: Int, _ at: Int, _ level: Int, _ queue: inout [(at: Int, what: Pending, level: Int)]
  ) throws(KernelFault) {
    let node = trees.nodes[index]
    if node.mode == .leaf {
      nodes[at].source = Int32(index)
      return
    }
    let split = try TreeSplit(node)
    guard split.kind != .member else {
      throw KernelFault(.unsupported, "sets in a forest laid out for walking")
    }
    if !split.isExact { hasWideThresholds = true }
    let left = nodes.count
    nodes.append(Node())
    nodes.append(Node())
    if split.kind == .equal {
      let upper = roundedDown(node.threshold)
      // A missing value that counts as equal passes through the second half.
      let missingGoesLeft = !split.missingGoesLeft
      guard !(missingGoesLeft && upper.isNaN) else {
        throw KernelFault(.unsupported, "a tree threshold that nothing can be compared with")
      }
      if missingGoesLeft { readsMissingHalf = true }
      nodes[at] = Node(
        threshold: upper, feature: node.feature, missingGoesLeft: missingGoesLeft,
        step: left - at)
      queue.append((left, .secondHalf(index, unequalAt: left + 1), level + 1))
      // Reached through a jump as well, two levels further down.
      queue.append((left + 1, .source(split.left), level + 3))
    } else {
      if split.missingGoesLeft { readsMissingHalf = true }
      nodes[at] = Node(
        threshold: split.threshold, feature: node.feature,
        missingGoesLeft: split.missingGoesLeft, step: left - at)
      queue.append((left, .source(split.left), level + 1))
      queue.append((left + 1, .source(split.right), level + 1))
    }
  }

  private mutating func placeSecondHalf(
    _ index: Int, _ unequalAt: Int, _ at: Int, _ level: Int,
    _ queue: inout [(at: Int, what: Pending, level: Int)]
  ) {
    let node = trees.nodes[index]
    let upper = roundedDown(node.threshold)
    let isExact = Double(upper) == node.threshold
    let left = nodes.count
    nodes.append(Node())
    nodes.append(Node())
    // Missing values are not below anything: they pass to the right, the equal side.
    nodes[at] = Node(
      threshold: isExact ? below(upper) : upper, feature: node.feature, missingGoesLeft: false,
      step: left - at)
    queue.append((left, .jump(unequalAt), level + 1))
    let equal = node.mode == .equal ? node.whenTrue : node.whenFalse
    queue.append((left + 1, .source(equal), level + 1))
  }
}
