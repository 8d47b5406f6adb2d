import Core
import Glibc

/// A type that tensors of numbers have.
protocol NumericElement: Comparable, Sendable {
  static var elementType: ElementType { get }
  static var zero: Self { get }
  static var one: Self { get }
  static var isInteger: Bool { get }
  init(_ value: Int)
  var asDouble: Double { get }
  var asInt: Int { get }
  static func plus(_ a: Self, _ b: Self) -> Self
  static func minus(_ a: Self, _ b: Self) -> Self
  static func times(_ a: Self, _ b: Self) -> Self
  /// Integers: towards zero, 0 for a zero divisor (which kernels refuse beforehand).
  static func over(_ a: Self, _ b: Self) -> Self
  static func power(_ a: Self, _ b: Double) -> Self
  /// ONNX Mod: the sign of the divisor, or with `likeC` that of the dividend.
  static func remainder(_ a: Self, _ b: Self, likeC: Bool) -> Self
  static func magnitude(_ a: Self) -> Self
  static func negated(_ a: Self) -> Self
  var isNotANumber: Bool { get }
}

/// Float and Double: what functions of analysis are computed in.
protocol RealElement: NumericElement, BinaryFloatingPoint {
  static func exp(_ x: Self) -> Self
  static func log(_ x: Self) -> Self
  static func log1p(_ x: Self) -> Self
  static func tanh(_ x: Self) -> Self
  static func erf(_ x: Self) -> Self
  static func sin(_ x: Self) -> Self
  static func cos(_ x: Self) -> Self
  static func tan(_ x: Self) -> Self
  static func pow(_ x: Self, _ y: Self) -> Self
}

extension Float: RealElement {
  static let elementType = ElementType.float32
  static let one: Float = 1
  static let isInteger = false
  var asDouble: Double { Double(self) }
  var asInt: Int { saturatingInt(Double(self)) }
  static func power(_ a: Float, _ b: Double) -> Float { Glibc.powf(a, Float(b)) }
  static func exp(_ x: Float) -> Float { Glibc.expf(x) }
  static func log(_ x: Float) -> Float { Glibc.logf(x) }
  static func log1p(_ x: Float) -> Float { Glibc.log1pf(x) }
  static func tanh(_ x: Float) -> Float { Glibc.tanhf(x) }
  static func erf(_ x: Float) -> Float { Glibc.erff(x) }
  static func sin(_ x: Float) -> Float { Glibc.sinf(x) }
  static func cos(_ x: Float) -> Float { Glibc.cosf(x) }
  static func tan(_ x: Float) -> Float { Glibc.tanf(x) }
  static func pow(_ x: Float, _ y: Float) -> Float { Glibc.powf(x, y) }
}

extension Double: RealElement {
  static let elementType = ElementType.float64
  static let one: Double = 1
  static let isInteger = false
  var asDouble: Double { self }
  var asInt: Int { saturatingInt(self) }
  static func power(_ a: Double, _ b: Double) -> Double { Glibc.pow(a, b) }
  static func exp(_ x: Double) -> Double { Glibc.exp(x) }
  static func log(_ x: Double) -> Double { Glibc.log(x) }
  static func log1p(_ x: Double) -> Double { Glibc.log1p(x) }
  static func tanh(_ x: Double) -> Double { Glibc.tanh(x) }
  static func erf(_ x: Double) -> Double { Glibc.erf(x) }
  static func sin(_ x: Double) -> Double { Glibc.sin(x) }
  static func cos(_ x: Double) -> Double { Glibc.cos(x) }
  static func tan(_ x: Double) -> Double { Glibc.tan(x) }
  static func pow(_ x: Double, _ y: Double) -> Double { Glibc.pow(x, y) }
}

extension RealElement {
  @inline(__always) static func plus(_ a: Self, _ b: Self) -> Self { a + b }
  @inline(__always) static func minus(_ a: Self, _ b: Self) -> Self { a - b }
  @inline(__always) static func times(_ a: Self, _ b: Self) -> Self { a * b }
  @inline(__always) static func over(_ a: Self, _ b: Self) -> Self { a / b }
  @inline(__always) static func magnitude(_ a: Self) -> Self { abs(a) }
  @inline(__always) static func negated(_ a: Self) -> Self { -a }
  static func remainder(_ a: Self, _ b: Self, likeC: Bool) -> Self {
    let rest = a.truncatingRemainder(dividingBy: b)
    return !likeC && rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest
  }
  var isNotANumber: Bool { isNaN }
}

