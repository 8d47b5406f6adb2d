import Core

/// Add, Sub, Mul, Div, Pow, Mod, and the element-wise folds Sum, Mean, Max, Min.
let arithmeticOperators: OperatorTable = [
  "Add": { _ in binary(AddRule.self) },
  "Sub": { _ in binary(SubtractRule.self) },
  "Mul": { _ in binary(MultiplyRule.self) },
  "Div": { _ in binary(DivideRule.self) },
  "Pow": { _ in PowerKernel() },
  "Mod": { call throws(KernelFault) in
    ModKernel(likeC: try call.int("fmod", default: 0) != 0)
  },
  "Sum": { _ in fold(AddRule.self, divides: false) },
  "Mean": { _ in fold(AddRule.self, divides: true) },
  "Max": { _ in fold(MaximumRule.self, divides: false) },
  "Min": { _ in fold(MinimumRule.self, divides: false) },
]

private func binary<Rule: BinaryRule>(_: Rule.Type) -> any Kernel {
  let kernel = BinaryKernel<Rule>()
  return ClosureKernel { io throws(KernelFault) in try kernel.run(io) }
}

private func fold<Rule: BinaryRule>(_: Rule.Type, divides: Bool) -> any Kernel {
  let kernel = FoldKernel<Rule>(divides: divides)
  return ClosureKernel { io throws(KernelFault) in try kernel.run(io) }
}

/// What a two-operand kernel does to one pair.
protocol BinaryRule: Sendable {
  static var refusesZeroInteger: Bool { get }
  static func apply<T: NumericElement>(_ a: T, _ b: T) -> T
}

extension BinaryRule {
  static var refusesZeroInteger: Bool { false }
}

enum AddRule: BinaryRule {
  @inline(__always) static func apply<T: NumericElement>(_ a: T, _ b: T) -> T { T.plus(a, b) }
}
enum SubtractRule: BinaryRule {
  @inline(__always) static func apply<T: NumericElement>(_ a: T, _ b: T) -> T { T.minus(a, b) }
}
enum MultiplyRule: BinaryRule {
  @inline(__always) static func apply<T: NumericElement>(_ a: T, _ b: T) -> T { T.times(a, b) }
}
enum DivideRule: BinaryRule {
  static let refusesZeroInteger = true
  @inline(__always) static func apply<T: NumericElement>(_ a: T, _ b: T) -> T { T.over(a, b) }
}
/// NaN wins, as in numpy's maximum.
enum MaximumRule: BinaryRule {
  @inline(__always) static func apply<T: NumericElement>(_ a: T, _ b: T) -> T {
    a > b || a.isNotANumber ? a : b
  }
}
/// NaN wins, as in numpy's minimum.
enum MinimumRule: BinaryRule {
  @inline(__always) static func apply<T: NumericElement>(_ a: T, _ b: T) -> T {
    a < b || a.isNotANumber ? a : b
  }
}

/// A broadcasting operator over two tensors of one numeric type.
struct BinaryKernel<Rule: BinaryRule>: Sendable {
  func run(_ io: NodeIO) throws(KernelFault) {
    try dispatchNumeric(
      try io.input(0).type, float: { () throws(KernelFault) in try go(io, Float.self) },
      double: { () throws(KernelFault) in try go(io, Double.self) },
      int32: { () throws(KernelFault) in try go(io, Int32.self) },
      int64: { () throws(KernelFault) in try go(io, Int64.self) })
  }

  private func go<T: NumericElement>(_ io: NodeIO, _: T.Type) throws(KernelFault) {
    let (a, aShape) = try io.input(0, T.elementType, as: T.self)
    let (b, bShape) = try io.input(1, T.elementType, as: T.self)
    if T.isInteger && Rule.refusesZeroInteger { try refuseZeros(b, bShape.count, io) }
    let shape = try Shape.broadcast(aShape, bShape)
    let out = try io.output(0, T.elementType, shape, as: T.self)
    Broadcast.binary(a, aShape, b, bShape, out, shape) { Rule.apply($0, $1) }
  }
}

private func refuseZeros<T: NumericElement>(
  _ values: UnsafeMutablePointer<T>, _ count: Int, _ io: NodeIO
) throws(KernelFault) {
  if io.frame.isProbe { return }
  for i in 0..<count where values[i] == T.zero {
    throw KernelFault(.data, "an integer is divided by zero")
  }
}

