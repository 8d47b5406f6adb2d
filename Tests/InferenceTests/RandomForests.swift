import Core

@testable import Inference

/// Random trees of every kind the sources allow, and what they must answer.
struct RandomForest {
  enum Kind: CaseIterable {
    /// `<=` only, missing values to the right: what scikit-learn writes.
    case plain
    /// `<=` and `<`, missing values to either side: what XGBoost and LightGBM write.
    case boosted
    /// All comparisons of numbers.
    case mixed
    /// Sets of categories among comparisons.
    case categories
  }

  enum Weights: CaseIterable {
    case oneTarget, targetOfTree, everyTarget, anyTargets
  }

  let source: TreeSource
  let featureCount: Int
  let pool: [Float]
  private let treeOf: [Int32]
  private let weightsOf: [Int: [TreeSource.Weight]]

  var treeOfNode: [Int32] { treeOf }

  init(
    seed: UInt64, kind: Kind, weights: Weights, trees: Int, depth: Int, nodesMax: Int,
    features: Int, distinct: Int
  ) {
    var random = SplitMix64(seed: seed)
    var source = TreeSource()
    var pool: [Float] = [0, -0.0, 1, -1, .leastNonzeroMagnitude, -.leastNonzeroMagnitude]
    pool += [.infinity, -.infinity, .greatestFiniteMagnitude, 0.1, Float(bitPattern: 70_000)]
    while pool.count < distinct { pool.append(Float(random.next() % 2001) / 100 - 10) }
    pool = Array(pool.prefix(max(distinct, 1)))
    var treeOf: [Int32] = []
    for tree in 0..<trees {
      let before = source.nodes.count
      RandomForest.grow(&source, &random, kind, depth, nodesMax, features, pool)
      treeOf += [Int32](repeating: Int32(tree), count: source.nodes.count - before)
    }
    RandomForest.weigh(&source, &random, weights, treeOf)
    self.source = source
    self.treeOf = treeOf
    weightsOf = Dictionary(grouping: source.weights, by: \.node)
    featureCount = features
    self.pool = pool
  }

  private static func grow(
    _ source: inout TreeSource, _ random: inout SplitMix64, _ kind: Kind, _ depth: Int,
    _ nodesMax: Int, _ features: Int, _ pool: [Float]
  ) {
    let start = source.nodes.count
    source.roots.append(start)
    source.nodes.append(.init())
    var open = [(at: start, level: 0)]
    while let (at, level) = open.popLast() {
      let isFull = source.nodes.count - start >= nodesMax
      if level >= depth || isFull || (level > 0 && random.next() % 8 == 0) { continue }
      var node = TreeSource.Node()
      node.mode = mode(kind, &random)
      node.feature = Int(random.next() % UInt64(features))
      node.threshold = Double(pool[Int(random.next() % UInt64(pool.count))])
      node.missingIsTrue = kind != .plain && random.next() % 2 == 0
      // Nothing compares as less than -infinity, so a missing value could not either.
      if node.threshold == -.infinity && node.mode != .lessOrEqual { node.threshold = 2 }
      if node.mode == .member {
        source.members[at] = (0..<(random.next() % 6)).map { _ in Double(random.next() % 12) }
          .sorted()
      }
      node.whenTrue = source.nodes.count
      node.whenFalse = source.nodes.count + 1
      source.nodes[at] = node
      source.nodes += [.init(), .init()]
      open.append((node.whenTrue, level + 1))
      open.append((node.whenFalse, level + 1))
    }
  }

  private static func mode(_ kind: Kind, _ random: inout SplitMix64) -> TreeSource.Mode {
    let numeric: [TreeSource.Mode] = [
      .lessOrEqual, .less, .greaterOrEqual, .greater, .equal, .notEqual,
    ]
    switch kind {
    case .plain: return .lessOrEqual
    case .boosted: return numeric[Int(random.next() % 2)]
    case .mixed: return numeric[Int(random.next() % 6)]
    case .categories:
      return random.next() % 4 == 0 ? .member : numeric[Int(random.next() % 6)]
    }
  }

  private static func weigh(
    _ source: inout TreeSource, _ random: inout SplitMix64, _ weights: Weights, _ treeOf: [Int32]
  ) {
    source.targets = weights == .oneTarget ? 1 : 5
    for (index, node) in source.nodes.enumerated() where node.mode == .leaf {
      func add(_ target: Int) {
        let value = Double(random.next() % 20001) / 3000 - 3
        source.weights.append(.init(node: index, target: target, value: value))
      }
      switch weights {
      case .oneTarget: add(0)
      case .targetOfTree: add(Int(treeOf[index]) % 5)
      case .everyTarget: for target in 0..<5 { add(target) }
      case .anyTargets: for _ in 0..<(random.next() % 4) { add(Int(random.next() % 5)) }
      }
    }
  }

  /// Rows of values that lie on thresholds, beside them, and nowhere.
  func rows(_ count: Int, seed: UInt64, missing: Bool) -> [Float] {
    var random = SplitMix64(seed: seed)
    return (0..<count * featureCount).map { _ in
      let value = pool[Int(random.next() % UInt64(pool.count))]
      switch random.next() % 16 {
      case 0: return missing ? .nan : 3
      case 1: return value.nextUp
      case 2: return value.nextDown
      case 3...6: return Float(random.next() % 12)
      case 7: return Float(Int64(bitPattern: random.next())) / 1e18
      default: return value
      }
    }
  }

  /// What the trees must answer: node by node, and sums as the engine defines them: in double over
  /// 32-bit weights; for a single output in eight interleaved lanes, else tree after tree.
  func answer(_ row: ArraySlice<Float>) -> (sums: [Double], has: [Bool]) {
    var sums = [Double](repeating: 0, count: source.targets)
    var has = [Bool](repeating: false, count: source.targets)
    var lanes = [Double](repeating: 0, count: 8)
    for (tree, root) in source.roots.enumerated() {
      var at = root
      while source.nodes[at].mode != .leaf {
        let node = source.nodes[at]
        let x = Double(row[row.startIndex + node.feature])
        at = holds(node, at, x) ? node.whenTrue : node.whenFalse
      }
      for weight in weightsOf[at] ?? [] {
        sums[weight.target] += Double(Float(weight.value))
        lanes[tree % 8] += Double(Float(weight.value))
        has[weight.target] = true
      }
    }
    if source.targets == 1 {
      sums[0] =
        ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]))
        + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]))
    }
    return (sums, has)
  }

  private func holds(_ node: TreeSource.Node, _ at: Int, _ x: Double) -> Bool {
    if x.isNaN { return node.missingIsTrue || node.mode == .notEqual }
    switch node.mode {
    case .lessOrEqual, .leaf: return x <= node.threshold
    case .less: return x < node.threshold
    case .greaterOrEqual: return x >= node.threshold
    case .greater: return x > node.threshold
    case .equal: return x == node.threshold
    case .notEqual: return x != node.threshold
    case .member: return (source.members[at] ?? []).contains(x)
    }
  }
}
