import Core
import Inference
import Synchronization

@testable import Node

/// A model whose answers say what it was given.
///
/// They are `sum` of the numbers of a row, `echo` of its first text, `pair` of the first number
/// and its double. It refuses rows whose first number is 13. Its explanation is the numbers
/// themselves.
final class BatchDouble: BatchModel {
  let signature: Signature
  let digest: String
  let elementNames: [[String]?]
  let explains: Bool
  let backend: Backend
  private let sizes = Mutex<[Int]>([])
  /// How many rows each call had.
  var batchSizes: [Int] { sizes.withLock { $0 } }

  init(
    _ inputs: [TensorSpec], digest: String = "double", pairNames: [String]? = nil,
    explains: Bool = false, backend: Backend = .native
  ) {
    signature = Signature(
      inputs: inputs,
      outputs: [
        TensorSpec(name: "sum", elementType: .float64, shape: [nil]),
        TensorSpec(name: "pair", elementType: .float32, shape: [nil, 2]),
        TensorSpec(name: "echo", elementType: .text, shape: [nil, 1]),
      ])
    self.digest = digest
    self.explains = explains
    self.backend = backend
    elementNames = [nil, pairNames, nil]
  }

  func makeAnswerer(maxRows: Int) -> any RowAnswerer {
    DoubleAnswerer(signature, maxRows: maxRows) { rows in self.sizes.withLock { $0.append(rows) } }
  }

  func makeExplainer(maxRows: Int) -> (any RowExplainer)? {
    explains ? DoubleExplainer(signature) : nil
  }
}

/// The values of a row's numbers, in the order of the inputs.
private func numbers(_ columns: [ColumnPointer], _ inputs: [TensorSpec], _ row: Int) -> [Double] {
  var found: [Double] = []
  for (index, column) in columns.enumerated() {
    let width = inputs[index].shape.dropFirst().reduce(1) { $0 * ($1 ?? 1) }
    for slot in (row * width)..<((row + 1) * width) {
      switch column {
      case .float32(let base): found.append(Double(base[slot]))
      case .float64(let base): found.append(base[slot])
      case .int64(let base): found.append(Double(base[slot]))
      case .int32(let base): found.append(Double(base[slot]))
      case .bool(let base): found.append(Double(base[slot]))
      case .text: break
      }
    }
  }
  return found
}

private final class DoubleAnswerer: RowAnswerer {
  private let inputs: [TensorSpec]
  private let note: (Int) -> Void
  private let sums: UnsafeMutablePointer<Double>
  private let pairs: UnsafeMutablePointer<Float>
  private let echoes: UnsafeMutablePointer<TextRef>

  init(_ signature: Signature, maxRows: Int, note: @escaping (Int) -> Void) {
    inputs = signature.inputs
    self.note = note
    sums = .allocate(capacity: maxRows)
    pairs = .allocate(capacity: 2 * maxRows)
    echoes = .allocate(capacity: maxRows)
  }

  deinit {
    sums.deallocate()
    pairs.deallocate()
    echoes.deallocate()
  }

  func answer(_ columns: [ColumnPointer], rows: Int) throws -> [BatchOutput] {
    note(rows)
    for row in 0..<rows {
      let values = numbers(columns, inputs, row)
      if values.first == 13 { throw InferenceError(.data, "13 is not computed with") }
      (sums + row).initialize(to: values.reduce(0, +))
      (pairs + 2 * row).initialize(to: Float(values.first ?? 0))
      (pairs + 2 * row + 1).initialize(to: Float(2 * (values.first ?? 0)))
      var echo = TextRef(bytes: nil, count: 0)
      for column in columns { if case .text(let base) = column { echo = base[row] } }
      (echoes + row).initialize(to: echo)
    }
    return [
      BatchOutput(values: .float64(sums), width: 1), BatchOutput(values: .float32(pairs), width: 2),
      BatchOutput(values: .text(echoes), width: 1),
    ]
  }
}

private final class DoubleExplainer: RowExplainer {
  let features: [String]
  private let inputs: [TensorSpec]

  init(_ signature: Signature) {
    inputs = signature.inputs
    features = signature.inputs.filter { $0.elementType != .text }.map(\.name)
  }

  func explain(
    _ columns: [ColumnPointer], rows: Int, into contributions: UnsafeMutablePointer<Double>
  ) {
    for row in 0..<rows {
      for (index, value) in numbers(columns, inputs, row).enumerated() {
        contributions[row * features.count + index] = value
      }
    }
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
    onBadRow: BadRowPolicy = .fail, rowsPerBatch: Int = 4, threads: Int = 2, explain: Int? = nil,
    pairNames: [String]? = nil
  ) throws -> BatchRun {
    let folder = try BatchFolder()
    let path = try folder.write("rows", bytes)
    let model = BatchDouble(inputs, pairNames: pairNames, explains: explain != nil)
    var run = BatchRun()
    let options = BatchOptions(
      inputPath: path, format: format, onBadRow: onBadRow, rowsPerBatch: rowsPerBatch,
      threads: threads, explain: explain)
    let target = BatchTarget.file(path: folder.path + "/out", resume: false)
    run.report = try BatchPredict(model, options, to: target) { run.note($0) }.run()
    run.output = try folder.text("out")
    run.batchSizes = model.batchSizes
    return run
  }

  mutating func note(_ event: BatchEvent) {
    switch event {
    case .badRow(let place, let message):
      notes.append(place.split(separator: "/").last.map { "\($0): \(message)" } ?? message)
    case .ignoredColumns(let names): notes.append("ignored \(names.joined(separator: " "))")
    case .note(let sentence): notes.append(sentence)
    case .began, .progress: break
    }
  }

  static func over(
    _ text: String, _ inputs: [TensorSpec], format: AnswerFormat = .csv,
    onBadRow: BadRowPolicy = .fail, rowsPerBatch: Int = 4, threads: Int = 2, explain: Int? = nil,
    pairNames: [String]? = nil
  ) throws -> BatchRun {
    try over(
      Array(text.utf8), inputs, format: format, onBadRow: onBadRow, rowsPerBatch: rowsPerBatch,
      threads: threads, explain: explain, pairNames: pairNames)
  }

  /// The sentence with which a run ends early.
  static func complaint(
    _ text: String, _ inputs: [TensorSpec], onBadRow: BadRowPolicy = .fail
  ) -> String {
    complaint(Array(text.utf8), inputs, onBadRow: onBadRow)
  }

  /// The sentence with which a run ends early.
  static func complaint(
    _ bytes: [UInt8], _ inputs: [TensorSpec], onBadRow: BadRowPolicy = .fail
  ) -> String {
    do {
      _ = try over(bytes, inputs, onBadRow: onBadRow)
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
