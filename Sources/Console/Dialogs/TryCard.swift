import Core
import Node

/// One test request: a row that can be changed, and what came of it.
///
/// It is marked synthetic and outside of every verdict; sending it changes nothing.
struct TryCard: Sendable {
  /// A line of the form.
  enum Line: Sendable, Hashable {
    case version, key
    case column(String)
  }

  let endpoint: Name
  /// Who may be asked for; the first is nobody in particular.
  let versions: [VersionID?]
  private(set) var versionIndex = 0
  var key = ""
  /// The values that are sent; empty takes the row of a recent request.
  private(set) var row: [String: String] = [:]
  /// The row's columns in order.
  private(set) var columns: [String] = []
  private(set) var selected = 0
  /// What is typed into the chosen line; nil while nothing is.
  var field: TextField?
  var ticket: Ticket?
  private(set) var answer: TriedRequest?
  private(set) var failure: String?
  var notice: String?

  init(endpoint: Name, versions: [VersionID]) {
    self.endpoint = endpoint
    self.versions = [nil] + versions.map(Optional.some)
  }

  /// The lines of the form.
  var lines: [Line] { [.version, .key] + columns.map(Line.column) }
  /// The chosen line.
  var line: Line { lines[max(0, min(lines.count - 1, selected))] }
  /// The version that is asked for; nil to be routed.
  var version: VersionID? { versions[versionIndex] }

  /// The text of a line.
  func text(of line: Line) -> String {
    switch line {
    case .version: version?.description ?? "routed as any request"
    case .key: key
    case .column(let name): row[name] ?? ""
    }
  }

  var request: NodeRequest {
    .tryRequest(
      endpoint: endpoint, row: row, key: key.isEmpty ? nil : key, headers: [:], version: version)
  }

  mutating func move(by count: Int) {
    let (sum, overflow) = selected.addingReportingOverflow(count)
    let place = overflow ? (count < 0 ? 0 : lines.count - 1) : sum
    selected = max(0, min(lines.count - 1, place))
  }

  mutating func choose(_ index: Int) { selected = max(0, min(lines.count - 1, index)) }

  mutating func chooseVersion(by step: Int) {
    versionIndex = (versionIndex + step + versions.count) % versions.count
  }

  /// Puts typed text into the chosen line.
  mutating func commit() {
    guard let field else { return }
    switch line {
    case .version: break
    case .key: key = field.text
    case .column(let name): row[name] = field.text
    }
    self.field = nil
  }

  /// Takes a recent request's row in place of the present one.
  mutating func forgetRow() { row = [:] }

  mutating func take(_ newest: TriedRequest) {
    answer = newest
    failure = nil
    ticket = nil
    if row.isEmpty { row = newest.row }
    let names = newest.row.keys.sorted()
    if columns.isEmpty || Set(columns) != Set(names) { columns = names }
  }

  mutating func fail(_ sentence: String) {
    failure = sentence
    ticket = nil
  }
}

