import Control
import Core
import Inference
import Serving
import Storage

/// Recorded requests in memory, column by column as models take them, in the order of their time.
///
/// Filled by one thread, then only read.
final class RehearsalRows: @unchecked Sendable {
  // Safe to share: the memory is written by append only, which nobody calls once it is shared.

  /// The most rows that are kept.
  static let rowsMax = 4_000_000

  /// What is known of a request beside its values.
  struct Facts {
    /// When it came, microseconds.
    var time: Int64
    /// The sticky key's hash; 0 when it has none.
    var key: UInt64
    /// Whether it has a key.
    var isKeyed: Bool
    /// The true class number; ``TrafficTable/noLabel`` when none is known.
    var label: Int64
    /// From the request until its label is known, microseconds.
    var labelDelay: Int64
    /// Which of the plan's rules are about it, a bit each: see ``RehearsalMarker/rules(of:)``.
    var rules: UInt64 = 0
    /// The place of its segment in the plan; ``RehearsalRows/noSegment`` for none.
    var segment: Int8 = RehearsalRows.noSegment
  }

  /// What ``Facts/segment`` is for a request of no segment.
  static let noSegment: Int8 = -1

  let schema: RowSchema
  private(set) var facts: [Facts] = []
  /// Requests that could not be used: long texts are known by their beginning only.
  var shortened = 0
  /// What a reader of the report should know of them.
  var notes: [String] = []
  /// Inputs that are missing in every row.
  var missing: [String] = []
  private let marker: RehearsalMarker?

  private struct Column {
    var base: UnsafeMutableRawPointer
    let rowBytes: Int
    let isText: Bool
    let width: Int
  }
  private var columns: [Column] = []
  private var capacity = 1_024
  /// Texts by their bytes; the blocks never move.
  private var interned: [[UInt8]: UnsafeMutableBufferPointer<UInt8>] = [:]

  /// - Parameter marker: tells what rules and segments rows are about; nil tells nothing.
  init(_ schema: RowSchema, marker: RehearsalMarker? = nil) {
    self.schema = schema
    self.marker = marker
    columns = schema.columns.map { column in
      let elementBytes =
        switch column.elementType {
        case .bool: 1
        case .float32, .int32: 4
        case .text: MemoryLayout<TextRef>.stride
        default: 8
        }
      let rowBytes = elementBytes * column.width
      return Column(
        base: .allocate(byteCount: capacity * rowBytes, alignment: 64), rowBytes: rowBytes,
        isText: column.elementType == .text, width: column.width)
    }
  }

  deinit {
    for column in columns { column.base.deallocate() }
    for text in interned.values { text.deallocate() }
  }

  /// How many there are.
  var count: Int { facts.count }

  /// Keeps the row that is in the buffer.
  func append(_ row: RowBuffer, _ fact: Facts) {
    if count == capacity { grow() }
    for (index, column) in columns.enumerated() {
      let target = column.base + count * column.rowBytes
      guard column.isText else {
        target.copyMemory(from: row.address(of: index), byteCount: column.rowBytes)
        continue
      }
      let texts = row.address(of: index).assumingMemoryBound(to: TextValue.self)
      for element in 0..<column.width {
        target.storeBytes(
          of: intern(texts[element]), toByteOffset: element * MemoryLayout<TextRef>.stride,
          as: TextRef.self)
      }
    }
    var fact = fact
    marker?.mark(row, &fact)
    facts.append(fact)
  }

