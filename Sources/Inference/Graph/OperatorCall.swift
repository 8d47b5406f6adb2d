import Core

/// A node as its factory sees it: attributes, operator set version, constant inputs.
struct OperatorCall {
  let node: OnnxNode
  /// What the node's bodies read from around them; these values come after the node's inputs.
  var captures: [String] = []
  let model: OnnxModel
  /// The version of the operator set of the node's domain.
  let opset: Int
  /// For each input its value, when that is known at load.
  let constants: [Tensor?]
  let limits: ModelLimits

  private func find(_ name: String) -> OnnxAttribute.Value {
    node.attributes.first { $0.name == name }?.value ?? .none
  }

  private func wrongType(_ name: String, _ expected: String) -> KernelFault {
    KernelFault(.malformed, "the attribute \(name) is not \(expected)")
  }

  func has(_ name: String) -> Bool {
    if case .none = find(name) { return false }
    return true
  }

  func int(_ name: String) throws(KernelFault) -> Int? {
    switch find(name) {
    case .none: return nil
    case .int(let value): return Int(value)
    default: throw wrongType(name, "an integer")
    }
  }

  func int(_ name: String, default value: Int) throws(KernelFault) -> Int {
    try int(name) ?? value
  }

  func float(_ name: String, default value: Float) throws(KernelFault) -> Float {
    switch find(name) {
    case .none: return value
    case .float(let value): return value
    default: throw wrongType(name, "a float")
    }
  }

  func floats(_ name: String) throws(KernelFault) -> [Float] {
    switch find(name) {
    case .none: return []
    case .floats(let list): return list
    default: throw wrongType(name, "a list of floats")
    }
  }

  func ints(_ name: String) throws(KernelFault) -> [Int] { try intList(name).array }

  func intList(_ name: String) throws(KernelFault) -> IntList {
    switch find(name) {
    case .none: return IntList()
    case .ints(let list): return list
    default: throw wrongType(name, "a list of integers")
    }
  }

  func string(_ name: String) throws(KernelFault) -> String? {
    switch find(name) {
    case .none: return nil
    case .string(let range): return model.text(range)
    default: throw wrongType(name, "a text")
    }
  }

  func stringRanges(_ name: String) throws(KernelFault) -> [ByteRange] {
    switch find(name) {
    case .none: return []
    case .strings(let list): return list
    default: throw wrongType(name, "a list of texts")
    }
  }

  /// The texts' bytes, unchanged (they may be ill-formed UTF-8).
  func strings(_ name: String) throws(KernelFault) -> [[UInt8]] {
    try stringRanges(name).map { Array(model.file[$0.range]) }
  }

  func tensor(_ name: String) throws(KernelFault) -> Tensor? {
    switch find(name) {
    case .none: return nil
    case .tensor(let tensor): return tensor
    default: throw wrongType(name, "a tensor")
    }
  }

  /// A body of If, Loop or Scan.
  func body(_ name: String) throws(KernelFault) -> Body {
    guard case .graph(let graph) = find(name) else {
      throw KernelFault(.malformed, "the attribute \(name) is not a graph")
    }
    do throws(InferenceError) {
      return try Body(graph, self)
    } catch {
      throw KernelFault(error)
    }
  }

  /// The constant given as input `index`, if it is one.
  func constant(_ index: Int) -> Tensor? {
    index < constants.count ? constants[index] : nil
  }

  /// A constant input's integers, if it is one.
  func constantIntegers(_ index: Int) -> [Int]? {
    guard let tensor = constant(index) else { return nil }
    switch tensor.elementType {
    case .int64: return tensor.elements(Int64.self).map(Int.init)
    case .int32: return tensor.elements(Int32.self).map(Int.init)
    default: return nil
    }
  }

  /// A constant input's floats, if it is one.
  func constantFloats(_ index: Int) -> [Float]? {
    guard let tensor = constant(index), tensor.elementType == .float32 else { return nil }
    return Array(tensor.elements(Float.self))
  }

  /// Refuses the operator in the form asked for.
  func unsupported(_ what: String) -> KernelFault {
    KernelFault(.unsupported, what)
  }
}

/// Makes a kernel for a node.
typealias OperatorFactory = @Sendable (OperatorCall) throws(KernelFault) -> any Kernel

/// An operator set family's entries: name and factory.
typealias OperatorTable = [String: OperatorFactory]

/// All operators, by domain and name; each family has a file of its own.
enum OperatorRegistry {
  static let main: OperatorTable = merge([
    arithmeticOperators, comparisonOperators, unaryOperators, castOperators, shapeOperators,
    selectionOperators, reductionOperators, matrixOperators, normalizationOperators,
    scatterOperators, constantOperators, borderOperators, rankingOperators, einsumOperators,
    textOperators, tokenOperators, controlOperators, sequenceOperators, distanceOperators,
    trigonometryOperators,
  ])
  static let ml: OperatorTable = merge([
    columnOperators, dictionaryOperators, encoderOperators, linearOperators, treeOperators,
    supportVectorOperators,
  ])

  /// The factory of a node, or `nil` when the operator is not supported.
  static func factory(domain: String, name: String) -> OperatorFactory? {
    switch domain {
    case "": main[name]
    case "ai.onnx.ml": ml[name]
    case "com.microsoft": microsoftOperators[name]
    default: nil
    }
  }

  /// Names by domain, as ``SupportedOperators`` tells them.
  static let names: [(domain: String, names: [String])] = [
    ("ai.onnx", main.keys.sorted()), ("ai.onnx.ml", ml.keys.sorted()),
    ("com.microsoft", microsoftOperators.keys.sorted()),
  ]

  private static func merge(_ tables: [OperatorTable]) -> OperatorTable {
    tables.reduce(into: [:]) { all, table in
      all.merge(table) { first, _ in
        assertionFailure("an operator is registered twice")
        return first
      }
    }
  }
}
