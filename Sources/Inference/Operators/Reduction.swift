import Core

/// Reductions over axes.
let reductionOperators: OperatorTable = [
  "ReduceSum": { call throws(KernelFault) in try reduce(SumReduction.self, call) },
  "ReduceMean": { call throws(KernelFault) in try reduce(MeanReduction.self, call) },
  "ReduceMax": { call throws(KernelFault) in try reduce(MaxReduction.self, call) },
  "ReduceMin": { call throws(KernelFault) in try reduce(MinReduction.self, call) },
  "ReduceProd": { call throws(KernelFault) in try reduce(ProductReduction.self, call) },
  "ReduceL1": { call throws(KernelFault) in try reduce(L1Reduction.self, call) },
  "ReduceL2": { call throws(KernelFault) in try reduce(L2Reduction.self, call) },
  "ReduceSumSquare": { call throws(KernelFault) in try reduce(SquareReduction.self, call) },
  "ReduceLogSum": { call throws(KernelFault) in try reduce(LogSumReduction.self, call) },
  "ReduceLogSumExp": { call throws(KernelFault) in try reduce(LogSumExpReduction.self, call) },
]

private func reduce<Rule: Reduction>(
  _: Rule.Type, _ call: OperatorCall
) throws(KernelFault) -> any Kernel {
  let kernel = try ReduceKernel<Rule>(call)
  return ClosureKernel { io throws(KernelFault) in try kernel.run(io) }
}

/// How a run of elements becomes one.
protocol Reduction: Sendable {
  /// Whether truth values can be reduced: only the largest and the least.
  static var takesTruth: Bool { get }
  /// The run's value; `at(i)` gives element `i` of `count`.
  static func reduce<T: NumericElement>(_ count: Int, _ at: (Int) -> T) -> T
}

extension Reduction {
  static var takesTruth: Bool { false }
}

enum SumReduction: Reduction {
  @inline(__always)
  static func reduce<T: NumericElement>(_ count: Int, _ at: (Int) -> T) -> T {
    var sum = T.zero
    for i in 0..<count { sum = T.plus(sum, at(i)) }
    return sum
  }
}
enum MeanReduction: Reduction {
  @inline(__always)
  static func reduce<T: NumericElement>(_ count: Int, _ at: (Int) -> T) -> T {
    T.over(SumReduction.reduce(count, at), T(count))
  }
}
enum MaxReduction: Reduction {
  static let takesTruth = true
  @inline(__always)
  static func reduce<T: NumericElement>(_ count: Int, _ at: (Int) -> T) -> T {
    guard count > 0 else { return extreme(T.self, isLow: true) }
    var best = at(0)
    for i in 1..<count { best = MaximumRule.apply(at(i), best) }
    return best
  }
}
enum MinReduction: Reduction {
  static let takesTruth = true
  @inline(__always)
  static func reduce<T: NumericElement>(_ count: Int, _ at: (Int) -> T) -> T {
    guard count > 0 else { return extreme(T.self, isLow: false) }
    var best = at(0)
    for i in 1..<count { best = MinimumRule.apply(at(i), best) }
    return best
  }
}
enum ProductReduction: Reduction {
  @inline(__always)
  static func reduce<T: NumericElement>(_ count: Int, _ at: (Int) -> T) -> T {
    var product = T.one
    for i in 0..<count { product = T.times(product, at(i)) }
    return product
  }
}
enum L1Reduction: Reduction {
  @inline(__always)
  static func reduce<T: NumericElement>(_ count: Int, _ at: (Int) -> T) -> T {
    SumReduction.reduce(count) { T.magnitude(at($0)) }
  }
}
enum SquareReduction: Reduction {
  @inline(__always)
  static func reduce<T: NumericElement>(_ count: Int, _ at: (Int) -> T) -> T {
    SumReduction.reduce(count) { T.times(at($0), at($0)) }
  }
}
enum L2Reduction: Reduction {
  @inline(__always)
  static func reduce<T: NumericElement>(_ count: Int, _ at: (Int) -> T) -> T {
    fromDouble(SquareReduction.reduce(count, at).asDouble.squareRoot())
  }
}
enum LogSumReduction: Reduction {
  @inline(__always)
  static func reduce<T: NumericElement>(_ count: Int, _ at: (Int) -> T) -> T {
    fromDouble(Double.log(SumReduction.reduce(count, at).asDouble))
  }
}
/// Computed from the largest element, so that it does not overflow.
enum LogSumExpReduction: Reduction {
  @inline(__always)
  static func reduce<T: NumericElement>(_ count: Int, _ at: (Int) -> T) -> T {
    guard count > 0 else { return fromDouble(-.infinity) }
    let top = MaxReduction.reduce(count, at).asDouble
    if !top.isFinite { return fromDouble(top) }
    var sum = 0.0
    for i in 0..<count { sum += Double.exp(at(i).asDouble - top) }
    return fromDouble(top + Double.log(sum))
  }
}

