import Core

/// Trees walked node by node in double precision: for 64-bit inputs and thresholds and for sets,
/// which ``TreeForest`` does not lay out.
///
/// A node costs a branch or two, so this is several times slower than the forest.
final class PlainTrees: Sendable {
  /// One more than the largest feature number.
  let featureCount: Int
  private let source: TreeSource
  private let aggregate: TreeScorer.Aggregate
  /// Where the weights of each node begin; one more at the end.
  private let firstWeight: [Int]

  /// - Throws: when the nodes are not trees or a weight belongs to no output.
  init(_ source: TreeSource, aggregate: TreeScorer.Aggregate) throws(KernelFault) {
    self.source = source
    self.aggregate = aggregate
    let count = source.nodes.count
    var parents = [UInt8](repeating: 0, count: count)
    var features = 0
    for node in source.nodes where node.mode != .leaf {
      guard node.feature >= 0, node.feature < 1 << 24 else {
        throw KernelFault(.limit, "a tree reads feature \(node.feature)")
      }
      features = max(features, node.feature + 1)
      for child in [node.whenTrue, node.whenFalse] {
        guard child >= 0, child < count, parents[child] == 0 else {
          throw KernelFault(.malformed, "a tree node is reached on two ways or is not there")
        }
        parents[child] = 1
      }
    }
    // With one parent a node at most, and none for roots, no walk can come round again.
    for root in source.roots {
      guard root >= 0, root < count, parents[root] == 0 else {
        throw KernelFault(.malformed, "a root is below another node or is not there")
      }
    }
    featureCount = features
    var first = [Int](repeating: 0, count: count + 1)
    for weight in source.weights {
      guard weight.target >= 0, weight.target < source.targets else {
        throw KernelFault(
          .malformed, "a leaf adds to output \(weight.target) of \(source.targets)")
      }
      first[weight.node + 1] += 1
    }
    for i in 0..<count { first[i + 1] += first[i] }
    firstWeight = first
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
    let targets = source.targets
    let sums = try io.scratch(targets + (targets + 7) / 8, of: Double.self)
    let has = UnsafeMutableRawPointer(sums + targets).assumingMemoryBound(to: Bool.self)
    for row in 0..<(width == 0 ? 0 : view.count / width) {
      for i in 0..<targets {
        sums[i] = 0
        has[i] = false
      }
      for root in source.roots {
        let leaf = walk(root, view, row * width)
        for i in firstWeight[leaf]..<firstWeight[leaf + 1] { add(source.weights[i], sums, has) }
      }
      if aggregate == .average {
        for i in 0..<targets { sums[i] /= Double(source.roots.count) }
      }
      finish(row, sums, has)
    }
  }

  private func walk(_ root: Int, _ view: TensorView, _ base: Int) -> Int {
    var at = root
    while source.nodes[at].mode != .leaf {
      let node = source.nodes[at]
      let place = base + node.feature
      let x =
        view.type == .float64
        ? view.pointer(Double.self)[place] : Double(floatElement(view, place))
      let holds = x.isNaN ? missing(node) : test(node, at, x)
      at = holds ? node.whenTrue : node.whenFalse
    }
    return at
  }

  /// The leaf each tree ends in, as a node of the source, for one row of 32-bit features.
  func walk(_ row: UnsafePointer<Float>, leaves: UnsafeMutablePointer<UInt32>) {
    for (tree, root) in source.roots.enumerated() {
      var at = root
      while source.nodes[at].mode != .leaf {
        let node = source.nodes[at]
        let x = Double(row[node.feature])
        at = (x.isNaN ? missing(node) : test(node, at, x)) ? node.whenTrue : node.whenFalse
      }
      leaves[tree] = UInt32(at)
    }
  }

  /// For each leaf number that ``walk(_:leaves:)`` gives the source node; otherwise -1.
  var leafSource: [Int32] {
    source.nodes.enumerated().map { $1.mode == .leaf ? Int32($0) : -1 }
  }

  private func missing(_ node: TreeSource.Node) -> Bool {
    // A missing value is unlike any number, whatever the flag says.
    node.missingIsTrue || node.mode == .notEqual
  }

  private func test(_ node: TreeSource.Node, _ index: Int, _ x: Double) -> Bool {
    switch node.mode {
    case .lessOrEqual, .leaf: x <= node.threshold
    case .less: x < node.threshold
    case .greaterOrEqual: x >= node.threshold
    case .greater: x > node.threshold
    case .equal: x == node.threshold
    case .notEqual: x != node.threshold
    case .member: contains(source.members[index] ?? [], x)
    }
  }

  private func add(
    _ weight: TreeSource.Weight, _ sums: UnsafeMutablePointer<Double>,
    _ has: UnsafeMutablePointer<Bool>
  ) {
    let target = weight.target
    switch aggregate {
    case .sum, .average: sums[target] += weight.value
    case .minimum:
      sums[target] = has[target] ? min(sums[target], weight.value) : weight.value
    case .maximum:
      sums[target] = has[target] ? max(sums[target], weight.value) : weight.value
    }
    has[target] = true
  }
}
