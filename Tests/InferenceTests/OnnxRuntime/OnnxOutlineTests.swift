import Core
import Testing

@testable import Inference

/// Our own walk over a file that ONNX Runtime is to run.
///
/// None of these tests needs ONNX Runtime.
struct OnnxOutlineTests {
  private func refusal(
    _ file: [UInt8], limits: ModelLimits = .standard
  ) -> InferenceError? {
    do throws(InferenceError) {
      _ = try OnnxOutline.read(file, limits: limits)
      return nil
    } catch {
      return error
    }
  }

  private static let external = ProtoWriter.message { tensor in
    tensor.varint(1, 4)
    tensor.varint(2, 1)
    tensor.bytes(8, Array("weights".utf8))
    tensor.bytes(13, ProtoWriter.message { $0.bytes(1, Array("location".utf8)) })
  }

  /// Says that its data is elsewhere without saying where.
  private static let elsewhere = ProtoWriter.message { tensor in
    tensor.varint(2, 1)
    tensor.bytes(8, Array("weights".utf8))
    tensor.varint(14, 1)
  }

  /// The places of a file where a constant can hide.
  private static let hidingPlaces: [@Sendable ([UInt8]) -> [UInt8]] = [
    // A constant of the graph.
    { tensor in ProtoWriter.message { $0.bytes(7, ProtoWriter.message { $0.bytes(5, tensor) }) } },
    // An attribute, and a list of them.
    { tensor in file(attribute: ProtoWriter.message { $0.bytes(5, tensor) }) },
    { tensor in file(attribute: ProtoWriter.message { $0.bytes(10, tensor) }) },
    // A subgraph, and one of a list of them.
    { tensor in
      let graph = ProtoWriter.message { $0.bytes(5, tensor) }
      return file(attribute: ProtoWriter.message { $0.bytes(6, graph) })
    },
    { tensor in
      let graph = ProtoWriter.message { $0.bytes(5, tensor) }
      return file(attribute: ProtoWriter.message { $0.bytes(11, graph) })
    },
    // The values of a sparse constant, of a graph and of an attribute.
    { tensor in
      let sparse = ProtoWriter.message { $0.bytes(1, tensor) }
      return ProtoWriter.message { $0.bytes(7, ProtoWriter.message { $0.bytes(15, sparse) }) }
    },
    { tensor in
      let sparse = ProtoWriter.message { $0.bytes(2, tensor) }
      return file(attribute: ProtoWriter.message { $0.bytes(22, sparse) })
    },
    // A function's node, and the default of a function's attribute.
    { tensor in
      let node = ProtoWriter.node(
        "Constant", [], ["c"], attributes: [ProtoWriter.message { $0.bytes(5, tensor) }])
      let function = ProtoWriter.message { $0.bytes(7, node) }
      return ProtoWriter.message { $0.bytes(25, function) }
    },
    { tensor in
      let attribute = ProtoWriter.message { $0.bytes(5, tensor) }
      let function = ProtoWriter.message { $0.bytes(11, attribute) }
      return ProtoWriter.message { $0.bytes(25, function) }
    },
    // The graph of a training step.
    { tensor in
      let graph = ProtoWriter.message { $0.bytes(5, tensor) }
      return ProtoWriter.message { $0.bytes(20, ProtoWriter.message { $0.bytes(2, graph) }) }
    },
  ]

  private static func file(attribute: [UInt8]) -> [UInt8] {
    let node = ProtoWriter.node("Constant", [], ["y"], attributes: [attribute])
    return ProtoWriter.message { $0.bytes(7, ProtoWriter.message { $0.bytes(1, node) }) }
  }

  @Test(arguments: hidingPlaces.indices)
  func externalDataIsRefusedWhereverItHides(place: Int) {
    for tensor in [Self.external, Self.elsewhere] {
      let error = refusal(Self.hidingPlaces[place](tensor))
      #expect(error?.code == .externalData)
      #expect(error?.message.contains("weights") == true)
    }
  }

