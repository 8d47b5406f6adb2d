import Control
import Core
import Node

/// The console after a message, and what its surroundings are asked to do.
///
/// Pure: equal arguments give equal results.
public func update(
  _ model: ConsoleModel, _ message: Message, at moment: Moment
) -> (ConsoleModel, [Effect]) {
  var next = model
  let effects = next.receive(message, at: moment)
  return (next, effects)
}

extension ConsoleModel {
  /// Changes the model by one message; ``update(_:_:at:)`` in place.
  public mutating func receive(_ message: Message, at moment: Moment) -> [Effect] {
    // A clock that jumps back must not lengthen guards or ages.
    self.moment = Moment(
      milliseconds: max(moment.milliseconds, self.moment.milliseconds), wall: moment.wall)
    guard !isLeaving else { return [] }
    switch message {
    case .tick: return tick()
    case .input(let event): return take(event)
    case .reply(let ticket, let reply): return take(reply, for: ticket)
    case .failed(let ticket, let failure): return take(failure, for: ticket)
    case .exported(let path, let failure):
      if let failure {
        note("Not exported: \(failure)", .warn)
      } else {
        say("Written to \(path)", .ok)
      }
      return []
    case .themes(let themes):
      let name = theme.name
      if !themes.isEmpty { settings.themes = themes }
      look.theme = settings.themes.firstIndex { $0.name == name } ?? 0
      return []
    case .terminate:
      isLeaving = true
      return [.quit(stopNode: true)]
    }
  }

  private mutating func tick() -> [Effect] {
    if let shown = flash, moment.since(shown.shown) >= Flash.lifetimeMilliseconds, !isFrozen {
      flash = nil
    }
    guard feed.asked == nil else { return [] }
    return [requestLive()]
  }

  // MARK: Requests

  /// The question for the present picture.
  mutating func requestLive() -> Effect {
    feed.asked = moment
    return .send(ticket(.live), .snapshot(snapshotRequest(at: nil)), .snapshots)
  }

  /// The question for the picture of the time that is looked at.
  mutating func requestPast() -> [Effect] {
    guard let at = feed.pastAt else { return [] }
    return [
      .send(ticket(.past), .snapshot(snapshotRequest(at: at)), .snapshots),
      .send(ticket(.asOf), .asOf(time: at, endpoint: nil), .reading),
    ]
  }

  private func snapshotRequest(at time: Timestamp?) -> SnapshotRequest {
    var wantsBins = isZoomed && focus == .drift
    if case .feature = dialogs.last { wantsBins = true }
    return SnapshotRequest(
      endpoint: atHome ? selection.endpoint ?? endpoint : endpoint,
      windowSeconds: look.windowSeconds, points: TrafficPane.points(columns: columns), at: time,
      driftVersion: selection.driftVersion, eventLimit: 100, driftHistograms: wantsBins,
      wantsRegistry: false)
  }

  /// Sends an order and remembers that it is under way.
  ///
  /// - Parameter kept: the card that comes back, with the reason, when the node refuses.
  mutating func send(
    _ order: Order, what: String, from card: Reopening? = nil, keeping kept: Dialog? = nil
  ) -> [Effect] {
    let ticket = ticket(.order(what: what))
    asked[ticket.number] = Asked(order: order, what: what, card: card, kept: kept)
    awaitInForm(ticket)
    pending.append(ticket)
    say("\(what)...", .dim)
    return [.send(ticket, .perform(order), order.command.isUrgent ? .urgent : .orders)]
  }

  // MARK: Answers

