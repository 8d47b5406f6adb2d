import Core
import Node

/// Pane 5: the journal's newest rows, and what this console was refused.
enum EventsPane {
  static func draw(_ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas) {
    let filter = model.filter(for: .events)
    let lines = model.eventLines
    var right: [Span] = []
    if !filter.isEmpty { right.append(Span("/\(filter)  \(lines.count)  ", .hintKey)) }
    right.append(Span("f ", .hintKey))
    right.append(Span(model.look.follows ? "follows" : "stands", model.look.follows ? .ok : .dim))
    let inside = canvas.pane(.events, rect, right: right, isFocused: model.focus == .events)
    guard inside.height > 0 else { return }
    guard !lines.isEmpty else {
      canvas.put(
        filter.isEmpty ? "Nothing happened yet" : "Nothing matches /\(filter)", x: inside.x,
        y: inside.y, .dim, limit: inside.width)
      return
    }
    let selected = model.selectedEvent?.key
    let index = lines.firstIndex { $0.key == selected } ?? 0
    let columns = Columns(inside.width, lines)
    for (offset, number) in Canvas.window(count: lines.count, rows: inside.height, selected: index)
      .enumerated()
    {
      let line = lines[number]
      drawLine(
        line, columns, model,
        isSelected: model.focus == .events && line.key == selected, inside, inside.y + offset,
        on: &canvas)
    }
  }

  private struct Columns {
    let actor: Int
    let kind: Int
    let tail: Int

    init(_ width: Int, _ lines: [EventLine]) {
      actor = max(5, min(10, lines.prefix(50).map { Canvas.columns(of: $0.actor) }.max() ?? 5))
      kind =
        width >= 70
        ? max(5, min(12, lines.prefix(50).map { Canvas.columns(of: $0.kind) }.max() ?? 5)) : 0
      tail = width >= 70 ? 9 : 0
    }
  }

  private static func drawLine(
    _ line: EventLine, _ columns: Columns, _ model: ConsoleModel, isSelected: Bool, _ rect: Rect,
    _ y: Int, on canvas: inout Canvas
  ) {
    let role: Role = line.severity == .ok ? .text : line.severity.role
    canvas.put(
      line.severity == .ok ? " " : canvas.glyph(role), x: rect.x, y: y, role, .bold, limit: 1)
    var x = rect.x + 2
    canvas.put(model.clock(line.time), x: x, y: y, .dim)
    x += 10
    canvas.put(line.actor, x: x, y: y, line.actor == "guard" ? .title : .dim, limit: columns.actor)
    x += columns.actor + 1
    if columns.kind > 0 {
      canvas.put(line.kind, x: x, y: y, role, .bold, limit: columns.kind)
      x += columns.kind + 1
    }
    let end = rect.x + rect.width - columns.tail
    var spans = [Span(line.summary, role)]
    if let reason = line.reason, !reason.isEmpty { spans.append(Span("  \"\(reason)\"", .dim)) }
    canvas.put(spans, x: x, y: y, limit: end - x - (columns.tail > 0 ? 1 : 0))
    if columns.tail > 0, let generation = line.generation {
      canvas.putRight(
        "gen \(generation)", end: rect.x + rect.width, y: y, .dim, limit: columns.tail)
    }
    if isSelected { canvas.highlight(x: rect.x, y: y, width: rect.width) }
    canvas.frame.hits.add(Rect(x: rect.x, y: y, width: rect.width, height: 1), .event(line.key))
  }
}

/// Pane 6: what to do about it, by runbook.
enum RunbooksPane {
  static func draw(_ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas) {
    let lines = model.runbookLines
    let proposed = lines.count(where: \.proposed)
    let right =
      proposed > 0
      ? [Span("\(canvas.glyph(.warn)) \(proposed) proposed", .warn, .bold)]
      : [Span("\(lines.count)", .dim)]
    let inside = canvas.pane(.runbooks, rect, right: right, isFocused: model.focus == .runbooks)
    guard inside.height > 0 else { return }
    guard !lines.isEmpty else {
      canvas.put(
        "No runbooks: put some into the runbooks folder", x: inside.x, y: inside.y, .dim,
        limit: inside.width)
      return
    }
    let selected = model.selectedRunbook
    let index = lines.firstIndex { $0.name == selected?.name } ?? 0
    let steps = selected?.steps ?? []
    let footer =
      inside.height - lines.count >= 3 ? min(steps.count, inside.height - lines.count - 1) : 0
    let rows = inside.height - (footer > 0 ? footer + 1 : 0)
    for (offset, number) in Canvas.window(count: lines.count, rows: rows, selected: index)
      .enumerated()
    {
      let line = lines[number]
      drawLine(
        line, model, isSelected: model.focus == .runbooks && line.name == selected?.name, inside,
        inside.y + offset, on: &canvas)
    }
    for (offset, step) in steps.prefix(footer).enumerated() {
      canvas.put(
        "\(offset + 1). \(step)", x: inside.x + 2, y: inside.y + lines.count + 1 + offset,
        .dim, limit: inside.width - 2)
    }
  }

  private static func drawLine(
    _ line: RunbookView, _ model: ConsoleModel, isSelected: Bool, _ rect: Rect, _ y: Int,
    on canvas: inout Canvas
  ) {
    canvas.put(
      line.proposed ? canvas.glyph(.warn) : " ", x: rect.x, y: y, .warn, .bold, limit: 1)
    let last = line.lastRun ?? ""
    let lastWidth = last.isEmpty ? 0 : min(Canvas.columns(of: last), rect.width / 2)
    let used = canvas.put(
      line.title, x: rect.x + 2, y: y, line.proposed ? .text : .dim, line.proposed ? .bold : [],
      limit: rect.width - 2)
    if lastWidth > 0 && used + lastWidth + 4 <= rect.width {
      canvas.putRight(last, end: rect.x + rect.width, y: y, .dim, limit: lastWidth)
    }
    if isSelected { canvas.highlight(x: rect.x, y: y, width: rect.width) }
    canvas.frame.hits.add(Rect(x: rect.x, y: y, width: rect.width, height: 1), .runbook(line.name))
  }
}
