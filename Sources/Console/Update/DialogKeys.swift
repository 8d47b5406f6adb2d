import Control
import Core
import Node

/// What keys do while a card is open.
extension ConsoleModel {
  mutating func press(_ key: InputEvent.Key, in dialog: Dialog) -> [Effect] {
    switch dialog {
    case .rollback(let card): return press(key, in: card)
    case .ramp(let card): return press(key, in: card)
    case .confirm(let card): return press(key, in: card)
    case .runbook(let card): return press(key, in: card)
    case .version(var card):
      if let scroll = scrolled(card.scroll, by: key) {
        card.scroll = scroll
        replaceTop(.version(card))
      } else if key == .character("K") {
        return openStanding(card.version.description)
      } else {
        return pressInReader(key, copying: card.version.description)
      }
    case .diff(let a, let b): return pressInReader(key, copying: "\(a) \(b)")
    case .feature(let name): return press(key, inFeature: name)
    case .event(let event): return press(key, inEvent: event)
    case .picker(let picker): return press(key, in: picker)
    case .palette(let palette): return press(key, in: palette)
    case .help(let sheet): return press(key, in: sheet)
    case .filter(let line): return press(key, in: line)
    case .menu(let menu): return press(key, in: menu)
    case .quit: return pressInQuit(key)
    case .journalCheck: return pressInReader(key, copying: nil)
    case .verdict, .registry, .generations, .freezes, .freezeForm, .why, .attached, .reason,
      .planEditor, .tryOut, .standing, .recording, .rules, .form, .retraining, .retrainingLog:
      return pressCloser(key, in: dialog)
    }
    return []
  }

  /// Where a card's text stands after a key; nil when the key does not scroll.
  func scrolled(_ scroll: Int, by key: InputEvent.Key) -> Int? {
    switch key {
    case .up, .character("k"): max(0, scroll - 1)
    case .down, .character("j"): min(scroll + 1, 10_000)
    case .pageUp: max(0, scroll - 10)
    case .pageDown: min(scroll + 10, 10_000)
    case .home, .character("g"): 0
    default: nil
    }
  }

  /// Cards that are only read: Esc, q and Enter close them, `y` copies.
  mutating func pressInReader(_ key: InputEvent.Key, copying text: String?) -> [Effect] {
    switch key {
    case .escape, .enter, .backspace, .character("q"): pop()
    case .character("y"):
      guard let text else { return [] }
      say("Copied: \(text)", .dim)
      return [.copy(text)]
    default: break
    }
    return []
  }

  func isCancel(_ key: InputEvent.Key) -> Bool {
    key == .escape || key == .character("q") || key == .backspace
  }

  // MARK: Rollback

  private mutating func press(_ key: InputEvent.Key, in card: RollbackCard) -> [Effect] {
    var card = card
    if card.field != nil {
      switch key {
      case .control("c"): return perform(.quit)
      case .escape: card.field = nil
      case .enter: card.submit(at: moment)
      default: _ = card.field?.edit(key)
      }
      replaceTop(.rollback(card))
      return []
    }
    switch key {
    case .character("o"):
      if let obstacle = card.gradualObstacle {
        card.remark(obstacle)
      } else {
        card.field = TextField(card.over?.description ?? "")
      }
      replaceTop(.rollback(card))
    case .character("y"):
      guard !isGuarded(since: card.opened) else {
        card.remark("That was too quick to have been read: y again")
        replaceTop(.rollback(card))
        return []
      }
      guard !look.isReadOnly else {
        say("Read-only: nothing is changed; ! allows changes", .warn)
        return []
      }
      dialogs.removeAll()
      return send(
        card.order(by: settings.actor),
        what: "roll back \(card.endpoint) to \(card.target)"
          + (card.over.map { " over \($0)" } ?? ""),
        from: .rollback(endpoint: card.endpoint, target: card.target, over: card.over))
    case .character(let digit) where digit.isASCII && digit.isNumber:
      if let number = digit.wholeNumberValue, card.choose(number, at: moment) {
        replaceTop(.rollback(card))
      }
    default:
      if isCancel(key) {
        pop()
        say("Not rolled back", .dim)
      }
    }
    return []
  }

