import Core

/// ai.onnx.ml operators on columns of numbers.
let columnOperators: OperatorTable = [
  "Imputer": { call throws(KernelFault) in try ImputerKernel(call) },
  "Scaler": { call throws(KernelFault) in try ScalerKernel(call) },
  "Normalizer": { call throws(KernelFault) in try NormalizerKernel(call) },
  "Binarizer": { call throws(KernelFault) in
    BinarizerKernel(threshold: try call.float("threshold", default: 0))
  },
  "FeatureVectorizer": { call throws(KernelFault) in
    FeatureVectorizerKernel(widths: try call.ints("inputdimensions"))
  },
  "ArrayFeatureExtractor": { _ in ArrayFeatureExtractorKernel() },
]

/// The columns of a row: the last dimension (a vector is one row).
func columnCount(_ shape: Shape) -> Int { shape.rank == 0 ? 1 : shape[shape.rank - 1] }

/// Reads any numeric element as a float.
@inline(__always)
func floatElement(_ view: TensorView, _ i: Int) -> Float {
  switch view.type {
  case .float32: view.pointer(Float.self)[i]
  case .float64: Float(view.pointer(Double.self)[i])
  case .int32: Float(view.pointer(Int32.self)[i])
  case .int64: Float(view.pointer(Int64.self)[i])
  case .bool, .uint8: Float(view.pointer(UInt8.self)[i])
  default: .nan
  }
}

func requireNumeric(_ view: TensorView) throws(KernelFault) {
  switch view.type {
  case .float32, .float64, .int32, .int64, .bool, .uint8: return
  default: throw unsupportedElement(view.type)
  }
}

/// Puts a constant in the place of a marked value (often NaN), for each column.
struct ImputerKernel: Kernel {
  let values: [Float]
  let replaced: Float
  let integers: [Int]
  let replacedInteger: Int

  init(_ call: OperatorCall) throws(KernelFault) {
    values = try call.floats("imputed_value_floats")
    replaced = try call.float("replaced_value_float", default: 0)
    integers = try call.ints("imputed_value_int64s")
    replacedInteger = try call.int("replaced_value_int64", default: 0)
    guard !values.isEmpty || !integers.isEmpty else {
      throw KernelFault(.malformed, "no imputed values are given")
    }
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    let width = columnCount(view.shape)
    if view.type == .int64 {
      guard integers.count == width || integers.count == 1 else { throw mismatch(width) }
      let x = view.pointer(Int64.self)
      let out = try io.output(0, .int64, view.shape, as: Int64.self)
      for i in 0..<view.count {
        let fill = Int64(integers[integers.count == 1 ? 0 : i % width])
        out[i] = x[i] == Int64(replacedInteger) ? fill : x[i]
      }
      return
    }
    guard view.type == .float32 else { throw unsupportedElement(view.type) }
    guard values.count == width || values.count == 1 else { throw mismatch(width) }
    let x = view.pointer(Float.self)
    let out = try io.output(0, .float32, view.shape, as: Float.self)
    for i in 0..<view.count {
      let isMarked = replaced.isNaN ? x[i].isNaN : x[i] == replaced
      out[i] = isMarked ? values[values.count == 1 ? 0 : i % width] : x[i]
    }
  }

  private func mismatch(_ width: Int) -> KernelFault {
    KernelFault(
      .shape, "\(max(values.count, integers.count)) imputed values for \(width) columns")
  }
}

/// (x - offset) * scale for each column.
struct ScalerKernel: Kernel {
  let offsets: [Float]
  let scales: [Float]

  init(_ call: OperatorCall) throws(KernelFault) {
    offsets = try call.floats("offset")
    scales = try call.floats("scale")
    guard !offsets.isEmpty, !scales.isEmpty else {
      throw KernelFault(.malformed, "offset or scale is missing")
    }
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    try requireNumeric(view)
    let width = columnCount(view.shape)
    guard offsets.count == width || offsets.count == 1,
      scales.count == width || scales.count == 1
    else {
      throw KernelFault(
        .shape, "\(offsets.count) offsets and \(scales.count) scales for \(width) columns")
    }
    let out = try io.output(0, .float32, view.shape, as: Float.self)
    for i in 0..<view.count {
      let column = i % width
      let offset = offsets[offsets.count == 1 ? 0 : column]
      out[i] = (floatElement(view, i) - offset) * scales[scales.count == 1 ? 0 : column]
    }
  }
}

