import Core
import Inference

/// What the row targets do with a file: read all its rows, as `sluice predict` does, and look at
/// every value that came out.
enum RowProbe {
  /// A table of every element type that rows can have.
  static let mixed = layout([
    TensorSpec(name: "t", elementType: .text, shape: [nil, 1]),
    TensorSpec(name: "f", elementType: .float32, shape: [nil, 1]),
    TensorSpec(name: "w", elementType: .float32, shape: [nil, 3]),
    TensorSpec(name: "d", elementType: .float64, shape: [nil]),
    TensorSpec(name: "i", elementType: .int64, shape: [nil, 1]),
    TensorSpec(name: "n", elementType: .int32, shape: [nil, 1]),
    TensorSpec(name: "b", elementType: .bool, shape: [nil, 1]),
  ])

  /// Numbers alone, which the fields of an array of records can hold.
  static let numbers = layout([
    TensorSpec(name: "f", elementType: .float32, shape: [nil, 1]),
    TensorSpec(name: "i", elementType: .int64, shape: [nil, 1]),
    TensorSpec(name: "b", elementType: .bool, shape: [nil, 1]),
  ])

  /// One tensor, which a plain array of two columns fits.
  static let pair = layout([TensorSpec(name: "x", elementType: .float32, shape: [nil, 2])])

  private static func layout(_ inputs: [TensorSpec]) -> RowLayout {
    guard let layout = try? RowLayout(Signature(inputs: inputs, outputs: [])) else {
      preconditionFailure("rows fit such a model")
    }
    return layout
  }

  /// Reads `bytes` as a file of rows; refusing is right.
  static func run(_ bytes: [UInt8], _ layout: RowLayout) {
    _ = try? RowDecoding.read(bytes, layout) { batch in
      batch.withColumns { columns in
        for (column, input) in zip(columns, layout.inputs) {
          look(column, batch.rows * input.width)
        }
      }
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
}

/// The fuzzer's input as an array.
func bytes(_ data: UnsafePointer<UInt8>, _ count: Int) -> [UInt8] {
  Array(UnsafeBufferPointer(start: data, count: count))
}
