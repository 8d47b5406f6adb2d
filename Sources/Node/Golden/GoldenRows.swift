import Core

/// Rows with the training library's own answers, as a file of JSON lines tells them.
///
/// ```
/// {"tolerance":1e-6,"source":"scikit-learn 1.7"}
/// {"inputs":{"carrier":"UA","distance":2454},"outputs":{"label":1,"probabilities":[0.2,0.8]}}
/// ```
/// The first line may be left out. `null` is a missing value, in inputs as in outputs; the
/// probabilities of classes may be an object in the order of the classes.
struct GoldenRows: Sendable {
  /// One row, not yet fitted to a model.
  struct Row: Sendable {
    /// The line of the file, from 1.
    let line: Int
    let inputs: [JSONLine.Member]
    let outputs: [JSONLine.Member]
  }

  /// The most bytes of a file.
  static let bytesMax = 16 << 20
  /// The most bytes of a kept file: its first line may be longer than the one that was given.
  static let storedBytesMax = bytesMax + 4_096
  /// The most rows of a file.
  static let rowsMax = 10_000
  /// The difference that is allowed when nobody says anything else.
  static let usualTolerance = 1e-5
  private static let sourceBytesMax = 200

  /// What errors call the file.
  let name: String
  /// The largest difference allowed: absolute up to 1, relative above.
  let tolerance: Double
  /// What gave the answers; empty when the file does not say.
  let source: String
  let rows: [Row]
  private let rowBytes: [UInt8]

  /// Reads a file's bytes.
  /// - Parameter tolerance: what is allowed, whatever the file says.
  /// - Throws: ``NodeError`` (`badInput`) with file, line and field.
  init(_ bytes: [UInt8], name: String, tolerance: Double? = nil) throws(NodeError) {
    guard bytes.count <= GoldenRows.storedBytesMax else {
      throw NodeError(.badInput, "\(name) has \(bytes.count) bytes, which is too much")
    }
    var told: Double?
    var source = ""
    var rows: [Row] = []
    var rowBytes: [UInt8] = []
    var isFirst = true
    var line = 0
    for text in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
      line += 1
      guard text.contains(where: { ![0x20, 0x09, 0x0D].contains($0) }) else { continue }
      let place = "\(name):\(line)"
      let members = try GoldenRows.object(text, place)
      let isHeader = isFirst && !members.contains { $0.key == "inputs" || $0.key == "outputs" }
      isFirst = false
      if isHeader {
        (told, source) = try GoldenRows.header(members, place)
        continue
      }
      guard rows.count < GoldenRows.rowsMax else {
        throw NodeError(.badInput, "\(place): more than \(GoldenRows.rowsMax) golden rows")
      }
      rows.append(try GoldenRows.row(members, line, place))
      rowBytes += text + [0x0A]
    }
    guard !rows.isEmpty else { throw NodeError(.badInput, "\(name) holds no golden rows") }
    self.name = name
    self.tolerance = tolerance ?? told ?? GoldenRows.usualTolerance
    self.source = source
    self.rows = rows
    self.rowBytes = rowBytes
  }

  /// The same with the first rows only.
  func first(_ count: Int) -> GoldenRows {
    GoldenRows(self, rows: Array(rows.prefix(count)))
  }

  private init(_ whole: GoldenRows, rows: [Row]) {
    name = whole.name
    tolerance = whole.tolerance
    source = whole.source
    self.rows = rows
    rowBytes = []
  }

  /// The file as it is kept: its first line says the tolerance that counts.
  var stored: [UInt8] {
    let head = ByteBuffer(capacity: 256)
    head.append("{\"tolerance\":\(tolerance)")
    if !source.isEmpty {
      head.append(",\"source\":")
      Array(source.utf8).withUnsafeBufferPointer { head.appendJSON($0) }
    }
    head.append("}\n")
    return Array(head.bytes) + rowBytes
  }

  private static func object(
    _ text: ArraySlice<UInt8>, _ place: String
  ) throws(NodeError) -> [JSONLine.Member] {
    do throws(JSONLine.Fault) {
      guard case .object(let members) = try JSONLine(text) else {
        throw JSONLine.Fault(column: 1, message: "expected an object like {\"inputs\":{…},…}")
      }
      return members
    } catch {
      throw NodeError(.badInput, "\(place):\(error.column): \(error.message)")
    }
  }

  private static func header(
    _ members: [JSONLine.Member], _ place: String
  ) throws(NodeError) -> (Double?, String) {
    var tolerance: Double?
    var source = ""
    for member in members {
      switch (member.key, member.value) {
      case ("tolerance", .number(let digits)):
        guard let value = Double(digits), value >= 0, value.isFinite else {
          throw NodeError(.badInput, "\(place): tolerance: expected a number of at least 0")
        }
        tolerance = value
      case ("source", .text(let text)) where text.utf8.count <= sourceBytesMax: source = text
      case ("tolerance", let other):
        throw NodeError(.badInput, "\(place): tolerance: expected a number, got \(other.shown)")
      case ("source", let other):
        throw NodeError(
          .badInput,
          "\(place): source: expected a text of at most \(sourceBytesMax) bytes, "
            + "got \(other.shown)")
      case (let key, _):
        throw NodeError(
          .badInput,
          "\(place): the key \"\(printable(key, limit: 60))\" is not known: a golden row has "
            + "inputs and outputs, the first line may have tolerance and source")
      }
    }
    return (tolerance, source)
  }

  private static func row(
    _ members: [JSONLine.Member], _ line: Int, _ place: String
  ) throws(NodeError) -> Row {
    for member in members where member.key != "inputs" && member.key != "outputs" {
      throw NodeError(
        .badInput,
        "\(place): the key \"\(printable(member.key, limit: 60))\" is not known: a golden row has "
          + "inputs and outputs")
    }
    func part(_ key: String) throws(NodeError) -> [JSONLine.Member] {
      guard let value = members.first(where: { $0.key == key })?.value else {
        throw NodeError(.badInput, "\(place): \(key) is missing")
      }
      guard case .object(let list) = value, !list.isEmpty else {
        throw NodeError(
          .badInput, "\(place): \(key): expected an object with names, got \(value.shown)")
      }
      return list
    }
    return Row(line: line, inputs: try part("inputs"), outputs: try part("outputs"))
  }
}