  // MARK: Ramp

  private mutating func press(_ key: InputEvent.Key, in card: RampCard) -> [Effect] {
    var card = card
    if card.entry != nil { return type(key, in: card) }
    switch key {
    case .left, .character("h"), .right, .character("l"):
      guard card.movePlan(by: key == .left || key == .character("h") ? -1 : 1) else { return [] }
      replaceTop(.ramp(card))
      return requestRampPreview()
    case .up, .character("k"), .down, .character("j"):
      let count = key == .up || key == .character("k") ? -1 : 1
      if card.stage == .dryRun {
        let lines = card.plan.steps.count + (card.preview?.conditions.count ?? 0)
        card.scroll = max(0, min(card.scroll + count, lines))
      } else if card.moveCandidate(by: count) {
        replaceTop(.ramp(card))
        return requestRampPreview()
      }
    case .character(" "):
      guard card.stage == .choose, card.candidates.count > 1 else { return [] }
      guard card.toggleMark() else { break }
      replaceTop(.ramp(card))
      return requestRampPreview()
    case .character("t"): card.begin(.at)
    case .character("w"): card.begin(.after)
    case .enter:
      card.stage = .dryRun
      card.notice = nil
      // A failed question is asked again.
      if card.failure != nil {
        card.failure = nil
        replaceTop(.ramp(card))
        return requestRampPreview()
      }
    case .character("y"): return confirm(card)
    case .character("e"):
      guard card.options == nil, card.after == nil else {
        card.notice =
          "The editor starts one candidate, at once: take the further ones, time and waiting off"
        break
      }
      pop()
      return editPlan(
        endpoint: card.endpoint, candidates: card.candidates, candidate: card.candidate,
        plans: card.plans, plan: card.planIndex, replaces: card.replaces)
    default:
      guard isCancel(key) else { return [] }
      if card.stage == .dryRun {
        card.stage = .choose
      } else {
        pop()
        return []
      }
    }
    replaceTop(.ramp(card))
    return []
  }

  /// Takes a key into the field about the start.
  private mutating func type(_ key: InputEvent.Key, in card: RampCard) -> [Effect] {
    var card = card
    switch key {
    case .control("c"): return perform(.quit)
    case .escape:
      card.entry = nil
      card.notice = nil
    case .enter:
      let endpoints = (feed.live?.endpoints ?? []).map(\.name)
      if card.submit(now: moment.wall, endpoints: endpoints) {
        replaceTop(.ramp(card))
        return requestRampPreview()
      }
    default: if card.entry?.field.edit(key) == true { card.notice = nil }
    }
    replaceTop(.ramp(card))
    return []
  }

  private mutating func confirm(_ card: RampCard) -> [Effect] {
    var card = card
    if card.stage == .choose {
      card.notice = "Enter shows every step first"
    } else if isGuarded(since: card.opened) {
      card.notice = "That was too quick to have been read: y again"
    } else if let failure = card.failure {
      card.notice = failure
    } else if card.preview == nil {
      card.notice = "The node is still working out the steps"
    } else if let refusal = card.preview?.refusal {
      card.notice = refusal
    } else {
      dialogs.removeAll()
      focus = .canary
      let names = card.versions.map(\.description).joined(separator: ", ")
      return send(
        card.order(by: settings.actor),
        what: (card.replaces.map { "supersede \($0) by" } ?? "ramp")
          + " \(names) by \(card.plan.name)", keeping: .ramp(card))
    }
    replaceTop(.ramp(card))
    return []
  }

  // MARK: Confirmation

