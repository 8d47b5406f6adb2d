import Core
import Testing

@testable import Inference

/// Damaged and malicious files end in an error that says so, never in a crash.
struct HostileInputTests {
  private static let tight = ModelLimits(
    scratchBytesMax: 1 << 22, foldedBytesMax: 1 << 18, bodyStepsMax: 10_000)

  /// Compiles and, when that works, runs; both may refuse.
  private func attempt(_ file: [UInt8], _ inputs: [Tensor]) {
    guard let model = try? CompiledModel.compile(onnx: file, limits: HostileInputTests.tight)
    else { return }
    _ = try? model.makeSession(maxRows: 1).run(tensors: inputs)
  }

  private func refusal(_ file: [UInt8]) -> InferenceError? {
    do throws(InferenceError) {
      _ = try CompiledModel.compile(onnx: file)
      return nil
    } catch {
      return error
    }
  }

  @Test func mutatedModelsNeverCrash() throws {
    let seeds =
      try Bundle("operators").cases.enumerated().filter { $0.offset % 5 == 0 }.map(\.element)
      + Bundle("models").cases.filter { $0.model.count < 6_000 }
    var random = SplitMix64(seed: 2_013)
    for _ in 0..<3_000 {
      let seed = seeds[Int(random.next() % UInt64(seeds.count))]
      var file = seed.model
      for _ in 0...(random.next() % 4) where !file.isEmpty {
        let at = Int(random.next() % UInt64(file.count))
        switch random.next() % 4 {
        case 0: file[at] = UInt8(truncatingIfNeeded: random.next())
        case 1: file[at] ^= 1 << (random.next() % 8)
        case 2: file[at] = random.next() % 2 == 0 ? 0 : 0xFF
        default: file.removeSubrange(at..<min(file.count, at + Int(random.next() % 9)))
        }
      }
      attempt(file, seed.inputs)
    }
  }

  /// The same for operators whose inputs may be dictionaries, and for bodies of control flow.
  @Test func mutatedOperatorsNeverCrash() throws {
    let seeds = try Bundle.files("ml-operators").map { files in
      (files.model, files.inputs.compactMap { try? Tensor(tensorProto: $0) })
    }
    var random = SplitMix64(seed: 2_014)
    for _ in 0..<4_000 {
      let (model, inputs) = seeds[Int(random.next() % UInt64(seeds.count))]
      var file = model
      for _ in 0...(random.next() % 3) {
        let at = Int(random.next() % UInt64(file.count))
        switch random.next() % 3 {
        case 0: file[at] = UInt8(truncatingIfNeeded: random.next())
        case 1: file[at] ^= 1 << (random.next() % 8)
        default: file[at] = random.next() % 2 == 0 ? 0 : 0x7F
        }
      }
      attempt(file, inputs)
    }
  }

  @Test func truncatedModelsAreRefusedOrWhole() throws {
    for example in try Bundle("operators").cases.prefix(12) {
      for count in 0..<example.model.count {
        attempt(Array(example.model.prefix(count)), example.inputs)
      }
    }
  }

  @Test(
    arguments: [
      ([0x80, 0x04, 0x95, 0x10], "pickle"), ([0x50, 0x4B, 0x03, 0x04], "zip"),
      ([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A], "HDF5"), ([0x1F, 0x8B, 0x08], "gzip"),
      ([0x78, 0x9C, 0x01, 0x02], "compressed"), ([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59], "numpy"),
      (Array("{\"learner\":{}}".utf8), "XGBoost"), (Array("tree\nversion=v4\n".utf8), "LightGBM"),
      (Array("c__builtin__\neval\n".utf8), "pickle"), (Array("<?xml version='1.0'?>".utf8), "XML"),
      (Array("version https://git-lfs.github.com/spec/v1".utf8), "LFS"), ([], "empty"),
    ] as [([UInt8], String)])
  func otherFormatsAreNamed(file: [UInt8], word: String) {
    let error = refusal(file)
    #expect(error?.code == .notONNX)
    #expect(error?.message.contains(word) == true)
  }