@inline(__always)
private func fromDouble<T: NumericElement>(_ x: Double) -> T {
  if let float = Float(x) as? T { return float }
  if let double = x as? T { return double }
  return T(saturatingInt(x))
}

/// What the maximum (or minimum) of nothing is.
private func extreme<T: NumericElement>(_: T.Type, isLow: Bool) -> T {
  switch T.elementType {
  case .int32: T(isLow ? Int(Int32.min) : Int(Int32.max))
  case .int64: T(isLow ? Int.min : Int.max)
  case .bool: T(isLow ? 0 : 1)
  default: fromDouble(isLow ? -.infinity : .infinity)
  }
}

/// One reduction over the chosen axes.
struct ReduceKernel<Rule: Reduction>: Sendable {
  let axes: SmallIntegers?
  let keepsAxes: Bool
  let isIdentityWithoutAxes: Bool

  init(_ call: OperatorCall) throws(KernelFault) {
    axes = call.has("axes") ? try checkedIntegers(try call.ints("axes")) : nil
    keepsAxes = try call.int("keepdims", default: 1) != 0
    isIdentityWithoutAxes = try call.int("noop_with_empty_axes", default: 0) != 0
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    if Rule.takesTruth, try io.input(0).type == .bool {
      try go(io, Truth.self)
      return
    }
    try dispatchNumeric(
      try io.input(0).type, float: { () throws(KernelFault) in try go(io, Float.self) },
      double: { () throws(KernelFault) in try go(io, Double.self) },
      int32: { () throws(KernelFault) in try go(io, Int32.self) },
      int64: { () throws(KernelFault) in try go(io, Int64.self) })
  }

  private func go<T: NumericElement>(_ io: NodeIO, _: T.Type) throws(KernelFault) {
    let (x, old) = try io.input(0, T.elementType, as: T.self)
    var chosen = axes
    if chosen == nil, io.has(1) { chosen = try io.integers(1) }
    var isReduced = InlineArray<8, Bool>(repeating: false)
    if let chosen, chosen.count > 0 {
      for i in 0..<chosen.count { isReduced[try old.axis(chosen[i])] = true }
    } else if !isIdentityWithoutAxes {
      for d in 0..<old.rank { isReduced[d] = true }
    }
    var shape = Shape()
    var kept = Shape()
    var run = Shape()
    var keptSteps = InlineArray<8, Int>(repeating: 0)
    var runSteps = InlineArray<8, Int>(repeating: 0)
    for d in 0..<old.rank {
      let step = old.product(d + 1, old.rank)
      if isReduced[d] {
        runSteps[run.rank] = step
        run.append(old[d])
        if keepsAxes { shape.append(1) }
      } else {
        keptSteps[kept.rank] = step
        kept.append(old[d])
        shape.append(old[d])
      }
    }
    let out = try io.output(0, T.elementType, shape, as: T.self)
    reduce(x, out, kept, keptSteps, run, runSteps)
  }

  private func reduce<T: NumericElement>(
    _ x: UnsafeMutablePointer<T>, _ out: UnsafeMutablePointer<T>, _ kept: Shape,
    _ keptSteps: InlineArray<8, Int>, _ run: Shape, _ runSteps: InlineArray<8, Int>
  ) {
    let count = run.count
    var index = InlineArray<8, Int>(repeating: 0)
    for i in 0..<kept.count {
      var base = 0
      for d in 0..<kept.rank { base += index[d] * keptSteps[d] }
      out[i] = Rule.reduce(count) { (at: Int) -> T in
        if run.rank == 1 { return x[base + at * runSteps[0]] }
        var rest = at
        var offset = base
        var d = run.rank - 1
        while d >= 0 {
          offset += rest % run[d] * runSteps[d]
          rest /= run[d]
          d -= 1
        }
        return x[offset]
      }
      advance(&index, kept)
    }
  }
}
