/// Trees cut into treelets: trees of up to seven nodes in three levels.
///
/// Within a tree treelets are numbered breadth-first, so that those one treelet leads to follow
/// each other, as do its leaves.
struct TreeletLayout {
  /// Eight a treelet: the source nodes in heap order (the last is unused); -1 where the treelet
  /// has none, because a leaf is further up.
  private(set) var nodes: [Int32] = []
  /// Eight a treelet: where its exits lead, from left to right: to a treelet of the tree, or
  /// (negative) to one less than minus the number of a leaf of the tree.
  private(set) var exits: [Int32] = []
  /// For each tree its first treelet; one more at the end.
  private(set) var firstTreelet: [Int] = []
  /// For each tree its first leaf; one more at the end.
  private(set) var firstLeaf: [Int] = []
  /// For each tree the treelets on its longest path.
  private(set) var steps: [Int] = []
  /// For each leaf its source node.
  private(set) var leafSource: [Int32] = []

  var treeletCount: Int { nodes.count / 8 }

  /// - Throws: when the nodes are not trees.
  init(_ source: TreeSource) throws(KernelFault) {
    let count = source.nodes.count
    guard count < Int(Int32.max) / 16 else { throw KernelFault(.limit, "\(count) tree nodes") }
    var isPlaced = [Bool](repeating: false, count: count)
    leafSource.reserveCapacity(count / 2 + 1)
    nodes.reserveCapacity(count * 2)
    exits.reserveCapacity(count * 2)
    var queue: [(root: Int32, level: Int)] = []
    for root in source.roots {
      firstTreelet.append(treeletCount)
      firstLeaf.append(leafSource.count)
      queue.removeAll(keepingCapacity: true)
      queue.append((Int32(root), 1))
      var next = 0
      while next < queue.count {
        let (at, level) = queue[next]
        next += 1
        try addTreelet(source, at, level, &queue, &isPlaced)
      }
      steps.append(queue[next - 1].level)
    }
    firstTreelet.append(treeletCount)
    firstLeaf.append(leafSource.count)
  }

  private mutating func addTreelet(
    _ source: TreeSource, _ root: Int32, _ level: Int, _ queue: inout [(root: Int32, level: Int)],
    _ isPlaced: inout [Bool]
  ) throws(KernelFault) {
    var content = InlineArray<15, Int32>(repeating: root)
    for place in 0..<7 {
      let index = Int(content[place])
      guard index >= 0, index < source.nodes.count else {
        throw KernelFault(.malformed, "a tree node is not there")
      }
      let node = source.nodes[index]
      if node.mode == .leaf {
        content[2 * place + 1] = Int32(index)
        content[2 * place + 2] = Int32(index)
        nodes.append(-1)
        continue
      }
      guard !isPlaced[index] else {
        throw KernelFault(.malformed, "a tree node is reached on two ways")
      }
      isPlaced[index] = true
      let split = try TreeSplit(node)
      guard Int32(exactly: split.left) != nil, Int32(exactly: split.right) != nil,
        split.left != split.right
      else { throw KernelFault(.malformed, "a tree node's children are not two nodes") }
      content[2 * place + 1] = Int32(split.left)
      content[2 * place + 2] = Int32(split.right)
      nodes.append(Int32(index))
    }
    nodes.append(-1)
    let firstOfTree = firstLeaf[firstLeaf.count - 1]
    for exit in 7..<15 {
      let index = Int(content[exit])
      guard index >= 0, index < source.nodes.count else {
        throw KernelFault(.malformed, "a tree node is not there")
      }
      guard source.nodes[index].mode == .leaf else {
        exits.append(Int32(queue.count))
        queue.append((Int32(index), level + 1))
        continue
      }
      // A leaf further up takes several exits, side by side.
      if exit == 7 || content[exit - 1] != Int32(index) {
        guard !isPlaced[index] else {
          throw KernelFault(.malformed, "a tree node is reached on two ways")
        }
        isPlaced[index] = true
        leafSource.append(Int32(index))
      }
      exits.append(Int32(-1 - (leafSource.count - 1 - firstOfTree)))
    }
  }
}
