import Core

/// Reads an XGBoost model (1.0 and later) from JSON or UBJSON.
///
/// Keys come in any order; unknown ones are passed over. Everything that is used is checked:
/// counts, ranges, children, finite numbers.
struct XGBoostDecoder<Reader: DocumentReader> {
  private var reader: Reader
  private let limits: ModelLimits
  private let readsCovers: Bool
  private var file = XGBoostFile()
  private var tree = XGBoostTree()
  private var hasLearner = false
  /// The keys of the objects that are being read, the innermost last.
  private var seen: [String] = []

  /// - Parameter readsCovers: whether to read what explanations need.
  static func decode(
    _ reader: Reader, limits: ModelLimits, readsCovers: Bool = false
  ) throws(InferenceError) -> (XGBoostFile, AllocationBudget) {
    var decoder = XGBoostDecoder(reader: reader, limits: limits, readsCovers: readsCovers)
    try decoder.readDocument()
    return (decoder.file, decoder.reader.budget)
  }

  private init(reader: Reader, limits: ModelLimits, readsCovers: Bool) {
    self.readsCovers = readsCovers
    self.reader = reader
    self.limits = limits
  }

  /// Calls `body` for each key of the object that comes next.
  private mutating func forEachKey(
    _ body: (inout Self, String) throws(InferenceError) -> Void
  ) throws(InferenceError) {
    let first = seen.count
    try reader.beginObject()
    while let key = try reader.nextKey() {
      // Objects with many keys hold a user's own attributes, where the last may win.
      if seen.count - first < 64 {
        for index in first..<seen.count where seen[index] == key {
          throw reader.fault("the key comes twice")
        }
        seen.append(key)
      }
      try body(&self, key)
    }
    seen.removeLast(seen.count - first)
  }

  private mutating func readDocument() throws(InferenceError) {
    try forEachKey { (me, key) throws(InferenceError) in
      switch key {
      case "learner":
        me.hasLearner = true
        try me.readLearner()
      case "version": try me.reader.integers(&me.file.version)
      default: try me.reader.skip()
      }
    }
    try reader.finish()
    guard hasLearner else {
      throw reader.fault("there is no \"learner\": this is no XGBoost model")
    }
  }

  private mutating func readLearner() throws(InferenceError) {
    try forEachKey { (me, key) throws(InferenceError) in
      switch key {
      case "attributes": try me.readAttributes()
      case "feature_names": try me.readFeatureNames()
      case "gradient_booster": try me.readBooster()
      case "learner_model_param": try me.readParameters()
      case "objective": try me.readObjective()
      default: try me.reader.skip()
      }
    }
  }

  private mutating func readAttributes() throws(InferenceError) {
    try forEachKey { (me, key) throws(InferenceError) in
      switch key {
      case "scikit_learn":
        me.file.isFromScikitLearn = true
        try me.reader.skip()
      case "best_iteration":
        let text = try me.reader.text()
        guard let value = Int(text), value >= 0 else {
          throw me.reader.fault("\"\(printable(text, limit: 40))\" is no iteration")
        }
        me.file.bestIteration = value
      default: try me.reader.skip()
      }
    }
  }

  private mutating func readFeatureNames() throws(InferenceError) {
    try reader.beginArray()
    while try reader.nextElement() {
      let name = try reader.text()
      // Up to 15 bytes lie in the string itself.
      if name.utf8.count > 15 {
        try reader.budget.charge(1, stride: AllocationBudget.headerBytes)
      }
      try reader.append(name, to: &file.featureNames)
    }
  }

  private mutating func readObjective() throws(InferenceError) {
    try forEachKey { (me, key) throws(InferenceError) in
      if key == "name" { me.file.objective = try me.reader.text() } else { try me.reader.skip() }
    }
  }

