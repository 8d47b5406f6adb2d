import Core

/// One tree's lines of a LightGBM file.
struct LightGBMTree {
  /// The lines that matter, by key.
  private enum Key: Int, CaseIterable {
    case numLeaves, numCat, splitFeature, threshold, decisionType, leftChild, rightChild, leafValue,
      catBoundaries, catThreshold, isLinear, leafConst, numFeatures, leafFeatures, leafCoeff,
      internalCount, leafCount

    private static let names = [
      "num_leaves", "num_cat", "split_feature", "threshold", "decision_type", "left_child",
      "right_child", "leaf_value", "cat_boundaries", "cat_threshold", "is_linear", "leaf_const",
      "num_features", "leaf_features", "leaf_coeff", "internal_count", "leaf_count",
    ]

    init?(_ name: String) {
      guard let index = Key.names.firstIndex(of: name) else { return nil }
      self.init(rawValue: index)
    }
  }

  /// What is wrong, before the decoder adds which tree it was.
  struct Fault: Error {
    var line: Int?
    var message = ""
    var limit: InferenceError?
  }

  private var places: [(range: Range<Int>, line: Int)?] =
    Array(repeating: nil, count: Key.allCases.count)
  private var integers: [Int32] = []
  private var check = TreeShapeCheck()

  mutating func reset() {
    places.removeAll(keepingCapacity: true)
    places.append(contentsOf: repeatElement(nil, count: Key.allCases.count))
  }

  /// Remembers a line; `false` when there was one with the key.
  mutating func note(_ name: String, _ value: Range<Int>, line: Int) -> Bool {
    guard let key = Key(name) else { return true }
    guard places[key.rawValue] == nil else { return false }
    places[key.rawValue] = (value, line)
    return true
  }

  /// A list of numbers separated by spaces.
  private struct Values {
    let bytes: UnsafeRawBufferPointer
    let name: String
    let line: Int
    private var offset: Int
    private let end: Int
    private var index = 0

    init(_ bytes: UnsafeRawBufferPointer, _ place: (range: Range<Int>, line: Int), _ name: String) {
      self.bytes = bytes
      self.name = name
      line = place.line
      offset = place.range.lowerBound
      end = place.range.upperBound
    }

    func fault(_ what: String, at place: Int? = nil) -> Fault {
      Fault(line: line, message: "\(name)[\(place ?? index)]: \(what)")
    }

    /// Passes over spaces; whether a number follows.
    private mutating func hasNext() -> Bool {
      while offset < end, bytes[offset] == 0x20 { offset += 1 }
      return offset < end
    }

    @inline(__always)
    private mutating func decimal() throws(Fault) -> DecimalNumber? {
      guard hasNext() else { throw fault("the list ends") }
      guard let number = DecimalNumber(bytes, at: offset, isLenient: true),
        number.end == end || (number.end < end && bytes[number.end] == 0x20)
      else { return nil }
      offset = number.end
      index += 1
      return number
    }

    @inline(__always)
    mutating func integer() throws(Fault) -> Int64 {
      guard let value = try decimal()?.integer else { throw fault("no integer") }
      return value
    }

    @inline(__always)
    mutating func double() throws(Fault) -> Double {
      if let number = try decimal() { return number.double }
      let word = bytes[offset..<end].prefix { $0 != 0x20 }
      let value: Double
      switch String(decoding: word.prefix(16), as: UTF8.self).lowercased() {
      case "inf", "+inf", "infinity": value = .infinity
      case "-inf", "-infinity": value = -.infinity
      case "nan", "-nan": value = .nan
      default: throw fault("no number")
      }
      offset += word.count
      index += 1
      return value
    }

    mutating func finish() throws(Fault) {
      if hasNext() { throw fault("the list is longer than expected") }
    }
  }

