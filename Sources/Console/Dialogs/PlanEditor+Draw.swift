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
    let foot = typed == nil ? 2 : 3
    let previewRows = beside ? 0 : rowsOfPreview(of: inside.height, foot: foot)
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
    let y = inside.y + inside.height - foot
    canvas.put(
      notice ?? (saving == nil ? cell.hint : PlanEditor.nameHint), x: inside.x, y: y,
      notice == nil ? .dim : .warn, notice == nil ? [] : .bold, limit: inside.width)
    if let typed {
      drawField(typed.label, typed.field, x: inside.x, y: y + 1, width: inside.width, on: &canvas)
    }
    canvas.buttons(buttons(model), x: inside.x, y: y + foot - 1, limit: inside.width)
  }

  /// What the form does not need, and some rows in any case; the same on both pages.
  private func rowsOfPreview(of height: Int, foot: Int) -> Int {
    let lines = lines
    let first = lines.count { !$0.isOnSecondPage }
    let least = max(4, min(9, height / 3))
    let needed =
      lines.count + foot + least <= height
      ? lines.count : max(first + 1, lines.count - first)
    return max(least, height - foot - needed)
  }

  private static let nameHint =
    "a-z 0-9 - _ . ; the file goes into the folder plans of the state directory"

  /// What is being typed: a cell's value, or the name to save under.
  private var typed: (label: String, field: TextField)? {
    if let saving { return ("Save as ", saving.field) }
    return field.map { ("> ", $0) }
  }

  private func buttons(_ model: ConsoleModel) -> [Canvas.Button] {
    if let saving {
      let verb = saving.replaces == nil ? "save" : "replace it"
      return [
        .init("Enter", verb, .key(.enter), isEnabled: saving.sent == nil),
        .init("Esc", "leave it", .key(.escape)),
      ]
    }
    if field != nil {
      return [
        .init("Enter", "take it", .key(.enter)), .init("Tab", "next", .key(.tab)),
        .init("Esc", "leave it", .key(.escape)),
      ]
    }
    let canStart = fault == nil && preview != nil
    var buttons: [Canvas.Button] = [
      .init(
        "y", replaces == nil ? "START" : "SUPERSEDE", .key(.character("y")), role: .danger,
        isEnabled: canStart),
      .init("Enter", cell.isChoice ? "next" : "edit", .key(.enter)),
    ]
    if cell.isOnSecondPage {
      buttons.append(.init("o", "steps", .key(.character("o"))))
    } else {
      buttons += [
        .init("o", "more", .key(.character("o"))), .init("a", "add", .key(.character("a"))),
      ]
    }
    return buttons + [
      .init("d", "delete", .key(.character("d"))),
      .init("s", "save", .key(.character("s")), isEnabled: fault == nil),
      .init("Esc", "leave", .key(.escape)),
    ]
  }

  private func drawField(
    _ label: String, _ field: TextField, x: Int, y: Int, width: Int, on canvas: inout Canvas
  ) {
    let used = canvas.put(label, x: x, y: y, .title, .bold)
    let room = width - used
    canvas.frame.buffer.fill(Rect(x: x + used, y: y, width: room, height: 1), Cell(role: .input))
    // The end of a long text is what is being typed.
    let before = String(field.text.prefix(field.cursor))
    let skip = max(0, Canvas.columns(of: before) - room + 1)
    canvas.put(String(field.text.dropFirst(skip)), x: x + used, y: y, .input, limit: room)
    let ahead = Canvas.columns(of: String(before.dropFirst(skip)))
    canvas.frame.cursor = CursorPlace(x: x + used + min(ahead, room - 1), y: y)
  }

  // MARK: The form

  private func drawForm(_ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas) {
    let chosen = cell
    var lines = lines
    var rows = rect.height
    if lines.count > rows {
      // Both pages do not fit: the first says what is on the second.
      lines = lines.filter { $0.isOnSecondPage == chosen.isOnSecondPage }
      if !chosen.isOnSecondPage {
        rows -= 1
        drawRest(y: rect.y + rows, in: rect, on: &canvas)
      }
    }
    let selected = lines.firstIndex { $0.items.contains { $0.cell == chosen } } ?? 0
    let window = Canvas.window(count: lines.count, rows: rows, selected: selected)
    for (offset, number) in window.enumerated() {
      drawLine(
        lines[number], isOn: number == selected, x: rect.x, y: rect.y + offset,
        width: rect.width, on: &canvas)
    }
    if window.lowerBound > 0 {
      canvas.putRight(String(canvas.glyphs.sortUp), end: rect.x + rect.width, y: rect.y, .dim)
    }
    if window.upperBound < lines.count {
      canvas.putRight(
        String(canvas.glyphs.sortDown), end: rect.x + rect.width, y: rect.y + rows - 1, .dim)
    }
  }

  /// The line at the foot of the first page that tells of the second.
  private func drawRest(y: Int, in rect: Rect, on canvas: inout Canvas) {
    let isWrong = fault?.cell?.isOnSecondPage == true
    canvas.put(
      [Span("o ", .hintKey, .bold), Span("more: ", isWrong ? .bad : .dim), Span(draft.rest, .dim)],
      x: rect.x + 2, y: y, limit: rect.width - 4)
    canvas.frame.hits.add(
      Rect(x: rect.x, y: y, width: rect.width, height: 1), .key(.character("o")))
  }

  private func drawLine(
    _ line: FormLine, isOn: Bool, x: Int, y: Int, width: Int, on canvas: inout Canvas
  ) {
    if line.isHeading {
      canvas.put(line.label, x: x + 2, y: y, .dim, .bold, limit: width - 2)
      return
    }
    if isOn { canvas.put(">", x: x, y: y, .title, .bold) }
    canvas.put(line.label, x: x + 2, y: y, isOn ? .text : .dim, limit: line.labelWidth)
    var at = x + 2 + line.labelWidth + 1
    for item in line.items {
      if !item.title.isEmpty {
        at += canvas.put(
          SafeText.fitted(item.title, to: item.titleWidth), x: at, y: y, .dim,
          limit: max(0, x + width - at))
      }
      let room = min(item.width, x + width - at)
      guard room > 2 else { return }
      draw(item.cell, x: at, y: y, width: room, on: &canvas)
      at += room + 2
    }
  }

  private func draw(_ item: PlanCell, x: Int, y: Int, width: Int, on canvas: inout Canvas) {
    let isChosen = item == cell
    let isWrong = fault?.cell == item
    // What nobody wrote is fainter than what somebody did.
    let isFaint = draft.isIdle(item) || (draft[item].isEmpty && !item.isChoice)
    canvas.put(
      SafeText.fitted(shown(item), to: width, ellipsis: canvas.glyphs.ellipsis), x: x, y: y,
      isWrong ? .bad : isFaint ? .dim : .text, isWrong || isChosen ? .bold : [], limit: width)
    if isChosen { canvas.highlight(x: x, y: y, width: width) }
    if isWrong { canvas.put(canvas.glyph(.bad), x: x + width, y: y, .bad, .bold, limit: 1) }
    canvas.frame.hits.add(Rect(x: x, y: y, width: width, height: 1), .planCell(item))
  }

  private func shown(_ item: PlanCell) -> String {
    switch item {
    case .plan:
      return "< \(plans[planIndex].name) >" + (plans.count > 1 ? "  of \(plans.count)" : "")
    case .candidate: return "< \(candidate) >"
    default:
      if let field, item == cell { return field.text }
      if draft.isIdle(item) { return Format.none }
      let text = draft[item].isEmpty ? draft.assumed(item) ?? Format.none : draft[item]
      return item.isChoice && lines.contains { $0.items.map(\.cell) == [item] }
        ? "< \(text) >" : text
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
      let cells = line.items.map { item in
        "\(item.title.isEmpty ? "" : item.title + " ")\(shown(item.cell))"
          + (item.cell == cell ? " <- here" : "")
      }
      let isSelected = line.items.contains { $0.cell == cell }
      content.lines.append(
        CardLine(
          [Span("\(line.label): \(cells.joined(separator: ", "))")], isSelected: isSelected))
    }
    content.lines += [.blank] + outcome(model, canvas)
    content.focusLine = 0
    content.notice = notice
    if let saving {
      content.field = ("Save the plan as", saving.field)
    } else if let field {
      content.field = (cell.hint, field)
    }
    content.buttons = buttons(model)
    return content
  }
}
