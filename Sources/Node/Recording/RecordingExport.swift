import Core
import Storage

/// Recorded requests as a file for people and for training.
public enum RecordingExport {
  /// How a row is written.
  public enum Format: String, Sendable, CaseIterable {
    /// A header line, then a line a request (RFC 4180).
    case csv
    /// A JSON object a line.
    case jsonl
  }

  /// Which requests, and how.
  public struct Options: Sendable {
    /// Leaves out earlier requests.
    public var since: Timestamp?
    /// Leaves out requests from then on.
    public var until: Timestamp?
    /// Leaves out requests without a label.
    public var onlyLabelled: Bool
    /// Only the columns that traffic files have: inputs, label, its delay, the minute.
    public var asTraffic: Bool
    /// How a row is written.
    public var format: Format

    /// Puts them together.
    public init(
      since: Timestamp? = nil, until: Timestamp? = nil, onlyLabelled: Bool = false,
      asTraffic: Bool = false, format: Format = .csv
    ) {
      self.since = since
      self.until = until
      self.onlyLabelled = onlyLabelled
      self.asTraffic = asTraffic
      self.format = format
    }
  }

  /// What was written.
  public struct Summary: Sendable, Codable, Hashable {
    /// Rows written.
    public var rows = 0
    /// Of them with a label.
    public var labelled = 0
    /// Left out of a traffic file: a text of more than 15 bytes is known by its beginning only.
    public var shortened = 0
    /// Inputs that were kept out of the recording and so are no columns.
    public var withheld: [String] = []
    /// Requests that the recorder had dropped.
    public var dropped = 0
    /// Damaged stretches that were passed over.
    public var damaged = 0
    /// When the first request was answered.
    public var first: Timestamp?
    /// When the last one was.
    public var last: Timestamp?
  }

  /// Writes the requests of an endpoint's recording.
  /// - Throws: a ``Failure``: nothing recorded, or a file that cannot be read or written.
  public static func run(
    stateDirectory: String, endpoint: Name, _ options: Options, to sink: ByteSink
  ) throws -> Summary {
    let directory = try StateDirectory(stateDirectory, create: false)
    let reader = try Recording(directory, endpoint: endpoint).requests(
      since: options.since, until: options.until, onlyLabelled: options.onlyLabelled)
    let table = ExportTable(reader.columns, options)
    var summary = Summary()
    summary.withheld = reader.columns.filter { $0.isWithheld == true }.map(\.name)
    if options.format == .csv { try sink.write(table.headerLine) }
    var line: [UInt8] = []
    while let request = try reader.next() {
      if options.asTraffic, request.isShortened {
        summary.shortened += 1
        continue
      }
      line.removeAll(keepingCapacity: true)
      table.append(request, to: &line)
      try sink.write(line)
      summary.rows += 1
      if request.lateLabel != nil { summary.labelled += 1 }
      summary.first = summary.first ?? request.time
      summary.last = request.time
    }
    summary.dropped = reader.lost
    summary.damaged = reader.damage.stretches + reader.damage.files
    return summary
  }
}

extension RecordedRequest {
  /// Whether one of its texts is known by its beginning only, so that no model can be asked again.
  public var isShortened: Bool {
    row.contains { value in
      if case .text(let text) = value { return text.isShortened }
      return false
    }
  }
}

/// The columns of an exported file.
private struct ExportTable {
  /// A value as it is written.
  private enum Cell {
    case text([UInt8])
    case number(String)
    case truth(Bool)
    case missing
  }

  private let inputs: [(place: Int, name: String)]
  private let names: [String]
  private let isTraffic: Bool
  private let format: RecordingExport.Format

  init(_ columns: [RecordingHeader.Column], _ options: RecordingExport.Options) {
    inputs = columns.enumerated().filter { $0.element.isWithheld != true }
      .map { ($0.offset, $0.element.name) }
    isTraffic = options.asTraffic
    format = options.format
    let own =
      options.asTraffic
      ? ["label", "label_delay_minutes", "scheduled_minute"]
      : [
        "label", "label_delay_minutes", "recorded_time", "recorded_version",
        "recorded_answered_by", "recorded_label", "recorded_score", "recorded_failed",
        "recorded_latency_us", "recorded_weight", "recorded_key",
      ]
    // An input keeps its name; ours gives way.
    let taken = Set(inputs.map(\.name))
    names = inputs.map(\.name) + own.map { taken.contains($0) ? "sluice_\($0)" : $0 }
  }

