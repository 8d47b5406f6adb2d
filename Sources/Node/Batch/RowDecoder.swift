/// Turns bytes that hold whole records into rows of a batch; one format each.
///
/// Pure: no input or output, nothing is remembered from one piece to the next but memory. Used
/// from one thread.
protocol RowDecoder: AnyObject {
  /// Begins with a piece of the input; see ``ChunkBytes`` for what may be read behind its end.
  func begin(_ bytes: UnsafeBufferPointer<UInt8>)
  /// Adds rows until the batch is full, the piece has no more, or a row is no good.
  func decode(into batch: RowBatch) -> DecodeStop
  /// Places (lines, or rows of an array) of the piece that were passed so far.
  var passed: Int { get }
  /// Names in the input that the model does not take, found since the piece began.
  var ignored: [String] { get }
}

/// Why a decoder returned.
enum DecodeStop {
  /// The batch is full; decode again when it is empty.
  case full
  /// The piece has no more rows.
  case end
  /// A row was no good and was passed over; decode again to go on.
  case bad(BadRow)
}

/// A row that cannot be given to the model.
struct BadRow: Sendable {
  /// Its place, counted from the begin of its piece from 0: a line, or a row of an array.
  let place: Int
  /// `column "distance": expected a number, got "abc"`.
  let message: String
}

/// Memory for a piece of an input: decoders may look at the zeros behind its end.
enum ChunkBytes {
  /// So many bytes behind a piece can be read and are 0.
  static let padding = 64

  /// Calls `body` with a copy of `bytes` as decoders want it: padded, and with a last line feed
  /// when `endsLine`.
  static func with<Result>(
    _ bytes: [UInt8], endsLine: Bool, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
  ) rethrows -> Result {
    var copy = bytes
    if endsLine, copy.last != 0x0A { copy.append(0x0A) }
    let count = copy.count
    copy.append(contentsOf: repeatElement(0, count: padding))
    return try copy.withUnsafeBufferPointer { all in
      try body(UnsafeBufferPointer(rebasing: all[..<count]))
    }
  }
}
