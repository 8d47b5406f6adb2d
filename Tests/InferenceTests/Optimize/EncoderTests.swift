import Core
import Testing

@testable import Inference

/// What is written is read back as it was.
struct EncoderTests {
  /// A model's parts in words and bits, in order.
  private static func describe(_ model: OnnxModel) -> [String] {
    var lines = [
      "ir \(model.irVersion)", model.producer, model.producerVersion, model.graph.name,
      "\(model.opsets.sorted { $0.key < $1.key })",
    ]
    for node in model.nodes {
      lines.append(
        "\(node.domain) \(node.operatorType) \(node.name) \(node.inputs) \(node.outputs)")
      for attribute in node.attributes {
        lines.append("  \(attribute.name) \(describe(attribute.value, model))")
      }
    }
    for (name, tensor) in model.initializers { lines.append("\(name) \(describe(tensor))") }
    for info in model.inputs + model.outputs { lines.append("\(info.name) \(info.kind)") }
    return lines
  }

  private static func describe(_ value: OnnxAttribute.Value, _ model: OnnxModel) -> String {
    switch value {
    case .float(let x): "\(x.bitPattern)"
    case .floats(let list): "\(list.map(\.bitPattern))"
    case .ints(let list): "\(list.array)"
    case .string(let range): "\(Array(model.file[range.range]))"
    case .strings(let list): "\(list.map { Array(model.file[$0.range]) })"
    case .tensor(let tensor): describe(tensor)
    default: "\(value)"
    }
  }

  private static func describe(_ tensor: Tensor) -> String {
    if tensor.elementType == .text {
      return "\(tensor.shape) \((0..<tensor.count).map { tensor.text($0) })"
    }
    let bytes = UnsafeRawBufferPointer(
      start: tensor.base, count: tensor.count * tensor.elementType.strideBytes)
    return "\(tensor.elementType) \(tensor.shape) \(Array(bytes))"
  }

  private func survives(_ file: [UInt8]) throws -> Bool {
    let model = try OnnxDecoder.decode(file, limits: .standard)
    let written = try OnnxDraft(model).encoded()
    let read = try OnnxDecoder.decode(written, limits: .standard)
    return EncoderTests.describe(model) == EncoderTests.describe(read)
  }

  @Test func fixturesSurvive() throws {
    for name in ["models", "operators"] {
      for example in try Bundle(name).cases {
        guard (try? OnnxDecoder.decode(example.model, limits: .standard)) != nil else { continue }
        #expect(try survives(example.model), "\(example.name)")
      }
    }
  }

  @Test(.enabled(if: SampleModelTests.isPresent), arguments: [1, 2, 3])
  func samplesSurvive(version: Int) throws {
    let path = "\(Files.root)/samples/flight-delay/models/flight-delay-\(version).onnx"
    #expect(try survives(try Files.read(path)))
  }

  @Test func randomModelsSurvive() throws {
    var dice = Dice(71)
    for _ in 0..<200 {
      var model = MadeModel()
      for index in 0..<dice.below(5) {
        var attributes: [OnnxDraft.Attribute] = []
        for kind in 0..<dice.below(8) {
          let name = "attribute \(kind)"
          switch kind {
          case 0: attributes.append(.float(name, dice.value()))
          case 1: attributes.append(.int(name, dice.below(2) == 0 ? -dice.below(1 << 40) : 7))
          case 2: attributes.append(.string(name, (0..<dice.below(9)).map { UInt8($0 * 31) }))
          case 3: attributes.append(.floats(name, dice.values(dice.below(5))))
          case 4: attributes.append(.ints(name, (0..<dice.below(5)).map { $0 * 70_000 - 9 }))
          case 5: attributes.append(.strings(name, [[], [0xFF, 0], Array("ü".utf8)]))
          default:
            attributes.append(.tensor(name, try Tensor(floats: dice.values(6), shape: [2, 1, 3])))
          }
        }
        model.nodes.append(
          MadeModel.node(
            "Op\(dice.below(9))", ["x", ""], ["v\(index)", "w\(index)"], ml: dice.below(2) == 0,
            attributes))
      }
      model.constants = [
        ("f", try Tensor(floats: dice.values(4), shape: [2, 2])),
        ("d", try Tensor(doubles: [.pi, -.infinity], shape: [2])),
        ("i", try Tensor(int64s: [.min, 0, 9], shape: [3, 1])),
        ("t", try Tensor(texts: ["", "straße", "a"], shape: [3])),
        ("s", try Tensor(floats: [1], shape: [])),
        ("e", try Tensor(int64s: [], shape: [0])),
      ]
      #expect(try survives(model.file()))
    }
  }

  /// Fields that this program knows nothing of come through a change of the graph.
  @Test func unknownFieldsAreKept() throws {
    var file = MadeModel(nodes: [MadeModel.node("Neg", ["x"], ["y"])]).file()
    let metadata = ProtobufWriter.message { model in
      model.content(
        14,
        ProtobufWriter.message {
          $0.text(1, "origin")
          $0.text(2, "the lab")
        })
    }
    file += metadata
    let written = try OnnxDraft(try OnnxDecoder.decode(file, limits: .standard)).encoded()
    #expect(written.indices.contains { written[$0...].starts(with: metadata) })
  }
}
