import Core

/// Moves scalers into what reads the scaled columns: thresholds of trees, weights of linear models
/// and dense layers.
///
/// Trees give the same answers bit for bit (see ``AffineColumns/compared(_:column:)``); sums are
/// rounded otherwise than before, by an ulp or so of their terms.
enum MergePass {
  /// Scalers are merged one a round, each seeing what the last one left.
  private static let roundsMax = 64

  static func apply(
    to site: inout OptimizationSite, limits: ModelLimits
  ) throws(InferenceError) {
    var refused: Set<String> = []
    for _ in 0..<roundsMax {
      guard let place = next(site, except: refused) else { break }
      var changed = site
      if place.consumer.absorb(place, &changed) {
        remove(place, &changed)
        changed.dropUnreadConstants()
        // Read anew, so that the next round sees the consumer as it is now.
        var fresh = try OptimizationSite(changed.draft.encoded(), limits: limits)
        fresh.notes = changed.notes
        fresh.changes = changed.changes + 1
        site = fresh
      } else {
        refused.insert(place.output)
        site.notes = changed.notes
      }
    }
  }

  /// A scaler and where its columns stand in the table that a consumer reads.
  struct Place {
    let affine: AffineColumns
    /// The scaler's output.
    let output: String
    /// The first of its columns in the consumer's table.
    let first: Int
    let consumer: Consumer
  }

  /// The first scaler that may be merged.
  private static func next(_ site: OptimizationSite, except refused: Set<String>) -> Place? {
    let counts = site.readCounts()
    let producers = site.producers()
    for (index, node) in site.draft.nodes.enumerated() {
      guard let consumer = Consumer(index, node, site), let input = node.inputs.first else {
        continue
      }
      // Values to look at, with the consumer's column that they begin at.
      var open = [(name: input, first: 0)]
      while let (name, first) = open.popLast() {
        guard counts[name] == 1, let from = producers[name] else { continue }
        let producer = site.draft.nodes[from]
        if let affine = AffineColumns(producer, site) {
          if refused.contains(name) { continue }
          return Place(affine: affine, output: name, first: first, consumer: consumer)
        }
        guard isJoin(producer, site) else { continue }
        var place = first
        for part in producer.inputs {
          guard let width = site.tableWidth(part) else { break }
          open.append((part, place))
          place += width
        }
      }
    }
    return nil
  }

  /// Whether a node puts tables side by side, or passes one on.
  private static func isJoin(_ node: OnnxDraft.Node, _ site: OptimizationSite) -> Bool {
    guard node.outputs.count == 1, let width = site.tableWidth(node.outputs[0]) else {
      return false
    }
    let widths = node.inputs.map { site.tableWidth($0) ?? 0 }
    guard !widths.contains(0), widths.reduce(0, +) == width else { return false }
    if node.isOperator("Identity") { return true }
    if node.isOperator("FeatureVectorizer", ml: true) { return true }
    guard node.isOperator("Concat"), let kernel = site.graphNode(node)?.kernel as? ConcatKernel
    else { return false }
    return kernel.axis == 1 || kernel.axis == -1
  }

  /// Lets the scaler's one reader read what the scaler read.
  private static func remove(_ place: Place, _ site: inout OptimizationSite) {
    site.draft.nodes.removeAll { $0.outputs == [place.output] }
    for index in site.draft.nodes.indices {
      site.draft.nodes[index].inputs = site.draft.nodes[index].inputs.map {
        $0 == place.output ? place.affine.input : $0
      }
    }
  }
}

extension MergePass {
  /// A node that columns can be merged into.
  struct Consumer {
    private enum Kind { case trees, coefficients, matrix }

    private let index: Int
    private let kind: Kind

