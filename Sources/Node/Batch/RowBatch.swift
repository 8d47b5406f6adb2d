import Core
import Inference

/// Rows on their way to the model, column by column, in memory that is reused for every batch.
///
/// Not thread-safe; one reader fills it and one caller empties it.
final class RowBatch {
  let layout: RowLayout
  /// The most good rows it holds.
  let capacity: Int
  /// Good rows so far.
  private(set) var rows = 0
  /// For each row that was read, in order: whether it is good.
  ///
  /// Bad ones stand here only when the output must show their place.
  private(set) var order: [Bool] = []
  /// Where each good row began in its file: a line, or the row's number.
  private(set) var places: [Int] = []

  private let columns: [Column]

  /// One input's memory.
  private final class Column {
    let type: ElementType
    let width: Int
    let stride: Int
    let base: UnsafeMutableRawPointer
    /// Bytes of all texts of the batch, one after another.
    var text: [UInt8] = []
    /// Where each text begins in `text`, and its length.
    var spans: [(start: Int, count: Int)]
    /// Bytes of `text` that belong to kept rows.
    var kept = 0

    init(_ input: RowLayout.Input, capacity: Int) {
      type = input.type
      width = input.width
      stride =
        switch input.type {
        case .float64, .int64: 8
        case .bool: 1
        case .text: MemoryLayout<TextRef>.stride
        default: 4
        }
      let count = capacity * width
      base = .allocate(byteCount: max(64, count * stride), alignment: 64)
      base.initializeMemory(as: UInt8.self, repeating: 0, count: max(64, count * stride))
      spans = input.type == .text ? Array(repeating: (0, 0), count: count) : []
    }

    deinit { base.deallocate() }
  }

  /// - Precondition: `capacity` is at least 1.
  init(_ layout: RowLayout, capacity: Int) {
    precondition(capacity >= 1, "a batch holds at least one row")
    self.layout = layout
    self.capacity = capacity
    columns = layout.inputs.map { Column($0, capacity: capacity) }
  }

  /// The most bytes of text that a batch gathers before it counts as full.
  private static let textBytesMax = 8 << 20

  /// Whether the rows should be given to the model now.
  var isFull: Bool {
    rows == capacity || order.count >= 4 * capacity
      || columns.reduce(0) { $0 + $1.kept } >= RowBatch.textBytesMax
  }
  var isEmpty: Bool { order.isEmpty }

  /// Forgets all rows; the memory stays.
  func removeAll() {
    rows = 0
    order.removeAll(keepingCapacity: true)
    places.removeAll(keepingCapacity: true)
    for column in columns {
      column.text.removeAll(keepingCapacity: true)
      column.kept = 0
    }
  }

  /// Keeps the row whose values were set.
  func keepRow(place: Int) {
    rows += 1
    order.append(true)
    places.append(place)
    for column in columns where column.type == .text { column.kept = column.text.count }
  }

  /// Forgets the row whose values were set; with `gap` its place in the order is kept.
  func dropRow(gap: Bool) {
    if gap { order.append(false) }
    for column in columns where column.type == .text {
      column.text.removeLast(column.text.count - column.kept)
    }
  }

  /// Makes a good row of the batch bad after the fact: the model refused it.
  func setBad(orderIndex: Int) { order[orderIndex] = false }

  // MARK: Setting values of the row that is being read

  func type(of input: Int) -> ElementType { columns[input].type }

  func set(float value: Float, _ input: Int, _ element: Int) {
    let column = columns[input]
    column.base.storeBytes(
      of: value, toByteOffset: (rows * column.width + element) * 4, as: Float.self)
  }
  func set(double value: Double, _ input: Int, _ element: Int) {
    let column = columns[input]
    column.base.storeBytes(
      of: value, toByteOffset: (rows * column.width + element) * 8, as: Double.self)
  }
  func set(int32 value: Int32, _ input: Int, _ element: Int) {
    let column = columns[input]
    column.base.storeBytes(
      of: value, toByteOffset: (rows * column.width + element) * 4, as: Int32.self)
  }
  func set(int64 value: Int64, _ input: Int, _ element: Int) {
    let column = columns[input]
    column.base.storeBytes(
      of: value, toByteOffset: (rows * column.width + element) * 8, as: Int64.self)
  }
  func set(bool value: Bool, _ input: Int, _ element: Int) {
    let column = columns[input]
    column.base.storeBytes(
      of: value ? 1 : 0, toByteOffset: rows * column.width + element, as: UInt8.self)
  }
  func set(text value: UnsafeBufferPointer<UInt8>, _ input: Int, _ element: Int) {
    let column = columns[input]
    column.spans[rows * column.width + element] = (column.text.count, value.count)
    column.text.append(contentsOf: value)
  }

  // MARK: Giving the rows away

  /// Calls `body` with the columns from row `first` on; the pointers live as long as the call.
  func withColumns<Result>(
    from first: Int = 0, _ body: ([ColumnPointer]) throws -> Result
  ) rethrows -> Result {
    try withTexts(0) {
      try body(columns.map { pointer($0, first: first) })
    }
  }

  /// Points the text references of each column at its bytes, one column a level.
  private func withTexts<Result>(_ index: Int, _ body: () throws -> Result) rethrows -> Result {
    guard index < columns.count else { return try body() }
    let column = columns[index]
    guard column.type == .text else { return try withTexts(index + 1, body) }
    return try column.text.withUnsafeBufferPointer { bytes in
      let references = column.base.assumingMemoryBound(to: TextRef.self)
      for slot in 0..<(rows * column.width) {
        let span = column.spans[slot]
        references[slot] = TextRef(
          bytes: bytes.baseAddress.map { $0 + span.start }, count: span.count)
      }
      return try withTexts(index + 1, body)
    }
  }

  private func pointer(_ column: Column, first: Int) -> ColumnPointer {
    // The memory is written and read as this one type only.
    let start = UnsafeRawPointer(column.base + first * column.width * column.stride)
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