  private func intern(_ text: TextValue) -> TextRef {
    guard let bytes = text.bytes, text.count > 0 else { return TextRef(bytes: nil, count: 0) }
    let key = Array(UnsafeBufferPointer(start: bytes, count: text.count))
    if let known = interned[key] {
      return TextRef(bytes: UnsafePointer(known.baseAddress), count: known.count)
    }
    let block = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: key.count)
    _ = block.initialize(from: key)
    interned[key] = block
    return TextRef(bytes: UnsafePointer(block.baseAddress), count: block.count)
  }

  private func grow() {
    for index in columns.indices {
      let (old, rowBytes) = (columns[index].base, columns[index].rowBytes)
      let new = UnsafeMutableRawPointer.allocate(
        byteCount: 2 * capacity * rowBytes, alignment: 64)
      new.copyMemory(from: old, byteCount: capacity * rowBytes)
      old.deallocate()
      columns[index].base = new
    }
    capacity *= 2
  }

  /// The columns of a model's inputs from row `first` on; they live as long as the rows.
  func pointers(_ inputs: [TensorSpec], from first: Int) -> [ColumnPointer] {
    inputs.compactMap { input in
      guard let index = schema.column(input.name) else { return nil }
      // The memory is written and read as this one type only.
      let start = UnsafeRawPointer(columns[index].base + first * columns[index].rowBytes)
      return switch input.elementType {
      case .float64: .float64(start.assumingMemoryBound(to: Double.self))
      case .int64: .int64(start.assumingMemoryBound(to: Int64.self))
      case .int32: .int32(start.assumingMemoryBound(to: Int32.self))
      case .bool: .bool(start.assumingMemoryBound(to: UInt8.self))
      case .text: .text(start.assumingMemoryBound(to: TextRef.self))
      default: .float32(start.assumingMemoryBound(to: Float.self))
      }
    }
  }
}

extension RehearsalRows {
  /// Requests of a recording.
  /// - Throws: a ``Failure`` when nothing is recorded or it cannot be read.
  static func recorded(
    _ stateDirectory: String, _ endpoint: Name, plan: Plan, schema: RowSchema, since: Timestamp?,
    until: Timestamp?
  ) throws -> RehearsalRows {
    let directory = try StateDirectory(stateDirectory, create: false)
    let recording = try Recording(directory, endpoint: endpoint)
    let reader = try recording.requests(since: since, until: until)
    let rows = RehearsalRows(
      schema, marker: try RehearsalMarker(plan, schema: schema, recordingIn: directory))
    let filler = RowFiller(schema, reader.columns)
    while rows.count < rowsMax, let request = try reader.next() {
      if request.isShortened {
        rows.shortened += 1
        continue
      }
      filler.fill(request.row)
      let delay = request.lateLabelTime.map { max(0, ($0 - request.time).microseconds) }
      rows.append(
        filler.buffer,
        Facts(
          time: request.time.microseconds, key: request.keyHash ?? 0,
          isKeyed: request.keyHash != nil, label: request.lateLabel ?? TrafficTable.noLabel,
          labelDelay: delay ?? 0))
    }
    rows.sortByTime()
    rows.noteRecording(reader, filler)
    return rows
  }

  private func noteRecording(_ reader: RecordingReader, _ filler: RowFiller) {
    if reader.header.share < Split.whole {
      notes.append(
        "\(percentText(reader.header.share)) of callers are recorded: live, requests come about "
          + "\(Split.whole / max(1, reader.header.share)) times as often and steps fill sooner")
    }
    missing = filler.missing
    if !filler.missing.isEmpty {
      let names = filler.missing.map { printable($0, limit: 40) }.joined(separator: ", ")
      notes.append("not recorded and so missing for both versions: \(names)")
    }
    if shortened > 0 {
      notes.append(
        "\(shortened) requests left out: they have texts of more than 15 bytes, which are recorded "
          + "by their beginning only")
    }
    let rounded = schema.columns.filter { [.float64, .int64].contains($0.elementType) }
    if let first = rounded.first {
      notes.append(
        "numbers are recorded in single precision, \"\(printable(first.name, limit: 40))\" is "
          + first.elementType.rawValue)
    }
    if reader.lost > 0 { notes.append("the recorder had dropped \(reader.lost) requests") }
    let damaged = reader.damage.stretches + reader.damage.files
    if damaged > 0 { notes.append("\(damaged) damaged stretches of the recording passed over") }
    if count == RehearsalRows.rowsMax {
      notes.append("only the first \(count) requests: --since and --until choose others")
    }
  }

