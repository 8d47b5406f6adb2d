internal import CKernels
import Core

/// ai.onnx.ml linear models.
let linearOperators: OperatorTable = [
  "LinearClassifier": { call throws(KernelFault) in try LinearClassifierKernel(call) },
  "LinearRegressor": { call throws(KernelFault) in try LinearRegressorKernel(call) },
]

/// The labels a classifier gives out.
struct ClassLabels: Sendable {
  /// Texts or int64.
  let values: Tensor

  init(_ call: OperatorCall, integers: String) throws(KernelFault) {
    let texts = try call.strings("classlabels_strings")
    if !texts.isEmpty {
      values = Tensor(
        joined: texts.flatMap { $0 }, counts: texts.map(\.count), dims: Shape(texts.count))
      return
    }
    let list = try call.ints(integers)
    values = Tensor(.int64, Shape(list.count)) { base in
      let to = base.bindMemory(to: Int64.self, capacity: max(list.count, 1))
      for (i, value) in list.enumerated() { to[i] = Int64(value) }
    }
  }

  var count: Int { values.count }

  /// Room for one label a row in output 0.
  func output(_ io: NodeIO, rows: Int) throws(KernelFault) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(try io.output(0, values.elementType, Shape(rows), as: UInt8.self))
  }

  /// Writes label `index` at row `row`; without labels the index itself.
  @inline(__always)
  func write(_ index: Int, _ row: Int, _ out: UnsafeMutableRawPointer) {
    if values.elementType == .int64 {
      let value = index < count ? values.view.pointer(Int64.self)[index] : Int64(index)
      out.assumingMemoryBound(to: Int64.self)[row] = value
    } else {
      out.assumingMemoryBound(to: TextRef.self)[row] =
        values.view.pointer(TextRef.self)[
          min(index, count - 1)]
    }
  }
}

/// Scores to label and transformed scores: the last step of a linear classifier.
struct LinearDecision: Sendable {
  let labels: ClassLabels
  let transform: PostTransform
  /// The number of linear scores.
  let targets: Int
  /// Whether one score stands for two classes.
  let addsSecondClass: Bool

  /// How many scores a row of the output has.
  var width: Int { addsSecondClass ? 2 : targets }

  init(_ call: OperatorCall, targets: Int) throws(KernelFault) {
    labels = try ClassLabels(call, integers: "classlabels_ints")
    transform = try PostTransform(call)
    self.targets = targets
    addsSecondClass = targets == 1 && labels.count == 2
    guard targets == 1 || labels.count >= targets else {
      throw KernelFault(.malformed, "\(labels.count) labels for \(targets) scores")
    }
    guard labels.count > 0 || labels.values.elementType == .int64 else {
      throw KernelFault(.malformed, "no labels are given")
    }
  }

  /// `raw` has `targets` scores a row; writes both outputs.
  func write(
    _ io: NodeIO, _ raw: UnsafeMutablePointer<Float>, rows: Int
  ) throws(KernelFault) {
    let names = try labels.output(io, rows: rows)
    let out = try io.output(1, .float32, Shape(rows, width), as: Float.self)
    for row in 0..<rows {
      let from = raw + row * targets
      let to = out + row * width
      if targets == 1 {
        labels.write(from[0] > 0 ? 1 : 0, row, names)
        if addsSecondClass { writePair(from[0], to) } else { writeOne(from[0], to) }
        continue
      }
      var best = 0
      for i in 0..<targets {
        to[i] = from[i]
        if from[i] > from[best] { best = i }
      }
      labels.write(best, row, names)
      transform.apply(to, targets)
    }
  }

  private func writeOne(_ score: Float, _ to: UnsafeMutablePointer<Float>) {
    to[0] = score
    transform.apply(to, 1)
  }

  private func writePair(_ score: Float, _ to: UnsafeMutablePointer<Float>) {
    // As onnxruntime: the score belongs to the second class, its complement to the first.
    switch transform {
    case .logistic: to[1] = sigmoid(score)
    case .probit: to[1] = PostTransform.probit(score)
    case .none, .softmax, .softmaxZero: to[1] = score
    }
    to[0] = 1 - to[1]
  }
}

/// Scores linear in the inputs, then a decision.
struct LinearClassifierKernel: Kernel {
  let weights: PackedWeights
  let bias: PaddedVector
  let decision: LinearDecision
  /// When set, the input is assembled columns: hot places and numbers.
  var assembled: AssembledRows?

