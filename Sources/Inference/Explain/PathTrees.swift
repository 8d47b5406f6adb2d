import Core

/// Trees in the order in which contributions are added up: parents before children, the true side
/// first, each tree in one piece.
///
/// `@unchecked Sendable`: the tables are written only before `init` returns.
final class PathTrees: @unchecked Sendable {
  /// A node and the edge that leads to it; positions are within the tree.
  struct Step {
    /// The node above; -1 for the root.
    var parent: Int32 = -1
    /// The nearest node above whose edge asks about the same feature; -1 when there is none.
    var previous: Int32 = -1
    /// One past the last node below.
    var end: Int32 = 0
    /// The feature that the edge asks about.
    var feature: Int32 = -1
    /// 1 when the edge is the true side of its parent's test.
    var side: UInt8 = 0
    var isLeaf = true
    var missingIsTrue = false
    var mode = TreeSource.Mode.leaf
    /// The feature that the node's own test reads.
    var tested: Int32 = -1
    /// Where the node's set begins and ends in ``members``.
    var members: (Int32, Int32) = (0, 0)
    var threshold = 0.0
    /// The node in the source.
    var node: Int32 = 0
    /// The share of the cover that goes along all edges so far which ask about this edge's feature;
    /// 1 for the root.
    var share = 1.0
    /// The same at ``previous``; 1 when there is none.
    var previousShare = 1.0
  }

  /// What the path-dependent walk reads of a step, close together.
  struct Edge {
    var share = 1.0
    var previousShare = 1.0
    var parent: Int32 = 0
    var previous: Int32 = -1
    var feature: Int32 = 0
    /// As in ``Step/side``.
    var side: UInt8 = 0
  }

  /// One tree's place in the tables.
  struct Tree {
    let start: Int
    let count: Int
    /// The outputs that its leaves add to, and where each one's values begin.
    let targets: [(target: Int, values: Int)]
  }

  /// The most edges on a way from root to leaf.
  static let depthMax = 4096
  /// The most different features on a way from root to leaf.
  static let featuresOnPathMax = 256

  let steps: UnsafeMutablePointer<Step>
  let edges: UnsafeMutablePointer<Edge>
  /// For each (tree, target) a number for each node: what a leaf adds, 0 elsewhere.
  let values: UnsafeMutablePointer<Double>
  let members: [Double]
  /// What decides instead of the nodes' own tests, by node of the source and value.
  private let decide: (@Sendable (Int, Double) -> Bool)?
  let trees: [Tree]
  /// One more than the largest feature read.
  let featureCount: Int
  /// The most nodes of one tree.
  let nodesMax: Int
  /// The most different features on one way.
  let featuresOnPath: Int
  /// Whether the trees say how much of the training data came by each node.
  let hasCovers: Bool
  /// Why covers that are there cannot be used.
  let coverFault: String?

  /// - Parameters:
  ///   - scale: what every leaf is multiplied by (1 over the trees for an average).
  ///   - decide: whether a node's true side is taken, for libraries whose tests (of categories or
  ///     of what counts as missing) the source cannot say.
  init(
    _ source: TreeSource, scale: Double, decide: (@Sendable (Int, Double) -> Bool)? = nil
  ) throws(KernelFault) {
    self.decide = decide
    var builder = try PathTreesBuilder(source)
    var trees: [Tree] = []
    var numbers: [Double] = []
    for root in source.roots {
      let start = builder.steps.count
      try builder.lay(root)
      let count = builder.steps.count - start
      var slots: [(target: Int, values: Int)] = []
      for i in start..<start + count where builder.steps[i].isLeaf {
        let node = builder.nodes[i]
        for weight in source.weights[builder.firstWeight[node]..<builder.firstWeight[node + 1]] {
          var slot = slots.firstIndex { $0.target == weight.target }
          if slot == nil {
            slot = slots.count
            slots.append((weight.target, numbers.count))
            numbers.append(contentsOf: repeatElement(0, count: count))
            guard numbers.count <= max(1 << 24, 8 * source.weights.count) else {
              throw KernelFault(.limit, "the trees have too many leaf values to explain")
            }
          }
          if let slot { numbers[slots[slot].values + i - start] += weight.value * scale }
        }
      }
      trees.append(Tree(start: start, count: count, targets: slots))
    }
    self.trees = trees
    members = builder.members
    featureCount = builder.featureCount
    featuresOnPath = builder.featuresOnPath
    nodesMax = trees.reduce(1) { max($0, $1.count) }
    hasCovers = !source.covers.isEmpty
    coverFault = builder.coverFault
    steps = .allocate(capacity: max(builder.steps.count, 1))
    steps.initialize(from: builder.steps, count: builder.steps.count)
    edges = .allocate(capacity: max(builder.steps.count, 1))
    for (i, step) in builder.steps.enumerated() {
      (edges + i).initialize(
        to: Edge(
          share: step.share, previousShare: step.previousShare, parent: step.parent,
          previous: step.previous, feature: step.feature, side: step.side))
    }
    values = .allocate(capacity: max(numbers.count, 1))
    values.initialize(from: numbers, count: numbers.count)
  }