  var headerLine: [UInt8] {
    var line: [UInt8] = []
    for (index, name) in names.enumerated() {
      if index > 0 { line.append(0x2C) }
      appendQuoted(Array(name.utf8), to: &line)
    }
    line.append(0x0A)
    return line
  }

  func append(_ request: RecordedRequest, to line: inout [UInt8]) {
    let cells = inputs.map { cell(request.row[$0.place]) } + own(request)
    if format == .jsonl { line.append(0x7B) }
    for (index, cell) in cells.enumerated() {
      if index > 0 { line.append(0x2C) }
      switch format {
      case .csv: appendCSV(cell, to: &line)
      case .jsonl:
        appendString(Array(names[index].utf8), to: &line)
        line.append(0x3A)
        appendJSON(cell, to: &line)
      }
    }
    if format == .jsonl { line.append(0x7D) }
    line.append(0x0A)
  }

  private func cell(_ value: RecordedValue) -> Cell {
    switch value {
    case .number(let number): number.isNaN ? .missing : .number(Self.text(number))
    case .text(let text):
      text.isMissing ? .missing : .text(text.isShortened ? Array(text.text.utf8) : text.bytes)
    case .withheld: .missing
    }
  }

  private func own(_ request: RecordedRequest) -> [Cell] {
    let label = request.lateLabel.map { Cell.number("\($0)") } ?? .missing
    var delay = Cell.missing
    if let time = request.lateLabelTime {
      delay = .number(decimal(max(0, (time - request.time).seconds / 60), 4))
    }
    if isTraffic {
      return [label, delay, .number(decimal(Double(request.time.microseconds) / 6e7, 5))]
    }
    func text(_ text: String?) -> Cell { text.map { .text(Array($0.utf8)) } ?? .missing }
    return [
      label, delay, text("\(request.time)"), text("\(request.version)"),
      text(request.answeredBy.map { "\($0)" }), text(request.label?.text),
      request.score.map { .number(Self.text($0)) } ?? .missing, .truth(request.failed),
      .number("\(request.latency.microseconds)"), .number("\(request.weight)"),
      text(request.keyHash.map { String($0, radix: 16) }),
    ]
  }

  /// Whole numbers without a point; all others with the fewest digits that give them back.
  private static func text(_ number: Float) -> String {
    number.rounded() == number && number.magnitude < 1e7 ? "\(Int(number))" : "\(number)"
  }

  private func appendCSV(_ cell: Cell, to line: inout [UInt8]) {
    switch cell {
    case .missing: break
    case .number(let text): line += text.utf8
    case .truth(let value): line.append(value ? 0x31 : 0x30)
    case .text(let bytes): appendQuoted(bytes, to: &line)
    }
  }

  private func appendQuoted(_ bytes: [UInt8], to line: inout [UInt8]) {
    guard bytes.contains(where: { [0x22, 0x2C, 0x0A, 0x0D].contains($0) }) else {
      line += bytes
      return
    }
    line.append(0x22)
    for byte in bytes {
      if byte == 0x22 { line.append(0x22) }
      line.append(byte)
    }
    line.append(0x22)
  }

  private func appendJSON(_ cell: Cell, to line: inout [UInt8]) {
    switch cell {
    case .missing: line += "null".utf8
    case .number(let text):
      // JSON has no infinities.
      line += (text.contains("inf") ? "null" : text).utf8
    case .truth(let value): line += (value ? "true" : "false").utf8
    case .text(let bytes): appendString(bytes, to: &line)
    }
  }

  private func appendString(_ bytes: [UInt8], to line: inout [UInt8]) {
    line.append(0x22)
    for byte in String(decoding: bytes, as: UTF8.self).utf8 {
      switch byte {
      case 0x22, 0x5C: line += [0x5C, byte]
      case 0..<0x20, 0x7F: line += "\\u00\(byte < 16 ? "0" : "")\(String(byte, radix: 16))".utf8
      default: line.append(byte)
      }
    }
    line.append(0x22)
  }
}
