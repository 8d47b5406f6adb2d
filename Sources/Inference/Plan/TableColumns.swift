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

  enum Kind: Sendable {
    /// Columns of a table of floats that has `sourceWidth` columns.
    case numbers(sourceWidth: Int, [Number])
    /// A text column, one column a category.
    case oneHot(TextTable, width: Int)
    /// A text column as a number: a value for each key, then the default.
    case codes(TextTable, [Float])
  }

  struct Segment: Sendable {
    /// The value it is read from.
    let source: Int
    var kind: Kind

    var width: Int {
      switch kind {
      case .numbers(_, let list): list.count
      case .oneHot(_, let width): width
      case .codes: 1
      }
    }
  }

  var segments: [Segment]
  /// float32, or int64 for codes that are not cast yet.
  var type: ElementType

  var width: Int { segments.reduce(0) { $0 + $1.width } }

  /// Whether this is but a table as it stands.
  var isPlain: Bool {
    guard segments.count == 1, case .numbers(let width, let list) = segments[0].kind else {
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
      case .codes(let table, let values):
        result.segments[index].kind = .codes(table, values.map { map(place, $0) })
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
    guard type == .float32, offsets.count == width || offsets.count == 1,
      scales.count == width || scales.count == 1
    else { return nil }
    let offset = { (column: Int) in offsets[offsets.count == 1 ? 0 : column] }
    let scale = { (column: Int) in scales[scales.count == 1 ? 0 : column] }
    return changed(
      { column, number in
        guard number.scaling == nil else { return nil }
        var number = number
        number.scaling = (offset(column), scale(column))
        return number
      }, { column, value in (value - offset(column)) * scale(column) })
  }
}
