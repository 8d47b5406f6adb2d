/// One line or area of a chart.
public struct ChartSeries: Sendable {
  /// What it stands for, hence its colour.
  public var role: Role
  /// Values, oldest first; nil where nothing was measured.
  public var values: [Double?]
  /// Whether the room down to the baseline is filled.
  public var isArea: Bool

  /// Puts them together.
  public init(role: Role, values: [Double?], isArea: Bool = false) {
    self.role = role
    self.values = values
    self.isArea = isArea
  }
}

/// Values over time: braille dots, eighth blocks or ASCII, with a labelled axis at the left.
///
/// The newest value stands at the right edge. When there are more values than columns, each column
/// shows the largest of its group, so that no spike is lost; groups are counted from
/// ``firstIndex``, so that a column keeps its picture while it moves left.
public struct LineChart: Sendable {
  /// Where the axis begins.
  public enum Baseline: Sendable {
    /// At 0 (below when a value is).
    case zero
    /// At a round number below the least value.
    case automatic
  }

  /// The lines; later ones win the cells they share with earlier ones.
  public var series: [ChartSeries]
  /// Where the axis begins.
  public var baseline: Baseline
  /// The number of the first value since the beginning of time, so that groups stay together.
  public var firstIndex: Int
  /// A value that must be on the axis, a limit for example, drawn as a thin line.
  public var limit: Double?
  /// What glyphs to use.
  public var glyphs: ChartGlyphs

  /// Puts them together.
  public init(
    series: [ChartSeries], baseline: Baseline = .zero, firstIndex: Int = 0, limit: Double? = nil,
    glyphs: ChartGlyphs = .braille
  ) {
    self.series = series
    self.baseline = baseline
    self.firstIndex = firstIndex
    self.limit = limit
    self.glyphs = glyphs
  }

  /// Columns taken by the axis and its labels.
  static let axisColumns = 6

  /// Draws into a rectangle.
  ///
  /// Without room for the axis it draws the lines alone; without any room, nothing.
  public func draw(into buffer: inout CellBuffer, rect: Rect) {
    guard rect.width > 0, rect.height > 0 else { return }
    let hasAxis = rect.width >= LineChart.axisColumns + 4 && rect.height >= 2
    let left = hasAxis ? LineChart.axisColumns : 0
    let plot = Rect(
      x: rect.x + left, y: rect.y, width: rect.width - left, height: rect.height)
    let perCell = glyphs == .braille ? 2 : 1
    let columns = plot.width * perCell
    let lines = series.map { grouped($0.values, columns: columns) }
    guard let scale = scale(over: lines, rows: rect.height) else {
      if hasAxis {
        buffer.put("no data", x: plot.x, y: rect.y + rect.height / 2, role: .dim, limit: plot.width)
      }
      return
    }
    if hasAxis { drawAxis(scale, into: &buffer, rect: rect) }
    if let limit { drawLimit(limit, scale, into: &buffer, plot: plot) }
    var grid = PlotGrid(width: plot.width, height: plot.height, glyphs: glyphs)
    for (line, values) in zip(series, lines) {
      grid.add(values, scale: scale, role: line.role, isArea: line.isArea)
    }
    grid.copy(into: &buffer, x: plot.x, y: plot.y)
  }

  /// The axis for what is shown; nil when there is no value.
  private func scale(over columns: [[Double?]], rows: Int) -> NiceScale? {
    var low = Double.infinity
    var high = -Double.infinity
    for values in columns {
      for case .some(let value) in values {
        low = min(low, value)
        high = max(high, value)
      }
    }
    guard low <= high else { return nil }
    if let limit, limit.isFinite {
      low = min(low, limit)
      high = max(high, limit)
    }
    if baseline == .zero {
      low = min(low, 0)
      high = max(high, 0)
    }
    return NiceScale(from: low, to: high, stepsMax: max(1, min(rows / 2, 5)))
  }

  /// One value a column, right-aligned; the largest of each group when they do not all fit.
  func grouped(_ values: [Double?], columns: Int) -> [Double?] {
    var result = [Double?](repeating: nil, count: columns)
    guard columns > 0, !values.isEmpty else { return result }
    // Groups of equal width on the axis of all time; they hold one value more or less each.
    let width = max(1, Double(values.count) / Double(columns))
    func group(_ offset: Int) -> Int { Int((Double(firstIndex + offset) / width).rounded(.down)) }
    let last = group(values.count - 1)
    for (offset, value) in values.enumerated() {
      guard let value, value.isFinite else { continue }
      let column = columns - 1 - (last - group(offset))
      guard column >= 0 else { continue }
      result[column] = max(result[column] ?? value, value)
    }
    return result
  }

  private func drawAxis(_ scale: NiceScale, into buffer: inout CellBuffer, rect: Rect) {
    let steps = Int(((scale.high - scale.low) / scale.step).rounded())
    guard steps > 0, steps <= 64 else { return }
    var lastRow = Int.max
    for step in 0...steps {
      let fraction = Double(step) / Double(steps)
      let row = rect.y + rect.height - 1 - Int((fraction * Double(rect.height - 1)).rounded())
      guard row < lastRow else { continue }
      lastRow = row
      let label = ChartNumber.short(scale.low + Double(step) * scale.step)
      let room = LineChart.axisColumns - 1
      buffer.put(
        label, x: rect.x + max(0, room - label.unicodeScalars.count), y: row, role: .axis,
        limit: room)
    }
  }

  private func drawLimit(
    _ limit: Double, _ scale: NiceScale, into buffer: inout CellBuffer, plot: Rect
  ) {
    guard limit.isFinite else { return }
    let row = Int((scale.fraction(of: limit) * Double(plot.height)).rounded(.up))
    let y = plot.y + plot.height - max(1, row)
    let line = Cell(glyphs == .ascii ? "." : "┄", role: .danger)
    for x in plot.x..<plot.x + plot.width { buffer[x, y] = line }
  }
}
