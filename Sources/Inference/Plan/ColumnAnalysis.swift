import Core

/// Finds the ``Columns`` of every table in a graph, in the order of its nodes.
struct ColumnAnalysis {
  /// Wider tables are left alone.
  private static let widthMax = 1 << 16
  /// All columns together; past it nothing more is followed.
  private static let totalMax = 1 << 22

  private var known: [Int: Columns] = [:]
  private var total = 0
  private let facts: Facts
  /// For values that only rename columns, the value they rename.
  private var renamed: [Int: Int] = [:]

  init(_ graph: Graph, _ facts: Facts) {
    self.facts = facts
    for node in graph.nodes {
      guard let output = node.outputs.first, output >= 0, let made = columns(node) else { continue }
      let width = made.width
      total += width
      if width > ColumnAnalysis.widthMax || total > ColumnAnalysis.totalMax { continue }
      known[output] = made
      switch node.kernel {
      case is AliasKernel, is CastKernel, is ReshapeKernel, is FlattenKernel:
        renamed[output] = canonical(node.inputs[0])
      default: continue
      }
    }
  }

  /// The first value that has these columns.
  func canonical(_ value: Int) -> Int { renamed[value] ?? value }

  /// The columns of a value: what was found, or the table itself.
  func of(_ value: Int) -> Columns? {
    if let columns = known[value] { return columns }
    guard let fact = facts.of(value), fact.type == .float32, fact.shape.count == 2,
      fact.shape[0] == nil, let width = fact.shape[1], width > 0,
      width <= ColumnAnalysis.widthMax
    else { return nil }
    let list = (0..<width).map { Columns.Number(index: $0, imputation: nil, scaling: nil) }
    return Columns(
      segments: [.init(source: value, kind: .numbers(sourceWidth: width, list))], type: .float32)
  }

  private func columns(_ node: Graph.Node) -> Columns? {
    guard let input = node.inputs.first, input >= 0 else { return nil }
    switch node.kernel {
    case is AliasKernel: return known[input]
    case let cast as CastKernel: return castColumns(input, cast)
    case is ReshapeKernel, is FlattenKernel: return reshaped(input, node.outputs[0])
    case let imputer as ImputerKernel: return of(input)?.imputed(imputer)
    case let scaler as ScalerKernel: return of(input)?.scaled(scaler)
    case let concat as ConcatKernel: return joined(node, concat)
    case let vectorizer as FeatureVectorizerKernel: return vectorized(node, vectorizer)
    case let encoder as OneHotKernel: return oneHot(input, encoder)
    case let encoder as LabelEncoderKernel: return codes(input, encoder)
    default: return nil
    }
  }

  private func castColumns(_ input: Int, _ cast: CastKernel) -> Columns? {
    guard cast.target == .float32, var columns = known[input] else { return nil }
    columns.type = .float32
    return columns
  }

  /// A reshape that keeps rows and their content.
  private func reshaped(_ input: Int, _ output: Int) -> Columns? {
    guard let columns = known[input], let shape = facts.of(output)?.shape, shape.count == 2,
      shape[0] == nil, shape[1] == columns.width
    else { return nil }
    return columns
  }

  /// A join along the columns: of tables, or of one-hot columns still apart ([N, 1, C]).
  private func joined(_ node: Graph.Node, _ concat: ConcatKernel) -> Columns? {
    guard let shape = facts.of(node.outputs[0])?.shape, shape.count == 2 || shape.count == 3,
      shape[0] == nil
    else { return nil }
    let axis = concat.axis < 0 ? concat.axis + shape.count : concat.axis
    guard axis == shape.count - 1, shape.count == 2 || shape[1] == 1 else { return nil }
    return joined(node.inputs)
  }

  private func joined(_ inputs: [Int]) -> Columns? {
    var result: Columns?
    for input in inputs {
      guard let columns = of(input) else { return nil }
      if result == nil {
        result = columns
      } else {
        guard result?.type == columns.type else { return nil }
        result?.segments += columns.segments
      }
    }
    return result
  }

  private func vectorized(
    _ node: Graph.Node, _ kernel: FeatureVectorizerKernel
  ) -> Columns? {
    for (i, input) in node.inputs.enumerated() {
      guard let columns = of(input), columns.type == .float32,
        i >= kernel.widths.count || kernel.widths[i] == columns.width
      else { return nil }
    }
    return joined(node.inputs)
  }

  /// Whether a value is one text a row.
  private func isTextColumn(_ value: Int) -> Bool {
    guard let fact = facts.of(value), fact.type == .text, fact.shape.first == .some(nil) else {
      return false
    }
    return fact.shape.dropFirst().allSatisfy { $0 == 1 }
  }

  private func oneHot(_ input: Int, _ encoder: OneHotKernel) -> Columns? {
    guard let table = encoder.texts, encoder.allowsUnknown, isTextColumn(input) else { return nil }
    return Columns(
      segments: [.init(source: input, kind: .oneHot(table, width: encoder.width))], type: .float32)
  }

  private func codes(_ input: Int, _ encoder: LabelEncoderKernel) -> Columns? {
    guard case .texts(let table) = encoder.keys, isTextColumn(input) else { return nil }
    let list: [Float]
    switch encoder.values.elementType {
    case .float32: list = Array(encoder.values.elements(Float.self))
    case .int64:
      let numbers = encoder.values.elements(Int64.self)
      // Only what a float holds exactly may take the short cut.
      guard numbers.allSatisfy({ abs($0.asDouble) < 0x1p24 }) else { return nil }
      list = numbers.map { Float($0) }
    default: return nil
    }
    return Columns(
      segments: [.init(source: input, kind: .codes(table, list))], type: encoder.values.elementType)
  }
}
