import Core

/// What ONNX Runtime is not trusted to check: an ONNX file walked from end to end, all its
/// subgraphs and functions included, against the limits and for data in other files.
///
/// ONNX Runtime would follow a constant's external data to any path below the working directory,
/// so a file with such a constant anywhere is refused before ONNX Runtime sees it. Field numbers
/// are those of `onnx.proto` (github.com/onnx/onnx).
struct OnnxOutline {
  /// An input or output of the graph.
  struct Value {
    let name: String
    /// Whether the file gives a shape; one without dimensions is a scalar's.
    let hasShape: Bool
    /// The field in the file, its tag included.
    let field: Range<Int>
  }

  /// A node that turns a table of scores into a list of dictionaries.
  struct ZipMap {
    let input: String
    let output: String
    /// The field in the file, its tag included.
    let field: Range<Int>
  }

  var irVersion = 0
  var producer = ""
  var producerVersion = ""
  var graphName = ""
  /// Versions of operator sets by domain; the default domain is `ai.onnx`.
  var opsets: [String: Int] = [:]
  /// How often each operator occurs, subgraphs included; `domain.Name` outside the default domain.
  var operators: [String: Int] = [:]
  var nodeCount = 0
  /// The elements of all constants that are no texts.
  var parameterCount = 0
  var inputs: [Value] = []
  var outputs: [Value] = []
  var zipMaps: [ZipMap] = []
  /// Every name that some node, in any graph, reads.
  var namesRead: Set<String> = []
  /// Every name that a node of the graph itself gives.
  var namesGiven: Set<String> = []
  /// The graph's field in the file, its tag included, and the content alone.
  var graphField = 0..<0
  var graphContent = 0..<0

  /// How deep messages may nest: ONNX Runtime's own reader stops at 100.
  static let nestingDepthMax = 64

