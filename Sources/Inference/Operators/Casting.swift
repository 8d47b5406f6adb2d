import Core

/// Cast and CastLike.
let castOperators: OperatorTable = [
  "Cast": { call throws(KernelFault) in
    guard let number = try call.int("to") else {
      throw KernelFault(.malformed, "the attribute to is missing")
    }
    guard let type = ElementType(onnx: number) else {
      throw call.unsupported("a cast to \(onnxTypeName(number))")
    }
    return CastKernel(target: type)
  },
  "CastLike": { _ in CastKernel(target: nil) },
]

/// Changes the element type.
///
/// Floats become integers towards zero, numbers become truth values by being unlike zero, texts
/// are read and written as C's `strtod` and `%.9g`/`%.17g` do it (shortest of the two that reads
/// back the same).
struct CastKernel: Kernel {
  /// The type to make, or `nil` for that of the second input.
  let target: ElementType?
  var aliasedInput: Int? { 0 }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    let to: ElementType
    if let target { to = target } else { to = try io.input(1).type }
    if view.type == to {
      io.alias(0, of: view, shape: view.shape)
      return
    }
    switch view.type {
    case .float32: try from(view, view.pointer(Float.self), to, io) { Double($0) }
    case .float64: try from(view, view.pointer(Double.self), to, io) { $0 }
    case .int8: try fromInteger(view, Int8.self, to, io)
    case .uint8: try fromInteger(view, UInt8.self, to, io)
    case .int16: try fromInteger(view, Int16.self, to, io)
    case .uint16: try fromInteger(view, UInt16.self, to, io)
    case .int32: try fromInteger(view, Int32.self, to, io)
    case .uint32: try fromInteger(view, UInt32.self, to, io)
    case .int64: try fromInteger(view, Int64.self, to, io)
    case .uint64: try fromInteger(view, UInt64.self, to, io)
    case .bool: try fromInteger(view, UInt8.self, to, io)
    case .text: try fromText(view, to, io)
    }
  }

  private func from<S>(
    _ view: TensorView, _ x: UnsafeMutablePointer<S>, _ to: ElementType, _ io: NodeIO,
    _ real: (S) -> Double
  ) throws(KernelFault) {
    let n = view.count
    switch to {
    case .float32: try store(io, to, view, n, Float.self) { Float(real(x[$0])) }
    case .float64: try store(io, to, view, n, Double.self) { real(x[$0]) }
    case .bool: try store(io, to, view, n, UInt8.self) { real(x[$0]) != 0 ? 1 : 0 }
    case .text: try storeTexts(io, view) { numberText(real(x[$0]), isFloat: S.self == Float.self) }
    default: try storeInteger(io, to, view) { saturatingInt(real(x[$0])) }
    }
  }

  private func fromInteger<S: FixedWidthInteger>(
    _ view: TensorView, _: S.Type, _ to: ElementType, _ io: NodeIO
  ) throws(KernelFault) {
    let x = view.pointer(S.self)
    let n = view.count
    switch to {
    case .float32: try store(io, to, view, n, Float.self) { Float(x[$0]) }
    case .float64: try store(io, to, view, n, Double.self) { Double(x[$0]) }
    case .bool: try store(io, to, view, n, UInt8.self) { x[$0] != 0 ? 1 : 0 }
    case .text:
      if view.type == .bool {
        try storeTexts(io, view) { x[$0] != 0 ? "True" : "False" }
      } else {
        try storeTexts(io, view) { String(x[$0]) }
      }
    default: try storeInteger(io, to, view) { Int(truncatingIfNeeded: x[$0]) }
    }
  }

  private func storeInteger(
    _ io: NodeIO, _ to: ElementType, _ view: TensorView, _ value: (Int) -> Int
  ) throws(KernelFault) {
    let n = view.count
    switch to {
    case .int8: try store(io, to, view, n, Int8.self) { Int8(truncatingIfNeeded: value($0)) }
    case .uint8: try store(io, to, view, n, UInt8.self) { UInt8(truncatingIfNeeded: value($0)) }
    case .int16: try store(io, to, view, n, Int16.self) { Int16(truncatingIfNeeded: value($0)) }
    case .uint16: try store(io, to, view, n, UInt16.self) { UInt16(truncatingIfNeeded: value($0)) }
    case .int32: try store(io, to, view, n, Int32.self) { Int32(truncatingIfNeeded: value($0)) }
    case .uint32: try store(io, to, view, n, UInt32.self) { UInt32(truncatingIfNeeded: value($0)) }
    case .int64: try store(io, to, view, n, Int64.self) { Int64(value($0)) }
    case .uint64: try store(io, to, view, n, UInt64.self) { UInt64(bitPattern: Int64(value($0))) }
    default: throw unsupportedElement(to)
    }
  }

  @inline(__always)
  private func store<R>(
    _ io: NodeIO, _ to: ElementType, _ view: TensorView, _ n: Int, _: R.Type, _ value: (Int) -> R
  ) throws(KernelFault) {
    let out = try io.output(0, to, view.shape, as: R.self)
    for i in 0..<n { out[i] = value(i) }
  }

  private func storeTexts(
    _ io: NodeIO, _ view: TensorView, _ value: (Int) -> String
  ) throws(KernelFault) {
    let out = try io.output(0, .text, view.shape, as: TextRef.self)
    for i in 0..<view.count { out[i] = try io.makeText(value(i)) }
  }

  private func fromText(
    _ view: TensorView, _ to: ElementType, _ io: NodeIO
  ) throws(KernelFault) {
    let x = view.pointer(TextRef.self)
    var fault: KernelFault?
    let number = { (i: Int) -> Double in
      if let value = parseNumber(x[i]) { return value }
      if !io.frame.isProbe {
        fault = KernelFault(.data, "the text \"\(printable(x[i].string, limit: 40))\" is no number")
      }
      return 0
    }
    let n = view.count
    switch to {
    case .float32: try store(io, to, view, n, Float.self) { Float(number($0)) }
    case .float64: try store(io, to, view, n, Double.self) { number($0) }
    case .int32, .int64:
      try storeInteger(io, to, view) { Int(x[$0].string) ?? saturatingInt(number($0)) }
    default: throw KernelFault(.unsupported, "a cast from text to \(to.rawValue)")
    }
    if let fault { throw fault }
  }
}

extension NodeIO {
  /// Keeps a text until the next run.
  func makeText(_ text: String) throws(KernelFault) -> TextRef {
    var text = text
    let count = text.utf8.count
    let place = try frame.makeText(bytes: max(count, 1))
    text.withUTF8 { bytes in
      if let base = bytes.baseAddress { place.update(from: base, count: bytes.count) }
    }
    return TextRef(bytes: UnsafePointer(place), count: count)
  }
}

/// A number as ONNX casts write it.
private func numberText(_ x: Double, isFloat: Bool) -> String {
  if x.isNaN { return "NaN" }
  if x.isInfinite { return x < 0 ? "-INF" : "INF" }
  let text = isFloat ? "\(Float(x))" : "\(x)"
  return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}

/// Reads a whole text as a number; `nil` when it is none.
func parseNumber(_ text: TextRef) -> Double? {
  let trimmed = text.string.filter { !$0.isWhitespace }
  switch trimmed.lowercased() {
  case "nan", "+nan", "-nan": return .nan
  case "inf", "+inf", "infinity", "+infinity": return .infinity
  case "-inf", "-infinity": return -.infinity
  default: return Double(trimmed)
  }
}
