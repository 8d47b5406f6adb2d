import Core

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
  /// Rows that the model is given at once, 1 to 65,536; nil is 1,024, or 16 for ONNX Runtime.
  public var rowsPerBatch: Int?
  /// What must run the model; nil lets the engine choose.
  public var backend: Backend?
  /// Threads that answer rows, 1 to 256; nil is one for each processor.
  public var threads: Int?
  /// How many features are told for each row with what they contribute; nil is none.
  public var explain: Int?
  /// A file of rows to explain against; nil goes by what the model's file tells of its training.
  public var background: String?

  /// Rows at once unless somebody chose: a network's intermediate values may take megabytes a row,
  /// and a call of ONNX Runtime costs microseconds.
  func rowsPerBatch(on backend: Backend) -> Int {
    rowsPerBatch ?? (backend == .onnxruntime ? 16 : 1_024)
  }

  /// How many bad rows are told one by one.
  public static let toldRowsMax = 20

  /// Puts them together.
  public init(
    inputPath: String, format: AnswerFormat = .csv, onBadRow: BadRowPolicy = .fail,
    rowsPerBatch: Int? = nil, threads: Int? = nil, explain: Int? = nil,
    background: String? = nil, backend: Backend? = nil
  ) {
    self.inputPath = inputPath
    self.format = format
    self.onBadRow = onBadRow
    self.rowsPerBatch = rowsPerBatch.map { min(65_536, max(1, $0)) }
    self.background = background
    self.backend = backend
    self.threads = threads.map { min(256, max(1, $0)) }
    self.explain = explain.map { max(1, $0) }
  }
}

/// Where answers go.
public enum BatchTarget: Sendable {
  /// A stream; nothing of it can be taken back or continued.
  case stream(ByteSink)
  /// A file that appears whole or not at all; with `resume` an interrupted run is continued.
  case file(path: String, resume: Bool)
}

/// What a run tells while it goes on.
public enum BatchEvent: Sendable {
  /// Rows are read from now on; so many were answered by the run that is continued.
  case began(continuedRows: Int)
  /// Something that a person should know.
  case note(String)
  /// The input has columns that the model does not take.
  case ignoredColumns([String])
  /// A row was no good: its place and what was wrong; told ``BatchOptions/toldRowsMax`` times.
  case badRow(place: String, message: String)
  /// So many rows were read; told after every piece of the input.
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
  /// Rows that an interrupted run had read already.
  public var continuedRows = 0
  /// Columns of the input that the model does not take, at most 20 of JSON lines.
  public var ignoredColumns: [String] = []
  /// How long it took, on the monotonic clock.
  public var seconds = 0.0
  /// Rows read a second by this run.
  public var rowsPerSecond = 0.0
  /// Threads that answered rows.
  public var threads = 1
  /// Whether all rows were read; false when somebody stopped the run.
  public var isComplete = true
  /// Whether a run that was stopped can be continued.
  public var isResumable = false

  enum CodingKeys: String, CodingKey {
    case rows, answered, bad, seconds, threads
    case continuedRows = "continued_rows"
    case ignoredColumns = "ignored_columns"
    case rowsPerSecond = "rows_per_second"
    case isComplete = "complete"
    case isResumable = "resumable"
  }
}
