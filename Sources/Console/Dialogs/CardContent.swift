import Core

/// One line of a card.
struct CardLine: Sendable {
  var spans: [Span]
  /// What a click on it does.
  var hit: Hit?
  var isSelected = false
  /// Set for running text of several spans: it is broken at blanks, later lines begin so far in.
  var hangingIndent: Int?

  init(_ spans: [Span] = [], hit: Hit? = nil, isSelected: Bool = false) {
    self.spans = spans
    self.hit = hit
    self.isSelected = isSelected
  }

  init(_ text: String, _ role: Role = .text, _ emphasis: Emphasis = []) {
    self.init([Span(text, role, emphasis)])
  }

  static let blank = CardLine()
}

/// A card, before it is laid out: every dialog says what it holds in these words, and one piece of
/// code draws them all alike.
struct CardContent: Sendable {
  var title: String
  /// The frame's role: ``Role/danger`` for what changes traffic at once.
  var role: Role = .borderFocus
  var lines: [CardLine] = []
  /// Where typed text goes, with its label.
  var field: (label: String, text: TextField)?
  /// Why it asks again, or does not go on.
  var notice: String?
  /// The keys at its foot.
  var buttons: [Canvas.Button] = []
  /// The line that must be in view.
  var focusLine: Int?
  /// The first line in view, where the card scrolls by itself.
  var scroll = 0
  /// How wide it would like to be.
  var width = 64
  /// Whether it takes the whole screen between header and hints.
  var fillsScreen = false
}

/// Draws cards over the panes.
enum CardView {
  static func draw(_ dialog: Dialog, _ model: ConsoleModel, on canvas: inout Canvas) {
    switch dialog {
    case .feature(let name): if FeatureCard.draw(name, model, on: &canvas) { return }
    case .registry(let card) where canvas.frame.buffer.height >= 8:
      return card.draw(model, on: &canvas)
    case .retraining(let card) where canvas.frame.buffer.height >= 8:
      return card.draw(model, on: &canvas)
    case .planEditor(let editor) where canvas.frame.buffer.height >= 8:
      return editor.draw(model, on: &canvas)
    default: break
    }
    guard let content = content(of: dialog, model, canvas) else { return }
    draw(content, on: &canvas)
  }

  /// What a dialog holds; nil for those that draw themselves.
  static func content(
    of dialog: Dialog, _ model: ConsoleModel, _ canvas: Canvas
  ) -> CardContent? {
    switch dialog {
    case .rollback(let card): card.content(model, canvas)
    case .ramp(let card): card.content(model, canvas)
    case .confirm(let card): card.content(model, canvas)
    case .runbook(let card): card.content(model, canvas)
    case .version(let card): card.content(model, canvas)
    case .diff(let a, let b): DiffCard.content(a, b, model, canvas)
    case .feature: nil
    case .event(let key): EventCard.content(key, model, canvas)
    case .picker(let picker): picker.content(model, canvas)
    case .palette(let palette): palette.content(model, canvas)
    case .help(let sheet): sheet.content(model, canvas)
    case .filter: nil
    case .menu(let menu): menu.content(model, canvas)
    case .quit(let card): card.content(model, canvas)
    case .journalCheck(let check): JournalCard.content(check, canvas)
    case .verdict(let card): card.content(model, canvas)
    case .registry(let card): card.content(model, canvas)
    case .generations(let picker): picker.content(model, canvas)
    case .freezes(let list): list.content(model, canvas)
    case .freezeForm(let form): form.content(model, canvas)
    case .why(let card): card.content(model, canvas)
    case .attached: AttachedCard.content(model, canvas)
    case .reason(let card): card.content(model, canvas)
    case .planEditor(let editor): editor.content(model, canvas)
    case .tryOut(let card): card.content(model, canvas)
    case .standing(let card): card.content(model, canvas)
    case .recording(let card): card.content(model, canvas)
    case .rules(let list): list.content(model, canvas)
    case .form(let form): form.content(model, canvas)
    case .retraining(let card): card.content(model, canvas)
    case .retrainingLog(let card): card.content(model, canvas)
    }
  }

  /// Lays a card out in the middle of the screen and draws it; it is never larger than the screen.
  static func draw(_ content: CardContent, on canvas: inout Canvas) {
    let columns = canvas.frame.buffer.width
    let rows = canvas.frame.buffer.height
    let wanted = content.fillsScreen ? columns : content.width
    let width = max(0, min(wanted, columns - (columns > 70 && !content.fillsScreen ? 4 : 0)))
    guard width >= 8, rows >= 3 else { return }
    let inner = width - 4
    let lines = content.lines.flatMap { wrapped($0, inner) }
    let buttons = Canvas.rows(of: content.buttons, limit: inner, lineMax: rows >= 20 ? 2 : 1)
    var foot = content.buttons.isEmpty ? 0 : buttons.count + 1
    if content.field != nil { foot += 2 }
    let notice = content.notice.map { wrapped(CardLine($0, .warn, .bold), inner) } ?? []
    foot += notice.count
    let least = content.fillsScreen ? rows : lines.count + foot + 2
    let height = min(rows - (rows > 20 ? 2 : 0), least)
    let rect = Rect(
      x: (columns - width) / 2, y: max(0, (rows - height) / 2), width: width, height: height)
    canvas.frame.buffer.fill(rect)
    canvas.frame.buffer.box(rect, glyphs: canvas.glyphs, role: content.role)
    canvas.frame.hits.add(rect, .card)
    canvas.put(
      " \(content.title) ", x: rect.x + 2, y: rect.y, content.role == .danger ? .danger : .title,
      .bold, limit: width - 4)
    let inside = rect.inset()
    let room = max(0, inside.height - foot)
    drawLines(lines, content, x: rect.x + 2, y: inside.y, width: inner, room: room, on: &canvas)
    var y = inside.y + min(room, lines.count)
    for line in notice where y < inside.y + inside.height {
      canvas.put(line.spans, x: rect.x + 2, y: y, limit: inner)
      y += 1
    }
    if let field = content.field {
      drawField(field.label, field.text, x: rect.x + 2, y: y + 1, width: inner, on: &canvas)
    }
    for (index, row) in buttons.reversed().enumerated() {
      canvas.buttons(row, x: rect.x + 2, y: inside.y + inside.height - 1 - index, limit: inner)
    }
  }

