import Core

/// Turns a row of features into a row of numbers that a forest of `x <= threshold` compares with
/// the same outcome as the tree library compares the features.
///
/// - A 64-bit feature becomes its rank among the thresholds it is ever compared with: how many of
///   them are below it. Ranks are small integers, exact in 32 bits.
/// - A categorical feature becomes one column for each set that a split asks for: 1 when its
///   category is in the set, else 0.
/// - What counts as missing (NaN, for some also zero) becomes NaN.
final class FeatureCoding: Sendable {
  /// How a number is coded.
  struct Numeric: Sendable {
    let feature: Int
    let flags: BoostedTrees.Flags
    /// A range of ``thresholds``; empty for 32-bit features, which stay what they are.
    let start: Int
    let count: Int
  }

  let numerics: [Numeric]
  let thresholds: [Double]
  let categorical: [CategoryColumns]
  /// How many columns a coded row has.
  let columnCount: Int

  init(
    numerics: [Numeric], thresholds: [Double], categorical: [CategoryColumns], columnCount: Int
  ) {
    self.numerics = numerics
    self.thresholds = thresholds
    self.categorical = categorical
    self.columnCount = columnCount
  }

  /// LightGBM takes values up to this size for zero (kZeroThreshold, a 32-bit 1e-35).
  static let zeroMax = Double(Float(1e-35))

  /// Codes one row of 64-bit features: column c goes to `to[c * stride]`.
  func code(_ row: UnsafePointer<Double>, _ to: UnsafeMutablePointer<Float>, stride: Int) {
    thresholds.withUnsafeBufferPointer { all in
      var column = 0
      for numeric in numerics {
        var x = row[numeric.feature]
        if x.magnitude <= FeatureCoding.zeroMax { x = 0 }
        let isMissing: Bool
        if numeric.flags.contains(.missingIsZero) {
          if x.isNaN { x = 0 }
          isMissing = false
        } else {
          isMissing = x.isNaN || (numeric.flags.contains(.zeroIsMissing) && x == 0)
        }
        let rank = FeatureCoding.rank(x, all, numeric.start, numeric.count)
        to[column] = isMissing ? .nan : Float(rank)
        column += stride
      }
    }
    for columns in categorical {
      let x = row[columns.feature]
      // Truncated towards zero; what does not fit is no category.
      let isCategory = x > -1 && x < 0x1p31
      columns.fill(isCategory ? Int(x) : -1, to + columns.firstColumn * stride, stride: stride)
    }
  }

  /// The same for 32-bit features, which are copied; a NaN category is missing.
  func code(_ row: UnsafePointer<Float>, _ to: UnsafeMutablePointer<Float>, stride: Int) {
    var column = 0
    for numeric in numerics {
      to[column] = row[numeric.feature]
      column += stride
    }
    for columns in categorical {
      let x = row[columns.feature]
      let first = to + columns.firstColumn * stride
      if x.isNaN {
        for i in 0..<columns.count { first[i * stride] = .nan }
      } else {
        let isCategory = x >= 0 && x < 0x1p24
        columns.fill(isCategory ? Int(x) : -1, first, stride: stride)
      }
    }
  }

  /// How many of the thresholds are below `x`, without a branch that depends on them.
  @inline(__always)
  private static func rank(
    _ x: Double, _ all: UnsafeBufferPointer<Double>, _ start: Int, _ count: Int
  ) -> Int {
    guard let base = all.baseAddress else { return 0 }
    var from = base + start
    var left = count
    while left > 1 {
      let half = left >> 1
      // All ones when the lower half is below.
      let mask = 0 &- Int(from[half - 1] < x ? 1 : 0)
      from += half & mask
      left -= half
    }
    return from - (base + start) + (from.pointee < x ? 1 : 0)
  }
}

/// The columns of one categorical feature: one a set.
final class CategoryColumns: Sendable {
  let feature: Int
  let firstColumn: Int
  /// How many sets.
  let count: Int
  /// All categories of the sets, rising.
  private let categories: [UInt32]
  /// Whether they are 0, 1, 2, ….
  private let isDense: Bool
  /// Bit c % 32 of word (c / 32) * count + set: whether the category at place c is in the set.
  private let matrix: [UInt32]
  /// Where the sets are few for each category: their numbers, one category after another.
  private let starts: [UInt32]
  private let members: [UInt32]

