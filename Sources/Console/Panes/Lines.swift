import Control
import Core
import Node

/// The first line: where one is, whether it is live, how much is wrong, what time it is.
enum HeaderLine {
  static func draw(_ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas) {
    canvas.frame.buffer.fill(rect, Cell(role: .header))
    let isProd = model.isProduction
    var spans = [
      Span(" sluice ", .header, .bold),
      Span(
        " \(printable(model.profile).prefix(12).uppercased()) ", isProd ? .headerProd : .header,
        .bold),
    ]
    let place =
      model.atHome
      ? "\(model.shown?.endpoints.count ?? 0) endpoints" : model.endpoint?.text ?? "..."
    spans.append(Span(" \(place)  ", .header, .bold))
    spans.append(stateSpan(model, canvas))
    spans.append(Span("  \(model.look.isReadOnly ? "READ-ONLY" : "RW")", .header))
    spans.append(Span("  \(model.settings.actor.name)", .header))
    if model.othersAttached > 0 {
      spans.append(Span(" +\(model.othersAttached) attached", .header, .bold))
    }
    if model.lineStop != nil {
      spans.append(Span(" \(canvas.glyph(.warn)) LINE STOPPED ", .warn, .bold))
    }
    let right = rightSpans(model, rect.width, canvas)
    let rightWidth = Canvas.columns(of: right)
    let left = canvas.put(spans, x: rect.x, y: rect.y, limit: max(0, rect.width - rightWidth - 1))
    let clockWidth = right.last.map { Canvas.columns(of: $0.text) } ?? 0
    canvas.frame.buffer.fill(
      Rect(x: rect.x + rect.width - clockWidth, y: rect.y, width: clockWidth, height: 1))
    canvas.put(right, x: rect.x + rect.width - rightWidth, y: rect.y, limit: rightWidth)
    drawNode(model, from: rect.x + left, to: rect.x + rect.width - rightWidth, rect.y, on: &canvas)
  }

  /// Live, frozen, past or stale.
  static func stateSpan(_ model: ConsoleModel, _ canvas: Canvas) -> Span {
    let bar = canvas.glyphs.isASCII ? "||" : "❚❚"
    if let frozen = model.feed.frozen {
      let count = model.feed.eventsSinceFreeze
      let news = count == 0 ? "" : ", \(count) new event\(count == 1 ? "" : "s")"
      return Span("\(bar) frozen \(model.clock(frozen.time))\(news)", .warn, .bold)
    }
    if let age = model.staleMilliseconds {
      return Span("\(canvas.glyph(.stale)) stale \(age / 1000) s", .stale, .bold)
    }
    if let at = model.feed.pastAt {
      return Span("\(canvas.glyphs.isASCII ? "<" : "◀") \(model.clock(at))", .warn, .bold)
    }
    if model.feed.live == nil { return Span("\(canvas.glyph(.stale)) waiting", .stale) }
    let hertz = model.settings.hertz
    let text = hertz == hertz.rounded() ? "\(Int(hertz))" : Format.fixed(hertz, 1)
    return Span("\(canvas.glyph(.ok)) live \(text) Hz", .ok)
  }

  private static func rightSpans(
    _ model: ConsoleModel, _ width: Int, _ canvas: Canvas
  ) -> [Span] {
    let symptoms = model.shown?.symptoms ?? []
    let warns = symptoms.count { $0.severity == .warn }
    let bads = symptoms.count { $0.severity == .bad }
    var spans: [Span] = []
    if warns > 0 { spans.append(Span("\(canvas.glyph(.warn))\(warns) ", .warn, .bold)) }
    if bads > 0 { spans.append(Span("\(canvas.glyph(.bad))\(bads) ", .bad, .bold)) }
    // A view that stands still has a clock that stands still.
    let time = model.isFrozen ? model.feed.frozen?.time ?? model.moment.wall : model.moment.wall
    let text = width >= 110 ? model.dayAndClock(time) : model.clock(time)
    // Outside the band's background: a second's change costs half the bytes then.
    spans.append(Span(" \(text) ", .dim))
    return spans
  }

