import Core
import Glibc
import Telemetry

extension TrafficTable {
  /// Reads a CSV file's bytes (RFC 4180 with `\n` or `\r\n`; quoted fields may hold commas and
  /// doubled quotes, but no line breaks).
  ///
  /// - Parameter name: what errors call the file.
  /// - Throws: ``ServingError`` with the code `badTraffic`, the line and the column.
  public convenience init(
    csv bytes: [UInt8], schema: RowSchema, name: String
  ) throws(ServingError) {
    var reader = CSVReader(bytes: bytes, name: printable(name, limit: 80), schema: schema)
    try reader.read()
    self.init(reader.columns, schema)
  }

  private convenience init(_ columns: CSVReader.Columns, _ schema: RowSchema) {
    let rows = columns.rowCount
    let textBytes = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, columns.textBytes.count))
    columns.textBytes.withUnsafeBufferPointer { source in
      if let base = source.baseAddress { textBytes.initialize(from: base, count: source.count) }
    }
    let values = schema.columns.enumerated().map { i, column -> Values in
      if column.elementType == .text {
        let pointer = UnsafeMutablePointer<TextValue>.allocate(capacity: rows)
        for (row, place) in columns.texts[i].enumerated() {
          (pointer + row).initialize(
            to: TextValue(
              bytes: place.count == 0 ? nil : UnsafePointer(textBytes + place.start),
              count: place.count))
        }
        return .texts(pointer)
      }
      let pointer = UnsafeMutablePointer<Float>.allocate(capacity: rows)
      for (row, value) in columns.numbers[i].enumerated() {
        (pointer + row).initialize(to: value)
      }
      return .numbers(pointer)
    }
    self.init(
      schema: schema, rowCount: rows, values: values, textBytes: textBytes,
      labels: columns.labels, labelDelayMinutes: columns.delays,
      scheduledMinutes: columns.minutes)
  }
}

/// One pass over a CSV file, into columns.
private struct CSVReader {
  struct Place {
    var start: Int
    var count: Int
  }
  struct Columns {
    var rowCount = 0
    var numbers: [[Float]] = []
    var texts: [[Place]] = []
    var textBytes: [UInt8] = []
    var labels: [Int64] = []
    var delays: [Float] = []
    var minutes: [Float] = []
  }
  /// What a column of the file is for.
  enum Use {
    case feature(Int)
    case label, delay, minute
  }

  static let fieldBytesMax = 4_096

  let bytes: [UInt8]
  let name: String
  let schema: RowSchema
  var columns = Columns()
  private var at = 0
  private var line = 1
  private var uses: [Use] = []
  private var headers: [String] = []
  private var interned: [TextKey: Place] = [:]

  init(bytes: [UInt8], name: String, schema: RowSchema) {
    self.bytes = bytes
    self.name = name
    self.schema = schema
    columns.numbers = schema.columns.map { _ in [] }
    columns.texts = schema.columns.map { _ in [] }
  }