/// Divides each row by its largest absolute value, its sum of absolute values, or its length.
struct NormalizerKernel: Kernel {
  enum Norm: String, Sendable {
    case maximum = "MAX"
    case l1 = "L1"
    case l2 = "L2"
  }
  let norm: Norm

  init(_ call: OperatorCall) throws(KernelFault) {
    let name = try call.string("norm") ?? "MAX"
    guard let norm = Norm(rawValue: name) else {
      throw KernelFault(.malformed, "the norm \"\(printable(name))\"")
    }
    self.norm = norm
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    try requireNumeric(view)
    let width = columnCount(view.shape)
    let out = try io.output(0, .float32, view.shape, as: Float.self)
    if width == 0 { return }
    for row in 0..<(view.count / width) {
      let base = row * width
      var total: Float = norm == .maximum ? -.greatestFiniteMagnitude : 0
      for i in 0..<width {
        let x = floatElement(view, base + i)
        switch norm {
        // onnxruntime takes the largest value, not the largest magnitude.
        case .maximum: total = max(total, x)
        case .l1: total += abs(x)
        case .l2: total += x * x
        }
      }
      if norm == .l2 { total = total.squareRoot() }
      for i in 0..<width {
        let x = floatElement(view, base + i)
        out[base + i] = total == 0 ? x : x / total
      }
    }
  }
}

/// 1 above the threshold, otherwise 0.
struct BinarizerKernel: Kernel {
  let threshold: Float

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    switch view.type {
    case .float32: try go(io, view, Float.self)
    case .float64: try go(io, view, Double.self)
    case .int32: try go(io, view, Int32.self)
    case .int64: try go(io, view, Int64.self)
    default: throw unsupportedElement(view.type)
    }
  }

  private func go<T: NumericElement>(
    _ io: NodeIO, _ view: TensorView, _: T.Type
  ) throws(KernelFault) {
    let x = view.pointer(T.self)
    let out = try io.output(0, view.type, view.shape, as: T.self)
    for i in 0..<view.count { out[i] = x[i].asDouble > Double(threshold) ? T.one : T.zero }
  }
}

/// Joins numeric columns of any types into one table of floats.
struct FeatureVectorizerKernel: Kernel {
  let widths: [Int]

  func run(_ io: NodeIO) throws(KernelFault) {
    var width = 0
    var rows = -1
    for i in 0..<io.inputCount {
      let view = try io.input(i)
      try requireNumeric(view)
      let mine = view.shape.rank < 2 ? 1 : view.shape.product(1, view.shape.rank)
      let count = view.shape.rank == 0 ? 1 : view.shape[0]
      guard rows < 0 || rows == count else {
        throw KernelFault(.shape, "input \(i) has \(count) rows, input 0 has \(rows)")
      }
      rows = count
      width += i < widths.count && widths[i] > 0 ? widths[i] : mine
    }
    let out = try io.output(0, .float32, Shape(max(rows, 0), width), as: Float.self)
    var column = 0
    for i in 0..<io.inputCount {
      let view = try io.input(i)
      let mine = view.shape.rank < 2 ? 1 : view.shape.product(1, view.shape.rank)
      // A column too many is left out, one too few is zero.
      let wanted = i < widths.count && widths[i] > 0 ? widths[i] : mine
      for row in 0..<max(rows, 0) {
        let to = out + row * width + column
        for c in 0..<wanted { to[c] = c < mine ? floatElement(view, row * mine + c) : 0 }
      }
      column += wanted
    }
  }
}

/// Picks columns by a list of positions.
struct ArrayFeatureExtractorKernel: Kernel {
  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    let indices = try io.input(1)
    try checkIndexType(indices)
    let width = columnCount(view.shape)
    let rows = width == 0 ? 0 : view.count / width
    let count = indices.count
    var shape = view.shape
    if shape.rank <= 1 {
      shape = Shape(1, count)
    } else {
      shape[shape.rank - 1] = count
    }
    let out = UnsafeMutableRawPointer(try io.output(0, view.type, shape, as: UInt8.self))
    let stride = view.type.strideBytes
    for row in 0..<rows {
      for i in 0..<count {
        let index = indexValue(indices, i)
        guard index >= 0 && index < width else {
          if io.frame.isProbe && width > 0 { continue }
          throw KernelFault(.data, "the index \(index) is outside of \(width) columns")
        }
        (out + (row * count + i) * stride).copyMemory(
          from: view.data + (row * width + index) * stride, byteCount: stride)
      }
    }
  }
}
