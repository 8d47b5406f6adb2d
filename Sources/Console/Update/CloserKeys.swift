import Core
import Node

/// What keys do in the cards that look closer at a release.
extension ConsoleModel {
  mutating func pressCloser(_ key: InputEvent.Key, in dialog: Dialog) -> [Effect] {
    switch dialog {
    case .verdict(var card):
      if let scroll = scrolled(card.scroll, by: key) {
        card.scroll = scroll
        replaceTop(.verdict(card))
        return []
      }
      return pressInReader(key, copying: card.sentence)
    case .registry(let card): return press(key, in: card)
    case .generations(let picker): return press(key, in: picker)
    case .freezes(let list): return press(key, in: list)
    case .freezeForm(let form): return press(key, in: form)
    case .why(let card): return press(key, in: card)
    case .attached: return pressInReader(key, copying: nil)
    case .reason(let card): return press(key, in: card)
    case .planEditor(let editor): return press(key, in: editor)
    case .tryOut(let card): return press(key, in: card)
    case .standing(let card): return press(key, in: card)
    case .recording(let card): return press(key, in: card)
    case .rules(let list): return press(key, in: list)
    case .form(let form): return press(key, in: form)
    case .retraining(let card): return press(key, in: card)
    case .retrainingLog(let card): return press(key, in: card)
    default: return []
    }
  }

  // MARK: A test request

  private mutating func press(_ key: InputEvent.Key, in card: TryCard) -> [Effect] {
    var card = card
    if card.field != nil {
      switch key {
      case .escape: card.field = nil
      case .control("c"): return perform(.quit)
      case .enter, .tab, .down, .up:
        card.commit()
        if key != .enter { card.move(by: key == .up ? -1 : 1) }
        replaceTop(.tryOut(card))
        return askTry()
      default: _ = card.field?.edit(key)
      }
      replaceTop(.tryOut(card))
      return []
    }
    if let step = listStep(key) {
      card.move(by: step)
      replaceTop(.tryOut(card))
      return []
    }
    switch key {
    case .left, .right, .character("h"), .character("l"):
      guard card.line == .version else { return [] }
      card.chooseVersion(by: key == .left || key == .character("h") ? -1 : 1)
    case .enter where card.line != .version:
      card.field = TextField(card.text(of: card.line))
      replaceTop(.tryOut(card))
      return []
    case .enter, .character("s"): break
    case .character("r"): card.forgetRow()
    default:
      return pressInReader(
        key,
        copying: card.answer.map { answer in
          "\(answer.version?.description ?? "nobody") \(answer.outcome)"
            + (answer.label.map { " label \($0)" } ?? "")
            + (answer.score.map { " score \($0)" } ?? "")
        })
    }
    replaceTop(.tryOut(card))
    return askTry()
  }

  // MARK: The checklist

  private mutating func press(_ key: InputEvent.Key, in card: StandingCard) -> [Effect] {
    var card = card
    if let step = listStep(key) {
      card.move(by: step)
      replaceTop(.standing(card))
      return []
    }
    switch key {
    case .enter, .character("A"):
      guard !look.isReadOnly else {
        card.notice = "Read-only: nothing is changed; ! allows changes"
        replaceTop(.standing(card))
        return []
      }
      if key == .character("A") { return propose(.approveVersion(card.version)) }
      guard let row = card.row else { return [] }
      return propose(
        row.signOff == nil
          ? .sign(card.version, item: row.item) : .unsign(card.version, item: row.item))
    default: return pressInReader(key, copying: card.version.description)
    }
  }

  // MARK: Rules by hand

