import Core

/// Reads the attributes of TreeEnsemble (ai.onnx.ml 5), where inner nodes and leaves are two lists.
///
/// A leaf that several nodes point at becomes several leaves.
struct SplitLeafTrees {
  private(set) var source = TreeSource()
  /// Whether thresholds and weights are 64-bit floats.
  let isDouble: Bool

  init(_ call: OperatorCall) throws(KernelFault) {
    guard let splits = try call.tensor("nodes_splits"), let modes = try call.tensor("nodes_modes"),
      let weights = try call.tensor("leaf_weights"), modes.elementType == .uint8,
      modes.count == splits.count
    else { throw KernelFault(.malformed, "nodes_splits, nodes_modes or leaf_weights is missing") }
    guard splits.count <= call.limits.treeNodesMax / 3 else {
      throw KernelFault(.limit, "\(splits.count) tree nodes")
    }
    isDouble = splits.elementType == .float64
    let targets = try call.int("n_targets", default: 1)
    guard (1...1_000_000).contains(targets) else {
      throw KernelFault(.malformed, "\(targets) targets")
    }
    source.targets = targets
    source.roots = try call.ints("tree_roots")
    guard !source.roots.isEmpty, Set(source.roots).count == source.roots.count,
      source.roots.allSatisfy({ $0 >= 0 && $0 < splits.count })
    else { throw KernelFault(.malformed, "the tree roots are not different nodes") }
    try readNodes(call, try SplitLeafTrees.doubles(splits), modes)
    try addLeaves(call, try SplitLeafTrees.doubles(weights))
    try readMembers(call, modes)
  }

  private static func doubles(_ tensor: Tensor) throws(KernelFault) -> [Double] {
    switch tensor.elementType {
    case .float32: return tensor.elements(Float.self).map(Double.init)
    case .float64: return Array(tensor.elements(Double.self))
    default: throw unsupportedElement(tensor.elementType)
    }
  }

  private mutating func readNodes(
    _ call: OperatorCall, _ splits: [Double], _ modes: Tensor
  ) throws(KernelFault) {
    let known: [TreeSource.Mode] = [
      .lessOrEqual, .less, .greaterOrEqual, .greater, .equal, .notEqual, .member,
    ]
    let features = try call.intList("nodes_featureids")
    let missing = try call.intList("nodes_missing_value_tracks_true")
    guard features.count == splits.count, missing.count == 0 || missing.count == splits.count else {
      throw KernelFault(.malformed, "the node lists differ in length")
    }
    let list = modes.elements(UInt8.self)
    for i in splits.indices {
      guard known.indices.contains(Int(list[i])), features[i] >= 0 else {
        throw KernelFault(.malformed, "node \(i) has mode \(list[i]) and feature \(features[i])")
      }
      var node = TreeSource.Node()
      node.mode = known[Int(list[i])]
      node.feature = features[i]
      node.threshold = splits[i]
      node.missingIsTrue = missing.count > 0 && missing[i] != 0
      source.nodes.append(node)
    }
  }

  private mutating func addLeaves(
    _ call: OperatorCall, _ weights: [Double]
  ) throws(KernelFault) {
    let targets = try call.intList("leaf_targetids")
    let inner = source.nodes.count
    guard targets.count == weights.count else {
      throw KernelFault(.malformed, "\(targets.count) targets for \(weights.count) leaves")
    }
    for side in ["true", "false"] {
      let children = try call.intList("nodes_\(side)nodeids")
      let isLeaf = try call.intList("nodes_\(side)leafs")
      guard children.count == inner, isLeaf.count == inner else {
        throw KernelFault(.malformed, "the node lists differ in length")
      }
      for i in 0..<inner {
        var child = children[i]
        guard child >= 0, child < (isLeaf[i] != 0 ? weights.count : inner) else {
          throw KernelFault(.malformed, "node \(i) leads to \(child), which is not there")
        }
        if isLeaf[i] != 0 {
          source.weights.append(
            .init(node: source.nodes.count, target: targets[child], value: weights[child]))
          child = source.nodes.count
          source.nodes.append(TreeSource.Node())
        }
        if side == "true" { source.nodes[i].whenTrue = child }
        if side == "false" { source.nodes[i].whenFalse = child }
      }
    }
  }

  /// The sets of all nodes with mode 6, one after another, each ended by a NaN.
  private mutating func readMembers(_ call: OperatorCall, _ modes: Tensor) throws(KernelFault) {
    let wanted = source.nodes.indices.filter { source.nodes[$0].mode == .member }
    guard !wanted.isEmpty else { return }
    guard let tensor = try call.tensor("membership_values") else {
      throw KernelFault(.malformed, "membership_values is missing")
    }
    let sets = try SplitLeafTrees.doubles(tensor).split(
      omittingEmptySubsequences: false, whereSeparator: \.isNaN)
    guard sets.count >= wanted.count else {
      throw KernelFault(.malformed, "\(sets.count) sets for \(wanted.count) nodes")
    }
    for (node, set) in zip(wanted, sets) { source.members[node] = set.sorted() }
  }

  /// For each node its tree's position among the roots.
  func treeOfNode() throws(KernelFault) -> [Int32] {
    var result = [Int32](repeating: -1, count: source.nodes.count)
    for (tree, root) in source.roots.enumerated() {
      var stack = [root]
      while let at = stack.popLast() {
        guard result[at] < 0 else {
          throw KernelFault(.malformed, "a tree node is reached on two ways")
        }
        result[at] = Int32(tree)
        let node = source.nodes[at]
        if node.mode != .leaf { stack += [node.whenTrue, node.whenFalse] }
      }
    }
    return result
  }
}
