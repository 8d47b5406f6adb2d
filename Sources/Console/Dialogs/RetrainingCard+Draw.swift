import Control
import Core
import Node

extension RetrainingCard {
  /// The columns there is room for, with their widths.
  private struct Columns {
    let name: Int
    let endpoint: Int
    let state: Int
    let when: Int

    init(_ width: Int) {
      name = width >= 130 ? 34 : width >= 100 ? 28 : 22
      endpoint = width >= 100 ? 20 : 13
      state = width >= 100 ? 19 : 14
      when = width >= 100 ? 20 : 0
    }
  }

  /// Draws it over the panes, the list and beneath it the chosen one; the message line stays free.
  func draw(_ model: ConsoleModel, on canvas: inout Canvas) {
    let columns = canvas.frame.buffer.width
    let rect = Rect(x: 0, y: 1, width: columns, height: canvas.frame.buffer.height - 3)
    canvas.frame.buffer.fill(rect)
    canvas.frame.buffer.box(rect, glyphs: canvas.glyphs, role: .borderFocus)
    canvas.frame.hits.add(rect, .card)
    canvas.put(" \(title) ", x: 2, y: rect.y, .title, .bold, limit: columns - 4)
    let inside = Rect(x: 2, y: rect.y + 1, width: columns - 4, height: rect.height - 2)
    var bottom = inside.y + inside.height - 1
    let rows = Canvas.rows(
      of: buttons(model), limit: inside.width, lineMax: inside.height >= 16 ? 2 : 1)
    for (index, row) in rows.reversed().enumerated() {
      canvas.buttons(row, x: inside.x, y: bottom - index, limit: inside.width)
    }
    bottom -= rows.count - 1
    let sentence = (question?.sentence ?? notice).map { CardLine($0, .warn, .bold) }
    for line in (sentence.map { CardView.wrapped($0, inside.width) } ?? []).prefix(3).reversed() {
      bottom -= 1
      canvas.put(line.spans, x: inside.x, y: bottom, limit: inside.width)
    }
    guard let overview, !entries.isEmpty else {
      let line = emptyLine
      for (offset, part) in CardView.wrapped(line, inside.width).enumerated() {
        canvas.put(part.spans, x: inside.x, y: inside.y + offset, limit: inside.width)
      }
      return
    }
    let room = max(2, bottom - inside.y - 1)
    let shown = min(entries.count, max(2, (room - 1) * 2 / 5))
    drawList(
      overview, model, Rect(x: inside.x, y: inside.y, width: inside.width, height: shown + 1),
      on: &canvas)
    drawDetail(
      model,
      Rect(
        x: inside.x, y: inside.y + shown + 2, width: inside.width,
        height: max(0, bottom - inside.y - shown - 3)), on: &canvas)
  }

  private var title: String {
    guard let overview else { return "Retraining" }
    let waiting = overview.proposals.count
    let count = overview.policies.count
    return "Retraining  \(count) \(count == 1 ? "policy" : "policies")"
      + (waiting == 0
        ? "" : ", \(waiting) \(waiting == 1 ? "proposal waits" : "proposals wait")")
  }

  private var emptyLine: CardLine {
    if let failure { return CardLine("The node did not answer: \(failure)", .bad) }
    return overview == nil
      ? CardLine("Asking the node...", .dim)
      : CardLine(
        "No policy trains a model again: put one into retraining/ of the state directory, like "
          + "samples/retraining/flight-delay.yaml.", .dim)
  }

  private func buttons(_ model: ConsoleModel) -> [Canvas.Button] {
    if let question {
      return [
        .init("y", question.verb, .key(.character("y")), role: .danger),
        .init("Esc", "leave it", .key(.escape)),
      ]
    }
    let canAct = !model.look.isReadOnly
    var list: [Canvas.Button] = []
    if proposal != nil {
      list += [
        .init("a", "accept: ramp", .key(.character("a")), isEnabled: canAct),
        .init("d", "decline", .key(.character("d")), isEnabled: canAct),
        .init("K", "gates", .key(.character("K"))),
      ]
    }
    if let policy {
      list.append(
        policy.running == nil
          ? .init(
            "r", "run now", .key(.character("r")), isEnabled: canAct && policy.command != nil)
          : .init("s", "stop the run", .key(.character("s")), isEnabled: canAct))
    }
    return list + [
      .init("Enter", "rows and log", .key(.enter), isEnabled: run != nil),
      .init("PgDn", "scroll", .key(.pageDown)), .init("Esc", "close", .key(.escape)),
    ]
  }

