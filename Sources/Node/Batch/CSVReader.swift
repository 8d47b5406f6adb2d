import Core

/// Reads rows of comma-separated values (RFC 4180): quoted fields may hold commas, line breaks and
/// doubled quotes; lines end with LF or CRLF; the first line names the columns.
///
/// Blank lines are skipped, and a byte-order mark is.
final class CSVReader: RowReader {
  /// The most columns of a table.
  static let columnsMax = 20_000

  private(set) var ignoredColumns: [String] = []

  private let source: ByteSource
  private let layout: RowLayout
  /// The line that the next record begins on, from 1.
  private var line = 1
  private var names: [String] = []
  /// What each column of the file is for; nil when the model does not take it.
  private var targets: [RowLayout.Target?] = []
  private var fields: [Field] = []
  private var unescaped: [UInt8] = []

  /// Where a field of the current record lies, without its quotes.
  private struct Field {
    let start: Int
    let end: Int
    /// Whether it has doubled quotes in it.
    let isEscaped: Bool
  }

  /// How the search for a record ended.
  private enum Found {
    /// A record: how many bytes and line breaks it takes.
    case record(bytes: Int, lines: Int)
    /// A record that breaks the rules, with the same counts.
    case broken(bytes: Int, lines: Int, String)
    /// The bytes end before the record does.
    case incomplete
  }

  /// Reads the names of the columns.
  /// - Throws: ``NodeError`` (`badInput`) when one that the model takes is missing.
  init(_ source: ByteSource, _ layout: RowLayout) throws {
    self.source = source
    self.layout = layout
    try readHeader()
  }

  func place(_ number: Int) -> String { "\(source.name):\(number)" }

  func read(into batch: RowBatch, bad: (BadRow) throws -> Bool) throws -> Bool {
    while !batch.isFull {
      guard let (found, base) = try nextRecord(unlessWaiting: !batch.isEmpty) else {
        return !source.isAtEnd || !source.pending.isEmpty
      }
      let place = line
      switch found {
      case .record(let bytes, let lines):
        if let message = store(base, in: batch) {
          batch.dropRow(gap: try bad(BadRow(place: self.place(place), message: message)))
        } else {
          batch.keepRow(place: place)
        }
        advance(bytes, lines)
      case .broken(let bytes, let lines, let message):
        batch.dropRow(gap: try bad(BadRow(place: self.place(place), message: message)))
        advance(bytes, lines)
      case .incomplete: break
      }
    }
    return true
  }

  private func advance(_ bytes: Int, _ lines: Int) {
    source.consume(bytes)
    line += lines
  }

  /// Finds the next record, reading more of the input as needed.
  ///
  /// - Returns: nil at the end, or when more bytes would have to be waited for and `unlessWaiting`
  ///   says not to.
  private func nextRecord(
    unlessWaiting: Bool
  ) throws -> (Found, UnsafeBufferPointer<UInt8>)? {
    while true {
      let bytes = source.pending
      var blank = 0
      while blank < bytes.count, bytes[blank] == 0x0A || bytes[blank] == 0x0D {
        if bytes[blank] == 0x0A { line += 1 }
        blank += 1
      }
      if blank > 0 {
        source.consume(blank)
        continue
      }
      if bytes.isEmpty, source.isAtEnd { return nil }
      if !bytes.isEmpty {
        let found = scan(bytes)
        guard case .incomplete = found else { return (found, bytes) }
      }
      if unlessWaiting, !source.isReady { return nil }
      guard try source.fill() else {
        throw NodeError(
          .badInput,
          "\(source.name):\(line): the row is longer than \(ByteSource.pendingMax >> 20) MiB; "
            + "is a closing quote missing?")
      }
    }
  }

  /// Finds the fields of the record at the beginning of `bytes`.
  private func scan(_ bytes: UnsafeBufferPointer<UInt8>) -> Found {
    fields.removeAll(keepingCapacity: true)
    var at = 0
    var lines = 0
    var fault: String?
    while true {
      let isQuoted = at < bytes.count && bytes[at] == 0x22
      if isQuoted {
        guard let end = quotedField(bytes, at, &lines) else {
          guard source.isAtEnd else { return .incomplete }
          return .broken(
            bytes: bytes.count, lines: lines,
            "column \(fields.count + 1): a closing quote is missing")
        }
        at = end
      }
      let start = at
      while at < bytes.count, bytes[at] != 0x2C, bytes[at] != 0x0A { at += 1 }
      if at == bytes.count, !source.isAtEnd { return .incomplete }
      let endsRecord = at == bytes.count || bytes[at] == 0x0A
      // The CR of a CRLF is no part of the field.
      let end = endsRecord && at > start && bytes[at - 1] == 0x0D ? at - 1 : at
      if !isQuoted {
        fields.append(Field(start: start, end: end, isEscaped: false))
      } else if end > start, fault == nil {
        fault = "column \(fields.count): there is text behind the closing quote"
      }
      if fields.count > CSVReader.columnsMax, fault == nil {
        fault = "there are more than \(CSVReader.columnsMax) columns"
      }
      if endsRecord {
        let taken = at < bytes.count ? at + 1 : at
        lines += at < bytes.count ? 1 : 0
        return fault.map { .broken(bytes: taken, lines: lines, $0) }
          ?? .record(bytes: taken, lines: lines)
      }
      at += 1
    }
  }

