import Core
import Documents
import Inference

/// What running golden rows gave.
public struct GoldenResult: Sendable, Codable, Equatable {
  /// The rows that were run.
  public let rows: Int
  /// The largest difference allowed.
  public let tolerance: Double
  /// The largest difference found: absolute up to 1, relative above.
  public let worst: Double
  /// What gave the answers; empty when the file does not say.
  public let source: String
}

/// Runs golden rows through a model and compares every answer.
struct GoldenCheck {
  private let golden: GoldenRows
  private let model: any RowAnswerer
  private let signature: Signature
  private let layout: RowLayout
  private let rowsAtOnce: Int
  private var worst = 0.0

  /// Runs all rows.
  /// - Throws: ``NodeError``: `refused` for an answer that differs, naming row, output and both
  ///   values; `badInput` for a row that the model cannot take, with file, line and field.
  static func run(_ golden: GoldenRows, on model: CompiledModel) throws -> GoldenResult {
    var check = try GoldenCheck(golden, model)
    return try check.run()
  }

  /// Reads stored golden rows and runs them.
  static func run(
    stored bytes: [UInt8], name: String, on model: CompiledModel
  ) throws -> GoldenResult {
    try run(GoldenRows(bytes, name: name), on: model)
  }

  private init(_ golden: GoldenRows, _ model: CompiledModel) throws {
    self.golden = golden
    layout = try RowLayout(model)
    signature = model.signature
    rowsAtOnce = layout.fixedRows ?? min(golden.rows.count, 256)
    guard golden.rows.count % (layout.fixedRows ?? 1) == 0 else {
      throw NodeError(
        .badInput,
        "\(golden.name) has \(golden.rows.count) rows, but the model takes \(rowsAtOnce) at once")
    }
    self.model = try CompiledBatchModel(model, file: [], explanation: nil)
      .makeAnswerer(maxRows: rowsAtOnce)
  }

  private mutating func run() throws -> GoldenResult {
    let batch = RowBatch(layout, capacity: rowsAtOnce, copiesTexts: true)
    var first = 0
    while first < golden.rows.count {
      let count = min(rowsAtOnce, golden.rows.count - first)
      batch.removeAll()
      for index in first..<first + count {
        try fill(batch, golden.rows[index])
        batch.keepRow(place: index)
      }
      let outputs = try batch.withColumns { try model.answer($0, rows: count) }
      for row in 0..<count { try compare(outputs, row, number: first + row) }
      first += count
    }
    return GoldenResult(
      rows: golden.rows.count, tolerance: golden.tolerance, worst: worst, source: golden.source)
  }

  // MARK: Inputs

  private func fill(_ batch: RowBatch, _ row: GoldenRows.Row) throws(NodeError) {
    var seen = layout.inputs.map { [Bool](repeating: false, count: $0.width) }
    for member in row.inputs {
      let field = "inputs.\(printable(member.key, limit: 60))"
      guard let target = layout.targets[member.key] else {
        throw fault(
          row, field,
          "the model has no such input"
            + GoldenCheck.suggestion(member.key, layout.inputs.map(\.name)))
      }
      let width = layout.inputs[target.input].width
      let values = target.element == nil ? GoldenCheck.flat(member.value) : [member.value]
      guard values.count == (target.element == nil ? width : 1) else {
        throw fault(row, field, "expected \(width) values, got \(values.count)")
      }
      for (offset, value) in values.enumerated() {
        let element = target.element ?? offset
        guard !seen[target.input][element] else { throw fault(row, field, "it is given twice") }
        seen[target.input][element] = true
        try store(value, batch, target.input, element, row, field)
      }
    }
    for (input, list) in seen.enumerated() {
      guard let gap = list.firstIndex(of: false) else { continue }
      let name = printable(layout.inputs[input].name, limit: 60)
      throw fault(
        row, "inputs", "\"\(name)\(list.count > 1 ? "[\(gap)]" : "")\" is missing")
    }
  }

  private func store(
    _ value: JSONLine, _ batch: RowBatch, _ input: Int, _ element: Int, _ row: GoldenRows.Row,
    _ field: String
  ) throws(NodeError) {
    let isText = layout.inputs[input].type == .text
    let cell: String
    switch value {
    case .null:
      do throws(CellReader.Fault) {
        return try CellReader.storeMissing(in: batch, input, element)
      } catch { throw fault(row, field, error.message) }
    case .text(let text) where isText: cell = text
    case .number(let digits) where !isText: cell = digits
    case .truth(let truth) where layout.inputs[input].type == .bool:
      cell = truth ? "true" : "false"
    default:
      throw fault(row, field, "expected \(isText ? "a text" : "a number"), got \(value.shown)")
    }
    do throws(CellReader.Fault) {
      try Array(cell.utf8).withUnsafeBufferPointer { (bytes) throws(CellReader.Fault) in
        try CellReader.store(bytes, in: batch, input, element)
      }
    } catch { throw fault(row, field, error.message) }
  }

