internal import CKernels

/// Small trees for many rows on processors with AVX2 or AVX-512: 64 rows side by side, one byte
/// each, and all nodes of a tree one after another.
///
/// `@unchecked Sendable`: written only before `init` returns.
final class LaneTrees: @unchecked Sendable {
  /// Rows that are computed together.
  static let rows = 64
  /// Fewer rows than this take another layout.
  static let rowsMin = 32
  /// The most nodes and leaves together of a tree, on average: beyond, walking is cheaper.
  private static let nodesMeanMax = 160
  /// The most nodes, and leaves, of a tree.
  private static let nodesMax = 128
  /// Bytes of room a call needs: results first, then lanes of sums and sums.
  static let roomBytes = 256 * rows

  let ranks: RankColumns
  /// Whether a missing value goes elsewhere than a value greater than all, so that rows with one
  /// take another layout.
  let needsMissing: Bool
  /// For each leaf number, from the first one on, the source node.
  let leafSource: [Int32]
  private let nodes: [SluiceLaneNode]
  private let firstNode: [UInt32]
  private let firstLeaf: [UInt32]
  private let treeCount: Int

  /// Nil when the trees are too large or compare otherwise than by `<=`.
  /// - Parameter firstLeaf: the first leaf's number; those below belong to another layout.
  init?(
    _ source: TreeSource, _ ranks: RankColumns, firstLeaf: Int
  ) throws(KernelFault) {
    guard source.nodes.count <= source.roots.count * LaneTrees.nodesMeanMax else { return nil }
    var needsMissing = false
    for node in source.nodes where node.mode != .leaf {
      let split = try TreeSplit(node)
      if split.kind != .ordered { return nil }
      if split.missingGoesLeft { needsMissing = true }
    }
    self.ranks = ranks
    self.needsMissing = needsMissing
    treeCount = source.roots.count
    var program = Program()
    for root in source.roots {
      guard try program.add(source, root, ranks) else { return nil }
    }
    nodes = program.nodes
    firstNode = program.firstNode + [UInt32(program.nodes.count)]
    self.firstLeaf = program.firstLeaf.map { $0 + UInt32(firstLeaf) }
    leafSource = program.leafSource
  }

  /// The nodes of all trees, children first.
  private struct Program {
    var nodes: [SluiceLaneNode] = []
    var firstNode: [UInt32] = []
    var firstLeaf: [UInt32] = []
    var leafSource: [Int32] = []

    /// Appends a tree; false when it is too large.
    mutating func add(
      _ source: TreeSource, _ root: Int, _ ranks: RankColumns
    ) throws(KernelFault) -> Bool {
      firstNode.append(UInt32(nodes.count))
      firstLeaf.append(UInt32(leafSource.count))
      let first = nodes.count
      let leaves = leafSource.count
      // Nodes to visit; once their children's results are known, again.
      var open = [(node: root, isAgain: false)]
      var results: [UInt16] = []
      while let (index, isAgain) = open.popLast() {
        let node = source.nodes[index]
        if node.mode == .leaf {
          guard leafSource.count - leaves < nodesMax else { return false }
          results.append(UInt16((leafSource.count - leaves) * rows))
          leafSource.append(Int32(index))
          continue
        }
        let split = try TreeSplit(node)
        guard isAgain else {
          open += [(index, true), (split.right, false), (split.left, false)]
          continue
        }
        guard nodes.count - first < nodesMax, results.count >= 2 else { return false }
        let place = ranks.place(index, node, split)
        let right = results.removeLast()
        let left = results.removeLast()
        results.append(UInt16((nodesMax + nodes.count - first) * rows))
        nodes.append(
          SluiceLaneNode(
            column: UInt16(Int(place.column) * rows), left: left, right: right,
            limit: place.limit, unused: 0))
      }
      return true
    }
  }

  /// The leaves of ``rows`` rows: `leaves[tree * rows + row]`.
  func leaves(
    codes: UnsafePointer<UInt8>, room: UnsafeMutablePointer<UInt8>,
    leaves: UnsafeMutablePointer<UInt32>, using set: InstructionSet
  ) {
    #if arch(x86_64)
      if set == .avx512 {
        sluice_lane_leaves_avx512(nodes, firstNode, firstLeaf, treeCount, codes, room, leaves)
      } else {
        sluice_lane_leaves_avx2(nodes, firstNode, firstLeaf, treeCount, codes, room, leaves)
      }
    #endif
  }
}
