internal import CKernels
import Core

/// How a linear kernel reads assembled columns instead of a table: input 0 holds rows of the
/// weights, input 1 what each is multiplied by, as many a row as there are columns that were not
/// spread out one-hot.
struct AssembledRows: Sendable {
  let termCount: Int

  func rows(_ io: NodeIO) throws(KernelFault) -> Int { try io.input(0).shape[0] }

  /// `out` takes the products of some of the rows.
  func multiply(
    _ io: NodeIO, _ rows: Range<Int>, _ weights: PackedWeights,
    _ bias: UnsafeMutablePointer<Float>, relu: Bool, _ out: UnsafeMutablePointer<Float>
  ) throws(KernelFault) {
    let places = try io.input(0).pointer(Int32.self) + rows.lowerBound * termCount
    let values = try io.input(1).pointer(Float.self) + rows.lowerBound * termCount
    sluice_dense_terms(
      places, values, termCount, rows.count, weights.depth, weights.panels, bias,
      weights.columns, relu ? 1 : 0, out)
  }
}

/// Gathers the columns of a pipeline in one pass: numbers imputed and scaled, categories looked
/// up.
///
/// Output 0 is the whole table (for trees); outputs 1 and 2 are the table's columns that are not
/// zero, as places (int32) and values in the order of the columns, one of either for each number
/// and for each column of categories (an unknown category is 0 times column 0). Each output is
/// made only when it is read.
///
/// `@unchecked Sendable`: written only before `init` returns.
final class AssemblyKernel: Kernel, @unchecked Sendable {
  private struct NumberStep {
    var input: Int32
    var sourceColumn: Int32
    var sourceWidth: Int32
    var place: Int32
    var type: ElementType
    var isImputed: Bool
    var isScaled: Bool
    var replaced: Float
    var fill: Float
    var offset: Float
    var scale: Float
  }

  private struct CategoryStep {
    var input: Int32
    var sourceColumn: Int32
    var sourceWidth: Int32
    /// One-hot: the first column; code: the column.
    var place: Int32
    /// One-hot: -1; code: where its values begin.
    var values: Int32
    var keyCount: Int32
    var type: ElementType
    var texts: TextTable.Lookup
    var integers: IntegerTable.Lookup
  }

  /// The number of columns of the whole table.
  let width: Int
  /// How many places and values a row has.
  let termCount: Int
  private let numbers: UnsafeMutablePointer<NumberStep>
  private let numberCount: Int
  private let categories: UnsafeMutablePointer<CategoryStep>
  private let categoryCount: Int
  private let codes: UnsafeMutablePointer<Float>
  private let inputWidths: [Int]
  /// Owners of the memory that the steps' look-ups point into.
  private let tables: [Columns.Categories]

