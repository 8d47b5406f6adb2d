import Core
import Glibc

/// A piece of an input: whole records in memory that is used again.
final class Chunk {
  /// The memory; ``ChunkBytes/padding`` zeros follow the bytes.
  let memory: UnsafeMutablePointer<UInt8>
  /// How many bytes there are.
  fileprivate(set) var count = 0
  /// The place in the input behind it.
  fileprivate(set) var endOffset = 0

  /// The most bytes of a piece.
  static let capacity = ByteSource.pendingMax + (1 << 18)

  /// - Parameter bytesMax: the most bytes that the input has, when it has fewer than a piece.
  init(bytesMax: Int = Chunk.capacity) {
    // One more for a line feed that the last line may lack.
    let total = min(Chunk.capacity, bytesMax) + 1 + ChunkBytes.padding
    // Zeros that take no memory until they are used.
    guard let zeros = calloc(total, 1) else { preconditionFailure("the system gives no memory") }
    memory = zeros.assumingMemoryBound(to: UInt8.self)
  }

  deinit { free(memory) }

  /// The records.
  var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: memory, count: count) }
}

/// Cuts an input into pieces of whole records.
///
/// The pieces of a file are the same in every run that begins at the same place. From a pipe,
/// whole records that have come are given away rather than kept waiting for more.
final class ChunkReader {
  private let source: ByteSource
  private let input: RowInput
  private let targetBytes: Int
  private let shouldStop: () -> Bool
  private var cutter: RecordCutter
  /// Pieces of small files have at least so many bytes.
  static let targetBytesMin = 1 << 15
  /// How often it is looked whether to stop while nothing comes.
  private static let lookMilliseconds: Int32 = 100

  /// - Parameter shouldStop: says that no more pieces are wanted.
  init(_ source: ByteSource, _ input: RowInput, shouldStop: @escaping () -> Bool) {
    self.source = source
    self.input = input
    self.shouldStop = shouldStop
    cutter = RecordCutter(input.rule)
    // Small files are cut smaller, so that every worker has something to do.
    let share = source.sizeBytes.map { $0 / 32 } ?? 1 << 20
    targetBytes = min(1 << 20, max(ChunkReader.targetBytesMin, share))
  }

  /// What ``next(_:)`` found.
  enum Found { case records, end, stopped, tooLong }

  /// Fills `chunk` with the next records.
  /// - Throws: ``NodeError``: the input is cut short or cannot be read.
  func next(_ chunk: Chunk) throws(NodeError) -> Found {
    if shouldStop() { return .stopped }
    if let array = input.columnsFirst { return try transpose(array, chunk) }
    let limit = input.endOffset.map { $0 - source.offset } ?? Int.max
    cutter.reset()
    var target = min(limit, targetBytes)
    var count = 0
    var whole = 0
    var isLast = false
    while true {
      if count >= limit { isLast = true }
      if isLast { break }
      if count >= target {
        whole = cut(chunk, count)
        if whole > 0 { break }
        guard count < ByteSource.pendingMax else { return .tooLong }
        target = min(limit, Chunk.capacity, count + (1 << 18))
      }
      guard try waitForBytes(chunk, count, &whole) else { break }
      let taken = try source.read(into: chunk.memory + count, count: target - count)
      count += taken
      isLast = taken == 0
    }
    if isLast { whole = try last(chunk, count, limit) }
    source.giveBack(UnsafeBufferPointer(start: chunk.memory + whole, count: max(0, count - whole)))
    let found = finish(chunk, whole)
    return found == .end && shouldStop() ? .stopped : found
  }

  private func cut(_ chunk: Chunk, _ count: Int) -> Int {
    cutter.wholeRecords(in: UnsafeBufferPointer(start: chunk.memory, count: count))
  }

  /// Waits until more can be read.
  /// - Returns: false when the records that are there should go first, or it should stop.
  private func waitForBytes(_ chunk: Chunk, _ count: Int, _ whole: inout Int) throws(NodeError)
    -> Bool
  {
    guard source.sizeBytes == nil, source.pending.isEmpty, !source.isReady() else { return true }
    whole = cut(chunk, count)
    if whole > 0 { return false }
    while !source.isReady(waitMilliseconds: ChunkReader.lookMilliseconds) {
      if shouldStop() { return false }
    }
    return true
  }

  /// The whole records of the input's end.
  private func last(_ chunk: Chunk, _ count: Int, _ limit: Int) throws(NodeError) -> Int {
    guard case .bytes(let size) = input.rule else {
      if count > 0, chunk.memory[count - 1] != 0x0A {
        chunk.memory[count] = 0x0A
        return count + 1
      }
      return count
    }
    // Whole rows first: what is wrong is said when they have their answers.
    let whole = count / size * size
    if whole == 0, limit > 0, limit != Int.max {
      let row = input.rows(before: source.offset - count) + 1
      throw NodeError(
        .badInput, "\(source.name) is cut short: row \(row) of \(input.rowCount) is not complete")
    }
    return whole
  }

  private func finish(_ chunk: Chunk, _ whole: Int) -> Found {
    chunk.count = whole
    chunk.endOffset = source.offset
    (chunk.memory + whole).update(repeating: 0, count: ChunkBytes.padding)
    return whole > 0 ? .records : .end
  }

  /// Reads the next rows of an array whose columns lie one after another.
  private func transpose(_ array: RowInput.ColumnsFirst, _ chunk: Chunk) throws(NodeError) -> Found
  {
    let row = input.rows(before: source.offset)
    let rowBytes = array.columns * array.elementBytes
    let rows = min(input.rowCount - row, max(1, targetBytes / rowBytes))
    guard rows > 0 else { return finish(chunk, 0) }
    var column = [UInt8](repeating: 0, count: rows * array.elementBytes)
    for index in 0..<array.columns {
      let place = array.firstOffset + (index * input.rowCount + row) * array.elementBytes
      let target = chunk.memory + index * array.elementBytes
      // The closure cannot throw a typed error out of the standard library's call.
      var failure: NodeError?
      let taken = column.withUnsafeMutableBufferPointer { bytes -> Int in
        guard let base = bytes.baseAddress else { return 0 }
        do throws(NodeError) {
          return try source.read(at: place, into: base, count: bytes.count)
        } catch {
          failure = error
          return 0
        }
      }
      if let failure { throw failure }
      guard taken == column.count else {
        throw NodeError(.badInput, "\(source.name) is cut short: column \(index + 1) is incomplete")
      }
      column.withUnsafeBufferPointer { bytes in
        guard let base = bytes.baseAddress else { return }
        for item in 0..<rows {
          (target + item * rowBytes).update(
            from: base + item * array.elementBytes, count: array.elementBytes)
        }
      }
    }
    try source.seek(to: array.firstOffset + (row + rows) * rowBytes)
    return finish(chunk, rows * rowBytes)
  }
}
