import Core
import Glibc
import Inference

@testable import Node

/// A model whose answers say what it was given.
///
/// They are `sum` of the numbers of a row, `echo` of its first
/// text, `pair` of the first number and its double. It refuses rows whose first number is 13.
final class BatchDouble: BatchModel {
  let signature: Signature
  private(set) var batchSizes: [Int] = []
  private var sums: [Double] = []
  private var pairs: [Float] = []
  private var echoes: [TextRef] = []

  init(_ inputs: [TensorSpec]) {
    signature = Signature(
      inputs: inputs,
      outputs: [
        TensorSpec(name: "sum", elementType: .float64, shape: [nil]),
        TensorSpec(name: "pair", elementType: .float32, shape: [nil, 2]),
        TensorSpec(name: "echo", elementType: .text, shape: [nil, 1]),
      ])
  }

  func answer(_ columns: [ColumnPointer], rows: Int) throws -> [BatchOutput] {
    batchSizes.append(rows)
    sums = Array(repeating: 0, count: rows)
    pairs = Array(repeating: 0, count: 2 * rows)
    echoes = Array(repeating: TextRef(bytes: nil, count: 0), count: rows)
    for row in 0..<rows {
      var first: Double?
      for (index, column) in columns.enumerated() {
        let width = signature.inputs[index].shape.dropFirst().reduce(1) { $0 * ($1 ?? 1) }
        for slot in (row * width)..<((row + 1) * width) {
          let value: Double
          switch column {
          case .float32(let base): value = Double(base[slot])
          case .float64(let base): value = base[slot]
          case .int64(let base): value = Double(base[slot])
          case .int32(let base): value = Double(base[slot])
          case .bool(let base): value = Double(base[slot])
          case .text(let base):
            echoes[row] = base[slot]
            continue
          }
          first = first ?? value
          sums[row] += value
        }
      }
      if first == 13 { throw InferenceError(.data, "13 is not computed with") }
      pairs[2 * row] = Float(first ?? 0)
      pairs[2 * row + 1] = Float(2 * (first ?? 0))
    }
    // The arrays live until the next call, and nothing writes to them before.
    return [
      BatchOutput(values: .float64(sums.withUnsafeBufferPointer(pointer)), width: 1),
      BatchOutput(values: .float32(pairs.withUnsafeBufferPointer(pointer)), width: 2),
      BatchOutput(values: .text(echoes.withUnsafeBufferPointer(pointer)), width: 1),
    ]
  }

  private func pointer<T>(_ buffer: UnsafeBufferPointer<T>) -> UnsafePointer<T> {
    buffer.baseAddress ?? UnsafePointer(UnsafeMutablePointer<T>.allocate(capacity: 1))
  }
}

/// What a run over some bytes gave.
struct BatchRun {
  var output = ""
  var report = BatchReport()
  var notes: [String] = []
  var batchSizes: [Int] = []

  /// Runs the double over bytes in a file.
  static func over(
    _ bytes: [UInt8], _ inputs: [TensorSpec], format: AnswerFormat = .csv,
    onBadRow: BadRowPolicy = .fail, rowsPerBatch: Int = 4
  ) throws -> BatchRun {
    let folder = try TestFolder()
    let (inPath, outPath) = (folder.path + "/rows", folder.path + "/out")
    try writeBytes(bytes, to: inPath)
    let descriptor = open(outPath, O_WRONLY | O_CREAT, 0o600)
    defer { close(descriptor) }
    let sink = ByteSink(descriptor: descriptor, name: "out")
    let model = BatchDouble(inputs)
    var run = BatchRun()
    let options = BatchOptions(
      inputPath: inPath, format: format, onBadRow: onBadRow, rowsPerBatch: rowsPerBatch)
    run.report = try BatchPredict(model, options, to: sink) { event in
      switch event {
      case .badRow(let place, let message):
        run.notes.append(place.split(separator: "/").last.map { "\($0): \(message)" } ?? message)
      case .note(let sentence): run.notes.append(sentence)
      case .ignoredColumns(let names): run.notes.append("ignored \(names.joined(separator: " "))")
      case .progress: break
      }
    }.run()
    try sink.flush()
    run.output = try readText(outPath)
    run.batchSizes = model.batchSizes
    return run
  }

  static func over(
    _ text: String, _ inputs: [TensorSpec], format: AnswerFormat = .csv,
    onBadRow: BadRowPolicy = .fail, rowsPerBatch: Int = 4
  ) throws -> BatchRun {
    try over(
      Array(text.utf8), inputs, format: format, onBadRow: onBadRow, rowsPerBatch: rowsPerBatch)
  }

  /// The sentence with which a run ends early.
  static func complaint(
    _ text: String, _ inputs: [TensorSpec], onBadRow: BadRowPolicy = .fail
  ) -> String {
    do {
      _ = try over(text, inputs, onBadRow: onBadRow)
      return ""
    } catch {
      return (error as? any Failure)?.message ?? "not a failure: \(error)"
    }
  }
}

extension TensorSpec {
  /// A column of numbers.
  static func number(_ name: String, _ type: ElementType = .float32, width: Int = 1) -> TensorSpec {
    TensorSpec(name: name, elementType: type, shape: [nil, width])
  }
  /// A column of texts.
  static func text(_ name: String) -> TensorSpec {
    TensorSpec(name: name, elementType: .text, shape: [nil, 1])
  }
}
