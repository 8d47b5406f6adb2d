import Core

/// An ONNX file that can be changed and written again.
///
/// Nodes and constants are taken apart. All the rest (declarations of inputs and outputs, names,
/// versions, metadata) is kept as the bytes it was read from, and so are attributes that nobody
/// changes: what is not understood is not lost. Left out are the shapes of values between nodes
/// (`value_info`), which a change would make wrong.
///
/// Field numbers are those of `onnx.proto` (github.com/onnx/onnx).
struct OnnxDraft {
  /// A node's named constant argument, as an encoded `AttributeProto`.
  struct Attribute {
    let name: String
    let bytes: [UInt8]
    /// Whether it holds a graph of its own, whose nodes may read values of the outer one.
    var holdsGraph = false
  }

  /// One operator call.
  struct Node {
    var name = ""
    var operatorType = ""
    /// The domain as the file writes it.
    var domain = ""
    var inputs: [String] = []
    var outputs: [String] = []
    var attributes: [Attribute] = []
  }

  /// A declared input or output, as an encoded `ValueInfoProto`.
  struct Declaration {
    let name: String
    let bytes: [UInt8]
  }

  /// Fields of the model beside its graph.
  private(set) var modelFields: [UInt8] = []
  /// Fields of the graph that are not taken apart.
  private(set) var graphFields: [UInt8] = []
  var nodes: [Node] = []
  var initializers: [(name: String, tensor: Tensor)]
  var inputs: [Declaration] = []
  var outputs: [Declaration] = []

  /// Whether a node holds a graph of its own.
  var holdsGraphs: Bool {
    nodes.contains { $0.attributes.contains(where: \.holdsGraph) }
  }

  /// A file to change.
  /// - Throws: ``InferenceError`` when it is damaged; not for a model that was decoded.
  init(_ model: OnnxModel) throws(InferenceError) {
    initializers = model.initializers
    let result = model.file.withUnsafeBytes { file -> Result<OnnxDraft, InferenceError> in
      var draft = self
      do throws(InferenceError) {
        try draft.readModel(ProtobufReader(file))
        return .success(draft)
      } catch {
        return .failure(error)
      }
    }
    self = try result.get()
  }

  // Messages in the parts that are read here lie at most four deep.
  private static let depthMax = 8

  private mutating func readModel(_ whole: ProtobufReader) throws(InferenceError) {
    var reader = whole
    while true {
      let start = reader.offset
      guard let field = try reader.next() else { return }
      if field.number == 7 {
        try readGraph(try reader.message(field, depthMax: OnnxDraft.depthMax))
      } else {
        try reader.skip(field)
        modelFields += reader[start..<reader.offset]
      }
    }
  }

  private mutating func readGraph(_ message: ProtobufReader) throws(InferenceError) {
    var reader = message
    while true {
      let start = reader.offset
      guard let field = try reader.next() else { return }
      switch field.number {
      case 1:
        let node = try reader.message(field, depthMax: OnnxDraft.depthMax)
        nodes.append(try OnnxDraft.readNode(node))
      case 11, 12:
        let range = try reader.content(field)
        let declaration = Declaration(
          name: try OnnxDraft.readName(reader.reader(over: range)), bytes: Array(reader[range]))
        if field.number == 11 { inputs.append(declaration) } else { outputs.append(declaration) }
      // Constants were decoded; shapes between nodes are left out.
      case 5, 13: try reader.skip(field)
      default:
        try reader.skip(field)
        graphFields += reader[start..<reader.offset]
      }
    }
  }

  private static func readName(_ message: ProtobufReader) throws(InferenceError) -> String {
    var reader = message
    var name = ""
    while let field = try reader.next() {
      if field.number == 1 { name = try reader.text(field) } else { try reader.skip(field) }
    }
    return name
  }

  private static func readNode(_ message: ProtobufReader) throws(InferenceError) -> Node {
    var reader = message
    var node = Node()
    while let field = try reader.next() {
      switch field.number {
      case 1: node.inputs.append(try reader.text(field))
      case 2: node.outputs.append(try reader.text(field))
      case 3: node.name = try reader.text(field)
      case 4: node.operatorType = try reader.text(field)
      case 5:
        let range = try reader.content(field)
        node.attributes.append(try readAttribute(reader.reader(over: range), reader[range]))
      case 7: node.domain = try reader.text(field)
      default: try reader.skip(field)
      }
    }
    return node
  }

