internal import CKernels

/// Trees whose nodes are all compared with a row, 64 at a time: for small trees on processors
/// with AVX-512.
///
/// A comparison takes a quarter of an instruction or less, so that comparing nodes the walk never
/// comes to costs less than finding out which ones it comes to. From the comparisons, as bits, a
/// table gives each treelet's exit, again 64 at a time; only then trees are walked, three levels a
/// step.
///
/// `@unchecked Sendable`: written only before `init` returns.
final class FlatTrees: @unchecked Sendable {
  /// The most leaves of a tree.
  static let leavesMax = 128
  /// The most treelets of all trees for each tree: beyond, walking is cheaper.
  private static let treeletsPerTreeMax = 32

  let ranks: RankColumns
  /// For each leaf number that ``leaves(rows:_:)`` gives the source node; -1 for numbers not given.
  let leafSource: [Int32]
  /// Whether a missing value goes elsewhere than a value greater than all.
  let needsMissing: Bool
  /// Whether all trees have at most six levels and many of these are full.
  let isSixLevels: Bool
  /// How many leaves are written for a row: the trees, rounded up to eight.
  let leafSlots: Int

  /// The bytes of 64-byte aligned room that a call needs for each row.
  let roomBytes: Int

  private let groups: Int
  private let treeCount: Int
  private let columns: UnsafeMutablePointer<UInt8>
  private let limits: UnsafeMutablePointer<UInt8>
  private let equal: UnsafeMutablePointer<UInt64>?
  private let missingLeft: UnsafeMutablePointer<UInt64>
  private let missingRight: UnsafeMutablePointer<UInt64>
  private let walks: FlatWalks?

  /// Whether trees so laid out are worth while.
  static func suits(_ layout: TreeletLayout) -> Bool {
    let trees = layout.steps.count
    guard layout.treeletCount <= trees * treeletsPerTreeMax else { return false }
    for tree in 0..<trees {
      let leaves = layout.firstLeaf[tree + 1] - layout.firstLeaf[tree]
      let treelets = layout.firstTreelet[tree + 1] - layout.firstTreelet[tree]
      if leaves > leavesMax || treelets > 128 { return false }
    }
    return true
  }

  init(
    _ source: TreeSource, _ layout: TreeletLayout, ranks: RankColumns
  ) throws(KernelFault) {
    self.ranks = ranks
    treeCount = layout.steps.count
    isSixLevels =
      layout.steps.allSatisfy { $0 <= 2 } && layout.treeletCount >= 4 * layout.steps.count
    let places = isSixLevels ? FlatPlaces(oneGroupEach: treeCount) : FlatPlaces(layout)
    groups = places.groups
    leafSlots = (treeCount + 7) & ~7
    let columns = FlatTrees.aligned(groups * 64)
    let limits = FlatTrees.aligned(groups * 64)
    let missingLeft = FlatTrees.masks(groups)
    let missingRight = FlatTrees.masks(groups)
    let hasEqual = source.nodes.contains { $0.mode == .equal || $0.mode == .notEqual }
    let equal = hasEqual ? FlatTrees.masks(groups) : nil
    (self.columns, self.limits, self.equal) = (columns, limits, equal)
    (self.missingLeft, self.missingRight) = (missingLeft, missingRight)
    var needsMissing = false
    try FlatTrees.eachNode(layout, places, isSixLevels) { (index, bit) throws(KernelFault) in
      let split = try TreeSplit(source.nodes[index])
      let compared = ranks.place(index, source.nodes[index], split)
      columns[bit] = compared.column
      limits[bit] = compared.limit
      let mask = UInt64(1) << UInt64(bit % 64)
      if split.kind == .equal { equal?[bit / 64] |= mask }
      if split.missingGoesLeft {
        missingLeft[bit / 64] |= mask
      } else {
        missingRight[bit / 64] |= mask
      }
      // The byte of a missing value is 255, or 0 or 1 for a set.
      if split.kind == .ordered ? split.missingGoesLeft : true { needsMissing = true }
    }
    self.needsMissing = needsMissing
    if isSixLevels {
      leafSource = FlatTrees.sixLevelLeaves(layout)
      walks = nil
      roomBytes = groups * 8
    } else {
      leafSource = layout.leafSource
      walks = FlatWalks(layout, places)
      roomBytes = places.pieceGroupsMax * 8
    }
  }