  private mutating func take(_ reply: NodeReply, for ticket: Ticket) -> [Effect] {
    switch (ticket.purpose, reply) {
    case (.live, .snapshot(let snapshot)): return takeLive(snapshot)
    case (.past, .snapshot(let snapshot)):
      if feed.pastAt != nil {
        feed.unsettledPast = snapshot
        settlePast()
      }
      return []
    case (.asOf, .asOf(let answer)):
      // A late answer for a time that is not looked at any more.
      guard answer.time == feed.pastAt else { return [] }
      feed.asOf = answer
      settlePast()
      return []
    case (.order, .outcome(let outcome)):
      pending.removeAll { $0 == ticket }
      asked[ticket.number] = nil
      closeForm(ticket)
      say(outcomeSentence(outcome), .ok)
      return [requestLive()]
    case (.rampPreview, .rampPreview(let preview)):
      changeTop { (card: inout RampCard) in
        if card.ticket == ticket { card.preview = preview }
      }
      return []
    case (.runbook(let dryRun), .runbookRun(let run)): return take(run, ticket, dryRun: dryRun)
    case (.versionCard, .version(let detail)):
      changeTop { (card: inout VersionCard) in
        if card.ticket == ticket { card.detail = detail }
      }
      return []
    case (.journalCheck, .journalCheck(let check)):
      push(.journalCheck(check))
      return []
    case (.verdict, .verdict(let view)):
      changeTop { (card: inout VerdictCard) in
        if card.ticket == ticket {
          card.view = view
          card.failure = nil
        }
      }
      return []
    case (.why, .why(let answer)):
      changeTop { (card: inout WhyCard) in
        if card.ticket == ticket { card.answer = answer }
      }
      return []
    case (.tried, .tried(let answer)):
      changeTop { (card: inout TryCard) in
        if card.ticket == ticket { card.take(answer) }
      }
      return []
    case (.standing, .registry(.record(let record))):
      changeTop { (card: inout StandingCard) in
        if card.ticket == ticket { card.take(record) }
      }
      return []
    case (.recording, .recording(let view)):
      changeTop { (card: inout RecordingCard) in
        if card.ticket == ticket { card.take(view) }
      }
      return []
    case (.retraining, .retraining(let answer)), (.retrainingOrder, .retraining(let answer)):
      return take(answer, ticket)
    case (.planPreview, .rampPreview(let preview)):
      let now = moment
      changeTop { (editor: inout PlanEditor) in
        if editor.ticket == ticket { editor.take(preview, at: now) }
      }
      return []
    case (.planSave, .planSaved(let path)):
      var isTaken = false
      changeTop { (editor: inout PlanEditor) in
        guard editor.saving?.sent?.ticket == ticket else { return }
        editor.saved(as: path)
        isTaken = true
      }
      guard isTaken else {
        say("Saved as \(path)", .ok)
        return []
      }
      return [requestLive()] + requestPlanPreview()
    case (.registry, .registryPage(let page)):
      if feed.registry.take(page) {
        refreshRegistryCard()
        return []
      }
      return requestRegistry()
    default:
      return take(
        NodeFailure(sentence: "the node gave an answer that fits no question"), for: ticket)
    }
  }

  func outcomeSentence(_ outcome: Outcome) -> String {
    let whole = "\(Format.milliseconds(Double(outcome.durableMicroseconds) / 1000)) ms"
    // What concerns no endpoint has none.
    let generation = outcome.generation > 0 ? ", generation \(outcome.generation)" : ""
    guard let fence = outcome.fenceMicroseconds else {
      // Not the disk alone: a version may have been loaded first.
      return "\(news(outcome.summary))  done in \(whole)\(generation)"
    }
    let closed = "\(Format.milliseconds(Double(fence) / 1000)) ms"
    return "\(news(outcome.summary))  closed in \(closed), durable in \(whole)\(generation)"
  }

  private mutating func take(
    _ run: RunbookRunView, _ ticket: Ticket, dryRun: Bool
  ) -> [Effect] {
    var found = false
    let now = moment
    changeTop { (card: inout RunbookCard) in
      guard card.ticket == ticket else { return }
      found = true
      card.run = run
      card.isRunning = false
      card.opened = now
    }
    guard !dryRun else { return [] }
    pending.removeAll { $0 == ticket }
    if !found { note("Runbook \(run.name): \(run.outcome)", .ok) }
    return [requestLive()]
  }

