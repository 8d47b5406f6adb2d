import Core
import Node

/// Pane 2: the versions on the endpoint and those that could come onto it.
enum VersionsPane {
  static func draw(_ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas) {
    let lines = model.versionLines
    let filter = model.filter(for: .versions)
    let total = model.detail?.versions.count ?? 0
    let count = filter.isEmpty ? "\(total)" : "\(lines.count) of \(total)  /\(filter)"
    let past = model.pastMark(canvas, width: rect.width)
    let inside = canvas.pane(
      .versions, rect, right: past + [Span(count, .dim)], isFocused: model.focus == .versions)
    guard inside.height > 1 else { return }
    guard !lines.isEmpty else {
      let sentence =
        filter.isEmpty ? "No version yet: o deploys one" : "Nothing matches /\(filter)"
      canvas.put(sentence, x: inside.x, y: inside.y, .dim, limit: inside.width)
      return
    }
    let table = Table(model, lines, width: inside.width, canvas)
    drawHeadings(table, model, inside, on: &canvas)
    let selected = model.selectedVersion?.version
    let hasFooter = inside.height >= 8 && inside.height > min(lines.count, 4) + 2
    let rows = inside.height - 1 - (hasFooter ? 2 : 0)
    let index = lines.firstIndex { $0.version == selected } ?? 0
    for (offset, line) in Canvas.window(count: lines.count, rows: rows, selected: index)
      .enumerated()
    {
      let row = lines[line]
      drawRow(
        row, table, model, isSelected: row.version == selected, inside, inside.y + 1 + offset,
        on: &canvas)
    }
    if hasFooter, let row = model.selectedVersion { drawFooter(row, model, inside, on: &canvas) }
  }

  /// Which columns there is room for, and how wide the first two are.
  struct Table {
    let columns: [VersionColumn]
    let widths: [VersionColumn: Int]

    init(_ model: ConsoleModel, _ lines: [VersionRow], width: Int, _ canvas: Canvas) {
      var widths: [VersionColumn: Int] = [:]
      for column in VersionColumn.allCases { widths[column] = column.width }
      widths[.version] = max(
        3, lines.map { Canvas.columns(of: model.label($0.version)) }.max() ?? 3)
      widths[.state] = max(
        5,
        lines.map {
          Canvas.columns(of: VersionsPane.stateText(VersionsPane.state(of: $0, model), canvas))
        }
        .max() ?? 5)
      var columns = VersionColumn.allCases
      func needed() -> Int { columns.reduce(1) { $0 + (widths[$1] ?? 0) + 1 } }
      for column in VersionColumn.dropOrder where needed() > width {
        columns.removeAll { $0 == column }
      }
      // Room that is left goes to the name first and then between the figures.
      let spare = width - needed()
      if spare > 0 {
        widths[.version] = (widths[.version] ?? 3) + min(spare, 6)
        let extra = min(3, (spare - min(spare, 6)) / max(1, columns.count - 1))
        for column in columns where column != .version {
          widths[column] = (widths[column] ?? 0) + extra
        }
      }
      self.columns = columns
      self.widths = widths
    }
  }

  private static func drawHeadings(
    _ table: Table, _ model: ConsoleModel, _ rect: Rect, on canvas: inout Canvas
  ) {
    var x = rect.x + 1
    for column in table.columns {
      let width = table.widths[column] ?? column.width
      let isSorted = column == model.look.sort
      let arrow = model.look.sortsDescending ? canvas.glyphs.sortDown : canvas.glyphs.sortUp
      let leftAligned = column == .version || column == .state
      let title = column == .version && width < 7 ? "VER" : column.title
      let text = isSorted ? title + String(arrow) : title
      if leftAligned {
        canvas.put(text, x: x, y: rect.y, .dim, isSorted ? .bold : [], limit: width)
      } else {
        // The arrow may stand in the blank before the column.
        canvas.putRight(
          text, end: x + width, y: rect.y, .dim, isSorted ? .bold : [], limit: width + 1)
      }
      canvas.frame.hits.add(Rect(x: x, y: rect.y, width: width, height: 1), .sort(column))
      x += width + 1
    }
  }