  private func values(
    _ key: Key, _ name: String, _ bytes: UnsafeRawBufferPointer
  ) throws(Fault) -> Values {
    guard let place = places[key.rawValue] else { throw Fault(message: "\(name) is missing") }
    return Values(bytes, place, name)
  }

  private func one(
    _ key: Key, _ name: String, _ bytes: UnsafeRawBufferPointer, _ bounds: ClosedRange<Int64>
  ) throws(Fault) -> Int {
    var list = try values(key, name, bytes)
    let value = try list.integer()
    try list.finish()
    guard bounds.contains(value) else { throw list.fault("\(value) is out of range", at: 0) }
    return Int(value)
  }

  private func append<T>(
    _ value: T, to list: inout [T], _ budget: inout AllocationBudget
  ) throws(Fault) {
    if list.count == list.capacity {
      let capacity = max(list.capacity * 2, 32)
      do throws(InferenceError) {
        try budget.charge(capacity, stride: MemoryLayout<T>.stride)
      } catch {
        throw Fault(limit: error)
      }
      list.reserveCapacity(capacity)
    }
    list.append(value)
  }

  /// Checks the lines and adds the tree.
  mutating func add(
    to file: inout LightGBMFile, _ bytes: UnsafeRawBufferPointer, _ limits: ModelLimits,
    _ budget: inout AllocationBudget
  ) throws(Fault) {
    let leaves = try one(.numLeaves, "num_leaves", bytes, 1...Int64(Int32.max / 4))
    let inner = leaves - 1
    let start = file.trees.nodes.count
    guard start + leaves + inner <= min(limits.treeNodesMax, Int(Int32.max)) else {
      throw Fault(
        limit: InferenceError(
          .limit, "the model has more than \(limits.treeNodesMax) tree nodes"))
    }
    try append(Int32(start), to: &file.trees.roots, &budget)
    let group = (file.trees.roots.count - 1) % file.treesPerIteration
    try append(Int32(group), to: &file.trees.groups, &budget)
    if inner > 0 { try addSplits(inner, to: &file, bytes, &budget) }
    var list = try values(.leafValue, "leaf_value", bytes)
    for i in 0..<leaves {
      let value = try list.double()
      guard value.isFinite else { throw list.fault("the leaf's value is \(value)", at: i) }
      try append(
        .init(value: value, feature: 0, left: -1, right: -1, flags: []), to: &file.trees.nodes,
        &budget)
    }
    try list.finish()
    if inner > 0 { try checkShape(start, &file.trees) }
    if file.readsCovers { try addCovers(leaves, start, to: &file, bytes, &budget) }
    if places[Key.isLinear.rawValue] != nil, try one(.isLinear, "is_linear", bytes, 0...1) == 1 {
      try addLinear(leaves, start + inner, to: &file, bytes, &budget)
    }
  }

  /// The samples that came by each node, as LightGBM's own contributions weigh them.
  private func addCovers(
    _ leaves: Int, _ start: Int, to file: inout LightGBMFile, _ bytes: UnsafeRawBufferPointer,
    _ budget: inout AllocationBudget
  ) throws(Fault) {
    // Trees of which one has no counts have none together.
    guard file.trees.covers.count == start else { return }
    guard leaves > 1 else {
      try append(1, to: &file.trees.covers, &budget)
      return
    }
    guard places[Key.internalCount.rawValue] != nil, places[Key.leafCount.rawValue] != nil else {
      return
    }
    for (key, name, count) in [
      (Key.internalCount, "internal_count", leaves - 1), (.leafCount, "leaf_count", leaves),
    ] {
      var list = try values(key, name, bytes)
      for _ in 0..<count { try append(Float(try list.double()), to: &file.trees.covers, &budget) }
      try list.finish()
    }
  }

