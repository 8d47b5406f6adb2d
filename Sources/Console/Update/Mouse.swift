import Control
import Core
import Node

/// What clicks, drags and the wheel do. A click does what a key does, never more.
extension ConsoleModel {
  mutating func take(_ mouse: InputEvent.Mouse) -> [Effect] {
    guard look.hasMouse else { return [] }
    switch mouse.action {
    case .press(let button):
      let hits = render(self).hits.hits(x: mouse.x, y: mouse.y)
      return button == .right ? openMenu(hits) : button == .left ? click(hits, mouse) : []
    case .drag(.left): return drag(mouse)
    case .release(.left): return drop()
    case .wheelUp, .wheelDown: return wheel(mouse)
    case .drag, .release: return []
    }
  }

  private mutating func click(_ hits: [Hit], _ mouse: InputEvent.Mouse) -> [Effect] {
    guard let top = hits.first else { return [] }
    if !dialogs.isEmpty {
      switch top {
      case .key(let key): return press(key)
      case .entry(let index): return clickEntry(index)
      case .planCell(let cell): return clickCell(cell)
      case .action(.rollBack): return press(.character("R"))
      default: return []
      }
    }
    if let pane = hits.compactMap({ if case .pane(let pane) = $0 { pane } else { nil } }).first {
      focus = pane
    }
    switch top {
    case .action(let action): return start(action)
    case .key(let key): return press(key)
    case .sort(let column): sort(by: column)
    case .splitBar(let x, let width):
      if obstacle(to: .setWeight) == nil { startDrag(at: mouse.x, x, width) }
    default: return select(top)
    }
    return []
  }

  /// Selects what was clicked; a click on what is selected opens it.
  private mutating func select(_ hit: Hit) -> [Effect] {
    switch hit {
    case .endpoint(let name):
      if selection.endpoint == name { return perform(.open) }
      selection.endpoint = name
      endpoint = name
      return [requestLive()]
    case .version(let version):
      if selection.version == version { return perform(.open) }
      selection.version = version
    case .feature(let name):
      if selection.feature == name { return perform(.open) }
      selection.feature = name
    case .event(let key):
      if selection.event == key && !look.follows { return perform(.open) }
      selection.event = key
      look.follows = false
    case .runbook(let name):
      if selection.runbook == name { return perform(.open) }
      selection.runbook = name
    default: break
    }
    return []
  }

  private mutating func clickEntry(_ index: Int) -> [Effect] {
    switch dialogs.last {
    case .palette(var palette):
      palette.selected = index
      replaceTop(.palette(palette))
      return press(.enter)
    case .help(var sheet):
      if sheet.selected == index { return press(.enter) }
      sheet.selected = index
      replaceTop(.help(sheet))
    case .picker(var picker):
      let versions = pickable(for: picker.purpose)
      guard versions.indices.contains(index) else { return [] }
      if picker.selected == versions[index] { return press(.enter) }
      picker.selected = versions[index]
      replaceTop(.picker(picker))
    case .menu(var menu):
      menu.selected = index
      replaceTop(.menu(menu))
      return press(.enter)
    case .rollback(var card):
      if card.choose(index + 1, at: moment) { replaceTop(.rollback(card)) }
    case .ramp(var card):
      guard card.entry == nil else { return [] }
      let isMoved = card.moveCandidate(by: index - card.candidateIndex)
      replaceTop(.ramp(card))
      if isMoved { return requestRampPreview() }
    case .registry(var card):
      let book = feed.registry
      guard card.edition == book.edition, card.order.indices.contains(index) else { return [] }
      let version = book.versions[card.order[index]].version
      if card.chosen(in: book)?.version == version { return press(.enter) }
      card.selected = version
      replaceTop(.registry(card))
    case .generations(var picker):
      let choices = generationChoices
      guard choices.indices.contains(index) else { return [] }
      if picker.selected == choices[index].generation { return press(.enter) }
      picker.selected = choices[index].generation
      replaceTop(.generations(picker))
    case .freezes(var list):
      let views = feed.live?.freezes ?? []
      if views.indices.contains(index) { list.selected = views[index].freeze.id }
      replaceTop(.freezes(list))
    case .tryOut(var card):
      if card.lines.firstIndex(of: card.line) == index { return press(.enter) }
      card.choose(index)
      replaceTop(.tryOut(card))
    case .standing(var card):
      card.choose(index)
      replaceTop(.standing(card))
    case .rules(var list):
      let rules = liveDetail?.rules ?? []
      if rules.indices.contains(index) { list.selected = rules[index].name }
      replaceTop(.rules(list))
    case .form(var form):
      form.go(to: index)
      replaceTop(.form(form))
    case .retraining(var card):
      if card.index == index { return press(.enter) }
      card.choose(index)
      replaceTop(.retraining(card))
    case .freezeForm(var form):
      form.place = FreezeForm.Place(rawValue: index) ?? form.place
      replaceTop(.freezeForm(form))
    default: break
    }
    return []
  }

