import Control
import Core
import Node

/// The freezes of the node.
struct FreezeList: Sendable {
  /// The number of the chosen freeze; nil is the first.
  var selected: Int?
  var notice: String?

  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: "Freezes")
    content.width = 84
    let views = model.feed.live?.freezes ?? []
    let index = views.firstIndex { $0.freeze.id == selected } ?? 0
    for (number, view) in views.enumerated() {
      let isOn = number == index
      let role: Role = view.isActive ? .warn : .dim
      content.lines.append(
        CardLine(
          [
            Span(isOn ? "> " : "  ", .title, .bold),
            Span(SafeText.fitted("\(view.freeze.id)", to: 4), .text, isOn ? .bold : []),
            Span(
              SafeText.fitted(
                view.isActive ? "\(canvas.glyph(.warn)) holds" : "  idle", to: 9), role, .bold),
            Span(
              SafeText.fitted(
                view.freeze.endpoint?.text ?? "everywhere", to: 14,
                ellipsis: canvas.glyphs.ellipsis) + " "),
            Span(
              SafeText.fitted(
                view.freeze.isLineStop ? "line stopped" : view.freeze.window.description, to: 26,
                ellipsis: canvas.glyphs.ellipsis) + " "),
            Span("\(view.freeze.by.name): \(view.freeze.reason)", .dim),
          ], hit: .entry(number), isSelected: isOn))
    }
    if views.isEmpty {
      content.lines = [
        CardLine("Nothing is frozen: ramps may begin and go on at any time.", .ok)
      ]
    } else if let view = views.indices.contains(index) ? views[index] : nil {
      content.lines += [
        .blank, CardLine("\(view.freeze.window), by \(view.freeze.by.name): \(view.freeze.reason)"),
      ]
      if let until = view.until {
        content.lines.append(CardLine("It holds until \(model.dayAndClock(until)).", .warn))
      }
    }
    content.focusLine = 0
    content.notice = notice
    let isStopped = model.lineStop != nil
    content.buttons = [
      .init("a", "add", .key(.character("a"))),
      .init("d", "end it", .key(.character("d")), isEnabled: !views.isEmpty),
      .init("X", isStopped ? "release the line" : "stop the line", .key(.character("X"))),
      .init("Esc", "close", .key(.escape)),
    ]
    return content
  }
}

/// A freeze that is being written.
struct FreezeForm: Sendable {
  /// The line that is typed in.
  enum Place: Int, Sendable, Hashable, CaseIterable {
    case window, endpoint, reason
  }

  /// The endpoint it may be for; nil on a node without one.
  let endpoint: Name?
  var isEverywhere = true
  var place: Place = .window
  var window = TextField()
  var reason = TextField()
  var notice: String?

  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: "Add a freeze")
    content.width = 76
    func line(_ at: Place, _ label: String, _ text: String, hint: String) -> CardLine {
      let isOn = place == at
      return CardLine(
        [
          Span(isOn ? "> " : "  ", .title, .bold),
          Span(SafeText.fitted(label, to: 10), isOn ? .text : .dim, isOn ? .bold : []),
          Span(text.isEmpty ? hint : text, text.isEmpty ? .dim : .text, isOn ? .bold : []),
        ], hit: .entry(at.rawValue), isSelected: isOn)
    }
    content.lines = [
      line(.window, "window", window.text, hint: "Fri 16:00-Mon 08:00 +01:00"),
      line(
        .endpoint, "where", isEverywhere ? "every endpoint" : endpoint?.text ?? "every endpoint",
        hint: ""), line(.reason, "reason", reason.text, hint: "why, for everyone it stops"), .blank,
      CardLine(
        "Each week like Fri 16:00-Mon 08:00, or once like 2026-12-24 16:00/2027-01-02 08:00; UTC, "
          + "or with a zone like +01:00 at the end. Left and Right change where.", .dim),
    ]
    content.notice = notice
    switch place {
    case .window: content.field = ("window", window)
    case .reason: content.field = ("reason", reason)
    case .endpoint: break
    }
    content.buttons = [
      .init("Enter", place == .reason ? "look at it" : "next", .key(.enter)),
      .init("Tab", "next line", .key(.tab)), .init("Esc", "cancel", .key(.escape)),
    ]
    return content
  }

  /// The change that it describes.
  /// - Throws: ``InvalidValue`` with what is missing.
  func change() throws(InvalidValue) -> Change {
    let window = try FreezeWindow(window.text.trimmed)
    let why = reason.text.trimmed
    guard !why.isEmpty else { throw InvalidValue("a freeze needs a reason: everyone reads it") }
    return .addFreeze(window, endpoint: isEverywhere ? nil : endpoint, reason: why)
  }
}
