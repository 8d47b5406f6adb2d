import Core

/// Operators on one tensor, element by element.
let unaryOperators: OperatorTable = [
  "Abs": { _ in unary(AbsoluteRule.self) },
  "Neg": { _ in unary(NegateRule.self) },
  "Sign": { _ in unary(SignRule.self) },
  "Relu": { _ in unary(ReluRule.self) },
  "Sqrt": { _ in
    RealUnaryKernel {
      $0.squareRoot()
    } double: {
      $0.squareRoot()
    }
  },
  "Exp": { _ in
    RealUnaryKernel {
      Float.exp($0)
    } double: {
      Double.exp($0)
    }
  },
  "Log": { _ in
    RealUnaryKernel {
      Float.log($0)
    } double: {
      Double.log($0)
    }
  },
  "Sigmoid": { _ in
    RealUnaryKernel {
      sigmoid($0)
    } double: {
      sigmoid($0)
    }
  },
  "Tanh": { _ in
    RealUnaryKernel {
      Float.tanh($0)
    } double: {
      Double.tanh($0)
    }
  },
  "Erf": { _ in
    RealUnaryKernel {
      Float.erf($0)
    } double: {
      Double.erf($0)
    }
  },
  "Sin": { _ in
    RealUnaryKernel {
      Float.sin($0)
    } double: {
      Double.sin($0)
    }
  },
  "Cos": { _ in
    RealUnaryKernel {
      Float.cos($0)
    } double: {
      Double.cos($0)
    }
  },
  "Tan": { _ in
    RealUnaryKernel {
      Float.tan($0)
    } double: {
      Double.tan($0)
    }
  },
  "Floor": { _ in
    RealUnaryKernel {
      $0.rounded(.down)
    } double: {
      $0.rounded(.down)
    }
  },
  "Ceil": { _ in
    RealUnaryKernel {
      $0.rounded(.up)
    } double: {
      $0.rounded(.up)
    }
  },
  "Round": { _ in
    RealUnaryKernel {
      $0.rounded(.toNearestOrEven)
    } double: {
      $0.rounded(.toNearestOrEven)
    }
  },
  "Reciprocal": { _ in
    RealUnaryKernel {
      1 / $0
    } double: {
      1 / $0
    }
  },
  "Softplus": { _ in
    RealUnaryKernel {
      softplus($0)
    } double: {
      softplus($0)
    }
  },
  "Softsign": { _ in
    RealUnaryKernel {
      $0 / (1 + abs($0))
    } double: {
      $0 / (1 + abs($0))
    }
  },
  "HardSwish": { _ in
    RealUnaryKernel {
      hardSwish($0)
    } double: {
      hardSwish($0)
    }
  },
  "Mish": { _ in
    RealUnaryKernel {
      $0 * Float.tanh(softplus($0))
    } double: {
      $0 * Double.tanh(softplus($0))
    }
  },
  "Elu": { call throws(KernelFault) in
    let alpha = try call.float("alpha", default: 1)
    return RealUnaryKernel {
      elu($0, alpha)
    } double: {
      elu($0, Double(alpha))
    }
  },
  "Celu": { call throws(KernelFault) in
    let alpha = try call.float("alpha", default: 1)
    return RealUnaryKernel {
      max(0, $0) + min(0, alpha * (Float.exp($0 / alpha) - 1))
    } double: {
      max(0, $0) + min(0, Double(alpha) * (Double.exp($0 / Double(alpha)) - 1))
    }
  },
  "LeakyRelu": { call throws(KernelFault) in
    let alpha = try call.float("alpha", default: 0.01)
    return RealUnaryKernel {
      $0 < 0 ? $0 * alpha : $0
    } double: {
      $0 < 0 ? $0 * Double(alpha) : $0
    }
  },
  "Selu": { call throws(KernelFault) in
    let alpha = try call.float("alpha", default: 1.67326319217681884765625)
    let gamma = try call.float("gamma", default: 1.05070102214813232421875)
    return RealUnaryKernel {
      gamma * elu($0, alpha)
    } double: {
      Double(gamma) * elu($0, Double(alpha))
    }
  },
  "HardSigmoid": { call throws(KernelFault) in
    let alpha = try call.float("alpha", default: 0.2)
    let beta = try call.float("beta", default: 0.5)
    return RealUnaryKernel {
      max(0, min(1, alpha * $0 + beta))
    } double: {
      max(0, min(1, Double(alpha) * $0 + Double(beta)))
    }
  },
  "ThresholdedRelu": { call throws(KernelFault) in
    let alpha = try call.float("alpha", default: 1)
    return RealUnaryKernel {
      $0 > alpha ? $0 : 0
    } double: {
      $0 > Double(alpha) ? $0 : 0
    }
  },
  "Swish": { call throws(KernelFault) in
    let alpha = try call.float("alpha", default: 1)
    return RealUnaryKernel {
      $0 * sigmoid(alpha * $0)
    } double: {
      $0 * sigmoid(Double(alpha) * $0)
    }
  },
  "Gelu": { call throws(KernelFault) in
    let isApproximate = try call.string("approximate") == "tanh"
    return RealUnaryKernel {
      gelu($0, isApproximate)
    } double: {
      gelu($0, isApproximate)
    }
  },
  "IsNaN": { _ in IsNaNKernel() },
  "IsInf": { call throws(KernelFault) in
    IsInfKernel(
      negative: try call.int("detect_negative", default: 1) != 0,
      positive: try call.int("detect_positive", default: 1) != 0)
  },
  "Clip": { call throws(KernelFault) in
    ClipKernel(
      low: call.has("min") ? try call.float("min", default: 0) : nil,
      high: call.has("max") ? try call.float("max", default: 0) : nil)
  },
  "PRelu": { _ in PReluKernel() },
]

