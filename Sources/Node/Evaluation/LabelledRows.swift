import Core
import Inference

/// Reads a file's rows together with columns beside the inputs, a batch at a time.
final class LabelledRows {
  private static let rowsAtOnce = 1_024

  /// What the model takes, then the columns beside.
  let layout: RowLayout
  /// The inputs of the model alone.
  let inputCount: Int
  /// The file's name as errors show it.
  let name: String

  private let source: ByteSource
  private let input: RowInput
  private let batch: RowBatch
  private let decoder: any RowDecoder
  private let reader: ChunkReader
  private let chunk = Chunk()
  private var isOpen = false
  private var placesBefore = 0
  private var placesHere = 0

  /// Opens a file and reads its header.
  /// - Parameter beside: names that are no inputs of the model.
  /// - Throws: ``NodeError``: it cannot be read or does not fit the model.
  init(_ path: String, _ signature: Signature, beside: [String]) throws(NodeError) {
    layout = try RowLayout(signature, beside: beside)
    inputCount = signature.inputs.count
    source = try ByteSource(path: path)
    name = source.name
    input = try RowInput.open(source, layout)
    batch = RowBatch(
      layout, capacity: layout.fixedRows ?? LabelledRows.rowsAtOnce, copiesTexts: true)
    decoder = input.makeDecoder(for: batch, copiesTexts: true)
    reader = ChunkReader(source, input) { false }
    if source.sizeBytes != nil { try source.seek(to: input.firstOffset) }
  }

  /// The rows of one batch with the place of each in the file.
  struct Batch {
    let rows: Int
    let columns: [ColumnPointer]
    fileprivate let places: UnsafePointer<Int32>
    fileprivate let base: Int
    fileprivate let owner: LabelledRows

    /// `eval.csv:17`.
    func place(_ row: Int) -> String {
      owner.input.label(base + Int(places[row]), of: owner.source.name)
    }
  }

  /// Gives the next rows to `body`; they live as long as the call.
  /// - Returns: false when there are no more.
  /// - Throws: ``NodeError`` with the place of a row that is no good, or what `body` throws.
  func next(_ body: (Batch) throws -> Void) throws -> Bool {
    batch.removeAll()
    while batch.isEmpty {
      if !isOpen {
        let found = try reader.next(chunk)
        guard found == .records else {
          guard found == .tooLong else { return false }
          throw NodeError(
            .badInput, "\(input.label(placesBefore, of: source.name)): the row is too long")
        }
        decoder.begin(chunk.bytes)
        isOpen = true
        placesHere = placesBefore
      }
      switch decoder.decode(into: batch) {
      case .full: break
      case .end:
        isOpen = false
        placesBefore += decoder.passed
      case .bad(let row):
        throw NodeError(
          .badInput, "\(input.label(placesHere + row.place, of: source.name)): \(row.message)")
      }
    }
    try batch.withColumns { columns in
      try body(
        Batch(
          rows: batch.rows, columns: columns, places: UnsafePointer(batch.places),
          base: placesHere, owner: self))
    }
    return true
  }
}
