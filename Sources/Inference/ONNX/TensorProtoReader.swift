import Core

/// Decodes one `TensorProto`: a constant of a model, or a test case's input.
struct TensorProtoReader {
  private(set) var name = ""
  private let elementsMax: Int
  private var dims: [Int] = []
  private var typeNumber = 0
  private var raw: Range<Int>?
  private var packedFloats: [Range<Int>] = []
  private var packedDoubles: [Range<Int>] = []
  private var ints = IntList()
  private var texts: [ByteRange] = []
  private var loneFloats: [Float] = []
  private var loneDoubles: [Double] = []

  init(elementsMax: Int) { self.elementsMax = elementsMax }

  /// The tensor in `message`.
  mutating func read(
    _ message: ProtobufReader, budget: inout AllocationBudget
  ) throws(InferenceError) -> Tensor {
    var reader = message
    let counts = try reader.fieldCounts()
    try budget.chargeArray(counts[6], stride: MemoryLayout<ByteRange>.stride)
    texts.reserveCapacity(counts[6])
    while let field = try reader.next() {
      try readField(field, counts, &reader, &budget)
    }
    return try build(reader, &budget)
  }

  private mutating func readField(
    _ field: ProtobufReader.Field, _ counts: InlineArray<32, Int>,
    _ reader: inout ProtobufReader, _ budget: inout AllocationBudget
  ) throws(InferenceError) {
    switch field.number {
    case 1: try readDims(field, &reader)
    case 2: typeNumber = Int(truncatingIfNeeded: try reader.int64(field))
    case 4:
      if field.wire == 5 {
        try makeRoom(&loneFloats, counts[4], &budget)
        loneFloats.append(try reader.float(field))
      } else {
        try makeRoom(&packedFloats, counts[4], &budget)
        packedFloats.append(try reader.content(field))
      }
    case 5, 7, 11:
      if field.wire == 0 {
        if ints.isFull { try ints.reserve(counts[5] + counts[7] + counts[11], &budget) }
        try ints.append(try reader.int64(field), &budget)
      } else {
        let range = try reader.content(field)
        var packed = reader.reader(over: range)
        try ints.reserve(packed.countOfVarints(in: range), &budget)
        while !packed.isAtEnd {
          try ints.append(Int64(bitPattern: try packed.varint()), &budget)
        }
      }
    case 6:
      texts.append(ByteRange(try reader.content(field)))
    case 8: name = try reader.text(field)
    case 9: raw = try reader.content(field)
    case 10:
      if field.wire == 1 {
        try makeRoom(&loneDoubles, counts[10], &budget)
        loneDoubles.append(Double(bitPattern: try reader.fixed64()))
      } else {
        try makeRoom(&packedDoubles, counts[10], &budget)
        packedDoubles.append(try reader.content(field))
      }
    case 13: throw externalDataRefused(constant: name)
    case 14:
      if try reader.int64(field) == 1 { throw externalDataRefused(constant: name) }
    default: try reader.skip(field)
    }
  }

  /// Makes room for all that may come, the first time.
  private func makeRoom<T>(
    _ list: inout [T], _ count: Int, _ budget: inout AllocationBudget
  ) throws(InferenceError) {
    guard list.isEmpty else { return }
    try budget.chargeArray(count, stride: MemoryLayout<T>.stride)
    list.reserveCapacity(count)
  }

  private mutating func readDims(
    _ field: ProtobufReader.Field, _ reader: inout ProtobufReader
  ) throws(InferenceError) {
    if field.wire == 0 {
      try appendDim(try reader.int64(field), reader)
      return
    }
    var packed = reader.reader(over: try reader.content(field))
    while !packed.isAtEnd { try appendDim(Int64(bitPattern: try packed.varint()), reader) }
  }

  private mutating func appendDim(
    _ dim: Int64, _ reader: ProtobufReader
  ) throws(InferenceError) {
    guard dim >= 0, dims.count < Shape.rankMax else {
      throw reader.fault("a constant with the dimensions \(dims) and then \(dim)")
    }
    dims.append(Int(dim))
  }

