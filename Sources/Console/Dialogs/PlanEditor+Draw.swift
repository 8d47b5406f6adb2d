import Control
import Core
import Node

extension PlanEditor {
  /// Whether the preview stands beside the form rather than under it.
  private static let columnsForTwo = 130
  /// The form's width where both stand beside each other.
  private static let formWidth = 76

  /// Draws form and preview over the whole screen.
  func draw(_ model: ConsoleModel, on canvas: inout Canvas) {
    let columns = canvas.frame.buffer.width
    let rows = canvas.frame.buffer.height
    let rect = Rect(x: 0, y: 1, width: columns, height: rows - 2)
    canvas.frame.buffer.fill(rect)
    canvas.frame.buffer.box(rect, glyphs: canvas.glyphs, role: .borderFocus)
    canvas.frame.hits.add(rect, .card)
    canvas.put(
      " Plan for \(endpoint): \(draft.name) ", x: rect.x + 2, y: rect.y, .title, .bold,
      limit: columns - 4)
    let inside = Rect(x: 2, y: rect.y + 1, width: columns - 4, height: rect.height - 2)
    let beside = columns >= PlanEditor.columnsForTwo
    let foot = 2
    let previewRows = beside ? 0 : max(4, min(9, inside.height / 3))
    let form = Rect(
      x: inside.x, y: inside.y,
      width: beside ? PlanEditor.formWidth : inside.width,
      height: inside.height - foot - previewRows)
    drawForm(model, in: form, on: &canvas)
    let outcome =
      beside
      ? Rect(
        x: form.x + form.width + 2, y: inside.y, width: inside.width - form.width - 2,
        height: inside.height - foot)
      : Rect(
        x: inside.x, y: form.y + form.height, width: inside.width, height: previewRows)
    drawOutcome(model, in: outcome, on: &canvas)
    let y = inside.y + inside.height - 2
    if let field {
      drawField(field, x: inside.x, y: y, width: inside.width, on: &canvas)
    } else {
      canvas.put(
        notice ?? cell.hint, x: inside.x, y: y, notice == nil ? .dim : .warn,
        notice == nil ? [] : .bold, limit: inside.width)
    }
    canvas.buttons(buttons(model), x: inside.x, y: y + 1, limit: inside.width)
  }

  private func buttons(_ model: ConsoleModel) -> [Canvas.Button] {
    if field != nil {
      return [
        .init("Enter", "take it", .key(.enter)), .init("Tab", "next", .key(.tab)),
        .init("Esc", "leave it", .key(.escape)),
      ]
    }
    let canStart = fault == nil && preview != nil
    return [
      .init(
        "y", replaces == nil ? "START" : "SUPERSEDE", .key(.character("y")), role: .danger,
        isEnabled: canStart), .init("Enter", "edit", .key(.enter)),
      .init("a", "add step", .key(.character("a"))),
      .init("d", "delete", .key(.character("d"))), .init("Esc", "leave", .key(.escape)),
    ]
  }

  private func drawField(
    _ field: TextField, x: Int, y: Int, width: Int, on canvas: inout Canvas
  ) {
    let used = canvas.put("> ", x: x, y: y, .title, .bold)
    let room = min(40, width - used)
    canvas.frame.buffer.fill(Rect(x: x + used, y: y, width: room, height: 1), Cell(role: .input))
    canvas.put(field.text, x: x + used, y: y, .input, limit: room)
    canvas.put(
      cell.hint, x: x + used + room + 2, y: y, .dim, limit: max(0, width - used - room - 2))
    let ahead = Canvas.columns(of: String(field.text.prefix(field.cursor)))
    canvas.frame.cursor = CursorPlace(x: x + used + min(ahead, room - 1), y: y)
  }

  // MARK: The form

  /// One line of the form: a row of cells, or a heading.
  private struct Line {
    let label: String
    let cells: [(cell: PlanCell, title: String, width: Int)]
    let isHeading: Bool
  }

  private var lines: [Line] {
    var lines = [
      Line(label: "candidate", cells: [(.candidate, "", 40)], isHeading: false),
      Line(label: "plan", cells: [(.plan, "", 40)], isHeading: false),
      Line(
        label: "step  weight    hold     requests   approvals  kind     when", cells: [], isHeading: true),
    ]
    for step in 0..<draft.stepCount {
      lines.append(
        Line(
          label: "\(padded(step + 1, 2))",
          cells: [
            (.weight(step), "", 8), (.hold(step), "", 7), (.requests(step), "", 9),
            (.approvals(step), "", 9), (.strategy(step), "", 7), (.rule(step), "", 16),
          ], isHeading: false))
    }
    lines.append(Line(label: "metric        tolerance   risk part", cells: [], isHeading: true))
    for metric in Metric.allCases {
      lines.append(
        Line(
          label: MetricText.of(metric),
          cells: [(.tolerance(metric), "", 10), (.riskPart(metric), "", 10)], isHeading: false))
    }
    lines.append(Line(label: "guard and limits", cells: [], isHeading: true))
    let pairs: [(PlanCell, String, PlanCell, String)] = [
      (.holdRisk, "hold risk", .rollbackRisk, "roll back risk"),
      (.margin, "promote under", .promotionRisk, "at risk"),
      (.capRequests, "cap requests", .capErrors, "cap errors"),
      (.startApprovals, "start approvals", .approvers, "from"),
      (.soak, "soak", .holdDeadline, "hold deadline"),
      (.warmUp, "warm-up answers", .latencySlack, "latency slack"),
    ]
    for pair in pairs {
      lines.append(
        Line(
          label: pair.1, cells: [(pair.0, "", 9), (pair.2, pair.3, 12)], isHeading: false))
    }
    return lines
  }