  private mutating func press(_ key: InputEvent.Key, in list: RuleList) -> [Effect] {
    var list = list
    let rules = liveDetail?.rules ?? []
    let index = rules.firstIndex { $0.name == list.selected } ?? 0
    if let step = listStep(key), !rules.isEmpty {
      let (sum, overflow) = index.addingReportingOverflow(step)
      let next = overflow ? (step < 0 ? 0 : rules.count - 1) : sum
      list.selected = rules[max(0, min(rules.count - 1, next))].name
      list.notice = nil
      replaceTop(.rules(list))
      return []
    }
    switch key {
    case .character("a"), .character("p"), .character("d"), .delete:
      guard !look.isReadOnly, let endpoint = liveDetail?.name else {
        list.notice = "Read-only: nothing is changed; ! allows changes"
        replaceTop(.rules(list))
        return []
      }
      guard key != .character("a") else {
        push(.form(.rule(on: endpoint)))
        return []
      }
      guard key != .character("p") else {
        push(.form(.pin(on: endpoint, to: runningRollout?.candidate)))
        return []
      }
      guard rules.indices.contains(index) else { return [] }
      return propose(.removeRule(rules[index].name))
    default: if isCancel(key) || key == .enter { pop() }
    }
    return []
  }

  /// How far a key moves in a list; nil when it does not.
  func listStep(_ key: InputEvent.Key) -> Int? {
    switch key {
    case .up, .character("k"): -1
    case .down, .character("j"): 1
    case .pageUp: -10
    case .pageDown: 10
    case .home, .character("g"): Int.min / 2
    case .end, .character("G"): Int.max / 2
    default: nil
    }
  }

  // MARK: Registry

  private mutating func press(_ key: InputEvent.Key, in card: RegistryCard) -> [Effect] {
    var card = card
    let book = feed.registry
    if card.isTyping { return type(key, in: card) }
    if let step = listStep(key) {
      card.move(by: step, book)
      replaceTop(.registry(card))
      return []
    }
    let chosen = card.chosen(in: book)?.version
    switch key {
    case .character("/"): card.isTyping = true
    case .character("s"): card.sortNext(book)
    case .character("S"): card.turnRound(book)
    case .enter:
      guard let chosen else { return [] }
      card.selected = chosen
      replaceTop(.registry(card))
      return openVersion(chosen)
    case .character("y"):
      guard let chosen else { return [] }
      say("Copied: \(chosen)", .dim)
      return [.copy(chosen.description)]
    case .character("o"), .character("c"):
      guard let chosen else { return [] }
      pop()
      selection.version = chosen
      return perform(
        key == .character("o") ? .deploy : runningRollout == nil ? .ramp : .supersede,
        argument: chosen.description)
    case .character("K"):
      guard let chosen else { return [] }
      return openStanding(chosen.description)
    case .escape where !card.filter.text.isEmpty: card.clearFilter(book)
    default:
      if isCancel(key) || key == .character("b") { pop() }
      return []
    }
    replaceTop(.registry(card))
    return []
  }

  private mutating func type(_ key: InputEvent.Key, in card: RegistryCard) -> [Effect] {
    var card = card
    let book = feed.registry
    switch key {
    case .enter: card.isTyping = false
    case .escape:
      card.isTyping = false
      card.clearFilter(book)
    case .control("c"): return perform(.quit)
    case .up, .down, .pageUp, .pageDown: card.move(by: listStep(key) ?? 0, book)
    default: _ = card.edit(key, book)
    }
    replaceTop(.registry(card))
    return []
  }

  // MARK: Generations

  private mutating func press(_ key: InputEvent.Key, in picker: GenerationPicker) -> [Effect] {
    var picker = picker
    let choices = generationChoices
    let index = choices.firstIndex { $0.generation == picker.selected } ?? 0
    if let step = listStep(key), !choices.isEmpty {
      let (sum, overflow) = index.addingReportingOverflow(step)
      let next = overflow ? (step < 0 ? 0 : choices.count - 1) : sum
      picker.selected = choices[max(0, min(choices.count - 1, next))].generation
      replaceTop(.generations(picker))
      return []
    }
    switch key {
    case .enter:
      guard choices.indices.contains(index) else { return [] }
      pop()
      return propose(.undoTo(generation: choices[index].generation))
    default: if isCancel(key) { pop() }
    }
    return []
  }

  // MARK: Freezes