  /// An integer that the file writes as a text, or as a number.
  private mutating func number(
    _ range: ClosedRange<Int>, _ what: String
  ) throws(InferenceError) -> Int {
    let value: Int?
    if try reader.kind() == .text {
      value = Int(try reader.text())
    } else {
      value = Int(try reader.integer())
    }
    guard let value, range.contains(value) else {
      throw reader.fault("\(what) is expected, \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  private mutating func readParameters() throws(InferenceError) {
    try forEachKey { (me, key) throws(InferenceError) in
      switch key {
      case "base_score": me.file.baseScore = try me.reader.text()
      case "num_class":
        me.file.classCount = try me.number(0...NativeLimits.groupsMax, "a number of classes")
      case "num_feature":
        me.file.featureCount = try me.number(0...NativeLimits.featuresMax, "a number of features")
      case "num_target":
        me.file.targetCount = try me.number(0...NativeLimits.groupsMax, "a number of targets")
      default: try me.reader.skip()
      }
    }
  }

  private mutating func readBooster() throws(InferenceError) {
    try forEachKey { (me, key) throws(InferenceError) in
      switch key {
      case "name":
        let name = try me.reader.text()
        // Of DART, which wraps a gbtree, the outer name counts.
        if me.file.booster != "dart" { me.file.booster = name }
      case "gbtree":
        me.file.booster = "dart"
        try me.readBooster()
      case "weight_drop":
        me.file.booster = "dart"
        try me.reader.floats(&me.file.weightDrop)
      case "model": try me.readModel()
      default: try me.reader.skip()
      }
    }
  }

  private mutating func readModel() throws(InferenceError) {
    try forEachKey { (me, key) throws(InferenceError) in
      switch key {
      case "gbtree_model_param": try me.readTreeParameters()
      case "trees": try me.readTrees()
      case "tree_info":
        var list: [Int32] = []
        try me.reader.integers(&list)
        me.file.treeInfo = list
      case "iteration_indptr": try me.reader.integers(&me.file.iterationStarts)
      case "weight_drop": try me.reader.floats(&me.file.weightDrop)
      case "weights":
        var list: [Float] = []
        try me.reader.floats(&list)
        me.file.weights = list
      default: try me.reader.skip()
      }
    }
  }

  private mutating func readTreeParameters() throws(InferenceError) {
    try forEachKey { (me, key) throws(InferenceError) in
      switch key {
      case "num_trees":
        me.file.treeCountDeclared = try me.number(0...Int(Int32.max), "a number of trees")
      case "num_parallel_tree":
        me.file.treesPerIteration = try me.number(0...Int(Int32.max), "a number of trees")
      default: try me.reader.skip()
      }
    }
  }

  private mutating func readTrees() throws(InferenceError) {
    try reader.beginArray()
    while try reader.nextElement() { try readTree() }
  }

  private mutating func readTree() throws(InferenceError) {
    tree.reset()
    try forEachKey { (me, key) throws(InferenceError) in
      switch key {
      case "tree_param": try me.readOneTreeParameters()
      case "left_children": try me.reader.integers(&me.tree.left)
      case "right_children": try me.reader.integers(&me.tree.right)
      case "split_indices": try me.reader.integers(&me.tree.features)
      case "split_conditions": try me.reader.floats(&me.tree.conditions)
      case "default_left": try me.reader.integers(&me.tree.defaultLeft)
      case "base_weights": try me.reader.floats(&me.tree.baseWeights)
      case "sum_hessian" where me.readsCovers: try me.reader.floats(&me.tree.covers)
      case "leaf_weights":
        me.tree.hasLeafWeights = true
        try me.reader.floats(&me.tree.leafWeights)
      case "split_type": try me.reader.integers(&me.tree.splitTypes)
      case "categories": try me.reader.integers(&me.tree.categories)
      case "categories_nodes": try me.reader.integers(&me.tree.categoryNodes)
      case "categories_segments": try me.reader.integers(&me.tree.categoryStarts)
      case "categories_sizes": try me.reader.integers(&me.tree.categoryCounts)
      default: try me.reader.skip()
      }
    }
    try tree.add(to: &file.trees, &reader, limits)
  }

  private mutating func readOneTreeParameters() throws(InferenceError) {
    try forEachKey { (me, key) throws(InferenceError) in
      switch key {
      case "num_nodes": me.tree.nodeCount = try me.number(1...Int(Int32.max), "a number of nodes")
      case "num_deleted":
        me.tree.deletedCount = try me.number(0...Int(Int32.max), "a number of nodes")
      case "size_leaf_vector":
        me.tree.leafVectorSize = try me.number(0...NativeLimits.groupsMax, "a number of outputs")
      default: try me.reader.skip()
      }
    }
  }
}
