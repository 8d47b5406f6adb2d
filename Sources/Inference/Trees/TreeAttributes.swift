import Core

/// Reads the attributes of TreeEnsembleClassifier and TreeEnsembleRegressor.
///
/// Nodes are named by (tree, node) number; weights by the same pair. Numbers may have gaps.
struct TreeAttributes {
  var source = TreeSource()
  /// For each node its tree's position in ``TreeSource/roots``.
  private(set) var treeOfNode: [Int32] = []
  private var indexOf: [Key: Int] = [:]
  /// When nodes are numbered 0, 1, 2, … within each tree: where each tree begins.
  private var startOf: [Int: (start: Int, count: Int)] = [:]

  private struct Key: Hashable {
    let tree: Int
    let node: Int
  }

  init(_ call: OperatorCall, weightPrefix: String) throws(KernelFault) {
    let trees = try call.intList("nodes_treeids")
    let ids = try call.intList("nodes_nodeids")
    let count = trees.count
    guard count > 0, count == ids.count else {
      throw KernelFault(.malformed, "\(count) tree numbers for \(ids.count) nodes")
    }
    guard count <= call.limits.treeNodesMax else {
      throw KernelFault(.limit, "\(count) tree nodes, the limit is \(call.limits.treeNodesMax)")
    }
    try index(trees, ids)
    try readNodes(call, trees, count)
    var copies: [[Int]]?
    if SharedNodes.exist(in: source.nodes) {
      let own = try SharedNodes(source.nodes, nodesMax: call.limits.treeNodesMax)
      source.nodes = own.nodes
      copies = own.copies
    }
    try findRoots(source.nodes.count)
    try readWeights(call, weightPrefix, copies)
  }

  private mutating func index(_ trees: IntList, _ ids: IntList) throws(KernelFault) {
    var isDense = true
    var i = 0
    while i < trees.count && isDense {
      let tree = trees[i]
      let start = i
      while i < trees.count && trees[i] == tree {
        if ids[i] != i - start { isDense = false }
        i += 1
      }
      if startOf.updateValue((start, i - start), forKey: tree) != nil { isDense = false }
    }
    if isDense { return }
    startOf = [:]
    indexOf.reserveCapacity(trees.count)
    for i in 0..<trees.count {
      let key = Key(tree: trees[i], node: ids[i])
      guard indexOf.updateValue(i, forKey: key) == nil else {
        throw KernelFault(.malformed, "tree \(key.tree) has two nodes \(key.node)")
      }
    }
  }

  private func find(_ tree: Int, _ node: Int) -> Int? {
    if indexOf.isEmpty {
      guard let place = startOf[tree], node >= 0, node < place.count else { return nil }
      return place.start + node
    }
    return indexOf[Key(tree: tree, node: node)]
  }

  private mutating func readNodes(
    _ call: OperatorCall, _ trees: IntList, _ count: Int
  ) throws(KernelFault) {
    let features = try call.intList("nodes_featureids")
    let whenTrue = try call.intList("nodes_truenodeids")
    let whenFalse = try call.intList("nodes_falsenodeids")
    let modes = try call.stringRanges("nodes_modes")
    let thresholds = try doubles(call, "nodes_values")
    let missing = try call.intList("nodes_missing_value_tracks_true")
    guard features.count == count, whenTrue.count == count, whenFalse.count == count,
      modes.count == count, thresholds.count == count, missing.count == 0 || missing.count == count
    else { throw KernelFault(.malformed, "the node lists differ in length") }
    source.nodes.reserveCapacity(count)
    for i in 0..<count {
      var node = TreeSource.Node()
      node.mode = try TreeAttributes.mode(call, modes[i])
      if node.mode != .leaf {
        guard features[i] >= 0 else { throw KernelFault(.malformed, "feature \(features[i])") }
        node.feature = features[i]
        node.threshold = thresholds[i]
        node.missingIsTrue = missing.count > 0 && missing[i] != 0
        guard let yes = find(trees[i], whenTrue[i]), let no = find(trees[i], whenFalse[i]),
          yes != no
        else {
          throw KernelFault(
            .malformed,
            "tree \(trees[i]) has a node whose children \(whenTrue[i]) and "
              + "\(whenFalse[i]) are not two of its nodes")
        }
        node.whenTrue = yes
        node.whenFalse = no
      }
      source.nodes.append(node)
    }
  }