  @Test func externalDataIsRefused() {
    var proto = ProtoWriter()
    let tensor = ProtoWriter.message { tensor in
      tensor.varint(1, 4)
      tensor.varint(2, 1)
      tensor.bytes(8, Array("weights".utf8))
      tensor.bytes(13, Array("../../etc/passwd".utf8))
    }
    proto.model(initializers: [tensor], nodes: [])
    #expect(refusal(proto.data)?.code == .externalData)
    #expect(refusal(proto.data)?.message.contains("weights") == true)
  }

  @Test(
    arguments: [
      // dims, bytes of raw data
      ([4], 12), ([-1], 4), ([1 << 40], 4), ([1 << 32, 1 << 32], 0),
      ([1, 1, 1, 1, 1, 1, 1, 1, 1], 4),
      ([0, 1 << 62, 4], 0),
    ] as [([Int], Int)])
  func impossibleConstantsAreRefused(dims: [Int], rawBytes: Int) {
    let tensor = ProtoWriter.message { tensor in
      for dim in dims { tensor.varint(1, UInt64(bitPattern: Int64(dim))) }
      tensor.varint(2, 1)
      tensor.bytes(8, Array("c".utf8))
      tensor.bytes(9, [UInt8](repeating: 0, count: rawBytes))
    }
    var proto = ProtoWriter()
    proto.model(initializers: [tensor], nodes: [ProtoWriter.node("Identity", ["c"], ["y"])])
    #expect(refusal(proto.data) != nil)
  }

  @Test func graphFaultsAreNamed() {
    func model(_ nodes: [[UInt8]]) -> InferenceError? {
      var proto = ProtoWriter()
      proto.model(initializers: [], nodes: nodes, inputs: ["x"])
      return refusal(proto.data)
    }
    let cycle = model([
      ProtoWriter.node("Add", ["x", "b"], ["a"]), ProtoWriter.node("Neg", ["a"], ["b"]),
      ProtoWriter.node("Neg", ["b"], ["y"]),
    ])
    #expect(cycle?.code == .graph)
    #expect(cycle?.message.contains("cycle") == true)
    let missing = model([ProtoWriter.node("Neg", ["nowhere"], ["y"])])
    #expect(missing?.message.contains("nowhere") == true)
    let doubled = model([
      ProtoWriter.node("Neg", ["x"], ["y"]), ProtoWriter.node("Abs", ["x"], ["y"]),
    ])
    #expect(doubled?.code == .graph)
    let unknown = model([ProtoWriter.node("Conv", ["x"], ["y"])])
    #expect(unknown?.code == .unsupported)
    #expect(unknown?.operatorName == "Conv")
    #expect(unknown?.message.contains("opset 17") == true)
    let shapes = model([ProtoWriter.node("MatMul", ["x", "x"], ["y"])])
    #expect(shapes?.code == .shape)
    #expect(shapes?.message.contains("MatMul \"MatMul y\"") == true)
  }

  @Test func escapesInNamesAreMadeVisible() {
    var proto = ProtoWriter()
    proto.model(
      initializers: [], nodes: [ProtoWriter.node("\u{1B}[2J", ["x"], ["y"])], inputs: ["x"])
    let message = refusal(proto.data)?.message ?? ""
    #expect(!message.isEmpty)
    #expect(!message.contains("\u{1B}"))
  }

  @Test func deepNestingIsRefused() {
    var inner: [UInt8] = []
    for _ in 0..<1_000 {
      inner = ProtoWriter.message { $0.bytes(1, ProtoWriter.message { $0.bytes(5, inner) }) }
    }
    var proto = ProtoWriter()
    proto.varint(1, 8)
    proto.bytes(7, inner)
    #expect(refusal(proto.data) != nil)
  }