  deinit {
    steps.deallocate()
    edges.deallocate()
    values.deallocate()
  }

  /// Whether the test of an inner node holds: its true side is taken.
  @inline(__always)
  func holds(_ step: UnsafePointer<Step>, _ x: Double) -> Bool {
    if let decide { return decide(Int(step.pointee.node), x) }
    // A missing value is unlike any number, whatever the flag says.
    if x.isNaN { return step.pointee.missingIsTrue || step.pointee.mode == .notEqual }
    let threshold = step.pointee.threshold
    switch step.pointee.mode {
    case .lessOrEqual, .leaf: return x <= threshold
    case .less: return x < threshold
    case .greaterOrEqual: return x >= threshold
    case .greater: return x > threshold
    case .equal: return x == threshold
    case .notEqual: return x != threshold
    case .member: return isMember(x, step.pointee.members)
    }
  }

  /// 1 when ``holds(_:_:)``, else 0, without a branch on the row's values for the usual tests.
  @inline(__always)
  func takes(_ step: UnsafePointer<Step>, _ x: Double) -> UInt8 {
    if decide != nil { return unsafeBitCast(holds(step, x), to: UInt8.self) }
    let threshold = step.pointee.threshold
    // A comparison with a missing value is false; the flag makes up for it.
    let isMissing = unsafeBitCast(x.isNaN, to: UInt8.self)
    let whenMissing = isMissing & unsafeBitCast(step.pointee.missingIsTrue, to: UInt8.self)
    switch step.pointee.mode {
    case .lessOrEqual: return unsafeBitCast(x <= threshold, to: UInt8.self) | whenMissing
    case .less: return unsafeBitCast(x < threshold, to: UInt8.self) | whenMissing
    default: return unsafeBitCast(holds(step, x), to: UInt8.self)
    }
  }

  private func isMember(_ x: Double, _ range: (Int32, Int32)) -> Bool {
    var low = Int(range.0)
    var high = Int(range.1)
    let end = high
    while low < high {
      let middle = (low + high) / 2
      if members[middle] < x { low = middle + 1 } else { high = middle }
    }
    return low < end && members[low] == x
  }
}

/// Writes the nodes of ``PathTrees``.
private struct PathTreesBuilder {
  let source: TreeSource
  var steps: [PathTrees.Step] = []
  /// The node of the source each step stands for.
  var nodes: [Int] = []
  var members: [Double] = []
  var featureCount = 0
  var featuresOnPath = 0
  var coverFault: String?
  let firstWeight: [Int]