  // MARK: The list

  private func drawList(
    _ overview: RetrainingOverview, _ model: ConsoleModel, _ rect: Rect, on canvas: inout Canvas
  ) {
    let columns = Columns(rect.width)
    var x = rect.x + 2
    for (word, width) in [
      ("PROPOSAL, POLICY", columns.name), ("ENDPOINT", columns.endpoint), ("STATE", columns.state),
      ("NEXT, SINCE", columns.when), ("LAST RUN", 8),
    ] where width > 0 {
      canvas.put(word, x: x, y: rect.y, .dim, limit: width)
      x += width + 1
    }
    let all = entries
    let chosen = index
    let window = Canvas.window(count: all.count, rows: rect.height - 1, selected: chosen)
    for (offset, number) in window.enumerated() {
      let y = rect.y + 1 + offset
      var x = rect.x + 2
      let cells = cells(all[number], overview, model, canvas)
      let widths = [
        columns.name, columns.endpoint, columns.state, columns.when,
        max(
          0,
          rect.x + rect.width - x - columns.name - columns.endpoint - columns.state
            - columns.when - (columns.when > 0 ? 4 : 3)),
      ]
      for (span, width) in zip(cells, widths) where width > 0 {
        canvas.put(
          [
            Span(
              SafeText.fitted(span.text, to: width, ellipsis: canvas.glyphs.ellipsis), span.role,
              span.emphasis)
          ], x: x, y: y, limit: width)
        x += width + 1
      }
      if number == chosen {
        canvas.put(">", x: rect.x, y: y, .title, .bold)
        canvas.highlight(x: rect.x + 1, y: y, width: rect.width - 1)
      }
      canvas.frame.hits.add(Rect(x: rect.x, y: y, width: rect.width, height: 1), .entry(number))
    }
  }

  /// Name, endpoint, state, when, last run.
  private func cells(
    _ entry: Entry, _ overview: RetrainingOverview, _ model: ConsoleModel, _ canvas: Canvas
  ) -> [Span] {
    switch entry {
    case .proposal(let endpoint, let version):
      guard
        let proposal = overview.proposals.first(where: {
          $0.endpoint == endpoint && $0.version == version
        })
      else { return [] }
      return [
        Span(version.description, .candidate, .bold), Span(endpoint.text),
        Span("\(canvas.glyph(.warn)) proposed", .warn, .bold),
        Span(model.dayAndClock(proposal.time), .dim), Span("ramp by \(proposal.plan)", .dim),
      ]
    case .policy(let name):
      guard let view = overview.policies.first(where: { $0.name == name }) else { return [] }
      let (word, role) = RetrainingCard.state(view, canvas)
      let last = view.ended.first.map { run in
        "\(run.began.run)\(run.result.version.map { " \($0.short)" } ?? "") "
          + RetrainingCard.word(run.result.outcome)
      }
      return [
        Span(name.text, .text, .bold), Span(view.endpoint.text), Span(word, role, .bold),
        Span(view.next.map(model.dayAndClock) ?? Format.none, .dim),
        Span(
          last ?? "never ran",
          view.ended.first.map { RetrainingCard.role($0.result.outcome) } ?? .dim),
      ]
    }
  }

  private static func state(_ view: RetrainingPolicyView, _ canvas: Canvas) -> (String, Role) {
    if let stage = view.stage { return ("\(canvas.glyph(.ok)) \(stage)", .ok) }
    if view.command == nil { return ("\(canvas.glyph(.stale)) file is gone", .stale) }
    if view.fault != nil { return ("\(canvas.glyph(.bad)) cannot begin", .bad) }
    return view.coolsUntil == nil ? ("  waits", .text) : ("  cools down", .dim)
  }

