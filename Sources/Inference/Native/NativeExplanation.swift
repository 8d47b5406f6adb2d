import Core

/// From a tree library's own file to an ``ExplainedModel``.
///
/// Contributions are those of the libraries' own: XGBoost's `predict(pred_contribs=True)` goes by
/// the sums of Hessians of its nodes, LightGBM's `predict(pred_contrib=True)` by their counts of
/// samples; of gblinear each is coefficient times value, and nothing where the value is missing.
enum NativeExplanation {
  static func load(
    _ file: [UInt8], _ format: NativeFormat, _ limits: ModelLimits
  ) throws(InferenceError) -> ExplainedModel {
    let (model, _) = try NativeCompiler.decode(file, format, limits, readsCovers: true)
    let margins: MarginModel
    switch model.body {
    case .trees(let trees):
      guard trees.linearLeaves.isEmpty else {
        throw InferenceError(
          .unsupported,
          "contributions to trees with linear leaves (LightGBM's linear_tree) are not computed: "
            + "they do not follow from which leaf a row reaches", operatorName: "linear_tree")
      }
      do throws(KernelFault) {
        let layout = try PathTrees(
          source(trees, model), scale: 1 / model.divisor, decide: decision(trees, model))
        margins = MarginModel(layout, outputs: outputs(model), targetCount: model.groups)
      } catch {
        throw InferenceError(error.code, "\(model.operatorName): \(error.message)")
      }
    case .linear(let booster): margins = linear(booster, model)
    }
    let input = NativeCompiler.inputSpec(model)
    return try ExplainedModel(
      input, shape: input.shape, margins: margins, limits: limits,
      columnNames: NativeCompiler.columnNames(model))
  }

  /// One margin for each sum: a class's (the second's, when two share one), or an output's.
  private static func outputs(_ model: NativeModel) -> [MarginModel.Output] {
    (0..<model.groups).map { group in
      let label: String
      switch model.answer {
      case .classes: label = model.groups == 1 ? "1" : "\(group)"
      case .labels: label = "label[\(group)]"
      case .numbers(let name): label = model.groups == 1 ? name : "\(name)[\(group)]"
      }
      return MarginModel.Output(label: label, target: group, constant: Double(model.base[group]))
    }
  }

  private static func linear(_ booster: LinearBooster, _ model: NativeModel) -> MarginModel {
    let (width, groups) = (model.featureCount, model.groups)
    var coefficients: [Double] = []
    for group in 0..<groups {
      for feature in 0..<width {
        coefficients.append(Double(booster.weights[feature * groups + group]))
      }
    }
    let margins = outputs(model).map { output in
      MarginModel.Output(
        label: output.label, target: output.target,
        constant: output.constant + Double(booster.weights[width * groups + output.target]))
    }
    return MarginModel(
      coefficients: coefficients, width: width, outputs: margins, skipsMissing: true)
  }

  /// The trees with the features they ask about; the true side is the left one.
  private static func source(_ trees: BoostedTrees, _ model: NativeModel) -> TreeSource {
    var source = TreeSource()
    source.targets = model.groups
    source.roots = trees.roots.map(Int.init)
    source.nodes.reserveCapacity(trees.nodes.count)
    var tree = 0
    for (index, node) in trees.nodes.enumerated() {
      while tree + 1 < trees.roots.count, Int(trees.roots[tree + 1]) <= index { tree += 1 }
      guard node.isLeaf else {
        source.nodes.append(split(node, model))
        continue
      }
      source.nodes.append(TreeSource.Node())
      let scale = trees.weights.isEmpty ? 1 : trees.weights[tree]
      guard trees.hasLeafVectors else {
        let value = trees.weights.isEmpty ? node.value : Double(Float(node.value) * scale)
        source.weights.append(.init(node: index, target: Int(trees.groups[tree]), value: value))
        continue
      }
      for group in 0..<model.groups {
        let value = trees.leafVectors[Int(node.value) + group] * scale
        source.weights.append(.init(node: index, target: group, value: Double(value)))
      }
    }
    if trees.covers.count == trees.nodes.count { source.covers = trees.covers.map(Double.init) }
    return source
  }

