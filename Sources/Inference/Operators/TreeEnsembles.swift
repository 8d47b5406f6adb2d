import Core

/// ai.onnx.ml tree ensembles.
let treeOperators: OperatorTable = [
  "TreeEnsembleClassifier": { call throws(KernelFault) in try TreeClassifierKernel(call) },
  "TreeEnsembleRegressor": { call throws(KernelFault) in try TreeRegressorKernel(call) },
  "TreeEnsemble": { call throws(KernelFault) in try TreeEnsembleKernel(call) },
]

/// base_values, as floats or as a tensor.
private func baseValues(_ call: OperatorCall) throws(KernelFault) -> [Float] {
  if let tensor = try call.tensor("base_values_as_tensor") {
    switch tensor.elementType {
    case .float32: return Array(tensor.elements(Float.self))
    case .float64: return tensor.elements(Double.self).map { Float($0) }
    default: throw unsupportedElement(tensor.elementType)
    }
  }
  return try call.floats("base_values")
}

/// Trees that add up to numbers.
struct TreeRegressorKernel: Kernel {
  let scorer: TreeScorer
  let base: [Float]
  let transform: PostTransform

  init(_ call: OperatorCall) throws(KernelFault) {
    var attributes = try TreeAttributes(call, weightPrefix: "target")
    let targets = try call.int("n_targets", default: 1)
    guard (1...1_000_000).contains(targets) else {
      throw KernelFault(.malformed, "\(targets) targets")
    }
    attributes.source.targets = targets
    let name = try call.string("aggregate_function") ?? "SUM"
    guard let aggregate = TreeScorer.Aggregate(rawValue: name) else {
      throw KernelFault(.malformed, "the aggregate function \"\(printable(name))\"")
    }
    scorer = try TreeScorer(attributes, aggregate: aggregate, limits: call.limits)
    let given = try baseValues(call)
    guard given.isEmpty || given.count == targets else {
      throw KernelFault(.malformed, "\(given.count) base values for \(targets) targets")
    }
    base = given.isEmpty ? Array(repeating: 0, count: targets) : given
    transform = try PostTransform(call)
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let shape = try io.input(0).shape
    let width = max(columnCount(shape), 1)
    let targets = base.count
    let out = try io.output(0, .float32, Shape(shape.count / width, targets), as: Float.self)
    try scorer.run(io, input: 0) { row, sums, has in
      let to = out + row * targets
      // As onnxruntime: one of several targets that no leaf votes for has no base value either.
      for i in 0..<targets {
        to[i] = has[i] || targets == 1 ? Float(sums[i] + Double(base[i])) : 0
      }
      // onnxruntime leaves a single target alone, but for PROBIT.
      if targets > 1 || transform == .probit { transform.apply(to, targets) }
    }
  }
}

/// Trees that add up to scores of classes.
///
/// For two classes the specification leaves open what one column of weights means; this follows
/// onnxruntime, which exporters test with.
struct TreeClassifierKernel: Kernel {
  let scorer: TreeScorer
  let labels: ClassLabels
  let base: [Float]
  let transform: PostTransform
  /// Two labels, and all weights belong to one of them.
  let isBinary: Bool
  let isAllPositive: Bool

  init(_ call: OperatorCall) throws(KernelFault) {
    labels = try ClassLabels(call, integers: "classlabels_int64s")
    guard labels.count >= 2 else {
      throw call.unsupported("a tree classifier with \(labels.count) labels")
    }
    var attributes = try TreeAttributes(call, weightPrefix: "class")
    attributes.source.targets = labels.count
    let first = attributes.source.weights.first?.target
    isBinary =
      labels.count == 2 && attributes.source.weights.allSatisfy { $0.target == first }
    isAllPositive = attributes.source.weights.allSatisfy { !($0.value < 0) }
    scorer = try TreeScorer(attributes, aggregate: .sum, limits: call.limits)
    base = try baseValues(call)
    guard base.count <= labels.count else {
      throw KernelFault(.malformed, "\(base.count) base values for \(labels.count) labels")
    }
    transform = try PostTransform(call)
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let shape = try io.input(0).shape
    let rows = shape.count / max(columnCount(shape), 1)
    let classes = labels.count
    let names = try labels.output(io, rows: rows)
    let out = try io.output(1, .float32, Shape(rows, classes), as: Float.self)
    try scorer.run(io, input: 0) { row, sums, has in
      let to = out + row * classes
      if classes > 2 {
        labels.write(manyClasses(sums, has, to), row, names)
      } else {
        labels.write(twoClasses(sums, has, to), row, names)
      }
    }
  }