  private mutating func checkShape(_ start: Int, _ trees: inout BoostedTrees) throws(Fault) {
    let unreached: (unreached: Int, first: Int)
    do throws(TreeShapeCheck.Fault) {
      unreached = try check.run(trees.nodes, from: start)
    } catch {
      throw Fault(
        line: places[(error.isLeft ? Key.leftChild : Key.rightChild).rawValue]?.line,
        message: "\(error.isLeft ? "left" : "right")_child[\(error.node)]: \(error.message)")
    }
    guard unreached.unreached == 0 else {
      throw Fault(message: "left_child: node \(unreached.first) is not reached from the root")
    }
    for i in start..<trees.nodes.count where !trees.nodes[i].isLeaf {
      trees.nodes[i].left += Int32(start)
      trees.nodes[i].right += Int32(start)
    }
  }

  /// The inner nodes; children are counted within the tree, leaves after the inner nodes.
  private mutating func addSplits(
    _ inner: Int, to file: inout LightGBMFile, _ bytes: UnsafeRawBufferPointer,
    _ budget: inout AllocationBudget
  ) throws(Fault) {
    let start = file.trees.nodes.count
    var features = try values(.splitFeature, "split_feature", bytes)
    var thresholds = try values(.threshold, "threshold", bytes)
    var left = try values(.leftChild, "left_child", bytes)
    var right = try values(.rightChild, "right_child", bytes)
    var decisions =
      places[Key.decisionType.rawValue] == nil
      ? nil : try values(.decisionType, "decision_type", bytes)
    for i in 0..<inner {
      let feature = try features.integer()
      guard feature >= 0, feature < file.featureCount else {
        throw features.fault("feature \(feature) of \(file.featureCount)", at: i)
      }
      let threshold = try thresholds.double()
      guard !threshold.isNaN else { throw thresholds.fault("the threshold is NaN", at: i) }
      let flags = try LightGBMTree.flags(try decisions?.integer() ?? 0, i, decisions)
      let node = BoostedTrees.Node(
        value: threshold, feature: Int32(feature), left: try child(&left, i, inner),
        right: try child(&right, i, inner), flags: flags)
      try append(node, to: &file.trees.nodes, &budget)
    }
    try features.finish()
    try thresholds.finish()
    try left.finish()
    try right.finish()
    try decisions?.finish()
    try addSets(start, inner, to: &file, bytes, &budget)
  }

  private func child(_ list: inout Values, _ i: Int, _ inner: Int) throws(Fault) -> Int32 {
    let value = try list.integer()
    // ~leaf, as C++ writes it; there is one leaf more than inner nodes.
    let place = value >= 0 ? value : Int64(inner) + ~value
    guard value < Int64(inner), place <= Int64(inner) * 2 else {
      throw list.fault("\(value) of a tree of \(inner + 1) leaves", at: i)
    }
    return Int32(place)
  }

  /// Bit 0: categorical; bit 1: missing goes left; bits 2 and 3: what is missing.
  private static func flags(
    _ type: Int64, _ i: Int, _ list: Values?
  ) throws(Fault) -> BoostedTrees.Flags {
    var flags: BoostedTrees.Flags = []
    guard type >= 0, type < 12 else {
      throw Fault(line: list?.line, message: "decision_type[\(i)]: \(type) is not known")
    }
    if type & 1 != 0 { flags.insert(.isCategorical) }
    if type & 2 != 0 { flags.insert(.missingGoesLeft) }
    switch type >> 2 {
    case 0: flags.insert(.missingIsZero)
    case 1: flags.insert(.zeroIsMissing)
    default: break
    }
    return flags
  }

