import Core
import Glibc

/// ai.onnx.ml support vector machines.
let supportVectorOperators: OperatorTable = [
  "SVMClassifier": { call throws(KernelFault) in try SupportVectorClassifierKernel(call) },
  "SVMRegressor": { call throws(KernelFault) in try SupportVectorRegressorKernel(call) },
]

/// Vectors, and how alike a row is to each of them.
///
/// Computed in double: coefficients may be thousands of times larger than their sum, which 32-bit
/// products would blur.
///
/// `@unchecked Sendable`: written only before `init` returns.
final class SupportVectors: @unchecked Sendable {
  enum Likeness: String, Sendable {
    case linear = "LINEAR"
    case polynomial = "POLY"
    case radial = "RBF"
    case sigmoid = "SIGMOID"
  }

  let count: Int
  let features: Int
  /// Features rounded up to whole vectors of eight; the rest is zeros.
  let stride: Int
  private let likeness: Likeness
  private let gamma: Double
  private let offset: Double
  private let degree: Double
  private let values: UnsafeMutablePointer<Float>

  init(
    _ list: [Float], count: Int, call: OperatorCall, isLinear: Bool
  ) throws(KernelFault) {
    guard count >= 1, !list.isEmpty, list.count % count == 0 else {
      throw KernelFault(.malformed, "\(list.count) numbers for \(count) support vectors")
    }
    let name = try call.string("kernel_type") ?? "LINEAR"
    guard let likeness = Likeness(rawValue: name) else {
      throw KernelFault(.malformed, "the kernel type \"\(printable(name))\"")
    }
    self.likeness = isLinear ? .linear : likeness
    let parameters = try call.floats("kernel_params")
    guard parameters.isEmpty || parameters.count >= 3 else {
      throw KernelFault(.malformed, "\(parameters.count) kernel parameters, three are expected")
    }
    (gamma, offset, degree) =
      parameters.isEmpty
      ? (0, 0, 0) : (Double(parameters[0]), Double(parameters[1]), Double(parameters[2]))
    self.count = count
    features = list.count / count
    stride = (features + 7) & ~7
    let (room, overflow) = count.multipliedReportingOverflow(by: stride)
    guard !overflow, room <= call.limits.constantElementsMax else {
      throw KernelFault(.limit, "\(count) support vectors of \(features) numbers")
    }
    values = .allocate(capacity: room)
    values.initialize(repeating: 0, count: room)
    for vector in 0..<count {
      for i in 0..<features { values[vector * stride + i] = list[vector * features + i] }
    }
  }

  deinit { values.deallocate() }

  /// How alike the row (padded to ``stride``) is to each vector; linear ones get `shift` added.
  func measure(
    _ row: UnsafePointer<Double>, shift: Double, _ out: UnsafeMutablePointer<Double>
  ) {
    for vector in 0..<count {
      let at = values + vector * stride
      switch likeness {
      case .radial: out[vector] = exp(-gamma * distance(row, at))
      case .linear: out[vector] = product(row, at) + shift
      case .polynomial:
        let base = gamma * product(row, at) + offset
        out[vector] =
          degree == 2
          ? base * base
          : degree == 3
            ? base * base * base
            : pow(base, degree)
      case .sigmoid: out[vector] = tanh(gamma * product(row, at) + offset)
      }
    }
  }

  @inline(__always)
  private func eight(_ from: UnsafePointer<Double>, _ i: Int) -> SIMD8<Double> {
    UnsafeRawPointer(from + i).loadUnaligned(as: SIMD8<Double>.self)
  }

  @inline(__always)
  private func eight(_ from: UnsafePointer<Float>, _ i: Int) -> SIMD8<Double> {
    SIMD8<Double>(UnsafeRawPointer(from + i).loadUnaligned(as: SIMD8<Float>.self))
  }

  private func product(_ a: UnsafePointer<Double>, _ b: UnsafePointer<Float>) -> Double {
    var sum = SIMD8<Double>(repeating: 0)
    var i = 0
    while i < stride {
      sum += eight(a, i) * eight(b, i)
      i &+= 8
    }
    return sum.sum()
  }

  private func distance(_ a: UnsafePointer<Double>, _ b: UnsafePointer<Float>) -> Double {
    var sum = SIMD8<Double>(repeating: 0)
    var i = 0
    while i < stride {
      let difference = eight(a, i) - eight(b, i)
      sum += difference * difference
      i &+= 8
    }
    return sum.sum()
  }

  /// The rows of an input: a vector is one.
  func rows(_ view: TensorView) throws(KernelFault) -> Int {
    try requireNumeric(view)
    guard view.shape.rank == 1 || view.shape.rank == 2, columnCount(view.shape) == features else {
      throw KernelFault(.shape, "\(view.shape.list), the model has \(features) columns")
    }
    return view.shape.rank == 1 ? 1 : view.shape[0]
  }

  /// Copies a row to where it is padded with zeros.
  func load(_ view: TensorView, _ row: Int, _ to: UnsafeMutablePointer<Double>) {
    for i in 0..<features { to[i] = Double(floatElement(view, row * features + i)) }
    for i in features..<stride { to[i] = 0 }
  }
}

/// One number: a weighted sum of likenesses, or for one class its sign.
struct SupportVectorRegressorKernel: Kernel {
  private let vectors: SupportVectors
  /// Empty: the only vector is the coefficients themselves.
  private let coefficients: [Float]
  private let shift: Double
  private let isOneClass: Bool

  init(_ call: OperatorCall) throws(KernelFault) {
    let coefficients = try call.floats("coefficients")
    let count = try call.int("n_supports", default: 0)
    guard let shift = try call.floats("rho").first, !coefficients.isEmpty else {
      throw KernelFault(.malformed, "coefficients or rho is missing")
    }
    guard count <= 0 || coefficients.count == count else {
      throw KernelFault(.malformed, "\(coefficients.count) coefficients for \(count) vectors")
    }
    guard try PostTransform(call) == .none else {
      throw call.unsupported("a post_transform of SVMRegressor")
    }
    self.shift = Double(shift)
    isOneClass = try call.int("one_class", default: 0) != 0
    self.coefficients = count > 0 ? coefficients : []
    vectors = try SupportVectors(
      count > 0 ? try call.floats("support_vectors") : coefficients, count: max(count, 1),
      call: call, isLinear: count <= 0)
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    let rows = try vectors.rows(view)
    let row = try io.scratch(vectors.stride + vectors.count, of: Double.self)
    let likenesses = row + vectors.stride
    let out = try io.output(0, .float32, Shape(rows, 1), as: Float.self)
    for r in 0..<rows {
      vectors.load(view, r, row)
      vectors.measure(row, shift: coefficients.isEmpty ? shift : 0, likenesses)
      var sum = likenesses[0]
      if !coefficients.isEmpty {
        sum = shift
        for i in 0..<vectors.count { sum += likenesses[i] * Double(coefficients[i]) }
      }
      out[r] = isOneClass ? (sum > 0 ? 1 : -1) : Float(sum)
    }
  }
}