  @Test func aSmallFileCannotTakeMuchMemory() {
    // A million integers of one byte each would be eight million bytes when decoded naively.
    let attribute = ProtoWriter.message { attribute in
      attribute.bytes(1, Array("axes".utf8))
      attribute.bytes(8, [UInt8](repeating: 1, count: 1_000_000))
    }
    var budget = AllocationBudget(fileBytes: 1_000_000)
    #expect(throws: InferenceError.self) { try budget.charge(5_100_000, stride: 1) }
    var proto = ProtoWriter()
    proto.model(
      initializers: [],
      nodes: [ProtoWriter.node("ReduceSum", ["x"], ["y"], attributes: [attribute])], inputs: ["x"])
    #expect(refusal(proto.data) != nil)
  }

  @Test func hugeRunTimeTensorsAreRefused() throws {
    let shape = ProtoWriter.message { tensor in
      tensor.varint(1, 2)
      tensor.varint(2, 7)
      tensor.bytes(8, Array("s".utf8))
      tensor.bytes(7, ProtoWriter.packed([1 << 20, 1 << 20]))
    }
    var proto = ProtoWriter()
    proto.model(
      initializers: [shape],
      nodes: [
        ProtoWriter.node("ConstantOfShape", ["s"], ["big"]),
        ProtoWriter.node("ReduceSum", ["big"], ["y"]),
      ], inputs: ["x"])
    #expect(refusal(proto.data)?.code == .limit)
  }
}

/// Writes protobuf by hand, to make files no exporter would.
struct ProtoWriter {
  private(set) var data: [UInt8] = []

  private mutating func raw(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      data.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    data.append(UInt8(rest))
  }

  mutating func append(_ bytes: [UInt8]) { data += bytes }

  mutating func varint(_ field: UInt64, _ value: UInt64) {
    raw(field << 3)
    raw(value)
  }

  mutating func bytes(_ field: UInt64, _ content: [UInt8]) {
    raw(field << 3 | 2)
    raw(UInt64(content.count))
    data += content
  }

  static func message(_ body: (inout ProtoWriter) -> Void) -> [UInt8] {
    var writer = ProtoWriter()
    body(&writer)
    return writer.data
  }

  static func packed(_ values: [UInt64]) -> [UInt8] {
    var writer = ProtoWriter()
    for value in values { writer.raw(value) }
    return writer.data
  }

  static func node(
    _ type: String, _ inputs: [String], _ outputs: [String], attributes: [[UInt8]] = []
  ) -> [UInt8] {
    message { node in
      for input in inputs { node.bytes(1, Array(input.utf8)) }
      for output in outputs { node.bytes(2, Array(output.utf8)) }
      node.bytes(3, Array("\(type) \(outputs.first ?? "")".utf8))
      node.bytes(4, Array(type.utf8))
      for attribute in attributes { node.bytes(5, attribute) }
    }
  }

  /// A float column [N, 3] or [N, 2] of a name.
  static func input(_ name: String) -> [UInt8] {
    message { info in
      info.bytes(1, Array(name.utf8))
      info.bytes(
        2,
        message { type in
          type.bytes(
            1,
            message { tensor in
              tensor.varint(1, 1)
              tensor.bytes(
                2,
                message { shape in
                  shape.bytes(1, message { $0.bytes(2, Array("N".utf8)) })
                  shape.bytes(1, message { $0.varint(1, 2) })
                })
            })
        })
    }
  }

  /// A whole model with the output `y`.
  mutating func model(initializers: [[UInt8]], nodes: [[UInt8]], inputs: [String] = []) {
    varint(1, 8)
    bytes(
      7,
      ProtoWriter.message { graph in
        for node in nodes { graph.bytes(1, node) }
        for tensor in initializers { graph.bytes(5, tensor) }
        for input in inputs { graph.bytes(11, ProtoWriter.input(input)) }
        graph.bytes(12, ProtoWriter.message { $0.bytes(1, Array("y".utf8)) })
      })
    bytes(8, ProtoWriter.message { $0.varint(2, 17) })
  }
}
