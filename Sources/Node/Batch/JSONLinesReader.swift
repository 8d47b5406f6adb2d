import Core

/// Reads rows written as one JSON object a line, `{"carrier":"UA","distance":2454}`.
///
/// A wide input takes an array; `null` is a missing value; keys that the model does not take are
/// ignored.
final class JSONLinesReader: RowReader {
  private(set) var ignoredColumns: [String] = []

  private let source: ByteSource
  private let layout: RowLayout
  private var line = 0
  private var row: JSONRow

  init(_ source: ByteSource, _ layout: RowLayout) {
    self.source = source
    self.layout = layout
    row = JSONRow(layout)
  }

  func place(_ number: Int) -> String { "\(source.name):\(number)" }

  func read(into batch: RowBatch, bad: (BadRow) throws -> Bool) throws -> Bool {
    while !batch.isFull {
      guard let length = try nextLine(unlessWaiting: !batch.isEmpty) else {
        return !source.isAtEnd || !source.pending.isEmpty
      }
      line += 1
      var bytes = UnsafeBufferPointer(rebasing: source.pending[..<length])
      if bytes.last == 0x0A { bytes = UnsafeBufferPointer(rebasing: bytes.dropLast()) }
      if !bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) {
        do throws(CellReader.Fault) {
          try row.read(bytes, into: batch)
          batch.keepRow(place: line)
        } catch {
          batch.dropRow(gap: try bad(BadRow(place: place(line), message: error.message)))
        }
        note(row.ignored)
      }
      source.consume(length)
    }
    return true
  }

  /// Keeps the names of ignored keys, not more than a note can show.
  private func note(_ keys: [String]) {
    for key in keys where ignoredColumns.count < 20 && !ignoredColumns.contains(key) {
      ignoredColumns.append(key)
    }
  }

  /// The length of the next line with its line feed; nil as in ``CSVReader``.
  private func nextLine(unlessWaiting: Bool) throws -> Int? {
    var searched = 0
    while true {
      let bytes = source.pending
      if let end = bytes[searched...].firstIndex(of: 0x0A) { return end + 1 }
      searched = bytes.count
      if source.isAtEnd { return bytes.isEmpty ? nil : bytes.count }
      if unlessWaiting, !source.isReady { return nil }
      guard try source.fill() else {
        throw NodeError(
          .badInput,
          "\(source.name):\(line + 1): the line is longer than \(ByteSource.pendingMax >> 20) MiB")
      }
    }
  }
}
