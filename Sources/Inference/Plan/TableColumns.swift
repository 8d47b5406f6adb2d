import Core

/// What the columns of a table are made of, found by following the graph backwards.
struct Columns: Sendable {
  /// One number of a source, on its way through imputer and scaler.
  struct Number: Sendable {
    /// The column in the source.
    var index: Int
    var imputation: (replaced: Float, fill: Float)?
    var scaling: (offset: Float, scale: Float)?
  }

  /// Which category a cell is.
  enum Categories: Sendable {
    case texts(TextTable)
    /// Other numbers are cut to whole ones first.
    case integers(IntegerTable)
  }

  /// One column of a value.
  struct Cell: Sendable {
    let source: Int
    let sourceWidth: Int
    let index: Int
    /// The type of the source's elements.
    let sourceType: ElementType
    /// The type the graph has given it since, by a cast.
    var type: ElementType
  }

  enum Kind: Sendable {
    /// Columns of a table of numbers that has `sourceWidth` columns.
    case numbers(sourceWidth: Int, [Number])
    /// A column of categories, one column a category.
    case oneHot(Categories, width: Int, Cell)
    /// A column of categories as a number: a value for each key, then the default.
    case codes(Categories, [Float], Cell)
  }

  struct Segment: Sendable {
    /// The value it is read from.
    let source: Int
    /// The type of that value's elements.
    let sourceType: ElementType
    var kind: Kind

    var width: Int {
      switch kind {
      case .numbers(_, let list): list.count
      case .oneHot(_, let width, _): width
      case .codes: 1
      }
    }
  }

  var segments: [Segment]
  /// float32, or what numbers and codes are before they are cast.
  var type: ElementType

  var width: Int { segments.reduce(0) { $0 + $1.width } }

  /// Whether this is but a table as it stands.
  var isPlain: Bool {
    guard segments.count == 1, segments[0].sourceType == .float32,
      case .numbers(let width, let list) = segments[0].kind
    else {
      return false
    }
    return list.count == width
      && list.enumerated().allSatisfy {
        $0.element.imputation == nil && $0.element.scaling == nil && $0.offset == $0.element.index
      }
  }

  /// The values it is read from, each once.
  var sources: [Int] {
    segments.reduce(into: []) { if !$0.contains($1.source) { $0.append($1.source) } }
  }

  /// After `change(column, number)` for numbers and `map(column, value)` for codes; `nil` when a
  /// column cannot take it.
  private func changed(
    _ change: (Int, Number) -> Number?, _ map: (Int, Float) -> Float
  ) -> Columns? {
    var result = self
    var place = 0
    for index in segments.indices {
      switch segments[index].kind {
      case .oneHot: return nil
      case .codes(let table, let values, let cell):
        result.segments[index].kind = .codes(table, values.map { map(place, $0) }, cell)
      case .numbers(let width, let list):
        var numbers: [Number] = []
        for (i, number) in list.enumerated() {
          guard let next = change(place + i, number) else { return nil }
          numbers.append(next)
        }
        result.segments[index].kind = .numbers(sourceWidth: width, numbers)
      }
      place += segments[index].width
    }
    return result
  }

  func imputed(_ kernel: ImputerKernel) -> Columns? {
    let fills = kernel.values
    guard type == .float32, fills.count == width || fills.count == 1 else { return nil }
    let fill = { (column: Int) in fills[fills.count == 1 ? 0 : column] }
    let isMarked = { (x: Float) in kernel.replaced.isNaN ? x.isNaN : x == kernel.replaced }
    return changed(
      { column, number in
        guard number.imputation == nil, number.scaling == nil else { return nil }
        var number = number
        number.imputation = (kernel.replaced, fill(column))
        return number
      }, { column, value in isMarked(value) ? fill(column) : value })
  }

  func scaled(_ kernel: ScalerKernel) -> Columns? {
    let (offsets, scales) = (kernel.offsets, kernel.scales)
    // A Scaler takes numbers of any type and computes in 32 bits.
    guard offsets.count == width || offsets.count == 1,
      scales.count == width || scales.count == 1
    else { return nil }
    let offset = { (column: Int) in offsets[offsets.count == 1 ? 0 : column] }
    let scale = { (column: Int) in scales[scales.count == 1 ? 0 : column] }
    var result = changed(
      { column, number in
        guard number.scaling == nil else { return nil }
        var number = number
        number.scaling = (offset(column), scale(column))
        return number
      }, { column, value in (value - offset(column)) * scale(column) })
    result?.type = .float32
    return result
  }

  /// Some of the columns, in the order given; `nil` unless all are numbers of one source.
  func picked(_ list: [Int]) -> Columns? {
    guard segments.count == 1, case .numbers(let width, let numbers) = segments[0].kind,
      list.allSatisfy(numbers.indices.contains)
    else { return nil }
    var result = self
    result.segments[0].kind = .numbers(sourceWidth: width, list.map { numbers[$0] })
    return result
  }

  /// Column `index` as it is in the source; `nil` when it is anything but a number left alone.
  func cell(_ index: Int) -> Cell? {
    guard segments.count == 1, case .numbers(let width, let numbers) = segments[0].kind,
      numbers.indices.contains(index), numbers[index].imputation == nil,
      numbers[index].scaling == nil, segments[0].sourceType == type
    else { return nil }
    return Cell(
      source: segments[0].source, sourceWidth: width, index: numbers[index].index,
      sourceType: type, type: type)
  }
}