extension TryCard {
  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: "Try a request on \(endpoint)")
    content.fillsScreen = true
    let width = max(30, canvas.frame.buffer.width - 4)
    let isWide = width >= 100
    let form = formLines(canvas, width: isWide ? width / 2 - 2 : width)
    let outcome = outcomeLines(model, canvas)
    if isWide {
      // Side by side: the form keeps its columns, the answer stands right of it.
      for index in 0..<max(form.count, outcome.count) {
        let left = index < form.count ? form[index] : CardLine([Span("")])
        let right = index < outcome.count ? outcome[index].spans : []
        let used = Canvas.columns(of: left.spans)
        let pad = String(repeating: " ", count: max(2, width / 2 - used))
        var line = CardLine(left.spans + [Span(pad)] + right, hit: left.hit)
        line.isSelected = false
        content.lines.append(line)
      }
    } else {
      content.lines = outcome + [.blank] + form
      content.focusLine = 0
    }
    content.notice = notice
    if let field { content.field = (label(of: line), field) }
    content.buttons =
      field == nil
      ? [
        .init("Enter", line == .version ? "send" : "edit", .key(.enter)),
        .init("r", "recent row", .key(.character("r"))),
      ]
        + (line == .version ? [] : [.init("s", "send", .key(.character("s")))]) + [
          .init("y", "copy", .key(.character("y"))), .init("Esc", "close", .key(.escape)),
        ]
      : [
        .init("Enter", "take and send", .key(.enter)), .init("Esc", "leave it", .key(.escape)),
      ]
    return content
  }

  private func label(of line: Line) -> String {
    switch line {
    case .version: "version"
    case .key: "key"
    case .column(let name): name
    }
  }

  private func formLines(_ canvas: Canvas, width: Int) -> [CardLine] {
    var result: [CardLine] = []
    for (index, line) in lines.enumerated() {
      let isOn = index == max(0, min(lines.count - 1, selected))
      let text = text(of: line)
      let shown = text.isEmpty ? (line == .key ? "none" : "empty") : text
      result.append(
        CardLine(
          [
            Span(isOn ? "> " : "  ", .title, .bold),
            Span(
              SafeText.fitted(label(of: line), to: 20, ellipsis: canvas.glyphs.ellipsis) + " ",
              isOn ? .text : .dim, isOn ? .bold : []),
            Span(
              SafeText.fitted(
                (line == .version ? "< \(shown) >" : shown), to: max(8, width - 24),
                ellipsis: canvas.glyphs.ellipsis),
              text.isEmpty ? .dim : isOn ? .selection : .text),
          ], hit: .entry(index), isSelected: isOn))
    }
    if columns.isEmpty {
      result.append(CardLine(failure == nil ? "Taking a recent request's row..." : "", .dim))
    }
    return result
  }

  private func outcomeLines(_ model: ConsoleModel, _ canvas: Canvas) -> [CardLine] {
    var lines: [CardLine] = []
    if ticket != nil { lines.append(CardLine("Asking...", .dim)) }
    if let failure {
      lines.append(CardLine("\(canvas.glyph(.bad)) \(failure)", .bad))
      return lines
    }
    guard let answer else { return lines }
    let isAnswered = answer.version != nil
    lines.append(
      CardLine([
        Span(
          "\(canvas.glyph(isAnswered ? .ok : .bad)) \(answer.outcome)", isAnswered ? .ok : .bad,
          .bold),
        Span(
          "  in \(Format.milliseconds(Double(answer.latencyNanoseconds) / 1e6)) ms", .text, .bold),
        Span("   synthetic, never judged", .dim),
      ]))
    lines.append(
      CardLine([
        Span("answered by ", .dim),
        Span(
          answer.version?.description ?? "nobody",
          answer.version.map(model.role(of:)) ?? .bad, .bold),
      ]))
    lines.append(CardLine(answer.chosenBy, .dim))
    if let routed = answer.routedTo, routed != answer.version {
      lines.append(CardLine("routed to \(routed), which did not answer", .warn))
    }
    var figures: [Span] = []
    if let label = answer.label {
      figures += [Span("label ", .dim), Span(printable(label, limit: 60), .text, .bold)]
    }
    if let score = answer.score {
      figures += [Span("   score ", .dim), Span(Format.fixed(score, 3), .text, .bold)]
    }
    if !figures.isEmpty { lines.append(CardLine(figures)) }
    for output in answer.outputs.prefix(12) {
      let values = output.values.prefix(8).joined(separator: ", ")
      lines.append(
        CardLine([
          Span(
            SafeText.fitted(output.name, to: 18, ellipsis: canvas.glyphs.ellipsis) + " ", .dim),
          Span(values + (output.values.count > 8 ? ", ..." : "")),
        ]))
    }
    let stages = answer.stages.map {
      "\($0.name) \(Format.milliseconds(Double($0.nanoseconds) / 1e6))"
    }
    if !stages.isEmpty {
      lines.append(CardLine("took ms: " + stages.joined(separator: ", "), .dim))
    }
    if let source = answer.rowSource { lines.append(CardLine("the row is \(source)", .dim)) }
    return lines
  }
}
