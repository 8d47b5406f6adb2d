import Control
import Core
import Node

/// The retraining of models: what is asked of the node, and what keys do.
extension ConsoleModel {
  mutating func openRetraining() -> [Effect] {
    let ticket = ticket(.retraining)
    push(.retraining(RetrainingCard(ticket: ticket)))
    return [ask(.overview, ticket)]
  }

  private func ask(_ question: RetrainingQuestion, _ ticket: Ticket) -> Effect {
    .send(ticket, .retraining(question, actor: settings.actor), .reading)
  }

  /// Asks again while it is shown: runs go on.
  mutating func renewRetraining() -> [Effect] {
    guard case .retraining(var card) = dialogs.last else { return renewRetrainingLog() }
    guard !card.isAsking else { return [] }
    let ticket = ticket(.retraining)
    card.ask(ticket)
    replaceTop(.retraining(card))
    return [ask(.overview, ticket)]
  }

  /// Asks again for the log of a run that goes on, and once more when it has ended.
  private mutating func renewRetrainingLog() -> [Effect] {
    guard !settings.isLinear, case .retrainingLog(var log) = dialogs.last, !log.isAsking,
      dialogs.count > 1, case .retraining(var card) = dialogs[dialogs.count - 2], !card.isAsking
    else { return [] }
    let policy = card.overview?.policies.first { $0.name == log.policy }
    let isRunning = policy?.running?.run == log.run
    guard isRunning || log.isLive else { return [] }
    log.isLive = isRunning
    let (first, second) = (ticket(.retraining), ticket(.retraining))
    card.ask(first)
    log.ask(second)
    dialogs[dialogs.count - 2] = .retraining(card)
    replaceTop(.retrainingLog(log))
    return [ask(.overview, first), ask(.log(policy: log.policy, run: log.run), second)]
  }

  // MARK: Answers

  mutating func take(_ answer: RetrainingAnswer, _ ticket: Ticket) -> [Effect] {
    switch answer {
    case .overview(let overview):
      changeTop { (card: inout RetrainingCard) in
        if card.ticket == ticket { card.take(overview) }
      }
      return []
    case .log(let log):
      let columns = columns
      changeTop { (card: inout RetrainingLogCard) in
        if card.ticket == ticket { card.take(log, columns: columns) }
      }
      return []
    case .outcome(let outcome):
      pending.removeAll { $0 == ticket }
      say(outcomeSentence(outcome), .ok)
      return [requestLive()]
    }
  }

  mutating func take(_ sentence: String, ofRetraining ticket: Ticket) -> [Effect] {
    if case .retrainingOrder(let what) = ticket.purpose {
      pending.removeAll { $0 == ticket }
      note("Refused, \(what): \(sentence)", .bad)
      changeTop { (card: inout RetrainingCard) in card.notice = "Refused: \(sentence)" }
      return [requestLive()]
    }
    changeTop { (card: inout RetrainingCard) in
      if card.ticket == ticket { card.fail(sentence) }
    }
    changeTop { (card: inout RetrainingLogCard) in
      if card.ticket == ticket { card.fail(sentence) }
    }
    return []
  }

  // MARK: Keys

  mutating func press(_ key: InputEvent.Key, in card: RetrainingCard) -> [Effect] {
    var card = card
    if card.question != nil { return answer(key, in: card) }
    switch key {
    case .pageUp: card.scroll(by: -8)
    case .pageDown: card.scroll(by: 8)
    case .enter: return openRetrainingLog(card)
    case .character("K"):
      guard let version = card.proposal?.version else { return [] }
      return openStanding(version.description)
    case .character("a"), .character("d"), .character("r"), .character("s"):
      guard !look.isReadOnly else {
        card.notice = "Read-only: nothing is changed; ! allows changes"
        break
      }
      if key == .character("a") { return accept(card) }
      if key == .character("d") {
        guard let proposal = card.proposal else {
          card.notice = "Nothing is proposed on this line"
          break
        }
        return propose(.declineProposal(proposal))
      }
      ask(key == .character("r"), &card)
    default:
      if let step = listStep(key) {
        card.move(by: step)
      } else {
        return pressInReader(
          key, copying: card.proposal?.version.description ?? card.policy?.name.text)
      }
    }
    replaceTop(.retraining(card))
    return []
  }