private func unary<Rule: UnaryRule>(_: Rule.Type) -> any Kernel {
  let kernel = NumericUnaryKernel<Rule>()
  return ClosureKernel { io throws(KernelFault) in try kernel.run(io) }
}

/// The logistic function, computed so that neither tail overflows.
@inline(__always)
func sigmoid<T: RealElement>(_ x: T) -> T {
  let v = 1 / (1 + T.exp(-abs(x)))
  return x < 0 ? 1 - v : v
}

@inline(__always)
private func softplus<T: RealElement>(_ x: T) -> T {
  x > 0 ? x + T.log1p(T.exp(-x)) : T.log1p(T.exp(x))
}

@inline(__always)
private func elu<T: RealElement>(_ x: T, _ alpha: T) -> T {
  x < 0 ? alpha * (T.exp(x) - 1) : x
}

@inline(__always)
private func hardSwish<T: RealElement>(_ x: T) -> T { x * max(0, min(1, x / 6 + 0.5)) }

private func gelu<T: RealElement>(_ x: T, _ isApproximate: Bool) -> T {
  if isApproximate {
    let inner: T = 0.7978845608028654 * (x + 0.044715 * x * x * x)
    return 0.5 * x * (1 + T.tanh(inner))
  }
  return 0.5 * x * (1 + T.erf(x / T(2).squareRoot()))
}

/// What a numeric kernel does to one element.
protocol UnaryRule: Sendable {
  static func apply<T: NumericElement>(_ x: T) -> T
}
enum AbsoluteRule: UnaryRule {
  @inline(__always) static func apply<T: NumericElement>(_ x: T) -> T { T.magnitude(x) }
}
enum NegateRule: UnaryRule {
  @inline(__always) static func apply<T: NumericElement>(_ x: T) -> T { T.negated(x) }
}
enum SignRule: UnaryRule {
  @inline(__always) static func apply<T: NumericElement>(_ x: T) -> T {
    x > T.zero ? T.one : x < T.zero ? T.negated(T.one) : x
  }
}
/// NaN stays NaN.
enum ReluRule: UnaryRule {
  @inline(__always) static func apply<T: NumericElement>(_ x: T) -> T { x < T.zero ? T.zero : x }
}

/// A map over any numeric type.
struct NumericUnaryKernel<Rule: UnaryRule>: Sendable {
  func run(_ io: NodeIO) throws(KernelFault) {
    try dispatchNumeric(
      try io.input(0).type, float: { () throws(KernelFault) in try go(io, Float.self) },
      double: { () throws(KernelFault) in try go(io, Double.self) },
      int32: { () throws(KernelFault) in try go(io, Int32.self) },
      int64: { () throws(KernelFault) in try go(io, Int64.self) })
  }

  private func go<T: NumericElement>(_ io: NodeIO, _: T.Type) throws(KernelFault) {
    let (x, shape) = try io.input(0, T.elementType, as: T.self)
    let out = try io.output(0, T.elementType, shape, as: T.self)
    for i in 0..<shape.count { out[i] = Rule.apply(x[i]) }
  }
}

/// A map over floats or doubles.
struct RealUnaryKernel: Kernel {
  let float: @Sendable (Float) -> Float
  let double: @Sendable (Double) -> Double

