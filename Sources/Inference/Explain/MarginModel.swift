import Core

/// The one tree ensemble or linear model of a graph, as far as its margins go: the scores before
/// any logistic or softmax.
struct MarginModel: Sendable {
  /// What turns the columns into scores.
  enum Form: Sendable {
    case trees(PathTrees)
    /// Coefficients by score, then by column.
    case linear([Double], width: Int)
  }

  /// One margin: a score and a constant.
  struct Output: Sendable {
    let label: String
    /// The target of the trees, or the row of the coefficients.
    let target: Int
    let constant: Double
  }

  let form: Form
  let outputs: [Output]
  /// The scores that the form gives, explained or not.
  let targetCount: Int

  /// Whether a missing value adds nothing to linear scores, instead of making them missing.
  var skipsMissing = false

  /// The columns it reads, at least.
  var width: Int {
    switch form {
    case .trees(let layout): layout.featureCount
    case .linear(_, let width): width
    }
  }

  /// For each column whether it has any influence.
  func readColumns() -> [Bool] {
    var result = [Bool](repeating: false, count: width)
    switch form {
    case .trees(let layout):
      for tree in layout.trees {
        for i in tree.start..<tree.start + tree.count where !layout.steps[i].isLeaf {
          result[Int(layout.steps[i].tested)] = true
        }
      }
    case .linear(let coefficients, let width):
      for (i, coefficient) in coefficients.enumerated() where coefficient != 0 {
        result[i % width] = true
      }
    }
    return result
  }

  /// The operators whose margins can be explained.
  static let operators: Set<String> = [
    "TreeEnsembleClassifier", "TreeEnsembleRegressor", "TreeEnsemble", "LinearClassifier",
    "LinearRegressor",
  ]

  /// Trees of any origin.
  init(_ layout: PathTrees, outputs: [Output], targetCount: Int) {
    form = .trees(layout)
    self.outputs = outputs
    self.targetCount = targetCount
  }

  /// Coefficients of any origin, by score, then by column.
  /// - Parameter skipsMissing: whether a missing value adds nothing to the scores.
  init(coefficients: [Double], width: Int, outputs: [Output], skipsMissing: Bool) {
    form = .linear(coefficients, width: width)
    self.outputs = outputs
    targetCount = outputs.count
    self.skipsMissing = skipsMissing
  }

  /// - Parameter name: what a single score is called.
  init(_ call: OperatorCall, name: String) throws(KernelFault) {
    switch call.node.operatorType {
    case "TreeEnsembleClassifier": try self.init(classifierTrees: call)
    case "TreeEnsembleRegressor": try self.init(regressorTrees: call, name: name)
    case "TreeEnsemble": try self.init(ensemble: call, name: name)
    default: try self.init(linear: call, name: name)
    }
  }

  private init(classifierTrees call: OperatorCall) throws(KernelFault) {
    let labels = try ClassLabels(call, integers: "classlabels_int64s")
    var attributes = try TreeAttributes(call, weightPrefix: "class")
    try attributes.readCovers(call)
    attributes.source.targets = labels.count
    form = .trees(try PathTrees(attributes.source, scale: 1))
    targetCount = labels.count
    let base = try MarginModel.baseValues(call)
    guard labels.count >= 2, base.count <= labels.count else {
      throw KernelFault(.malformed, "\(base.count) base values for \(labels.count) labels")
    }
    guard labels.count == 2 else {
      outputs = (0..<labels.count).map { i in
        Output(
          label: labels.text(i), target: i, constant: i < base.count ? base[i] : 0)
      }
      return
    }
    let weighed = Set(attributes.source.weights.map(\.target))
    outputs = MarginModel.pair(labels, weighed, base)
  }

  /// Two classes have one margin, the second's, unless both have weights of their own: as the
  /// operator computes it.
  private static func pair(
    _ labels: ClassLabels, _ weighed: Set<Int>, _ base: [Double]
  ) -> [Output] {
    let second = labels.text(1)
    if weighed.contains(1) {
      guard base.count < 2 else {
        return [Output(label: second, target: 0, constant: base[1])]
      }
      let positive = Output(label: second, target: 1, constant: 0)
      guard weighed.contains(0) else { return [positive] }
      return [
        Output(label: labels.text(0), target: 0, constant: base.first ?? 0), positive,
      ]
    }
    return [Output(label: second, target: 0, constant: base.first ?? 0)]
  }

