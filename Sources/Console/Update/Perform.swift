import Control
import Core
import Node

extension ConsoleModel {
  /// Why an action cannot be started now, in a sentence; nil when it can.
  ///
  /// Hints, menus, palette and help show what this says.
  func obstacle(to action: Action) -> String? {
    let risk = action.spec.risk
    if risk != .look && look.isReadOnly && action != .acknowledge {
      return "Read-only: nothing is changed; ! allows changes"
    }
    if isWaiting, action != .stopTheLine, risk == .risk || risk == .destructive {
      return "Still waiting for the node to answer the last change"
    }
    switch action {
    case .ramp:
      if let rollout = runningRollout {
        return "A rollout of \(rollout.candidate) runs: > next step, x abort"
      }
      return !hasRampCandidate(besides: nil)
        ? "There is no other version to ramp to: o deploys one" : nil
    case .stepNext, .stepPrevious, .weightUp, .weightDown, .pauseResume, .abort, .promote:
      return runningRollout == nil ? "No rollout runs: c starts one" : nil
    case .rollBack:
      guard let detail = liveDetail else { return "No endpoint is shown yet" }
      return detail.rollback == nil ? "There is nothing to roll back to on \(detail.name)" : nil
    case .undo: return liveDetail?.undo == nil ? "There is no change to undo" : nil
    case .approve: return approvalObstacle
    case .retry: return retryObstacle
    case .pick, .drop: return candidatesObstacle
    case .tryRequest, .recording, .rules:
      return liveDetail?.split == nil ? "The endpoint serves nothing yet" : nil
    case .supersede:
      guard let rollout = runningRollout else { return "No rollout runs: c starts one" }
      return hasRampCandidate(besides: rollout.candidate)
        ? nil : "There is no other version to ramp to: o deploys one"
    case .editPlan:
      return hasRampCandidate(besides: runningRollout?.candidate)
        ? nil : "There is no other version to ramp to: o deploys one"
    case .undoTo:
      if let rollout = runningRollout {
        return "A rollout of \(rollout.candidate) runs: x aborts it first"
      }
      return generationChoices.isEmpty ? "No earlier generation with another split is kept" : nil
    case .verdict:
      return liveDetail?.rollout == nil ? "No rollout has run here since the node began" : nil
    case .why: return liveDetail?.split == nil ? "The endpoint serves nothing yet" : nil
    case .acknowledge:
      return openSymptoms.isEmpty ? "Nothing is wrong: there is nothing to acknowledge" : nil
    case .scrubForward, .nextEvent, .live:
      return feed.pastAt == nil && !isFrozen ? "This is the present" : nil
    default: return nil
    }
  }

  private var isWaiting: Bool { !pending.isEmpty }

  /// Starts an action, from wherever it was asked for.
  mutating func perform(_ action: Action, argument: String? = nil) -> [Effect] {
    if let obstacle = obstacle(to: action) {
      say(obstacle, action.spec.risk == .look ? .dim : .warn)
      return []
    }
    switch action.spec.group {
    case .move: return move(action, argument)
    case .look: return adjust(action, argument)
    case .act: return act(action, argument)
    case .tools: return useTool(action, argument)
    }
  }

  // MARK: Move

  private mutating func move(_ action: Action, _ argument: String?) -> [Effect] {
    switch action {
    case .up: moveSelection(by: -1)
    case .down: moveSelection(by: 1)
    case .pageUp: moveSelection(by: -10)
    case .pageDown: moveSelection(by: 10)
    case .top: moveSelection(by: Int.min / 2)
    case .bottom: moveSelection(by: Int.max / 2)
    case .left, .right: return moveDriftVersion(by: action == .left ? -1 : 1)
    case .nextPane: focusPane(at: 1)
    case .previousPane: focusPane(at: -1)
    case .open: return open()
    case .back: return goBack()
    case .zoom: isZoomed.toggle()
    case .nextLayout:
      layout = argument.flatMap(LayoutStyle.init(rawValue:)) ?? layout.next
      isZoomed = false
      say("Layout: \(layout.rawValue)", .dim)
    default:
      guard let pane = action.pane else { return [] }
      if atHome, let effects = enterSelected() {
        focus = pane
        return effects
      }
      focus = pane
    }
    // On the list of endpoints, what `R` would do belongs to the selected one.
    if atHome, selection.endpoint != nil, liveDetail?.name != selection.endpoint {
      endpoint = selection.endpoint
      return [requestLive()]
    }
    return []
  }