  private func manyClasses(
    _ sums: UnsafeMutablePointer<Double>, _ has: UnsafeMutablePointer<Bool>,
    _ to: UnsafeMutablePointer<Float>
  ) -> Int {
    var best = -1
    for i in 0..<labels.count {
      if i < base.count {
        sums[i] += Double(base[i])
        has[i] = true
      }
      to[i] = has[i] ? Float(sums[i]) : 0
      if has[i] && (best < 0 || to[i] > to[best]) { best = i }
    }
    transform.apply(to, labels.count)
    return max(best, 0)
  }

  private func twoClasses(
    _ sums: UnsafeMutablePointer<Double>, _ has: UnsafeMutablePointer<Bool>,
    _ to: UnsafeMutablePointer<Float>
  ) -> Int {
    var first = Float(sums[0])
    var second = Float(sums[1])
    let hasFirst = has[0]
    let hasSecond = has[1]
    if base.count == 2 {
      if hasSecond {
        second = Float(sums[0] + Double(base[1]))
        first = -second
      } else {
        first = Float(sums[0] + Double(base[0]))
        second = Float(sums[1] + Double(base[1]))
      }
    } else if base.count == 1 {
      first = Float(sums[0] + Double(base[0]))
    }
    let positive = hasSecond ? second : hasFirst ? first : 0
    let threshold: Float = isBinary && isAllPositive ? 0.5 : 0
    let label = positive > threshold ? 1 : 0
    if base.count == 2 || hasSecond {
      to[0] = hasFirst ? first : 0
      to[1] = hasSecond ? second : 0
      transform.apply(to, 2)
      return label
    }
    writeOneScore(hasFirst ? first : 0, to)
    return label
  }

  /// One score for two classes.
  private func writeOneScore(_ score: Float, _ to: UnsafeMutablePointer<Float>) {
    switch transform {
    case .logistic:
      to[0] = sigmoid(-score)
      to[1] = sigmoid(score)
    case .probit:
      to[0] = PostTransform.probit(score)
      to[1] = 0
    case .none, .softmax, .softmaxZero:
      to[0] = isBinary && isAllPositive ? 1 - score : -score
      to[1] = score
    }
  }
}

/// Trees that add up to numbers, in the form of ai.onnx.ml 5.
struct TreeEnsembleKernel: Kernel {
  private enum Walker: Sendable {
    case forest(TreeScorer)
    case plain(PlainTrees)
  }

  private let walker: Walker
  private let targets: Int
  private let transform: PostTransform

  init(_ call: OperatorCall) throws(KernelFault) {
    let trees = try SplitLeafTrees(call)
    let order: [TreeScorer.Aggregate] = [.average, .sum, .minimum, .maximum]
    let number = try call.int("aggregate_function", default: 1)
    guard order.indices.contains(number),
      let transform = PostTransform(number: try call.int("post_transform", default: 0))
    else { throw KernelFault(.malformed, "an unknown aggregate function or post_transform") }
    self.transform = transform
    targets = trees.source.targets
    let treeOfNode = try trees.treeOfNode()
    if trees.isDouble {
      walker = .plain(try PlainTrees(trees.source, aggregate: order[number]))
      guard transform == .none else {
        throw call.unsupported("a post_transform of 64-bit scores")
      }
    } else {
      // Leaves are in the order of their numbers, as the forest wants them.
      walker = .forest(
        try TreeScorer(
          trees.source, treeOfNode: treeOfNode, aggregate: order[number], limits: call.limits))
    }
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    let shape = Shape(view.count / max(columnCount(view.shape), 1), targets)
    switch view.type {
    case .float64:
      guard transform == .none else { throw unsupportedElement(view.type) }
      let out = try io.output(0, .float64, shape, as: Double.self)
      try score(io) { row, sums, has in
        for i in 0..<targets { out[row * targets + i] = has[i] ? sums[i] : 0 }
      }
    case .float32:
      let out = try io.output(0, .float32, shape, as: Float.self)
      try score(io) { row, sums, has in
        let to = out + row * targets
        for i in 0..<targets { to[i] = has[i] ? Float(sums[i]) : 0 }
        // As for TreeEnsembleRegressor: a single target is left alone, but for PROBIT.
        if targets > 1 || transform == .probit { transform.apply(to, targets) }
      }
    default: throw unsupportedElement(view.type)
    }
  }

  private func score(
    _ io: NodeIO,
    _ finish: (Int, UnsafeMutablePointer<Double>, UnsafeMutablePointer<Bool>) -> Void
  ) throws(KernelFault) {
    switch walker {
    case .forest(let scorer): try scorer.run(io, input: 0, finish: finish)
    case .plain(let trees): try trees.run(io, input: 0, finish: finish)
    }
  }
}