  private init(regressorTrees call: OperatorCall, name: String) throws(KernelFault) {
    var attributes = try TreeAttributes(call, weightPrefix: "target")
    try attributes.readCovers(call)
    let targets = try call.int("n_targets", default: 1)
    guard (1...1_000_000).contains(targets) else {
      throw KernelFault(.malformed, "\(targets) targets")
    }
    attributes.source.targets = targets
    let scale = try MarginModel.scale(
      try call.string("aggregate_function") ?? "SUM", trees: attributes.source.roots.count)
    form = .trees(try PathTrees(attributes.source, scale: scale))
    let base = try MarginModel.baseValues(call)
    guard base.isEmpty || base.count == targets else {
      throw KernelFault(.malformed, "\(base.count) base values for \(targets) targets")
    }
    targetCount = targets
    outputs = MarginModel.numbered(name, targets, base)
  }

  private init(ensemble call: OperatorCall, name: String) throws(KernelFault) {
    let trees = try SplitLeafTrees(call)
    let order = ["AVERAGE", "SUM", "MIN", "MAX"]
    let number = try call.int("aggregate_function", default: 1)
    let scale = try MarginModel.scale(
      order.indices.contains(number) ? order[number] : "", trees: trees.source.roots.count)
    // This form has a hit rate for inner nodes only, which leaves those of the leaves unknown.
    form = .trees(try PathTrees(trees.source, scale: scale))
    targetCount = trees.source.targets
    outputs = MarginModel.numbered(name, targetCount, [])
  }

  private init(linear call: OperatorCall, name: String) throws(KernelFault) {
    let isClassifier = call.node.operatorType == "LinearClassifier"
    let coefficients = try call.floats("coefficients").map(Double.init)
    let intercepts = try call.floats("intercepts").map(Double.init)
    let targets =
      isClassifier ? max(intercepts.count, 1) : try call.int("targets", default: 1)
    guard targets >= 1, !coefficients.isEmpty, coefficients.count % targets == 0,
      intercepts.isEmpty || intercepts.count == targets
    else {
      throw KernelFault(
        .malformed,
        "\(coefficients.count) coefficients and \(intercepts.count) intercepts for "
          + "\(targets) scores")
    }
    let width = coefficients.count / targets
    form = .linear(coefficients, width: width)
    targetCount = targets
    guard isClassifier else {
      outputs = MarginModel.numbered(name, targets, intercepts)
      return
    }
    let labels = try ClassLabels(call, integers: "classlabels_ints")
    let isMirrored =
      targets == 2 && labels.count == 2 && intercepts[0] == -intercepts[1]
      && zip(coefficients.prefix(width), coefficients.suffix(width)).allSatisfy { $0 == -$1 }
    let transform = try PostTransform(call)
    // Exporters write two classes as mirrored scores; through a logistic, one of them says it all.
    let first = isMirrored && (transform == .logistic || transform == .none) ? 1 : 0
    outputs = (first..<targets).map { i in
      let label = targets == 1 && labels.count == 2 ? 1 : i
      return Output(
        label: label < labels.count ? labels.text(label) : "\(label)", target: i,
        constant: intercepts.isEmpty ? 0 : intercepts[i])
    }
  }

  private static func numbered(_ name: String, _ targets: Int, _ base: [Double]) -> [Output] {
    (0..<targets).map { i in
      Output(
        label: targets == 1 ? name : "\(name)[\(i)]", target: i,
        constant: base.isEmpty ? 0 : base[i])
    }
  }

  private static func scale(_ aggregate: String, trees: Int) throws(KernelFault) -> Double {
    switch aggregate {
    case "SUM": return 1
    case "AVERAGE": return 1 / Double(max(trees, 1))
    default:
      throw KernelFault(
        .unsupported, "contributions to the \(aggregate.lowercased()) of trees do not add up")
    }
  }

  private static func baseValues(_ call: OperatorCall) throws(KernelFault) -> [Double] {
    if let tensor = try call.tensor("base_values_as_tensor") {
      switch tensor.elementType {
      case .float32: return tensor.elements(Float.self).map(Double.init)
      case .float64: return Array(tensor.elements(Double.self))
      default: throw unsupportedElement(tensor.elementType)
      }
    }
    return try call.floats("base_values").map(Double.init)
  }
}

extension ClassLabels {
  /// Label `index` as a text.
  func text(_ index: Int) -> String {
    values.elementType == .int64
      ? "\(values.elements(Int64.self)[index])" : values.elements(TextRef.self)[index].string
  }
}