  init(
    feature: Int, firstColumn: Int, sets: [Int], _ trees: BoostedTrees,
    _ budget: inout AllocationBudget
  ) throws(InferenceError) {
    self.feature = feature
    self.firstColumn = firstColumn
    count = sets.count
    let distinct = CategoryColumns.distinct(sets, trees)
    var total = 0
    for set in sets { trees.forEachCategory(of: trees.sets[set]) { _ in total += 1 } }
    try budget.charge(distinct.count, stride: 4)
    categories = distinct
    isDense = distinct.last.map { Int($0) == distinct.count - 1 } ?? true
    let place: (Int) -> Int = { category in
      CategoryColumns.place(UInt32(category), distinct)
    }
    let words = (distinct.count + 31) / 32
    if words * sets.count <= total + distinct.count {
      try budget.charge(words * sets.count, stride: 4)
      var matrix = [UInt32](repeating: 0, count: words * sets.count)
      for (i, set) in sets.enumerated() {
        trees.forEachCategory(of: trees.sets[set]) { category in
          let c = place(category)
          matrix[c / 32 * sets.count + i] |= 1 << UInt32(c % 32)
        }
      }
      (self.matrix, starts, members) = (matrix, [], [])
      return
    }
    try budget.charge(total + distinct.count + 1, stride: 4)
    var starts = [UInt32](repeating: 0, count: distinct.count + 1)
    for set in sets {
      trees.forEachCategory(of: trees.sets[set]) { starts[place($0) + 1] += 1 }
    }
    for c in 0..<distinct.count { starts[c + 1] += starts[c] }
    var members = [UInt32](repeating: 0, count: total)
    var next = starts
    for (i, set) in sets.enumerated() {
      trees.forEachCategory(of: trees.sets[set]) { category in
        let c = place(category)
        members[Int(next[c])] = UInt32(i)
        next[c] += 1
      }
    }
    (matrix, self.starts, self.members) = ([], starts, members)
  }

  /// All categories of the sets once, in rising order, in memory for those alone.
  private static func distinct(_ sets: [Int], _ trees: BoostedTrees) -> [UInt32] {
    var list: [UInt32] = []
    var sortedCount = 0
    for set in sets {
      trees.forEachCategory(of: trees.sets[set]) { list.append(UInt32($0)) }
      // Made distinct from time to time, so that what many sets share is kept once.
      if list.count > 2 * sortedCount + 4_096 {
        list = unique(list)
        sortedCount = list.count
      }
    }
    return unique(list)
  }

  private static func unique(_ list: [UInt32]) -> [UInt32] {
    var result: [UInt32] = []
    for category in list.sorted() where result.last != category { result.append(category) }
    return result
  }

  /// The place of a category that is there, or of the first above it.
  private static func place(_ category: UInt32, _ sorted: [UInt32]) -> Int {
    var low = 0
    var high = sorted.count
    while low < high {
      let middle = (low + high) / 2
      if sorted[middle] < category { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Writes the column of each set; a category of -1 is in none.
  func fill(_ category: Int, _ to: UnsafeMutablePointer<Float>, stride: Int) {
    var c = category
    if c >= 0, !isDense {
      c = CategoryColumns.place(UInt32(category), categories)
      if c < categories.count, categories[c] != UInt32(category) { c = -1 }
    }
    guard c >= 0, c < categories.count else {
      for i in 0..<count { to[i * stride] = 0 }
      return
    }
    if starts.isEmpty {
      let bit = UInt32(c % 32)
      matrix.withUnsafeBufferPointer { words in
        let first = c / 32 * count
        for i in 0..<count { to[i * stride] = Float(words[first + i] >> bit & 1) }
      }
      return
    }
    for i in 0..<count { to[i * stride] = 0 }
    for i in Int(starts[c])..<Int(starts[c + 1]) { to[Int(members[i]) * stride] = 1 }
  }
}
