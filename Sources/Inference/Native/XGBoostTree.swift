import Core

/// The lists of one tree as an XGBoost file has them; kept from tree to tree for their memory.
struct XGBoostTree {
  var left: [Int32] = []
  var right: [Int32] = []
  var features: [Int32] = []
  var conditions: [Float] = []
  var defaultLeft: [Int32] = []
  var baseWeights: [Float] = []
  var leafWeights: [Float] = []
  /// Sums of Hessians; empty unless they are read.
  var covers: [Float] = []
  var hasLeafWeights = false
  var splitTypes: [Int32] = []
  var categories: [Int32] = []
  var categoryNodes: [Int32] = []
  var categoryStarts: [Int32] = []
  var categoryCounts: [Int32] = []
  var nodeCount = 0
  var deletedCount = 0
  var leafVectorSize = 0
  private var check = TreeShapeCheck()

  mutating func reset() {
    left.removeAll(keepingCapacity: true)
    right.removeAll(keepingCapacity: true)
    features.removeAll(keepingCapacity: true)
    conditions.removeAll(keepingCapacity: true)
    defaultLeft.removeAll(keepingCapacity: true)
    baseWeights.removeAll(keepingCapacity: true)
    leafWeights.removeAll(keepingCapacity: true)
    covers.removeAll(keepingCapacity: true)
    splitTypes.removeAll(keepingCapacity: true)
    categories.removeAll(keepingCapacity: true)
    categoryNodes.removeAll(keepingCapacity: true)
    categoryStarts.removeAll(keepingCapacity: true)
    categoryCounts.removeAll(keepingCapacity: true)
    (hasLeafWeights, nodeCount, deletedCount, leafVectorSize) = (false, 0, 0, 0)
  }

  /// Checks the lists and adds the tree to `trees`.
  mutating func add(
    to trees: inout BoostedTrees, _ reader: inout some DocumentReader, _ limits: ModelLimits
  ) throws(InferenceError) {
    let count = left.count
    let start = trees.nodes.count
    guard trees.roots.count < NativeLimits.treesMax else {
      throw InferenceError(.limit, "the model has more than \(NativeLimits.treesMax) trees")
    }
    guard start + count <= min(limits.treeNodesMax, Int(Int32.max)) else {
      throw InferenceError(.limit, "the model has more than \(limits.treeNodesMax) tree nodes")
    }
    try checkCounts(count, reader)
    let hasVectors = leafVectorSize > 1
    let vectorSize = max(1, leafVectorSize)
    guard trees.roots.isEmpty || trees.leafVectorSize == vectorSize else {
      throw reader.fault("tree_param.size_leaf_vector", "it differs from that of the trees before")
    }
    trees.leafVectorSize = vectorSize
    try reader.append(Int32(start), to: &trees.roots)
    for i in 0..<count {
      try reader.append(try node(i, count, reader), to: &trees.nodes)
    }
    let deleted: (unreached: Int, first: Int)
    do throws(TreeShapeCheck.Fault) {
      deleted = try check.run(trees.nodes, from: start)
    } catch {
      let field = error.isLeft ? "left_children" : "right_children"
      throw reader.fault("\(field)[\(error.node)]", error.message)
    }
    // Pruning leaves nodes behind that belong to no tree any more.
    guard deleted.unreached == 0 || deleted.unreached == deletedCount else {
      throw reader.fault("left_children", "node \(deleted.first) is not reached from the root")
    }
    for i in start..<(start + count) where !trees.nodes[i].isLeaf {
      trees.nodes[i].left += Int32(start)
      trees.nodes[i].right += Int32(start)
    }
    try addSets(to: &trees, start, &reader)
    if hasVectors { try addLeafVectors(to: &trees, start, &reader) }
    // Trees of which one has no covers have none together.
    if covers.count == count, trees.covers.count == start {
      for cover in covers { try reader.append(cover, to: &trees.covers) }
    }
  }

  private func checkCounts(_ count: Int, _ reader: some DocumentReader) throws(InferenceError) {
    guard count > 0 else { throw reader.fault("left_children", "the tree has no nodes") }
    guard nodeCount == count else {
      throw reader.fault(
        "left_children", "\(count) children where tree_param.num_nodes is \(nodeCount)")
    }
    let lists = [
      ("right_children", right.count), ("split_indices", features.count),
      ("split_conditions", conditions.count), ("default_left", defaultLeft.count),
    ]
    for (name, length) in lists where length != count {
      throw reader.fault(name, "\(length) elements for \(count) nodes")
    }
    guard covers.isEmpty || covers.count == count else {
      throw reader.fault("sum_hessian", "\(covers.count) elements for \(count) nodes")
    }
    guard splitTypes.isEmpty || splitTypes.count == count else {
      throw reader.fault("split_type", "\(splitTypes.count) elements for \(count) nodes")
    }
  }

