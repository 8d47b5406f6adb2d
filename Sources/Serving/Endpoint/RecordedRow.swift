import Core
import Telemetry

/// One request's row on its own, texts included: for test requests, probes and explanations.
public struct RecordedRow: Sendable, Hashable {
  /// One value.
  public enum Cell: Sendable, Hashable {
    case float(Float)
    case double(Double)
    case integer(Int64)
    case truth(Bool)
    case text([UInt8])
  }

  /// The columns.
  public let schema: RowSchema
  /// The values, one for each of the features of the schema's layout.
  public let cells: [Cell]
  /// The features that were given; the others are missing values.
  public let given: Set<String>

  /// Puts together a row from texts by feature name: a column of width 1, or `column[2]`.
  ///
  /// A column that is not given, or is empty, is missing: NaN or the empty text.
  /// - Parameter isWhole: refuses a row that lacks a column.
  /// - Throws: ``ServingError`` with the code `badRow` that names the column.
  public init(
    _ values: [String: String], schema: RowSchema, isWhole: Bool = false
  ) throws(ServingError) {
    let names = schema.layout.fields.map(\.name)
    for name in values.keys.sorted() where !names.contains(name) {
      throw ServingError(
        .badRow,
        "requests carry no column \"\(printable(name, limit: 60))\": they carry "
          + printable(names.joined(separator: ", "), limit: 300))
    }
    var cells: [Cell] = []
    for (column, _, name) in RecordedRow.features(schema) {
      guard let text = values[name] else {
        if isWhole {
          throw ServingError(
            .badRow,
            "the row lacks the column \"\(printable(name, limit: 60))\"; \"\" gives a missing value"
          )
        }
        cells.append(RecordedRow.missing(column.elementType))
        continue
      }
      guard let cell = RecordedRow.cell(text, column.elementType) else {
        throw ServingError(
          .badRow,
          "\(printable(name, limit: 60)): expected "
            + "\(column.elementType == .bool ? "true or false" : column.elementType.rawValue), got "
            + "\"\(printable(text, limit: 40))\"")
      }
      cells.append(cell)
    }
    self.schema = schema
    self.cells = cells
    given = Set(values.keys)
  }

  /// Copies what a buffer holds now.
  init(_ row: RowBuffer) {
    schema = row.schema
    cells = RecordedRow.features(row.schema).map { column, element, _ in
      let at =
        UnsafeRawPointer(row.base) + column.offsetBytes
        + element * RowBuffer.stride(column.elementType)
      switch column.elementType {
      case .float32: return .float(at.load(as: Float.self))
      case .float64: return .double(at.load(as: Double.self))
      case .int32: return .integer(Int64(at.load(as: Int32.self)))
      case .int64: return .integer(at.load(as: Int64.self))
      case .text:
        let text = at.load(as: TextValue.self)
        return .text(Array(UnsafeBufferPointer(start: text.bytes, count: text.count)))
      default: return .truth(at.load(as: UInt8.self) != 0)
      }
    }
    given = Set(row.schema.layout.fields.map(\.name))
  }

  /// The values as texts by feature name, as ``init(_:schema:isWhole:)`` reads them.
  public var named: [String: String] {
    var result: [String: String] = [:]
    for (field, cell) in zip(schema.layout.fields, cells) {
      switch cell {
      case .float(let value): result[field.name] = value.isNaN ? "" : "\(value)"
      case .double(let value): result[field.name] = value.isNaN ? "" : "\(value)"
      case .integer(let value): result[field.name] = "\(value)"
      case .truth(let value): result[field.name] = value ? "true" : "false"
      case .text(let bytes): result[field.name] = String(decoding: bytes, as: UTF8.self)
      }
    }
    return result
  }

  /// Puts the row into a buffer of the same schema and calls `body`; its texts live until then.
  public func fill<Result>(_ row: RowBuffer, _ body: () throws -> Result) rethrows -> Result {
    var texts: [UInt8] = []
    for case .text(let bytes) in cells { texts += bytes }
    return try texts.withUnsafeBufferPointer { all in
      var next = 0
      var index = 0
      for (at, column) in schema.columns.enumerated() {
        for element in 0..<column.width {
          switch cells[index] {
          case .float(let value): row.setNumber(at, element: element, value)
          case .double(let value): row.setNumber(at, element: element, value)
          case .integer(let value) where column.elementType == .int64:
            row.setInteger(at, element: element, value)
          case .integer(let value): row.setNumber(at, element: element, Double(value))
          case .truth(let value): row.setNumber(at, element: element, value ? 1.0 : 0.0)
          case .text(let bytes):
            let base = bytes.isEmpty ? nil : all.baseAddress.map { $0 + next }
            row.setText(at, element: element, TextValue(bytes: base, count: bytes.count))
            next += bytes.count
          }
          index += 1
        }
      }
      defer { row.clear() }
      return try body()
    }
  }

