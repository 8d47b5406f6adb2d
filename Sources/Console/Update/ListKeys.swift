import Core
import Node

/// What keys do in cards that are lists or lines of text.
extension ConsoleModel {
  private func moved(_ selected: Int, by key: InputEvent.Key, count: Int) -> Int? {
    switch key {
    case .up, .backTab: max(0, selected - 1)
    case .down: max(0, min(count - 1, selected + 1))
    case .pageUp: max(0, selected - 10)
    case .pageDown: max(0, min(count - 1, selected + 10))
    default: nil
    }
  }

  mutating func press(_ key: InputEvent.Key, in picker: VersionPicker) -> [Effect] {
    var picker = picker
    let versions = pickable(for: picker.purpose)
    let index = picker.selected.flatMap(versions.firstIndex(of:)) ?? 0
    let letters: [InputEvent.Key: InputEvent.Key] = [.character("k"): .up, .character("j"): .down]
    if let next = moved(index, by: letters[key] ?? key, count: versions.count) {
      picker.selected = versions.indices.contains(next) ? versions[next] : nil
      replaceTop(.picker(picker))
      return []
    }
    switch key {
    case .enter:
      guard versions.indices.contains(index) else { return [] }
      pop()
      return propose(
        picker.purpose == .deploy ? .deploy(versions[index]) : .unload(versions[index]))
    case .escape, .backspace, .character("q"): pop()
    default: break
    }
    return []
  }

  mutating func press(_ key: InputEvent.Key, in menu: ActionMenu) -> [Effect] {
    var menu = menu
    let letters: [InputEvent.Key: InputEvent.Key] = [.character("k"): .up, .character("j"): .down]
    if let next = moved(menu.selected, by: letters[key] ?? key, count: menu.actions.count) {
      menu.selected = next
      replaceTop(.menu(menu))
      return []
    }
    switch key {
    case .enter:
      guard menu.actions.indices.contains(menu.selected) else { return [] }
      pop()
      return perform(menu.actions[menu.selected])
    default:
      pop()
      // A key of an action in the menu starts it; any other closes the menu only.
      if let action = ActionSpec.byKey[key], menu.actions.contains(action) {
        return perform(action)
      }
    }
    return []
  }

  mutating func press(_ key: InputEvent.Key, in line: FilterLine) -> [Effect] {
    var line = line
    switch key {
    case .enter: pop()
    case .escape:
      setFilter(line.before, for: line.pane)
      pop()
    case .control("c"):
      pop()
      return perform(.quit)
    case .up: moveSelection(by: -1)
    case .down: moveSelection(by: 1)
    case .backspace where line.field.text.isEmpty: pop()
    default:
      guard line.field.edit(key) else { return [] }
      setFilter(line.field.text, for: line.pane)
      replaceTop(.filter(line))
    }
    return []
  }

  mutating func press(_ key: InputEvent.Key, in sheet: HelpSheet) -> [Effect] {
    var sheet = sheet
    let specs = sheet.specs
    if let next = moved(sheet.selected, by: key, count: specs.count) {
      sheet.selected = next
      replaceTop(.help(sheet))
      return []
    }
    switch key {
    case .escape: pop()
    case .control("c"):
      pop()
      return perform(.quit)
    case .enter:
      guard specs.indices.contains(sheet.selected) else { return [] }
      pop()
      return start(specs[sheet.selected].action)
    default:
      guard sheet.field.edit(key) else { return [] }
      sheet.selected = 0
      replaceTop(.help(sheet))
    }
    return []
  }

  /// Starts an action from a list; one that needs text opens the palette on its word.
  mutating func start(_ action: Action) -> [Effect] {
    let needsText: Set<Action> = [.annotate, .setWeight]
    if needsText.contains(action), obstacle(to: action) == nil {
      openPalette(action.spec.word + " ")
      return []
    }
    return perform(action)
  }

  // MARK: The palette

  mutating func press(_ key: InputEvent.Key, in palette: Palette) -> [Effect] {
    var palette = palette
    let entries = palette.entries(in: self)
    switch key {
    case .escape:
      pop()
      return []
    case .control("c"):
      pop()
      return perform(.quit)
    case .up where palette.field.text.isEmpty || palette.historyIndex != nil:
      recall(in: &palette, by: 1)
    case .down where palette.historyIndex != nil:
      recall(in: &palette, by: -1)
    case .tab:
      if entries.indices.contains(palette.selected) {
        let entry = entries[palette.selected]
        let blank = entry.argument == nil && entry.action.spec.argument != .none
        palette.field = TextField(entry.text + (blank ? " " : ""))
        palette.selected = 0
      }
    case .enter: return run(palette, entries)
    case .backspace where palette.field.text.isEmpty:
      pop()
      return []
    default:
      if let next = moved(palette.selected, by: key, count: entries.count) {
        palette.selected = next
      } else if palette.field.edit(key) {
        palette.selected = 0
        palette.historyIndex = nil
        palette.notice = nil
      }
    }
    replaceTop(.palette(palette))
    return []
  }

  private func recall(in palette: inout Palette, by step: Int) {
    let index = (palette.historyIndex ?? -1) + step
    guard index >= 0 else {
      palette.historyIndex = nil
      palette.field = TextField()
      return
    }
    guard history.indices.contains(index) else { return }
    palette.historyIndex = index
    palette.field = TextField(history[index])
    palette.selected = 0
  }

  private mutating func run(_ palette: Palette, _ entries: [Palette.Entry]) -> [Effect] {
    var palette = palette
    guard entries.indices.contains(palette.selected) else {
      palette.notice = "No command is called that"
      replaceTop(.palette(palette))
      return []
    }
    let entry = entries[palette.selected]
    let needsArgument = [ActionArgument.text, .weight].contains(entry.action.spec.argument)
    if needsArgument, entry.argument == nil, entry.action != .filter {
      palette.field = TextField(entry.action.spec.word + " ")
      palette.selected = 0
      replaceTop(.palette(palette))
      return []
    }
    remember(entry.text)
    pop()
    return perform(entry.action, argument: entry.argument)
  }

  private mutating func remember(_ line: String) {
    history.removeAll { $0 == line }
    history.insert(line, at: 0)
    if history.count > 50 { history.removeLast() }
  }
}
