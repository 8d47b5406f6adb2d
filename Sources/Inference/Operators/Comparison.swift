import Core

/// Equal, Less, Greater and their kin; And, Or, Xor, Not; Where.
let comparisonOperators: OperatorTable = [
  "Equal": { _ in EqualKernel() },
  "Less": { _ in compare(LessRule.self) },
  "LessOrEqual": { _ in compare(LessOrEqualRule.self) },
  "Greater": { _ in compare(GreaterRule.self) },
  "GreaterOrEqual": { _ in compare(GreaterOrEqualRule.self) },
  "And": { _ in LogicKernel { $0 & $1 } },
  "Or": { _ in LogicKernel { $0 | $1 } },
  "Xor": { _ in LogicKernel { $0 ^ $1 } },
  "Not": { _ in NotKernel() },
  "Where": { _ in WhereKernel() },
]

private func compare<Rule: CompareRule>(_: Rule.Type) -> any Kernel {
  let kernel = CompareKernel<Rule>()
  return ClosureKernel { io throws(KernelFault) in try kernel.run(io) }
}

/// What a comparison says of one pair.
protocol CompareRule: Sendable {
  static func apply<T: Comparable>(_ a: T, _ b: T) -> Bool
}

enum LessRule: CompareRule {
  @inline(__always) static func apply<T: Comparable>(_ a: T, _ b: T) -> Bool { a < b }
}
enum LessOrEqualRule: CompareRule {
  @inline(__always) static func apply<T: Comparable>(_ a: T, _ b: T) -> Bool { a <= b }
}
enum GreaterRule: CompareRule {
  @inline(__always) static func apply<T: Comparable>(_ a: T, _ b: T) -> Bool { a > b }
}
enum GreaterOrEqualRule: CompareRule {
  @inline(__always) static func apply<T: Comparable>(_ a: T, _ b: T) -> Bool { a >= b }
}
enum EqualRule: CompareRule {
  @inline(__always) static func apply<T: Comparable>(_ a: T, _ b: T) -> Bool { a == b }
}

/// A broadcasting comparison of numbers.
struct CompareKernel<Rule: CompareRule>: Sendable {
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
    let shape = try Shape.broadcast(aShape, bShape)
    let out = try io.output(0, .bool, shape, as: UInt8.self)
    Broadcast.binary(a, aShape, b, bShape, out, shape) {
      unsafeBitCast(Rule.apply($0, $1), to: UInt8.self)
    }
  }
}

/// Equality, also of truth values and texts.
struct EqualKernel: Kernel {
  func run(_ io: NodeIO) throws(KernelFault) {
    let type = try io.input(0).type
    switch type {
    case .bool:
      try pairs(io, .bool, UInt8.self) { $0 == $1 ? 1 : 0 }
    case .text:
      try pairs(io, .text, TextRef.self) { $0.isEqual($1) ? 1 : 0 }
    default: try CompareKernel<EqualRule>().run(io)
    }
  }

  private func pairs<T>(
    _ io: NodeIO, _ type: ElementType, _: T.Type, _ apply: (T, T) -> UInt8
  ) throws(KernelFault) {
    let (a, aShape) = try io.input(0, type, as: T.self)
    let (b, bShape) = try io.input(1, type, as: T.self)
    let shape = try Shape.broadcast(aShape, bShape)
    let out = try io.output(0, .bool, shape, as: UInt8.self)
    Broadcast.binary(a, aShape, b, bShape, out, shape, apply)
  }
}

/// A broadcasting connective of truth values.
struct LogicKernel: Kernel {
  let apply: @Sendable (UInt8, UInt8) -> UInt8

  func run(_ io: NodeIO) throws(KernelFault) {
    let (a, aShape) = try io.input(0, .bool, as: UInt8.self)
    let (b, bShape) = try io.input(1, .bool, as: UInt8.self)
    let shape = try Shape.broadcast(aShape, bShape)
    let out = try io.output(0, .bool, shape, as: UInt8.self)
    Broadcast.binary(a, aShape, b, bShape, out, shape, apply)
  }
}

/// Negation of truth values.
struct NotKernel: Kernel {
  func run(_ io: NodeIO) throws(KernelFault) {
    let (a, shape) = try io.input(0, .bool, as: UInt8.self)
    let out = try io.output(0, .bool, shape, as: UInt8.self)
    for i in 0..<shape.count { out[i] = a[i] ^ 1 }
  }
}

/// Chooses between two tensors element by element.
struct WhereKernel: Kernel {
  func run(_ io: NodeIO) throws(KernelFault) {
    let type = try io.input(1).type
    switch type.strideBytes {
    case 1: try go(io, type, UInt8.self)
    case 2: try go(io, type, UInt16.self)
    case 4: try go(io, type, UInt32.self)
    case 8: try go(io, type, UInt64.self)
    default: try go(io, type, TextRef.self)
    }
  }

  private func go<T>(_ io: NodeIO, _ type: ElementType, _: T.Type) throws(KernelFault) {
    let (test, testShape) = try io.input(0, .bool, as: UInt8.self)
    let (a, aShape) = try io.input(1, type, as: T.self)
    let (b, bShape) = try io.input(2, type, as: T.self)
    let shape = try Shape.broadcast(try Shape.broadcast(aShape, bShape), testShape)
    let out = try io.output(0, type, shape, as: T.self)
    // First the second choice everywhere, then the first where the test holds.
    Broadcast.binary(b, bShape, out, shape, out, shape) { y, _ in y }
    if testShape == shape && aShape == shape {
      for i in 0..<shape.count where test[i] != 0 { out[i] = a[i] }
      return
    }
    Broadcast.walk(shape, testShape, aShape) { at, x, y, length, xStep, yStep in
      for i in 0..<length where test[x + i * xStep] != 0 { out[at + i] = a[y + i * yStep] }
    }
  }
}
