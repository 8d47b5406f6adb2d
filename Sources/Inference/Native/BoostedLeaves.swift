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

  /// How many rows ``addFour(_:_:from:to:)`` adds up at once.
  static let together = 4

  /// Whether rows are added up four at once: there is one sum, and leaves are numbers.
  var isPlain: Bool { groups == 1 && !hasVectors && linearOf.isEmpty }

  /// Adds the leaves of four rows from `first` on to four sums, which begin with `base`.
  ///
  /// An addition waits for the one before; those of four rows wait side by side.
  @inline(__always)
  func addFour(
    _ walked: TreeWalker.Walked, _ first: Int, from base: Float,
    to sums: UnsafeMutablePointer<Float>
  ) {
    BoostedLeaves.addFour(walked, first, singles, treeCount, base, sums)
  }

  /// The same in 64 bits.
  @inline(__always)
  func addFour(
    _ walked: TreeWalker.Walked, _ first: Int, from base: Double,
    to sums: UnsafeMutablePointer<Double>
  ) {
    BoostedLeaves.addFour(walked, first, doubles, treeCount, base, sums)
  }

  @inline(__always)
  private static func addFour<T: FloatingPoint>(
    _ walked: TreeWalker.Walked, _ first: Int, _ values: UnsafeMutablePointer<T>, _ trees: Int,
    _ base: T, _ sums: UnsafeMutablePointer<T>
  ) {
    var next = UnsafePointer(walked.leaves + first &* walked.rowStride)
    let (row, step) = (walked.rowStride, walked.treeStride)
    var (a, b, c, d) = (base, base, base, base)
    for _ in 0..<trees {
      a += values[Int(next[0])]
      b += values[Int(next[row])]
      c += values[Int(next[2 &* row])]
      d += values[Int(next[3 &* row])]
      next += step
    }
    sums[0] = a
    sums[1] = b
    sums[2] = c
    sums[3] = d
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