  @Test func limitsHold() throws {
    let node = ProtoWriter.node("Neg", ["x"], ["y"])
    let inner = ProtoWriter.message { graph in for _ in 0..<5 { graph.bytes(1, node) } }
    let nested = Self.file(attribute: ProtoWriter.message { $0.bytes(6, inner) })
    #expect(refusal(nested) == nil)
    // Nodes of subgraphs count as well.
    #expect(refusal(nested, limits: ModelLimits(nodesMax: 5))?.code == .limit)
    #expect(refusal(nested, limits: ModelLimits(fileBytesMax: 20))?.code == .limit)
    for dims in [[1 << 20, 1 << 20], [1 << 40, 1 << 40], [0, 1 << 62, 4]] {
      let tensor = ProtoWriter.message { tensor in
        for dim in dims { tensor.varint(1, UInt64(dim)) }
        tensor.varint(2, 1)
      }
      #expect(refusal(Self.hidingPlaces[0](tensor)) != nil)
    }
    var deep: [UInt8] = []
    for _ in 0..<200 {
      let node = ProtoWriter.node(
        "If", ["c"], ["y"], attributes: [ProtoWriter.message { [deep] in $0.bytes(6, deep) }])
      deep = ProtoWriter.message { $0.bytes(1, node) }
    }
    #expect(refusal(ProtoWriter.message { $0.bytes(7, deep) })?.code == .limit)
    #expect(refusal([0x80, 0x04, 0x95])?.message.contains("pickle") == true)
    #expect(refusal([0x08, 0x08])?.code == .notONNX)
  }

  @Test func damagedFilesNeverCrash() throws {
    var random = SplitMix64(seed: 31)
    for example in try Bundle("runtime").cases {
      for count in 0..<example.model.count { _ = refusal(Array(example.model.prefix(count))) }
      for _ in 0..<500 {
        var file = example.model
        for _ in 0...(random.next() % 4) {
          file[Int(random.next() % UInt64(file.count))] = UInt8(truncatingIfNeeded: random.next())
        }
        if let outline = try? OnnxOutline.read(file, limits: .standard) {
          _ = ZipMaps(removedFrom: file, outline)
        }
      }
    }
  }

  @Test func theOutlineTellsWhatTheFileHolds() throws {
    let file = try Bundle("runtime").named("voice").model
    let outline = try OnnxOutline.read(file, limits: .standard)
    #expect(outline.nodeCount == 14)
    #expect(outline.operators["Mul"] == 2 && outline.operators["LSTM"] == 1)
    #expect(outline.opsets == ["ai.onnx": 17, "ai.onnx.ml": 3] && outline.irVersion == 8)
    #expect(outline.graphName == "fixture")
    #expect(outline.inputs.map(\.name) == ["input", "state", "sr"])
    #expect(outline.inputs.map(\.hasShape) == [true, true, true])
    #expect(outline.outputs.map(\.name) == ["output", "stateN"])
    // 12 + 36 weights, 8 of the kernel, and three whole numbers; branches count as well.
    #expect(outline.parameterCount == 61)
  }

  @Test func zipMapsAreTakenOut() throws {
    for name in ["zipped numbers", "zipped texts"] {
      let file = try Bundle("runtime").named(name).model
      let outline = try OnnxOutline.read(file, limits: .standard)
      let changed = ZipMaps(removedFrom: file, outline)
      #expect(changed.replacements == ["zipped": "table"])
      let left = try OnnxOutline.read(changed.file, limits: .standard)
      #expect(left.operators["ai.onnx.ml.ZipMap"] == nil)
      #expect(left.nodeCount == outline.nodeCount - 1)
      #expect(Set(left.outputs.map(\.name)) == ["pieces", "table", "bent"])
      #expect(left.opsets == outline.opsets && left.parameterCount == outline.parameterCount)
      // What is taken out once stays as it is.
      #expect(ZipMaps(removedFrom: changed.file, left).file == changed.file)
    }
  }

  @Test func zipMapsThatAreReadStay() throws {
    let zipMap = ProtoWriter.message { node in
      node.bytes(1, Array("table".utf8))
      node.bytes(2, Array("y".utf8))
      node.bytes(4, Array("ZipMap".utf8))
      node.bytes(7, Array("ai.onnx.ml".utf8))
    }
    var reads = ProtoWriter()
    reads.model(
      initializers: [],
      nodes: [
        ProtoWriter.node("Neg", ["x"], ["table"]), zipMap,
        ProtoWriter.node("SequenceLength", ["y"], ["n"]),
      ], inputs: ["x"])
    // A table that is an input itself cannot be an output in its place.
    var given = ProtoWriter()
    given.model(initializers: [], nodes: [zipMap], inputs: ["table"])
    for file in [reads.data, given.data] {
      let outline = try OnnxOutline.read(file, limits: .standard)
      #expect(outline.zipMaps.count == 1)
      #expect(ZipMaps(removedFrom: file, outline).file == file)
    }
  }
}
