import Control
import Core
import Node

/// What is recorded of the shown endpoint's requests.
struct RecordingCard: Sendable {
  let endpoint: Name
  var ticket: Ticket
  private(set) var view: RecordingView?
  private(set) var failure: String?
  /// True until the question under way is answered.
  private(set) var isAsking = true
  var notice: String?

  init(endpoint: Name, ticket: Ticket) {
    self.endpoint = endpoint
    self.ticket = ticket
  }

  /// Begins to wait for another answer.
  mutating func ask(_ ticket: Ticket) {
    self.ticket = ticket
    isAsking = true
  }

  mutating func take(_ newest: RecordingView) {
    view = newest
    failure = nil
    isAsking = false
  }

  mutating func fail(_ sentence: String) {
    failure = sentence
    isAsking = false
  }

  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: "Recording on \(endpoint)")
    content.width = 72
    if let failure {
      content.lines = [CardLine("The node did not answer: \(failure)", .bad)]
    } else if let view {
      content.lines = lines(view, model, canvas)
    } else {
      content.lines = [CardLine("Asking the node...", .dim)]
    }
    content.notice = notice
    let canAct = view != nil && failure == nil && !model.look.isReadOnly
    let isOn = view?.policy != nil
    content.buttons = [
      .init(
        "o", isOn ? "change" : "turn on", .key(.character("o")), isEnabled: canAct),
      .init("x", "turn off", .key(.character("x")), isEnabled: canAct && isOn),
      .init("Esc", "close", .key(.escape)),
    ]
    return content
  }

  private func lines(
    _ view: RecordingView, _ model: ConsoleModel, _ canvas: Canvas
  ) -> [CardLine] {
    func row(_ label: String, _ text: String, _ role: Role = .text) -> CardLine {
      CardLine([Span(SafeText.fitted(label, to: 12), .dim), Span(text, role)])
    }
    var lines: [CardLine] = []
    if let policy = view.policy {
      let state = view.isRunning ? "records" : "would record when the node serves"
      lines.append(
        row(
          "state",
          "\(canvas.glyph(view.fault == nil ? .ok : .bad)) \(state) "
            + "\(percentText(policy.share)) of the callers", view.fault == nil ? .ok : .bad))
      lines.append(
        row("keeps", "\(Format.bytes(policy.keepBytes)), at most \(policy.maxAge)"))
      if !policy.withheld.isEmpty {
        lines.append(row("withheld", policy.withheld.joined(separator: ", ")))
      }
    } else {
      lines.append(row("state", "off: o turns it on", .dim))
    }
    let files = view.files == 1 ? "1 file" : "\(view.files) files"
    lines.append(row("on disk", "\(Format.bytes(view.bytes)) in \(files)"))
    if let oldest = view.oldest { lines.append(row("since", model.dayAndClock(oldest))) }
    lines.append(
      row(
        "written", "\(Format.count(view.requests)) requests, \(Format.count(view.labels)) labels"))
    if view.dropped > 0 || view.lost > 0 {
      lines.append(
        row(
          "not written",
          "\(Format.count(view.dropped)) dropped, \(Format.count(view.lost)) not taken by the disk",
          .warn))
    }
    if let fault = view.fault { lines.append(row("fault", fault, .bad)) }
    return lines
  }
}