  /// The node's own figures, where there is room between the two ends.
  private static func drawNode(
    _ model: ConsoleModel, from left: Int, to right: Int, _ y: Int, on canvas: inout Canvas
  ) {
    guard let node = model.shown?.node else { return }
    var parts: [String] = []
    if !node.durable { parts.append("journal not writable") }
    if !node.trafficSource.isEmpty { parts.append(node.trafficSource) }
    parts.append("\(Format.fixed(node.processors, 1)) cores")
    parts.append(Format.bytes(node.residentBytes))
    while !parts.isEmpty {
      let text = parts.joined(separator: "   ")
      let width = Canvas.columns(of: text)
      if left + 3 + width + 2 <= right {
        canvas.put(text, x: left + 3, y: y, node.durable ? .header : .bad, limit: width)
        return
      }
      parts.removeLast()
    }
  }
}

/// The tabs of the one-pane layout.
enum TabLine {
  static func draw(_ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas) {
    var x = rect.x
    for pane in PaneID.allCases {
      let text = " \(pane.rawValue) \(pane.shortTitle) "
      let isOn = pane == model.focus
      let used = canvas.put(
        text, x: x, y: rect.y, isOn ? .selection : .hint, isOn ? .bold : [],
        limit: rect.x + rect.width - x)
      canvas.frame.hits.add(
        Rect(x: x, y: rect.y, width: used, height: 1),
        .key(.character(Character("\(pane.rawValue)"))))
      x += used
    }
  }
}

/// The line for one sentence: what the last command did, or what is wrong now.
enum MessageLine {
  static func draw(_ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas) {
    if case .filter(let line) = model.dialogs.last {
      let label = " /"
      canvas.put(label, x: rect.x, y: rect.y, .hintKey, .bold)
      canvas.put(line.field.text, x: rect.x + 2, y: rect.y, .input, limit: rect.width - 3)
      let ahead = Canvas.columns(of: String(line.field.text.prefix(line.field.cursor)))
      canvas.frame.cursor = CursorPlace(
        x: min(rect.x + rect.width - 1, rect.x + 2 + ahead), y: rect.y)
      return
    }
    if let flash = model.flash {
      canvas.put(" " + flash.sentence, x: rect.x, y: rect.y, flash.role, limit: rect.width)
      return
    }
    if let failure = model.feed.failure {
      canvas.put(
        " \(canvas.glyph(.stale)) \(failure)", x: rect.x, y: rect.y, .stale, limit: rect.width)
      return
    }
    if model.feed.past != nil, let at = model.feed.pastAt {
      canvas.put(
        " This is \(model.dayAndClock(at)); changes act on the present, 0 goes there",
        x: rect.x, y: rect.y, .warn, limit: rect.width)
      return
    }
    guard let symptom = model.openSymptoms.first else {
      if model.shown != nil {
        canvas.put(" Nothing is wrong", x: rect.x, y: rect.y, .dim, limit: rect.width)
      }
      return
    }
    drawSymptom(symptom, model, in: rect, on: &canvas)
  }

  private static func drawSymptom(
    _ symptom: Symptom, _ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas
  ) {
    let buttons = [
      Canvas.Button(.acknowledge, "ack", in: model),
      Canvas.Button(.paneRunbooks, "runbooks", in: model),
    ]
    let room = rect.width - 24
    let role = symptom.severity.role
    let more = model.openSymptoms.count - 1
    let others = more > 0 ? "  (+\(more) more)" : ""
    let used = canvas.put(
      " \(canvas.glyph(role)) \(symptom.sentence)\(others)", x: rect.x, y: rect.y, role, .bold,
      limit: room)
    canvas.buttons(buttons, x: rect.x + used + 2, y: rect.y, limit: rect.width - used - 2)
  }
}

