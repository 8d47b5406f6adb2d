import Core

/// Trees whose branches meet again: several nodes have the same child.
///
/// Exporters write a split by a set of categories as a chain of comparisons whose branches for a
/// hit all lead to one subtree. Here every such branch gets a subtree of its own.
struct SharedNodes {
  /// The nodes without sharing, whole trees one after another.
  private(set) var nodes: [TreeSource.Node] = []
  /// For each node of the file its copies in ``nodes``.
  private(set) var copies: [[Int]]

  /// How many nodes the copies may come to: so many, and so many times those of the file.
  private static let nodesBase = 1_000_000
  private static let growthMax = 8

  /// Whether any node is the child of several.
  static func exist(in nodes: [TreeSource.Node]) -> Bool {
    var isChild = [Bool](repeating: false, count: nodes.count)
    for node in nodes where node.mode != .leaf {
      if isChild[node.whenTrue] || isChild[node.whenFalse] { return true }
      isChild[node.whenTrue] = true
      isChild[node.whenFalse] = true
    }
    return false
  }

  /// - Throws: when the copies are too many (as they are without end for a cycle), or nodes are
  ///   reached from no root.
  init(_ source: [TreeSource.Node], nodesMax: Int) throws(KernelFault) {
    copies = Array(repeating: [], count: source.count)
    let limit = min(nodesMax, Self.nodesBase + Self.growthMax * source.count)
    var isChild = [Bool](repeating: false, count: source.count)
    for node in source where node.mode != .leaf {
      isChild[node.whenTrue] = true
      isChild[node.whenFalse] = true
    }
    for root in source.indices where !isChild[root] {
      // Copies still to be made: of which node, and whose child on which side it is.
      var waiting: [(node: Int, parent: Int, isTrue: Bool)] = [(root, -1, false)]
      while let next = waiting.popLast() {
        guard nodes.count < limit else {
          throw KernelFault(
            .limit,
            "the trees share nodes, which would make more than \(limit) without, or "
              + "form a cycle")
        }
        let own = nodes.count
        let node = source[next.node]
        nodes.append(node)
        copies[next.node].append(own)
        if next.parent >= 0 {
          if next.isTrue {
            nodes[next.parent].whenTrue = own
          } else {
            nodes[next.parent].whenFalse = own
          }
        }
        if node.mode != .leaf {
          waiting.append((node.whenFalse, own, false))
          waiting.append((node.whenTrue, own, true))
        }
      }
    }
    guard copies.allSatisfy({ !$0.isEmpty }) else {
      throw KernelFault(.malformed, "some tree nodes form a cycle")
    }
  }
}
