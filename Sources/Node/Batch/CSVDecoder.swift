import Core
import Inference

/// Reads rows of comma-separated values straight into a batch.
///
/// A row is read in one pass: each number is read where it stands, each text is referred to.
/// What is not plain (escapes, blanks, words like `nan`, anything wrong) is left to ``CSVRecord``
/// and ``CellReader``, which also say what is wrong. Blank lines are skipped.
final class CSVDecoder: RowDecoder {
  private(set) var passed = 0
  let ignored: [String] = []

  private let table: CSVTable
  private let plans: UnsafeMutablePointer<ColumnPlan>
  private var record = CSVRecord()
  private var bytes = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
  private var at = 0
  private var isASCII = false

  /// What to do with one column of the file.
  private struct ColumnPlan {
    enum Kind: UInt8 { case skip, float32, float64, int64, text, other }
    let kind: Kind
    let isLast: Bool
    /// The element's place in row 0 and the distance to that of the next row.
    let base: UnsafeMutableRawPointer?
    let rowBytes: Int
    /// The element that it gives.
    var input = 0
    var element = 0
  }

  /// - Parameter batch: the one that all rows go to.
  init(_ table: CSVTable, for batch: RowBatch, copiesTexts: Bool = false) {
    self.table = table
    plans = .allocate(capacity: max(1, table.targets.count))
    for (index, target) in table.targets.enumerated() {
      let isLast = index == table.targets.count - 1
      guard let target, let element = target.element else {
        (plans + index).initialize(
          to: ColumnPlan(kind: .skip, isLast: isLast, base: nil, rowBytes: 0))
        continue
      }
      let column = batch.columns[target.input]
      let kind: ColumnPlan.Kind =
        switch column.type {
        case .float32: .float32
        case .float64: .float64
        case .int64: .int64
        case .text: copiesTexts ? .other : .text
        default: .other
        }
      (plans + index).initialize(
        to: ColumnPlan(
          kind: kind, isLast: isLast, base: column.base + element * column.strideBytes,
          rowBytes: column.width * column.strideBytes, input: target.input, element: element))
    }
  }

  deinit { plans.deallocate() }

  func begin(_ bytes: UnsafeBufferPointer<UInt8>) {
    self.bytes = bytes
    at = 0
    passed = 0
    isASCII = CellReader.isASCII(bytes)
  }

  func decode(into batch: RowBatch) -> DecodeStop {
    guard let base = bytes.baseAddress else { return .end }
    let end = base + bytes.count
    var next = base + at
    defer { at = next - base }
    while true {
      while next < end, next[0] == 0x0A || next[0] == 0x0D {
        if next[0] == 0x0A { passed += 1 }
        next += 1
      }
      guard next < end else { return .end }
      if batch.isFull { return .full }
      if let behind = readPlainRow(next, end, batch) {
        batch.keepRow(place: passed)
        passed += 1
        next = behind
        continue
      }
      let place = passed
      let message = readAnyRow(next - base, batch)
      passed += record.lineBreaks
      next = base + record.end
      if let message { return .bad(BadRow(place: place, message: message)) }
      batch.keepRow(place: place)
    }
  }

  // MARK: Plain rows

  /// Reads a row of one line without anything special.
  /// - Returns: the place behind it; nil when it is not plain.
  @inline(__always)
  private func readPlainRow(
    _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, _ batch: RowBatch
  ) -> UnsafePointer<UInt8>? {
    var next = start
    var plan = plans
    let row = batch.rows
    while true {
      var field = next
      if !readQuickly(&field, end, plan, row) {
        field = next
        guard readCarefully(&field, end, plan, batch) else { return nil }
      }
      // Behind a field stands a comma, or the line's end behind the last.
      if field[0] == 0x2C {
        if plan.pointee.isLast { return nil }
        next = field + 1
        plan += 1
        continue
      }
      guard plan.pointee.isLast else { return nil }
      if field[0] == 0x0A { return field + 1 }
      return field[0] == 0x0D && field[1] == 0x0A ? field + 2 : nil
    }
  }

