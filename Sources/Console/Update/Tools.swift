import Core
import Node

/// Actions that are about the console itself.
extension ConsoleModel {
  mutating func useTool(_ action: Action, _ argument: String?) -> [Effect] {
    switch action {
    case .palette: openPalette()
    case .help: push(.help(HelpSheet()))
    case .copy: return copySelected()
    case .copyPane:
      guard let text = paneText() else { return [] }
      say("Copied the pane's text", .dim)
      return [.copy(text)]
    case .export:
      guard let text = paneText() else { return [] }
      let stamp = moment.wall.description.filter { $0.isNumber }.prefix(14)
      let name = atHome ? "endpoints" : String(describing: focus)
      return [.export(name: "sluice-\(name)-\(stamp).txt", text: text + "\n")]
    case .mouse:
      look.hasMouse.toggle()
      say(
        look.hasMouse
          ? "The mouse works in the console"
          : "The mouse is the terminal's: it selects text; m turns back",
        .dim)
      return [.setMouse(look.hasMouse)]
    case .readOnly:
      look.isReadOnly.toggle()
      say(
        look.isReadOnly
          ? "Read-only: everything that changes the node is refused" : "Changes are allowed", .dim)
    case .theme: changeTheme(argument)
    case .verifyJournal:
      let ticket = ticket(.journalCheck)
      say("Checking the journal...", .dim)
      return [.send(ticket, .verifyJournal, .reading)]
    case .quit: return startQuit()
    case .suspend: return suspend()
    default: break
    }
    return []
  }

  private mutating func changeTheme(_ argument: String?) {
    if let argument {
      guard let index = settings.themes.firstIndex(where: { $0.name == argument }) else {
        say("There is no theme \(argument)", .warn)
        return
      }
      look.theme = index
    } else {
      look.theme = (look.theme + 1) % settings.themes.count
    }
    say("Theme: \(theme.name)", .dim)
  }

  /// True when leaving could stop an engine that serves requests.
  private var hasTraffic: Bool {
    guard let live = feed.live else { return false }
    return live.endpoints.contains { $0.requestsPerSecond > 0 } || !live.node.trafficSource.isEmpty
  }

  private mutating func startQuit() -> [Effect] {
    if settings.inProcess && hasTraffic {
      push(.quit(QuitCard(opened: moment)))
      return []
    }
    isLeaving = true
    return [.quit(stopNode: settings.inProcess)]
  }

  private mutating func suspend() -> [Effect] {
    if settings.inProcess {
      say(
        "Not suspended: the engine runs in this process. q leaves, d there keeps it on",
        .warn)
      return []
    }
    return [.suspend]
  }

  private mutating func copySelected() -> [Effect] {
    guard let text = copyText, !text.isEmpty else {
      say("There is nothing to copy here", .dim)
      return []
    }
    say("Copied: \(text)", .dim)
    return [.copy(text)]
  }

  /// What `y` copies in the focused pane.
  private var copyText: String? {
    if atHome { return selectedEndpoint?.name.text }
    switch focus {
    case .traffic: return detail?.name.text
    case .versions: return selectedVersion?.version.description
    case .canary: return detail?.rollout.map { "\($0.candidate) \($0.phase) \($0.cause)".trimmed }
    case .drift:
      return selectedFeature.map { "\($0.name) PSI \(Format.distance($0.psi))" }
    case .events: return selectedEvent.map { $0.commandLine ?? $0.summary }
    case .runbooks: return selectedRunbook?.name
    }
  }

  /// The focused pane as plain text.
  private func paneText() -> String? {
    let frame = render(withoutDialogs)
    let layout = ScreenLayout(self)
    let rect: Rect?
    if atHome {
      rect = layout.body
    } else {
      rect = layout.panes.first { $0.pane == focus }?.rect
    }
    return rect.map { frame.buffer.text(in: $0) }
  }

  private var withoutDialogs: ConsoleModel {
    var copy = self
    copy.dialogs = []
    return copy
  }
}

extension CellBuffer {
  /// The characters of a rectangle, row by row, without trailing blanks.
  func text(in rect: Rect) -> String {
    var part = CellBuffer(width: rect.width, height: rect.height)
    for y in 0..<part.height {
      for x in 0..<part.width { part[x, y] = self[rect.x + x, rect.y + y] }
    }
    return part.text
  }
}