  private mutating func take(_ failure: NodeFailure, for ticket: Ticket) -> [Effect] {
    let sentence = failure.sentence
    switch ticket.purpose {
    case .live:
      feed.asked = nil
      feed.failure = sentence
      return []
    case .past:
      say("That time cannot be shown: \(sentence)", .warn)
      goLive()
      return []
    case .asOf:
      guard feed.pastAt != nil else { return [] }
      say("What was decided by then cannot be read: \(sentence)", .warn)
      goLive()
      return []
    case .order(let what):
      pending.removeAll { $0 == ticket }
      let order = asked.removeValue(forKey: ticket.number)
      // What only lacks a reason is asked for again with one; nothing else has to be typed anew.
      let isBack = answerForm(ticket, sentence)
      if let order, dialogs.isEmpty || isBack,
        let card = ReasonCard(order, refusedBecause: sentence)
      {
        push(.reason(card))
        say("Not done yet: it takes a reason", .warn)
        return [requestLive()]
      }
      note("Refused, \(what): \(sentence)", failure.isStale ? .warn : .bad)
      if failure.isStale { reopening = order?.card }
      if dialogs.isEmpty, case .ramp(var card)? = order?.kept {
        card.comeBack(sentence, at: moment)
        push(.ramp(card))
      }
      // The picture is renewed at once, so that the next look is at what is true.
      return [requestLive()]
    case .rampPreview:
      changeTop { (card: inout RampCard) in
        if card.ticket == ticket { card.failure = sentence }
      }
      return []
    case .runbook(let dryRun):
      pending.removeAll { $0 == ticket }
      var found = false
      changeTop { (card: inout RunbookCard) in
        guard card.ticket == ticket else { return }
        found = true
        card.failure = sentence
        card.isRunning = false
      }
      if !found || !dryRun { note("Runbook not run: \(sentence)", .bad) }
      return []
    case .versionCard:
      changeTop { (card: inout VersionCard) in
        if card.ticket == ticket { card.failure = sentence }
      }
      return []
    case .journalCheck:
      note("The journal was not checked: \(sentence)", .bad)
      return []
    case .verdict:
      changeTop { (card: inout VerdictCard) in
        if card.ticket == ticket { card.failure = sentence }
      }
      return []
    case .why:
      changeTop { (card: inout WhyCard) in
        if card.ticket == ticket {
          card.notice = sentence
          card.ticket = nil
        }
      }
      return []
    case .planPreview:
      changeTop { (editor: inout PlanEditor) in
        if editor.ticket == ticket { editor.failure = sentence }
      }
      return []
    case .planSave:
      var isTaken = false
      changeTop { (editor: inout PlanEditor) in
        guard editor.saving?.sent?.ticket == ticket else { return }
        editor.saveFailed(sentence)
        isTaken = true
      }
      if !isTaken { say(sentence, .bad) }
      return []
    case .registry:
      feed.registry.fail()
      return []
    case .tried:
      changeTop { (card: inout TryCard) in
        if card.ticket == ticket { card.fail(sentence) }
      }
      return []
    case .standing:
      changeTop { (card: inout StandingCard) in
        if card.ticket == ticket { card.fail(sentence) }
      }
      return []
    case .recording:
      changeTop { (card: inout RecordingCard) in
        if card.ticket == ticket { card.fail(sentence) }
      }
      return []
    case .retraining, .retrainingOrder: return take(sentence, ofRetraining: ticket)
    }
  }

  // MARK: The present picture

