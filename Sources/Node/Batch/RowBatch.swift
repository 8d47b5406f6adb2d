import Core
import Glibc
import Inference

/// Rows on their way to the model, column by column, in memory that is reused for every batch.
///
/// Texts are not copied where they lie unchanged in the input's bytes, which must then stay until
/// the batch is emptied. Not thread-safe.
final class RowBatch {
  let layout: RowLayout
  /// The most good rows it holds.
  let capacity: Int
  /// Good rows so far.
  var rows = 0
  /// For each row that has no values but keeps its place: how many good rows come before it.
  private(set) var gaps: [Int] = []
  /// Where each good row begins, as its decoder counts: lines or rows from the piece's begin.
  let places: UnsafeMutablePointer<Int32>
  /// The inputs' memory, in the signature's order.
  let columns: UnsafeMutablePointer<Column>

  /// One input's memory: `capacity` rows of `width` elements of `strideBytes`.
  struct Column {
    let type: ElementType
    let width: Int
    let strideBytes: Int
    let base: UnsafeMutableRawPointer
  }

  private let copiesTexts: Bool
  private var texts = TextBlocks()
  private static let gapsMax = 65_536

  /// - Parameter copiesTexts: whether the batch must not refer to the input's bytes.
  /// - Precondition: `capacity` is at least 1.
  init(_ layout: RowLayout, capacity: Int, copiesTexts: Bool = false) {
    precondition(capacity >= 1, "a batch holds at least one row")
    self.layout = layout
    self.capacity = capacity
    self.copiesTexts = copiesTexts
    places = .allocate(capacity: capacity)
    places.initialize(repeating: 0, count: capacity)
    columns = .allocate(capacity: max(1, layout.inputs.count))
    for (index, input) in layout.inputs.enumerated() {
      let strideBytes =
        switch input.type {
        case .float64, .int64: 8
        case .bool: 1
        case .text: MemoryLayout<TextRef>.stride
        default: 4
        }
      let count = max(64, capacity * input.width * strideBytes)
      let base = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 64)
      base.initializeMemory(as: UInt8.self, repeating: 0, count: count)
      (columns + index).initialize(
        to: Column(
          type: input.type, width: input.width, strideBytes: strideBytes, base: base))
    }
  }

  deinit {
    for index in layout.inputs.indices { columns[index].base.deallocate() }
    columns.deallocate()
    places.deallocate()
  }

  /// Whether the rows should be given to the model now.
  var isFull: Bool { rows == capacity || gaps.count >= RowBatch.gapsMax }
  /// Whether there is neither a row nor a gap.
  var isEmpty: Bool { rows == 0 && gaps.isEmpty }

  /// Forgets all rows; the memory stays.
  func removeAll() {
    rows = 0
    gaps.removeAll(keepingCapacity: true)
    texts.removeAll()
  }

  /// Keeps the row whose values were set.
  func keepRow(place: Int) {
    places[rows] = Int32(truncatingIfNeeded: place)
    rows += 1
  }

  /// Keeps a place for a row without values.
  func addGap() { gaps.append(rows) }

  // MARK: Setting values of the row that is being read

  func type(of input: Int) -> ElementType { columns[input].type }

  private func slot(_ input: Int, _ element: Int) -> UnsafeMutableRawPointer {
    let column = columns[input]
    return column.base + (rows * column.width + element) * column.strideBytes
  }

  func set(float value: Float, _ input: Int, _ element: Int) {
    slot(input, element).storeBytes(of: value, as: Float.self)
  }
  func set(double value: Double, _ input: Int, _ element: Int) {
    slot(input, element).storeBytes(of: value, as: Double.self)
  }
  func set(int32 value: Int32, _ input: Int, _ element: Int) {
    slot(input, element).storeBytes(of: value, as: Int32.self)
  }
  func set(int64 value: Int64, _ input: Int, _ element: Int) {
    slot(input, element).storeBytes(of: value, as: Int64.self)
  }
  func set(bool value: Bool, _ input: Int, _ element: Int) {
    slot(input, element).storeBytes(of: value ? 1 : 0, as: UInt8.self)
  }
  /// Refers to a text, or to a copy of it when it `isTemporary` or the batch outlives the input.
  func set(
    text value: UnsafeBufferPointer<UInt8>, _ input: Int, _ element: Int, isTemporary: Bool = false
  ) {
    let bytes = isTemporary || copiesTexts ? texts.keep(value) : value.baseAddress
    slot(input, element).storeBytes(
      of: TextRef(bytes: bytes, count: value.count), as: TextRef.self)
  }

  // MARK: Giving the rows away

  /// Calls `body` with the columns from row `first` on; the pointers live as long as the call.
  func withColumns<Result>(
    from first: Int = 0, _ body: ([ColumnPointer]) throws -> Result
  ) rethrows -> Result {
    try body(layout.inputs.indices.map { pointer(columns[$0], first: first) })
  }

  private func pointer(_ column: Column, first: Int) -> ColumnPointer {
    // The memory is written and read as this one type only.
    let start = UnsafeRawPointer(column.base + first * column.width * column.strideBytes)
    return switch column.type {
    case .float64: .float64(start.assumingMemoryBound(to: Double.self))
    case .int64: .int64(start.assumingMemoryBound(to: Int64.self))
    case .int32: .int32(start.assumingMemoryBound(to: Int32.self))
    case .bool: .bool(start.assumingMemoryBound(to: UInt8.self))
    case .text: .text(start.assumingMemoryBound(to: TextRef.self))
    default: .float32(start.assumingMemoryBound(to: Float.self))
    }
  }
}

/// Bytes of texts in blocks that never move.
private struct TextBlocks: ~Copyable {
  private var blocks: [UnsafeMutableBufferPointer<UInt8>] = []
  private var used = 0
  private static let blockBytes = 256 * 1024

  deinit { for block in blocks { block.deallocate() } }

  /// A copy of `bytes` that stays where it is until ``removeAll()``; nil when there are none.
  mutating func keep(_ bytes: UnsafeBufferPointer<UInt8>) -> UnsafePointer<UInt8>? {
    guard let source = bytes.baseAddress, bytes.count > 0 else { return nil }
    if blocks.isEmpty || blocks[blocks.count - 1].count - used < bytes.count {
      blocks.append(.allocate(capacity: max(bytes.count, TextBlocks.blockBytes)))
      used = 0
    }
    guard let base = blocks[blocks.count - 1].baseAddress else { return nil }
    (base + used).initialize(from: source, count: bytes.count)
    defer { used += bytes.count }
    return UnsafePointer(base + used)
  }

  /// Forgets all texts; one block stays.
  mutating func removeAll() {
    while blocks.count > 1 { blocks.removeLast().deallocate() }
    used = 0
  }
}
