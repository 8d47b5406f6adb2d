import Core

/// Decodes an ONNX file.
///
/// Field numbers are those of `onnx.proto` (github.com/onnx/onnx).
struct OnnxDecoder {
  /// The most operator sets a model may name; exporters write up to five.
  private static let opsetsMax = 64
  /// What a constant takes beside its elements: the object, its shape, at least one cache line.
  private static let tensorBytes = 256

  private let limits: ModelLimits
  private var budget: AllocationBudget
  private var model: OnnxModel
  /// Over all graphs.
  private var nodeCount = 0

  /// The model in `file`.
  /// - Throws: ``InferenceError``: another format, damage, a limit, external data.
  static func decode(
    _ file: [UInt8], limits: ModelLimits
  ) throws(InferenceError) -> OnnxModel {
    guard file.count <= limits.fileBytesMax, file.count < Int(UInt32.max) else {
      throw InferenceError(
        .limit, "the model file has \(file.count) bytes, the limit is \(limits.fileBytesMax)")
    }
    try refuseOtherFormats(file)
    var decoder = OnnxDecoder(file: file, limits: limits)
    // A typed throw does not pass through the closure, so the result does.
    let result = file.withUnsafeBytes { bytes -> Result<Void, InferenceError> in
      do throws(InferenceError) {
        try decoder.readModel(ProtobufReader(bytes))
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    try result.get()
    return decoder.model
  }

  private init(file: [UInt8], limits: ModelLimits) {
    self.limits = limits
    budget = AllocationBudget(fileBytes: file.count)
    model = OnnxModel(file: file)
  }

  private mutating func readModel(_ whole: ProtobufReader) throws(InferenceError) {
    var reader = whole
    var hasGraph = false
    while let field = try reader.next() {
      switch field.number {
      case 1: model.irVersion = Int(truncatingIfNeeded: try reader.int64(field))
      case 2: model.producer = try reader.text(field)
      case 3: model.producerVersion = try reader.text(field)
      case 7:
        guard !hasGraph else { throw reader.fault("a second graph") }
        hasGraph = true
        model.graph = try readGraph(try reader.message(field, depthMax: limits.nestingDepthMax))
      case 8: try readOpset(try reader.message(field, depthMax: limits.nestingDepthMax))
      case 25:
        throw InferenceError(
          .unsupported,
          "the model defines functions of its own, which are not supported; "
            + "export it with functions inlined", operatorName: "FunctionProto")
      default: try reader.skip(field)
      }
    }
    guard hasGraph else {
      throw InferenceError(
        .notONNX, "the file holds no ONNX graph; give a model exported to ONNX")
    }
    guard !model.opsets.isEmpty else {
      throw InferenceError(
        .malformed, "the model names no operator set version; export it again")
    }
  }

  private mutating func readOpset(_ message: ProtobufReader) throws(InferenceError) {
    var reader = message
    var domain = ""
    var version: Int64 = 0
    while let field = try reader.next() {
      switch field.number {
      case 1: domain = try reader.text(field)
      case 2: version = try reader.int64(field)
      default: try reader.skip(field)
      }
    }
    guard (1...1000).contains(version) else {
      throw reader.fault("the operator set \"\(printable(domain))\" has the version \(version)")
    }
    guard model.opsets.count < OnnxDecoder.opsetsMax else {
      throw InferenceError(
        .limit, "the model names more than \(OnnxDecoder.opsetsMax) operator sets")
    }
    try budget.charge(1, stride: 128)
    model.opsets[domain == "ai.onnx" ? "" : domain] = Int(version)
  }

  /// Makes room for what a graph lists; bodies of nodes count to the same limit.
  private mutating func reserve(
    _ counts: InlineArray<32, Int>, in graph: inout OnnxGraph
  ) throws(InferenceError) {
    guard counts[1] <= limits.nodesMax - nodeCount else {
      throw InferenceError(.limit, "the graph has more than \(limits.nodesMax) nodes")
    }
    nodeCount += counts[1]
    try budget.chargeArray(counts[1], stride: MemoryLayout<OnnxNode>.stride)
    graph.nodes.reserveCapacity(counts[1])
    try budget.chargeArray(counts[5], stride: 24 + OnnxDecoder.tensorBytes)
    graph.initializers.reserveCapacity(counts[5])
    try budget.chargeArray(counts[11], stride: MemoryLayout<OnnxValueInfo>.stride)
    graph.inputs.reserveCapacity(counts[11])
    try budget.chargeArray(counts[12], stride: MemoryLayout<OnnxValueInfo>.stride)
    graph.outputs.reserveCapacity(counts[12])
  }

  private mutating func readGraph(_ message: ProtobufReader) throws(InferenceError) -> OnnxGraph {
    var reader = message
    var graph = OnnxGraph()
    try reserve(try reader.fieldCounts(), in: &graph)
    while let field = try reader.next() {
      switch field.number {
      case 1: graph.nodes.append(try readNode(try nested(&reader, field)))
      case 2: graph.name = try reader.text(field)
      case 5:
        let (name, tensor) = try readTensor(try nested(&reader, field))
        graph.initializers.append((name, tensor))
      case 11: graph.inputs.append(try readValueInfo(try nested(&reader, field)))
      case 12: graph.outputs.append(try readValueInfo(try nested(&reader, field)))
      case 15:
        throw InferenceError(
          .unsupported, "the model has sparse constants, which are not supported; export it dense",
          operatorName: "SparseTensor")
      default: try reader.skip(field)
      }
    }
    return graph
  }

  private func nested(
    _ reader: inout ProtobufReader, _ field: ProtobufReader.Field
  ) throws(InferenceError) -> ProtobufReader {
    try reader.message(field, depthMax: limits.nestingDepthMax)
  }

  private mutating func readText(
    _ reader: inout ProtobufReader, _ field: ProtobufReader.Field
  ) throws(InferenceError) -> String {
    let range = try reader.content(field)
    // Longer texts leave the String's own 16 bytes, which their list is charged for.
    if range.count > 15 { try budget.chargeArray(range.count, stride: 1) }
    return String(decoding: reader[range], as: UTF8.self)
  }

  private mutating func readNode(_ message: ProtobufReader) throws(InferenceError) -> OnnxNode {
    var reader = message
    var node = OnnxNode()
    let counts = try reader.fieldCounts()
    try budget.chargeArray(counts[1], stride: MemoryLayout<String>.stride)
    node.inputs.reserveCapacity(counts[1])
    try budget.chargeArray(counts[2], stride: MemoryLayout<String>.stride)
    node.outputs.reserveCapacity(counts[2])
    try budget.chargeArray(counts[5], stride: MemoryLayout<OnnxAttribute>.stride)
    node.attributes.reserveCapacity(counts[5])
    while let field = try reader.next() {
      switch field.number {
      case 1: node.inputs.append(try readText(&reader, field))
      case 2: node.outputs.append(try readText(&reader, field))
      case 3: node.name = try readText(&reader, field)
      case 4: node.operatorType = try readText(&reader, field)
      case 5: node.attributes.append(try readAttribute(try nested(&reader, field)))
      case 7:
        let domain = try readText(&reader, field)
        node.domain = domain == "ai.onnx" ? "" : domain
      default: try reader.skip(field)
      }
    }
    guard !node.operatorType.isEmpty else { throw reader.fault("a node without an operator") }
    return node
  }

  private mutating func readValueInfo(
    _ message: ProtobufReader
  ) throws(InferenceError) -> OnnxValueInfo {
    var reader = message
    var info = OnnxValueInfo()
    while let field = try reader.next() {
      switch field.number {
      case 1: info.name = try readText(&reader, field)
      case 2:
        var type = try nested(&reader, field)
        while let field = try type.next() {
          switch field.number {
          case 1: info.kind = try readTensorType(try nested(&type, field))
          case 4:
            info.kind = .sequence
            try type.skip(field)
          case 5: info.kind = try readMapType(try nested(&type, field))
          default:
            info.kind = .other
            try type.skip(field)
          }
        }
      default: try reader.skip(field)
      }
    }
    return info
  }

  /// Keys are of a plain type, values are tensors of one element.
  private mutating func readMapType(
    _ message: ProtobufReader
  ) throws(InferenceError) -> OnnxValueInfo.Kind {
    var reader = message
    var key = 0
    var value = 0
    while let field = try reader.next() {
      switch field.number {
      case 1: key = Int(truncatingIfNeeded: try reader.int64(field))
      case 2:
        var type = try nested(&reader, field)
        while let field = try type.next() {
          if field.number == 1,
            case .tensor(let number, _) = try readTensorType(try nested(&type, field))
          {
            value = number
          } else if field.number != 1 {
            try type.skip(field)
          }
        }
      default: try reader.skip(field)
      }
    }
    return .map(key: key, value: value)
  }

  private mutating func readTensorType(
    _ message: ProtobufReader
  ) throws(InferenceError) -> OnnxValueInfo.Kind {
    var reader = message
    var type = 0
    var shape: [Int?]?
    while let field = try reader.next() {
      switch field.number {
      case 1: type = Int(truncatingIfNeeded: try reader.int64(field))
      case 2:
        var dims = try nested(&reader, field)
        var list: [Int?] = []
        let count = try dims.fieldCounts()[1]
        try budget.chargeArray(count, stride: MemoryLayout<Int?>.stride)
        list.reserveCapacity(count)
        while let field = try dims.next() {
          guard field.number == 1 else {
            try dims.skip(field)
            continue
          }
          list.append(try readDimension(try nested(&dims, field)))
        }
        shape = list
      default: try reader.skip(field)
      }
    }
    return .tensor(type: type, shape: shape)
  }

  private func readDimension(_ message: ProtobufReader) throws(InferenceError) -> Int? {
    var reader = message
    var size: Int?
    while let field = try reader.next() {
      if field.number == 1 {
        let value = try reader.int64(field)
        // Some exporters write 0 or -1 for a free dimension.
        size = value > 0 ? Int(value) : nil
      } else {
        try reader.skip(field)
      }
    }
    return size
  }
}

extension OnnxDecoder {
  private mutating func readAttribute(
    _ message: ProtobufReader
  ) throws(InferenceError) -> OnnxAttribute {
    var reader = message
    var name = ""
    var type = 0
    var value = OnnxAttribute.Value.none
    var floats: [Float] = []
    var ints = IntList()
    var strings: [ByteRange] = []
    let counts = try reader.fieldCounts()
    // A field of the lists is one element, or a piece that says how many it has when it is read.
    try budget.chargeArray(counts[9], stride: MemoryLayout<ByteRange>.stride)
    strings.reserveCapacity(counts[9])
    while let field = try reader.next() {
      switch field.number {
      case 1: name = try readText(&reader, field)
      case 2: value = .float(try reader.float(field))
      case 3: value = .int(try reader.int64(field))
      case 4: value = .string(ByteRange(try reader.content(field)))
      case 5:
        try budget.charge(1, stride: OnnxDecoder.tensorBytes)
        value = .tensor(try readTensor(try nested(&reader, field)).tensor)
      case 7: try readFloats(&reader, field, counts[7], into: &floats)
      case 8: try readInts(&reader, field, counts[8], into: &ints)
      case 9:
        strings.append(ByteRange(try reader.content(field)))
      case 20: type = Int(truncatingIfNeeded: try reader.int64(field))
      case 6: value = .graph(try readGraph(try nested(&reader, field)))
      case 10, 11, 14, 15, 22, 23:
        value = .other("a list or type")
        try reader.skip(field)
      case 21:
        let text = try reader.text(field)
        if !text.isEmpty { throw reader.fault("a function's attribute outside of a function") }
      default: try reader.skip(field)
      }
    }
    if case .none = value {
      value = OnnxDecoder.value(type: type, floats: floats, ints: ints, strings: strings)
    }
    return OnnxAttribute(name: name, value: value)
  }

  /// Protobuf does not write zero values and empty lists; the type number tells what was meant.
  private static func value(
    type: Int, floats: [Float], ints: IntList, strings: [ByteRange]
  ) -> OnnxAttribute.Value {
    if !floats.isEmpty || type == 6 { return .floats(floats) }
    if ints.count > 0 || type == 7 { return .ints(ints) }
    if !strings.isEmpty || type == 8 { return .strings(strings) }
    switch type {
    case 1: return .float(0)
    case 2: return .int(0)
    case 3: return .string(ByteRange(0..<0))
    default: return .none
    }
  }

  /// - Parameter fields: how many fields of this number the message has.
  private mutating func readFloats(
    _ reader: inout ProtobufReader, _ field: ProtobufReader.Field, _ fields: Int,
    into list: inout [Float]
  ) throws(InferenceError) {
    let isLone = field.wire == 5
    let range = isLone ? 0..<0 : try reader.content(field)
    let more = isLone ? fields : range.count / 4
    if list.count + (isLone ? 1 : more) > list.capacity {
      try budget.chargeArray(list.count + more, stride: 4)
      list.reserveCapacity(list.count + more)
    }
    if isLone {
      list.append(try reader.float(field))
      return
    }
    var packed = reader.reader(over: range)
    while !packed.isAtEnd { list.append(Float(bitPattern: try packed.fixed32())) }
  }

  /// - Parameter fields: how many fields of this number the message has.
  private mutating func readInts(
    _ reader: inout ProtobufReader, _ field: ProtobufReader.Field, _ fields: Int,
    into list: inout IntList
  ) throws(InferenceError) {
    if field.wire == 0 {
      if list.isFull { try list.reserve(fields, &budget) }
      try list.append(try reader.int64(field), &budget)
      return
    }
    let range = try reader.content(field)
    var packed = reader.reader(over: range)
    try list.reserve(packed.countOfVarints(in: range), &budget)
    while !packed.isAtEnd {
      try list.append(Int64(bitPattern: try packed.varint()), &budget)
    }
  }

  private mutating func readTensor(
    _ message: ProtobufReader
  ) throws(InferenceError) -> (name: String, tensor: Tensor) {
    var reader = TensorProtoReader(elementsMax: limits.constantElementsMax)
    let tensor = try reader.read(message, budget: &budget)
    return (reader.name, tensor)
  }
}
