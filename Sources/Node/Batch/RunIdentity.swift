import Core
import Storage

/// What tells one input file from another without reading it all.
struct InputIdentity: Sendable, Equatable, Codable {
  /// Its size; nil for what is no file and cannot be read twice.
  let sizeBytes: Int?
  /// When it was last changed, nanoseconds since 1970.
  let changedNanoseconds: Int?
  /// A digest of its first bytes.
  let head: String

  private static let headBytes = 64 * 1_024

  /// - Throws: ``NodeError`` when the input cannot be read.
  init(_ source: ByteSource) throws(NodeError) {
    sizeBytes = source.sizeBytes
    changedNanoseconds = source.changedNanoseconds
    guard sizeBytes != nil else {
      head = ""
      return
    }
    while source.pending.count < InputIdentity.headBytes, !source.isAtEnd {
      guard try source.fill() else { break }
    }
    head = Digest(ofBytes: Array(source.pending.prefix(InputIdentity.headBytes))).description
  }

  enum CodingKeys: String, CodingKey {
    case head
    case sizeBytes = "size_bytes"
    case changedNanoseconds = "changed_ns"
  }
}

/// Everything that the answers of a run depend on: a run is continued only with the same.
struct RunIdentity: Sendable, Equatable, Codable {
  /// The program, whose next version may write numbers otherwise.
  let program: String
  let input: InputIdentity
  /// A digest of the model.
  let model: String
  let format: String
  let badRows: String
  let rowsPerBatch: Int
  let explain: Int?
  /// What runs the model; nil in records of versions that did not write it.
  let backend: String?
  /// The rows that answers are explained against; nil without explanations or without such rows.
  let background: InputIdentity?

  /// - Throws: ``NodeError`` when the background rows cannot be read.
  init(
    input: InputIdentity, model: String, backend: Backend, _ options: BatchOptions,
    rowsPerBatch: Int
  ) throws(NodeError) {
    program = Product.version
    self.input = input
    self.model = model
    format = options.format.rawValue
    badRows = options.onBadRow.rawValue
    self.rowsPerBatch = rowsPerBatch
    explain = options.explain
    self.backend = backend.rawValue
    if options.explain != nil, let path = options.background {
      background = try InputIdentity(ByteSource(path: path))
    } else {
      background = nil
    }
  }

  /// What is not the same as in `other`, the run that is to be continued; nil when all is.
  func difference(from other: RunIdentity) -> String? {
    if program != other.program { return "it was begun by version \(printable(other.program))" }
    if model != other.model { return "it was begun with another model" }
    if input.sizeBytes != other.input.sizeBytes {
      return "the input had \(other.input.sizeBytes ?? 0) bytes then and has "
        + "\(input.sizeBytes ?? 0) now"
    }
    if input.head != other.input.head { return "the input begins with other bytes now" }
    if input.changedNanoseconds != other.input.changedNanoseconds {
      return "the input was changed since"
    }
    if format != other.format { return "it was begun with --format \(printable(other.format))" }
    if badRows != other.badRows {
      return "it was begun with --bad-rows \(printable(other.badRows))"
    }
    if rowsPerBatch != other.rowsPerBatch {
      return "it was begun with --batch \(other.rowsPerBatch)"
    }
    if explain != other.explain {
      return other.explain.map { "it was begun with --explain \($0)" }
        ?? "it was begun without --explain"
    }
    if backend != other.backend {
      return "it was begun on the back end \(printable(other.backend ?? "unknown"))"
    }
    if background != other.background {
      return other.background == nil
        ? "it was begun without --background"
        : "it was begun with other rows as --background, or none are given now"
    }
    return nil
  }

  enum CodingKeys: String, CodingKey {
    case program, input, model, format, explain, backend, background
    case badRows = "bad_rows"
    case rowsPerBatch = "rows_per_batch"
  }
}
