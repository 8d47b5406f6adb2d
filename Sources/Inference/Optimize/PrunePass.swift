import Core

/// Removes branches of trees that no input can reach, and branches whose two sides are equal.
///
/// What is known on the way to a node: the comparisons above it, and where the columns come from
/// (one-hot columns are 0 or 1 and at most one of a block is 1; imputed columns are never missing).
/// Every row reaches a leaf with the same weights as before, so the outputs stay bit for bit.
enum PrunePass {
  static func apply(to site: inout OptimizationSite) throws(InferenceError) {
    let analysis = site.facts.map { ColumnAnalysis(site.graph, $0) }
    for index in site.draft.nodes.indices {
      let node = site.draft.nodes[index]
      guard let made = site.graphNode(node) else { continue }
      do throws(TreeEnsembleDraft.Refusal) {
        guard var trees = try TreeEnsembleDraft.read(node, made.call) else { continue }
        guard let input = node.inputs.first, site.fact(input)?.type == .float32 else {
          throw TreeEnsembleDraft.Refusal(reason: "its input is not float32")
        }
        var knowledge = FeatureKnowledge()
        if let value = site.number(input), let columns = analysis?.of(value),
          columns.type == .float32
        {
          knowledge = FeatureKnowledge(columns)
        }
        let before = trees.source.nodes.count
        let pruned = TreePruner.prune(trees, knowledge)
        guard pruned.nodes.count < before else {
          repack(trees, index, &site)
          continue
        }
        guard keepsDecision(trees.source, pruned, trees.weightPrefix) else {
          throw TreeEnsembleDraft.Refusal(
            reason: "pruning would change how its scores are read (the signs or classes of the "
              + "weights that are left)")
        }
        trees.source = pruned
        trees.write(to: &site.draft.nodes[index])
        site.changes += before - pruned.nodes.count
      } catch {
        site.notes.append("\(made.label) is left as it is: \(error.reason)")
      }
    }
  }

  /// Writes trees that are all needed in fewer bytes, if that saves a tenth: exporters give each
  /// number of a list a tag, and add hit rates that nothing computes with.
  private static func repack(
    _ trees: TreeEnsembleDraft, _ index: Int, _ site: inout OptimizationSite
  ) {
    var node = site.draft.nodes[index]
    let before = node.attributes.reduce(0) { $0 + $1.bytes.count }
    trees.write(to: &node)
    let saved = before - node.attributes.reduce(0) { $0 + $1.bytes.count }
    guard saved > before / 10 else { return }
    site.draft.nodes[index] = node
    site.isRepacked = true
    site.notes.append("no node can go; the same trees take \(saved) bytes less, packed")
  }

  /// For two classes, decisions depend on whether all weights are of one class and none is
  /// negative, also of leaves that nothing reaches.
  private static func keepsDecision(
    _ old: TreeSource, _ new: TreeSource, _ prefix: String
  ) -> Bool {
    func traits(_ source: TreeSource) -> [Bool] {
      let first = source.weights.first?.target
      let targets = Set(source.weights.map(\.target))
      return [
        source.weights.allSatisfy { $0.target == first },
        source.weights.allSatisfy { !($0.value < 0) }, targets.contains(0), targets.contains(1),
      ]
    }
    return prefix != "class" || traits(old) == traits(new)
  }
}

/// Rebuilds trees without what cannot be reached.
struct TreePruner {
  private let old: TreeEnsembleDraft
  private let ranges: [Range<Int>]
  private let knowledge: FeatureKnowledge
  /// Bounds on the way to the node at hand.
  private var bounds: [Int: FeatureBounds]
  /// For each one-hot block, by its first column, the column that is known to be 1.
  private var hot: [Int: Int] = [:]
  private var made: [TreeSource.Node] = []
  /// For each made leaf the leaf it was.
  private var leafSource: [Int] = []

  static func prune(_ trees: TreeEnsembleDraft, _ knowledge: FeatureKnowledge) -> TreeSource {
    var pruner = TreePruner(
      old: trees, ranges: trees.weightRanges(), knowledge: knowledge, bounds: knowledge.bounds)
    var result = TreeSource()
    result.targets = trees.source.targets
    result.roots = trees.source.roots.map { pruner.rebuild($0) }
    return pruner.finish(result)
  }