  private mutating func press(_ key: InputEvent.Key, in list: FreezeList) -> [Effect] {
    var list = list
    let views = feed.live?.freezes ?? []
    let index = views.firstIndex { $0.freeze.id == list.selected } ?? 0
    if let step = listStep(key), !views.isEmpty {
      let (sum, overflow) = index.addingReportingOverflow(step)
      let next = overflow ? (step < 0 ? 0 : views.count - 1) : sum
      list.selected = views[max(0, min(views.count - 1, next))].freeze.id
      replaceTop(.freezes(list))
      return []
    }
    switch key {
    case .character("a"), .character("d"), .delete, .character("X"):
      guard !look.isReadOnly else {
        list.notice = "Read-only: nothing is changed; ! allows changes"
        replaceTop(.freezes(list))
        return []
      }
      if key == .character("X") { return perform(.stopTheLine) }
      if key == .character("a") {
        push(.freezeForm(FreezeForm(endpoint: liveDetail?.name)))
        return []
      }
      guard views.indices.contains(index) else { return [] }
      let freeze = views[index].freeze
      return propose(freeze.isLineStop ? .releaseLine : .removeFreeze(freeze.id))
    default:
      if isCancel(key) || key == .enter { pop() }
      return []
    }
  }

  private mutating func press(_ key: InputEvent.Key, in form: FreezeForm) -> [Effect] {
    var form = form
    let places = FreezeForm.Place.allCases
    func moved(_ step: Int) -> FreezeForm.Place {
      places[max(0, min(places.count - 1, form.place.rawValue + step))]
    }
    form.notice = nil
    switch key {
    case .escape:
      pop()
      return []
    case .control("c"): return perform(.quit)
    case .tab, .down: form.place = moved(1)
    case .backTab, .up: form.place = moved(-1)
    case .enter where form.place != .reason: form.place = moved(1)
    case .enter:
      do {
        let change = try form.change()
        // The form stays beneath the card, so that Esc there leads back to it.
        replaceTop(.freezeForm(form))
        return propose(change)
      } catch {
        form.notice = error.message
      }
    default:
      switch form.place {
      case .window: _ = form.window.edit(key)
      case .reason: _ = form.reason.edit(key)
      case .endpoint:
        let isSwitch = [.left, .right, .character(" ")].contains(key)
        if isSwitch, form.endpoint != nil { form.isEverywhere.toggle() }
      }
    }
    replaceTop(.freezeForm(form))
    return []
  }

  // MARK: Why

  private mutating func press(_ key: InputEvent.Key, in card: WhyCard) -> [Effect] {
    var card = card
    if let answer = card.answer {
      if key == .enter {
        card.answer = nil
        card.ticket = nil
        card.field = TextField()
        replaceTop(.why(card))
        return []
      }
      return pressInReader(
        key,
        copying: "\(answer.endpoint) \(answer.key): "
          + "\(answer.version?.description ?? "503"), bucket \(answer.bucket); \(answer.rule)")
    }
    switch key {
    case .escape:
      pop()
      return []
    case .control("c"): return perform(.quit)
    case .enter: return card.ticket == nil ? askWhy() : []
    default:
      if card.field.edit(key) { card.notice = nil }
    }
    replaceTop(.why(card))
    return []
  }

  // MARK: A reason that was missing

  private mutating func press(_ key: InputEvent.Key, in card: ReasonCard) -> [Effect] {
    var card = card
    switch key {
    case .escape:
      pop()
      say("Not done: \(card.what)", .dim)
      return []
    case .control("c"): return perform(.quit)
    case .enter:
      guard !card.field.text.trimmed.isEmpty else {
        card.notice = "a reason is needed: it is recorded in the journal"
        break
      }
      guard pending.isEmpty else {
        card.notice = "Still waiting for the node to answer the last change"
        break
      }
      closeForOrder()
      return send(card.answered, what: card.what)
    default:
      if card.field.edit(key) { card.notice = nil }
    }
    replaceTop(.reason(card))
    return []
  }
}