  private func drawForm(_ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas) {
    let lines = lines
    let chosen = cell
    let selected = lines.firstIndex { $0.cells.contains { $0.cell == chosen } } ?? 0
    let window = Canvas.window(count: lines.count, rows: rect.height, selected: selected)
    for (offset, number) in window.enumerated() {
      drawLine(
        lines[number], isOn: number == selected, model, x: rect.x, y: rect.y + offset,
        width: rect.width, on: &canvas)
    }
    if window.lowerBound > 0 {
      canvas.putRight(String(canvas.glyphs.sortUp), end: rect.x + rect.width, y: rect.y, .dim)
    }
    if window.upperBound < lines.count {
      canvas.putRight(
        String(canvas.glyphs.sortDown), end: rect.x + rect.width, y: rect.y + rect.height - 1, .dim)
    }
  }

  private func drawLine(
    _ line: Line, isOn: Bool, _ model: ConsoleModel, x: Int, y: Int, width: Int,
    on canvas: inout Canvas
  ) {
    if line.isHeading {
      canvas.put(line.label, x: x + 2, y: y, .dim, .bold, limit: width - 2)
      return
    }
    if isOn { canvas.put(">", x: x, y: y, .title, .bold) }
    let labelWidth = line.cells.first?.cell.step != nil ? 5 : line.cells.count == 1 ? 11 : 17
    let metricWidth = line.cells.first?.cell.metric != nil ? 13 : labelWidth
    canvas.put(line.label, x: x + 2, y: y, isOn ? .text : .dim, limit: metricWidth)
    var at = x + 2 + metricWidth + 1
    for item in line.cells {
      if !item.title.isEmpty {
        at += canvas.put(
          SafeText.fitted(item.title, to: 15), x: at, y: y, .dim,
          limit: max(0, x + width - at))
      }
      let room = min(item.width, x + width - at)
      guard room > 2 else { return }
      let isChosen = item.cell == cell
      let isWrong = fault?.cell == item.cell
      let text = shown(item.cell, model, canvas)
      canvas.put(
        SafeText.fitted(text, to: room, ellipsis: canvas.glyphs.ellipsis), x: at, y: y,
        isWrong ? .bad : text == Format.none ? .dim : .text, isWrong || isChosen ? .bold : [],
        limit: room)
      if isChosen { canvas.highlight(x: at, y: y, width: room) }
      if isWrong { canvas.put(canvas.glyph(.bad), x: at + room, y: y, .bad, .bold, limit: 1) }
      canvas.frame.hits.add(
        Rect(x: at, y: y, width: room, height: 1), .planCell(item.cell))
      at += room + 2
    }
  }

  private func shown(_ cell: PlanCell, _ model: ConsoleModel, _ canvas: Canvas) -> String {
    switch cell {
    case .plan:
      return "< \(plans[planIndex].name) >" + (plans.count > 1 ? "  of \(plans.count)" : "")
    case .candidate: return "< \(candidate) >"
    default:
      if let field, cell == self.cell { return field.text }
      if case .strategy = cell, draft[cell].isEmpty { return "canary" }
      return draft[cell].isEmpty ? Format.none : draft[cell]
    }
  }

  // MARK: What it would do

  private func drawOutcome(_ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas) {
    var lines = outcome(model, canvas).flatMap { CardView.wrapped($0, rect.width) }
    if lines.count > rect.height {
      lines = Array(lines.prefix(max(0, rect.height - 1)))
      lines.append(CardLine("\(canvas.glyphs.ellipsis) more on a larger screen", .dim))
    }
    for (offset, line) in lines.enumerated() {
      canvas.put(line.spans, x: rect.x, y: rect.y + offset, limit: rect.width)
    }
  }

  /// What is wrong with it, or what the node says it would do.
  private func outcome(_ model: ConsoleModel, _ canvas: Canvas) -> [CardLine] {
    var lines = [CardLine("Dry run", .title, .bold)]
    if let replaces {
      lines.append(
        CardLine("\(replaces) is rolled back first, then this begins; both or neither.", .warn))
    }
    for sentence in model.freezeSentences(on: endpoint) {
      lines.append(CardLine("\(canvas.glyph(.warn)) Frozen: \(sentence).", .warn))
    }
    if let fault {
      lines.append(CardLine("\(canvas.glyph(.bad)) \(fault.sentence)", .bad, .bold))
      return lines
    }
    if let failure {
      lines.append(CardLine("The node could not say what it would do: \(failure)", .bad))
      return lines
    }
    guard let preview else {
      return lines + [CardLine("Working out what it would do...", .dim)]
    }
    if let refusal = preview.refusal {
      lines.append(CardLine("\(canvas.glyph(.bad)) It would be refused: \(refusal)", .bad, .bold))
    }
    lines.append(CardLine(preview.summary))
    for (index, step) in preview.steps.enumerated() {
      lines.append(CardLine("\(index + 1). \(step)"))
    }
    for condition in preview.conditions { lines.append(CardLine("- \(condition)", .dim)) }
    return lines
  }

  /// The form as lines, where there is no screen.
  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: "Plan for \(endpoint): \(draft.name)")
    content.width = 84
    for line in lines where !line.isHeading {
      let cells = line.cells.map { item in
        "\(item.title.isEmpty ? "" : item.title + " ")\(shown(item.cell, model, canvas))"
          + (item.cell == cell ? " <- here" : "")
      }
      let isSelected = line.cells.contains { $0.cell == cell }
      content.lines.append(
        CardLine(
          [Span("\(line.label): \(cells.joined(separator: ", "))")], isSelected: isSelected))
    }
    content.lines += [.blank] + outcome(model, canvas)
    content.focusLine = 0
    content.notice = notice
    if let field { content.field = (cell.hint, field) }
    content.buttons = buttons(model)
    return content
  }
}
