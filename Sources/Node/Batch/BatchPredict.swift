import Core
import Glibc
import Inference

/// What happens with a row that cannot be given to the model.
public enum BadRowPolicy: String, Sendable, CaseIterable {
  /// Ends the run with the row's place and what is wrong with it.
  case fail
  /// Leaves the row out of the answers.
  case skip
  /// Writes a line without an answer in its place.
  case null
}

/// How rows are read and answers written.
public struct BatchOptions: Sendable {
  /// The file of rows (CSV, JSON lines or `.npy`, found from its content); `-` is standard input.
  public var inputPath: String
  /// How answers are written.
  public var format: AnswerFormat
  /// What happens with rows that are no good.
  public var onBadRow: BadRowPolicy
  /// Rows that the model is given at once, 1 to 65,536.
  public var rowsPerBatch: Int
  /// Whether nobody chose ``rowsPerBatch``, so that it may follow the back end.
  public let followsBackend: Bool
  /// What must run the model; `nil` lets the engine choose.
  public var backend: Backend?

  /// What ONNX Runtime is given at once: a network's intermediate values may take megabytes a row,
  /// and its calls cost microseconds.
  static let onnxRuntimeRowsPerBatch = 16

  /// Puts them together; without `rowsPerBatch` 1,024 rows, or 16 for ONNX Runtime.
  public init(
    inputPath: String, format: AnswerFormat = .csv, onBadRow: BadRowPolicy = .fail,
    rowsPerBatch: Int? = nil, backend: Backend? = nil
  ) {
    self.inputPath = inputPath
    self.format = format
    self.onBadRow = onBadRow
    self.rowsPerBatch = min(65_536, max(1, rowsPerBatch ?? 1_024))
    followsBackend = rowsPerBatch == nil
    self.backend = backend
  }
}

/// What a run tells while it goes on.
public enum BatchEvent: Sendable {
  /// Something to know of the model: another engine runs it, an output is left out.
  case note(String)
  /// The input has columns that the model does not take.
  case ignoredColumns([String])
  /// A row was no good: its place and what was wrong.
  case badRow(place: String, message: String)
  /// So many rows were read; told after every batch.
  case progress(rows: Int, bytes: Int, ofBytes: Int?)
}

/// What a run did.
public struct BatchReport: Sendable, Encodable {
  /// Rows in the input.
  public var rows = 0
  /// Rows with an answer.
  public var answered = 0
  /// Rows that were no good.
  public var bad = 0
  /// Columns of the input that the model does not take, at most 20 of JSON lines.
  public var ignoredColumns: [String] = []
  /// How long it took, on the monotonic clock.
  public var seconds = 0.0

  enum CodingKeys: String, CodingKey {
    case rows, answered, bad, seconds
    case ignoredColumns = "ignored_columns"
  }
}

/// Inference over a file or stream of rows in constant memory: one line out for each row in, in
/// the same order.
public final class BatchPredict {
  private let model: any BatchModel
  private let options: BatchOptions
  private let writer: AnswerWriter
  private let tell: (BatchEvent) throws -> Void
  private let source: ByteSource
  private let reader: any RowReader
  private let batch: RowBatch
  private var report = BatchReport()
  /// Gaps before the first answer, whose width nobody knows yet.
  private var gapsBefore = 0

  /// Opens the input and reads its header.
  /// - Throws: ``NodeError`` when the input cannot be read or does not fit the model.
  init(
    _ model: any BatchModel, _ options: BatchOptions, to sink: ByteSink,
    tell: @escaping (BatchEvent) throws -> Void
  ) throws {
    self.model = model
    self.options = options
    self.tell = tell
    let layout = try RowLayout(model.signature)
    source = try ByteSource(path: options.inputPath)
    reader =
      switch try RowFormat.find(source) {
      case .csv: try CSVReader(source, layout)
      case .jsonLines: JSONLinesReader(source, layout)
      case .npy: try NpyReader(source, layout)
      }
    batch = RowBatch(layout, capacity: layout.fixedRows ?? options.rowsPerBatch)
    writer = AnswerWriter(model.signature, options.format, sink)
    if let fixed = layout.fixedRows, fixed > 1 {
      throw NodeError(
        .badInput,
        "the model takes exactly \(fixed) rows at once; a file of rows needs a model "
          + "whose first dimension is free")
    }
  }