  private static func split(_ node: BoostedTrees.Node, _ model: NativeModel) -> TreeSource.Node {
    var split = TreeSource.Node()
    // What ``decision(_:_:)`` decides instead needs a mode all the same.
    split.mode = model.isSinglePrecision ? .less : .lessOrEqual
    split.feature = Int(node.feature)
    split.threshold = node.value
    split.missingIsTrue = node.flags.contains(.missingGoesLeft)
    split.whenTrue = Int(node.left)
    split.whenFalse = Int(node.right)
    return split
  }

  /// What the nodes' plain comparisons do not say: categories, and LightGBM's missing values.
  private static func decision(
    _ trees: BoostedTrees, _ model: NativeModel
  ) -> (@Sendable (Int, Double) -> Bool)? {
    guard !trees.sets.isEmpty || !model.isSinglePrecision else { return nil }
    let test = NativeTest(trees, isSinglePrecision: model.isSinglePrecision)
    return { node, x in test.goesLeft(node, x) }
  }
}

/// The tests of a tree library, node by node.
struct NativeTest: Sendable {
  private let nodes: [BoostedTrees.Node]
  private let sets: [BoostedTrees.Set]
  /// Words of bits, or numbers that rise within each set.
  private var categories: [UInt32]
  private let setsAreBits: Bool
  private let isSinglePrecision: Bool

  init(_ trees: BoostedTrees, isSinglePrecision: Bool) {
    nodes = trees.nodes
    sets = trees.sets
    categories = trees.categories
    setsAreBits = trees.setsAreBits
    self.isSinglePrecision = isSinglePrecision
    guard !setsAreBits else { return }
    for set in sets { categories[Int(set.start)..<Int(set.start + set.count)].sort() }
  }

  /// Whether a value takes the left side of an inner node.
  func goesLeft(_ index: Int, _ value: Double) -> Bool {
    let node = nodes[index]
    let missingGoesLeft = node.flags.contains(.missingGoesLeft)
    guard !node.flags.contains(.isCategorical) else {
      if isSinglePrecision {
        // A member goes right; what is no category at all is in no set.
        if value.isNaN { return missingGoesLeft }
        return !(value >= 0 && value < 0x1p24 && isMember(UInt32(value), of: node))
      }
      return value >= 0 && value < 0x1p31 && isMember(UInt32(value), of: node)
        || value > -1 && value < 0 && isMember(0, of: node)
    }
    guard !isSinglePrecision else { return value.isNaN ? missingGoesLeft : value < node.value }
    var x = value
    if x.magnitude <= FeatureCoding.zeroMax || (x.isNaN && node.flags.contains(.missingIsZero)) {
      x = 0
    }
    if x.isNaN || (x == 0 && node.flags.contains(.zeroIsMissing)) { return missingGoesLeft }
    return x <= node.value
  }

  private func isMember(_ category: UInt32, of node: BoostedTrees.Node) -> Bool {
    let set = sets[Int(node.value)]
    let (start, count) = (Int(set.start), Int(set.count))
    if setsAreBits {
      let word = Int(category / 32)
      return word < count && categories[start + word] >> (category % 32) & 1 != 0
    }
    let list = categories[start..<start + count]
    return list.contains(sorted: category)
  }
}

extension ArraySlice where Element: Comparable {
  /// Whether a rising list has a value.
  fileprivate func contains(sorted value: Element) -> Bool {
    var (low, high) = (startIndex, endIndex)
    while low < high {
      let middle = (low + high) / 2
      if self[middle] < value { low = middle + 1 } else { high = middle }
    }
    return low < endIndex && self[low] == value
  }
}