  /// Adds the quoted field that begins at `start`.
  /// - Returns: the place behind its closing quote; nil when there is none yet.
  private func quotedField(
    _ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ lines: inout Int
  ) -> Int? {
    var at = start + 1
    var breaks = 0
    var isEscaped = false
    while at < bytes.count {
      if bytes[at] == 0x22 {
        if at + 1 == bytes.count, !source.isAtEnd { return nil }
        guard at + 1 < bytes.count, bytes[at + 1] == 0x22 else {
          fields.append(Field(start: start + 1, end: at, isEscaped: isEscaped))
          lines += breaks
          return at + 1
        }
        isEscaped = true
        at += 1
      } else if bytes[at] == 0x0A {
        breaks += 1
      }
      at += 1
    }
    lines += source.isAtEnd ? breaks : 0
    return nil
  }

  /// Gives each field its place in the batch; nil when all is well, else what is wrong.
  private func store(_ bytes: UnsafeBufferPointer<UInt8>, in batch: RowBatch) -> String? {
    guard fields.count == targets.count else {
      return "expected \(targets.count) columns, got \(fields.count)"
    }
    for (index, target) in targets.enumerated() {
      guard let target, let element = target.element else { continue }
      do throws(CellReader.Fault) {
        try withField(fields[index], bytes) { (cell) throws(CellReader.Fault) in
          try CellReader.store(cell, in: batch, target.input, element)
        }
      } catch {
        return "column \"\(names[index])\": \(error.message)"
      }
    }
    return nil
  }

  private func withField(
    _ field: Field, _ bytes: UnsafeBufferPointer<UInt8>,
    _ body: (UnsafeBufferPointer<UInt8>) throws(CellReader.Fault) -> Void
  ) throws(CellReader.Fault) {
    let raw = UnsafeBufferPointer(rebasing: bytes[field.start..<field.end])
    guard field.isEscaped else { return try body(raw) }
    unescaped.removeAll(keepingCapacity: true)
    var at = 0
    while at < raw.count {
      unescaped.append(raw[at])
      at += raw[at] == 0x22 ? 2 : 1
    }
    try unescaped.withUnsafeBufferPointer { (cell) throws(CellReader.Fault) in try body(cell) }
  }

  private func readHeader() throws {
    while source.pending.count < 3, !source.isAtEnd { _ = try source.fill() }
    if source.pending.starts(with: [0xEF, 0xBB, 0xBF]) { source.consume(3) }
    guard let (found, bytes) = try nextRecord(unlessWaiting: false) else {
      throw NodeError(
        .badInput, "\(source.name) is empty: its first line must name the columns")
    }
    let place = "\(source.name):\(line)"
    guard case .record(let count, let lines) = found else {
      if case .broken(_, _, let message) = found {
        throw NodeError(.badInput, "\(place): \(message)")
      }
      throw NodeError(.badInput, "\(place): the first line must name the columns")
    }
    for field in fields {
      var name = ""
      do throws(CellReader.Fault) {
        try withField(field, bytes) { (cell) throws(CellReader.Fault) in
          guard CellReader.isUTF8(cell) else {
            throw CellReader.Fault(message: "expected UTF-8 text, got other bytes")
          }
          name = String(decoding: cell, as: UTF8.self)
        }
      } catch {
        throw NodeError(.badInput, "\(place): column \(names.count + 1): \(error.message)")
      }
      try add(column: name, place)
    }
    advance(count, lines)
    try requireAllColumns(place)
  }

  private func add(column name: String, _ place: String) throws {
    let target = layout.targets[name].flatMap { $0.element == nil ? nil : $0 }
    let shown = printable(name, limit: 60)
    if let target {
      guard !targets.contains(target) else {
        throw NodeError(.badInput, "\(place): the column \"\(shown)\" is there twice")
      }
    } else {
      ignoredColumns.append(shown)
    }
    names.append(shown)
    targets.append(target)
  }

  private func requireAllColumns(_ place: String) throws {
    let missing = layout.columnNames.filter { name in
      !targets.contains { $0 == layout.targets[name] }
    }
    guard let first = missing.first else { return }
    let others = missing.count > 1 ? " and \(missing.count - 1) more" : ""
    throw NodeError(
      .badInput,
      "\(place): the column \"\(printable(first, limit: 60))\"\(others) is missing; the "
        + "model takes " + printable(layout.columnNames.joined(separator: ", "), limit: 400))
  }
}