/// Remainder, with the sign of the divisor or (fmod=1) of the dividend.
struct ModKernel: Kernel {
  let likeC: Bool

  func run(_ io: NodeIO) throws(KernelFault) {
    try dispatchNumeric(
      try io.input(0).type, float: { () throws(KernelFault) in try go(io, Float.self) },
      double: { () throws(KernelFault) in try go(io, Double.self) },
      int32: { () throws(KernelFault) in try go(io, Int32.self) },
      int64: { () throws(KernelFault) in try go(io, Int64.self) })
  }

  private func go<T: NumericElement>(_ io: NodeIO, _: T.Type) throws(KernelFault) {
    let (a, aShape) = try io.input(0, T.elementType, as: T.self)
    let (b, bShape) = try io.input(1, T.elementType, as: T.self)
    if T.isInteger { try refuseZeros(b, bShape.count, io) }
    let shape = try Shape.broadcast(aShape, bShape)
    let out = try io.output(0, T.elementType, shape, as: T.self)
    Broadcast.binary(a, aShape, b, bShape, out, shape) { T.remainder($0, $1, likeC: likeC) }
  }
}

/// Powers; the exponent may have another numeric type than the base.
struct PowerKernel: Kernel {
  func run(_ io: NodeIO) throws(KernelFault) {
    try dispatchNumeric(
      try io.input(0).type, float: { () throws(KernelFault) in try base(io, Float.self) },
      double: { () throws(KernelFault) in try base(io, Double.self) },
      int32: { () throws(KernelFault) in try base(io, Int32.self) },
      int64: { () throws(KernelFault) in try base(io, Int64.self) })
  }

  private func base<T: NumericElement>(_ io: NodeIO, _: T.Type) throws(KernelFault) {
    try dispatchNumeric(
      try io.input(1).type, float: { () throws(KernelFault) in try go(io, T.self, Float.self) },
      double: { () throws(KernelFault) in try go(io, T.self, Double.self) },
      int32: { () throws(KernelFault) in try go(io, T.self, Int32.self) },
      int64: { () throws(KernelFault) in try go(io, T.self, Int64.self) })
  }

  private func go<T: NumericElement, E: NumericElement>(
    _ io: NodeIO, _: T.Type, _: E.Type
  ) throws(KernelFault) {
    let (a, aShape) = try io.input(0, T.elementType, as: T.self)
    let (b, bShape) = try io.input(1, E.elementType, as: E.self)
    let shape = try Shape.broadcast(aShape, bShape)
    let out = try io.output(0, T.elementType, shape, as: T.self)
    Broadcast.binary(a, aShape, b, bShape, out, shape) { T.power($0, $1.asDouble) }
  }
}

/// Combines any number of tensors, two at a time from the left.
struct FoldKernel<Rule: BinaryRule>: Sendable {
  /// Whether the result is divided by the number of tensors.
  let divides: Bool

  func run(_ io: NodeIO) throws(KernelFault) {
    try dispatchNumeric(
      try io.input(0).type, float: { () throws(KernelFault) in try go(io, Float.self) },
      double: { () throws(KernelFault) in try go(io, Double.self) },
      int32: { () throws(KernelFault) in try go(io, Int32.self) },
      int64: { () throws(KernelFault) in try go(io, Int64.self) })
  }

  private func go<T: NumericElement>(_ io: NodeIO, _: T.Type) throws(KernelFault) {
    var shape = try io.input(0).shape
    for i in 1..<max(io.inputCount, 1) { shape = try Shape.broadcast(shape, try io.input(i).shape) }
    let (first, firstShape) = try io.input(0, T.elementType, as: T.self)
    let out = try io.output(0, T.elementType, shape, as: T.self)
    // The first broadcast copies it to the result's shape.
    Broadcast.binary(first, firstShape, out, shape, out, shape) { a, _ in a }
    for i in 1..<max(io.inputCount, 1) {
      let (next, nextShape) = try io.input(i, T.elementType, as: T.self)
      Broadcast.binary(out, shape, next, nextShape, out, shape) { Rule.apply($0, $1) }
    }
    if divides {
      let divisor = T(io.inputCount)
      for i in 0..<shape.count { out[i] = T.over(out[i], divisor) }
    }
  }
}