  /// Reads a field of the usual form and passes over it; false when it has another.
  @inline(__always)
  private func readQuickly(
    _ field: inout UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>,
    _ plan: UnsafeMutablePointer<ColumnPlan>, _ row: Int
  ) -> Bool {
    switch plan.pointee.kind {
    case .float32:
      if CSVDecoder.endsField(field[0]) {
        store(Float.nan, plan, row)
      } else {
        guard let decimal = NumberText.scan(&field), CSVDecoder.endsField(field[0]),
          let number = NumberText.float(decimal)
        else { return false }
        store(number, plan, row)
      }
    case .float64:
      if CSVDecoder.endsField(field[0]) {
        store(Double.nan, plan, row)
      } else {
        guard let decimal = NumberText.scan(&field), CSVDecoder.endsField(field[0]),
          let number = NumberText.double(decimal)
        else { return false }
        store(number, plan, row)
      }
    case .int64:
      guard let decimal = NumberText.scan(&field), CSVDecoder.endsField(field[0]),
        decimal.power == 0, decimal.mantissa <= UInt64(Int64.max)
      else { return false }
      let whole = Int64(decimal.mantissa)
      store(decimal.isNegative ? -whole : whole, plan, row)
    case .text:
      guard let text = plainText(&field, end, isASCII: isASCII) else { return false }
      store(text, plan, row)
    case .skip:
      guard plainText(&field, end, isASCII: true) != nil else { return false }
    case .other:
      return false
    }
    return true
  }

  /// Reads a field of one line by the rules for cells; false when it is not good.
  @inline(never)
  private func readCarefully(
    _ field: inout UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>,
    _ plan: UnsafeMutablePointer<ColumnPlan>, _ batch: RowBatch
  ) -> Bool {
    guard plan.pointee.base != nil, let text = plainText(&field, end, isASCII: isASCII) else {
      return false
    }
    do throws(CellReader.Fault) {
      try CellReader.store(
        UnsafeBufferPointer(start: text.bytes, count: text.count), in: batch, plan.pointee.input,
        plan.pointee.element)
      return true
    } catch {
      return false
    }
  }

  @inline(__always)
  private static func endsField(_ byte: UInt8) -> Bool {
    byte == 0x2C || byte == 0x0A || byte == 0x0D
  }

  @inline(__always)
  private func store<T>(_ value: T, _ plan: UnsafeMutablePointer<ColumnPlan>, _ row: Int) {
    guard let base = plan.pointee.base else { return }
    (base + row &* plan.pointee.rowBytes).storeBytes(of: value, as: T.self)
  }

  /// Passes over a field without doubled quotes and line breaks; nil when it is another.
  ///
  /// The bytes end with a line feed, so that an unquoted field always ends before them.
  @inline(__always)
  private func plainText(
    _ at: inout UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>, isASCII: Bool
  ) -> TextRef? {
    let isQuoted = at[0] == 0x22
    if isQuoted { at += 1 }
    let first = at
    var text: TextRef
    if isQuoted {
      while at < end, at[0] != 0x22 {
        if at[0] == 0x0A { return nil }
        at += 1
      }
      guard at < end, at[1] != 0x22 else { return nil }
      text = TextRef(bytes: first, count: at - first)
      at += 1
    } else {
      while at[0] != 0x2C, at[0] != 0x0A { at += 1 }
      if at[0] == 0x0A, at > first, at[-1] == 0x0D { at -= 1 }
      text = TextRef(bytes: first, count: at - first)
    }
    guard isASCII || CellReader.isUTF8(UnsafeBufferPointer(start: first, count: text.count)) else {
      return nil
    }
    return text
  }

  // MARK: Other rows

  /// Reads the row that begins at `start` by the whole grammar; nil when all is well, else what
  /// is wrong.
  private func readAnyRow(_ start: Int, _ batch: RowBatch) -> String? {
    if let message = record.scan(bytes, from: start) { return message }
    let fields = record.fields
    guard fields.count == table.targets.count else {
      return "expected \(table.targets.count) columns, got \(fields.count)"
    }
    for (index, target) in table.targets.enumerated() {
      guard let target, let element = target.element else { continue }
      let field = fields[index]
      do throws(CellReader.Fault) {
        try record.withCell(field, bytes) { (cell) throws(CellReader.Fault) in
          try CellReader.store(
            cell, in: batch, target.input, element, isTemporary: field.isEscaped)
        }
      } catch {
        return "column \"\(table.names[index])\": \(error.message)"
      }
    }
    return nil
  }
}
