internal import CKernels

/// Features turned into bytes that compare as the features do.
///
/// For a feature with the distinct thresholds t0 < t1 < … the byte is the number of thresholds
/// below the value: `x <= tk` holds just when the byte is at most k. A feature with more than 255
/// thresholds takes several columns, each for 255 of them. A set of categories takes a column
/// that is 1 for its members and else 0.
///
/// `@unchecked Sendable`: written only before `init` returns.
final class RankColumns: @unchecked Sendable {
  /// The most columns that kernels take.
  static let countMax = 256
  private static let thresholdsMax = 255

  /// The number of columns.
  let count: Int
  /// Bytes a row, with padding to whole registers.
  let bytes: Int
  private let features: UnsafeMutablePointer<UInt32>
  private let starts: UnsafeMutablePointer<UInt32>
  private let limits: UnsafeMutablePointer<Float>
  private let rankCount: Int
  private let sets: [Set]

  /// What a node compares: the column, and the byte from which on it goes right (for equality and
  /// sets: at which).
  struct Place {
    let column: UInt8
    let limit: UInt8
  }

  private struct Set {
    let feature: Int
    /// Sorted.
    let members: [Double]
  }

  private struct Key: Hashable {
    let feature: Int
    let members: [Double]
  }

  /// For each feature where its distinct thresholds begin in `thresholds`; one more at the end.
  private let firstThreshold: [Int]
  private let thresholds: [Float]
  /// For each feature its first column.
  private let firstColumn: [Int]
  private let columnOfSet: [Int: Int]

  /// Nil when the trees take more columns than kernels do or compare for equality with what has
  /// no rank.
  init?(_ source: TreeSource, featureCount: Int) throws(KernelFault) {
    guard let sorted = try RankColumns.thresholds(source, featureCount) else { return nil }
    (thresholds, firstThreshold) = sorted
    var firstColumn: [Int] = []
    var features: [UInt32] = []
    var starts: [UInt32] = []
    var limits: [Float] = []
    for feature in 0..<featureCount {
      firstColumn.append(features.count)
      var at = sorted.first[feature]
      while at < sorted.first[feature + 1] {
        let end = min(at + RankColumns.thresholdsMax, sorted.first[feature + 1])
        features.append(UInt32(feature))
        starts.append(UInt32(limits.count))
        RankColumns.append(sorted.values[at..<end], to: &limits)
        at = end
        guard features.count <= RankColumns.countMax else { return nil }
      }
    }
    rankCount = features.count
    var sets: [Set] = []
    var columnOfKey: [Key: Int] = [:]
    var columnOfSet: [Int: Int] = [:]
    for node in source.members.isEmpty ? 0..<0 : source.nodes.indices
    where source.nodes[node].mode == .member {
      let members = source.members[node] ?? []
      let key = Key(feature: source.nodes[node].feature, members: members)
      let column = columnOfKey[key] ?? rankCount + sets.count
      if columnOfKey[key] == nil { sets.append(Set(feature: key.feature, members: members)) }
      columnOfKey[key] = column
      columnOfSet[node] = column
      guard column < RankColumns.countMax else { return nil }
    }
    self.sets = sets
    self.columnOfSet = columnOfSet
    self.firstColumn = firstColumn
    count = rankCount + sets.count
    guard count <= RankColumns.countMax else { return nil }
    bytes = sluice_code_bytes(count)
    self.features = .allocate(capacity: max(features.count, 1))
    self.features.initialize(from: features, count: features.count)
    self.starts = .allocate(capacity: max(starts.count, 1))
    self.starts.initialize(from: starts, count: starts.count)
    self.limits = .allocate(capacity: max(limits.count, 1))
    self.limits.initialize(from: limits, count: limits.count)
  }

  deinit {
    features.deallocate()
    starts.deallocate()
    limits.deallocate()
  }

