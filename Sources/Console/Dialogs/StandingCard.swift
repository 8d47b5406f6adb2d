import Control
import Core
import Node

/// What the registry says of a version: aliases, tags, status, gates, and the checklist that people
/// sign.
struct StandingCard: Sendable {
  let version: VersionID
  var ticket: Ticket?
  private(set) var view: VersionRecordView?
  private(set) var failure: String?
  /// The chosen item of the checklist.
  private(set) var selected = 0
  var notice: String?

  init(version: VersionID, ticket: Ticket) {
    self.version = version
    self.ticket = ticket
  }

  mutating func take(_ newest: VersionRecordView) {
    view = newest
    failure = nil
    selected = max(0, min(selected, newest.checklist.count - 1))
  }

  mutating func fail(_ sentence: String) { failure = sentence }

  mutating func move(by count: Int) {
    let (sum, overflow) = selected.addingReportingOverflow(count)
    let last = max(0, (view?.checklist.count ?? 1) - 1)
    selected = max(0, min(last, overflow ? (count < 0 ? 0 : last) : sum))
  }

  mutating func choose(_ index: Int) { selected = index }

  /// The chosen item.
  var row: ChecklistRow? {
    guard let rows = view?.checklist, rows.indices.contains(selected) else { return nil }
    return rows[selected]
  }

  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: "Checklist of \(version)")
    content.width = 84
    content.notice = notice
    if let failure {
      content.lines = [CardLine("The registry did not answer: \(failure)", .bad)]
    } else if let view {
      content.lines = lines(view, model, canvas)
    } else {
      content.lines = [CardLine("Reading the registry...", .dim)]
    }
    content.focusLine = 0
    let canAct = view != nil && !model.look.isReadOnly
    let isSigned = row?.signOff != nil
    content.buttons = [
      .init(
        "Enter", isSigned ? "take back" : "sign", .key(.enter), isEnabled: canAct && row != nil),
      .init("A", "approve version", .key(.character("A")), isEnabled: canAct),
      .init("Up/Down", "items", .key(.down)), .init("Esc", "close", .key(.escape)),
    ]
    return content
  }

  private func lines(
    _ view: VersionRecordView, _ model: ConsoleModel, _ canvas: Canvas
  ) -> [CardLine] {
    let record = view.record
    var lines = [
      CardLine([
        Span("status ", .dim), RegistryStanding.status(record.status, canvas),
        Span(
          record.approval.map { approval in
            "  by \(approval.by.name) \(model.dayAndClock(approval.time))"
              + (approval.reason.map { ": \($0)" } ?? "")
          } ?? "", .dim),
      ])
    ]
    if !view.aliases.isEmpty {
      lines.append(
        CardLine([
          Span("aliases ", .dim),
          Span(view.aliases.map(\.alias.text).joined(separator: ", "), .title, .bold),
        ]))
    }
    if !record.tags.isEmpty {
      lines.append(
        CardLine([
          Span("tags ", .dim),
          Span(record.tags.map(\.description).joined(separator: ", ")),
        ]))
    }
    lines += gateLines(record, model, canvas)
    let rows = view.checklist
    let signed = rows.count { $0.signOff != nil }
    lines += [
      .blank,
      CardLine(
        "Checklist, \(signed) of \(rows.count) signed"
          + (view.fourEyes ? ", not by who imported it" : ""), .title, .bold),
    ]
    for (index, row) in rows.enumerated() {
      let isOn = index == selected
      lines.append(
        CardLine(
          [
            Span(isOn ? "> " : "  ", .title, .bold),
            Span(
              "\(canvas.glyph(row.signOff == nil ? .stale : .ok)) ",
              row.signOff == nil ? .stale : .ok, .bold),
            Span(
              SafeText.fitted(row.item, to: 40, ellipsis: canvas.glyphs.ellipsis), .text,
              isOn ? .bold : []),
            Span(
              row.signOff.map { "  \($0.by.name) \(model.dayAndClock($0.time))" } ?? "  not signed",
              .dim),
          ], hit: .entry(index), isSelected: isOn))
    }
    if rows.isEmpty { lines.append(CardLine("  It has no items.", .dim)) }
    return lines
  }

  private func gateLines(
    _ record: VersionRecord, _ model: ConsoleModel, _ canvas: Canvas
  ) -> [CardLine] {
    guard let last = record.gates.first else {
      return [CardLine("gates: none were run, sluice model gate runs them", .warn)]
    }
    let role: Role = last.run.passed ? .ok : .bad
    var lines = [
      CardLine([
        Span("gates ", .dim),
        Span(
          "\(canvas.glyph(role)) \(last.run.gates) \(last.run.passed ? "passed" : "FAILED")", role,
          .bold),
        Span(
          "  by \(last.by.name) \(model.dayAndClock(last.time))"
            + (last.run.against.map { " against \($0)" } ?? ""), .dim),
      ])
    ]
    for line in last.run.lines.prefix(24) {
      let role: Role = line.passed ? .ok : .bad
      lines.append(
        CardLine([
          Span("  \(canvas.glyph(role)) ", role),
          Span(SafeText.fitted(line.gate, to: 24, ellipsis: canvas.glyphs.ellipsis) + " "),
          Span(SafeText.fitted(line.measured, to: 26, ellipsis: canvas.glyphs.ellipsis) + " "),
          Span(line.limit, .dim),
        ]))
    }
    return lines
  }
}

/// How the registry's word on a version looks.
enum RegistryStanding {
  /// `● approved`, with a glyph of its own for each status.
  static func status(_ status: ReviewStatus, _ canvas: Canvas) -> Span {
    switch status {
    case .approved: Span("\(canvas.glyph(.ok)) approved", .ok, .bold)
    case .rejected: Span("\(canvas.glyph(.bad)) rejected", .bad, .bold)
    case .inReview: Span("\(canvas.glyph(.warn)) in review", .warn, .bold)
    case .archived: Span("\(canvas.glyph(.stale)) archived", .stale)
    case .draft: Span("draft", .dim)
    }
  }

  /// In short for a list: `+gates 4/4`, `-gates 1/4`, empty when nothing was said.
  static func short(_ standing: VersionStanding, _ canvas: Canvas) -> [Span] {
    var spans: [Span] = []
    switch standing.status {
    case .approved: spans.append(Span("\(canvas.glyph(.ok)) appr ", .ok))
    case .rejected: spans.append(Span("\(canvas.glyph(.bad)) rej  ", .bad))
    case .inReview: spans.append(Span("\(canvas.glyph(.warn)) rev  ", .warn))
    case .archived: spans.append(Span("\(canvas.glyph(.stale)) arch ", .stale))
    case .draft: spans.append(Span("  draft", .dim))
    }
    switch standing.gatesPassed {
    case true?: spans.append(Span("gates+ ", .ok))
    case false?: spans.append(Span("GATES- ", .bad, .bold))
    case nil: spans.append(Span("gates? ", .dim))
    }
    spans.append(Span("\(standing.itemsSigned)/\(standing.items)", .dim))
    return spans
  }
}
