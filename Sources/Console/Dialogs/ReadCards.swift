import Core
import Node

/// Two versions beside each other.
enum DiffCard {
  static func content(
    _ a: VersionID, _ b: VersionID, _ model: ConsoleModel, _ canvas: Canvas
  ) -> CardContent {
    var content = CardContent(title: "\(a) and \(b)")
    content.width = 70
    let rows = [a, b].map { version in model.detail?.versions.first { $0.version == version } }
    let known = [a, b].map { model.feed.registry[$0] }
    func add(_ label: String, _ x: String, _ y: String, delta: String = "") {
      content.lines.append(
        CardLine([
          Span(SafeText.fitted(label, to: 18, ellipsis: canvas.glyphs.ellipsis), .dim),
          Span(right(x), model.role(of: a)), Span(right(y), model.role(of: b), .bold),
          Span("  \(delta)", .dim),
        ]))
    }
    add("", a.short, b.short)
    add("state", rows[0]?.state ?? Format.none, rows[1]?.state ?? Format.none)
    add("weight", weight(rows[0]), weight(rows[1]))
    let figures: [(String, (VersionRow) -> Double?, (Double?) -> String)] = [
      ("requests/s", \.requestsPerSecond, Format.rate),
      ("p50 ms", \.p50Milliseconds, Format.milliseconds),
      ("p99 ms", \.p99Milliseconds, Format.milliseconds),
      ("errors %", \.errorRate, Format.share), ("wrong %", \.wrongRate, Format.share),
      ("largest PSI", \.driftScore, Format.distance),
    ]
    for (label, value, text) in figures {
      let (x, y) = (rows[0].flatMap(value), rows[1].flatMap(value))
      add(label, text(x), text(y), delta: ratio(x, y))
    }
    let metrics = Set((known[0]?.metrics ?? [:]).keys).union((known[1]?.metrics ?? [:]).keys)
    if !metrics.isEmpty { content.lines.append(.blank) }
    for name in metrics.sorted() {
      let (x, y) = (known[0]?.metrics[name], known[1]?.metrics[name])
      add(name, Format.figure(x), Format.figure(y), delta: ratio(x, y))
    }
    content.lines.append(.blank)
    add(
      "size", known[0].map { Format.bytes($0.bytes) } ?? Format.none,
      known[1].map { Format.bytes($0.bytes) } ?? Format.none)
    add("digest", rows[0]?.digest.short ?? Format.none, rows[1]?.digest.short ?? Format.none)
    content.buttons = [.init("Esc", "close", .key(.escape))]
    return content
  }

  private static func right(_ text: String) -> String {
    let width = Canvas.columns(of: text)
    return String(repeating: " ", count: max(1, 15 - width)) + text
  }

  private static func weight(_ row: VersionRow?) -> String {
    row.map { percentText($0.weight) } ?? Format.none
  }

  /// How many times the second is the first: `x1.25`.
  private static func ratio(_ x: Double?, _ y: Double?) -> String {
    guard let x, let y, x > 0, y.isFinite, x.isFinite else { return "" }
    return "x" + Format.fixed(y / x, 2)
  }
}

/// One event with everything that the journal holds of it.
enum EventCard {
  static func content(
    _ key: EventKey, _ model: ConsoleModel, _ canvas: Canvas
  ) -> CardContent? {
    guard let line = model.eventLines.first(where: { $0.key == key }) else { return nil }
    var content = CardContent(title: "\(line.kind)  \(model.dayAndClock(line.time))")
    content.width = 76
    content.lines.append(
      CardLine(line.summary, line.severity == .ok ? .text : line.severity.role, .bold))
    content.lines.append(.blank)
    func add(_ label: String, _ text: String?) {
      guard let text, !text.isEmpty else { return }
      content.lines.append(
        CardLine([Span(SafeText.fitted(label, to: 12), .dim), Span(text)]))
    }
    add("by", line.actor)
    if case .journal(let sequence) = line.key { add("journal", "row \(Format.count(sequence))") }
    add("generation", line.generation.map(String.init))
    add("reason", line.reason)
    if let command = line.commandLine {
      content.lines += [
        .blank, CardLine("The same from a command line:", .dim), CardLine(command, .title),
      ]
    }
    content.buttons = [
      .init("y", line.commandLine == nil ? "copy" : "copy command", .key(.character("y"))),
      .init("Up/Down", "others", .key(.down)), .init("Esc", "close", .key(.escape)),
    ]
    return content
  }
}

/// What checking the journal found.
enum JournalCard {
  static func content(_ check: JournalCheck, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: "Journal")
    if let fault = check.fault {
      content.role = .danger
      content.lines = [CardLine("\(canvas.glyph(.bad)) The chain is broken: \(fault)", .bad, .bold)]
    } else {
      content.lines = [
        CardLine(
          "\(canvas.glyph(.ok)) The chain of \(Format.count(check.events)) events holds.", .ok)
      ]
    }
    if let head = check.head { content.lines.append(CardLine("head \(head)", .dim)) }
    content.buttons = [.init("Esc", "close", .key(.escape))]
    return content
  }
}