  /// The sets of the categorical nodes: words of 32 bits, one bit a category.
  private mutating func addSets(
    _ start: Int, _ inner: Int, to file: inout LightGBMFile, _ bytes: UnsafeRawBufferPointer,
    _ budget: inout AllocationBudget
  ) throws(Fault) {
    let sets =
      places[Key.numCat.rawValue] == nil
      ? 0 : try one(.numCat, "num_cat", bytes, 0...Int64(inner))
    var ranges: [BoostedTrees.Set] = []
    if sets > 0 {
      var bounds = try values(.catBoundaries, "cat_boundaries", bytes)
      var words = try values(.catThreshold, "cat_threshold", bytes)
      var from = try bounds.integer()
      guard from == 0 else { throw bounds.fault("the first is \(from), not 0", at: 0) }
      for i in 0..<sets {
        let to = try bounds.integer()
        // A word for 32 categories, and categories are below 2^24.
        guard to >= from, to - from <= 1 << 19 else {
          throw bounds.fault("\(to) after \(from)", at: i + 1)
        }
        let set = try addSet(Int(to - from), &words, to: &file.trees, &budget)
        try append(set, to: &ranges, &budget)
        from = to
      }
      try bounds.finish()
      try words.finish()
    }
    for i in 0..<inner where file.trees.nodes[start + i].flags.contains(.isCategorical) {
      let number = file.trees.nodes[start + i].value
      guard number >= 0, number < Double(sets), number == number.rounded(.towardZero) else {
        throw Fault(
          line: places[Key.threshold.rawValue]?.line,
          message: "threshold[\(i)]: set \(number) of \(sets)")
      }
      // A set of its own for each node.
      file.trees.nodes[start + i].value = Double(file.trees.sets.count)
      try append(ranges[Int(number)], to: &file.trees.sets, &budget)
    }
  }

  private func addSet(
    _ count: Int, _ words: inout Values, to trees: inout BoostedTrees,
    _ budget: inout AllocationBudget
  ) throws(Fault) -> BoostedTrees.Set {
    trees.setsAreBits = true
    let first = trees.categories.count
    for _ in 0..<count {
      let value = try words.integer()
      guard let bits = UInt32(exactly: value) else {
        throw words.fault("\(value) is no word of 32 bits")
      }
      try append(bits, to: &trees.categories, &budget)
    }
    guard trees.categories.count <= Int(Int32.max) else {
      throw Fault(limit: InferenceError(.limit, "the model has too many categories"))
    }
    return .init(start: Int32(first), count: Int32(count))
  }

  private mutating func addLinear(
    _ leaves: Int, _ firstLeaf: Int, to file: inout LightGBMFile,
    _ bytes: UnsafeRawBufferPointer, _ budget: inout AllocationBudget
  ) throws(Fault) {
    var constants = try values(.leafConst, "leaf_const", bytes)
    var counts = try values(.numFeatures, "num_features", bytes)
    var features = try values(.leafFeatures, "leaf_features", bytes)
    var coefficients = try values(.leafCoeff, "leaf_coeff", bytes)
    for i in 0..<leaves {
      let constant = try constants.double()
      guard constant.isFinite else { throw constants.fault("it is \(constant)", at: i) }
      let count = try counts.integer()
      guard count >= 0, count <= Int64(file.featureCount) else {
        throw counts.fault("\(count) features of \(file.featureCount)", at: i)
      }
      let start = file.trees.linearTerms.count
      for _ in 0..<count {
        let feature = try features.integer()
        let coefficient = try coefficients.double()
        guard feature >= 0, feature < file.featureCount else {
          throw features.fault("feature \(feature) of \(file.featureCount)")
        }
        guard coefficient.isFinite else { throw coefficients.fault("it is \(coefficient)") }
        try append((Int32(feature), coefficient), to: &file.trees.linearTerms, &budget)
      }
      // A dictionary's entry takes about three times its content.
      do throws(InferenceError) {
        try budget.charge(3, stride: MemoryLayout<BoostedTrees.LinearLeaf>.stride)
      } catch {
        throw Fault(limit: error)
      }
      file.trees.linearLeaves[Int32(firstLeaf + i)] = .init(
        constant: constant, start: Int32(start), count: Int32(count))
    }
    try constants.finish()
    try counts.finish()
    try features.finish()
    try coefficients.finish()
  }
}