  init(_ source: TreeSource) throws(KernelFault) {
    self.source = source
    let count = source.nodes.count
    guard source.covers.isEmpty || source.covers.count == count else {
      throw KernelFault(.malformed, "\(source.covers.count) covers for \(count) tree nodes")
    }
    var first = [Int](repeating: 0, count: count + 1)
    var before = 0
    for weight in source.weights {
      guard weight.target >= 0, weight.target < source.targets, weight.node >= before,
        weight.node < count
      else { throw KernelFault(.malformed, "a leaf value belongs to no node or no output") }
      before = weight.node
      first[weight.node + 1] += 1
    }
    for i in 0..<count { first[i + 1] += first[i] }
    firstWeight = first
    steps.reserveCapacity(count)
  }

  /// Lays one tree down: without recursion, since a file may hold trees of any depth.
  mutating func lay(_ root: Int) throws(KernelFault) {
    let start = steps.count
    // A pending child: its node, its parent's place, the side, the depth, features so far.
    var stack = [(node: root, parent: -1, side: UInt8(0), depth: 0, features: 0)]
    while let next = stack.popLast() {
      guard nodes.count < source.nodes.count, source.nodes.indices.contains(next.node),
        next.depth <= PathTrees.depthMax
      else { throw KernelFault(.limit, "a tree deeper than \(PathTrees.depthMax) nodes") }
      let node = source.nodes[next.node]
      var step = PathTrees.Step()
      step.node = Int32(next.node)
      var features = next.features
      if next.parent >= 0 {
        link(&step, start, next.parent, next.side, next.node)
        if step.previous < 0 { features += 1 }
        featuresOnPath = max(featuresOnPath, features)
        guard features <= PathTrees.featuresOnPathMax else {
          throw KernelFault(
            .limit, "a tree asks about more than \(PathTrees.featuresOnPathMax) features in a row")
        }
      }
      let place = steps.count - start
      if node.mode != .leaf {
        try describe(&step, node, next.node)
        stack.append((node.whenFalse, place, 0, next.depth + 1, features))
        stack.append((node.whenTrue, place, 1, next.depth + 1, features))
      }
      steps.append(step)
      nodes.append(next.node)
    }
    // Children come after their parents, so one walk backwards finds where each part ends.
    for i in stride(from: steps.count - 1, through: start, by: -1) {
      steps[i].end = max(steps[i].end, Int32(i - start + 1))
      if i > start {
        let parent = start + Int(steps[i].parent)
        steps[parent].end = max(steps[parent].end, steps[i].end)
      }
    }
  }

  private mutating func describe(
    _ step: inout PathTrees.Step, _ node: TreeSource.Node, _ index: Int
  ) throws(KernelFault) {
    guard node.feature >= 0, node.feature < 1 << 24 else {
      throw KernelFault(.limit, "a tree reads feature \(node.feature)")
    }
    featureCount = max(featureCount, node.feature + 1)
    step.isLeaf = false
    step.mode = node.mode
    step.tested = Int32(node.feature)
    step.threshold = node.threshold
    step.missingIsTrue = node.missingIsTrue
    if node.mode == .member {
      let list = source.members[index] ?? []
      step.members = (Int32(members.count), Int32(members.count + list.count))
      members += list
    }
  }

  /// Fills in what a node has from the edge that leads to it.
  private mutating func link(
    _ step: inout PathTrees.Step, _ start: Int, _ parent: Int, _ side: UInt8, _ node: Int
  ) {
    let above = steps[start + parent]
    step.parent = Int32(parent)
    step.side = side
    step.feature = above.tested
    var at = parent
    while at > 0 {
      if steps[start + at].feature == above.tested {
        step.previous = Int32(at)
        step.previousShare = steps[start + at].share
        break
      }
      at = Int(steps[start + at].parent)
    }
    guard !source.covers.isEmpty else { return }
    let whole = source.covers[nodes[start + parent]]
    let part = source.covers[node]
    // Below a node that no training data came by nothing comes by; but something enters a tree.
    guard whole > 0 || (whole == 0 && parent > 0), part >= 0, part <= whole * 1.001, whole.isFinite
    else {
      coverFault =
        coverFault ?? "a tree node has the cover \(whole) and one of its children \(part)"
      return
    }
    step.share = whole > 0 ? step.previousShare * (part / whole) : 0
  }
}