    init?(_ index: Int, _ node: OnnxDraft.Node, _ site: OptimizationSite) {
      self.index = index
      switch node.operatorType {
      case "TreeEnsembleClassifier", "TreeEnsembleRegressor": kind = .trees
      case "LinearClassifier", "LinearRegressor": kind = .coefficients
      case "MatMul", "Gemm": kind = .matrix
      default: return nil
      }
      guard
        node.domain == (kind == .matrix ? "" : "ai.onnx.ml") || node.isOperator("MatMul")
          || node.isOperator("Gemm"), let input = node.inputs.first,
        site.tableWidth(input) != nil
      else { return nil }
    }

    /// Takes the scaler's work into the consumer's own numbers.
    /// - Returns: `false` when that cannot be done; the site is then of no use.
    func absorb(_ place: Place, _ site: inout OptimizationSite) -> Bool {
      switch kind {
      case .trees: absorbIntoTrees(place, &site)
      case .coefficients: absorbIntoCoefficients(place, &site)
      case .matrix: absorbIntoMatrix(place, &site)
      }
    }

    private func absorbIntoTrees(_ place: Place, _ site: inout OptimizationSite) -> Bool {
      let node = site.draft.nodes[index]
      guard let made = site.graphNode(node),
        var trees = try? TreeEnsembleDraft.read(node, made.call)
      else { return false }
      for i in trees.source.nodes.indices where trees.source.nodes[i].mode != .leaf {
        let column = trees.source.nodes[i].feature - place.first
        guard (0..<place.affine.width).contains(column) else { continue }
        guard let moved = place.affine.compared(trees.source.nodes[i], column: column) else {
          site.notes.append(
            "the scaler before \(made.label) stays: a comparison of column \(column) cannot be "
              + "moved before it")
          return false
        }
        trees.source.nodes[i] = moved
      }
      trees.write(to: &site.draft.nodes[index])
      return true
    }

    private func absorbIntoCoefficients(
      _ place: Place, _ site: inout OptimizationSite
    ) -> Bool {
      let node = site.draft.nodes[index]
      guard let call = site.graphNode(node)?.call,
        let coefficients = try? call.floats("coefficients"),
        let intercepts = try? call.floats("intercepts")
      else { return false }
      let rows = (try? call.int("targets")).flatMap { $0 } ?? max(intercepts.count, 1)
      let targets = intercepts.isEmpty ? rows : intercepts.count
      guard targets >= 1, coefficients.count % targets == 0 else { return false }
      let depth = coefficients.count / targets
      var layer = LinearLayer(
        weights: coefficients, bias: intercepts.isEmpty ? nil : intercepts, depth: depth,
        columns: targets, isTransposed: true)
      guard layer.absorb(place.affine, first: place.first) else { return false }
      site.draft.nodes[index].set(.floats("coefficients", layer.weights))
      site.draft.nodes[index].set(.floats("intercepts", layer.bias ?? []))
      return true
    }

    private func absorbIntoMatrix(_ place: Place, _ site: inout OptimizationSite) -> Bool {
      let node = site.draft.nodes[index]
      guard let call = site.graphNode(node)?.call, node.inputs.count >= 2,
        let weights = site.constant(node.inputs[1]), weights.elementType == .float32,
        weights.shape.count == 2
      else { return false }
      let isGemm = node.operatorType == "Gemm"
      let isTransposed = isGemm && ((try? call.int("transB", default: 0)) ?? 0) != 0
      if isGemm {
        let isPlain =
          (try? call.int("transA", default: 0)) == 0 && (try? call.float("alpha", default: 1)) == 1
          && (try? call.float("beta", default: 1)) == 1
        guard isPlain else { return false }
      }
      let columns = weights.shape[isTransposed ? 0 : 1]
      var bias: [Float]?
      if isGemm, node.inputs.count > 2, !node.inputs[2].isEmpty {
        guard let row = site.constant(node.inputs[2]), row.elementType == .float32,
          row.count == columns || row.count == 1, row.shape.count <= 2
        else { return false }
        let list = Array(row.elements(Float.self))
        bias = list.count == 1 ? Array(repeating: list[0], count: columns) : list
      }
      var layer = LinearLayer(
        weights: Array(weights.elements(Float.self)), bias: bias,
        depth: weights.shape[isTransposed ? 1 : 0], columns: columns, isTransposed: isTransposed)
      guard layer.absorb(place.affine, first: place.first),
        let made = try? Tensor(floats: layer.weights, shape: weights.shape)
      else { return false }
      return write(layer, made, &site)
    }