  private mutating func focusPane(at step: Int) {
    let shownPanes = ScreenLayout(self).panes.map(\.pane)
    let order = (isZoomed || shownPanes.count < 2 ? PaneID.allCases : shownPanes)
      .sorted { $0.rawValue < $1.rawValue }
    guard let index = order.firstIndex(of: focus) else {
      focus = order.first ?? .versions
      return
    }
    focus = order[(index + step + order.count) % order.count]
  }

  private mutating func moveDriftVersion(by step: Int) -> [Effect] {
    guard focus == .drift, !atHome, let detail = liveDetail else { return [] }
    let versions = detail.versions.filter { $0.state != "registered" }.map(\.version).sorted()
    guard versions.count > 1 else { return [] }
    let current = selection.driftVersion ?? detail.drift?.version
    let index = current.flatMap(versions.firstIndex(of:)) ?? 0
    selection.driftVersion = versions[(index + step + versions.count) % versions.count]
    return [requestLive()] + requestPast()
  }

  /// Opens what is selected in the focused pane.
  private mutating func open() -> [Effect] {
    if atHome { return enterSelected() ?? [] }
    switch focus {
    case .traffic:
      isZoomed.toggle()
    case .versions, .canary:
      guard let row = selectedVersion else { return [] }
      return openVersion(row.version)
    case .drift:
      guard let feature = selectedFeature else { return [] }
      selection.feature = feature.name
      push(.feature(feature.name))
      return [requestLive()] + requestPast()
    case .events:
      if let line = selectedEvent { push(.event(line.key)) }
    case .runbooks:
      if let runbook = selectedRunbook { return openRunbook(runbook.name) }
    }
    return []
  }

  mutating func openVersion(_ version: VersionID) -> [Effect] {
    let ticket = ticket(.versionCard)
    push(.version(VersionCard(version: version, ticket: ticket)))
    return [.send(ticket, .version(version), .reading)]
  }

  mutating func openRunbook(_ name: String) -> [Effect] {
    guard let endpoint = liveDetail?.name else { return [] }
    let ticket = ticket(.runbook(dryRun: true))
    push(.runbook(RunbookCard(name: name, endpoint: endpoint, ticket: ticket, opened: moment)))
    return [
      .send(
        ticket, .runbook(name: name, endpoint: endpoint, dryRun: true, actor: settings.actor),
        .orders)
    ]
  }

  /// Goes from the list of endpoints into the selected one.
  mutating func enterSelected() -> [Effect]? {
    guard let chosen = selectedEndpoint else { return nil }
    atHome = false
    if endpoint != chosen.name {
      endpoint = chosen.name
      selection = Selection(endpoint: chosen.name)
      look.filters = [:]
    }
    goLive()
    return [requestLive()]
  }

  /// One step out: the filter, the past, the frozen view, the zoom, the endpoint.
  private mutating func goBack() -> [Effect] {
    if atHome {
      look.homeFilter = ""
    } else if look.filters[focus] != nil {
      look.filters[focus] = nil
    } else if feed.pastAt != nil || isFrozen {
      goLive()
    } else if isZoomed {
      isZoomed = false
    } else if let live = feed.live, live.endpoints.count > 1 {
      atHome = true
      selection.endpoint = endpoint
    } else {
      flash = nil
    }
    return []
  }
}
