import Core

/// Rows of a file that are all kept in memory.
enum RowTable {
  /// Reads up to `rowsMax` rows of a CSV, JSON lines or npy file.
  /// - Throws: ``NodeError`` when it cannot be read, does not fit the model, or a row is no good.
  static func read(
    _ path: String, _ layout: RowLayout, rowsMax: Int
  ) throws(NodeError) -> RowBatch {
    let source = try ByteSource(path: path)
    let input = try RowInput.open(source, layout)
    let batch = RowBatch(layout, capacity: rowsMax, copiesTexts: true)
    let decoder = input.makeDecoder(for: batch, copiesTexts: true)
    let reader = ChunkReader(source, input) { false }
    let chunk = Chunk()
    var places = 0
    if source.sizeBytes != nil { try source.seek(to: input.firstOffset) }
    while !batch.isFull {
      let found = try reader.next(chunk)
      guard found == .records else {
        guard found == .tooLong else { break }
        throw NodeError(.badInput, "\(input.label(places, of: source.name)): the row is too long")
      }
      decoder.begin(chunk.bytes)
      if case .bad(let row) = decoder.decode(into: batch) {
        throw NodeError(
          .badInput, "\(input.label(places + row.place, of: source.name)): \(row.message)")
      }
      places += decoder.passed
    }
    return batch
  }
}
