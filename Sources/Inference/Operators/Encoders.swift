import Core

/// ai.onnx.ml operators on categories.
let encoderOperators: OperatorTable = [
  "OneHotEncoder": { call throws(KernelFault) in try OneHotKernel(call) },
  "LabelEncoder": { call throws(KernelFault) in try labelEncoder(call) },
  "CategoryMapper": { call throws(KernelFault) in try categoryMapper(call) },
]

/// A column for each category: 1 in the one that matches.
struct OneHotKernel: Kernel {
  let texts: TextTable?
  let integers: IntegerTable
  let width: Int
  /// Whether an unknown category gives zeros (otherwise it is an error).
  let allowsUnknown: Bool

  init(_ call: OperatorCall) throws(KernelFault) {
    let strings = try call.strings("cats_strings")
    let numbers = try call.ints("cats_int64s")
    guard strings.isEmpty != numbers.isEmpty else {
      throw KernelFault(.malformed, "either cats_strings or cats_int64s is expected")
    }
    texts = strings.isEmpty ? nil : TextTable(strings, lastWins: true)
    integers = IntegerTable(numbers.map { Int64($0) }, lastWins: true)
    width = max(strings.count, numbers.count)
    allowsUnknown = try call.int("zeros", default: 1) != 0
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    guard view.shape.rank < Shape.rankMax else { throw KernelFault(.unsupported, "the rank") }
    var shape = view.shape
    shape.append(width)
    let out = try io.output(0, .float32, shape, as: Float.self)
    out.update(repeating: 0, count: shape.count)
    for i in 0..<view.count {
      let hit = try category(view, i)
      if hit >= 0 {
        out[i * width + hit] = 1
      } else if !allowsUnknown && !io.frame.isProbe {
        throw KernelFault(.data, "element \(i) is a category the model does not know")
      }
    }
  }

  private func category(_ view: TensorView, _ i: Int) throws(KernelFault) -> Int {
    if let texts {
      guard view.type == .text else { throw unsupportedElement(view.type) }
      return texts.find(view.pointer(TextRef.self)[i])
    }
    switch view.type {
    case .int64: return integers.find(view.pointer(Int64.self)[i])
    case .int32: return integers.find(Int64(view.pointer(Int32.self)[i]))
    case .float32:
      return integers.find(Int64(saturatingInt(Double(view.pointer(Float.self)[i]))))
    case .float64: return integers.find(Int64(saturatingInt(view.pointer(Double.self)[i])))
    default: throw unsupportedElement(view.type)
    }
  }
}

/// Maps keys of one type to values of another.
struct LabelEncoderKernel: Kernel {
  enum Keys: Sendable {
    case texts(TextTable)
    case integers(IntegerTable)
    /// By bit pattern; NaN is one key, and -0 is 0.
    case reals([Double: Int], notANumber: Int)
  }

  let keyType: ElementType
  let keys: Keys
  /// One more than the keys: the last is the default.
  let values: Tensor

  func run(_ io: NodeIO) throws(KernelFault) {
    let view = try io.input(0)
    guard view.type == keyType else {
      throw KernelFault(
        .shape, "the input is \(view.type.rawValue), the keys are \(keyType.rawValue)")
    }
    let stride = values.elementType.strideBytes
    let out = UnsafeMutableRawPointer(
      try io.output(0, values.elementType, view.shape, as: UInt8.self))
    for i in 0..<view.count {
      let hit = find(view, i)
      (out + i * stride).copyMemory(
        from: values.base + (hit < 0 ? values.count - 1 : hit) * stride, byteCount: stride)
    }
  }

  private func find(_ view: TensorView, _ i: Int) -> Int {
    switch keys {
    case .texts(let table): return table.find(view.pointer(TextRef.self)[i])
    case .integers(let table):
      let key = keyType == .int64 ? view.pointer(Int64.self)[i] : Int64(view.pointer(Int32.self)[i])
      return table.find(key)
    case .reals(let table, let notANumber):
      let key =
        keyType == .float32 ? Double(view.pointer(Float.self)[i]) : view.pointer(Double.self)[i]
      return key.isNaN ? notANumber : table[key] ?? -1
    }
  }
}

private func labelEncoder(_ call: OperatorCall) throws(KernelFault) -> any Kernel {
  if call.opset < 2 { return try oldLabelEncoder(call) }
  let keys = try labelList(call, "keys")
  let values = try labelList(call, "values")
  guard let keys, let values, keys.count == values.count else {
    throw KernelFault(.malformed, "keys and values are missing or differ in number")
  }
  let fallback = try labelDefault(call, values.elementType)
  // Until version 4 a NaN key was equal to nothing.
  return try makeLabelEncoder(
    keys: keys, values: try joined(values, fallback), findsNaN: call.opset >= 4)
}

/// Version 1: the classes' positions, from text to integer or back.
private func oldLabelEncoder(_ call: OperatorCall) throws(KernelFault) -> any Kernel {
  let classes = try call.strings("classes_strings")
  let texts = textTensor(classes)
  let numbers = integerTensor((0..<classes.count).map { $0 })
  // Which way is meant shows in the input; both tables are small.
  let defaultText = textTensor([Array((try call.string("default_string") ?? "_Unused").utf8)])
  let defaultNumber = integerTensor([try call.int("default_int64", default: -1)])
  return EitherKernel(
    type: .text,
    then: try makeLabelEncoder(keys: texts, values: try joined(numbers, defaultNumber)),
    otherwise: try makeLabelEncoder(keys: numbers, values: try joined(texts, defaultText)))
}

