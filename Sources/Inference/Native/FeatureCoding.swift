import Core

/// Turns a row of features into a row of numbers that a forest of `x <= threshold` compares with
/// the same outcome as the tree library compares the features.
///
/// - A 64-bit feature becomes its rank among the thresholds it is ever compared with: how many of
///   them are below it. Ranks are small integers, exact in 32 bits.
/// - A categorical feature becomes one column for each set that a split asks for: 1 when its
///   category is in the set, else 0.
/// - What counts as missing (NaN, for some also zero) becomes NaN.
///
/// `@unchecked Sendable`: written only before `init` returns.
final class FeatureCoding: @unchecked Sendable {
  /// How a number is coded.
  struct Numeric: Sendable {
    let feature: Int
    /// LightGBM's missing types None and Zero.
    let missingIsZero: Bool
    let zeroIsMissing: Bool
    /// A range of the thresholds; empty for 32-bit features, which stay what they are.
    let start: Int
    let count: Int
  }

  /// In plain memory, which even unoptimised code reads without a call.
  private let numerics: UnsafeMutableBufferPointer<Numeric>
  private let thresholds: UnsafeMutableBufferPointer<Double>
  private let categorical: [CategoryColumns]
  /// How many columns a coded row has.
  let columnCount: Int

  init(
    numerics: [Numeric], thresholds: [Double], categorical: [CategoryColumns], columnCount: Int
  ) {
    self.numerics = .allocate(capacity: numerics.count)
    _ = self.numerics.initialize(from: numerics)
    self.thresholds = .allocate(capacity: max(thresholds.count, 1))
    _ = self.thresholds.initialize(from: thresholds)
    self.categorical = categorical
    self.columnCount = columnCount
  }

  deinit {
    numerics.deallocate()
    thresholds.deallocate()
  }

  /// LightGBM takes values up to this size for zero (kZeroThreshold, a 32-bit 1e-35).
  static let zeroMax = Double(Float(1e-35))

  /// Codes one row of 64-bit features: column c goes to `to[c * stride]`.
  func code(_ row: UnsafePointer<Double>, _ to: UnsafeMutablePointer<Float>, stride: Int) {
    var column = 0
    for i in 0..<numerics.count {
      let numeric = numerics[i]
      var x = row[numeric.feature]
      if x.magnitude <= FeatureCoding.zeroMax || (x.isNaN && numeric.missingIsZero) { x = 0 }
      if x.isNaN || (x == 0 && numeric.zeroIsMissing) {
        to[column] = .nan
      } else {
        to[column] = Float(rank(x, numeric.start, numeric.count))
      }
      column += stride
    }
    for i in 0..<categorical.count {
      let columns = categorical[i]
      let x = row[columns.feature]
      // Truncated towards zero; what does not fit is no category.
      let isCategory = x > -1 && x < 0x1p31
      columns.fill(isCategory ? Int(x) : -1, to + columns.firstColumn * stride, stride: stride)
    }
  }

  /// The same for 32-bit features, which are copied; a NaN category is missing.
  func code(_ row: UnsafePointer<Float>, _ to: UnsafeMutablePointer<Float>, stride: Int) {
    var column = 0
    for i in 0..<numerics.count {
      to[column] = row[numerics[i].feature]
      column += stride
    }
    for i in 0..<categorical.count {
      let columns = categorical[i]
      let x = row[columns.feature]
      let first = to + columns.firstColumn * stride
      if x.isNaN {
        for j in 0..<columns.count { first[j * stride] = .nan }
      } else {
        let isCategory = x >= 0 && x < 0x1p24
        columns.fill(isCategory ? Int(x) : -1, first, stride: stride)
      }
    }
  }