  /// Walks `file`.
  /// - Throws: ``InferenceError``: another format, damage, a limit, external data.
  static func read(_ file: [UInt8], limits: ModelLimits) throws(InferenceError) -> OnnxOutline {
    guard file.count <= limits.fileBytesMax else {
      throw InferenceError(
        .limit, "the model file has \(file.count) bytes, the limit is \(limits.fileBytesMax)")
    }
    try refuseOtherFormats(file)
    // A typed throw does not pass through the closure, so the result does.
    let result = file.withUnsafeBytes { bytes -> Result<OnnxOutline, InferenceError> in
      var walk = OnnxWalk(limits: limits, fileBytes: bytes.count)
      do throws(InferenceError) {
        try walk.readModel(ProtobufReader(bytes))
        return .success(walk.outline)
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }
}

/// The walk that makes an ``OnnxOutline``.
private struct OnnxWalk {
  let limits: ModelLimits
  var outline = OnnxOutline()
  private var budget: AllocationBudget
  private var hasGraph = false

  init(limits: ModelLimits, fileBytes: Int) {
    self.limits = limits
    budget = AllocationBudget(fileBytes: fileBytes)
  }

  mutating func readModel(_ whole: ProtobufReader) throws(InferenceError) {
    var reader = whole
    var start = reader.offset
    while let field = try reader.next() {
      switch field.number {
      case 1: outline.irVersion = Int(truncatingIfNeeded: try reader.int64(field))
      case 2: outline.producer = try text(&reader, field)
      case 3: outline.producerVersion = try text(&reader, field)
      case 7:
        guard !hasGraph else { throw reader.fault("a second graph") }
        hasGraph = true
        let graph = try nested(&reader, field)
        outline.graphField = start..<reader.offset
        outline.graphContent = graph.offset..<graph.end
        try readGraph(graph, isOutermost: true)
      case 8: try readOpset(try nested(&reader, field))
      case 20: try readTraining(try nested(&reader, field))
      case 25: try readFunction(try nested(&reader, field))
      default: try reader.skip(field)
      }
      start = reader.offset
    }
    guard hasGraph else {
      throw InferenceError(
        .notONNX, "the file holds no ONNX graph; give a model exported to ONNX")
    }
  }

  private func nested(
    _ reader: inout ProtobufReader, _ field: ProtobufReader.Field
  ) throws(InferenceError) -> ProtobufReader {
    try reader.message(field, depthMax: OnnxOutline.nestingDepthMax)
  }

  private mutating func text(
    _ reader: inout ProtobufReader, _ field: ProtobufReader.Field
  ) throws(InferenceError) -> String {
    let text = try reader.text(field)
    try budget.charge(text.utf8.count + 16, stride: 1)
    return text
  }

  private mutating func readOpset(_ message: ProtobufReader) throws(InferenceError) {
    var reader = message
    var domain = ""
    var version: Int64 = 0
    while let field = try reader.next() {
      switch field.number {
      case 1: domain = try text(&reader, field)
      case 2: version = try reader.int64(field)
      default: try reader.skip(field)
      }
    }
    try budget.charge(1, stride: 64)
    outline.opsets[domain.isEmpty ? "ai.onnx" : domain] = Int(truncatingIfNeeded: version)
  }

  private mutating func readTraining(_ message: ProtobufReader) throws(InferenceError) {
    var reader = message
    while let field = try reader.next() {
      switch field.number {
      case 1, 2: try readGraph(try nested(&reader, field), isOutermost: false)
      default: try reader.skip(field)
      }
    }
  }

  private mutating func readFunction(_ message: ProtobufReader) throws(InferenceError) {
    var reader = message
    while let field = try reader.next() {
      switch field.number {
      case 7: _ = try readNode(try nested(&reader, field), isOutermost: false)
      case 11: try readAttribute(try nested(&reader, field))
      default: try reader.skip(field)
      }
    }
  }

  private mutating func readGraph(
    _ message: ProtobufReader, isOutermost: Bool
  ) throws(InferenceError) {
    var reader = message
    var start = reader.offset
    while let field = try reader.next() {
      switch field.number {
      case 1:
        let node = try readNode(try nested(&reader, field), isOutermost: isOutermost)
        if isOutermost, node.operatorName == "ai.onnx.ml.ZipMap", let input = node.input,
          let output = node.output
        {
          let field = start..<reader.offset
          outline.zipMaps.append(OnnxOutline.ZipMap(input: input, output: output, field: field))
        }
      case 2 where isOutermost: outline.graphName = try text(&reader, field)
      case 5: outline.parameterCount &+= try readTensor(try nested(&reader, field))
      case 11 where isOutermost, 12 where isOutermost:
        let (name, hasShape) = try readValue(try nested(&reader, field))
        let value = OnnxOutline.Value(name: name, hasShape: hasShape, field: start..<reader.offset)
        try budget.charge(1, stride: MemoryLayout<OnnxOutline.Value>.stride)
        if field.number == 11 {
          outline.inputs.append(value)
        } else {
          outline.outputs.append(value)
        }
      case 15: try readSparse(try nested(&reader, field))
      default: try reader.skip(field)
      }
      start = reader.offset
    }
  }

  private mutating func readNode(
    _ message: ProtobufReader, isOutermost: Bool
  ) throws(InferenceError) -> (operatorName: String, input: String?, output: String?) {
    outline.nodeCount += 1
    guard outline.nodeCount <= limits.nodesMax else {
      throw InferenceError(.limit, "the graph has more than \(limits.nodesMax) nodes")
    }
    var reader = message
    var type = ""
    var domain = ""
    var input: String?
    var output: String?
    while let field = try reader.next() {
      switch field.number {
      case 1:
        let name = try reader.text(field)
        input = input ?? name
        try keep(name, in: \.namesRead)
      case 2:
        let name = try reader.text(field)
        output = output ?? name
        if isOutermost { try keep(name, in: \.namesGiven) }
      case 4: type = try reader.text(field)
      case 5: try readAttribute(try nested(&reader, field))
      case 7: domain = try reader.text(field)
      default: try reader.skip(field)
      }
    }
    let name = domain.isEmpty || domain == "ai.onnx" ? type : "\(domain).\(type)"
    if outline.operators[name] == nil { try budget.charge(name.utf8.count + 64, stride: 1) }
    outline.operators[name, default: 0] += 1
    return (name, input, output)
  }

  private mutating func keep(
    _ name: String, in set: WritableKeyPath<OnnxOutline, Set<String>>
  ) throws(InferenceError) {
    if outline[keyPath: set].insert(name).inserted {
      try budget.charge(name.utf8.count + 32, stride: 1)
    }
  }

  private mutating func readAttribute(_ message: ProtobufReader) throws(InferenceError) {
    var reader = message
    while let field = try reader.next() {
      switch field.number {
      case 5, 10: _ = try readTensor(try nested(&reader, field))
      case 6, 11: try readGraph(try nested(&reader, field), isOutermost: false)
      case 22, 23: try readSparse(try nested(&reader, field))
      default: try reader.skip(field)
      }
    }
  }

  private mutating func readSparse(_ message: ProtobufReader) throws(InferenceError) {
    var reader = message
    while let field = try reader.next() {
      switch field.number {
      case 1, 2: _ = try readTensor(try nested(&reader, field))
      default: try reader.skip(field)
      }
    }
  }

  /// The number of elements of a constant; 0 for texts.
  private func readTensor(_ message: ProtobufReader) throws(InferenceError) -> Int {
    var reader = message
    var name = ""
    var type = 0
    var count = 1
    var isExternal = false
    while let field = try reader.next() {
      switch field.number {
      case 1 where field.wire == 0: try multiply(&count, by: try reader.int64(field), reader)
      case 1:
        var packed = reader.reader(over: try reader.content(field))
        while !packed.isAtEnd {
          try multiply(&count, by: Int64(bitPattern: try packed.varint()), reader)
        }
      case 2: type = Int(truncatingIfNeeded: try reader.int64(field))
      case 8: name = try reader.text(field)
      case 13:
        isExternal = true
        try reader.skip(field)
      case 14: if try reader.int64(field) != 0 { isExternal = true }
      default: try reader.skip(field)
      }
    }
    if isExternal { throw externalDataRefused(constant: name) }
    guard count <= limits.constantElementsMax else {
      throw InferenceError(
        .limit,
        "the constant \"\(printable(name))\" has \(count) elements, the limit is "
          + "\(limits.constantElementsMax)")
    }
    return ElementType(onnx: type) == .text ? 0 : count
  }

  private func multiply(
    _ count: inout Int, by dim: Int64, _ reader: ProtobufReader
  ) throws(InferenceError) {
    // Zeros are counted as ones, so that a later dimension cannot hide behind them.
    let (product, overflow) = count.multipliedReportingOverflow(by: max(1, Int(dim)))
    guard dim >= 0, !overflow else { throw reader.fault("a constant with the dimension \(dim)") }
    count = product
  }

  private mutating func readValue(
    _ message: ProtobufReader
  ) throws(InferenceError) -> (name: String, hasShape: Bool) {
    var reader = message
    var name = ""
    var hasShape = false
    while let field = try reader.next() {
      switch field.number {
      case 1: name = try text(&reader, field)
      case 2:
        var type = try nested(&reader, field)
        while let field = try type.next() {
          guard field.number == 1 else {
            try type.skip(field)
            continue
          }
          var tensor = try nested(&type, field)
          while let field = try tensor.next() {
            if field.number == 2 { hasShape = true }
            try tensor.skip(field)
          }
        }
      default: try reader.skip(field)
      }
    }
    return (name, hasShape)
  }
}

/// Data in another file is never followed, whatever runs the model.
func externalDataRefused(constant name: String) -> InferenceError {
  InferenceError(
    .externalData,
    "the constant \"\(printable(name))\" keeps its data in another file; "
      + "save the model as one file (onnx.save with save_as_external_data=False)")
}