  /// Asks once more before a run is begun or ended.
  private func ask(_ begins: Bool, _ card: inout RetrainingCard) {
    guard let policy = card.policy else { return }
    if begins {
      guard policy.command != nil else {
        card.notice = "The file of \(policy.name) is gone: it cannot run"
        return
      }
      guard policy.running == nil else {
        card.notice = "A run of \(policy.name) goes on: s stops it"
        return
      }
      card.question = .init(
        request: .run(policy: policy.name), what: "run \(policy.name)",
        sentence: "Run \(policy.name) now, whatever its triggers and cool-down say? It trains on "
          + "recorded rows, with the command above.", verb: "run it",
        opened: moment)
    } else {
      guard policy.running != nil else {
        card.notice = "No run of \(policy.name) goes on"
        return
      }
      card.question = .init(
        request: .stop(policy: policy.name), what: "stop the run of \(policy.name)",
        sentence: "Stop the run of \(policy.name), with all its processes?", verb: "stop it",
        opened: moment)
    }
    card.notice = nil
  }

  /// A key while something is asked for once more.
  private mutating func answer(_ key: InputEvent.Key, in card: RetrainingCard) -> [Effect] {
    var card = card
    guard let question = card.question else { return [] }
    switch key {
    case .character("y"):
      guard !isGuarded(since: question.opened) else {
        say("That was too quick to have been read: y again", .warn)
        return []
      }
      guard pending.isEmpty else {
        say("Still waiting for the node to answer the last change", .warn)
        return []
      }
      card.question = nil
      replaceTop(.retraining(card))
      let ticket = ticket(.retrainingOrder(what: question.what))
      pending.append(ticket)
      say("\(question.what)...", .dim)
      return [.send(ticket, .retraining(question.request, actor: settings.actor), .orders)]
    default:
      guard isCancel(key) else { return [] }
      card.question = nil
      replaceTop(.retraining(card))
      return []
    }
  }

  /// Opens the ramp card of the chosen proposal, on its own endpoint.
  private mutating func accept(_ card: RetrainingCard) -> [Effect] {
    guard let proposal = card.proposal else {
      var card = card
      card.notice = "Nothing is proposed on this line"
      replaceTop(.retraining(card))
      return []
    }
    awaitedRamp = AwaitedRamp(
      endpoint: proposal.endpoint, version: proposal.version, plan: proposal.plan)
    atHome = false
    if endpoint != proposal.endpoint {
      endpoint = proposal.endpoint
      selection = Selection(endpoint: proposal.endpoint)
      look.filters = [:]
    }
    goLive()
    let effects = openAwaitedRamp()
    return awaitedRamp == nil ? effects : [requestLive()]
  }

  private mutating func openRetrainingLog(_ card: RetrainingCard) -> [Effect] {
    guard let policy = card.policy, let run = card.run else {
      var card = card
      card.notice = "It never ran: there is nothing to read"
      replaceTop(.retraining(card))
      return []
    }
    let ticket = ticket(.retraining)
    push(
      .retrainingLog(
        RetrainingLogCard(policy: policy.name, run: run, newest: policy.runs, ticket: ticket)))
    return [ask(.log(policy: policy.name, run: run), ticket)]
  }

  mutating func press(_ key: InputEvent.Key, in card: RetrainingLogCard) -> [Effect] {
    var card = card
    switch key {
    case .left, .character("h"), .right, .character("l"):
      guard card.move(by: key == .left || key == .character("h") ? -1 : 1) else { return [] }
      let ticket = ticket(.retraining)
      card.ask(ticket)
      replaceTop(.retrainingLog(card))
      return [ask(.log(policy: card.policy, run: card.run), ticket)]
    default:
      guard let scroll = scrolled(card.scroll, by: key) else {
        return pressInReader(key, copying: card.view?.folder)
      }
      card.scroll = scroll
      replaceTop(.retrainingLog(card))
      return []
    }
  }

  // MARK: Recording

  mutating func press(_ key: InputEvent.Key, in card: RecordingCard) -> [Effect] {
    var card = card
    guard key == .character("o") || key == .character("x") else {
      return pressInReader(key, copying: nil)
    }
    if look.isReadOnly {
      card.notice = "Read-only: nothing is changed; ! allows changes"
    } else if liveDetail?.name != card.endpoint {
      card.notice = "\(card.endpoint) is not shown any more: open this card again"
    } else if let view = card.view {
      if key == .character("o") {
        push(.form(.recording(on: card.endpoint, view.policy)))
        return []
      }
      if view.policy != nil { return propose(.record(nil)) }
      card.notice = "Nothing is recorded: o turns it on"
    } else {
      card.notice = "The node has not answered yet"
    }
    replaceTop(.recording(card))
    return []
  }
}