  private init(
    old: TreeEnsembleDraft, ranges: [Range<Int>], knowledge: FeatureKnowledge,
    bounds: [Int: FeatureBounds]
  ) {
    self.old = old
    self.ranges = ranges
    self.knowledge = knowledge
    self.bounds = bounds
  }

  private func bounds(of feature: Int) -> FeatureBounds {
    if let block = knowledge.blockOf[feature], let one = hot[block], one != feature {
      return FeatureBounds(low: 0, high: 0, canBeMissing: false)
    }
    return bounds[feature] ?? .any
  }

  /// Rebuilds the subtree of a node; the recursion is as deep as the tree, which was measured.
  /// - Returns: its place in ``made``.
  private mutating func rebuild(_ index: Int) -> Int {
    let node = old.source.nodes[index]
    guard node.mode != .leaf else { return append(node, leaf: index) }
    let here = bounds(of: node.feature)
    var (yes, no) = here.split(node)
    let isColumn = knowledge.blockOf[node.feature] != nil
    if isColumn {
      yes = TreePruner.binary(yes)
      no = TreePruner.binary(no)
    }
    guard yes.isPossible else { return rebuild(node.whenFalse) }
    guard no.isPossible else { return rebuild(node.whenTrue) }
    let whenTrue = rebuild(node.whenTrue, node.feature, yes)
    let whenFalse = rebuild(node.whenFalse, node.feature, no)
    if let one = merged(whenTrue, whenFalse) { return one }
    var copy = node
    copy.whenTrue = whenTrue
    copy.whenFalse = whenFalse
    return append(copy, leaf: -1)
  }

  /// The same with narrower bounds of one feature, which are taken back afterwards.
  private mutating func rebuild(
    _ index: Int, _ feature: Int, _ narrowed: FeatureBounds
  ) -> Int {
    let before = bounds[feature]
    let block = knowledge.blockOf[feature]
    let hotBefore = block.flatMap { hot[$0] }
    bounds[feature] = narrowed
    if let block, narrowed.low == 1 { hot[block] = feature }
    let result = rebuild(index)
    bounds[feature] = before
    if let block { hot[block] = hotBefore }
    return result
  }

  /// Bounds of a column that is 0 or 1.
  private static func binary(_ bounds: FeatureBounds) -> FeatureBounds {
    var result = bounds
    if bounds.low > 0 { result.low = bounds.low > 1 ? .infinity : 1 }
    if bounds.high < 1 { result.high = bounds.high < 0 ? -.infinity : 0 }
    return result
  }

  private mutating func append(_ node: TreeSource.Node, leaf: Int) -> Int {
    made.append(node)
    leafSource.append(leaf)
    return made.count - 1
  }

  /// One of two leaves that are the same; both are the last nodes made.
  private func merged(_ a: Int, _ b: Int) -> Int? {
    guard made[a].mode == .leaf, made[b].mode == .leaf else { return nil }
    let (x, y) = (ranges[leafSource[a]], ranges[leafSource[b]])
    let weights = old.source.weights
    guard x.count == y.count,
      zip(x, y).allSatisfy({
        weights[$0].target == weights[$1].target
          && weights[$0].value.bitPattern == weights[$1].value.bitPattern
      })
    else { return nil }
    return a
  }

  /// Numbers the nodes that are reached from the roots, and gives the leaves their weights.
  private func finish(_ draft: TreeSource) -> TreeSource {
    var result = draft
    var place = [Int](repeating: -1, count: made.count)
    for root in draft.roots {
      var stack = [root]
      while let index = stack.popLast() {
        place[index] = result.nodes.count
        result.nodes.append(made[index])
        if made[index].mode == .leaf {
          for weight in old.source.weights[ranges[leafSource[index]]] {
            result.weights.append(
              .init(node: place[index], target: weight.target, value: weight.value))
          }
        } else {
          stack.append(made[index].whenFalse)
          stack.append(made[index].whenTrue)
        }
      }
    }
    result.roots = draft.roots.map { place[$0] }
    for index in result.nodes.indices where result.nodes[index].mode != .leaf {
      result.nodes[index].whenTrue = place[result.nodes[index].whenTrue]
      result.nodes[index].whenFalse = place[result.nodes[index].whenFalse]
    }
    return result
  }
}
