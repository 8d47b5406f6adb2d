import Core

/// What is known of an input once its header was read: everything that workers share.
struct RowInput: Sendable {
  /// How the rows are written.
  enum Format: Sendable {
    case csv(CSVTable)
    case jsonLines
    case npy(NpyArray)
  }

  /// An array whose columns lie one after another (Fortran order).
  struct ColumnsFirst: Sendable {
    let firstOffset: Int
    let columns: Int
    let elementBytes: Int
  }

  let format: Format
  /// What ends a record.
  let rule: RecordCutter.Rule
  /// Where the first record begins.
  let firstOffset: Int
  /// Line breaks before it.
  let linesBefore: Int
  /// Rows of an array, 0 for other formats.
  var rowCount = 0
  /// The place behind the last record, when the header says it.
  var endOffset: Int?
  /// Set when the array's columns lie one after another.
  var columnsFirst: ColumnsFirst?

  /// Finds the format and reads the header; the source stands at the first record then.
  /// - Throws: ``NodeError`` (`badInput`) when it does not fit the model.
  static func open(_ source: ByteSource, _ layout: RowLayout) throws(NodeError) -> RowInput {
    while source.pending.count < 8, !source.isAtEnd { _ = try source.fill() }
    // A byte-order mark is no part of the first record.
    if source.pending.starts(with: [0xEF, 0xBB, 0xBF]) { source.consume(3) }
    let bytes = source.pending
    if bytes.starts(with: NpyArray.magic) { return try NpyArray.open(source, layout) }
    let blanks: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
    if bytes.first(where: { !blanks.contains($0) }) == UInt8(ascii: "{") {
      return RowInput(
        format: .jsonLines, rule: .line, firstOffset: source.offset, linesBefore: 0)
    }
    return try table(source, layout)
  }

  private static func table(
    _ source: ByteSource, _ layout: RowLayout
  ) throws(NodeError) -> RowInput {
    var line = 1
    while true {
      let blank = source.pending.prefix { $0 == 0x0A || $0 == 0x0D }
      line += blank.reduce(0) { $0 + ($1 == 0x0A ? 1 : 0) }
      source.consume(blank.count)
      if !source.pending.isEmpty || source.isAtEnd { break }
      _ = try source.fill()
    }
    guard !source.pending.isEmpty else {
      throw NodeError(.badInput, "\(source.name) is empty: its first line must name the columns")
    }
    let place = "\(source.name):\(line)"
    var record = CSVRecord()
    while true {
      let fault = record.scan(source.pending, from: 0)
      // A record that takes all there is may go on.
      if record.end < source.pending.count || source.isAtEnd { break }
      guard try source.fill() else {
        throw NodeError(
          .badInput,
          "\(place): \(fault ?? "the first line, which must name the columns, has no end")")
      }
    }
    let table = try CSVTable(header: source.pending, layout, place: place)
    source.consume(record.end)
    return RowInput(
      format: .csv(table), rule: .csv, firstOffset: source.offset,
      linesBefore: line - 1 + record.lineBreaks)
  }

  /// Names in the header that the model does not take.
  var ignored: [String] {
    if case .csv(let table) = format { table.ignored } else { [] }
  }

  /// How many rows of an array lie before a place.
  func rows(before offset: Int) -> Int {
    guard case .bytes(let size) = rule else { return 0 }
    return max(0, offset - firstOffset) / size
  }

  /// Where a row is, for people: `rows.csv:17`, `rows.npy: row 17`.
  /// - Parameter place: lines or rows before it, from the first record on.
  func label(_ place: Int, of name: String) -> String {
    switch format {
    case .npy: "\(name): row \(place + 1)"
    default: "\(name):\(linesBefore + place + 1)"
    }
  }

  /// A decoder for one worker, whose rows go to `batch`.
  func makeDecoder(for batch: RowBatch, copiesTexts: Bool = false) -> any RowDecoder {
    switch format {
    case .csv(let table): CSVDecoder(table, for: batch, copiesTexts: copiesTexts)
    case .jsonLines: JSONLinesDecoder(batch.layout)
    case .npy(let array): NpyDecoder(array)
    }
  }
}