  /// The distinct thresholds of each feature, sorted; nil when an equality has no rank.
  private static func thresholds(
    _ source: TreeSource, _ featureCount: Int
  ) throws(KernelFault) -> (values: [Float], first: [Int])? {
    var first = [Int](repeating: 0, count: featureCount + 1)
    var hasEqual = false
    for node in source.nodes where node.mode != .leaf && node.mode != .member {
      let isEqual = node.mode == .equal || node.mode == .notEqual
      if isEqual { hasEqual = true }
      first[node.feature + 1] += isEqual ? 2 : 1
    }
    for feature in 0..<featureCount { first[feature + 1] += first[feature] }
    var values = [Float](repeating: 0, count: first[featureCount])
    var fill = first
    for node in source.nodes where node.mode != .leaf && node.mode != .member {
      let split = try TreeSplit(node)
      let threshold = split.threshold
      let isEqual = split.kind == .equal
      if isEqual && (threshold.isNaN || threshold == -.infinity) { return nil }
      // Nothing is at most NaN: no rank is needed, the walk always goes right.
      if threshold.isNaN { continue }
      values[fill[node.feature]] = threshold
      fill[node.feature] += 1
      if isEqual {
        values[fill[node.feature]] = below(threshold)
        fill[node.feature] += 1
      }
    }
    var distinct: [Float] = []
    var starts = [Int](repeating: 0, count: featureCount + 1)
    for feature in 0..<featureCount {
      values[first[feature]..<fill[feature]].sort()
      for value in values[first[feature]..<fill[feature]]
      where distinct.count == starts[feature] || distinct[distinct.count - 1] != value {
        distinct.append(value)
      }
      starts[feature + 1] = distinct.count
      // Both ranks of an equality must lie in one column.
      if hasEqual && starts[feature + 1] - starts[feature] > thresholdsMax { return nil }
    }
    return (distinct, starts)
  }

  /// Appends 16 floats, the last of each group of 16, then the groups.
  private static func append(_ values: ArraySlice<Float>, to limits: inout [Float]) {
    let groups = values.count / 16 + 1
    let start = limits.count
    limits.append(contentsOf: repeatElement(.infinity, count: 16 + groups * 16))
    for (i, value) in values.enumerated() { limits[start + 16 + i] = value }
    for group in 0..<min(groups, 16) { limits[start + group] = limits[start + 31 + group * 16] }
  }

  /// Where node `index` finds its comparison.
  func place(_ index: Int, _ node: TreeSource.Node, _ split: TreeSplit) -> Place {
    if split.kind == .member {
      return Place(column: UInt8(columnOfSet[index] ?? 0), limit: 1)
    }
    if split.threshold.isNaN {
      // Every rank is at least 0; the column does not matter, but for what is missing there.
      return Place(column: UInt8(min(firstColumn[node.feature], max(count - 1, 0))), limit: 0)
    }
    let start = firstThreshold[node.feature]
    var low = start
    var high = firstThreshold[node.feature + 1]
    while low < high {
      let middle = (low + high) / 2
      if thresholds[middle] < split.threshold { low = middle + 1 } else { high = middle }
    }
    let (column, rank) = (low - start).quotientAndRemainder(dividingBy: RankColumns.thresholdsMax)
    return Place(
      column: UInt8(firstColumn[node.feature] + column),
      limit: UInt8(split.kind == .equal ? rank : rank + 1))
  }

  /// Writes one row's bytes.
  /// - Parameters:
  ///   - row: the features from number 0 on.
  ///   - missing: when wanted, 255 for each column whose feature is missing, else 0; written only
  ///     when something is missing.
  /// - Returns: whether something is missing.
  func rank(
    _ row: UnsafePointer<Float>, codes: UnsafeMutablePointer<UInt8>,
    missing: UnsafeMutablePointer<UInt8>?, using set: InstructionSet
  ) -> Bool {
    var isMissing = rankApart(row, codes: codes, step: 1, using: set)
    for i in 0..<sets.count {
      let x = row[sets[i].feature]
      if x.isNaN { isMissing = true }
      codes[rankCount + i] = contains(sets[i].members, Double(x)) ? 1 : 0
    }
    guard isMissing, let missing else { return isMissing }
    for i in 0..<rankCount { missing[i] = row[Int(features[i])].isNaN ? 255 : 0 }
    for i in 0..<sets.count { missing[rankCount + i] = row[sets[i].feature].isNaN ? 255 : 0 }
    return true
  }
}

extension RankColumns {
  /// Writes one row's bytes `step` bytes apart, but for sets.
  /// - Returns: whether something is missing.
  func rankApart(
    _ row: UnsafePointer<Float>, codes: UnsafeMutablePointer<UInt8>, step: Int,
    using set: InstructionSet
  ) -> Bool {
    var ranks = SluiceRanks(
      columns: rankCount, features: features, starts: starts, limits: limits)
    #if arch(x86_64)
      if set == .avx512 { return sluice_rank_row_avx512(&ranks, row, codes, step) != 0 }
    #endif
    return sluice_rank_row_scalar(&ranks, row, codes, step) != 0
  }
}

/// Whether a sorted list has a value; none has NaN.
func contains(_ sorted: [Double], _ x: Double) -> Bool {
  var low = 0
  var high = sorted.count
  while low < high {
    let middle = (low + high) / 2
    if sorted[middle] < x { low = middle + 1 } else { high = middle }
  }
  return low < sorted.count && sorted[low] == x
}