  private mutating func press(_ key: InputEvent.Key, in card: ConfirmCard) -> [Effect] {
    var card = card
    if key == .escape {
      pop()
      say("Nothing was changed", .dim)
      return []
    }
    if card.demand != nil {
      if key == .enter {
        if card.submit(), card.demands.isEmpty { return execute(card) }
      } else if key == .control("c") {
        return perform(.quit)
      } else {
        _ = card.field.edit(key)
        card.notice = nil
      }
      replaceTop(.confirm(card))
      return []
    }
    switch key {
    case .character("y"):
      guard !isGuarded(since: card.opened) else {
        card.notice = "That was too quick to have been read: y again"
        replaceTop(.confirm(card))
        return []
      }
      return execute(card)
    default:
      if isCancel(key) {
        pop()
        say("Nothing was changed", .dim)
      }
      return []
    }
  }

  private mutating func execute(_ card: ConfirmCard) -> [Effect] {
    guard pending.isEmpty || card.command.isUrgent else {
      say("Still waiting for the node to answer the last change", .warn)
      return []
    }
    switch card.command {
    // They lead back to the list that they were asked for on.
    case .registry, .retraining, .removeRule: pop()
    case .setRecording(_, nil): pop()
    default: closeForOrder()
    }
    return send(card.order(by: settings.actor), what: card.title, from: .change(card.change))
  }

  // MARK: Runbook

  private mutating func press(_ key: InputEvent.Key, in card: RunbookCard) -> [Effect] {
    var card = card
    if let scroll = scrolled(card.scroll, by: key) {
      card.scroll = scroll
      replaceTop(.runbook(card))
      return []
    }
    guard key == .character("y") else {
      if isCancel(key) || (key == .enter && card.run?.dryRun == false) { pop() }
      return []
    }
    guard let run = card.run, run.dryRun, !card.isRunning else { return [] }
    if isGuarded(since: card.opened) {
      card.notice = "That was too quick to have been read: y again"
      replaceTop(.runbook(card))
      return []
    }
    guard !look.isReadOnly, pending.isEmpty else {
      card.notice =
        look.isReadOnly
        ? "Read-only: nothing is changed; ! allows changes"
        : "Still waiting for the node to answer the last change"
      replaceTop(.runbook(card))
      return []
    }
    let ticket = ticket(.runbook(dryRun: false))
    pending.append(ticket)
    card.ticket = ticket
    card.isRunning = true
    card.notice = nil
    card.scroll = 0
    replaceTop(.runbook(card))
    return [
      .send(
        ticket,
        .runbook(
          name: card.name, endpoint: card.endpoint, dryRun: false, actor: settings.actor),
        .orders)
    ]
  }

  // MARK: Readers

  private mutating func press(_ key: InputEvent.Key, inFeature name: String) -> [Effect] {
    let step: Int
    switch key {
    case .up, .left, .character("k"), .character("h"): step = -1
    case .down, .right, .character("j"), .character("l"): step = 1
    default: return pressInReader(key, copying: name)
    }
    let names = featureLines.map(\.name)
    guard let index = names.firstIndex(of: name) else { return [] }
    let next = names[max(0, min(names.count - 1, index + step))]
    selection.feature = next
    replaceTop(.feature(next))
    return []
  }

  private mutating func press(_ key: InputEvent.Key, inEvent event: EventKey) -> [Effect] {
    let lines = eventLines
    let index = lines.firstIndex { $0.key == event }
    switch key {
    case .up, .character("k"), .down, .character("j"):
      guard let index else { return [] }
      let step = key == .up || key == .character("k") ? -1 : 1
      let next = lines[max(0, min(lines.count - 1, index + step))].key
      selection.event = next
      look.follows = next == lines.first?.key
      replaceTop(.event(next))
      return []
    default:
      let line = index.map { lines[$0] }
      return pressInReader(key, copying: line.map { $0.commandLine ?? $0.summary })
    }
  }

  private mutating func pressInQuit(_ key: InputEvent.Key) -> [Effect] {
    switch key {
    case .character("s"):
      isLeaving = true
      return [.quit(stopNode: true)]
    case .character("d"):
      isLeaving = true
      return [.detach]
    case .escape, .backspace, .character("q"), .character("c"), .control("c"):
      pop()
    default: break
    }
    return []
  }
}