  /// How many of the thresholds are below `x`, without a branch that depends on them.
  @inline(__always)
  private func rank(_ x: Double, _ start: Int, _ count: Int) -> Int {
    guard let base = thresholds.baseAddress else { return 0 }
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
///
/// `@unchecked Sendable`: written only before `init` returns.
final class CategoryColumns: @unchecked Sendable {
  let feature: Int
  let firstColumn: Int
  /// How many sets.
  let count: Int
  /// All categories of the sets, rising.
  private let categories: UnsafeMutableBufferPointer<UInt32>
  /// Whether they are 0, 1, 2, ….
  private let isDense: Bool
  /// Bit c % 32 of word (c / 32) * count + set: whether the category at place c is in the set.
  private let matrix: UnsafeMutableBufferPointer<UInt32>
  /// Where the sets are few for each category: their numbers, one category after another.
  private let starts: UnsafeMutableBufferPointer<UInt32>
  private let members: UnsafeMutableBufferPointer<UInt32>

  init(
    feature: Int, firstColumn: Int, sets: [Int], _ trees: BoostedTrees,
    _ budget: inout AllocationBudget
  ) throws(InferenceError) {
    let distinct = CategoryColumns.distinct(sets, trees)
    var total = 0
    for set in sets { trees.forEachCategory(of: trees.sets[set]) { _ in total += 1 } }
    let words = (distinct.count + 31) / 32
    let isMatrix = words * sets.count <= total + distinct.count
    try budget.charge(
      distinct.count + (isMatrix ? words * sets.count : total + distinct.count + 1), stride: 4)
    var matrix: [UInt32] = []
    var starts: [UInt32] = []
    var members: [UInt32] = []
    if isMatrix {
      matrix = Array(repeating: 0, count: words * sets.count)
      for (i, set) in sets.enumerated() {
        trees.forEachCategory(of: trees.sets[set]) { category in
          let c = distinct.firstPlace(notBelow: UInt32(category))
          matrix[c / 32 * sets.count + i] |= 1 << UInt32(c % 32)
        }
      }
    } else {
      starts = Array(repeating: 0, count: distinct.count + 1)
      for set in sets {
        trees.forEachCategory(of: trees.sets[set]) {
          starts[distinct.firstPlace(notBelow: UInt32($0)) + 1] += 1
        }
      }
      for c in 0..<distinct.count { starts[c + 1] += starts[c] }
      members = Array(repeating: 0, count: total)
      var next = starts
      for (i, set) in sets.enumerated() {
        trees.forEachCategory(of: trees.sets[set]) { category in
          let c = distinct.firstPlace(notBelow: UInt32(category))
          members[Int(next[c])] = UInt32(i)
          next[c] += 1
        }
      }
    }
    self.feature = feature
    self.firstColumn = firstColumn
    count = sets.count
    isDense = distinct.last.map { Int($0) == distinct.count - 1 } ?? true
    categories = CategoryColumns.copy(distinct)
    self.matrix = CategoryColumns.copy(matrix)
    self.starts = CategoryColumns.copy(starts)
    self.members = CategoryColumns.copy(members)
  }

  deinit {
    categories.deallocate()
    matrix.deallocate()
    starts.deallocate()
    members.deallocate()
  }

  private static func copy(_ list: [UInt32]) -> UnsafeMutableBufferPointer<UInt32> {
    let memory = UnsafeMutableBufferPointer<UInt32>.allocate(capacity: list.count)
    _ = memory.initialize(from: list)
    return memory
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

  /// The place of the first category that is not below the one given.
  private func place(_ category: UInt32) -> Int {
    var low = 0
    var high = categories.count
    while low < high {
      let middle = (low + high) / 2
      if categories[middle] < category { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Writes the column of each set; a category of -1 is in none.
  func fill(_ category: Int, _ to: UnsafeMutablePointer<Float>, stride: Int) {
    var c = category
    if c >= 0, !isDense {
      c = place(UInt32(category))
      if c < categories.count, categories[c] != UInt32(category) { c = -1 }
    }
    guard c >= 0, c < categories.count else {
      for i in 0..<count { to[i * stride] = 0 }
      return
    }
    if starts.count == 0 {
      let bit = UInt32(c % 32)
      let first = c / 32 * count
      for i in 0..<count { to[i * stride] = Float((matrix[first + i] &>> bit) & 1) }
      return
    }
    for i in 0..<count { to[i * stride] = 0 }
    var next = Int(starts[c])
    let end = Int(starts[c + 1])
    while next < end {
      to[Int(members[next]) * stride] = 1
      next += 1
    }
  }
}

extension Array where Element: Comparable {
  /// In a rising list, the place of the first element that is not below `value`.
  func firstPlace(notBelow value: Element) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if self[middle] < value { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
