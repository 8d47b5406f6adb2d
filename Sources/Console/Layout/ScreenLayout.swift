/// Where everything stands on a screen of a given size: a pure function of size, style and focus.
struct ScreenLayout: Sendable, Hashable {
  /// How much of the console a size has room for.
  enum Mode: Sendable, Hashable {
    /// Below 60x15: one sentence about the size and one about the state.
    case tooSmall
    /// Below 80x24: one pane, with tabs.
    case single
    /// Panes beside each other.
    case full
  }

  /// A pane and its frame.
  struct Placed: Sendable, Hashable {
    let pane: PaneID
    let rect: Rect
  }

  static let columnsMin = 60
  static let rowsMin = 15
  static let columnsFull = 80
  static let rowsFull = 24

  let mode: Mode
  let header: Rect
  let tabs: Rect?
  /// Everything between header (and tabs) and the lines at the bottom.
  let body: Rect
  let panes: [Placed]
  let timeline: Rect?
  let message: Rect
  let hints: Rect

  /// The layout of a model's screen.
  init(_ model: ConsoleModel) {
    self.init(
      columns: model.columns, rows: model.rows, style: model.layout, focus: model.focus,
      isZoomed: model.isZoomed, isHome: model.atHome)
  }

  /// The layout of a screen.
  init(
    columns: Int, rows: Int, style: LayoutStyle = .overview, focus: PaneID = .versions,
    isZoomed: Bool = false, isHome: Bool = false
  ) {
    let line = { (y: Int) in Rect(x: 0, y: y, width: columns, height: y < rows && y >= 0 ? 1 : 0) }
    header = line(0)
    if columns < Self.columnsMin || rows < Self.rowsMin {
      mode = .tooSmall
      tabs = nil
      body = Rect(x: 0, y: 1, width: columns, height: rows - 2)
      panes = []
      timeline = nil
      message = line(rows - 2)
      hints = line(rows - 1)
      return
    }
    message = line(rows - 2)
    hints = line(rows - 1)
    let isFull = columns >= Self.columnsFull && rows >= Self.rowsFull
    mode = isFull ? .full : .single
    let hasTimeline = isFull && rows >= 32 && columns >= 100
    timeline = hasTimeline ? line(rows - 3) : nil
    tabs = isFull || isHome ? nil : line(1)
    let top = tabs == nil ? 1 : 2
    body = Rect(x: 0, y: top, width: columns, height: rows - 2 - (hasTimeline ? 1 : 0) - top)
    if isHome {
      panes = []
    } else if !isFull || isZoomed {
      panes = [Placed(pane: focus, rect: body)]
    } else {
      panes = Self.place(
        Self.grid(columns: columns, rows: body.height, style: style, focus: focus), in: body)
    }
  }

  /// One row of panes: its least height, and its part of what height is left over.
  private struct Row {
    let panes: [(pane: PaneID, share: Int)]
    let least: Int
    let growth: Int

    init(_ panes: [(pane: PaneID, share: Int)], _ least: Int, _ growth: Int) {
      self.panes = panes
      self.least = least
      self.growth = growth
    }
  }

  private static func grid(
    columns: Int, rows: Int, style: LayoutStyle, focus: PaneID
  ) -> [Row] {
    if columns >= 170 && rows >= 34 { return wideGrid(style) }
    if columns >= 110 && rows >= 33 { return mediumGrid(style) }
    return compactGrid(style, focus: focus, rows: rows, columns: columns)
  }

