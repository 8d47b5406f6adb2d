import Core

/// A place in the model file; eight bytes, so that a list of short texts stays small.
struct ByteRange {
  let start: UInt32
  let count: UInt32

  init(_ range: Range<Int>) {
    start = UInt32(truncatingIfNeeded: range.lowerBound)
    count = UInt32(truncatingIfNeeded: range.count)
  }

  var range: Range<Int> { Int(start)..<Int(start) + Int(count) }
}

/// Integers of the file, in 32 bits as long as all fit.
struct IntList {
  private var narrow: [Int32] = []
  private var wide: [Int64] = []

  var count: Int { wide.isEmpty ? narrow.count : wide.count }

  subscript(index: Int) -> Int { wide.isEmpty ? Int(narrow[index]) : Int(wide[index]) }

  /// Whether the next integer needs room first.
  var isFull: Bool {
    wide.isEmpty ? narrow.count == narrow.capacity : wide.count == wide.capacity
  }

  /// Makes room for `more` integers to come.
  mutating func reserve(
    _ more: Int, _ budget: inout AllocationBudget
  ) throws(InferenceError) {
    guard more > 0 else { return }
    // Moving to a new place takes all of it again.
    if wide.isEmpty {
      try budget.chargeArray(narrow.count + more, stride: 4)
      narrow.reserveCapacity(narrow.count + more)
    } else {
      try budget.chargeArray(wide.count + more, stride: 8)
      wide.reserveCapacity(wide.count + more)
    }
  }

  /// Adds an integer that room was made for.
  mutating func append(_ value: Int64, _ budget: inout AllocationBudget) throws(InferenceError) {
    if wide.isEmpty, let small = Int32(exactly: value) {
      narrow.append(small)
      return
    }
    if wide.isEmpty {
      let room = max(narrow.capacity, narrow.count + 1)
      try budget.chargeArray(room, stride: 8)
      wide.reserveCapacity(room)
      for small in narrow { wide.append(Int64(small)) }
      narrow = []
    }
    wide.append(value)
  }

  var array: [Int] { (0..<count).map { self[$0] } }
}

/// A node's named constant argument.
struct OnnxAttribute {
  enum Value {
    case none
    case float(Float)
    case int(Int64)
    case string(ByteRange)
    case tensor(Tensor)
    case floats([Float])
    case ints(IntList)
    case strings([ByteRange])
    /// A body of If, Loop or Scan.
    indirect case graph(OnnxGraph)
    /// A kind that no supported operator uses.
    case other(String)
  }

  let name: String
  let value: Value
}

/// One operator call as written in the file.
struct OnnxNode {
  var name = ""
  var operatorType = ""
  var domain = ""
  var inputs: [String] = []
  var outputs: [String] = []
  var attributes: [OnnxAttribute] = []
}

/// An input or output as declared.
struct OnnxValueInfo {
  enum Kind {
    case tensor(type: Int, shape: [Int?]?)
    /// A dictionary: ONNX's numbers of the types of keys and values.
    case map(key: Int, value: Int)
    case sequence
    case other
  }

  var name = ""
  var kind = Kind.other
}

/// Nodes with what they read and give: a model's own graph, or one nested in a node.
struct OnnxGraph {
  var name = ""
  var nodes: [OnnxNode] = []
  var initializers: [(name: String, tensor: Tensor)] = []
  var inputs: [OnnxValueInfo] = []
  var outputs: [OnnxValueInfo] = []
}

extension OnnxNode {
  /// The graphs among the attributes.
  var bodies: [OnnxGraph] {
    attributes.compactMap { if case .graph(let body) = $0.value { body } else { nil } }
  }

  /// The names that the bodies read from the graphs around them, each once, in order.
  var captures: [String] {
    var seen: Set<String> = []
    return bodies.flatMap(\.freeNames).filter { seen.insert($0).inserted }
  }
}

extension OnnxGraph {
  /// The names that are read here and given nowhere here, nested graphs included.
  ///
  /// Ends: graphs nest only as deep as the decoder lets messages nest.
  var freeNames: [String] {
    var given: Set<String> = [""]
    for input in inputs { given.insert(input.name) }
    for constant in initializers { given.insert(constant.name) }
    for node in nodes { given.formUnion(node.outputs) }
    var free: [String] = []
    for node in nodes {
      for name in node.inputs + node.captures where given.insert(name).inserted {
        free.append(name)
      }
    }
    for output in outputs where given.insert(output.name).inserted { free.append(output.name) }
    return free
  }
}

/// The parts of an ONNX file this engine uses.
struct OnnxModel {
  let file: [UInt8]
  var irVersion = 0
  var producer = ""
  var producerVersion = ""
  /// Versions of operator sets by domain; the default domain is "".
  var opsets: [String: Int] = [:]
  var graph = OnnxGraph()

  var nodes: [OnnxNode] { graph.nodes }
  var initializers: [(name: String, tensor: Tensor)] { graph.initializers }
  var inputs: [OnnxValueInfo] { graph.inputs }
  var outputs: [OnnxValueInfo] { graph.outputs }

  init(file: [UInt8]) { self.file = file }

  func text(_ range: ByteRange) -> String { String(decoding: file[range.range], as: UTF8.self) }
}
