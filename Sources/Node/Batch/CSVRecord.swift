/// Finds the fields of one record of comma-separated values (RFC 4180): quoted fields may hold
/// commas, line breaks and doubled quotes; a record ends with LF or CRLF.
struct CSVRecord {
  /// Where a field lies, without its quotes.
  struct Field {
    let start: Int
    let end: Int
    /// Whether it has doubled quotes in it.
    let isEscaped: Bool
  }

  /// The fields of the record, also of one that breaks the rules.
  private(set) var fields: [Field] = []
  /// The place behind the record and its line end.
  private(set) var end = 0
  /// Line breaks in the record, its own end included.
  private(set) var lineBreaks = 0

  private var unescaped: [UInt8] = []

  /// Finds the record that begins at `start`; the end of `bytes` ends it too.
  /// - Returns: how it breaks the rules, nil when it does not.
  mutating func scan(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> String? {
    fields.removeAll(keepingCapacity: true)
    lineBreaks = 0
    var at = start
    var fault: String?
    while true {
      let isQuoted = at < bytes.count && bytes[at] == 0x22
      if isQuoted {
        guard let behind = quotedField(bytes, at) else {
          end = bytes.count
          return "column \(fields.count + 1): a closing quote is missing"
        }
        at = behind
      }
      let first = at
      while at < bytes.count, bytes[at] != 0x2C, bytes[at] != 0x0A { at += 1 }
      let endsRecord = at == bytes.count || bytes[at] == 0x0A
      // The CR of a CRLF is no part of the field.
      let last = endsRecord && at > first && bytes[at - 1] == 0x0D ? at - 1 : at
      if !isQuoted {
        fields.append(Field(start: first, end: last, isEscaped: false))
      } else if last > first, fault == nil {
        fault = "column \(fields.count): there is text behind the closing quote"
      }
      if fields.count > CSVTable.columnsMax, fault == nil {
        fault = "there are more than \(CSVTable.columnsMax) columns"
      }
      if endsRecord {
        lineBreaks += at < bytes.count ? 1 : 0
        end = min(bytes.count, at + 1)
        return fault
      }
      at += 1
    }
  }

  /// Adds the quoted field that begins at `start`.
  /// - Returns: the place behind its closing quote; nil when there is none.
  private mutating func quotedField(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int? {
    var at = start + 1
    var isEscaped = false
    while at < bytes.count {
      if bytes[at] == 0x22 {
        guard at + 1 < bytes.count, bytes[at + 1] == 0x22 else {
          fields.append(Field(start: start + 1, end: at, isEscaped: isEscaped))
          return at + 1
        }
        isEscaped = true
        at += 1
      } else if bytes[at] == 0x0A {
        lineBreaks += 1
      }
      at += 1
    }
    return nil
  }

  /// Calls `body` with a field's bytes, doubled quotes halved.
  mutating func withCell<Result, Fault>(
    _ field: Field, _ bytes: UnsafeBufferPointer<UInt8>,
    _ body: (UnsafeBufferPointer<UInt8>) throws(Fault) -> Result
  ) throws(Fault) -> Result {
    let raw = UnsafeBufferPointer(rebasing: bytes[field.start..<field.end])
    guard field.isEscaped else { return try body(raw) }
    unescaped.removeAll(keepingCapacity: true)
    var at = 0
    while at < raw.count {
      unescaped.append(raw[at])
      at += raw[at] == 0x22 ? 2 : 1
    }
    return try unescaped.withUnsafeBufferPointer { (cell) throws(Fault) in try body(cell) }
  }

  /// A copy of a field's bytes, doubled quotes halved.
  mutating func text(of field: Field, _ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    withCell(field, bytes) { Array($0) }
  }
}