  /// For 80x24 and what is little more: Runbooks stands in Drift's place while it has the focus,
  /// unless there is room beside the events.
  private static func compactGrid(
    _ style: LayoutStyle, focus: PaneID, rows: Int, columns: Int
  ) -> [Row] {
    let besideEvents = columns >= 110
    let beneath = !besideEvents && rows >= 33
    let drift: PaneID = focus == .runbooks && !besideEvents && !beneath ? .runbooks : .drift
    let last: Row = Row(besideEvents ? [(.events, 3), (.runbooks, 2)] : [(.events, 1)], 6, 3)
    var grid: [Row]
    switch style {
    case .overview:
      grid = [
        Row([(.traffic, 1), (.versions, 1)], 7, 2), Row([(.canary, 1), (drift, 1)], 8, 3), last,
      ]
    case .release:
      grid = [
        Row([(.canary, 1), (.versions, 1)], 8, 4), Row([(.traffic, 1), (drift, 1)], 7, 1), last,
      ]
    case .watch:
      grid = [
        Row([(.traffic, 1)], 8, 4), Row([(drift, 1), (.versions, 1)], 7, 3), Row(last.panes, 6, 1),
      ]
      if focus == .canary { grid[1] = Row([(drift, 1), (.canary, 1)], 7, 3) }
    }
    if beneath { grid.append(Row([(.runbooks, 1)], 6, 1)) }
    return grid
  }

  private static func mediumGrid(_ style: LayoutStyle) -> [Row] {
    switch style {
    case .overview:
      [
        Row([(.traffic, 1)], 8, 4), Row([(.versions, 1), (.canary, 1)], 9, 3),
        Row([(.drift, 1), (.runbooks, 1)], 8, 3), Row([(.events, 1)], 7, 2),
      ]
    case .release:
      [
        Row([(.versions, 1), (.canary, 1)], 11, 5), Row([(.traffic, 1)], 8, 3),
        Row([(.drift, 1), (.runbooks, 1)], 7, 1), Row([(.events, 1)], 6, 2),
      ]
    case .watch:
      [
        Row([(.traffic, 1)], 11, 5), Row([(.drift, 1), (.versions, 1)], 10, 4),
        Row([(.canary, 1), (.runbooks, 1)], 7, 1), Row([(.events, 1)], 5, 1),
      ]
    }
  }

  private static func wideGrid(_ style: LayoutStyle) -> [Row] {
    switch style {
    case .overview:
      [
        Row([(.traffic, 1)], 10, 6), Row([(.versions, 12), (.canary, 11), (.drift, 12)], 12, 2),
        Row([(.events, 2), (.runbooks, 1)], 9, 3),
      ]
    case .release:
      [
        Row([(.versions, 1), (.canary, 1)], 13, 5), Row([(.traffic, 1)], 9, 4),
        Row([(.events, 3), (.drift, 2), (.runbooks, 2)], 9, 3),
      ]
    case .watch:
      [
        Row([(.traffic, 1)], 14, 7), Row([(.drift, 1), (.versions, 1)], 10, 4),
        Row([(.events, 3), (.canary, 2), (.runbooks, 2)], 8, 2),
      ]
    }
  }

  private static func place(_ grid: [Row], in body: Rect) -> [Placed] {
    let heights = distribute(
      body.height, least: grid.map(\.least), growth: grid.map(\.growth))
    var placed: [Placed] = []
    var y = body.y
    for (row, height) in zip(grid, heights) {
      let widths = distribute(
        body.width, least: row.panes.map { _ in 0 }, growth: row.panes.map(\.share))
      var x = body.x
      for (entry, width) in zip(row.panes, widths) {
        placed.append(
          Placed(pane: entry.pane, rect: Rect(x: x, y: y, width: width, height: height)))
        x += width
      }
      y += height
    }
    return placed
  }

  /// Parts of `total` with their least sizes, what is left over given out by growth; when there is
  /// not even room for the least, the last parts lose it.
  ///
  /// The sum is `total`.
  static func distribute(_ total: Int, least: [Int], growth: [Int]) -> [Int] {
    var parts: [Int] = []
    var left = max(0, total)
    for size in least {
      let part = min(size, left)
      parts.append(part)
      left -= part
    }
    let whole = growth.reduce(0, +)
    guard whole > 0, left > 0 else { return parts }
    var given = 0
    var reached = 0
    for (index, share) in growth.enumerated() {
      reached += share
      let upTo = left * reached / whole
      parts[index] += upTo - given
      given = upTo
    }
    return parts
  }
}
