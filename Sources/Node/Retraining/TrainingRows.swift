import Core
import Storage
import Telemetry

/// What was found of the recorded rows of a run.
public struct TrainingFacts: Sendable, Codable, Equatable {
  /// A column's missing values.
  public struct Missing: Sendable, Codable, Equatable {
    /// The column.
    public var column: String
    /// The share of rows without a value, 0 to 1.
    public var share: Double
    /// The same in the stable's training; nil when that is not known.
    public var reference: Double?
    /// By how much it is over that, 0 to 1.
    public var rise: Double { max(0, share - (reference ?? 0)) }
  }

  /// Recorded requests of the time looked at.
  public var requests = 0
  /// Those with a label.
  public var labelled = 0
  /// Labelled ones left out because a text of more than 15 bytes is known by its beginning only.
  public var shortened = 0
  /// Labelled ones left out because there were newer ones enough.
  public var tooMany = 0
  /// Rows for the command.
  public var trainingRows = 0
  /// Rows kept apart for the gates.
  public var holdoutRows = 0
  /// Rows that another one is equal to, the label too.
  public var duplicates = 0
  /// How often each class was.
  public var classes: [String: Int] = [:]
  /// Inputs that the recording keeps out.
  public var withheld: [String] = []
  /// Each column's missing values.
  public var missing: [Missing] = []
  /// Columns that surely drifted from the stable's training reference, worst first; nil without a
  /// reference that fits.
  public var drifted: [String]?
  /// Requests that the recorder had dropped.
  public var dropped = 0
  /// Damaged stretches of the recording.
  public var damaged = 0
  /// When the oldest row was recorded.
  public var first: Timestamp?
  /// When the newest was.
  public var last: Timestamp?

  /// Rows taken.
  public var rows: Int { trainingRows + holdoutRows }
}

/// Takes the labelled rows out of an endpoint's recording, in two files by time.
struct TrainingRows {
  /// Which rows, and how they are written.
  struct Options {
    /// From when on; nil from the beginning.
    var since: Timestamp?
    /// Up to when.
    var until: Timestamp
    /// Labels that came from then on do not count, so that a second reading finds the same rows.
    var labelledUntil: Timestamp
    /// The name of the label column.
    var label: String
    /// The most rows; the newest are taken.
    var maxRows: Int
    /// The share of the newest, kept apart.
    var holdout: BasisPoints
    /// The stable's training reference.
    var reference: Reference?
  }

  let options: Options
  let recording: Recording
  /// Throws when the run is to end.
  let check: () throws -> Void

  /// Writes both files.
  /// - Throws: ``NodeError``: nothing is recorded, or a file cannot be read or written; what
  ///   `check` throws.
  func write(to folder: RunFolder) throws -> TrainingFacts {
    var facts = TrainingFacts()
    let (oldest, split) = try times(&facts)
    let reader = try reader()
    let columns = reader.columns
    guard !columns.contains(where: { $0.name == options.label }) else {
      throw NodeError(
        .badInput,
        "the label column \"\(printable(options.label, limit: 60))\" is an input of the endpoint: "
          + "give the label another name")
    }
    facts.withheld = columns.filter { $0.isWithheld == true }.map(\.name)
    var lines = TrainingLines(columns, label: options.label)
    var tally = TrainingTally(columns, options.reference)
    try RunFolder.withFile(folder.dataPath) { data in
      try RunFolder.withFile(folder.holdoutPath) { holdout in
        try data.write(lines.header)
        try holdout.write(lines.header)
        while let request = try reader.next() {
          try check()
          guard let label = label(of: request), request.time >= oldest, !request.isShortened
          else { continue }
          let line = lines.line(request, label)
          if request.time < split {
            try data.write(line)
            facts.trainingRows += 1
          } else {
            try holdout.write(line)
            facts.holdoutRows += 1
          }
          facts.first = min(facts.first ?? request.time, request.time)
          facts.last = max(facts.last ?? request.time, request.time)
          tally.add(request, line, label)
        }
      }
    }
    tally.finish(&facts)
    return facts
  }

  private func label(of request: RecordedRequest) -> Int64? {
    guard let time = request.lateLabelTime, time < options.labelledUntil else { return nil }
    return request.lateLabel
  }

  private func reader() throws -> RecordingReader {
    try recording.requests(since: options.since, until: options.until)
  }

  /// Looks at when rows were recorded: from when on they are taken, and from when on they are held
  /// out.
  private func times(_ facts: inout TrainingFacts) throws -> (oldest: Timestamp, split: Timestamp) {
    let reader = try reader()
    var times: [Timestamp] = []
    while let request = try reader.next() {
      try check()
      facts.requests += 1
      guard label(of: request) != nil else { continue }
      facts.labelled += 1
      if request.isShortened { facts.shortened += 1 } else { times.append(request.time) }
    }
    facts.dropped = reader.lost
    facts.damaged = reader.damage.stretches + reader.damage.files
    times.sort()
    facts.tooMany = max(0, times.count - options.maxRows)
    let taken = times.suffix(options.maxRows)
    guard let oldest = taken.first else { return (options.until, options.until) }
    let held = taken.count * options.holdout / 10_000
    guard held > 0 else { return (oldest, options.until) }
    return (oldest, taken[taken.endIndex - held])
  }
}