  private func build(
    _ reader: ProtobufReader, _ budget: inout AllocationBudget
  ) throws(InferenceError) -> Tensor {
    let label = "the constant \"\(printable(name))\""
    guard let type = ElementType(onnx: typeNumber) else {
      throw InferenceError(
        .unsupported,
        "\(label) has the element type \(onnxTypeName(typeNumber)), "
          + "which is not supported; export the model in float32",
        operatorName: "tensor(\(onnxTypeName(typeNumber)))")
    }
    let shape: Shape
    do {
      shape = try Shape(dims)
    } catch {
      throw InferenceError(.malformed, "\(label): \(error.message)")
    }
    let count = shape.count
    guard count <= elementsMax else {
      throw InferenceError(
        .limit, "\(label) has \(count) elements, the limit is \(elementsMax)")
    }
    if let raw { return try fromRaw(reader[raw], type, shape, label, &budget) }
    let held = heldCount(type)
    guard held == count else {
      throw InferenceError(
        .malformed, "\(label) has the shape \(dims), so \(count) elements, but holds \(held)")
    }
    try budget.charge(count, stride: type.strideBytes)
    if type == .text {
      let bytes = texts.reduce(0) { $0 + Int($1.count) }
      try budget.charge(bytes, stride: 1)
      return fromTexts(reader, shape, bytes)
    }
    return Tensor(type, shape) { base in fill(base, type, count, reader) }
  }

  private func fromRaw(
    _ bytes: UnsafeRawBufferPointer, _ type: ElementType, _ shape: Shape, _ label: String,
    _ budget: inout AllocationBudget
  ) throws(InferenceError) -> Tensor {
    guard type != .text, bytes.count == shape.count * type.strideBytes else {
      throw InferenceError(
        .malformed,
        "\(label) has the shape \(dims) of \(type.rawValue), but \(bytes.count) bytes "
          + "of raw data")
    }
    try budget.charge(bytes.count, stride: 1)
    return Tensor(type, shape) { base in
      if let from = bytes.baseAddress { base.copyMemory(from: from, byteCount: bytes.count) }
      if type == .bool {
        // Any other value than 0 and 1 would not be a truth value to the kernels.
        let flags = base.assumingMemoryBound(to: UInt8.self)
        for i in 0..<bytes.count where flags[i] > 1 { flags[i] = 1 }
      }
    }
  }

  private func heldCount(_ type: ElementType) -> Int {
    switch type {
    case .float32: loneFloats.count + packedFloats.reduce(0) { $0 + $1.count } / 4
    case .float64: loneDoubles.count + packedDoubles.reduce(0) { $0 + $1.count } / 8
    case .text: texts.count
    default: ints.count
    }
  }

  private func fromTexts(_ reader: ProtobufReader, _ shape: Shape, _ bytes: Int) -> Tensor {
    Tensor(texts: texts.count, bytes: bytes, dims: shape) { references, store in
      var place = store
      for (index, text) in texts.enumerated() {
        let from = reader[text.range]
        if let base = from.baseAddress {
          UnsafeMutableRawPointer(place).copyMemory(from: base, byteCount: from.count)
        }
        (references + index).initialize(
          to: TextRef(bytes: UnsafePointer(place), count: from.count))
        place += from.count
      }
    }
  }

  private func fill(
    _ base: UnsafeMutableRawPointer, _ type: ElementType, _ count: Int, _ reader: ProtobufReader
  ) {
    switch type {
    case .float32: copy(loneFloats, packedFloats, to: base, reader)
    case .float64: copy(loneDoubles, packedDoubles, to: base, reader)
    case .bool: store(base, UInt8.self) { $0 == 0 ? 0 : 1 }
    case .int8: store(base, Int8.self) { Int8(truncatingIfNeeded: $0) }
    case .uint8: store(base, UInt8.self) { UInt8(truncatingIfNeeded: $0) }
    case .int16: store(base, Int16.self) { Int16(truncatingIfNeeded: $0) }
    case .uint16: store(base, UInt16.self) { UInt16(truncatingIfNeeded: $0) }
    case .int32: store(base, Int32.self) { Int32(truncatingIfNeeded: $0) }
    case .uint32: store(base, UInt32.self) { UInt32(truncatingIfNeeded: $0) }
    case .int64: store(base, Int64.self) { Int64($0) }
    case .uint64: store(base, UInt64.self) { UInt64(bitPattern: Int64($0)) }
    case .text: break
    }
  }

  private func store<T>(
    _ base: UnsafeMutableRawPointer, _: T.Type, _ convert: (Int) -> T
  ) {
    let to = base.assumingMemoryBound(to: T.self)
    for i in 0..<ints.count { to[i] = convert(ints[i]) }
  }

  private func copy<T>(
    _ lone: [T], _ packed: [Range<Int>], to base: UnsafeMutableRawPointer, _ reader: ProtobufReader
  ) {
    let stride = MemoryLayout<T>.stride
    var offset = 0
    lone.withUnsafeBytes { bytes in
      if let from = bytes.baseAddress { base.copyMemory(from: from, byteCount: bytes.count) }
      offset = bytes.count
    }
    let end = offset + packed.reduce(0) { $0 + $1.count } / stride * stride
    for range in packed {
      let bytes = reader[range]
      let size = min(bytes.count, end - offset)
      if size > 0, let from = bytes.baseAddress {
        (base + offset).copyMemory(from: from, byteCount: size)
      }
      offset += size
    }
  }
}
