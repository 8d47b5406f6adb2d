/// The type of a tensor's elements.
public enum ElementType: String, Sendable, Codable, CaseIterable {
  case float32, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64, bool, text
}

/// One named input or output of a version.
public struct TensorSpec: Sendable, Hashable, Codable {
  /// The name in the model file.
  public let name: String
  /// The elements' type.
  public let elementType: ElementType
  /// The shape; `nil` is a dimension that is free (usually the rows).
  public let shape: [Int?]

  /// Puts the three together.
  public init(name: String, elementType: ElementType, shape: [Int?]) {
    self.name = name
    self.elementType = elementType
    self.shape = shape
  }
}

/// The named, typed inputs and outputs of a version, in the order of the model file.
public struct Signature: Sendable, Hashable, Codable {
  /// What it takes.
  public let inputs: [TensorSpec]
  /// What it gives.
  public let outputs: [TensorSpec]

  /// Puts the two together.
  public init(inputs: [TensorSpec], outputs: [TensorSpec]) {
    self.inputs = inputs
    self.outputs = outputs
  }

  /// Why a version with this signature cannot serve callers of `other`, or `nil` when it can.
  ///
  /// Callers send inputs by name, so order does not matter; outputs are read by name and type.
  public func incompatibility(with other: Signature) -> String? {
    Signature.difference("input", inputs, other.inputs)
      ?? Signature.difference("output", outputs, other.outputs)
  }

  private static func difference(
    _ side: String, _ mine: [TensorSpec], _ theirs: [TensorSpec]
  ) -> String? {
    for wanted in theirs {
      let name = printable(wanted.name)
      guard let have = mine.first(where: { $0.name == wanted.name }) else {
        return "it lacks the \(side) \"\(name)\""
      }
      if have.elementType != wanted.elementType {
        return "its \(side) \"\(name)\" is \(have.elementType.rawValue), the endpoint's is "
          + wanted.elementType.rawValue
      }
      if !Signature.fits(have.shape, wanted.shape) {
        return "its \(side) \"\(name)\" has the shape \(shapeText(have.shape)), the endpoint's is "
          + shapeText(wanted.shape)
      }
    }
    if let extra = mine.first(where: { spec in !theirs.contains { $0.name == spec.name } }),
      side == "input"
    {
      return
        "it needs the input \"\(printable(extra.name))\", which the endpoint's callers do not send"
    }
    return nil
  }

  private static func fits(_ a: [Int?], _ b: [Int?]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { $0 == nil || $1 == nil || $0 == $1 }
  }
}

/// A shape as people write it: `[N, 30]`.
public func shapeText(_ shape: [Int?]) -> String {
  "[" + shape.map { $0.map(String.init) ?? "N" }.joined(separator: ", ") + "]"
}
