import Core

/// Dictionaries in test-case files: `MapProto`, and `SequenceProto` of those or of tensors
/// (onnx-data.proto).
struct DictionaryFile {
  /// Texts or int64, one element an entry.
  let keys: Tensor
  /// One element an entry.
  let values: Tensor

  /// The dictionary in a `MapProto` file.
  static func map(_ file: [UInt8], limits: ModelLimits) throws(InferenceError) -> DictionaryFile {
    try decode(file, limits) { reader, state throws(InferenceError) in try state.readMap(reader) }
  }

  /// The dictionaries in a `SequenceProto` file.
  static func list(
    _ file: [UInt8], limits: ModelLimits
  ) throws(InferenceError) -> [DictionaryFile] {
    try decode(file, limits) { whole, state throws(InferenceError) in
      var reader = whole
      var list: [DictionaryFile] = []
      while let field = try reader.next() {
        if field.number == 6 {
          list.append(
            try state.readMap(try reader.message(field, depthMax: limits.nestingDepthMax)))
        } else {
          try reader.skip(field)
        }
      }
      return list
    }
  }

  private static func decode<R>(
    _ file: [UInt8], _ limits: ModelLimits,
    _ body: (ProtobufReader, inout Decoder) throws(InferenceError) -> R
  ) throws(InferenceError) -> R {
    // A typed throw does not pass through the closure, so the result does.
    let result = file.withUnsafeBytes { bytes -> Result<R, InferenceError> in
      var state = Decoder(limits: limits, budget: AllocationBudget(fileBytes: bytes.count))
      do throws(InferenceError) {
        return .success(try body(ProtobufReader(bytes), &state))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  private struct Decoder {
    let limits: ModelLimits
    var budget: AllocationBudget

    mutating func readMap(_ message: ProtobufReader) throws(InferenceError) -> DictionaryFile {
      var reader = message
      var integers: [Int64] = []
      var texts: [String] = []
      var values: [Tensor] = []
      while let field = try reader.next() {
        switch field.number {
        case 3 where field.wire == 0:
          try budget.charge(1, stride: 8)
          integers.append(try reader.int64(field))
        case 3:
          var packed = reader.reader(over: try reader.content(field))
          while !packed.isAtEnd {
            try budget.charge(1, stride: 8)
            integers.append(Int64(bitPattern: try packed.varint()))
          }
        case 4:
          try budget.charge(1, stride: 32)
          texts.append(try reader.text(field))
        case 5:
          values += try readValues(try reader.message(field, depthMax: limits.nestingDepthMax))
        default: try reader.skip(field)
        }
      }
      let keys =
        integers.isEmpty
        ? try Tensor(texts: texts, shape: [texts.count])
        : try Tensor(int64s: integers, shape: [integers.count])
      guard values.count == keys.count, values.allSatisfy({ $0.count == 1 }) else {
        throw reader.fault("\(values.count) values for \(keys.count) keys")
      }
      return DictionaryFile(keys: keys, values: try Tensor(joining: values))
    }

    mutating func readValues(
      _ message: ProtobufReader
    ) throws(InferenceError) -> [Tensor] {
      var reader = message
      var values: [Tensor] = []
      while let field = try reader.next() {
        guard field.number == 3 else {
          try reader.skip(field)
          continue
        }
        try budget.charge(1, stride: 64)
        var tensor = TensorProtoReader(elementsMax: limits.constantElementsMax)
        values.append(
          try tensor.read(
            try reader.message(field, depthMax: limits.nestingDepthMax), budget: &budget))
      }
      return values
    }
  }
}

extension Tensor {
  /// Tensors of one element each as one vector; of none, an empty one of floats.
  fileprivate convenience init(joining list: [Tensor]) throws(InferenceError) {
    let type = list.first?.elementType ?? .float32
    guard list.allSatisfy({ $0.elementType == type }) else {
      throw InferenceError(.malformed, "the values of a dictionary differ in type")
    }
    if type == .text {
      try self.init(texts: list.map { $0.text(0) }, shape: [list.count])
      return
    }
    self.init(type, Shape(list.count)) { base in
      for (i, tensor) in list.enumerated() {
        (base + i * type.strideBytes).copyMemory(from: tensor.base, byteCount: type.strideBytes)
      }
    }
  }
}

extension DictionaryFile {
  /// The tensors in a `SequenceProto` file.
  static func tensors(
    _ file: [UInt8], limits: ModelLimits
  ) throws(InferenceError) -> [Tensor] {
    // The copies outlive the file's bytes.
    try decode(file, limits) { reader, state throws(InferenceError) in
      try state.readValues(reader).map { Tensor(copying: $0.view) }
    }
  }
}

extension OnnxConformance {
  /// Where a table with named columns differs from dictionaries, or `nil`.
  static func difference(
    _ got: Tensor, _ keys: DictionaryKeys, _ expected: [DictionaryFile], tolerance: Double?
  ) -> String? {
    guard got.shape == [expected.count, keys.count] else {
      return "the shape \(got.shape), expected \(expected.count) dictionaries"
    }
    for (row, dictionary) in expected.enumerated() {
      guard dictionary.keys.count == keys.count else {
        return "dictionary \(row) has \(keys.count) keys, expected \(dictionary.keys.count)"
      }
      for entry in 0..<dictionary.keys.count {
        guard let column = column(keys, dictionary.keys, entry) else {
          return "dictionary \(row) lacks a key"
        }
        let (a, b) = (got.number(row * keys.count + column), dictionary.values.number(entry))
        if !agree(a, b, tolerance: tolerance) {
          return "dictionary \(row), key \"\(printable(keys.text(column)))\" is \(a), expected \(b)"
        }
      }
    }
    return nil
  }

  private static func column(_ keys: DictionaryKeys, _ names: Tensor, _ entry: Int) -> Int? {
    switch keys {
    case .integers(let list):
      names.elementType == .int64
        ? list.firstIndex(of: names.elements(Int64.self)[entry]) : nil
    case .texts(let list):
      names.elementType == .text ? list.firstIndex(of: names.text(entry)) : nil
    }
  }
}