private func categoryMapper(_ call: OperatorCall) throws(KernelFault) -> any Kernel {
  let texts = textTensor(try call.strings("cats_strings"))
  let numbers = integerTensor(try call.ints("cats_int64s"))
  guard texts.count == numbers.count else {
    throw KernelFault(.malformed, "\(texts.count) texts and \(numbers.count) integers")
  }
  let defaultText = textTensor([Array((try call.string("default_string") ?? "_Unused").utf8)])
  let defaultNumber = integerTensor([try call.int("default_int64", default: -1)])
  return EitherKernel(
    type: .text,
    then: try makeLabelEncoder(keys: texts, values: try joined(numbers, defaultNumber)),
    otherwise: try makeLabelEncoder(keys: numbers, values: try joined(texts, defaultText)))
}

/// Chooses a kernel by the type of the input.
struct EitherKernel: Kernel {
  let type: ElementType
  let then: any Kernel
  let otherwise: any Kernel

  func run(_ io: NodeIO) throws(KernelFault) {
    try (try io.input(0).type == type ? then : otherwise).run(io)
  }
}

/// `keys_strings`, `values_floats`, `keys_tensor` and so on: whichever is there.
private func labelList(_ call: OperatorCall, _ prefix: String) throws(KernelFault) -> Tensor? {
  if let tensor = try call.tensor("\(prefix)_tensor") { return tensor }
  if call.has("\(prefix)_strings") { return textTensor(try call.strings("\(prefix)_strings")) }
  if call.has("\(prefix)_int64s") { return integerTensor(try call.ints("\(prefix)_int64s")) }
  if call.has("\(prefix)_floats") { return floatTensor(try call.floats("\(prefix)_floats")) }
  return nil
}

private func labelDefault(
  _ call: OperatorCall, _ type: ElementType
) throws(KernelFault) -> Tensor {
  if let tensor = try call.tensor("default_tensor"), tensor.elementType == type, tensor.count == 1 {
    return tensor
  }
  switch type {
  case .text: return textTensor([Array((try call.string("default_string") ?? "_Unused").utf8)])
  case .int64: return integerTensor([try call.int("default_int64", default: -1)])
  case .float32: return floatTensor([try call.float("default_float", default: -0.0)])
  default:
    return Tensor(type, Shape(1)) {
      // -1 for integers, -0 for reals, as the specification says.
      switch type {
      case .int32: $0.storeBytes(of: -1, as: Int32.self)
      case .int16: $0.storeBytes(of: -1, as: Int16.self)
      case .float64: $0.storeBytes(of: -0.0, as: Double.self)
      default: $0.initializeMemory(as: UInt8.self, repeating: 0, count: type.strideBytes)
      }
    }
  }
}

private func makeLabelEncoder(
  keys: Tensor, values: Tensor, findsNaN: Bool = false
) throws(KernelFault) -> any Kernel {
  let found: LabelEncoderKernel.Keys
  switch keys.elementType {
  case .text:
    found = .texts(
      TextTable(
        keys.elements(TextRef.self).map {
          Array(UnsafeBufferPointer(start: $0.bytes, count: $0.count))
        }))
  case .int64, .int32:
    let view = keys.view
    found = .integers(IntegerTable((0..<keys.count).map { Int64(indexValue(view, $0)) }))
  case .float32, .float64:
    let list =
      keys.elementType == .float32
      ? keys.elements(Float.self).map(Double.init) : Array(keys.elements(Double.self))
    var table: [Double: Int] = [:]
    var notANumber = -1
    for (i, key) in list.enumerated() {
      if key.isNaN {
        if findsNaN && notANumber < 0 { notANumber = i }
      } else if table[key] == nil {
        table[key] = i
      }
    }
    found = .reals(table, notANumber: notANumber)
  default: throw unsupportedElement(keys.elementType)
  }
  return LabelEncoderKernel(keyType: keys.elementType, keys: found, values: values)
}

private func textTensor(_ texts: [[UInt8]]) -> Tensor {
  Tensor(joined: texts.flatMap { $0 }, counts: texts.map(\.count), dims: Shape(texts.count))
}

private func integerTensor(_ list: [Int]) -> Tensor {
  Tensor(.int64, Shape(list.count)) { base in
    let to = base.bindMemory(to: Int64.self, capacity: max(list.count, 1))
    for (i, value) in list.enumerated() { to[i] = Int64(value) }
  }
}

private func floatTensor(_ list: [Float]) -> Tensor {
  Tensor(.float32, Shape(list.count)) { base in
    let to = base.bindMemory(to: Float.self, capacity: max(list.count, 1))
    for (i, value) in list.enumerated() { to[i] = value }
  }
}

/// The two tensors one after the other.
private func joined(_ a: Tensor, _ b: Tensor) throws(KernelFault) -> Tensor {
  guard a.elementType == b.elementType else {
    throw KernelFault(.malformed, "the default is not of the values' type")
  }
  if a.elementType == .text {
    let all = Array(a.elements(TextRef.self)) + Array(b.elements(TextRef.self))
    return all.withUnsafeBufferPointer { Tensor(texts: $0, dims: Shape(all.count)) }
  }
  let stride = a.elementType.strideBytes
  return Tensor(a.elementType, Shape(a.count + b.count)) { base in
    base.copyMemory(from: a.base, byteCount: a.count * stride)
    (base + a.count * stride).copyMemory(from: b.base, byteCount: b.count * stride)
  }
}