  init(
    _ float: @escaping @Sendable (Float) -> Float,
    double: @escaping @Sendable (Double) -> Double
  ) {
    self.float = float
    self.double = double
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    switch view.type {
    case .float32:
      let x = view.pointer(Float.self)
      let out = try io.output(0, .float32, view.shape, as: Float.self)
      for i in 0..<view.count { out[i] = float(x[i]) }
    case .float64:
      let x = view.pointer(Double.self)
      let out = try io.output(0, .float64, view.shape, as: Double.self)
      for i in 0..<view.count { out[i] = double(x[i]) }
    default: throw unsupportedElement(view.type)
    }
  }
}

/// Where an element is not a number.
struct IsNaNKernel: Kernel {
  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    let out = try io.output(0, .bool, view.shape, as: UInt8.self)
    switch view.type {
    case .float32:
      for i in 0..<view.count { out[i] = view.pointer(Float.self)[i].isNaN ? 1 : 0 }
    case .float64:
      for i in 0..<view.count { out[i] = view.pointer(Double.self)[i].isNaN ? 1 : 0 }
    default: throw unsupportedElement(view.type)
    }
  }
}

/// Where an element is infinite, of the signs asked for.
struct IsInfKernel: Kernel {
  let negative: Bool
  let positive: Bool

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    let out = try io.output(0, .bool, view.shape, as: UInt8.self)
    switch view.type {
    case .float32:
      for i in 0..<view.count { out[i] = test(Double(view.pointer(Float.self)[i])) }
    case .float64:
      for i in 0..<view.count { out[i] = test(view.pointer(Double.self)[i]) }
    default: throw unsupportedElement(view.type)
    }
  }

  private func test(_ x: Double) -> UInt8 {
    x.isInfinite && (x < 0 ? negative : positive) ? 1 : 0
  }
}

/// Limits to a range, given by attributes (opset 10 and before) or inputs.
struct ClipKernel: Kernel {
  let low: Float?
  let high: Float?

  func run(_ io: NodeIO) throws(KernelFault) {
    try dispatchNumeric(
      try io.input(0).type, float: { () throws(KernelFault) in try go(io, Float.self) },
      double: { () throws(KernelFault) in try go(io, Double.self) },
      int32: { () throws(KernelFault) in try go(io, Int32.self) },
      int64: { () throws(KernelFault) in try go(io, Int64.self) })
  }

  private func bound<T: NumericElement>(
    _ io: NodeIO, _ index: Int, _ attribute: Float?, _: T.Type
  ) throws(KernelFault) -> T? {
    if io.has(index) {
      let (value, shape) = try io.input(index, T.elementType, as: T.self)
      guard shape.count == 1 else { throw KernelFault(.shape, "a limit of Clip is not a scalar") }
      return value[0]
    }
    return attribute.flatMap { limit in
      if let x = limit as? T { return x }
      return T(saturatingInt(Double(limit)))
    }
  }

  private func go<T: NumericElement>(_ io: NodeIO, _: T.Type) throws(KernelFault) {
    let (x, shape) = try io.input(0, T.elementType, as: T.self)
    let low = try bound(io, 1, low, T.self)
    let high = try bound(io, 2, high, T.self)
    let out = try io.output(0, T.elementType, shape, as: T.self)
    for i in 0..<shape.count {
      var value = x[i]
      if let low, value < low { value = low }
      if let high, value > high { value = high }
      out[i] = value
    }
  }
}

/// Leaky ReLU with a slope for each element or channel.
struct PReluKernel: Kernel {
  func run(_ io: NodeIO) throws(KernelFault) {
    try dispatchNumeric(
      try io.input(0).type, float: { () throws(KernelFault) in try go(io, Float.self) },
      double: { () throws(KernelFault) in try go(io, Double.self) },
      int32: { () throws(KernelFault) in try go(io, Int32.self) },
      int64: { () throws(KernelFault) in try go(io, Int64.self) })
  }

  private func go<T: NumericElement>(_ io: NodeIO, _: T.Type) throws(KernelFault) {
    let (x, xShape) = try io.input(0, T.elementType, as: T.self)
    let (slope, slopeShape) = try io.input(1, T.elementType, as: T.self)
    let shape = try Shape.broadcast(xShape, slopeShape)
    guard shape == xShape else { throw KernelFault(.shape, "the slope is larger than the input") }
    let out = try io.output(0, T.elementType, shape, as: T.self)
    Broadcast.binary(x, xShape, slope, slopeShape, out, shape) {
      $0 < T.zero ? T.times($0, $1) : $0
    }
  }
}
