import Core

/// A row that cannot be given to the model.
struct BadRow {
  /// `rows.csv:17` or `rows.npy: row 17`.
  let place: String
  /// `column "distance": expected a number, got "abc"`.
  let message: String
}

/// Reads rows of one format into batches.
protocol RowReader: AnyObject {
  /// Names in the file that the model does not take.
  var ignoredColumns: [String] { get }
  /// A row's place for people: `rows.csv:17`.
  func place(_ number: Int) -> String
  /// Adds rows until the batch is full, the input has no more, or waiting for more would keep
  /// rows from their answers.
  ///
  /// - Parameter bad: is told of each bad row and says whether a gap is left for it; it throws to
  ///   end the reading.
  /// - Returns: whether there may be more rows.
  func read(into batch: RowBatch, bad: (BadRow) throws -> Bool) throws -> Bool
}

/// How the rows of an input are written; found from its first bytes.
enum RowFormat: Sendable {
  case csv, jsonLines, npy

  /// Looks at the first bytes; the whole input may be empty.
  static func find(_ source: ByteSource) throws(NodeError) -> RowFormat {
    while source.pending.count < 8, !source.isAtEnd { _ = try source.fill() }
    let bytes = source.pending
    if bytes.starts(with: Array("\u{93}NUMPY".unicodeScalars.map { UInt8($0.value) })) {
      return .npy
    }
    let blanks: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
    return bytes.first { !blanks.contains($0) } == UInt8(ascii: "{") ? .jsonLines : .csv
  }
}
