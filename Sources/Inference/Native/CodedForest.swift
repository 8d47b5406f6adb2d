import Core

/// A tree library's trees as a ``TreeSource`` of plain comparisons, with the coding of rows that
/// makes the comparisons right.
struct CodedForest {
  private(set) var source = TreeSource()
  /// `nil` when rows are compared as they are.
  private(set) var coding: FeatureCoding?

  private let trees: BoostedTrees
  private let isSinglePrecision: Bool
  /// The column of each set, and for numbers of each feature and missing rule.
  private var columnOfSet: [Int32] = []
  private var columnOfKey: [Int: Int] = [:]
  private var numerics: [FeatureCoding.Numeric] = []
  /// The column of each feature of which a split asks only whether it is there.
  private var columnOfPresence: [Int32: Int] = [:]
  private var thresholds: [Double] = []

  /// - Parameter budget: for this alone, beside that of decoding.
  init(
    _ trees: BoostedTrees, isSinglePrecision: Bool, _ budget: inout AllocationBudget
  ) throws(InferenceError) {
    self.trees = trees
    self.isSinglePrecision = isSinglePrecision
    if !isSinglePrecision || !trees.sets.isEmpty || trees.nodes.contains(where: asksForPresence) {
      try makeCoding(&budget)
    }
    try makeSource(&budget)
  }

  /// A feature together with what counts as missing in it.
  private static func key(_ node: BoostedTrees.Node) -> Int {
    Int(node.feature) << 4
      | Int(node.flags.intersection([.zeroIsMissing, .missingIsZero]).rawValue)
  }

  /// Whether only missing values go left: nothing is below -infinity.
  private func asksForPresence(_ node: BoostedTrees.Node) -> Bool {
    isSinglePrecision && !node.isLeaf && !node.flags.contains(.isCategorical)
      && node.value == -.infinity && node.flags.contains(.missingGoesLeft)
  }

  private mutating func makeCoding(_ budget: inout AllocationBudget) throws(InferenceError) {
    // Lists that grow by doubling: columns and their keys, and thresholds twice.
    try budget.charge(trees.nodes.count / 2, stride: isSinglePrecision ? 64 : 128)
    var values: [[Double]] = []
    var keys: [Int] = []
    var setsOf: [Int: [Int]] = [:]
    var presence: [Int32] = []
    for node in trees.nodes where !node.isLeaf {
      if node.flags.contains(.isCategorical) {
        setsOf[Int(node.feature), default: []].append(Int(node.value))
        continue
      }
      if asksForPresence(node) {
        if columnOfPresence[node.feature] == nil {
          columnOfPresence[node.feature] = presence.count
          presence.append(node.feature)
        }
        continue
      }
      let key = CodedForest.key(node)
      let column: Int
      if let known = columnOfKey[key] {
        column = known
      } else {
        column = keys.count
        columnOfKey[key] = column
        keys.append(key)
        values.append([])
      }
      if !isSinglePrecision { values[column].append(node.value) }
    }
    for (column, key) in keys.enumerated() {
      let start = thresholds.count
      if !isSinglePrecision {
        values[column].sort()
        for value in values[column]
        where thresholds.count == start || thresholds[thresholds.count - 1] != value {
          thresholds.append(value)
        }
      }
      let flags = BoostedTrees.Flags(rawValue: UInt8(key & 15))
      numerics.append(
        .init(
          feature: key >> 4, missingIsZero: flags.contains(.missingIsZero),
          zeroIsMissing: flags.contains(.zeroIsMissing), start: start,
          count: thresholds.count - start,
          isRanked: !FeatureCoding.canRound(thresholds[start...])))
    }
    for feature in presence { columnOfPresence[feature]? += numerics.count }
    var columns = numerics.count + presence.count
    columnOfSet = Array(repeating: -1, count: trees.sets.count)
    var categorical: [CategoryColumns] = []
    for (feature, sets) in setsOf.sorted(by: { $0.key < $1.key }) {
      for (i, set) in sets.enumerated() { columnOfSet[set] = Int32(columns + i) }
      categorical.append(
        try CategoryColumns(
          feature: feature, firstColumn: columns, sets: sets, trees, &budget))
      columns += sets.count
    }
    coding = FeatureCoding(
      numerics: numerics, thresholds: thresholds, presence: presence, categorical: categorical,
      columnCount: columns)
  }

  private mutating func makeSource(_ budget: inout AllocationBudget) throws(InferenceError) {
    try budget.charge(trees.nodes.count, stride: MemoryLayout<TreeSource.Node>.stride)
    try budget.charge(trees.roots.count, stride: MemoryLayout<Int>.stride)
    source.roots = trees.roots.map(Int.init)
    source.nodes.reserveCapacity(trees.nodes.count)
    for node in trees.nodes { source.nodes.append(node.isLeaf ? .init() : split(node)) }
  }

  private func split(_ node: BoostedTrees.Node) -> TreeSource.Node {
    var result = TreeSource.Node()
    result.missingIsTrue = node.flags.contains(.missingGoesLeft)
    result.whenTrue = Int(node.left)
    result.whenFalse = Int(node.right)
    if node.flags.contains(.isCategorical) {
      result.feature = Int(columnOfSet[Int(node.value)])
      result.mode = .less
      result.threshold = 0.5
      if !isSinglePrecision {
        // LightGBM's sets go left, XGBoost's right; LightGBM has no missing category.
        swap(&result.whenTrue, &result.whenFalse)
        result.missingIsTrue = false
      }
      return result
    }
    if asksForPresence(node) {
      result.mode = .less
      result.feature = columnOfPresence[node.feature] ?? 0
      result.threshold = 0.5
      result.missingIsTrue = false
      return result
    }
    guard coding != nil else {
      result.mode = .less
      result.feature = Int(node.feature)
      result.threshold = node.value
      return result
    }
    let column = columnOfKey[CodedForest.key(node)] ?? 0
    result.feature = column
    if isSinglePrecision {
      result.mode = .less
      result.threshold = node.value
    } else {
      result.mode = .lessOrEqual
      result.threshold =
        numerics[column].isRanked
        ? Double(rank(node.value, numerics[column]))
        : Double(FeatureCoding.roundedThreshold(node.value))
    }
    return result
  }

  /// The place of a threshold in its column's list.
  private func rank(_ value: Double, _ numeric: FeatureCoding.Numeric) -> Int {
    var low = numeric.start
    var high = numeric.start + numeric.count
    while low < high {
      let middle = (low + high) / 2
      if thresholds[middle] < value { low = middle + 1 } else { high = middle }
    }
    return low - numeric.start
  }
}