/// The last line: the keys that matter here; each can be clicked.
enum HintLine {
  static func draw(_ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas) {
    // The way back is always there, at the same place, and wins over everything else.
    let rollback = Canvas.columns(of: spans(.rollBack, model))
    let end = rect.x + rect.width
    var x = rect.x + 1
    // Under a card the panes' keys do nothing, and the card has its own at its foot.
    let isCovered = model.dialogs.contains { !$0.isLine }
    let fixed = isCovered ? [] : [Action.palette, .help, .quit]
    let fixedWidth = fixed.reduce(0) { $0 + Canvas.columns(of: spans($1, model)) + 2 }
    for action in isCovered ? [] : actions(model) {
      let parts = spans(action, model)
      let width = Canvas.columns(of: parts)
      guard x + width + 2 + fixedWidth + rollback + 1 <= end else { continue }
      put(parts, action, width, x: x, y: rect.y, on: &canvas)
      x += width + 2
    }
    x = end - rollback - 1 - fixedWidth
    for action in fixed {
      let parts = spans(action, model)
      let width = Canvas.columns(of: parts)
      put(parts, action, width, x: x, y: rect.y, on: &canvas)
      x += width + 2
    }
    put(spans(.rollBack, model), .rollBack, rollback, x: x, y: rect.y, on: &canvas)
  }

  private static func put(
    _ spans: [Span], _ action: Action, _ width: Int, x: Int, y: Int, on canvas: inout Canvas
  ) {
    canvas.put(spans, x: x, y: y, limit: width)
    canvas.frame.hits.add(Rect(x: x, y: y, width: width, height: 1), .action(action))
  }

  private static func spans(_ action: Action, _ model: ConsoleModel) -> [Span] {
    let spec = action.spec
    let key = spec.keys.first.map(KeyText.of) ?? ":"
    guard model.obstacle(to: action) == nil else {
      return [Span("\(key) \(name(action, model))", .dim)]
    }
    if action == .rollBack {
      return [Span("R", .danger, .bold), Span(" ROLLBACK", .danger)]
    }
    return [Span(key, .hintKey, .bold), Span(" \(name(action, model))", .hint)]
  }

  private static func name(_ action: Action, _ model: ConsoleModel) -> String {
    switch action {
    case .freeze: model.isFrozen ? "go on" : "freeze"
    case .pauseResume: model.runningRollout?.isHeld == true ? "resume" : "pause"
    case .zoom: model.isZoomed ? "unzoom" : "zoom"
    case .rollBack: "ROLLBACK"
    default: action.spec.name.lowercased()
    }
  }

  /// What is worth a hint here, the most useful first.
  private static func actions(_ model: ConsoleModel) -> [Action] {
    if model.atHome { return [.open, .filter, .freeze, .theme] }
    var list: [Action]
    switch model.focus {
    case .traffic: list = [.window, .scrubBack, .scrubForward, .zoom]
    case .versions: list = [.open, .sortColumn, .diff, .deploy]
    case .canary: list = []
    case .drift: list = [.open, .filter, .right]
    case .events: list = [.open, .follow, .filter, .copy]
    case .runbooks: list = [.open, .filter]
    }
    if model.feed.pastAt != nil || model.isFrozen { list.insert(.live, at: 0) }
    let rollout: [Action] =
      model.runningRollout != nil ? [.stepNext, .pauseResume, .abort] : [.ramp]
    list = model.focus == .canary ? rollout + [.undo, .zoom] : rollout + list
    return list + [.undo, .zoom, .freeze].filter { !list.contains($0) }
  }
}

/// The bar of time: where in it one is, and what happened when.
enum TimeLine {
  /// Where the bar begins: it moves by whole columns, so that it stands still in between.
  private static func start(before end: Timestamp, span: Int, columns: Int) -> Timestamp {
    let column = Int64(span) * 1_000_000 / Int64(max(1, columns))
    let snapped = (end.microseconds / column + 1) * column
    return Timestamp(microseconds: snapped) + .seconds(-span)
  }