/// The lines of an exported file: the inputs that are recorded, then the label.
private struct TrainingLines {
  private let places: [Int]
  /// The first line.
  let header: [UInt8]

  init(_ columns: [RecordingHeader.Column], label: String) {
    places = columns.indices.filter { columns[$0].isWithheld != true }
    var line: [UInt8] = []
    for place in places {
      TrainingLines.appendText(Array(columns[place].name.utf8), to: &line)
      line.append(0x2C)
    }
    TrainingLines.appendText(Array(label.utf8), to: &line)
    line.append(0x0A)
    header = line
  }

  mutating func line(_ request: RecordedRequest, _ label: Int64) -> [UInt8] {
    var line: [UInt8] = []
    for place in places {
      switch request.row[place] {
      case .number(let number) where !number.isNaN:
        let isWhole = number.rounded() == number && number.magnitude < 1e7
        line += (isWhole ? "\(Int(number))" : "\(number)").utf8
      case .text(let text): TrainingLines.appendText(text.bytes, to: &line)
      case .number, .withheld: break
      }
      line.append(0x2C)
    }
    line += "\(label)\n".utf8
    return line
  }

  private static func appendText(_ bytes: [UInt8], to line: inout [UInt8]) {
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
}

/// Counts what the rows are like.
private struct TrainingTally {
  private let columns: [RecordingHeader.Column]
  private let reference: Reference?
  private let layout: Telemetry.RowLayout
  private let monitor: DriftMonitor?
  private var missing: [Int]
  private var classes: [Int64: Int] = [:]
  private var seen: Set<Int> = []
  private var rows = 0
  private var buffer: [UInt64]

  /// More classes than that are no classes.
  private static let classesMax = 10_000

  init(_ columns: [RecordingHeader.Column], _ reference: Reference?) {
    self.columns = columns
    self.reference = reference
    layout = Telemetry.RowLayout(columns.map { ($0.name, $0.isText ? .text : .number) })
    missing = [Int](repeating: 0, count: columns.count)
    buffer = [UInt64](repeating: 0, count: layout.strideBytes / 8 + 1)
    let layout = layout
    monitor = reference.flatMap { reference in
      // A window of twelve such parts holds more rows than are ever taken.
      try? DriftMonitor(reference: reference, row: layout, rowsPerSubwindow: 1_000_000)
    }
  }

  mutating func add(_ request: RecordedRequest, _ line: [UInt8], _ label: Int64) {
    rows += 1
    seen.insert(line.hashValue)
    if classes[label] != nil || classes.count < TrainingTally.classesMax {
      classes[label, default: 0] += 1
    }
    for (place, value) in request.row.enumerated() where value.isMissing { missing[place] += 1 }
    observe(request)
  }

  private mutating func observe(_ request: RecordedRequest) {
    guard let monitor else { return }
    let fields = layout.fields
    buffer.withUnsafeMutableBytes { bytes in
      for (field, value) in zip(fields, request.row) {
        switch (value, field.kind) {
        case (.number(let number), .number):
          bytes.storeBytes(of: number, toByteOffset: field.offsetBytes, as: Float.self)
        case (.text(let text), .text):
          bytes.storeBytes(
            of: TextKey(low: text.low, high: text.high), toByteOffset: field.offsetBytes,
            as: TextKey.self)
        case (_, .number):
          bytes.storeBytes(of: .nan, toByteOffset: field.offsetBytes, as: Float.self)
        case (_, .text):
          bytes.storeBytes(of: .missing, toByteOffset: field.offsetBytes, as: TextKey.self)
        }
      }
      let label = request.label.map { TextKey(low: $0.low, high: $0.high) } ?? .missing
      if let base = bytes.baseAddress {
        monitor.observe(row: base, score: request.score ?? .nan, label: label)
      }
    }
  }

  func finish(_ facts: inout TrainingFacts) {
    facts.duplicates = rows - seen.count
    facts.classes = Dictionary(
      classes.map { ("\($0.key)", $0.value) }, uniquingKeysWith: { first, _ in first })
    let known = Dictionary(
      (reference?.features ?? []).filter { !$0.isOutput }.map { ($0.name, $0) },
      uniquingKeysWith: { first, _ in first })
    facts.missing = columns.enumerated().filter { $0.element.isWithheld != true }.map {
      index, column in
      let feature = known[column.name]
      let all = feature.map { $0.missing + $0.present } ?? 0
      return TrainingFacts.Missing(
        column: column.name, share: rows > 0 ? Double(missing[index]) / Double(rows) : 0,
        reference: feature.flatMap { all > 0 ? Double($0.missing) / Double(all) : nil })
    }
    guard let monitor,
      let report = try? DriftReport(layout: monitor.layout, window: monitor.window())
    else { return }
    let withheld = Set(facts.withheld)
    facts.drifted = report.features
      .filter { $0.verdict == .drift && !withheld.contains($0.name) }
      .sorted { $0.psi > $1.psi }.map(\.name)
  }
}
