import Core

/// Turns a row of features into a row of 32-bit numbers that a forest of `x <= threshold` compares
/// with the same outcome as the tree library compares the features.
///
/// - A 64-bit feature is rounded up to 32 bits, and so is each threshold. `x <= t` then holds just
///   when the rounded ones compare so, unless both round to the same number; where that happens
///   and `x > t`, the next larger number stands for x. When two thresholds of a feature round to
///   the same number, it becomes its rank instead: how many of them are below it.
/// - A categorical feature becomes one column for each set that a split asks for: 1 when its
///   category is in the set, else 0.
/// - A feature of which a split asks only whether it is there becomes a column that is 1 when it
///   is, else 0.
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
    /// Whether it becomes a rank.
    let isRanked: Bool
    /// The column's part of the filter: its first word, and how far hashes are shifted.
    var filter = 0
    var shift: UInt32 = 26
  }

  /// In plain memory, which even unoptimised code reads without a call.
  private let numerics: UnsafeMutableBufferPointer<Numeric>
  private let thresholds: UnsafeMutableBufferPointer<Double>
  /// The thresholds rounded up.
  private let rounded: UnsafeMutableBufferPointer<Float>
  /// Bits that are set for the hashes of ``rounded``: most features are none of them.
  private let filter: UnsafeMutableBufferPointer<UInt64>
  private let presence: UnsafeMutableBufferPointer<Int32>
  private let categorical: [CategoryColumns]
  /// How many columns a coded row has; at least one.
  let columnCount: Int

  /// - Parameters:
  ///   - presence: features that become 0 or 1; their columns follow those of `numerics`.
  ///   - categorical: their columns come last.
  init(
    numerics: [Numeric], thresholds: [Double], presence: [Int32], categorical: [CategoryColumns],
    columnCount: Int
  ) {
    var list = numerics
    var words = 0
    for i in list.indices where list[i].count > 0 && !list[i].isRanked {
      // Sixteen bits a threshold, at least a word.
      let bits = max(64, (list[i].count * 16 - 1).nextPowerOfTwo)
      list[i].filter = words
      list[i].shift = UInt32(32 - bits.trailingZeroBitCount)
      words += bits / 64
    }
    self.numerics = FeatureCoding.copy(list)
    self.thresholds = FeatureCoding.copy(thresholds)
    let rounded = thresholds.map { FeatureCoding.roundedThreshold($0) }
    self.rounded = FeatureCoding.copy(rounded)
    filter = FeatureCoding.copy([UInt64](repeating: 0, count: words))
    for numeric in list where numeric.count > 0 && !numeric.isRanked {
      for i in numeric.start..<numeric.start + numeric.count {
        let bit = FeatureCoding.hash(rounded[i], numeric.shift)
        filter[numeric.filter + bit / 64] |= 1 << UInt64(bit % 64)
      }
    }
    self.presence = FeatureCoding.copy(presence)
    self.categorical = categorical
    // Trees of one leaf each read nothing, but rows are counted by their columns.
    self.columnCount = max(columnCount, 1)
  }

  deinit {
    numerics.deallocate()
    thresholds.deallocate()
    rounded.deallocate()
    filter.deallocate()
    presence.deallocate()
  }

  private static func copy<T>(_ list: [T]) -> UnsafeMutableBufferPointer<T> {
    let memory = UnsafeMutableBufferPointer<T>.allocate(capacity: max(list.count, 1))
    _ = memory.initialize(from: list)
    return UnsafeMutableBufferPointer(start: memory.baseAddress, count: list.count)
  }

  /// LightGBM takes values up to this size for zero (kZeroThreshold, a 32-bit 1e-35).
  static let zeroMax = Double(Float(1e-35))

  /// A threshold in 32 bits; zero without a sign, as equal numbers must have equal bits.
  static func roundedThreshold(_ x: Double) -> Float { roundedUp(x) + 0 }

  /// Whether rounded thresholds, given in rising order, do for comparisons.
  static func canRound(_ thresholds: ArraySlice<Double>) -> Bool {
    var last: Float?
    for threshold in thresholds {
      let value = roundedThreshold(threshold)
      // Infinity stands for everything beyond 32 bits, so nothing can be told from it.
      if value == last || (value == .infinity && threshold != .infinity) { return false }
      last = value
    }
    return true
  }

  /// ``roundedUp(_:)`` of zero or of what 32 bits tell from zero, without a branch.
  @inline(__always)
  private static func ceiling(_ x: Double) -> Float {
    let nearest = Float(x)
    let bits = Int32(bitPattern: nearest.bitPattern)
    // Away from zero for positive numbers, towards it for negative ones.
    let step = 1 | (bits >> 31)
    let mask: Int32 = Double(nearest) < x ? -1 : 0
    return Float(bitPattern: UInt32(bitPattern: bits &+ (step & mask)))
  }

  @inline(__always)
  private static func hash(_ x: Float, _ shift: UInt32) -> Int {
    Int((x.bitPattern &* 0x9E37_79B1) &>> shift)
  }

  /// Codes one row of 64-bit features.
  func code(_ row: UnsafePointer<Double>, _ to: UnsafeMutablePointer<Float>) {
    for i in 0..<numerics.count {
      let numeric = numerics[i]
      var x = row[numeric.feature]
      if x.magnitude <= FeatureCoding.zeroMax || (x.isNaN && numeric.missingIsZero) { x = 0 }
      if x.isNaN || (x == 0 && numeric.zeroIsMissing) {
        to[i] = .nan
      } else if numeric.isRanked {
        to[i] = Float(rank(x, thresholds.baseAddress, numeric))
      } else {
        to[i] = round(x, numeric)
      }
    }
    for i in 0..<categorical.count {
      let columns = categorical[i]
      let x = row[columns.feature]
      // Truncated towards zero; what does not fit is no category.
      let isCategory = x > -1 && x < 0x1p31
      columns.fill(isCategory ? Int(x) : -1, to + columns.firstColumn)
    }
  }

  /// The same for 32-bit features, which are copied; a NaN category is missing.
  func code(_ row: UnsafePointer<Float>, _ to: UnsafeMutablePointer<Float>) {
    for i in 0..<numerics.count { to[i] = row[numerics[i].feature] }
    for i in 0..<presence.count {
      to[numerics.count + i] = row[Int(presence[i])].isNaN ? 0 : 1
    }
    for i in 0..<categorical.count {
      let columns = categorical[i]
      let x = row[columns.feature]
      let first = to + columns.firstColumn
      if x.isNaN {
        for j in 0..<columns.count { first[j] = .nan }
      } else {
        let isCategory = x >= 0 && x < 0x1p24
        columns.fill(isCategory ? Int(x) : -1, first)
      }
    }
  }

  @inline(__always)
  private func round(_ x: Double, _ numeric: Numeric) -> Float {
    let value = FeatureCoding.ceiling(x)
    let bit = FeatureCoding.hash(value, numeric.shift)
    guard numeric.count > 0, filter[numeric.filter + bit / 64] &>> UInt64(bit % 64) & 1 != 0 else {
      return value
    }
    let place = rank(value, rounded.baseAddress, numeric)
    guard place < numeric.count, rounded[numeric.start + place] == value,
      x > thresholds[numeric.start + place]
    else { return value }
    return value.nextUp
  }

  /// How many of a feature's sorted values are below `x`, without a branch that depends on them.
  @inline(__always)
  private func rank<T: Comparable>(
    _ x: T, _ values: UnsafeMutablePointer<T>?, _ numeric: Numeric
  ) -> Int {
    guard let values else { return 0 }
    let start = values + numeric.start
    var from = start
    var left = numeric.count
    while left > 1 {
      let half = left >> 1
      // All ones when the lower half is below.
      let mask = 0 &- Int(from[half - 1] < x ? 1 : 0)
      from += half & mask
      left -= half
    }
    return from - start + (from.pointee < x ? 1 : 0)
  }
}

extension Int {
  /// The least power of two above a number that is not negative.
  fileprivate var nextPowerOfTwo: Int { 1 << (Int.bitWidth - leadingZeroBitCount) }
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
  func fill(_ category: Int, _ to: UnsafeMutablePointer<Float>) {
    var c = category
    if c >= 0, !isDense {
      c = place(UInt32(category))
      if c < categories.count, categories[c] != UInt32(category) { c = -1 }
    }
    guard c >= 0, c < categories.count else {
      for i in 0..<count { to[i] = 0 }
      return
    }
    if starts.count == 0 {
      let bit = UInt32(c % 32)
      let first = c / 32 * count
      for i in 0..<count { to[i] = Float((matrix[first + i] &>> bit) & 1) }
      return
    }
    for i in 0..<count { to[i] = 0 }
    var next = Int(starts[c])
    let end = Int(starts[c + 1])
    while next < end {
      to[Int(members[next])] = 1
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
