import Core
import Inference

/// How answers are written.
public enum AnswerFormat: String, Sendable, CaseIterable {
  /// Comma-separated values with a line of names; a vector is `probabilities[0]`,
  /// `probabilities[1]`, ….
  case csv
  /// One JSON object a line; a vector is an array.
  case jsonl
}

/// Writes answers, one line a row, numbers in the shortest form that reads back as the same value.
final class AnswerWriter {
  private let format: AnswerFormat
  private let sink: ByteSink
  private let names: [String]
  /// Names as they begin a JSON member, quoted and escaped.
  private let keys: [[UInt8]]
  /// Widths of the first batch, which all later ones must have.
  private var widths: [Int]?
  private var bytes: [UInt8] = []

  /// Whether the widths are known and the names written.
  var hasBegun: Bool { widths != nil }

  init(_ signature: Signature, _ format: AnswerFormat, _ sink: ByteSink) {
    self.format = format
    self.sink = sink
    names = signature.outputs.map(\.name)
    keys = names.map { name in
      var key: [UInt8] = []
      AnswerWriter.appendJSON(Array(name.utf8), to: &key)
      return key + [UInt8(ascii: ":")]
    }
  }

  /// Writes the first line of a table, once it is known how wide each output is.
  func begin(widths: [Int]) throws {
    if let known = self.widths {
      guard known == widths else {
        throw NodeError(.badInput, "the model gives rows of different widths; they make no table")
      }
      return
    }
    self.widths = widths
    guard format == .csv else { return }
    for (name, width) in zip(names, widths) {
      for element in 0..<width {
        if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
        let label = width == 1 ? name : "\(name)[\(element)]"
        AnswerWriter.appendCSV(Array(label.utf8), to: &bytes)
      }
    }
    try endLine()
  }

  /// Writes the answer to one row of a batch.
  func write(_ outputs: [BatchOutput], row: Int) throws {
    if format == .jsonl { bytes.append(UInt8(ascii: "{")) }
    for (index, output) in outputs.enumerated() {
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      if format == .jsonl { bytes.append(contentsOf: keys[index]) }
      let isArray = format == .jsonl && output.width != 1
      if isArray { bytes.append(UInt8(ascii: "[")) }
      for element in 0..<output.width {
        if element > 0 { bytes.append(UInt8(ascii: ",")) }
        append(output.values, row * output.width + element)
      }
      if isArray { bytes.append(UInt8(ascii: "]")) }
    }
    if format == .jsonl { bytes.append(UInt8(ascii: "}")) }
    try endLine()
  }

  /// Writes the line of a row that has no answer: empty cells, or nulls.
  func writeGap() throws {
    let widths = self.widths ?? names.map { _ in 1 }
    switch format {
    case .csv:
      let cells = widths.reduce(0, +)
      if cells > 1 {
        bytes.append(contentsOf: repeatElement(UInt8(ascii: ","), count: cells - 1))
      } else {
        // An empty line would be no row; an empty quoted cell is one.
        bytes.append(contentsOf: Array("\"\"".utf8))
      }
    case .jsonl:
      bytes.append(UInt8(ascii: "{"))
      for (index, key) in keys.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        bytes.append(contentsOf: key + Array("null".utf8))
      }
      bytes.append(UInt8(ascii: "}"))
    }
    try endLine()
  }

  /// Hands everything to the system.
  func flush() throws { try sink.flush() }

  private func endLine() throws {
    bytes.append(0x0A)
    try sink.write(bytes)
    bytes.removeAll(keepingCapacity: true)
  }

  private func append(_ values: ColumnPointer, _ index: Int) {
    switch values {
    case .float32(let base):
      append(number: base[index].description, isFinite: base[index].isFinite)
    case .float64(let base):
      append(number: base[index].description, isFinite: base[index].isFinite)
    case .int64(let base): bytes.append(contentsOf: base[index].description.utf8)
    case .int32(let base): bytes.append(contentsOf: base[index].description.utf8)
    case .bool(let base): bytes.append(contentsOf: (base[index] != 0 ? "true" : "false").utf8)
    case .text(let base):
      let text = UnsafeBufferPointer(start: base[index].bytes, count: base[index].count)
      if format == .csv {
        AnswerWriter.appendCSV(text, to: &bytes)
      } else {
        AnswerWriter.appendJSON(text, to: &bytes)
      }
    }
  }

  /// JSON has no form for NaN and infinity, so that they are null there.
  private func append(number text: String, isFinite: Bool) {
    bytes.append(contentsOf: (isFinite || format == .csv ? text : "null").utf8)
  }

  /// A cell, in quotes when it needs them (RFC 4180).
  static func appendCSV(_ text: some Collection<UInt8>, to bytes: inout [UInt8]) {
    let special: [UInt8] = [0x22, 0x2C, 0x0A, 0x0D]
    guard text.isEmpty || text.contains(where: { special.contains($0) }) else {
      bytes.append(contentsOf: text)
      return
    }
    bytes.append(0x22)
    for byte in text {
      if byte == 0x22 { bytes.append(0x22) }
      bytes.append(byte)
    }
    bytes.append(0x22)
  }

  /// A JSON string (RFC 8259); bytes that are no UTF-8 become the replacement character.
  static func appendJSON(_ text: some Collection<UInt8>, to bytes: inout [UInt8]) {
    let digits = Array("0123456789abcdef".utf8)
    bytes.append(0x22)
    for byte in String(decoding: text, as: UTF8.self).utf8 {
      switch byte {
      case 0x22, 0x5C: bytes.append(contentsOf: [0x5C, byte])
      case 0x0A: bytes.append(contentsOf: Array("\\n".utf8))
      case 0x00...0x1F, 0x7F:
        bytes.append(
          contentsOf: Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]])
      default: bytes.append(byte)
      }
    }
    bytes.append(0x22)
  }
}
