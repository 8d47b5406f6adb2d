internal import CKernels
import Core

/// How a linear kernel reads assembled columns instead of a table: input 0 holds hot places,
/// input 1 numbers, and each number multiplies one row of the weights.
///
/// `@unchecked Sendable`: written only before `init` returns.
final class AssembledRows: @unchecked Sendable {
  private let hotCount: Int
  private let numberCount: Int
  private let rowOfNumber: UnsafeMutablePointer<Int32>

  /// - Parameter places: for each number its column in the table there would have been.
  init(hotCount: Int, places: [Int]) {
    self.hotCount = hotCount
    numberCount = places.count
    rowOfNumber = .allocate(capacity: max(places.count, 1))
    for (i, place) in places.enumerated() { rowOfNumber[i] = Int32(place) }
  }

  deinit { rowOfNumber.deallocate() }

  func rows(_ io: NodeIO) throws(KernelFault) -> Int { try io.input(0).shape[0] }

  func multiply(
    _ io: NodeIO, _ rows: Int, _ weights: PackedWeights, _ bias: PaddedVector, relu: Bool,
    _ out: UnsafeMutablePointer<Float>
  ) throws(KernelFault) {
    let hot = try io.input(0).pointer(Int32.self)
    let numbers = try io.input(1).pointer(Float.self)
    sluice_sparse_dense(
      hot, hotCount, numbers, rowOfNumber, numberCount, rows, weights.depth, weights.panels,
      bias.pointer, weights.columns, relu ? 1 : 0, out)
  }
}

/// Gathers the columns of a pipeline in one pass: numbers imputed and scaled, texts looked up.
///
/// Output 0 is the whole table (for trees), output 1 the hot places (int32), output 2 the numbers;
/// each is made only when it is read.
///
/// `@unchecked Sendable`: written only before `init` returns.
final class AssemblyKernel: Kernel, @unchecked Sendable {
  private struct NumberStep {
    var input: Int32
    var sourceColumn: Int32
    var sourceWidth: Int32
    var place: Int32
    var isImputed: Bool
    var isScaled: Bool
    var replaced: Float
    var fill: Float
    var offset: Float
    var scale: Float
  }

  private struct TextStep {
    var input: Int32
    /// One-hot: the first column; code: the column.
    var place: Int32
    /// One-hot: -1; code: where its values begin.
    var values: Int32
    var lookup: TextTable.Lookup
    var keyCount: Int32
  }

  /// The number of columns of the whole table.
  let width: Int
  /// The columns that are numbers, in the order of output 2.
  let places: [Int]
  let hotCount: Int
  private let numbers: UnsafeMutablePointer<NumberStep>
  private let numberCount: Int
  private let texts: UnsafeMutablePointer<TextStep>
  private let textCount: Int
  private let values: UnsafeMutablePointer<Float>
  private let inputWidths: [Int]
  /// Owners of the memory that ``TextStep/lookup`` points into.
  private let tables: [TextTable]

  /// - Parameter inputs: the values the node reads, in order; each segment's source is one.
  init(_ columns: Columns, inputs: [Int]) {
    width = columns.width
    var numberSteps: [NumberStep] = []
    var textSteps: [TextStep] = []
    var values: [Float] = []
    var places: [Int] = []
    var hotCount = 0
    var tables: [TextTable] = []
    var widths = [Int](repeating: 1, count: inputs.count)
    var place = 0
    for segment in columns.segments {
      let input = inputs.firstIndex(of: segment.source) ?? 0
      switch segment.kind {
      case .numbers(let sourceWidth, let list):
        widths[input] = sourceWidth
        for (i, column) in list.enumerated() {
          numberSteps.append(
            NumberStep(
              input: Int32(input), sourceColumn: Int32(column.index),
              sourceWidth: Int32(sourceWidth), place: Int32(place + i),
              isImputed: column.imputation != nil, isScaled: column.scaling != nil,
              replaced: column.imputation?.replaced ?? 0, fill: column.imputation?.fill ?? 0,
              offset: column.scaling?.offset ?? 0, scale: column.scaling?.scale ?? 1))
          places.append(place + i)
        }
      case .oneHot(let table, _):
        tables.append(table)
        textSteps.append(
          TextStep(
            input: Int32(input), place: Int32(place), values: -1, lookup: table.lookup,
            keyCount: 0))
        hotCount += 1
      case .codes(let table, let list):
        tables.append(table)
        textSteps.append(
          TextStep(
            input: Int32(input), place: Int32(place), values: Int32(values.count),
            lookup: table.lookup, keyCount: Int32(list.count - 1)))
        values += list
        places.append(place)
      }
      place += segment.width
    }
    self.places = places
    self.hotCount = hotCount
    self.tables = tables
    inputWidths = widths
    numberCount = numberSteps.count
    numbers = AssemblyKernel.copy(numberSteps)
    textCount = textSteps.count
    texts = AssemblyKernel.copy(textSteps)
    self.values = AssemblyKernel.copy(values)
  }