  static func word(_ outcome: RetrainingResult.Outcome) -> String {
    switch outcome {
    case .proposed: "proposed"
    case .ramped: "ramped"
    case .gatesFailed: "gates failed"
    case .badData: "bad data"
    case .failed: "failed"
    case .interrupted: "interrupted"
    }
  }

  static func role(_ outcome: RetrainingResult.Outcome) -> Role {
    switch outcome {
    case .proposed, .ramped: .ok
    case .interrupted: .warn
    case .gatesFailed, .badData, .failed: .bad
    }
  }

  // MARK: The chosen one

  private func drawDetail(_ model: ConsoleModel, _ rect: Rect, on canvas: inout Canvas) {
    guard rect.height > 0 else { return }
    for x in rect.x..<rect.x + rect.width {
      canvas.put(String(canvas.glyphs.horizontal), x: x, y: rect.y - 1, .border)
    }
    let lines = detailLines(model, canvas).flatMap { CardView.wrapped($0, rect.width) }
    let first = max(0, min(scroll, lines.count - rect.height))
    for (offset, line) in lines.dropFirst(first).prefix(rect.height).enumerated() {
      canvas.put(line.spans, x: rect.x, y: rect.y + offset, limit: rect.width)
    }
    if first > 0 {
      canvas.putRight(
        String(canvas.glyphs.sortUp), end: rect.x + rect.width + 1, y: rect.y, .dim)
    }
    if first + rect.height < lines.count {
      canvas.putRight(
        String(canvas.glyphs.sortDown), end: rect.x + rect.width + 1, y: rect.y + rect.height - 1,
        .dim)
    }
  }

  private func detailLines(_ model: ConsoleModel, _ canvas: Canvas) -> [CardLine] {
    if let proposal { return lines(of: proposal, model, canvas) }
    return policy.map { lines(of: $0, model, canvas) } ?? []
  }

  private func row(_ label: String, _ text: String, _ role: Role = .text) -> CardLine {
    var line = CardLine([Span(SafeText.fitted(label, to: 10), .dim), Span(text, role)])
    line.hangingIndent = 10
    return line
  }

  private func lines(
    of proposal: RetrainingProposal, _ model: ConsoleModel, _ canvas: Canvas
  ) -> [CardLine] {
    var lines = [
      row(
        "proposal",
        "\(proposal.version) for \(proposal.endpoint), by \(proposal.policy), "
          + "\(model.dayAndClock(proposal.time))"),
      row("accept", "starts its ramp by \(proposal.plan), after the ramp's own card"),
    ]
    if let made = policy?.ended.first(where: { $0.result.version == proposal.version }) {
      lines += facts(of: made, model)
    }
    if let known = model.feed.registry[proposal.version] {
      let figures = known.metrics.sorted { $0.key < $1.key }
        .map { "\($0.key) \(Format.figure($0.value))" }.joined(separator: "  ")
      if !figures.isEmpty { lines.append(row("figures", figures)) }
      if let standing = known.standing {
        lines.append(row("registry", "\(standing.status.rawValue), \(standing.gateWords)"))
      }
      if let parent = known.traits?.parent { lines.append(row("made from", "\(parent)")) }
    }
    if let policy { lines += [.blank] + runs(of: policy, model, canvas) }
    return lines
  }

  /// Trigger, rows, gates and time of a run that ended.
  private func facts(of run: EndedRetraining, _ model: ConsoleModel) -> [CardLine] {
    let result = run.result
    var lines = [
      row(
        "run", "\(run.began.run), \(model.dayAndClock(run.start)), took \(result.duration)"),
      row("trigger", "\(run.began.trigger.words): \(run.began.detail)"),
    ]
    if let rows = result.rows {
      let through = result.through.map { ", recorded up to \(model.dayAndClock($0))" } ?? ""
      lines.append(row("rows", Format.count(rows) + through))
    }
    lines.append(row("gates", result.detail, RetrainingCard.role(result.outcome)))
    return lines
  }

