import Core
import Glibc
import Inference

/// What the row targets do with a file: read all its rows in small batches, as `sluice predict`
/// does, and look at every value that came out.
enum RowProbe {
  private static let rowsPerBatch = 7
  private static let batchesMax = 1_000

  /// A table of every element type that rows can have.
  static let mixed = Signature(
    inputs: [
      TensorSpec(name: "t", elementType: .text, shape: [nil, 1]),
      TensorSpec(name: "f", elementType: .float32, shape: [nil, 1]),
      TensorSpec(name: "w", elementType: .float32, shape: [nil, 3]),
      TensorSpec(name: "d", elementType: .float64, shape: [nil]),
      TensorSpec(name: "i", elementType: .int64, shape: [nil, 1]),
      TensorSpec(name: "n", elementType: .int32, shape: [nil, 1]),
      TensorSpec(name: "b", elementType: .bool, shape: [nil, 1]),
    ], outputs: [])

  /// Numbers alone, which an array can hold.
  static let numbers = Signature(
    inputs: [
      TensorSpec(name: "f", elementType: .float32, shape: [nil, 1]),
      TensorSpec(name: "i", elementType: .int64, shape: [nil, 1]),
      TensorSpec(name: "b", elementType: .bool, shape: [nil, 1]),
    ], outputs: [])

  /// Reads `bytes` as a file of rows.
  static func run(
    _ data: UnsafePointer<UInt8>, _ count: Int, _ signature: Signature,
    _ open: (ByteSource, RowLayout) throws -> any RowReader
  ) {
    guard let layout = try? RowLayout(signature), let source = source(data, count) else { return }
    do {
      let reader = try open(source, layout)
      let batch = RowBatch(layout, capacity: rowsPerBatch)
      for turn in 0..<batchesMax {
        let more = try reader.read(into: batch) { _ in turn % 2 == 0 }
        batch.withColumns { columns in
          for (column, input) in zip(columns, layout.inputs) {
            look(column, batch.rows * input.width)
          }
        }
        batch.removeAll()
        if !more { break }
      }
    } catch {
      // Refusing is right.
    }
  }

  /// Reads every byte, so that the sanitizer sees a wrong pointer.
  private static func look(_ column: ColumnPointer, _ count: Int) {
    var sum = 0
    switch column {
    case .text(let texts):
      for index in 0..<count {
        for byte in 0..<texts[index].count { sum &+= Int(texts[index].bytes?[byte] ?? 0) }
      }
    case .float32(let values):
      for index in 0..<count { sum &+= Int(values[index].bitPattern) }
    case .float64(let values):
      for index in 0..<count { sum &+= Int(truncatingIfNeeded: values[index].bitPattern) }
    case .int64(let values): for index in 0..<count { sum &+= Int(values[index]) }
    case .int32(let values): for index in 0..<count { sum &+= Int(values[index]) }
    case .bool(let values):
      for index in 0..<count {
        precondition(values[index] <= 1, "a truth value that is neither")
        sum &+= Int(values[index])
      }
    }
    seen = sum
  }

  // Written by the one thread that the fuzzer has.
  nonisolated(unsafe) private static var seen = 0
  /// A file without a name, written anew for each input.
  private static let file = fileno(tmpfile())

  private static func source(_ data: UnsafePointer<UInt8>, _ count: Int) -> ByteSource? {
    guard file >= 0, ftruncate(file, 0) == 0, pwrite(file, data, count, 0) == count,
      lseek(file, 0, SEEK_SET) == 0
    else { return nil }
    return ByteSource(descriptor: file, name: "rows", closes: false)
  }
}
