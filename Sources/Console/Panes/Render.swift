import Control
import Core
import Node

/// Draws a model: pure, the same model gives the same frame.
public func render(_ model: ConsoleModel) -> Frame {
  var canvas = Canvas(
    columns: model.columns, rows: model.rows, glyphs: model.settings.glyphs, theme: model.theme)
  let layout = ScreenLayout(model)
  if layout.mode == .tooSmall {
    SmallScreen.draw(model, layout, on: &canvas)
  } else {
    HeaderLine.draw(model, in: layout.header, on: &canvas)
    if let tabs = layout.tabs { TabLine.draw(model, in: tabs, on: &canvas) }
    drawBody(model, layout, on: &canvas)
    if let timeline = layout.timeline { TimeLine.draw(model, in: timeline, on: &canvas) }
    MessageLine.draw(model, in: layout.message, on: &canvas)
    HintLine.draw(model, in: layout.hints, on: &canvas)
  }
  for dialog in model.dialogs where !dialog.isLine {
    CardView.draw(dialog, model, on: &canvas)
  }
  canvas.mendWideCharacters()
  return canvas.frame
}

private func drawBody(_ model: ConsoleModel, _ layout: ScreenLayout, on canvas: inout Canvas) {
  guard model.shown != nil else {
    let sentence =
      model.feed.failure.map { "The node does not answer: \($0)" } ?? "Waiting for the node..."
    canvas.put(
      sentence, x: 2, y: layout.body.y + layout.body.height / 2, .dim,
      limit: layout.body.width - 4)
    return
  }
  if model.atHome {
    HomeList.draw(model, in: layout.body, on: &canvas)
  } else {
    for placed in layout.panes {
      draw(placed.pane, model, in: placed.rect, on: &canvas)
    }
  }
  if model.staleMilliseconds != nil {
    for placed in layout.panes { canvas.fade(placed.rect.inset()) }
    if model.atHome { canvas.fade(layout.body.inset()) }
  }
}

private func draw(
  _ pane: PaneID, _ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas
) {
  switch pane {
  case .traffic: TrafficPane.draw(model, in: rect, on: &canvas)
  case .versions: VersionsPane.draw(model, in: rect, on: &canvas)
  case .canary: CanaryPane.draw(model, in: rect, on: &canvas)
  case .drift: DriftPane.draw(model, in: rect, on: &canvas)
  case .events: EventsPane.draw(model, in: rect, on: &canvas)
  case .runbooks: RunbooksPane.draw(model, in: rect, on: &canvas)
  }
}

extension ConsoleModel {
  /// A time of day as the screen writes it: `14:02:31Z`, or in the local zone without the letter.
  func clock(_ time: Timestamp) -> String {
    guard !look.isUTC else { return time.clock + "Z" }
    return (time + .seconds(settings.localOffsetSeconds)).clock
  }

  /// A day and time, for cards.
  func dayAndClock(_ time: Timestamp) -> String {
    let shifted = look.isUTC ? time : time + .seconds(settings.localOffsetSeconds)
    let c = shifted.civil
    return "\(padded(c.year, 4))-\(padded(c.month, 2))-\(padded(c.day, 2)) \(clock(time))"
  }

  /// A sentence without the name of the endpoint it begins with, where that is the one shown.
  func news(_ sentence: String) -> String {
    guard !atHome, let endpoint, sentence.hasPrefix("\(endpoint): ") else { return sentence }
    return String(sentence.dropFirst(endpoint.text.count + 2))
  }

  /// How a pane's frame says that the past is shown; empty in the present.
  func pastMark(_ canvas: Canvas, width: Int) -> [Span] {
    guard let at = feed.pastAt, feed.past != nil else { return [] }
    let sign = canvas.glyphs.isASCII ? "<" : "◀"
    return [Span("\(sign) \(width < 44 ? "" : "as of ")\(clock(at))  ", .warn, .bold)]
  }

  /// A version in a narrow column: `@3`, or in full where the endpoint has several models.
  func label(_ version: VersionID) -> String {
    let models = Set((detail?.versions ?? []).map(\.version.model))
    return models.count > 1 ? version.description : version.short
  }

  /// Which colour a version has everywhere: the candidate's, the stable's or neither.
  func role(of version: VersionID) -> Role {
    if let rollout = detail?.rollout, rollout.isRunning {
      if version == rollout.candidate { return .candidate }
      if version == rollout.fallback { return .stable }
      return .current
    }
    let stable = detail?.split?.shares.max { $0.weight < $1.weight }?.version
    if version == stable { return .stable }
    return detail?.split?.versions.contains(version) == true ? .candidate : .current
  }
}

extension Severity {
  /// The role that the severity has on the screen.
  var role: Role {
    switch self {
    case .ok: .ok
    case .warn: .warn
    case .bad: .bad
    }
  }
}