  private static func readAttribute(
    _ message: ProtobufReader, _ bytes: UnsafeRawBufferPointer
  ) throws(InferenceError) -> Attribute {
    var reader = message
    var name = ""
    var holdsGraph = false
    while let field = try reader.next() {
      switch field.number {
      case 1: name = try reader.text(field)
      case 6, 11:
        holdsGraph = true
        try reader.skip(field)
      default: try reader.skip(field)
      }
    }
    return Attribute(name: name, bytes: Array(bytes), holdsGraph: holdsGraph)
  }
}

extension OnnxDraft {
  /// The file.
  func encoded() -> [UInt8] {
    let graph = ProtobufWriter.message { graph in
      graph.verbatim(graphFields)
      for node in nodes { graph.content(1, OnnxDraft.encoded(node)) }
      for (name, tensor) in initializers {
        graph.content(5, OnnxDraft.encoded(tensor, name: name))
      }
      for input in inputs { graph.content(11, input.bytes) }
      for output in outputs { graph.content(12, output.bytes) }
    }
    return ProtobufWriter.message { model in
      model.verbatim(modelFields)
      model.content(7, graph)
    }
  }

  static func encoded(_ node: Node) -> [UInt8] {
    ProtobufWriter.message { message in
      for input in node.inputs { message.text(1, input) }
      for output in node.outputs { message.text(2, output) }
      if !node.name.isEmpty { message.text(3, node.name) }
      message.text(4, node.operatorType)
      for attribute in node.attributes { message.content(5, attribute.bytes) }
      if !node.domain.isEmpty { message.text(7, node.domain) }
    }
  }

  /// A tensor as a `TensorProto`: numbers as raw data, texts as a list.
  static func encoded(_ tensor: Tensor, name: String) -> [UInt8] {
    ProtobufWriter.message { message in
      message.packed(1, tensor.shape)
      message.int(2, Int64(tensor.elementType.onnxNumber))
      if !name.isEmpty { message.text(8, name) }
      if tensor.elementType == .text {
        for text in tensor.elements(TextRef.self) {
          message.content(6, UnsafeBufferPointer(start: text.bytes, count: text.count))
        }
      } else {
        message.content(
          9,
          UnsafeRawBufferPointer(
            start: tensor.base, count: tensor.count * tensor.elementType.strideBytes))
      }
    }
  }
}

extension OnnxDraft.Attribute {
  private static func make(
    _ name: String, type: Int64, _ body: (inout ProtobufWriter) -> Void
  ) -> OnnxDraft.Attribute {
    OnnxDraft.Attribute(
      name: name,
      bytes: ProtobufWriter.message { message in
        message.text(1, name)
        body(&message)
        message.int(20, type)
      })
  }

  static func float(_ name: String, _ value: Float) -> OnnxDraft.Attribute {
    make(name, type: 1) { $0.float(2, value) }
  }
  static func int(_ name: String, _ value: Int) -> OnnxDraft.Attribute {
    make(name, type: 2) { $0.int(3, Int64(value)) }
  }
  static func string(_ name: String, _ value: [UInt8]) -> OnnxDraft.Attribute {
    make(name, type: 3) { $0.content(4, value) }
  }
  static func tensor(_ name: String, _ value: Tensor) -> OnnxDraft.Attribute {
    make(name, type: 4) { $0.content(5, OnnxDraft.encoded(value, name: "")) }
  }
  static func floats(_ name: String, _ values: [Float]) -> OnnxDraft.Attribute {
    make(name, type: 6) { $0.packed(7, values) }
  }
  static func ints(_ name: String, _ values: [Int]) -> OnnxDraft.Attribute {
    make(name, type: 7) { $0.packed(8, values) }
  }
  static func strings(_ name: String, _ values: [[UInt8]]) -> OnnxDraft.Attribute {
    make(name, type: 8) { message in
      for value in values { message.content(9, value) }
    }
  }
}

extension OnnxDraft.Node {
  /// Replaces or adds an attribute; the others keep their order.
  mutating func set(_ attribute: OnnxDraft.Attribute) {
    if let index = attributes.firstIndex(where: { $0.name == attribute.name }) {
      attributes[index] = attribute
    } else {
      attributes.append(attribute)
    }
  }

  /// Removes attributes.
  mutating func remove(_ names: Set<String>) {
    attributes.removeAll { names.contains($0.name) }
  }

  /// Whether it is the operator `type` of the default domain or, with `ml`, of `ai.onnx.ml`.
  func isOperator(_ type: String, ml: Bool = false) -> Bool {
    operatorType == type
      && (ml ? domain == "ai.onnx.ml" : domain.isEmpty || domain == "ai.onnx")
  }
}