  /// A click chooses a cell of the plan; a click on the chosen one types in it.
  private mutating func clickCell(_ cell: PlanCell) -> [Effect] {
    guard case .planEditor(var editor) = dialogs.last else { return [] }
    if editor.field != nil {
      editor.commit()
      editor.go(to: cell)
      replaceTop(.planEditor(editor))
      return requestPlanPreview()
    }
    guard editor.saving == nil else { return [] }
    if editor.cell == cell { return press(.enter) }
    editor.go(to: cell)
    replaceTop(.planEditor(editor))
    return []
  }

  // MARK: The split bar

  private mutating func startDrag(at column: Int, _ x: Int, _ width: Int) {
    guard let detail = liveDetail, runningRollout != nil || pairForSplit(detail) != nil else {
      return
    }
    draggedWeight = ConsoleModel.weight(at: column, x, width)
  }

  private static func weight(at column: Int, _ x: Int, _ width: Int) -> BasisPoints {
    guard width > 1 else { return 0 }
    let share = Double(max(0, min(width - 1, column - x))) / Double(width - 1)
    return Int((share * 100).rounded()) * 100
  }

  private mutating func drag(_ mouse: InputEvent.Mouse) -> [Effect] {
    guard draggedWeight != nil else { return [] }
    for region in render(self).hits.regions {
      if case .splitBar(let x, let width) = region.hit {
        draggedWeight = ConsoleModel.weight(at: mouse.x, x, width)
        return []
      }
    }
    return []
  }

  /// Lets the bar go: what it shows is asked for, and done only when it is confirmed.
  private mutating func drop() -> [Effect] {
    guard let weight = draggedWeight else { return [] }
    draggedWeight = nil
    return propose(.weight(weight))
  }

  // MARK: Wheel and menu

  private mutating func wheel(_ mouse: InputEvent.Mouse) -> [Effect] {
    let up = mouse.action == .wheelUp
    if !dialogs.isEmpty { return press(up ? .up : .down) }
    let hits = render(self).hits.hits(x: mouse.x, y: mouse.y)
    if hits.contains(.chart) { return perform(up ? .scrubBack : .scrubForward) }
    if let pane = hits.compactMap({ if case .pane(let pane) = $0 { pane } else { nil } }).first {
      focus = pane
    }
    moveSelection(by: up ? -3 : 3)
    return []
  }

  private mutating func openMenu(_ hits: [Hit]) -> [Effect] {
    guard dialogs.isEmpty, let top = hits.first else { return [] }
    if let pane = hits.compactMap({ if case .pane(let pane) = $0 { pane } else { nil } }).first {
      focus = pane
    }
    _ = hits.count > 1 && !isSelected(top) ? select(top) : []
    let actions: [Action]
    let title: String
    switch focus {
    case .versions:
      title = selectedVersion?.version.description ?? focus.title
      actions = [.open, .ramp, .deploy, .unload, .diff, .rollBack, .copy]
    case .canary:
      title = focus.title
      actions = [.stepNext, .stepPrevious, .pauseResume, .promote, .abort, .rollBack]
    case .events:
      title = focus.title
      actions = [.open, .copy, .filter, .follow, .annotate, .export]
    default:
      title = focus.title
      actions = [.open, .zoom, .copy, .copyPane, .export]
    }
    push(.menu(ActionMenu(title: title, actions: actions.filter { obstacle(to: $0) == nil })))
    return []
  }

  private func isSelected(_ hit: Hit) -> Bool {
    switch hit {
    case .version(let version): selection.version == version
    case .event(let key): selection.event == key
    case .feature(let name): selection.feature == name
    case .runbook(let name): selection.runbook == name
    case .endpoint(let name): selection.endpoint == name
    default: true
    }
  }
}