  /// Every feature's column and element, in the layout's order.
  private static func features(
    _ schema: RowSchema
  ) -> [(column: RowSchema.Column, element: Int, name: String)] {
    schema.columns.flatMap { column in
      (0..<column.width).map {
        (column, $0, schema.layout.fields[column.firstFeature + $0].name)
      }
    }
  }

  private static func missing(_ type: ElementType) -> Cell {
    switch type {
    case .float32: .float(.nan)
    case .float64: .double(.nan)
    case .text: .text([])
    case .bool: .truth(false)
    default: .integer(0)
    }
  }

  private static func cell(_ text: String, _ type: ElementType) -> Cell? {
    switch type {
    case .text: return .text(Array(text.utf8))
    case .float32 where text.isEmpty, .float64 where text.isEmpty: return missing(type)
    case .float32: return Float(text).map { .float($0) }
    case .float64: return Double(text).map { .double($0) }
    case .int32: return Int32(text).map { .integer(Int64($0)) }
    case .int64: return Int64(text).map { .integer($0) }
    default:
      switch text {
      case "true", "1": return .truth(true)
      case "false", "0": return .truth(false)
      default: return nil
      }
    }
  }
}

/// What is known of a request before it is sent, for saying which rules are about it.
public struct RequestFacts: Sendable {
  /// The row; columns that were not given are not known.
  public let row: RecordedRow
  /// The attributes; every other one is known to be absent.
  public let headers: [String: String]
  /// The sticky key; nil when there is none.
  public let key: String?

  /// Puts them together.
  public init(row: RecordedRow, headers: [String: String] = [:], key: String? = nil) {
    self.row = row
    self.headers = headers
    self.key = key
  }

  /// Whether a rule is about the request, decided as a worker does; nil when that depends on a
  /// column that was not given.
  public func match(_ rule: RequestRule) -> Bool? {
    if rule.conditions.isEmpty { return false }
    var isKnown = true
    for condition in rule.conditions {
      if case .input(let name, _) = condition, !row.given.contains(name),
        RowCell(name, in: row.schema) != nil
      {
        isKnown = false
      } else if !holds(condition) {
        return false
      }
    }
    return isKnown ? true : nil
  }

  private func holds(_ condition: RequestCondition) -> Bool {
    let compiled = CompiledRules(
      [], shadow: RequestRule([condition]), arms: [], schema: row.schema)
    let buffer = RowBuffer(row.schema)
    return row.fill(buffer) {
      withAttributes { attributes in
        guard let key else {
          return compiled.mayCopy(
            RuleSubject(
              row: UnsafeRawPointer(buffer.base), headers: attributes, key: nil, keyCount: 0))
        }
        // One byte more, so that an empty key has an address as well.
        let bytes = Array(key.utf8) + [0]
        return bytes.withUnsafeBufferPointer { buffered in
          compiled.mayCopy(
            RuleSubject(
              row: UnsafeRawPointer(buffer.base), headers: attributes, key: buffered.baseAddress,
              keyCount: bytes.count - 1))
        }
      }
    }
  }

  private func withAttributes<Result>(_ body: (RequestHeaders) -> Result) -> Result {
    let attributes = RequestHeaders()
    return RequestFacts.fill(attributes, headers, body)
  }

  /// Puts attributes given as texts into a buffer and calls `body`; the texts live until then.
  public static func fill<Result>(
    _ buffer: RequestHeaders, _ headers: [String: String], _ body: (RequestHeaders) -> Result
  ) -> Result {
    let pairs = headers.sorted { $0.key < $1.key }
    var bytes: [UInt8] = []
    for pair in pairs { bytes += Array(pair.key.utf8) + Array(pair.value.utf8) }
    bytes.append(0)
    return bytes.withUnsafeBufferPointer { all in
      var next = 0
      func take(_ text: String) -> TextValue {
        let count = text.utf8.count
        defer { next += count }
        return TextValue(bytes: all.baseAddress.map { $0 + next }, count: count)
      }
      for pair in pairs {
        let name = take(pair.key)
        buffer.add(name: name, value: take(pair.value))
      }
      return body(buffer)
    }
  }
}