  /// - Parameter inputs: the values the node reads, in order; each segment's source is one.
  init(_ columns: Columns, inputs: [Int]) {
    width = columns.width
    var numberSteps: [NumberStep] = []
    var categorySteps: [CategoryStep] = []
    var values: [Float] = []
    var tables: [Columns.Categories] = []
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
              sourceWidth: Int32(sourceWidth), place: Int32(place + i), type: segment.sourceType,
              isImputed: column.imputation != nil, isScaled: column.scaling != nil,
              replaced: column.imputation?.replaced ?? 0, fill: column.imputation?.fill ?? 0,
              offset: column.scaling?.offset ?? 0, scale: column.scaling?.scale ?? 1))
        }
      case .oneHot(let table, _, let cell):
        tables.append(table)
        widths[input] = cell.sourceWidth
        categorySteps.append(
          AssemblyKernel.step(table, cell, input: input, place: place, values: -1, keyCount: 0))
      case .codes(let table, let list, let cell):
        tables.append(table)
        widths[input] = cell.sourceWidth
        categorySteps.append(
          AssemblyKernel.step(
            table, cell, input: input, place: place, values: values.count,
            keyCount: list.count - 1))
        values += list
      }
      place += segment.width
    }
    self.tables = tables
    inputWidths = widths
    termCount = numberSteps.count + categorySteps.count
    numberCount = numberSteps.count
    numbers = AssemblyKernel.copy(numberSteps)
    categoryCount = categorySteps.count
    categories = AssemblyKernel.copy(categorySteps)
    codes = AssemblyKernel.copy(values)
  }

  deinit {
    numbers.deallocate()
    categories.deallocate()
    codes.deallocate()
  }

  /// Stand for the look-up that a step does not have.
  private static let noTexts = TextTable([])
  private static let noIntegers = IntegerTable([])

  private static func step(
    _ table: Columns.Categories, _ cell: Columns.Cell, input: Int, place: Int, values: Int,
    keyCount: Int
  ) -> CategoryStep {
    var step = CategoryStep(
      input: Int32(input), sourceColumn: Int32(cell.index), sourceWidth: Int32(cell.sourceWidth),
      place: Int32(place), values: Int32(values), keyCount: Int32(keyCount),
      type: cell.sourceType, texts: noTexts.lookup, integers: noIntegers.lookup)
    switch table {
    case .texts(let table): step.texts = table.lookup
    case .integers(let table): step.integers = table.lookup
    }
    return step
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
    let count = termCount
    let places = io.wants(1) ? try io.output(1, .int32, Shape(rows, count), as: Int32.self) : nil
    let values = io.wants(2) ? try io.output(2, .float32, Shape(rows, count), as: Float.self) : nil
    if let table, categoryCount > 0 { table.update(repeating: 0, count: rows * width) }
    for row in 0..<rows {
      fill(
        io, row, table.map { $0 + row * width }, places.map { $0 + row * count },
        values.map { $0 + row * count })
    }
  }

  /// Fills one row, in the order of the columns.
  @inline(__always)
  private func fill(
    _ io: NodeIO, _ row: Int, _ table: UnsafeMutablePointer<Float>?,
    _ places: UnsafeMutablePointer<Int32>?, _ values: UnsafeMutablePointer<Float>?
  ) {
    let views = io.frame.views
    var number = 0
    var category = 0
    var at = 0
    while at < termCount {
      let isNumber =
        category >= categoryCount
        || (number < numberCount && numbers[number].place < categories[category].place)
      var place: Int
      var x: Float
      if isNumber {
        let step = numbers[number]
        let cell = row &* Int(step.sourceWidth) &+ Int(step.sourceColumn)
        place = Int(step.place)
        x = AssemblyKernel.number(views[Int(io.inputs[Int(step.input)])].data, cell, step.type)
        if step.isImputed && (x == step.replaced || (step.replaced.isNaN && x.isNaN)) {
          x = step.fill
        }
        if step.isScaled { x = (x - step.offset) * step.scale }
        number &+= 1
      } else {
        let step = categories + category
        let hit = AssemblyKernel.find(
          step, views[Int(io.inputs[Int(step.pointee.input)])].data,
          row &* Int(step.pointee.sourceWidth) &+ Int(step.pointee.sourceColumn))
        place = Int(step.pointee.place)
        if step.pointee.values < 0 {
          place = hit < 0 ? 0 : place &+ hit
          x = hit < 0 ? 0 : 1
        } else {
          let key = hit < 0 ? Int(step.pointee.keyCount) : hit
          x = codes[Int(step.pointee.values) &+ key]
        }
        category &+= 1
      }
      // Column 0 keeps its own value when an unknown category stands for it.
      if let table, isNumber || x != 0 { table[place] = x }
      places?[at] = Int32(truncatingIfNeeded: place)
      values?[at] = x
      at &+= 1
    }
  }

  /// A number of the source as the graph would have cast it.
  @inline(__always)
  private static func number(
    _ data: UnsafeMutableRawPointer, _ cell: Int, _ type: ElementType
  ) -> Float {
    switch type {
    case .float32: data.assumingMemoryBound(to: Float.self)[cell]
    case .float64: Float(data.assumingMemoryBound(to: Double.self)[cell])
    case .int32: Float(data.assumingMemoryBound(to: Int32.self)[cell])
    default: Float(data.assumingMemoryBound(to: Int64.self)[cell])
    }
  }

  /// The category of a cell, or -1.
  @inline(__always)
  private static func find(
    _ step: UnsafeMutablePointer<CategoryStep>, _ data: UnsafeMutableRawPointer, _ cell: Int
  ) -> Int {
    switch step.pointee.type {
    case .text: return step.pointee.texts.find(data.assumingMemoryBound(to: TextRef.self)[cell])
    case .int64: return step.pointee.integers.find(data.assumingMemoryBound(to: Int64.self)[cell])
    case .int32:
      return step.pointee.integers.find(Int64(data.assumingMemoryBound(to: Int32.self)[cell]))
    case .float32:
      let x = data.assumingMemoryBound(to: Float.self)[cell]
      return step.pointee.integers.find(Int64(saturatingInt(Double(x))))
    default:
      let x = data.assumingMemoryBound(to: Double.self)[cell]
      return step.pointee.integers.find(Int64(saturatingInt(x)))
    }
  }
}