  private static func drawLines(
    _ lines: [CardLine], _ content: CardContent, x: Int, y: Int, width: Int, room: Int,
    on canvas: inout Canvas
  ) {
    var window = 0..<min(room, lines.count)
    if content.focusLine != nil, let index = lines.firstIndex(where: \.isSelected) {
      window = Canvas.window(count: lines.count, rows: room, selected: index)
    } else if content.scroll > 0 {
      let first = max(0, min(content.scroll, lines.count - room))
      window = first..<min(lines.count, first + room)
    }
    for (offset, number) in window.enumerated() {
      let line = lines[number]
      let row = y + offset
      canvas.put(line.spans, x: x, y: row, limit: width)
      if line.isSelected { canvas.highlight(x: x, y: row, width: width) }
      if let hit = line.hit {
        canvas.frame.hits.add(Rect(x: x, y: row, width: width, height: 1), hit)
      }
    }
    if window.lowerBound > 0 {
      canvas.putRight(String(canvas.glyphs.sortUp), end: x + width + 1, y: y, .dim)
    }
    if window.upperBound < lines.count && !window.isEmpty {
      canvas.putRight(
        String(canvas.glyphs.sortDown), end: x + width + 1, y: y + window.count - 1, .dim)
    }
  }

  private static func drawField(
    _ label: String, _ field: TextField, x: Int, y: Int, width: Int, on canvas: inout Canvas
  ) {
    let used = canvas.put(label + " ", x: x, y: y, .dim, limit: width)
    let room = width - used
    guard room > 1 else { return }
    canvas.frame.buffer.fill(Rect(x: x + used, y: y, width: room, height: 1), Cell(role: .input))
    // The end of a long text is what is being typed.
    let before = String(field.text.prefix(field.cursor))
    let skip = max(0, Canvas.columns(of: before) - room + 1)
    canvas.put(String(field.text.dropFirst(skip)), x: x + used, y: y, .input, limit: room)
    let ahead = Canvas.columns(of: String(before.dropFirst(skip)))
    canvas.frame.cursor = CursorPlace(x: x + used + min(ahead, room - 1), y: y)
  }

  /// Breaks running text of several spans at blanks.
  private static func flowing(_ line: CardLine, _ width: Int, _ indent: Int) -> [CardLine] {
    guard width > indent + 8, Canvas.columns(of: line.spans) > width else { return [line] }
    var result: [CardLine] = []
    var spans: [Span] = []
    var used = 0
    for span in line.spans {
      for (index, word) in printable(span.text, limit: 4000)
        .split(separator: " ", omittingEmptySubsequences: false).enumerated()
      {
        // Blanks at the very beginning are an indent.
        let blank = index > 0 && (used > 0 || result.isEmpty) ? " " : ""
        let length = Canvas.columns(of: blank + word)
        if used + length > width, used > indent {
          result.append(CardLine(spans))
          if result.count >= 60 { return result }
          spans = indent > 0 ? [Span(String(repeating: " ", count: indent))] : []
          used = indent
          spans.append(Span(String(word), span.role, span.emphasis))
          used += Canvas.columns(of: String(word))
        } else {
          spans.append(Span(blank + word, span.role, span.emphasis))
          used += length
        }
      }
    }
    result.append(CardLine(spans))
    return result
  }

  /// Breaks a line of one span at blanks; lines of several spans are cut instead, because they are
  /// columns.
  static func wrapped(_ line: CardLine, _ width: Int) -> [CardLine] {
    if let indent = line.hangingIndent { return flowing(line, width, indent) }
    guard line.spans.count == 1, let span = line.spans.first, width > 0,
      Canvas.columns(of: span.text) > width
    else { return [line] }
    var result: [CardLine] = []
    var current = ""
    for word in printable(span.text, limit: 4000).split(separator: " ") {
      let joined = current.isEmpty ? String(word) : "\(current) \(word)"
      if Canvas.columns(of: joined) <= width || current.isEmpty {
        current = joined
      } else {
        result.append(CardLine(current, span.role, span.emphasis))
        current = String(word)
      }
      if result.count >= 60 { break }
    }
    result.append(CardLine(current, span.role, span.emphasis))
    return result
  }
}
