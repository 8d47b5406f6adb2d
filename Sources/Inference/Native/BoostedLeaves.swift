/// The values of a forest's leaves, and their sums in the order and width of the tree library.
///
/// Sums of floats depend on the order of the additions. These are done as XGBoost (32 bits) and
/// LightGBM (64 bits) do them, tree after tree, so that scores are the library's own to the bit.
///
/// `@unchecked Sendable`: written only before `init` returns.
final class BoostedLeaves: @unchecked Sendable {
  /// The number of sums a row has.
  let groups: Int
  private let treeCount: Int
  /// The output each tree adds to; empty when all add to the one there is.
  private let groupOfTree: UnsafeMutableBufferPointer<Int32>
  /// By laid-out node: the value of XGBoost's leaves, LightGBM's, or (as bits) the
  /// place in ``vectors``.
  private let singles: UnsafeMutablePointer<Float>
  private let doubles: UnsafeMutablePointer<Double>
  private let vectors: UnsafeMutableBufferPointer<Float>
  private let hasVectors: Bool
  /// By laid-out node: the linear function that leaf is, or -1; empty without any.
  private let linearOf: [Int32]
  private let linear: [BoostedTrees.LinearLeaf]
  private let terms: [(feature: Int32, coefficient: Double)]

  /// - Parameter sources: for each laid-out node its node of `trees` when it is a leaf, else -1.
  init(_ trees: BoostedTrees, sources: [Int32], groups: Int, isSinglePrecision: Bool) {
    self.groups = groups
    treeCount = trees.roots.count
    hasVectors = trees.hasLeafVectors
    vectors = .allocate(capacity: trees.leafVectors.count)
    _ = vectors.initialize(from: trees.leafVectors)
    let groupOfTree = groups > 1 && !trees.hasLeafVectors ? trees.groups : []
    self.groupOfTree = .allocate(capacity: groupOfTree.count)
    _ = self.groupOfTree.initialize(from: groupOfTree)
    singles = .allocate(capacity: isSinglePrecision ? max(sources.count, 1) : 1)
    doubles = .allocate(capacity: isSinglePrecision ? 1 : max(sources.count, 1))
    var linearOf: [Int32] = []
    var linear: [BoostedTrees.LinearLeaf] = []
    if !trees.linearLeaves.isEmpty { linearOf = Array(repeating: -1, count: sources.count) }
    for (place, source) in sources.enumerated() {
      let value = source < 0 ? 0 : trees.nodes[Int(source)].value
      if trees.hasLeafVectors {
        (singles + place).initialize(to: Float(bitPattern: UInt32(value)))
      } else if isSinglePrecision {
        (singles + place).initialize(to: Float(value))
      } else {
        (doubles + place).initialize(to: value)
      }
      if source >= 0, let leaf = trees.linearLeaves[source] {
        linearOf[place] = Int32(linear.count)
        linear.append(leaf)
      }
    }
    self.linearOf = linearOf
    self.linear = linear
    terms = trees.linearTerms
    if !trees.weights.isEmpty { scale(by: trees, sources) }
  }

  deinit {
    singles.deallocate()
    doubles.deallocate()
    vectors.deallocate()
    groupOfTree.deallocate()
  }

  /// DART's weight of a tree is on its leaves, rounded as XGBoost rounds the product.
  private func scale(by trees: BoostedTrees, _ sources: [Int32]) {
    for (place, source) in sources.enumerated() where source >= 0 {
      // Trees lie one after another: the last root that is not behind the node is its own.
      var low = 0
      var high = trees.roots.count
      while high - low > 1 {
        let middle = (low + high) / 2
        if trees.roots[middle] <= source { low = middle } else { high = middle }
      }
      singles[place] *= trees.weights[low]
    }
  }

  /// Adds the leaves of one row, `leaves[tree * stride]`, to `sums`, one a group.
  func add(_ leaves: UnsafePointer<UInt32>, stride: Int, to sums: UnsafeMutablePointer<Float>) {
    if hasVectors {
      for tree in 0..<treeCount {
        let first = Int(singles[Int(leaves[tree &* stride])].bitPattern)
        for i in 0..<groups { sums[i] += vectors[first + i] }
      }
    } else if groupOfTree.count == 0 {
      var sum = sums[0]
      for tree in 0..<treeCount { sum += singles[Int(leaves[tree &* stride])] }
      sums[0] = sum
    } else {
      for tree in 0..<treeCount {
        sums[Int(groupOfTree[tree])] += singles[Int(leaves[tree &* stride])]
      }
    }
  }

  /// The same in 64 bits; `row` are the features that linear leaves read.
  func add(
    _ leaves: UnsafePointer<UInt32>, stride: Int, row: UnsafePointer<Double>,
    to sums: UnsafeMutablePointer<Double>
  ) {
    if !linearOf.isEmpty {
      for tree in 0..<treeCount {
        let group = groupOfTree.count == 0 ? 0 : Int(groupOfTree[tree])
        sums[group] += linearValue(Int(leaves[tree &* stride]), row)
      }
    } else if groupOfTree.count == 0 {
      var sum = sums[0]
      for tree in 0..<treeCount { sum += doubles[Int(leaves[tree &* stride])] }
      sums[0] = sum
    } else {
      for tree in 0..<treeCount {
        sums[Int(groupOfTree[tree])] += doubles[Int(leaves[tree &* stride])]
      }
    }
  }

  /// The value of a linear leaf; its plain value when a feature it reads is missing.
  private func linearValue(_ leaf: Int, _ row: UnsafePointer<Double>) -> Double {
    let index = linearOf[leaf]
    guard index >= 0 else { return doubles[leaf] }
    let function = linear[Int(index)]
    var result = function.constant
    for i in Int(function.start)..<Int(function.start + function.count) {
      let x = row[Int(terms[i].feature)]
      if x.isNaN { return doubles[leaf] }
      // Values next to zero are zero, as everywhere in LightGBM.
      result += terms[i].coefficient * (x.magnitude <= FeatureCoding.zeroMax ? 0 : x)
    }
    return result
  }
}