  private static func drawRow(
    _ row: VersionRow, _ table: Table, _ model: ConsoleModel, isSelected: Bool, _ rect: Rect,
    _ y: Int, on canvas: inout Canvas
  ) {
    let role = isSelected && model.focus == .versions ? Role.selection : nil
    if isSelected {
      canvas.put(">", x: rect.x, y: y, role ?? .title, .bold)
      if model.focus == .versions {
        canvas.frame.buffer.fill(
          Rect(x: rect.x + 1, y: y, width: rect.width - 1, height: 1), Cell(role: .selection))
      }
    }
    var x = rect.x + 1
    for column in table.columns {
      let width = table.widths[column] ?? column.width
      let (text, own) = cell(column, row, model, canvas)
      if column == .version || column == .state {
        canvas.put(
          text, x: x, y: y, role ?? own, column == .version ? .bold : [], limit: width)
      } else {
        canvas.putRight(text, end: x + width, y: y, role ?? own, limit: width)
      }
      x += width + 1
    }
    canvas.frame.hits.add(
      Rect(x: rect.x, y: y, width: rect.width, height: 1), .version(row.version))
  }

  private static func cell(
    _ column: VersionColumn, _ row: VersionRow, _ model: ConsoleModel, _ canvas: Canvas
  ) -> (String, Role) {
    func plain(_ text: String) -> (String, Role) { (text, text == Format.none ? .dim : .text) }
    switch column {
    case .version: return (model.label(row.version), model.role(of: row.version))
    case .state:
      let word = state(of: row, model)
      return (stateText(word, canvas), stateRole(word))
    case .weight: return row.weight == 0 ? ("0", .dim) : (Format.weight(row.weight), .text)
    case .rate: return plain(Format.rate(row.requestsPerSecond))
    case .p50: return plain(Format.milliseconds(row.p50Milliseconds))
    case .p99: return plain(Format.milliseconds(row.p99Milliseconds))
    case .errors: return plain(Format.share(row.errorRate))
    case .wrong: return plain(Format.share(row.wrongRate))
    case .drift: return plain(Format.distance(row.driftScore))
    case .age:
      let now = model.shown?.time ?? row.registered
      return (Format.age(now - row.registered), .dim)
    }
  }

  /// The word for a version's state: a candidate that no caller reaches yet is no canary.
  static func state(of row: VersionRow, _ model: ConsoleModel) -> String {
    guard row.state == "canary", let strategy = model.detail?.rollout?.facts?.strategy,
      !strategy.hasTraffic
    else { return row.state }
    return strategy.rawValue
  }

  /// A version's state with its glyph: the same everywhere.
  static func stateText(_ word: String, _ canvas: Canvas) -> String {
    let ascii = canvas.glyphs.isASCII
    let glyph: String
    switch VersionState(word) {
    case .live: glyph = ascii ? "o" : "●"
    case .canary: glyph = ascii ? "*" : "◆"
    case .standby: glyph = ascii ? "." : "○"
    case .closed, .failed: glyph = ascii ? "X" : "✖"
    case .registered, .idle: glyph = ascii ? " " : "·"
    case .other: glyph = "?"
    }
    return "\(glyph) \(word)"
  }

  static func stateRole(_ word: String) -> Role {
    switch VersionState(word) {
    case .live: .ok
    case .canary: .candidate
    case .standby: .text
    case .closed, .failed: .bad
    case .registered, .idle, .other: .dim
    }
  }

  private static func drawFooter(
    _ row: VersionRow, _ model: ConsoleModel, _ rect: Rect, on canvas: inout Canvas
  ) {
    let y = rect.y + rect.height - 1
    canvas.put(
      [
        Span(row.version.description, .text, .bold), Span("  \(row.digest.short)", .dim),
        Span("  \(row.summary)", .dim),
      ], x: rect.x, y: y, limit: rect.width)
  }
}
