import Core
import Glibc
import Testing

@testable import Inference

/// No path from a model file is ever opened: constants whose data is elsewhere are refused, also
/// where the file is there and holds what is announced.
struct ExternalDataTests {
  /// Where in the model the constant is.
  enum Place: CaseIterable { case initializer, attribute, body, unused }

  private static func tensor(_ location: String, offset: String? = nil) -> [UInt8] {
    func entry(_ key: String, _ value: String) -> [UInt8] {
      ProtoWriter.message {
        $0.bytes(1, Array(key.utf8))
        $0.bytes(2, Array(value.utf8))
      }
    }
    return ProtoWriter.message { tensor in
      tensor.varint(1, 2)
      tensor.varint(2, 1)
      tensor.bytes(8, Array("weights".utf8))
      tensor.bytes(13, entry("location", location))
      if let offset { tensor.bytes(13, entry("offset", offset)) }
      tensor.varint(14, 1)
    }
  }

  private static func model(_ tensor: [UInt8], _ place: Place) -> [UInt8] {
    func attribute(_ name: String, _ field: UInt64, _ content: [UInt8], type: UInt64) -> [UInt8] {
      ProtoWriter.message {
        $0.bytes(1, Array(name.utf8))
        $0.bytes(field, content)
        $0.varint(20, type)
      }
    }
    let graph = ProtoWriter.message { graph in
      graph.bytes(1, ProtoWriter.node("Identity", ["weights"], ["z"]))
      graph.bytes(5, tensor)
      graph.bytes(12, ProtoWriter.message { $0.bytes(1, Array("z".utf8)) })
    }
    var proto = ProtoWriter()
    switch place {
    case .initializer:
      proto.model(
        initializers: [tensor], nodes: [ProtoWriter.node("Add", ["x", "weights"], ["y"])],
        inputs: ["x"])
    case .unused:
      proto.model(
        initializers: [tensor], nodes: [ProtoWriter.node("Neg", ["x"], ["y"])], inputs: ["x"])
    case .attribute:
      proto.model(
        initializers: [],
        nodes: [
          ProtoWriter.node(
            "Constant", [], ["y"], attributes: [attribute("value", 5, tensor, type: 4)])
        ])
    case .body:
      let branches = ["then_branch", "else_branch"].map { attribute($0, 6, graph, type: 5) }
      proto.model(
        initializers: [],
        nodes: [ProtoWriter.node("If", ["x"], ["y"], attributes: branches)], inputs: ["x"])
    }
    return proto.data
  }

  private func refusal(_ body: () throws -> Void) -> InferenceError? {
    do {
      try body()
      return nil
    } catch {
      return error as? InferenceError
    }
  }

  @Test(arguments: Place.allCases)
  func everyPathIsRefused(place: Place) throws {
    try Files.withFolder { folder in
      let bundle = "\(folder)/bundle"
      #expect(mkdir(bundle, 0o700) == 0)
      try Files.write([0, 0, 128, 63, 0, 0, 0, 64], to: "\(bundle)/weights.bin")
      try Files.write([0, 0, 128, 63, 0, 0, 0, 64], to: "\(folder)/outside.bin")
      #expect(symlink("../outside.bin", "\(bundle)/soft.bin") == 0)
      #expect(link("\(folder)/outside.bin", "\(bundle)/hard.bin") == 0)
      let locations = [
        "/etc/passwd", "\(bundle)/weights.bin", "../outside.bin", "a/../../outside.bin",
        "soft.bin", "hard.bin", "weights.bin", "./weights.bin", "", "weights.bin\0.txt",
        "file:///etc/passwd", "*/_ORT_MEM_ADDR_/*",
      ]
      for location in locations {
        for offset in [nil, "0", "18446744073709551615", "-1"] {
          let tensor = ExternalDataTests.tensor(location, offset: offset)
          let file = ExternalDataTests.model(tensor, place)
          // The same from a file beside the data.
          try Files.write(file, to: "\(bundle)/model.onnx")
          let native = refusal {
            _ = try CompiledModel.load(Files.read("\(bundle)/model.onnx"), backend: .native)
          }
          #expect(native?.code == .externalData, "\(native?.message ?? "accepted")")
          #expect(native?.message.contains("weights") == true)
          #expect(native?.message.contains("save_as_external_data=False") == true)
          // Nor may ONNX Runtime see such a file.
          let outline = refusal { _ = try OnnxOutline.read(file, limits: .standard) }
          #expect(outline?.code == .externalData, "\(outline?.message ?? "accepted")")
        }
      }
    }
  }
}

/// What is too much is refused by name, before memory is taken for it.
struct ModelLimitTests {
  private func refusal(_ file: [UInt8], _ limits: ModelLimits) -> InferenceError? {
    do throws(InferenceError) {
      _ = try CompiledModel.load(file, backend: .native, limits: limits)
      return nil
    } catch {
      return error
    }
  }

  @Test func nodesAreCounted() {
    func chain(_ count: Int) -> [UInt8] {
      var proto = ProtoWriter()
      let names = ["x"] + (1..<count).map { "v\($0)" } + ["y"]
      proto.model(
        initializers: [],
        nodes: (0..<count).map { ProtoWriter.node("Neg", [names[$0]], [names[$0 + 1]]) },
        inputs: ["x"])
      return proto.data
    }
    #expect(refusal(chain(4), ModelLimits(nodesMax: 4)) == nil)
    let error = refusal(chain(5), ModelLimits(nodesMax: 4))
    #expect(error?.code == .limit && error?.message.contains("4") == true)
  }

  @Test func bytesAreCounted() {
    var proto = ProtoWriter()
    proto.model(initializers: [], nodes: [ProtoWriter.node("Neg", ["x"], ["y"])], inputs: ["x"])
    #expect(refusal(proto.data, ModelLimits(fileBytesMax: proto.data.count)) == nil)
    #expect(refusal(proto.data, ModelLimits(fileBytesMax: proto.data.count - 1))?.code == .limit)
  }

  @Test(arguments: NativeForest.Format.allCases)
  func treeNodesAreCounted(format: NativeForest.Format) {
    let file = NativeForest(trees: 2, depth: 2, style: .compact).file(format)
    #expect(refusal(file, ModelLimits(treeNodesMax: 14)) == nil)
    #expect(refusal(file, ModelLimits(treeNodesMax: 13))?.code == .limit)
    #expect(refusal(file, ModelLimits(fileBytesMax: file.count - 1))?.code == .limit)
  }

  /// Elements without bytes of their own would let a small file ask for much work.
  @Test func elementsTakeBytes() {
    for type in "TFNZ" {
      let length: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 1]
      let file = Array("{L".utf8) + length + Array("a[$\(type)#i".utf8) + [1, 0x7D]
      let error = refusal(file, .standard)
      #expect(error?.message.contains("elements take no bytes") == true, "\(type)")
    }
  }
}