  static func draw(_ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas) {
    guard let shown = model.shown, let live = model.feed.live else { return }
    let end = model.isFrozen ? shown.time : live.time
    let span = max(3 * model.look.windowSeconds, 900)
    let start = TimeLine.start(before: end, span: span, columns: rect.width)
    let left = " \(String(model.clock(start).prefix(5))) "
    let right = model.feed.pastAt == nil ? " now " : " \(String(model.clock(end).prefix(5))) "
    let used = canvas.put(left, x: rect.x, y: rect.y, .dim)
    let width = rect.width - used - right.utf8.count - 1
    guard width > 10 else { return }
    let x = rect.x + used
    canvas.put(canvas.rule(width), x: x, y: rect.y, .border)
    func column(_ time: Timestamp) -> Int? {
      let share = (time - start).seconds / Double(span)
      guard share >= 0, share <= 1 else { return nil }
      return x + min(width - 1, Int(share * Double(width)))
    }
    for event in live.events.reversed() {
      guard let place = column(event.time), event.time <= end else { continue }
      canvas.frame.buffer[place, rect.y] = Cell(
        canvas.glyphs.teeUp, role: event.severity == .ok ? .title : event.severity.role)
    }
    if let at = model.feed.pastAt, let place = column(at) {
      canvas.put(canvas.glyph(.warn), x: place, y: rect.y, .warn, .bold, limit: 1)
    }
    canvas.put(right, x: x + width, y: rect.y, model.feed.pastAt == nil ? .ok : .dim)
    canvas.frame.hits.add(Rect(x: x, y: rect.y, width: width, height: 1), .chart)
  }
}

/// What is shown when the window is too small for a pane.
enum SmallScreen {
  static func draw(_ model: ConsoleModel, _ layout: ScreenLayout, on canvas: inout Canvas) {
    let state = HeaderLine.stateSpan(model, canvas)
    canvas.put(
      [Span("\(model.endpoint?.text ?? "sluice") ", .text, .bold), state], x: 0, y: 0,
      limit: model.columns)
    let size =
      "\(model.columns)x\(model.rows) is too small: "
      + "\(ScreenLayout.columnsMin)x\(ScreenLayout.rowsMin) shows a pane"
    if model.rows > 3 { canvas.put(size, x: 0, y: 1, .dim, limit: model.columns) }
    if model.rows > 2 { canvas.put(line(model), x: 0, y: 2, limit: model.columns) }
    if model.rows > 4, let flash = model.flash {
      canvas.put(flash.sentence, x: 0, y: model.rows - 2, flash.role, limit: model.columns)
    }
    if model.rows > 1 {
      canvas.put(
        [
          Span("R", .danger, .bold), Span(" ROLLBACK  ", .danger), Span("q", .hintKey),
          Span(" quit"),
        ],
        x: 0, y: model.rows - 1, limit: model.columns)
      canvas.frame.hits.add(
        Rect(x: 0, y: model.rows - 1, width: 10, height: 1), .action(.rollBack))
    }
  }

  /// The endpoint's state in a line.
  static func line(_ model: ConsoleModel) -> String {
    guard let detail = model.detail else { return "waiting for the node" }
    let summary = model.shown?.endpoints.first { $0.name == detail.name }
    var parts = [
      (detail.split?.shares ?? []).map { "\($0.version.short) \(percentText($0.weight))" }
        .joined(separator: " "), "\(Format.rate(summary?.requestsPerSecond))/s",
      "p99 \(Format.milliseconds(summary?.p99Milliseconds))",
      "err \(Format.share(summary?.errorRate))%",
    ]
    if let rollout = detail.rollout, rollout.isRunning { parts.append(rollout.phase) }
    return parts.joined(separator: "  ")
  }
}