  private mutating func takeLive(_ snapshot: NodeSnapshot) -> [Effect] {
    let isFirst = feed.live == nil
    let known = Set((feed.live?.symptoms ?? []).map(Self.symptomKey))
    // Answers may overtake each other; an older picture never replaces a newer one.
    feed.asked = nil
    feed.failure = nil
    feed.arrived = moment
    if let live = feed.live, live.time > snapshot.time, live.node.pid == snapshot.node.pid {
      return []
    }
    feed.live = snapshot
    if isFirst { settlePlace(snapshot) }
    acknowledged.formIntersection(Set(snapshot.symptoms.map(Self.symptomKey)))
    if !snapshot.registry.isEmpty {
      feed.registry.replace(with: snapshot.registry, revision: snapshot.registryRevision)
    }
    refreshDialogs()
    refreshRegistryCard()
    reopen()
    let isNewTrouble = snapshot.symptoms.contains {
      $0.severity == .bad && !known.contains(Self.symptomKey($0))
    }
    var effects: [Effect] = isNewTrouble && !isFirst ? [.bell] : []
    effects += requestRegistry() + renewVerdict() + renewStanding()
    effects += renewRampPreview() + renewRecording() + renewRetraining()
    return effects + openAwaitedRamp()
  }

  /// Decides, on the first picture, whether the list of endpoints or one of them is shown.
  private mutating func settlePlace(_ snapshot: NodeSnapshot) {
    if let wanted = endpoint {
      if !snapshot.endpoints.contains(where: { $0.name == wanted }) {
        note("There is no endpoint \(wanted) on this node", .warn)
        endpoint = nil
        atHome = true
      }
      return
    }
    if snapshot.endpoints.count == 1 {
      endpoint = snapshot.endpoints.first?.name
    } else {
      atHome = true
    }
  }

  /// Puts a card back whose change was refused because the endpoint had changed meanwhile.
  private mutating func reopen() {
    guard let wanted = reopening else { return }
    reopening = nil
    switch wanted {
    case .rollback(let endpoint, let target, let over):
      guard let detail = feed.live?.detail, detail.name == endpoint, let preview = detail.rollback
      else { return }
      var card = RollbackCard(
        endpoint: endpoint, preview: preview, target: target, over: over, rollout: runningRollout,
        opened: moment)
      card.remark("The endpoint changed before the rollback reached it: look again")
      push(.rollback(card))
    case .change(let change):
      guard case .ask(var card) = proposal(for: change) else { return }
      card.notice = "The endpoint changed before this reached it: look again"
      push(.confirm(card))
    }
  }

  /// Open cards look at the newest picture: what they would do must be what they say.
  private mutating func refreshDialogs() {
    for index in dialogs.indices.reversed() {
      switch dialogs[index] {
      case .rollback(var card):
        guard let detail = feed.live?.detail, detail.name == card.endpoint else { continue }
        if let preview = detail.rollback {
          card.refresh(
            with: preview, rollout: runningRollout, at: moment)
          dialogs[index] = .rollback(card)
        } else {
          dialogs.remove(at: index)
          say("There is nothing to roll back on \(card.endpoint) any more", .warn)
        }
      case .ramp(var card):
        guard let detail = feed.live?.detail, detail.name == card.endpoint,
          detail.generation != card.generation
        else { continue }
        card.endpointChanged(to: detail.generation, at: moment)
        dialogs[index] = .ramp(card)
      case .planEditor(var editor):
        guard let detail = feed.live?.detail, detail.name == editor.endpoint,
          detail.generation != editor.generation
        else { continue }
        editor.endpointChanged(
          to: detail.generation, replaces: runningRollout?.candidate, at: moment)
        dialogs[index] = .planEditor(editor)
      case .confirm(let card): refresh(card, at: index)
      default: break
      }
    }
  }

  private mutating func refresh(_ card: ConfirmCard, at index: Int) {
    guard card.generation != nil, let detail = feed.live?.detail, detail.name == card.endpoint,
      detail.generation != card.generation
    else { return }
    guard case .ask(var fresh) = proposal(for: card.change) else {
      dialogs.remove(at: index)
      if case .refuse(let sentence) = proposal(for: card.change) {
        say("The endpoint changed. \(sentence)", .warn)
      } else {
        say("The endpoint changed: ask again", .warn)
      }
      return
    }
    fresh.field = card.field
    fresh.notice =
      "The endpoint changed (generation \(card.generation ?? 0) to \(fresh.generation ?? 0)): "
      + "look again"
    dialogs[index] = .confirm(fresh)
  }
}
