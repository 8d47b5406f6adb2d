import Core

/// Reads rows of any of the formats from bytes in memory: the path of tools that try the readers
/// with whatever bytes.
public enum RowDecoding {
  /// What was found.
  public struct Outcome: Sendable, Equatable {
    /// Rows that fit the model.
    public var rows = 0
    /// Rows that do not.
    public var bad = 0
    /// What was wrong with the first of these.
    public var firstMessage: String?
  }

  /// The most bytes that are taken.
  public static let bytesMax = ByteSource.pendingMax
  private static let rowsPerBatch = 16

  /// Reads all rows that `bytes` hold for a model with this signature.
  ///
  /// Pure, and bounded in time and memory by the bytes and the signature.
  /// - Throws: ``NodeError`` when there are too many bytes, the header is no good or does not fit
  ///   the model, or the bytes end within an array.
  public static func decode(
    _ bytes: [UInt8], for signature: Signature
  ) throws(NodeError) -> Outcome {
    try read(bytes, RowLayout(signature)) { _ in }
  }

  /// The same, showing every batch of good rows to `look` before it is emptied.
  static func read(
    _ bytes: [UInt8], _ layout: RowLayout, _ look: (RowBatch) -> Void
  ) throws(NodeError) -> Outcome {
    guard bytes.count <= bytesMax else {
      throw NodeError(.badInput, "there are more than \(bytesMax) bytes")
    }
    let source = ByteSource(bytes: bytes)
    let input = try RowInput.open(source, layout)
    let batch = RowBatch(layout, capacity: rowsPerBatch)
    let decoder = input.makeDecoder(for: batch)
    let reader = ChunkReader(source, input) { false }
    let chunk = Chunk(bytesMax: max(bytes.count, ChunkReader.targetBytesMin))
    var outcome = Outcome()
    while try reader.next(chunk) == .records {
      decoder.begin(chunk.bytes)
      var isOpen = true
      while isOpen {
        switch decoder.decode(into: batch) {
        case .full: break
        case .end: isOpen = false
        case .bad(let row):
          outcome.bad += 1
          outcome.firstMessage = outcome.firstMessage ?? row.message
        }
        look(batch)
        outcome.rows += batch.rows
        batch.removeAll()
      }
    }
    return outcome
  }
}