  private func node(
    _ i: Int, _ count: Int, _ reader: some DocumentReader
  ) throws(InferenceError) -> BoostedTrees.Node {
    var flags: BoostedTrees.Flags = defaultLeft[i] != 0 ? .missingGoesLeft : []
    guard left[i] != -1 else {
      guard leafVectorSize > 1 || right[i] == -1 else {
        throw reader.fault("right_children[\(i)]", "\(right[i]) where the left child is -1")
      }
      guard conditions[i].isFinite else {
        throw reader.fault("split_conditions[\(i)]", "the leaf's value is \(conditions[i])")
      }
      return .init(value: Double(conditions[i]), feature: 0, left: -1, right: -1, flags: flags)
    }
    guard left[i] >= 0, left[i] < count else {
      throw reader.fault("left_children[\(i)]", "\(left[i]) of a tree of \(count) nodes")
    }
    guard right[i] >= 0, right[i] < count else {
      throw reader.fault("right_children[\(i)]", "\(right[i]) of a tree of \(count) nodes")
    }
    guard features[i] >= 0, features[i] < NativeLimits.featuresMax else {
      throw reader.fault("split_indices[\(i)]", "feature \(features[i])")
    }
    if !splitTypes.isEmpty, splitTypes[i] != 0 {
      guard splitTypes[i] == 1 else {
        throw reader.fault("split_type[\(i)]", "\(splitTypes[i]) where 0 or 1 is expected")
      }
      flags.insert(.isCategorical)
    } else {
      // XGBoost 3 writes infinite conditions for splits that only part missing values off.
      guard !conditions[i].isNaN else {
        throw reader.fault("split_conditions[\(i)]", "the threshold is NaN")
      }
    }
    // A set's number comes later.
    let value = flags.contains(.isCategorical) ? .nan : Double(conditions[i])
    return .init(
      value: value, feature: features[i], left: left[i], right: right[i], flags: flags)
  }

  /// The categories of the categorical nodes, in the order of the nodes.
  private func addSets(
    to trees: inout BoostedTrees, _ start: Int, _ reader: inout some DocumentReader
  ) throws(InferenceError) {
    let count = categoryNodes.count
    guard categoryStarts.count == count, categoryCounts.count == count else {
      throw reader.fault(
        "categories_segments",
        "\(categoryStarts.count) starts and \(categoryCounts.count) sizes for \(count) nodes")
    }
    let first = trees.categories.count
    guard first + categories.count <= Int(Int32.max) else {
      throw InferenceError(.limit, "the model has too many categories")
    }
    for (i, category) in categories.enumerated() {
      // Floats tell categories apart up to 2^24.
      guard category >= 0, category < 1 << 24 else {
        throw reader.fault("categories[\(i)]", "the category \(category)")
      }
      try reader.append(UInt32(category), to: &trees.categories)
    }
    for i in 0..<count {
      let node = Int(categoryNodes[i])
      guard node >= 0, node < left.count, i == 0 || node > categoryNodes[i - 1] else {
        throw reader.fault("categories_nodes[\(i)]", "node \(node) of a tree of \(left.count)")
      }
      let (from, size) = (Int(categoryStarts[i]), Int(categoryCounts[i]))
      guard from >= 0, size > 0, from + size <= categories.count else {
        throw reader.fault(
          "categories_sizes[\(i)]", "\(size) from \(from) on, of \(categories.count) categories")
      }
      guard trees.nodes[start + node].flags.contains(.isCategorical) else { continue }
      trees.nodes[start + node].value = Double(trees.sets.count)
      try reader.append(
        .init(start: Int32(first + from), count: Int32(size)), to: &trees.sets)
    }
    for i in start..<trees.nodes.count where trees.nodes[i].value.isNaN {
      throw reader.fault("categories_nodes", "node \(i - start) is categorical but has no set")
    }
  }

  private func addLeafVectors(
    to trees: inout BoostedTrees, _ start: Int, _ reader: inout some DocumentReader
  ) throws(InferenceError) {
    let size = leafVectorSize
    for i in 0..<left.count where left[i] == -1 {
      // Since 3.1 leaves are numbered, the number is kept where the right child was.
      let values = hasLeafWeights ? leafWeights : baseWeights
      let field = hasLeafWeights ? "leaf_weights" : "base_weights"
      let from = (hasLeafWeights ? Int(right[i]) : i) * size
      guard from >= 0, from + size <= values.count else {
        throw reader.fault(field, "there are no \(size) values for node \(i)")
      }
      trees.nodes[start + i].value = Double(trees.leafVectors.count)
      for j in 0..<size {
        guard values[from + j].isFinite else {
          throw reader.fault("\(field)[\(from + j)]", "the leaf's value is \(values[from + j])")
        }
        try reader.append(values[from + j], to: &trees.leafVectors)
      }
    }
  }
}
