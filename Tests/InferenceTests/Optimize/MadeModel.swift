import Core

@testable import Inference

/// Models made by tests, node by node.
struct MadeModel {
  var nodes: [OnnxDraft.Node] = []
  var constants: [(String, Tensor)] = []
  /// Tables of floats: name and width.
  var inputs: [(name: String, width: Int)] = [("x", 4)]
  var outputs: [String] = ["y"]

  /// The file.
  func file() -> [UInt8] {
    let graph = ProtobufWriter.message { graph in
      for node in nodes { graph.content(1, OnnxDraft.encoded(node)) }
      graph.text(2, "made")
      for (name, tensor) in constants {
        graph.content(5, OnnxDraft.encoded(tensor, name: name))
      }
      for (name, width) in inputs { graph.content(11, MadeModel.table(name, width)) }
      for name in outputs {
        graph.content(12, ProtobufWriter.message { $0.text(1, name) })
      }
    }
    return ProtobufWriter.message { model in
      model.int(1, 8)
      model.text(2, "tests")
      model.content(7, graph)
      model.content(8, ProtobufWriter.message { $0.int(2, 17) })
      model.content(
        8,
        ProtobufWriter.message {
          $0.text(1, "ai.onnx.ml")
          $0.int(2, 3)
        })
    }
  }

  private static func table(_ name: String, _ width: Int) -> [UInt8] {
    let shape = ProtobufWriter.message { shape in
      shape.content(1, ProtobufWriter.message { $0.text(2, "N") })
      shape.content(1, ProtobufWriter.message { $0.int(1, Int64(width)) })
    }
    let tensor = ProtobufWriter.message {
      $0.int(1, 1)
      $0.content(2, shape)
    }
    return ProtobufWriter.message {
      $0.text(1, name)
      $0.content(2, ProtobufWriter.message { $0.content(1, tensor) })
    }
  }

  static func node(
    _ type: String, _ inputs: [String], _ outputs: [String], ml: Bool = false,
    _ attributes: [OnnxDraft.Attribute] = []
  ) -> OnnxDraft.Node {
    OnnxDraft.Node(
      name: "\(type) \(outputs[0])", operatorType: type, domain: ml ? "ai.onnx.ml" : "",
      inputs: inputs, outputs: outputs, attributes: attributes)
  }
}

/// Made-up numbers, the same in every run.
struct Dice {
  private var random: SplitMix64

  init(_ seed: UInt64) { random = SplitMix64(seed: seed) }

  mutating func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }

  /// From -1 to 1, in steps of 1/1,000 so that ties with thresholds occur.
  mutating func number() -> Float { Float(below(2_001) - 1_000) / 1_000 }

  /// A value for a tree: mostly ordinary, at times special.
  mutating func value() -> Float {
    switch below(12) {
    case 0: .nan
    case 1: [Float.infinity, -.infinity, 0, -0.0, 1, 1e30, -1e30][below(7)]
    default: number() * 3
    }
  }

  mutating func values(_ count: Int) -> [Float] { (0..<count).map { _ in value() } }
  mutating func numbers(_ count: Int) -> [Float] { (0..<count).map { _ in number() } }
}

extension MadeModel {
  /// Random trees as the attributes of an ensemble; redundant comparisons and equal leaves are
  /// frequent.
  static func trees(
    _ dice: inout Dice, count: Int, depth: Int, features: Int, prefix: String, targets: Int
  ) -> [OnnxDraft.Attribute] {
    let source = source(
      &dice, count: count, depth: depth, features: features, targets: targets,
      least: prefix == "class" ? -0.25 : 0)
    var node = OnnxDraft.Node()
    TreeEnsembleDraft(source: source, weightPrefix: prefix).write(to: &node)
    return node.attributes
  }

  /// Random trees with few different thresholds and weights; weights begin at `least`.
  static func source(
    _ dice: inout Dice, count: Int, depth: Int, features: Int, targets: Int, least: Double = 0
  ) -> TreeSource {
    var source = TreeSource()
    func grow(_ left: Int) -> Int {
      let place = source.nodes.count
      source.nodes.append(.init())
      if left == 0 || dice.below(6) == 0 {
        let value = Double(dice.below(3)) / 4 + least
        source.weights.append(
          .init(node: place, target: dice.below(targets), value: value))
        return place
      }
      source.nodes[place].mode =
        [.lessOrEqual, .lessOrEqual, .less, .greater, .greaterOrEqual, .equal, .notEqual][
          dice.below(7)]
      source.nodes[place].feature = dice.below(features)
      source.nodes[place].threshold = Double(Float(dice.below(9) - 4) / 2)
      source.nodes[place].missingIsTrue = dice.below(2) == 0
      let yes = grow(left - 1)
      let no = grow(left - 1)
      source.nodes[place].whenTrue = yes
      source.nodes[place].whenFalse = no
      return place
    }
    for _ in 0..<count { source.roots.append(grow(depth)) }
    source.weights.sort { $0.node < $1.node }
    return source
  }
}

/// The answers of a model for rows of floats.
func answers(_ file: [UInt8], _ rows: [Float], width: Int) throws -> [Tensor] {
  let model = try CompiledModel.compile(onnx: file)
  let count = rows.count / width
  return try model.makeSession(maxRows: count).run(
    tensors: [try Tensor(floats: rows, shape: [count, width])])
}

/// Whether two answers are the same bit for bit.
func isSame(_ a: [Tensor], _ b: [Tensor]) -> Bool {
  a.count == b.count
    && zip(a, b).allSatisfy { x, y in
      guard x.elementType == y.elementType, x.shape == y.shape else { return false }
      if x.elementType == .text { return (0..<x.count).allSatisfy { x.text($0) == y.text($0) } }
      let bytes = x.count * x.elementType.strideBytes
      return UnsafeRawBufferPointer(start: x.base, count: bytes)
        .elementsEqual(UnsafeRawBufferPointer(start: y.base, count: bytes))
    }
}