  /// Requests of a traffic file; without times they come evenly.
  /// - Throws: a ``Failure`` with file, line and column of what is wrong.
  static func traffic(
    _ path: String, plan: Plan, schema: RowSchema
  ) throws -> RehearsalRows {
    let bytes = try TextFile.read(path, limitBytes: TrafficTable.bytesMax)
    let table = try TrafficTable(csv: bytes, schema: schema, name: path)
    let rows = RehearsalRows(
      schema, marker: RehearsalMarker(plan, schema: schema, pseudonym: nil))
    let buffer = RowBuffer(schema)
    let minutes = table.scheduledMinutes
    var order = Array(0..<table.rowCount)
    if !minutes.isEmpty { order.sort { (minutes[$0], $0) < (minutes[$1], $1) } }
    for row in order.prefix(rowsMax) {
      table.copy(row: row, to: buffer)
      let delay = table.labelDelayMinutes.isEmpty ? 0 : table.labelDelayMinutes[row]
      rows.append(
        buffer,
        Facts(
          time: minutes.isEmpty ? 0 : Int64(Double(minutes[row]) * 60e6), key: 0, isKeyed: false,
          label: table.labels.isEmpty ? TrafficTable.noLabel : table.labels[row],
          labelDelay: Int64(Double(delay) * 60e6)))
    }
    if table.labels.isEmpty { rows.notes.append("the file has no labels") }
    return rows
  }

  /// The recording's order is nearly that of time: workers' records come in turns.
  private func sortByTime() {
    // Rows stay where they are; only their times are put in order, which differ by milliseconds.
    var latest = Int64.min
    for index in facts.indices {
      latest = max(latest, facts[index].time)
      setTime(latest, at: index)
    }
  }

  private func setTime(_ time: Int64, at index: Int) { facts[index].time = time }
}

/// Puts recorded rows into a row buffer.
private final class RowFiller {
  let buffer: RowBuffer
  /// Inputs of the endpoint that the recording does not have.
  private(set) var missing: [String] = []

  private struct Target {
    let column: Int
    let element: Int
    let isText: Bool
  }
  /// For each recorded column where it goes; nil when the model does not take it.
  private var targets: [Target?] = []
  /// The texts of the present row.
  private var texts: [UnsafeMutablePointer<UInt8>]

  init(_ schema: RowSchema, _ columns: [RecordingHeader.Column]) {
    buffer = RowBuffer(schema)
    texts = columns.map { _ in .allocate(capacity: 16) }
    let fields = schema.layout.fields
    targets = columns.map { recorded in
      guard recorded.isWithheld != true,
        let feature = fields.firstIndex(where: { $0.name == recorded.name }),
        let column = schema.columns.lastIndex(where: { $0.firstFeature <= feature })
      else { return nil }
      let isText = schema.columns[column].elementType == .text
      guard isText == recorded.isText else { return nil }
      return Target(
        column: column, element: feature - schema.columns[column].firstFeature, isText: isText)
    }
    let found = Set(targets.compactMap { $0?.column })
    missing = schema.columns.indices.filter { !found.contains($0) }.map { schema.columns[$0].name }
  }

  deinit { for text in texts { text.deallocate() } }

  /// Fills the buffer; what is withheld stays missing.
  func fill(_ row: [RecordedValue]) {
    for (index, value) in row.enumerated() {
      guard index < targets.count, let target = targets[index] else { continue }
      switch value {
      case .number(let number) where !target.isText:
        buffer.setNumber(target.column, element: target.element, number)
      case .text(let text) where target.isText:
        let bytes = text.bytes
        for (place, byte) in bytes.enumerated() { texts[index][place] = byte }
        buffer.setText(
          target.column, element: target.element,
          TextValue(bytes: bytes.isEmpty ? nil : UnsafePointer(texts[index]), count: bytes.count))
      case .withheld where target.isText:
        buffer.setText(target.column, element: target.element, TextValue(bytes: nil, count: 0))
      case .withheld: buffer.setNumber(target.column, element: target.element, Float.nan)
      default: break
      }
    }
  }
}
