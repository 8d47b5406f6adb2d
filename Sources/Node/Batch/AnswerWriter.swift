import Core
import Inference

/// How answers are written.
public enum AnswerFormat: String, Sendable, CaseIterable {
  /// Comma-separated values with a line of names; a vector is `probabilities_0`,
  /// `probabilities_1`, …, or has the names of its classes there.
  case csv
  /// One JSON object a line; a vector is an array, or an object when its elements have names.
  case jsonl
}

/// Names of what is written, shared by all workers.
struct AnswerLayout: Sendable {
  let format: AnswerFormat
  let names: [String]
  /// What the elements of each output mean; nil when they are only numbered.
  let elementNames: [[String]?]
  /// Features that are told for each row; nil when none are.
  let explained: Int?

  init(_ model: some BatchModel, _ format: AnswerFormat, explained: Int?) {
    self.format = format
    names = model.signature.outputs.map(\.name)
    elementNames = model.elementNames
    self.explained = explained
  }

  /// Names of an output's elements, when there are as many as it is wide.
  func elements(_ output: Int, width: Int) -> [String]? {
    guard let names = elementNames[output], names.count == width else { return nil }
    return names
  }

  /// The first line of a table.
  func header(widths: [Int]) -> [UInt8] {
    guard format == .csv else { return [] }
    let line = ByteBuffer(capacity: 1_024)
    for var label in columnNames(widths) {
      if line.count > 0 { line.append(UInt8(ascii: ",")) }
      label.withUTF8 { line.appendCSV($0) }
    }
    line.append(0x0A)
    return Array(line.bytes)
  }

  private func columnNames(_ widths: [Int]) -> [String] {
    var labels: [String] = []
    for (output, width) in widths.enumerated() {
      let name = names[output]
      if let elements = elements(output, width: width) {
        labels += elements.map { "\(name)_\($0)" }
      } else if width == 1 {
        labels.append(name)
      } else {
        let plain = (0..<width).map { "\(name)_\($0)" }
        let clashes = plain.contains { names.contains($0) }
        labels += clashes ? (0..<width).map { "\(name)[\($0)]" } : plain
      }
    }
    for rank in 0..<(explained ?? 0) {
      labels += ["explanation_\(rank + 1)_feature", "explanation_\(rank + 1)_contribution"]
    }
    return labels
  }

  /// The line of a row that has no answer: empty cells, or nulls.
  func gap(widths: [Int]) -> [UInt8] {
    let line = ByteBuffer(capacity: 256)
    switch format {
    case .csv:
      let cells = widths.reduce(0, +) + 2 * (explained ?? 0)
      if cells > 1 {
        for _ in 1..<cells { line.append(UInt8(ascii: ",")) }
      } else {
        // An empty line would be no row; an empty quoted cell is one.
        line.append("\"\"")
      }
    case .jsonl:
      line.append(UInt8(ascii: "{"))
      for (index, name) in (names + (explained == nil ? [] : ["explanation"])).enumerated() {
        if index > 0 { line.append(UInt8(ascii: ",")) }
        var name = name
        name.withUTF8 { line.appendJSON($0) }
        line.append(":null")
      }
      line.append(UInt8(ascii: "}"))
    }
    line.append(0x0A)
    return Array(line.bytes)
  }
}

/// Writes answers into memory, one line a row.
///
/// Numbers have the shortest form that reads back as the same value. Used from one thread.
final class AnswerWriter {
  /// Where the lines go.
  var bytes: ByteBuffer
  /// Widths of the outputs, once they are known.
  private(set) var widths: [Int]?

  private let layout: AnswerLayout
  private let isJSON: Bool
  /// Names as they begin a JSON member, quoted and with their colon.
  private let keys: [[UInt8]]
  /// The same for the elements of an output.
  private var elementKeys: [[[UInt8]]?] = []
  private var gap: [UInt8] = []

  init(_ layout: AnswerLayout, to bytes: ByteBuffer = ByteBuffer()) {
    self.layout = layout
    self.bytes = bytes
    isJSON = layout.format == .jsonl
    keys = layout.names.map { AnswerWriter.key($0) }
  }

  private static func key(_ name: String) -> [UInt8] {
    let key = ByteBuffer(capacity: 64)
    var name = name
    name.withUTF8 { key.appendJSON($0) }
    key.append(UInt8(ascii: ":"))
    return Array(key.bytes)
  }

  /// Keeps how wide each output is.
  /// - Throws: ``NodeError`` when it was another width before.
  func begin(widths: [Int]) throws {
    if let known = self.widths {
      guard known == widths else { throw AnswerWriter.otherWidths }
      return
    }
    self.widths = widths
    gap = layout.gap(widths: widths)
    elementKeys = widths.enumerated().map { output, width in
      layout.elements(output, width: width)?.map { AnswerWriter.key($0) }
    }
  }

  /// The outputs have other widths than before.
  static let otherWidths = NodeError(
    .badInput, "the model gives rows of different widths; they make no table")

  /// Writes the answer to one row of a batch.
  func write(_ outputs: [BatchOutput], row: Int, _ explained: TopContributions?) {
    if isJSON { bytes.append(UInt8(ascii: "{")) }
    for index in outputs.indices {
      let output = outputs[index]
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      if isJSON { bytes.append(keys[index]) }
      if isJSON, let names = elementKeys[index] {
        writeObject(output, row, names)
      } else {
        writeValues(output, row, isArray: isJSON && output.width != 1)
      }
    }
    if let explained {
      if isJSON {
        bytes.append(",\"explanation\":")
        explained.appendJSON(row, to: bytes)
      } else {
        explained.appendCSV(row, to: bytes)
      }
    }
    if isJSON { bytes.append(UInt8(ascii: "}")) }
    bytes.append(0x0A)
  }

  /// Writes the lines of rows without an answer.
  /// - Precondition: the widths are known.
  func writeGaps(_ count: Int) {
    for _ in 0..<count { bytes.append(gap) }
  }

  private func writeValues(_ output: BatchOutput, _ row: Int, isArray: Bool) {
    if isArray { bytes.append(UInt8(ascii: "[")) }
    for element in 0..<output.width {
      if element > 0 { bytes.append(UInt8(ascii: ",")) }
      append(output.values, row * output.width + element)
    }
    if isArray { bytes.append(UInt8(ascii: "]")) }
  }

  private func writeObject(_ output: BatchOutput, _ row: Int, _ names: [[UInt8]]) {
    bytes.append(UInt8(ascii: "{"))
    for element in 0..<output.width {
      if element > 0 { bytes.append(UInt8(ascii: ",")) }
      bytes.append(names[element])
      append(output.values, row * output.width + element)
    }
    bytes.append(UInt8(ascii: "}"))
  }

  /// JSON has no form for NaN and infinity, so that they are null there.
  private func append(_ values: ColumnPointer, _ index: Int) {
    switch values {
    case .float32(let base):
      bytes.append(isJSON && !base[index].isFinite ? "null" : base[index].description)
    case .float64(let base):
      bytes.append(isJSON && !base[index].isFinite ? "null" : base[index].description)
    case .int64(let base): bytes.append(base[index].description)
    case .int32(let base): bytes.append(base[index].description)
    case .bool(let base): bytes.append(base[index] != 0 ? "true" : "false")
    case .text(let base):
      let text = UnsafeBufferPointer(start: base[index].bytes, count: base[index].count)
      if isJSON {
        bytes.appendJSON(text)
      } else {
        bytes.appendCSV(text)
      }
    }
  }
}
