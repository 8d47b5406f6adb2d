import Core

/// Computes what does not depend on the inputs and removes what nothing reads.
///
/// The constants are those the engine computes when it loads the model, so its answers do not
/// change by a bit.
enum FoldPass {
  /// Constants may grow by this much, and no more: a long constant is cheaper to compute.
  private static let growthBytesMax = 1 << 16

  static func apply(to site: inout OptimizationSite) {
    let before = site.draft.nodes.count
    removeIdentities(&site)
    let folded = fold(site)
    if constantBytes(folded.draft) <= constantBytes(site.draft) + growthBytesMax {
      site = folded
    } else {
      site.notes.append("constants are computed at load, since the file would grow otherwise")
    }
    let constants = site.draft.initializers.count
    site.dropUnreadConstants()
    site.changes = before - site.draft.nodes.count + constants - site.draft.initializers.count
  }

  private static func constantBytes(_ draft: OnnxDraft) -> Int {
    var total = 0
    for (_, tensor) in draft.initializers {
      guard tensor.elementType == .text else {
        total += tensor.count * tensor.elementType.strideBytes
        continue
      }
      for text in tensor.elements(TextRef.self) { total += text.count + 2 }
    }
    return total
  }

  /// Leaves only the nodes that the engine would run, and gives the constants they read.
  private static func fold(_ old: OptimizationSite) -> OptimizationSite {
    var site = old
    let outputs = Set(site.draft.outputs.map(\.name))
    var known = Set(site.draft.initializers.map(\.name))
    var nodes: [OnnxDraft.Node] = []
    func isLive(_ node: OnnxDraft.Node) -> Bool { site.graphNode(node) != nil }
    // A constant that is itself an output stays with the nodes that compute it.
    var kept = Set<String>()
    for node in site.draft.nodes.reversed() {
      let isWanted = node.outputs.contains { outputs.contains($0) || kept.contains($0) }
      if !isLive(node) && isWanted { kept.formUnion(node.inputs + node.outputs) }
    }
    for node in site.draft.nodes {
      if !isLive(node) {
        if node.outputs.contains(where: kept.contains) { nodes.append(node) }
        continue
      }
      for input in node.inputs where !input.isEmpty && !known.contains(input) {
        guard !kept.contains(input), let number = site.number(input),
          let tensor = site.graph.constants[number]
        else { continue }
        known.insert(input)
        site.draft.initializers.append((input, tensor))
      }
      nodes.append(node)
    }
    site.draft.nodes = nodes
    return site
  }

  /// Lets readers of a copy read the original.
  private static func removeIdentities(_ site: inout OptimizationSite) {
    let outputs = Set(site.draft.outputs.map(\.name))
    var original: [String: String] = [:]
    for node in site.draft.nodes {
      guard let input = node.inputs.first, node.outputs.count == 1, node.inputs.count == 1,
        !outputs.contains(node.outputs[0]), site.graphNode(node) != nil, isCopy(node, site)
      else { continue }
      original[node.outputs[0]] = input
    }
    guard !original.isEmpty else { return }
    func source(_ name: String) -> String {
      var name = name
      // No longer than there are copies: the graph has no cycles.
      while let next = original[name] { name = next }
      return name
    }
    site.draft.nodes.removeAll { $0.outputs.first.map { original[$0] != nil } ?? false }
    for index in site.draft.nodes.indices {
      site.draft.nodes[index].inputs = site.draft.nodes[index].inputs.map(source)
    }
  }

  /// Whether a node's output is its input.
  private static func isCopy(_ node: OnnxDraft.Node, _ site: OptimizationSite) -> Bool {
    if node.isOperator("Identity") { return true }
    guard node.isOperator("Cast"), let from = site.fact(node.inputs[0]),
      let to = site.fact(node.outputs[0])
    else { return false }
    return from.type == to.type
  }
}