  deinit {
    numbers.deallocate()
    texts.deallocate()
    values.deallocate()
  }

  private static func copy<T>(_ list: [T]) -> UnsafeMutablePointer<T> {
    let memory = UnsafeMutablePointer<T>.allocate(capacity: max(list.count, 1))
    memory.initialize(from: list, count: list.count)
    return memory
  }

  func run(_ io: NodeIO) throws(KernelFault) {
    var rows = -1
    for i in 0..<io.inputCount {
      let view = try io.input(i)
      let count = view.shape.rank == 0 ? 1 : view.shape[0]
      guard rows < 0 || rows == count, view.count == count * inputWidths[i] else {
        throw KernelFault(
          .shape, "column \(i) has the shape \(view.shape.list) beside \(rows) rows")
      }
      rows = count
    }
    rows = max(rows, 0)
    let table =
      io.wants(0) ? try io.output(0, .float32, Shape(rows, width), as: Float.self) : nil
    let hot = io.wants(1) ? try io.output(1, .int32, Shape(rows, hotCount), as: Int32.self) : nil
    let list =
      io.wants(2) ? try io.output(2, .float32, Shape(rows, places.count), as: Float.self) : nil
    if let table, hotCount > 0 { table.update(repeating: 0, count: rows * width) }
    for row in 0..<rows {
      fill(
        io, row, table.map { $0 + row * width }, hot.map { $0 + row * hotCount },
        list.map { $0 + row * places.count })
    }
  }

  /// Fills one row; numbers and codes share output 2 in the order of their columns.
  @inline(__always)
  private func fill(
    _ io: NodeIO, _ row: Int, _ table: UnsafeMutablePointer<Float>?,
    _ hot: UnsafeMutablePointer<Int32>?, _ list: UnsafeMutablePointer<Float>?
  ) {
    let views = io.frame.views
    var number = 0
    var text = 0
    var at = 0
    var hotAt = 0
    while number < numberCount || text < textCount {
      let isNumber =
        text >= textCount || (number < numberCount && numbers[number].place < texts[text].place)
      if isNumber {
        let step = numbers[number]
        let source = views[Int(io.inputs[Int(step.input)])].pointer(Float.self)
        var x = source[row &* Int(step.sourceWidth) &+ Int(step.sourceColumn)]
        if step.isImputed && (x == step.replaced || (step.replaced.isNaN && x.isNaN)) {
          x = step.fill
        }
        if step.isScaled { x = (x - step.offset) * step.scale }
        table?[Int(step.place)] = x
        list?[at] = x
        at &+= 1
        number &+= 1
        continue
      }
      let step = texts[text]
      let hit = step.lookup.find(
        views[Int(io.inputs[Int(step.input)])].pointer(TextRef.self)[row])
      if step.values < 0 {
        let place = hit < 0 ? -1 : Int(step.place) &+ hit
        hot?[hotAt] = Int32(truncatingIfNeeded: place)
        hotAt &+= 1
        if let table, place >= 0 { table[place] = 1 }
      } else {
        let x = values[Int(step.values) &+ (hit < 0 ? Int(step.keyCount) : hit)]
        table?[Int(step.place)] = x
        list?[at] = x
        at &+= 1
      }
      text &+= 1
    }
  }
}