extension Int32: NumericElement {
  static let elementType = ElementType.int32
  static let one: Int32 = 1
  static let isInteger = true
  var asDouble: Double { Double(self) }
  var asInt: Int { Int(self) }
}

extension Int64: NumericElement {
  static let elementType = ElementType.int64
  static let one: Int64 = 1
  static let isInteger = true
  var asDouble: Double { Double(self) }
  var asInt: Int { Int(self) }
}

extension NumericElement where Self: FixedWidthInteger & SignedInteger {
  static func plus(_ a: Self, _ b: Self) -> Self { a &+ b }
  static func minus(_ a: Self, _ b: Self) -> Self { a &- b }
  static func times(_ a: Self, _ b: Self) -> Self { a &* b }
  static func over(_ a: Self, _ b: Self) -> Self {
    b == 0 ? 0 : a.dividedReportingOverflow(by: b).partialValue
  }
  static func power(_ a: Self, _ b: Double) -> Self {
    Self(clamping: saturatingInt(Glibc.pow(Double(a), b)))
  }
  static func remainder(_ a: Self, _ b: Self, likeC: Bool) -> Self {
    if b == 0 { return 0 }
    let rest = a.remainderReportingOverflow(dividingBy: b).partialValue
    return !likeC && rest != 0 && (rest < 0) != (b < 0) ? rest &+ b : rest
  }
  static func magnitude(_ a: Self) -> Self { a < 0 ? 0 &- a : a }
  static func negated(_ a: Self) -> Self { 0 &- a }
  var isNotANumber: Bool { false }
}

/// A truth value seen as the number 0 or 1, for the reductions that have a meaning for it.
struct Truth: NumericElement {
  private let bit: UInt8

  static let elementType = ElementType.bool
  static let zero = Truth(0)
  static let one = Truth(1)
  static let isInteger = true
  init(_ value: Int) { bit = value == 0 ? 0 : 1 }
  var asDouble: Double { Double(bit) }
  var asInt: Int { Int(bit) }
  var isNotANumber: Bool { false }
  static func < (a: Truth, b: Truth) -> Bool { a.bit < b.bit }
  static func plus(_ a: Truth, _ b: Truth) -> Truth { Truth(Int(a.bit | b.bit)) }
  static func minus(_ a: Truth, _ b: Truth) -> Truth { Truth(Int(a.bit ^ b.bit)) }
  static func times(_ a: Truth, _ b: Truth) -> Truth { Truth(Int(a.bit & b.bit)) }
  static func over(_ a: Truth, _ b: Truth) -> Truth { a }
  static func power(_ a: Truth, _ b: Double) -> Truth { b == 0 ? one : a }
  static func remainder(_ a: Truth, _ b: Truth, likeC: Bool) -> Truth { zero }
  static func magnitude(_ a: Truth) -> Truth { a }
  static func negated(_ a: Truth) -> Truth { a }
}

/// The integer nearest to zero of `x`; what does not fit is cut to the range, NaN to the least
/// number, as the processor's own conversion does it.
func saturatingInt(_ x: Double) -> Int {
  if x.isNaN { return .min }
  if x >= 0x1p63 { return .max }
  if x < -0x1p63 { return .min }
  return Int(x)
}

/// Calls the closure of the type at hand; for kernels that have all four numeric types.
@inline(__always)
func dispatchNumeric(
  _ type: ElementType, float: () throws(KernelFault) -> Void,
  double: () throws(KernelFault) -> Void, int32: () throws(KernelFault) -> Void,
  int64: () throws(KernelFault) -> Void
) throws(KernelFault) {
  switch type {
  case .float32: try float()
  case .float64: try double()
  case .int32: try int32()
  case .int64: try int64()
  default: throw unsupportedElement(type)
  }
}

/// The error for an element type a kernel does not have.
func unsupportedElement(_ type: ElementType) -> KernelFault {
  var fault = KernelFault(
    .unsupported, "elements of type \(type.rawValue) are not supported here")
  fault.isElementType = true
  return fault
}
