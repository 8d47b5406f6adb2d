import Core
import Node

/// Actions that change how things are looked at.
extension ConsoleModel {
  mutating func adjust(_ action: Action, _ argument: String?) -> [Effect] {
    switch action {
    case .filter: startFilter(argument)
    case .findNext: moveSelection(by: 1)
    case .findPrevious: moveSelection(by: -1)
    case .sortColumn:
      let all = VersionColumn.allCases
      sort(by: all[(look.sort.rawValue + 1) % all.count])
    case .sortDirection:
      look.sortsDescending.toggle()
      focus = .versions
    case .freeze: toggleFreeze()
    case .scrubBack: return scrub(bySeconds: -look.windowSeconds / 2)
    case .scrubForward: return scrub(bySeconds: look.windowSeconds / 2)
    case .previousEvent: return goToEvent(later: false)
    case .nextEvent: return goToEvent(later: true)
    case .live: goLive()
    case .window:
      let all = Look.windowsSeconds
      let index = all.firstIndex(of: look.windowSeconds) ?? 0
      look.windowSeconds = all[(index + 1) % all.count]
      say("Charts over \(Format.window(seconds: look.windowSeconds))", .dim)
      return [requestLive()] + requestPast()
    case .timeZone:
      look.isUTC.toggle()
      say(look.isUTC ? "Times in UTC" : "Times in the local zone", .dim)
    case .diff: startDiff()
    case .follow:
      look.follows.toggle()
      if !look.follows { selection.event = eventLines.first?.key }
      focus = .events
    default: return lookCloser(action, argument)
    }
    return []
  }

  private mutating func startFilter(_ argument: String?) {
    let pane: PaneID? = atHome ? nil : focus == .traffic || focus == .canary ? .events : focus
    if let pane { focus = pane }
    let before = pane.map(filter(for:)) ?? look.homeFilter
    if let argument {
      setFilter(argument, for: pane)
    } else {
      push(.filter(FilterLine(pane: pane, before: before, field: TextField(before))))
    }
  }

  /// Sorts by a column; the same column again turns the order round.
  mutating func sort(by column: VersionColumn) {
    if look.sort == column {
      look.sortsDescending.toggle()
    } else {
      look.sort = column
      look.sortsDescending = true
    }
    focus = .versions
  }

  private mutating func startDiff() {
    guard let chosen = selectedVersion?.version, let split = detail?.split,
      let stable = split.shares.max(by: { $0.weight < $1.weight })?.version
    else { return }
    let other =
      chosen != stable
      ? chosen : detail?.rollout?.candidate ?? versionLines.first { $0.version != stable }?.version
    guard let other, other != stable else {
      say("There is no other version to compare with", .dim)
      return
    }
    push(.diff(stable, other))
  }

  private mutating func toggleFreeze() {
    if isFrozen {
      feed.frozen = nil
      say("Live again", .dim)
    } else {
      feed.frozen = feed.shown
      flash = nil
    }
  }

  /// Shows the present again.
  mutating func goLive() {
    feed.past = nil
    feed.unsettledPast = nil
    feed.asOf = nil
    feed.pastAt = nil
    feed.frozen = nil
  }

  /// Moves the shown time; past the present it is live again.
  mutating func scrub(bySeconds seconds: Int) -> [Effect] {
    guard let now = feed.live?.time else { return [] }
    return show(time: (feed.pastAt ?? feed.frozen?.time ?? now) + .seconds(seconds))
  }

  mutating func show(time: Timestamp) -> [Effect] {
    guard let live = feed.live else { return [] }
    feed.frozen = nil
    guard time < live.time else {
      goLive()
      say("Live again", .dim)
      return []
    }
    feed.pastAt = time
    feed.asOf = nil
    // What was said of the present is not true of this time.
    flash = nil
    return requestPast()
  }

  private mutating func goToEvent(later: Bool) -> [Effect] {
    guard let live = feed.live else { return [] }
    let here = feed.pastAt ?? live.time
    let times = live.events.map(\.time)
    let target = later ? times.filter { $0 > here }.min() : times.filter { $0 < here }.max()
    guard let target else {
      if later { goLive() } else { say("There is no earlier event here", .dim) }
      return []
    }
    return show(time: target)
  }
}