  private func fault(_ row: GoldenRows.Row, _ field: String, _ message: String) -> NodeError {
    NodeError(.badInput, "\(golden.name):\(row.line): \(field): \(message)")
  }

  private static func suggestion(_ word: String, _ names: [String]) -> String {
    nearMiss(word, among: names).map { ": did you mean \(printable($0, limit: 60))?" } ?? ""
  }

  /// The values of arrays in arrays, and of an object's members, one after another.
  private static func flat(_ value: JSONLine) -> [JSONLine] {
    switch value {
    case .array(let list): list.flatMap(flat)
    case .object(let members): members.map(\.value)
    default: [value]
    }
  }

  // MARK: Outputs

  private mutating func compare(
    _ outputs: [BatchOutput], _ row: Int, number: Int
  ) throws(NodeError) {
    let expected = golden.rows[number]
    for member in expected.outputs {
      let field = "outputs.\(printable(member.key, limit: 60))"
      guard let index = signature.outputs.firstIndex(where: { $0.name == member.key })
      else {
        throw fault(
          expected, field,
          "the model has no such output"
            + GoldenCheck.suggestion(member.key, signature.outputs.map(\.name)))
      }
      let output = outputs[index]
      let values = GoldenCheck.flat(member.value)
      guard values.count == output.width else {
        throw fault(
          expected, field, "expected \(output.width) values as the model gives, got \(values.count)"
        )
      }
      for (element, value) in values.enumerated() {
        let got = GoldenCheck.Answer(output.values, row * output.width + element)
        guard let difference = got.difference(from: value) else {
          throw fault(expected, field, "expected \(got.kind), got \(value.shown)")
        }
        if difference <= golden.tolerance {
          worst = max(worst, difference)
          continue
        }
        let place = output.width == 1 ? "" : "[\(element)]"
        throw NodeError(
          .refused,
          "row \(number + 1), output \"\(printable(member.key, limit: 60))\"\(place): expected "
            + "\(value.shown), got \(got.shown), tolerance \(golden.tolerance)")
      }
    }
  }

  /// One element of an output.
  private enum Answer {
    /// A value with the text that reads back as the same.
    case real(Double, String)
    case integer(Int64)
    case truth(Bool)
    case text(String)

    init(_ values: ColumnPointer, _ index: Int) {
      switch values {
      case .float32(let base): self = .real(Double(base[index]), "\(base[index])")
      case .float64(let base): self = .real(base[index], "\(base[index])")
      case .int64(let base): self = .integer(base[index])
      case .int32(let base): self = .integer(Int64(base[index]))
      case .bool(let base): self = .truth(base[index] != 0)
      case .text(let base): self = .text(base[index].string)
      }
    }

    var kind: String {
      switch self {
      case .real: "a number (null for NaN)"
      case .integer: "a whole number"
      case .truth: "true or false"
      case .text: "a text"
      }
    }

    var shown: String {
      switch self {
      case .real(_, let text): text
      case .integer(let value): "\(value)"
      case .truth(let value): value ? "true" : "false"
      case .text(let text): "\"\(printable(text, limit: 40))\""
      }
    }

    /// How far the answer is from what was expected, infinite for another label; nil when the two
    /// cannot be compared.
    func difference(from expected: JSONLine) -> Double? {
      switch (self, expected) {
      case (.real(let value, _), .null): return value.isNaN ? 0 : .infinity
      case (.real(let value, _), .number(let digits)):
        guard let wanted = Double(digits) else { return nil }
        if value == wanted { return 0 }
        let difference = abs(value - wanted) / max(1, abs(wanted))
        return difference.isNaN ? .infinity : difference
      case (.integer(let value), .number(let digits)):
        // A label written by a library that has no integers, `1.0`, is that label.
        if let wanted = Int64(digits) { return value == wanted ? 0 : .infinity }
        return Double(digits).map { Double(value) == $0 ? 0 : .infinity }
      case (.truth(let value), .truth(let wanted)): return value == wanted ? 0 : .infinity
      case (.text(let value), .text(let wanted)): return value == wanted ? 0 : .infinity
      default: return nil
      }
    }
  }
}
