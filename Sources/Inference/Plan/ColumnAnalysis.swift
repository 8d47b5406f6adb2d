import Core

/// Finds the ``Columns`` of every table in a graph, in the order of its nodes.
struct ColumnAnalysis {
  /// Wider tables are left alone.
  private static let widthMax = 1 << 16
  /// All columns together; past it nothing more is followed.
  private static let totalMax = 1 << 22

  private var known: [Int: Columns] = [:]
  /// Single columns, of texts too, that are a cell of another value.
  private var cells: [Int: Columns.Cell] = [:]
  /// Tables of texts that are columns of another one.
  private var picks: [Int: [Columns.Cell]] = [:]
  private var total = 0
  private let facts: Facts
  private let constants: [Int: Tensor]
  /// For values that only rename columns, the value they rename.
  private var renamed: [Int: Int] = [:]

  init(_ graph: Graph, _ facts: Facts) {
    self.facts = facts
    constants = graph.constants
    for node in graph.nodes {
      guard let output = node.outputs.first, output >= 0 else { continue }
      if let cell = cell(node) { cells[output] = cell }
      if facts.of(output)?.type == .text, let list = pickedColumns(node) {
        total += list.count
        let made = list.compactMap { cell($0, in: node.inputs[0]) }
        if made.count == list.count && total <= ColumnAnalysis.totalMax { picks[output] = made }
      }
      guard let made = columns(node) else { continue }
      let width = made.width
      total += width
      if width > ColumnAnalysis.widthMax || total > ColumnAnalysis.totalMax { continue }
      known[output] = made
      switch node.kernel {
      case is AliasKernel, is CastKernel, is ReshapeKernel, is FlattenKernel:
        // A cast that changes the type is another table.
        guard of(node.inputs[0])?.type == made.type else { continue }
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
    guard let fact = facts.of(value), ColumnAnalysis.isNumber(fact.type), fact.shape.count == 2,
      fact.shape[0] == nil, let width = fact.shape[1], width > 0,
      width <= ColumnAnalysis.widthMax
    else { return nil }
    let list = (0..<width).map { Columns.Number(index: $0, imputation: nil, scaling: nil) }
    return Columns(
      segments: [
        .init(
          source: value, sourceType: fact.type, kind: .numbers(sourceWidth: width, list))
      ], type: fact.type)
  }

  /// The types that the assembly reads as numbers.
  private static func isNumber(_ type: ElementType) -> Bool {
    switch type {
    case .float32, .float64, .int32, .int64: true
    default: false
    }
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
    case is GatherKernel, is ArrayFeatureExtractorKernel:
      guard let list = pickedColumns(node), facts.of(node.outputs[0])?.shape.count == 2 else {
        return nil
      }
      return of(input)?.picked(list)
    default: return nil
    }
  }

  /// The constant columns that a node picks from a table.
  private func pickedColumns(_ node: Graph.Node) -> [Int]? {
    guard node.inputs.count == 2, let shape = facts.of(node.inputs[0])?.shape, shape.count == 2,
      shape[0] == nil, let width = shape[1], let indices = constants[node.inputs[1]],
      indices.elementType == .int64 || indices.elementType == .int32
    else { return nil }
    if let gather = node.kernel as? GatherKernel, gather.axis != 1, gather.axis != -1 {
      return nil
    }
    var list: [Int] = []
    for i in 0..<indices.count {
      let index = indexValue(indices.view, i)
      guard index >= -width, index < width else { return nil }
      list.append(index < 0 ? index + width : index)
    }
    return list
  }

  /// The cell that a node's output is.
  private func cell(_ node: Graph.Node) -> Columns.Cell? {
    guard let input = node.inputs.first, input >= 0 else { return nil }
    switch node.kernel {
    case is GatherKernel, is ArrayFeatureExtractorKernel:
      guard let list = pickedColumns(node), list.count == 1, isColumn(node.outputs[0]) else {
        return nil
      }
      return cell(list[0], in: input)
    case is AliasKernel, is ReshapeKernel, is FlattenKernel:
      return isColumn(node.outputs[0]) ? cells[input] : nil
    case let cast as CastKernel:
      guard var cell = cell(of: input), let target = cast.target else { return nil }
      if target == cell.type { return cell }
      // Numbers are cut to whole ones by the look-up as by the cast.
      guard target == .int64, ColumnAnalysis.isNumber(cell.type), cell.type == cell.sourceType
      else { return nil }
      cell.type = .int64
      return cell
    default: return nil
    }
  }

  /// Column `index` of a table.
  private func cell(_ index: Int, in table: Int) -> Columns.Cell? {
    if let columns = known[table] { return columns.cell(index) }
    if let cells = picks[table] { return cells.indices.contains(index) ? cells[index] : nil }
    guard let fact = facts.of(table), let width = fact.shape[1] else { return nil }
    return Columns.Cell(
      source: table, sourceWidth: width, index: index, sourceType: fact.type, type: fact.type)
  }

  /// Whether a value has one element a row.
  private func isColumn(_ value: Int) -> Bool {
    guard let shape = facts.of(value)?.shape, shape.first == .some(nil) else { return false }
    return shape.dropFirst().allSatisfy { $0 == 1 }
  }

  /// The cell a value is: of another one, or of itself.
  private func cell(of value: Int) -> Columns.Cell? {
    if let cell = cells[value] { return cell }
    if let columns = known[value], let cell = columns.cell(0) { return cell }
    guard isColumn(value), let type = facts.of(value)?.type else { return nil }
    return Columns.Cell(source: value, sourceWidth: 1, index: 0, sourceType: type, type: type)
  }

  private func castColumns(_ input: Int, _ cast: CastKernel) -> Columns? {
    guard var columns = of(input), let target = cast.target else { return nil }
    if target == columns.type { return columns }
    guard target == .float32 else { return nil }
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

  /// Numbers of any types side by side, as 32-bit ones.
  private func vectorized(
    _ node: Graph.Node, _ kernel: FeatureVectorizerKernel
  ) -> Columns? {
    var result: Columns?
    for (i, input) in node.inputs.enumerated() {
      guard let columns = of(input), i >= kernel.widths.count || kernel.widths[i] == columns.width
      else { return nil }
      if result == nil { result = columns } else { result?.segments += columns.segments }
    }
    result?.type = .float32
    return result
  }

  private func oneHot(_ input: Int, _ encoder: OneHotKernel) -> Columns? {
    guard encoder.allowsUnknown, let cell = cell(of: input) else { return nil }
    let categories: Columns.Categories
    if let table = encoder.texts {
      guard cell.type == .text else { return nil }
      categories = .texts(table)
    } else {
      guard ColumnAnalysis.isNumber(cell.type) else { return nil }
      categories = .integers(encoder.integers)
    }
    return Columns(
      segments: [
        .init(
          source: cell.source, sourceType: cell.sourceType,
          kind: .oneHot(categories, width: encoder.width, cell))
      ], type: .float32)
  }

  private func codes(_ input: Int, _ encoder: LabelEncoderKernel) -> Columns? {
    guard let cell = cell(of: input), cell.type == encoder.keyType else { return nil }
    let categories: Columns.Categories
    switch encoder.keys {
    case .texts(let table): categories = .texts(table)
    case .integers(let table): categories = .integers(table)
    case .reals: return nil
    }
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
      segments: [
        .init(
          source: cell.source, sourceType: cell.sourceType, kind: .codes(categories, list, cell))
      ], type: encoder.values.elementType)
  }
}