  /// Reads all rows and writes their answers.
  /// - Throws: ``NodeError``: a bad row under ``BadRowPolicy/fail`` (`badInput`), or the system
  ///   refused to read or write.
  func run() throws -> BatchReport {
    let start = BatchPredict.monotonicSeconds()
    if !reader.ignoredColumns.isEmpty { try tell(.ignoredColumns(reader.ignoredColumns)) }
    let toldColumns = !reader.ignoredColumns.isEmpty
    var more = true
    while more {
      more = try reader.read(into: batch) { row in try refuse(row) }
      try answerBatch()
      batch.removeAll()
      try tell(.progress(rows: report.rows, bytes: source.totalBytes, ofBytes: source.sizeBytes))
      // Somebody may be waiting for these before sending more.
      if !source.isAtEnd, !source.isReady { try writer.flush() }
    }
    try finishEmpty()
    report.ignoredColumns = reader.ignoredColumns
    if !toldColumns, !report.ignoredColumns.isEmpty {
      try tell(.ignoredColumns(report.ignoredColumns))
    }
    report.seconds = BatchPredict.monotonicSeconds() - start
    return report
  }

  /// Counts and tells a bad row.
  /// - Returns: whether a gap is left for it.
  private func refuse(_ row: BadRow) throws -> Bool {
    guard options.onBadRow != .fail else {
      throw NodeError(
        .badInput, "\(row.place): \(row.message) (--on-bad-row skip or null goes on)")
    }
    report.rows += 1
    report.bad += 1
    try tell(.badRow(place: row.place, message: row.message))
    return options.onBadRow == .null
  }

  private func answerBatch() throws {
    guard !batch.isEmpty else { return }
    report.rows += batch.rows
    guard batch.rows > 0 else { return try writeGaps(batch.order.count) }
    let outputs: [BatchOutput]
    do {
      outputs = try batch.withColumns { try model.answer($0, rows: batch.rows) }
    } catch is InferenceError {
      // One row that the model cannot compute spoils the batch: find it.
      return try answerOneByOne()
    }
    try begin(outputs)
    var row = 0
    for isGood in batch.order {
      if isGood {
        try writer.write(outputs, row: row)
        row += 1
      } else {
        try writeGaps(1)
      }
    }
    report.answered += batch.rows
  }

  private func answerOneByOne() throws {
    var row = 0
    for isGood in batch.order {
      guard isGood else {
        try writeGaps(1)
        continue
      }
      defer { row += 1 }
      do {
        let outputs = try batch.withColumns(from: row) { try model.answer($0, rows: 1) }
        try begin(outputs)
        try writer.write(outputs, row: 0)
        report.answered += 1
      } catch let error as InferenceError {
        // Counted as a good row when the batch was; ``refuse(_:)`` counts it as a bad one.
        report.rows -= 1
        let bad = BadRow(
          place: reader.place(batch.places[row]), message: "the model refuses it: \(error.message)")
        if try refuse(bad) { try writeGaps(1) }
      }
    }
  }

  /// Begins the answers with the first that there is; gaps before it waited for its width.
  private func begin(_ outputs: [BatchOutput]) throws {
    let isFirst = !writer.hasBegun
    try writer.begin(widths: outputs.map(\.width))
    if isFirst { try writeGaps(gapsBefore) }
  }

  private func writeGaps(_ count: Int) throws {
    guard writer.hasBegun else {
      gapsBefore += count
      return
    }
    for _ in 0..<count { try writer.writeGap() }
  }

  /// Begins the answers of an input without a good row: widths by the signature, then the gaps.
  private func finishEmpty() throws {
    guard !writer.hasBegun else { return }
    try writer.begin(
      widths: model.signature.outputs.map { spec in
        spec.shape.dropFirst().reduce(1) { product, size in
          min(RowLayout.widthMax, product * max(1, min(RowLayout.widthMax, size ?? 1)))
        }
      })
    try writeGaps(gapsBefore)
  }

  private static func monotonicSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