  mutating func read() throws(ServingError) {
    guard bytes.count <= TrafficTable.bytesMax else {
      throw ServingError(.badTraffic, "\(name) has more than \(TrafficTable.bytesMax) bytes")
    }
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }
    try readHeader()
    var fields: [UInt8] = []
    while at < bytes.count {
      if bytes[at] == 0x0A || (bytes[at] == 0x0D && at + 1 == bytes.count) {
        // An empty line ends nothing and means nothing.
        at += 1
        line += 1
        continue
      }
      guard columns.rowCount < TrafficTable.rowsMax else {
        throw fault("more than \(TrafficTable.rowsMax) rows")
      }
      for (i, use) in uses.enumerated() {
        let isLast = try readField(into: &fields)
        guard isLast == (i == uses.count - 1) else {
          throw fault(
            isLast
              ? "the row has \(i + 1) fields, the header has \(uses.count)"
              : "the row has more than the header's \(uses.count) fields")
        }
        try keep(fields, use, column: i)
      }
      columns.rowCount += 1
      line += 1
    }
    guard columns.rowCount > 0 else { throw fault("it has no rows below the header") }
  }

  private mutating func readHeader() throws(ServingError) {
    var fields: [UInt8] = []
    var found = Set<Int>()
    var isLast = false
    while !isLast {
      guard at < bytes.count, headers.count < 2 * RowSchema.featuresMax else {
        throw fault("there is no header line with the columns' names")
      }
      isLast = try readField(into: &fields)
      let header = String(decoding: fields, as: UTF8.self)
      let shown = printable(header, limit: 60)
      guard !headers.contains(header) else { throw fault("the column \"\(shown)\" is there twice") }
      headers.append(header)
      if let i = schema.column(header) {
        guard schema.columns[i].width == 1 else {
          throw fault(
            "the input \"\(shown)\" is \(schema.columns[i].width) wide: replay takes single columns"
          )
        }
        uses.append(.feature(i))
        found.insert(i)
      } else {
        switch header {
        case "late", "label": uses.append(.label)
        case "label_delay_minutes": uses.append(.delay)
        case "scheduled_minute": uses.append(.minute)
        default: throw fault("\"\(shown)\" is neither an input of the endpoint nor a known column")
        }
      }
    }
    if let i = schema.columns.indices.first(where: { !found.contains($0) }) {
      throw fault("the column \"\(printable(schema.columns[i].name, limit: 60))\" is missing")
    }
    line += 1
  }

  /// Reads one field; returns whether it was its line's last.
  private mutating func readField(into field: inout [UInt8]) throws(ServingError) -> Bool {
    field.removeAll(keepingCapacity: true)
    let isQuoted = at < bytes.count && bytes[at] == 0x22
    if isQuoted { at += 1 }
    var open = isQuoted
    while at < bytes.count {
      let byte = bytes[at]
      if open {
        if byte == 0x0A { throw fault("a quoted field is not closed on its line") }
        if byte == 0x22 {
          if at + 1 < bytes.count, bytes[at + 1] == 0x22 {
            at += 1
          } else {
            open = false
            at += 1
            continue
          }
        }
      } else {
        if byte == 0x2C {
          at += 1
          return false
        }
        if byte == 0x0A {
          at += 1
          return true
        }
        if byte == 0x0D, at + 1 == bytes.count || bytes[at + 1] == 0x0A {
          at = min(bytes.count, at + 2)
          return true
        }
        if isQuoted { throw fault("text follows a closing quote") }
      }
      guard field.count < CSVReader.fieldBytesMax else {
        throw fault("a field is longer than \(CSVReader.fieldBytesMax) bytes")
      }
      field.append(byte)
      at += 1
    }
    if open { throw fault("a quoted field is not closed") }
    return true
  }

  private mutating func keep(_ field: [UInt8], _ use: Use, column: Int) throws(ServingError) {
    switch use {
    case .feature(let i) where schema.columns[i].elementType == .text:
      columns.texts[i].append(intern(field))
    case .feature(let i):
      columns.numbers[i].append(field.isEmpty ? .nan : try number(field, column))
    case .label:
      if field.isEmpty {
        columns.labels.append(TrafficTable.noLabel)
      } else {
        guard let label = Int64(String(decoding: field, as: UTF8.self)), label != .min else {
          throw fault("expected a whole number, got \(quoted(field))", column)
        }
        columns.labels.append(label)
      }
    case .delay:
      let minutes = field.isEmpty ? 0 : try number(field, column)
      guard minutes >= 0, minutes <= 1e9 else {
        throw fault("expected minutes from 0 upwards, got \(quoted(field))", column)
      }
      columns.delays.append(minutes)
    case .minute:
      let minute = try number(field, column)
      guard abs(minute) <= 1e12 else {
        throw fault("expected a minute, got \(quoted(field))", column)
      }
      columns.minutes.append(minute)
    }
  }

  private func number(_ field: [UInt8], _ column: Int) throws(ServingError) -> Float {
    guard let value = Float(String(decoding: field, as: UTF8.self)), value.isFinite else {
      throw fault("expected a number, got \(quoted(field))", column)
    }
    return value
  }

  /// Equal texts share their bytes.
  private mutating func intern(_ field: [UInt8]) -> Place {
    let key = field.withUnsafeBufferPointer { TextKey(bytes: $0.baseAddress, count: $0.count) }
    // Longer texts are not told apart by their key alone.
    if field.count <= 15, let known = interned[key] { return known }
    let place = Place(start: columns.textBytes.count, count: field.count)
    columns.textBytes += field
    if field.count <= 15 { interned[key] = place }
    return place
  }

  private func quoted(_ field: [UInt8]) -> String {
    "\"\(printable(String(decoding: field, as: UTF8.self), limit: 40))\""
  }

  private func fault(_ what: String, _ column: Int? = nil) -> ServingError {
    let place = column.map { " column \"\(printable(headers[$0], limit: 60))\":" } ?? ""
    return ServingError(.badTraffic, "\(name):\(line):\(place) \(what)")
  }
}