  private static func mode(
    _ call: OperatorCall, _ range: ByteRange
  ) throws(KernelFault) -> TreeSource.Mode {
    let bytes = call.model.file[range.range]
    // Compared by length first: there are as many as nodes.
    switch bytes.count {
    case 4 where bytes.elementsEqual("LEAF".utf8): return .leaf
    case 9 where bytes.elementsEqual("BRANCH_LT".utf8): return .less
    case 9 where bytes.elementsEqual("BRANCH_GT".utf8): return .greater
    case 9 where bytes.elementsEqual("BRANCH_EQ".utf8): return .equal
    case 10 where bytes.elementsEqual("BRANCH_LEQ".utf8): return .lessOrEqual
    case 10 where bytes.elementsEqual("BRANCH_GTE".utf8): return .greaterOrEqual
    case 10 where bytes.elementsEqual("BRANCH_NEQ".utf8): return .notEqual
    default:
      let name = String(decoding: bytes, as: UTF8.self)
      throw KernelFault(.malformed, "the node mode \"\(printable(name, limit: 40))\"")
    }
  }

  /// Takes `nodes_hitrates` over as covers, when they are more than the ones that converters write
  /// for want of anything better.
  mutating func readCovers(_ call: OperatorCall) throws(KernelFault) {
    let rates = try doubles(call, "nodes_hitrates")
    guard rates.count == source.nodes.count, rates.contains(where: { $0 != rates[0] }) else {
      return
    }
    source.covers = rates
  }

  /// A list of floats, or its double precision twin `…_as_tensor`.
  private func doubles(_ call: OperatorCall, _ name: String) throws(KernelFault) -> [Double] {
    if let tensor = try call.tensor("\(name)_as_tensor"), tensor.count > 0 {
      switch tensor.elementType {
      case .float64: return Array(tensor.elements(Double.self))
      case .float32: return tensor.elements(Float.self).map(Double.init)
      default: throw unsupportedElement(tensor.elementType)
      }
    }
    return try call.floats(name).map(Double.init)
  }

  /// Roots are the nodes that are nobody's child, in the order of the file.
  private mutating func findRoots(_ count: Int) throws(KernelFault) {
    var isChild = [Bool](repeating: false, count: count)
    for node in source.nodes where node.mode != .leaf {
      isChild[node.whenTrue] = true
      isChild[node.whenFalse] = true
    }
    treeOfNode = [Int32](repeating: -1, count: count)
    source.roots = (0..<count).filter { !isChild[$0] }
    guard !source.roots.isEmpty else { throw KernelFault(.malformed, "the trees have no root") }
    for (tree, root) in source.roots.enumerated() {
      var stack = [root]
      while let index = stack.popLast() {
        guard treeOfNode[index] < 0 else {
          throw KernelFault(.malformed, "a tree node is reached on two ways")
        }
        treeOfNode[index] = Int32(tree)
        let node = source.nodes[index]
        if node.mode != .leaf {
          stack.append(node.whenTrue)
          stack.append(node.whenFalse)
        }
      }
    }
    guard treeOfNode.allSatisfy({ $0 >= 0 }) else {
      throw KernelFault(.malformed, "some tree nodes form a cycle")
    }
  }

  private mutating func readWeights(
    _ call: OperatorCall, _ prefix: String, _ copies: [[Int]]?
  ) throws(KernelFault) {
    let trees = try call.intList("\(prefix)_treeids")
    let ids = try call.intList("\(prefix)_nodeids")
    let targets = try call.intList("\(prefix)_ids")
    let values = try doubles(call, "\(prefix)_weights")
    guard trees.count == ids.count, trees.count == targets.count, trees.count == values.count else {
      throw KernelFault(.malformed, "the weight lists differ in length")
    }
    source.weights.reserveCapacity(values.count)
    for i in 0..<values.count {
      guard let node = find(trees[i], ids[i]) else {
        throw KernelFault(
          .malformed, "a weight belongs to node \(ids[i]) of tree \(trees[i]), which is not there")
      }
      guard let copies else {
        source.weights.append(.init(node: node, target: targets[i], value: values[i]))
        continue
      }
      for copy in copies[node] {
        source.weights.append(.init(node: copy, target: targets[i], value: values[i]))
      }
    }
    // Stable, so that the order of the file decides between equal nodes.
    if !zip(source.weights, source.weights.dropFirst()).allSatisfy({ $0.node <= $1.node }) {
      let sorted = source.weights.enumerated().sorted {
        ($0.element.node, $0.offset) < ($1.element.node, $1.offset)
      }
      source.weights = sorted.map(\.element)
    }
  }
}