  deinit {
    columns.deallocate()
    limits.deallocate()
    equal?.deallocate()
    missingLeft.deallocate()
    missingRight.deallocate()
  }

  private static func aligned(_ count: Int) -> UnsafeMutablePointer<UInt8> {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: max(count, 64), alignment: 64)
    let bytes = memory.bindMemory(to: UInt8.self, capacity: max(count, 64))
    bytes.initialize(repeating: 0, count: max(count, 64))
    return bytes
  }

  private static func masks(_ count: Int) -> UnsafeMutablePointer<UInt64> {
    let masks = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
    masks.initialize(repeating: 0, count: count)
    return masks
  }

  /// Calls `body` for each node with its number in the source and its place among all bits.
  ///
  /// With six levels the treelet of the upper ones, the first of its tree, has the top bits of a
  /// group's bytes; the one that its exit e leads to has byte e.
  private static func eachNode(
    _ layout: TreeletLayout, _ places: FlatPlaces, _ isSixLevels: Bool,
    _ body: (Int, Int) throws(KernelFault) -> Void
  ) throws(KernelFault) {
    for tree in layout.steps.indices {
      let first = layout.firstTreelet[tree]
      for treelet in first..<layout.firstTreelet[tree + 1] {
        var exit = 0
        if isSixLevels && treelet > first {
          while Int(layout.exits[first * 8 + exit]) != treelet - first { exit += 1 }
        }
        for node in 0..<7 where layout.nodes[treelet * 8 + node] >= 0 {
          let bit =
            !isSixLevels
            ? (places.firstTreelet[tree] + treelet - first) * 8 + node
            : tree * 64 + (treelet == first ? node * 8 + 7 : exit * 8 + node)
          try body(Int(layout.nodes[treelet * 8 + node]), bit)
        }
      }
    }
  }

  private static func sixLevelLeaves(_ layout: TreeletLayout) -> [Int32] {
    let trees = layout.steps.count
    var result = [Int32](repeating: -1, count: ((trees + 7) & ~7) * 64)
    for tree in 0..<trees {
      let first = layout.firstTreelet[tree]
      let leaves = layout.firstLeaf[tree]
      for exit in 0..<8 {
        let below = Int(layout.exits[first * 8 + exit])
        for inner in 0..<8 {
          // Below a leaf the lower treelet has no nodes, and any of its exits is that leaf.
          let leaf = below < 0 ? below : Int(layout.exits[(first + below) * 8 + inner])
          result[tree * 64 + exit * 8 + inner] = layout.leafSource[leaves + (-1 - leaf)]
        }
      }
    }
    return result
  }

  /// The most rows of one call.
  static let rowsMax = Int(SLUICE_FLAT_ROWS)

  /// The leaves of up to ``rowsMax`` rows: `leaves[row * leafSlots + tree]`.
  /// - Parameters:
  ///   - codes: ``RankColumns/bytes`` a row, 64-byte aligned.
  ///   - missing: likewise, or nil when nothing is missing.
  func leaves(
    rows: Int, codes: UnsafePointer<UInt8>, missing: UnsafePointer<UInt8>?,
    room: UnsafeMutablePointer<UInt8>, leaves: UnsafeMutablePointer<UInt32>
  ) {
    #if arch(x86_64)
      var trees = SluiceFlatTrees(
        groups: groups, codeBytes: ranks.bytes, columns: columns, limits: limits, equal: equal,
        missingLeft: missingLeft, missingRight: missingRight, trees: treeCount,
        order: walks?.order, roots: walks?.roots, firstLeaf: walks?.firstLeaf,
        steps: walks?.steps, next: walks?.next, pieces: walks?.pieces ?? 0,
        pieceGroups: walks?.pieceGroups, piecePlaces: walks?.piecePlaces)
      if isSixLevels {
        sluice_six_leaves_avx512(&trees, codes, missing, rows, room, leaves, leafSlots)
      } else {
        sluice_flat_leaves_avx512(&trees, codes, missing, rows, room, leaves, leafSlots)
      }
    #endif
  }
}
