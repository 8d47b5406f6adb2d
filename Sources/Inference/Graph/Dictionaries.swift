import Core

/// The keys of an output that the model gives as dictionaries (ZipMap): the output itself is a
/// table with a column for each key, a row for each dictionary.
public enum DictionaryKeys: Sendable, Equatable {
  /// Class numbers.
  case integers([Int64])
  /// Class names.
  case texts([String])

  /// The number of keys.
  public var count: Int {
    switch self {
    case .integers(let list): list.count
    case .texts(let list): list.count
    }
  }

  /// Key `index` as JSON writes it: as a text.
  /// - Precondition: there is such a key.
  public func text(_ index: Int) -> String {
    switch self {
    case .integers(let list): String(list[index])
    case .texts(let list): list[index]
    }
  }
}

/// Turns dictionaries that a model takes into tensors, before the graph is built.
///
/// An input `x` that is a dictionary becomes two: `x.keys` and `x.values`, one element an entry,
/// in any order. Only DictVectorizer and CastMap read dictionaries, so they get both.
enum Dictionaries {
  /// - Returns: the positions of the keys among the inputs that have to be given.
  static func expand(_ model: inout OnnxModel) throws(InferenceError) -> Set<Int> {
    let constants = Set(model.initializers.map(\.name))
    var positions: Set<Int> = []
    var position = 0
    var expanded: Set<String> = []
    var inputs: [OnnxValueInfo] = []
    for info in model.graph.inputs {
      guard case .map(let key, let value) = info.kind else {
        inputs.append(info)
        if !constants.contains(info.name) { position += 1 }
        continue
      }
      expanded.insert(info.name)
      positions.insert(position)
      position += 2
      for (part, type) in [("keys", key), ("values", value)] {
        inputs.append(
          OnnxValueInfo(name: "\(info.name).\(part)", kind: .tensor(type: type, shape: [nil])))
      }
    }
    guard !expanded.isEmpty else { return [] }
    model.graph.inputs = inputs
    for (index, node) in model.graph.nodes.enumerated()
    where node.inputs.contains(where: expanded.contains) {
      guard node.domain == "ai.onnx.ml", readers.contains(node.operatorType) else {
        throw InferenceError(
          .unsupported,
          "\(qualifiedName(node)) \"\(printable(node.name, limit: 80))\" reads a dictionary; only "
            + "DictVectorizer and CastMap may", operatorName: qualifiedName(node))
      }
      model.graph.nodes[index].inputs = node.inputs.flatMap {
        expanded.contains($0) ? ["\($0).keys", "\($0).values"] : [$0]
      }
    }
    return positions
  }

  private static let readers: Set<String> = ["DictVectorizer", "CastMap"]
}

extension Graph {
  /// The keys of a value that is a table of ZipMap, through nodes that pass it on.
  func dictionaryKeys(of value: Int) -> DictionaryKeys? {
    var value = value
    // Ends: nodes are in order, so each step goes to an earlier one.
    for node in nodes.reversed() where node.outputs.contains(value) {
      if let zip = node.kernel as? ZipMapKernel { return zip.keys }
      guard node.kernel is AliasKernel, let input = node.inputs.first else { return nil }
      value = input
    }
    return nil
  }
}
