import Core
import Node

extension ConsoleModel {
  /// Takes something from the keyboard, the mouse or the terminal.
  mutating func take(_ event: InputEvent) -> [Effect] {
    switch event {
    case .key(let key): return press(key)
    case .mouse(let mouse): return take(mouse)
    case .paste(let text):
      paste(text)
      return []
    case .focus(let gained):
      hasFocus = gained
      // What was missed in the background is fetched at once.
      return gained && feed.asked == nil ? [requestLive()] : []
    case .resize(let columns, let rows):
      self.columns = max(0, columns)
      self.rows = max(0, rows)
      draggedWeight = nil
      changeTop { (card: inout RetrainingLogCard) in card.fit(columns) }
      return []
    }
  }

  /// Pasted text is only ever text: it goes into a field that is open, and nowhere else.
  ///
  /// A text that must be typed to confirm something cannot be pasted.
  private mutating func paste(_ text: String) {
    switch dialogs.last {
    case .palette(var palette):
      palette.field.insert(text)
      palette.selected = 0
      palette.historyIndex = nil
      replaceTop(.palette(palette))
    case .help(var sheet):
      sheet.field.insert(text)
      sheet.selected = 0
      replaceTop(.help(sheet))
    case .filter(var line):
      line.field.insert(text)
      setFilter(line.field.text, for: line.pane)
      replaceTop(.filter(line))
    case .confirm(var card) where card.demand == .reason || card.demand == .freezeOverride:
      card.field.insert(text)
      replaceTop(.confirm(card))
    case .reason(var card):
      card.field.insert(text)
      replaceTop(.reason(card))
    case .why(var card) where card.answer == nil:
      card.field.insert(text)
      replaceTop(.why(card))
    case .registry(var card) where card.isTyping:
      card.insert(text, feed.registry)
      replaceTop(.registry(card))
    case .freezeForm(var form) where form.place != .endpoint:
      if form.place == .window { form.window.insert(text) } else { form.reason.insert(text) }
      replaceTop(.freezeForm(form))
    case .rollback(var card) where card.field != nil:
      card.field?.insert(text)
      replaceTop(.rollback(card))
    case .ramp(var card) where card.entry != nil:
      card.entry?.field.insert(text)
      replaceTop(.ramp(card))
    case .form(var form):
      form.insert(text)
      replaceTop(.form(form))
    case .tryOut(var card) where card.field != nil:
      card.field?.insert(text)
      replaceTop(.tryOut(card))
    case .planEditor(var editor) where editor.saving != nil && editor.saving?.sent == nil:
      editor.saving?.field.insert(text)
      editor.saving?.replaces = nil
      replaceTop(.planEditor(editor))
    case .planEditor(var editor) where editor.field != nil:
      editor.field?.insert(text)
      replaceTop(.planEditor(editor))
    case .confirm(var card) where card.demand != nil:
      card.notice = "this is typed, not pasted"
      replaceTop(.confirm(card))
    default:
      say("Pasted text does nothing here: open : or / first", .dim)
    }
  }

  /// Takes a key: the top card has the first say, then the action table.
  mutating func press(_ key: InputEvent.Key) -> [Effect] {
    if let dialog = dialogs.last {
      if !dialog.takesText, let effects = pressEverywhere(key) { return effects }
      return press(key, in: dialog)
    }
    guard let action = ActionSpec.byKey[key] else {
      if case .control = key {
        say("\(KeyText.of(key)) does nothing here: ? lists the keys", .dim)
      }
      return []
    }
    return perform(action)
  }

  /// Keys that work over any card without a text field: rollback and quitting.
  private mutating func pressEverywhere(_ key: InputEvent.Key) -> [Effect]? {
    switch key {
    case .character("R"):
      if case .rollback = dialogs.last { return [] }
      dialogs.removeAll()
      return perform(.rollBack)
    case .control("c"):
      if case .quit = dialogs.last { return nil }
      return perform(.quit)
    case .control("z"): return perform(.suspend)
    default: return nil
    }
  }

  mutating func setFilter(_ text: String, for pane: PaneID?) {
    if let pane { look.filters[pane] = text.isEmpty ? nil : text } else { look.homeFilter = text }
  }
}
