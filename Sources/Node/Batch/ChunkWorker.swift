import Core
import Inference

/// What became of the records of one chunk.
struct ChunkResult {
  /// Rows in it, those with an answer, and those that were no good.
  var rows = 0
  var answered = 0
  var bad = 0
  /// The first rows that were no good, in order.
  var notes: [BadRow] = []
  /// Lines, or rows of an array, that were passed.
  var places = 0
  /// How wide each output is, once a row was answered.
  var widths: [Int]?
  /// Rows whose place is kept but could not be written: no row was answered yet.
  var openGaps = 0
  /// Names in the input that the model does not take.
  var ignored: [String] = []
  /// The row that ends the run.
  var fatalRow: BadRow?
  /// Why the run cannot go on.
  var failure: (any Error)?
}

/// Answers chunks on one thread: decodes rows, gives them to its own session, writes the lines.
final class ChunkWorker {
  private let options: BatchOptions
  private let decoder: any RowDecoder
  private let batch: RowBatch
  private let answerer: any RowAnswerer
  private let explained: TopContributions?
  private let writer: AnswerWriter
  private var result = ChunkResult()
  /// How many bad rows of a chunk are told at most.
  private static let notesMax = BatchOptions.toldRowsMax
  /// How many bytes of answers are gathered before they are handed on.
  private static let handOverBytes = 4 << 20

  init(_ job: BatchJob) throws {
    options = job.options
    let maxRows = job.rowsPerBatch
    batch = RowBatch(job.rowLayout, capacity: maxRows)
    decoder = job.input.makeDecoder(for: batch)
    answerer = try job.model.makeAnswerer(maxRows: maxRows)
    explained =
      try job.answerLayout.explained.flatMap { count in
        try job.model.makeExplainer(maxRows: maxRows).map {
          TopContributions($0, count: count, maxRows: maxRows)
        }
      }
    writer = AnswerWriter(job.answerLayout)
  }

  /// Answers the rows of a chunk.
  ///
  /// - Parameters:
  ///   - answers: where their answers go.
  ///   - handOver: takes away answers that are many before the chunk is at its end.
  /// - Returns: what became of them.
  func process(
    _ bytes: UnsafeBufferPointer<UInt8>, to answers: ByteBuffer, handOver: (ChunkResult) -> Void
  ) -> ChunkResult {
    result = ChunkResult()
    answers.removeAll()
    writer.bytes = answers
    decoder.begin(bytes)
    var isOpen = true
    while isOpen {
      switch decoder.decode(into: batch) {
      case .full: break
      case .end: isOpen = false
      case .bad(let row):
        if options.onBadRow == .fail { isOpen = false }
        if options.onBadRow != .fail { refuse(row) }
        if isOpen { continue }
        answerBatch()
        if result.fatalRow == nil { result.fatalRow = row }
      }
      if result.fatalRow == nil { answerBatch() }
      if result.fatalRow != nil || result.failure != nil { isOpen = false }
      if isOpen, writer.bytes.count > ChunkWorker.handOverBytes {
        handOver(result)
        answers.removeAll()
      }
    }
    batch.removeAll()
    result.places = decoder.passed
    result.ignored = decoder.ignored
    keepFirstNotes()
    return result
  }

  private func keepFirstNotes() {
    result.notes.sort { $0.place < $1.place }
    result.notes.removeLast(max(0, result.notes.count - ChunkWorker.notesMax))
  }

  /// Counts a bad row and keeps its place when that is wanted.
  private func refuse(_ row: BadRow) {
    count(row)
    if options.onBadRow == .null { batch.addGap() }
  }

  private func count(_ row: BadRow) {
    result.rows += 1
    result.bad += 1
    result.notes.append(row)
    // Rows that the model refuses are found after later ones that could not be read.
    if result.notes.count >= 8 * ChunkWorker.notesMax { keepFirstNotes() }
  }

  private func answerBatch() {
    defer { batch.removeAll() }
    do {
      try answerRows()
    } catch {
      result.failure = error
    }
  }

  private func answerRows() throws {
    guard batch.rows > 0 else { return writeGaps(batch.gaps.count) }
    let outputs: [BatchOutput]
    do {
      outputs = try batch.withColumns { columns in
        let outputs = try answerer.answer(columns, rows: batch.rows)
        try explained?.explain(columns, rows: batch.rows)
        return outputs
      }
    } catch is InferenceError {
      // One row that the model cannot compute spoils the batch: find it.
      return try answerOneByOne()
    }
    try begin(outputs)
    var nextGap = 0
    for row in 0..<batch.rows {
      while nextGap < batch.gaps.count, batch.gaps[nextGap] == row {
        writeGaps(1)
        nextGap += 1
      }
      writer.write(outputs, row: row, explained)
    }
    writeGaps(batch.gaps.count - nextGap)
    result.rows += batch.rows
    result.answered += batch.rows
  }

  private func answerOneByOne() throws {
    var nextGap = 0
    for row in 0..<batch.rows {
      while nextGap < batch.gaps.count, batch.gaps[nextGap] == row {
        writeGaps(1)
        nextGap += 1
      }
      do {
        let outputs = try batch.withColumns(from: row) { columns in
          let outputs = try answerer.answer(columns, rows: 1)
          try explained?.explain(columns, rows: 1)
          return outputs
        }
        try begin(outputs)
        writer.write(outputs, row: 0, explained)
        result.rows += 1
        result.answered += 1
      } catch let error as InferenceError {
        let bad = BadRow(
          place: Int(batch.places[row]), message: "the model refuses it: \(error.message)")
        if options.onBadRow == .fail {
          result.fatalRow = bad
          return
        }
        count(bad)
        if options.onBadRow == .null { writeGaps(1) }
      }
    }
    writeGaps(batch.gaps.count - nextGap)
  }

  /// Begins the answers with the first that there is; gaps before it waited for its width.
  private func begin(_ outputs: [BatchOutput]) throws {
    let isFirst = writer.widths == nil
    try writer.begin(widths: outputs.map(\.width))
    result.widths = writer.widths
    guard isFirst else { return }
    writer.writeGaps(result.openGaps)
    result.openGaps = 0
  }

  private func writeGaps(_ count: Int) {
    guard writer.widths != nil else {
      result.openGaps += count
      return
    }
    writer.writeGaps(count)
  }
}
