import Core
import Inference

/// Times a model on rows of a file, in this process, on one thread.
public enum KernelBench {
  /// What one batch size came to.
  public struct Figure: Sendable, Encodable {
    /// Rows in a call.
    public let batch: Int
    /// Calls that were timed.
    public let calls: Int
    /// Median over rounds of the mean time a row, microseconds of processor time.
    public let microsecondsPerRow: Double
    /// The best round.
    public let bestMicrosecondsPerRow: Double

    enum CodingKeys: String, CodingKey {
      case batch, calls
      case microsecondsPerRow = "us_per_row_p50"
      case bestMicrosecondsPerRow = "us_per_row_min"
    }
  }

  /// All figures of one model.
  public struct Report: Sendable, Encodable {
    /// What ran the model.
    public let backend: Backend
    /// Rows that the calls walk through, so that each is fresh.
    public let rows: Int
    /// Processor time of reading and compiling the model, milliseconds.
    public let compileMilliseconds: Double
    /// Memory of one session, bytes.
    public let sessionBytes: Int
    /// One for each batch size asked for.
    public let figures: [Figure]

    enum CodingKeys: String, CodingKey {
      case backend, rows, figures
      case compileMilliseconds = "compile_ms"
      case sessionBytes = "session_bytes"
    }
  }

  private static let rowsMax = 20_000
  private static let rounds = 7
  private static let roundNanoseconds: UInt64 = 120_000_000

  /// Times a model file on the rows of a CSV, JSON lines or npy file.
  /// - Parameter backend: what must run it; `nil` lets the engine choose.
  /// - Throws: a ``Failure``: the model or the rows are not acceptable.
  public static func run(
    model path: String, rows rowsPath: String, batches: [Int], backend: Backend? = nil
  ) throws -> Report {
    let start = SystemClock.processNanoseconds()
    let bytes = try TextFile.read(path, limitBytes: ModelLimits.standard.fileBytesMax)
    let model = try CompiledModel.load(bytes, backend: backend)
    let compiled = Double(SystemClock.processNanoseconds() - start) / 1e6
    let layout = try RowLayout(model)
    let rows = try RowTable.read(rowsPath, layout, rowsMax: rowsMax)
    guard rows.rows > 0 else {
      throw NodeError(.badInput, "\(printable(rowsPath)) has no rows to time with")
    }
    let session = model.makeSession(maxRows: min(rows.rows, max(1, batches.max() ?? 1)))
    let figures = try rows.withColumns { columns in
      try batches.map { batch in
        try time(session, columns, layout, rows: rows.rows, batch: min(batch, rows.rows))
      }
    }
    return Report(
      backend: model.backend, rows: rows.rows, compileMilliseconds: compiled,
      sessionBytes: session.scratchBytes,
      figures: figures)
  }

  private static func time(
    _ session: Session, _ columns: [ColumnPointer], _ layout: RowLayout, rows: Int, batch: Int
  ) throws -> Figure {
    var means: [Double] = []
    var calls = 0
    var at = 0
    for _ in 0..<rounds {
      let begin = SystemClock.processNanoseconds()
      var timed = 0
      var now = begin
      while now - begin < roundNanoseconds {
        // Many calls between two looks at the clock, which costs as much as a small model.
        for _ in 0..<max(1, 256 / batch) {
          if at + batch > rows { at = 0 }
          for (index, column) in columns.enumerated() {
            let width = layout.inputs[index].width
            try session.bind(
              input: index, to: column.advanced(by: at * width), elements: batch * width)
          }
          try session.run(rows: batch)
          at += batch
          timed += 1
        }
        now = SystemClock.processNanoseconds()
      }
      means.append(Double(now - begin) / Double(timed * batch) / 1_000)
      calls += timed
    }
    means.sort()
    return Figure(
      batch: batch, calls: calls, microsecondsPerRow: means[rounds / 2],
      bestMicrosecondsPerRow: means[0])
  }
}

extension ColumnPointer {
  /// The same column, so many elements further on.
  func advanced(by count: Int) -> ColumnPointer {
    switch self {
    case .float32(let start): .float32(start + count)
    case .float64(let start): .float64(start + count)
    case .int64(let start): .int64(start + count)
    case .int32(let start): .int32(start + count)
    case .bool(let start): .bool(start + count)
    case .text(let start): .text(start + count)
    }
  }
}
