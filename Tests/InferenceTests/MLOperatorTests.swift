import Core
import Glibc
import Testing

@testable import Inference

/// Random single-node models with onnxruntime's answers (`scripts/ml-operator-cases`): operators
/// of ai.onnx.ml, text operators, control flow.
struct MLOperatorTests {
  @Test func everySampleAgreesWithOnnxruntime() throws {
    let samples = try Bundle.files("ml-operators")
    let operators = Set(samples.map { $0.name.split(separator: "_").first.map(String.init) ?? "" })
    #expect(operators.count == 26)
    let results = try Files.withFolder { root in
      for sample in samples {
        let folder = "\(root)/\(sample.name)"
        mkdir(folder, 0o700)
        mkdir("\(folder)/test_data_set_0", 0o700)
        try Files.write(sample.model, to: "\(folder)/model.onnx")
        for (kind, files) in [("input", sample.inputs), ("output", sample.outputs)] {
          for (index, file) in files.enumerated() {
            try Files.write(file, to: "\(folder)/test_data_set_0/\(kind)_\(index).pb")
          }
        }
      }
      return try OnnxConformance.run(directory: root)
    }
    #expect(results.count == samples.count)
    for result in results { #expect(result.outcome == .passed, "\(result.name)") }
  }

  /// A table compared with other keys or numbers than it has must be told apart.
  @Test func dictionariesAreCompared() throws {
    let table = try Tensor(floats: [0.25, 0.75], shape: [1, 2])
    func expected(_ keys: [Int64], _ values: [Float]) throws -> [DictionaryFile] {
      [
        DictionaryFile(
          keys: try Tensor(int64s: keys, shape: [keys.count]),
          values: try Tensor(floats: values, shape: [values.count]))
      ]
    }
    func difference(_ keys: [Int64], _ values: [Float]) throws -> String? {
      OnnxConformance.difference(
        table, .integers([7, 3]), try expected(keys, values), tolerance: nil)
    }
    #expect(try difference([7, 3], [0.25, 0.75]) == nil)
    #expect(try difference([3, 7], [0.75, 0.25]) == nil)
    #expect(try difference([3, 7], [0.25, 0.75]) != nil)
    #expect(try difference([3, 8], [0.75, 0.25]) != nil)
    #expect(try difference([3], [0.75]) != nil)
  }

  @Test func zipMapTellsItsKeys() throws {
    let sample = try #require(
      try Bundle.files("ml-operators").first { $0.name.hasPrefix("ZipMap") })
    let model = try CompiledModel.compile(onnx: sample.model)
    let keys = try #require(model.outputKeys[0])
    #expect(keys.count == model.signature.outputs[0].shape.last ?? nil)
    #expect(!keys.text(0).isEmpty || keys.count > 0)
  }
}

/// CastMap from texts, which onnxruntime's Python interface cannot be given.
struct CastMapTests {
  private func model(_ attributes: [[UInt8]]) -> [UInt8] {
    var proto = ProtoWriter()
    proto.varint(1, 8)
    proto.bytes(
      7,
      ProtoWriter.message { graph in
        graph.bytes(
          1,
          ProtoWriter.message { node in
            node.bytes(1, Array("x".utf8))
            node.bytes(2, Array("y".utf8))
            node.bytes(4, Array("CastMap".utf8))
            for attribute in attributes { node.bytes(5, attribute) }
            node.bytes(7, Array("ai.onnx.ml".utf8))
          })
        graph.bytes(
          11,
          ProtoWriter.message { info in
            info.bytes(1, Array("x".utf8))
            info.bytes(2, ProtoWriter.message { $0.bytes(5, CastMapTests.mapType) })
          })
        graph.bytes(12, ProtoWriter.message { $0.bytes(1, Array("y".utf8)) })
      })
    for (domain, version) in [("", UInt64(17)), ("ai.onnx.ml", 1)] {
      proto.bytes(
        8,
        ProtoWriter.message {
          $0.bytes(1, Array(domain.utf8))
          $0.varint(2, version)
        })
    }
    return proto.data
  }

  /// map(int64, string).
  private static let mapType = ProtoWriter.message { map in
    map.varint(1, 7)
    map.bytes(2, ProtoWriter.message { $0.bytes(1, ProtoWriter.message { $0.varint(1, 8) }) })
  }

  private func attribute(_ name: String, _ value: String) -> [UInt8] {
    ProtoWriter.message {
      $0.bytes(1, Array(name.utf8))
      $0.bytes(4, Array(value.utf8))
    }
  }

  private func run(
    _ attributes: [[UInt8]], _ keys: [Int64], _ values: [String]
  ) throws -> Tensor {
    let model = try CompiledModel.compile(onnx: model(attributes))
    #expect(model.signature.inputs.map(\.name) == ["x.keys", "x.values"])
    #expect(model.dictionaryInputs == [0])
    let outputs = try model.makeSession(maxRows: 4).run(tensors: [
      try Tensor(int64s: keys, shape: [keys.count]),
      try Tensor(texts: values, shape: [values.count]),
    ])
    return try #require(outputs.first)
  }

  @Test func denseFollowsTheKeys() throws {
    let y = try run([attribute("cast_to", "TO_FLOAT")], [5, -1, 2], ["1.5", "-3", "1e2"])
    #expect(y.shape == [1, 3])
    #expect(Array(y.elements(Float.self)) == [-3, 100, 1.5])
  }

  @Test func sparsePutsEachAtItsKey() throws {
    let most = ProtoWriter.message {
      $0.bytes(1, Array("max_map".utf8))
      $0.varint(3, 4)
      $0.varint(20, 2)
    }
    let attributes = [attribute("cast_to", "TO_INT64"), attribute("map_form", "SPARSE"), most]
    let y = try run(attributes, [3, 0, 9], ["7", "-2", "1"])
    #expect(Array(y.elements(Int64.self)) == [-2, 0, 0, 7])
    #expect(throws: InferenceError.self) { try run(attributes, [-1], ["7"]) }
    #expect(throws: InferenceError.self) { try run(attributes, [1], ["seven"]) }
  }
}
