import Core

/// Trees of a tree library's own file, checked, before they are laid out for walking.
///
/// A node takes 24 bytes, so that decoding stays within a small multiple of any file.
struct BoostedTrees {
  struct Flags: OptionSet {
    let rawValue: UInt8
    /// A missing value goes to the left.
    static let missingGoesLeft = Flags(rawValue: 1)
    /// The node asks for a set of categories.
    static let isCategorical = Flags(rawValue: 2)
    /// A value of zero is missing as well (LightGBM's missing type Zero).
    static let zeroIsMissing = Flags(rawValue: 4)
    /// A missing value is taken as zero (LightGBM's missing type None).
    static let missingIsZero = Flags(rawValue: 8)
  }

  /// One node; children are indices into ``nodes``, -1 for leaves.
  struct Node {
    /// The threshold; the set's number for categorical nodes; the leaf's value, or where the
    /// leaf's values begin in ``leafVectors`` when there are several.
    var value: Double
    var feature: Int32
    var left: Int32
    var right: Int32
    var flags: Flags

    var isLeaf: Bool { left < 0 }
  }

  /// Categories as a range of ``categories``: a list of them, or words of 32 bits.
  struct Set {
    let start: Int32
    let count: Int32
  }

  /// A leaf that is linear in some features (LightGBM's linear trees).
  struct LinearLeaf {
    let constant: Double
    /// A range of ``linearTerms``.
    let start: Int32
    let count: Int32
  }

  var nodes: [Node] = []
  /// The root of each tree.
  var roots: [Int32] = []
  /// The output each tree adds to; unused when leaves have several values.
  var groups: [Int32] = []
  /// What each tree's leaves are multiplied with (DART of XGBoost); empty when all are 1.
  var weights: [Float] = []
  var sets: [Set] = []
  var categories: [UInt32] = []
  /// Whether ``categories`` holds bits (LightGBM) and not numbers (XGBoost).
  var setsAreBits = false
  /// The values of leaves that have one for each output.
  var leafVectors: [Float] = []
  /// How many values a leaf has when it has several.
  var leafVectorSize = 1
  /// Whether leaves have one value for each output.
  var hasLeafVectors: Bool { leafVectorSize > 1 }
  /// For trees with linear leaves: by node.
  var linearLeaves: [Int32: LinearLeaf] = [:]
  var linearTerms: [(feature: Int32, coefficient: Double)] = []
  /// For each node how much of the training data came by; empty where the file does not tell.
  ///
  /// The number from which the library computes contributions, read for explanations only.
  var covers: [Float] = []

  /// Calls `body` with each category of a set; in rising order when they are bits.
  @inline(__always)
  func forEachCategory(of set: Set, _ body: (Int) -> Void) {
    for i in Int(set.start)..<Int(set.start + set.count) {
      guard setsAreBits else {
        body(Int(categories[i]))
        continue
      }
      var bits = categories[i]
      while bits != 0 {
        body((i - Int(set.start)) * 32 + bits.trailingZeroBitCount)
        bits &= bits - 1
      }
    }
  }

  /// Keeps the first `count` trees.
  mutating func keepFirst(_ count: Int) {
    guard count < roots.count else { return }
    covers.removeSubrange(min(Int(roots[count]), covers.count)...)
    nodes.removeSubrange(Int(roots[count])...)
    roots.removeSubrange(count...)
    groups.removeSubrange(min(count, groups.count)...)
    weights.removeSubrange(min(count, weights.count)...)
  }
}

/// Checks that a tree's children make it one: every node is reached once from node 0.
struct TreeShapeCheck {
  private var isReached: [Bool] = []
  private var pending: [Int32] = []

  /// What is wrong with a tree.
  struct Fault: Error {
    let node: Int
    let isLeft: Bool
    let message: String
  }

  /// - Parameter base: where the tree begins; its children count from there and are below its size.
  /// - Returns: how many nodes are not reached, and the first of them.
  mutating func run(
    _ nodes: [BoostedTrees.Node], from base: Int
  ) throws(Fault) -> (unreached: Int, first: Int) {
    let count = nodes.count - base
    isReached.removeAll(keepingCapacity: true)
    isReached.append(contentsOf: repeatElement(false, count: count))
    pending.removeAll(keepingCapacity: true)
    pending.append(0)
    isReached[0] = true
    var reached = 1
    while let at = pending.popLast() {
      let node = nodes[base + Int(at)]
      guard !node.isLeaf else { continue }
      try reach(node.left, from: at, isLeft: true)
      try reach(node.right, from: at, isLeft: false)
      reached += 2
    }
    let first = reached == count ? -1 : isReached.firstIndex(of: false) ?? -1
    return (count - reached, first)
  }

  private mutating func reach(_ child: Int32, from node: Int32, isLeft: Bool) throws(Fault) {
    guard !isReached[Int(child)] else {
      throw Fault(
        node: Int(node), isLeft: isLeft,
        message: child == 0
          ? "the root is nobody's child" : "node \(child) is reached on two ways")
    }
    isReached[Int(child)] = true
    pending.append(child)
  }
}
