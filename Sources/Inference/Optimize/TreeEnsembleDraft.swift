import Core

/// The trees of a TreeEnsembleClassifier or TreeEnsembleRegressor node, to change and write back.
struct TreeEnsembleDraft {
  /// The trees, in the file's order.
  var source: TreeSource
  /// `class` or `target`: what the names of the weights' attributes begin with.
  let weightPrefix: String

  /// Trees deeper than this are left alone: rewriting goes down them by recursion.
  private static let depthMax = 512

  /// Why a tree node is left as it is.
  struct Refusal: Error {
    let reason: String
  }

  /// Reads a node's trees.
  /// - Returns: `nil` when the node is no such ensemble.
  static func read(
    _ node: OnnxDraft.Node, _ call: OperatorCall
  ) throws(Refusal) -> TreeEnsembleDraft? {
    let prefix: String
    if node.isOperator("TreeEnsembleClassifier", ml: true) {
      prefix = "class"
    } else if node.isOperator("TreeEnsembleRegressor", ml: true) {
      prefix = "target"
    } else {
      return nil
    }
    guard !node.attributes.contains(where: { $0.name.hasSuffix("_as_tensor") }) else {
      throw Refusal(reason: "its numbers are in double precision")
    }
    let source: TreeSource
    do throws(KernelFault) {
      source = try TreeAttributes(call, weightPrefix: prefix).source
    } catch {
      throw Refusal(reason: error.message)
    }
    let draft = TreeEnsembleDraft(source: source, weightPrefix: prefix)
    guard draft.depth <= depthMax else {
      throw Refusal(reason: "its trees are more than \(depthMax) levels deep")
    }
    guard source.nodes.allSatisfy({ $0.mode != .member && !$0.threshold.isNaN }) else {
      throw Refusal(reason: "a threshold is no number")
    }
    return draft
  }

  /// The number of levels of the deepest tree.
  private var depth: Int {
    var deepest = 0
    for root in source.roots {
      var stack = [(root, 1)]
      while let (index, level) = stack.popLast() {
        deepest = max(deepest, level)
        let node = source.nodes[index]
        if node.mode == .leaf { continue }
        stack.append((node.whenTrue, level + 1))
        stack.append((node.whenFalse, level + 1))
      }
    }
    return deepest
  }

  /// Where each node's weights lie in ``TreeSource/weights``.
  func weightRanges() -> [Range<Int>] {
    var ranges = [Range<Int>](repeating: 0..<0, count: source.nodes.count)
    var start = 0
    while start < source.weights.count {
      let node = source.weights[start].node
      var end = start
      while end < source.weights.count && source.weights[end].node == node { end += 1 }
      ranges[node] = start..<end
      start = end
    }
    return ranges
  }

  /// The names of all attributes that ``write(to:)`` sets or that describe single nodes.
  private var names: Set<String> {
    let nodes = [
      "treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids",
      "missing_value_tracks_true", "hitrates",
    ].map { "nodes_\($0)" }
    return Set(nodes + ["treeids", "nodeids", "ids", "weights"].map { "\(weightPrefix)_\($0)" })
  }

  /// Puts the trees into a node, each numbered from its root; hit rates, which nothing computes
  /// with, are left out.
  func write(to node: inout OnnxDraft.Node) {
    var lists = Lists()
    let ranges = weightRanges()
    for (tree, root) in source.roots.enumerated() {
      lists.add(tree, root, source, ranges)
    }
    node.remove(names)
    for attribute in lists.attributes(weightPrefix) { node.attributes.append(attribute) }
  }

  /// The attributes' lists while they grow.
  private struct Lists {
    private var trees: [Int] = []
    private var ids: [Int] = []
    private var features: [Int] = []
    private var modes: [[UInt8]] = []
    private var values: [Float] = []
    private var yes: [Int] = []
    private var no: [Int] = []
    private var missing: [Int] = []
    private var weightTrees: [Int] = []
    private var weightIDs: [Int] = []
    private var weightTargets: [Int] = []
    private var weights: [Float] = []

    mutating func add(_ tree: Int, _ root: Int, _ source: TreeSource, _ ranges: [Range<Int>]) {
      let start = ids.count
      // The node and where its parent wants its number: on the true side, on the false side.
      var stack: [(node: Int, parent: Int, isTrue: Bool)] = [(root, -1, false)]
      while let (index, parent, isTrue) = stack.popLast() {
        let place = ids.count
        let id = place - start
        if parent >= 0 {
          if isTrue { yes[parent] = id } else { no[parent] = id }
        }
        let node = source.nodes[index]
        trees.append(tree)
        ids.append(id)
        features.append(node.feature)
        modes.append(Array(Lists.name(node.mode).utf8))
        values.append(Float(node.threshold))
        yes.append(0)
        no.append(0)
        missing.append(node.missingIsTrue ? 1 : 0)
        if node.mode == .leaf {
          for weight in source.weights[ranges[index]] {
            weightTrees.append(tree)
            weightIDs.append(id)
            weightTargets.append(weight.target)
            weights.append(Float(weight.value))
          }
        } else {
          stack.append((node.whenFalse, place, false))
          stack.append((node.whenTrue, place, true))
        }
      }
    }

    private static func name(_ mode: TreeSource.Mode) -> String {
      switch mode {
      case .lessOrEqual: "BRANCH_LEQ"
      case .less: "BRANCH_LT"
      case .greaterOrEqual: "BRANCH_GTE"
      case .greater: "BRANCH_GT"
      case .equal: "BRANCH_EQ"
      case .notEqual: "BRANCH_NEQ"
      case .leaf, .member: "LEAF"
      }
    }

    func attributes(_ prefix: String) -> [OnnxDraft.Attribute] {
      var list: [OnnxDraft.Attribute] = [
        .ints("nodes_treeids", trees), .ints("nodes_nodeids", ids),
        .ints("nodes_featureids", features), .strings("nodes_modes", modes),
        .floats("nodes_values", values), .ints("nodes_truenodeids", yes),
        .ints("nodes_falsenodeids", no), .ints("\(prefix)_treeids", weightTrees),
        .ints("\(prefix)_nodeids", weightIDs), .ints("\(prefix)_ids", weightTargets),
        .floats("\(prefix)_weights", weights),
      ]
      if missing.contains(1) { list.append(.ints("nodes_missing_value_tracks_true", missing)) }
      return list
    }
  }
}