    /// Gives the node its new weights; a product without a bias becomes one with a bias.
    private func write(
      _ layer: LinearLayer, _ weights: Tensor, _ site: inout OptimizationSite
    ) -> Bool {
      let name = site.freshName("\(site.draft.nodes[index].inputs[1])_merged")
      site.draft.initializers.append((name, weights))
      site.draft.nodes[index].inputs[1] = name
      guard let bias = layer.bias, let row = try? Tensor(floats: bias, shape: [bias.count]) else {
        return false
      }
      let biasName = site.freshName("\(name)_bias")
      site.draft.initializers.append((biasName, row))
      let output = site.draft.nodes[index].outputs[0]
      if site.draft.nodes[index].isOperator("MatMul"), addToSum(bias, after: output, &site) {
        return true
      }
      site.draft.nodes[index].operatorType = "Gemm"
      site.draft.nodes[index].inputs = Array(site.draft.nodes[index].inputs.prefix(2)) + [biasName]
      return true
    }

    /// Adds a row to the constant of the sum that follows, when there is one and nothing else
    /// reads the product.
    private func addToSum(
      _ bias: [Float], after output: String, _ site: inout OptimizationSite
    ) -> Bool {
      guard site.readCounts()[output] == 1,
        let sum = site.draft.nodes.firstIndex(where: {
          $0.isOperator("Add") && $0.inputs.count == 2 && $0.inputs.contains(output)
        }), let side = site.draft.nodes[sum].inputs.firstIndex(where: { $0 != output }),
        let row = site.constant(site.draft.nodes[sum].inputs[side]), row.elementType == .float32,
        row.count == bias.count, row.shape.count <= 2, row.shape.last == bias.count
      else { return false }
      let total = zip(row.elements(Float.self), bias).map { Float(Double($0) + Double($1)) }
      guard let made = try? Tensor(floats: total, shape: row.shape) else { return false }
      let name = site.freshName("\(site.draft.nodes[sum].inputs[side])_merged")
      site.draft.initializers.append((name, made))
      site.draft.nodes[sum].inputs[side] = name
      return true
    }
  }

  /// Weights and a bias, with the sums done in double precision.
  struct LinearLayer {
    private(set) var weights: [Float]
    private(set) var bias: [Float]?
    let depth: Int
    let columns: Int
    /// Whether a column's weights lie side by side.
    let isTransposed: Bool

    init(weights: [Float], bias: [Float]?, depth: Int, columns: Int, isTransposed: Bool) {
      self.weights = weights
      self.bias = bias
      self.depth = depth
      self.columns = columns
      self.isTransposed = isTransposed
    }

    /// Takes a scaler of the inputs from `first` on into weights and bias.
    /// - Returns: `false` when a number would not be finite.
    mutating func absorb(_ affine: AffineColumns, first: Int) -> Bool {
      guard first + affine.width <= depth else { return false }
      var sums = (bias ?? Array(repeating: 0, count: columns)).map(Double.init)
      for column in 0..<affine.width {
        guard let (slope, intercept) = affine.line(column: column) else { return false }
        let input = first + column
        for output in 0..<columns {
          let place = isTransposed ? output * depth + input : input * columns + output
          sums[output] += Double(weights[place]) * intercept
          weights[place] = Float(Double(weights[place]) * slope)
          guard weights[place].isFinite else { return false }
        }
      }
      bias = sums.map { Float($0) }
      return bias?.allSatisfy(\.isFinite) ?? false
    }
  }
}