  init(_ call: OperatorCall) throws(KernelFault) {
    let coefficients = try call.floats("coefficients")
    let intercepts = try call.floats("intercepts")
    let targets = max(intercepts.count, 1)
    guard !coefficients.isEmpty, coefficients.count % targets == 0 else {
      throw KernelFault(
        .malformed, "\(coefficients.count) coefficients for \(intercepts.count) intercepts")
    }
    guard
      let weights = try PackedWeights(
        coefficients, depth: coefficients.count / targets, columns: targets, isTransposed: true)
    else { throw KernelFault(.malformed, "a coefficient is not finite") }
    self.weights = weights
    bias = PaddedVector(intercepts.isEmpty ? [0] : intercepts)
    decision = try LinearDecision(call, targets: targets)
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    if let assembled {
      let rows = try assembled.rows(io)
      let raw = try io.scratch(rows * weights.columns, of: Float.self)
      try assembled.multiply(io, 0..<rows, weights, bias.pointer, relu: false, raw)
      try decision.write(io, raw, rows: rows)
      return
    }
    let rows = try rowCount(io, weights)
    let (x, work, raw) = try linearInput(io, weights, rows: rows, extra: rows * weights.columns)
    sluice_dense(
      x, rows, weights.depth, weights.depth, weights.panels, bias.pointer, weights.columns, 0,
      work, raw)
    try decision.write(io, raw, rows: rows)
  }
}

/// The rows of input 0, which must have as many columns as the weights have rows.
private func rowCount(_ io: NodeIO, _ weights: PackedWeights) throws(KernelFault) -> Int {
  let shape = try io.input(0).shape
  let width = columnCount(shape)
  guard shape.rank >= 1, width == weights.depth else {
    throw KernelFault(.shape, "\(width) columns, the model has \(weights.depth)")
  }
  return shape.count / width
}

/// Input 0 as floats, scratch memory for the dense kernel, and room for `extra` floats.
private func linearInput(
  _ io: NodeIO, _ weights: PackedWeights, rows: Int, extra: Int
) throws(KernelFault) -> (
  UnsafePointer<Float>, UnsafeMutableRawPointer, UnsafeMutablePointer<Float>
) {
  let view = try io.input(0)
  try requireNumeric(view)
  let isFloat = view.type == .float32
  let workCount = sluice_dense_scratch_bytes(weights.depth) / 4
  let work = try io.scratch(workCount + extra + (isFloat ? 0 : view.count), of: Float.self)
  let room = work + workCount
  if isFloat {
    return (UnsafePointer(view.pointer(Float.self)), UnsafeMutableRawPointer(work), room)
  }
  let x = room + extra
  for i in 0..<view.count { x[i] = floatElement(view, i) }
  return (UnsafePointer(x), UnsafeMutableRawPointer(work), room)
}

/// Targets linear in the inputs.
struct LinearRegressorKernel: Kernel {
  let weights: PackedWeights
  let bias: PaddedVector
  let transform: PostTransform
  /// When set, the input is assembled columns: hot places and numbers.
  var assembled: AssembledRows?

  init(_ call: OperatorCall) throws(KernelFault) {
    let coefficients = try call.floats("coefficients")
    let intercepts = try call.floats("intercepts")
    let targets = try call.int("targets", default: 1)
    guard targets >= 1, !coefficients.isEmpty, coefficients.count % targets == 0,
      intercepts.isEmpty || intercepts.count == targets
    else {
      throw KernelFault(
        .malformed,
        "\(coefficients.count) coefficients and \(intercepts.count) intercepts for "
          + "\(targets) targets")
    }
    guard
      let weights = try PackedWeights(
        coefficients, depth: coefficients.count / targets, columns: targets, isTransposed: true)
    else { throw KernelFault(.malformed, "a coefficient is not finite") }
    self.weights = weights
    bias = PaddedVector(intercepts.isEmpty ? Array(repeating: 0, count: targets) : intercepts)
    transform = try PostTransform(call)
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    if let assembled {
      let rows = try assembled.rows(io)
      let out = try io.output(0, .float32, Shape(rows, weights.columns), as: Float.self)
      try assembled.multiply(io, 0..<rows, weights, bias.pointer, relu: false, out)
      for row in 0..<rows { transform.apply(out + row * weights.columns, weights.columns) }
      return
    }
    let rows = try rowCount(io, weights)
    let (x, work, _) = try linearInput(io, weights, rows: rows, extra: 0)
    let out = try io.output(0, .float32, Shape(rows, weights.columns), as: Float.self)
    sluice_dense(
      x, rows, weights.depth, weights.depth, weights.panels, bias.pointer, weights.columns, 0,
      work, out)
    for row in 0..<rows { transform.apply(out + row * weights.columns, weights.columns) }
  }
}