  private func lines(
    of view: RetrainingPolicyView, _ model: ConsoleModel, _ canvas: Canvas
  ) -> [CardLine] {
    var lines = [row("begins", (["by hand"] + view.triggers).joined(separator: ", "))]
    if let command = view.command {
      lines.append(row("command", command))
    } else {
      lines.append(row("command", "the policy's file is gone: it cannot run", .warn))
    }
    if let ending = view.ending, let plan = view.plan {
      lines.append(
        row("then", "\(ending == .ramp ? "a ramp" : "a proposal of a ramp") by \(plan)"))
    }
    if let next = view.next { lines.append(row("next", model.dayAndClock(next))) }
    if let cools = view.coolsUntil {
      lines.append(row("cools", "no trigger begins a run before \(model.dayAndClock(cools))"))
    }
    if let since = view.driftSince {
      lines.append(row("drift", "holds since \(model.dayAndClock(since))", .warn))
    }
    if let through = view.learntThrough {
      lines.append(row("learnt", "from rows up to \(model.dayAndClock(through))"))
    }
    if let fault = view.fault { lines.append(row("fault", "cannot begin: \(fault)", .bad)) }
    if let running = view.running {
      let since = view.runningSince.map { " since \(model.dayAndClock($0))" } ?? ""
      lines.append(
        row(
          "now", "run \(running.run)\(since), \(running.trigger.words): \(view.stage ?? "")", .ok))
    }
    return lines + [.blank] + runs(of: view, model, canvas)
  }

  private func runs(
    of view: RetrainingPolicyView, _ model: ConsoleModel, _ canvas: Canvas
  ) -> [CardLine] {
    guard !view.ended.isEmpty else { return [CardLine("It never ran.", .dim)] }
    return [CardLine([Span(runHeading, .dim)])]
      + view.ended.flatMap { runLines($0, model, canvas) }
  }

  private var runHeading: String {
    "  RUN  BEGAN                TRIGGER  RESULT       MADE  ROWS      TOOK"
  }

  private func runLines(
    _ run: EndedRetraining, _ model: ConsoleModel, _ canvas: Canvas
  ) -> [CardLine] {
    let result = run.result
    let role = RetrainingCard.role(result.outcome)
    func cell(_ text: String, _ width: Int) -> String {
      SafeText.fitted(text, to: width, ellipsis: canvas.glyphs.ellipsis)
    }
    var detail = CardLine([Span("       \(result.detail)", .dim)])
    detail.hangingIndent = 7
    return [
      CardLine([
        Span("\(canvas.glyph(role)) ", role, .bold),
        Span(cell("\(run.began.run)", 5), .text, .bold),
        Span(cell(model.dayAndClock(run.start), 20) + " ", .dim),
        Span(cell(run.began.trigger.words, 8) + " "),
        Span(cell(RetrainingCard.word(result.outcome), 12) + " ", role),
        Span(cell(result.version?.short ?? Format.none, 5) + " ", .candidate),
        Span(cell(result.rows.map(Format.count) ?? Format.none, 9) + " "),
        Span("\(result.duration)", .dim),
      ]), detail,
    ]
  }

  /// The same as lines, where there is no screen.
  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: title)
    content.width = 100
    content.notice = question?.sentence ?? notice
    guard let overview, !entries.isEmpty else {
      content.lines = [emptyLine]
      content.buttons = buttons(model)
      return content
    }
    for (number, entry) in entries.enumerated() {
      let words = cells(entry, overview, model, canvas).map(\.text).filter { !$0.isEmpty }
      content.lines.append(
        CardLine(
          [Span((number == index ? "> " : "") + words.joined(separator: "  "))],
          hit: .entry(number), isSelected: number == index))
    }
    content.lines += [.blank] + detailLines(model, canvas)
    content.buttons = buttons(model)
    return content
  }
}
