import Core
import Node

/// Actions that open something to read: verdict, registry, past, routing, who else is here.
extension ConsoleModel {
  mutating func lookCloser(_ action: Action, _ argument: String?) -> [Effect] {
    switch action {
    case .verdict: return openVerdict()
    case .registry: return openRegistry()
    case .asOf: return openPast(argument)
    case .why: return openWhy(argument)
    case .attached: push(.attached)
    case .tryRequest: return openTry()
    case .checklist: return openStanding(argument)
    case .recording: return openRecording()
    case .rules: push(.rules(RuleList()))
    case .retraining: return openRetraining()
    default: break
    }
    return []
  }

  /// Clients of the node beside this console.
  var othersAttached: Int {
    (feed.live?.attached ?? []).count { !isThisConsole($0) }
  }

  /// Whether an entry of the attached is this console.
  func isThisConsole(_ view: AttachedView) -> Bool { view.processID == settings.processID }

  // MARK: Verdict

  private mutating func openVerdict() -> [Effect] {
    guard let detail = liveDetail else { return [] }
    let ticket = ticket(.verdict)
    push(.verdict(VerdictCard(endpoint: detail.name, ticket: ticket)))
    return [.send(ticket, .verdict(endpoint: detail.name), .reading)]
  }

  /// Asks for the open verdict again: it moves with the evidence.
  mutating func renewVerdict() -> [Effect] {
    guard !settings.isLinear, case .verdict(var card) = dialogs.last,
      card.view != nil || card.failure != nil
    else {
      return []
    }
    let ticket = ticket(.verdict)
    card.ticket = ticket
    replaceTop(.verdict(card))
    return [.send(ticket, .verdict(endpoint: card.endpoint), .reading)]
  }

  // MARK: Registry

  /// Asks for the next page of the registry when the node has a newer one.
  mutating func requestRegistry() -> [Effect] {
    guard let offset = feed.registry.nextOffset(wanted: feed.live?.registryRevision) else {
      return []
    }
    return [
      .send(
        ticket(.registry), .registryPage(offset: offset, limit: RegistryBook.pageSize), .reading)
    ]
  }

  private mutating func openRegistry() -> [Effect] {
    var card = RegistryCard()
    card.selected = selectedVersion?.version
    card.refresh(feed.registry)
    push(.registry(card))
    return requestRegistry()
  }

  /// Lists made from an older registry are made anew.
  mutating func refreshRegistryCard() {
    let book = feed.registry
    changeTop { (card: inout RegistryCard) in
      if card.edition != book.edition { card.refresh(book) }
    }
  }

  // MARK: The past

  private mutating func openPast(_ argument: String?) -> [Effect] {
    guard let live = feed.live else { return [] }
    guard let argument, !argument.trimmed.isEmpty else {
      if focus == .events, let line = selectedEvent { return showPast(line.time) }
      openPalette("as-of ")
      return []
    }
    do {
      return showPast(try Timestamp(written: argument.trimmed, now: live.time))
    } catch {
      say(error.message, .warn)
      return []
    }
  }

  private mutating func showPast(_ time: Timestamp) -> [Effect] {
    if focus != .versions && focus != .events { focus = .canary }
    return show(time: time)
  }

  /// Shows a past picture once it is known what was decided by then: until then split and roles
  /// would be those of now.
  mutating func settlePast() {
    guard var picture = feed.unsettledPast, let answer = feed.asOf else { return }
    feed.unsettledPast = nil
    picture.recall(answer)
    feed.past = picture
  }

  /// What the shown endpoint did at the past time; nil while the present is shown.
  var pastEndpoint: EndpointAsOf? {
    guard feed.pastAt != nil, feed.past != nil, let name = endpoint else { return nil }
    return feed.asOf?.endpoints.first { $0.endpoint == name }
  }

  // MARK: A test request

  private mutating func openTry() -> [Effect] {
    guard let detail = liveDetail else { return [] }
    let loaded = detail.versions.filter {
      ["live", "canary", "standby"].contains($0.state)
    }.map(\.version).sorted(by: >)
    push(.tryOut(TryCard(endpoint: detail.name, versions: loaded)))
    return askTry()
  }

  /// Sends the request of the open card.
  mutating func askTry() -> [Effect] {
    guard case .tryOut(var card) = dialogs.last else { return [] }
    let ticket = ticket(.tried)
    card.ticket = ticket
    card.notice = nil
    replaceTop(.tryOut(card))
    return [.send(ticket, card.request, .reading)]
  }

  // MARK: What the registry says

  mutating func openStanding(_ argument: String?) -> [Effect] {
    var wanted = selectedVersion?.version
    if let argument {
      guard let named = version(named: argument) else { return [] }
      wanted = named
    }
    guard let wanted else {
      say("No version is selected", .warn)
      return []
    }
    let ticket = ticket(.standing)
    push(.standing(StandingCard(version: wanted, ticket: ticket)))
    return [.send(ticket, .registry(.record(wanted)), .reading)]
  }

  /// Asks for the open checklist again: somebody may have signed.
  mutating func renewStanding() -> [Effect] {
    guard case .standing(var card) = dialogs.last, card.view != nil else { return [] }
    let ticket = ticket(.standing)
    card.ticket = ticket
    replaceTop(.standing(card))
    return [.send(ticket, .registry(.record(card.version)), .reading)]
  }

  private mutating func openRecording() -> [Effect] {
    guard let name = liveDetail?.name else { return [] }
    let ticket = ticket(.recording)
    push(.recording(RecordingCard(endpoint: name, ticket: ticket)))
    return [.send(ticket, .recording(endpoint: name), .reading)]
  }

  /// Asks for the open recording again: it grows.
  mutating func renewRecording() -> [Effect] {
    guard !settings.isLinear, case .recording(var card) = dialogs.last, !card.isAsking else {
      return []
    }
    let ticket = ticket(.recording)
    card.ask(ticket)
    replaceTop(.recording(card))
    return [.send(ticket, .recording(endpoint: card.endpoint), .reading)]
  }

  // MARK: Routing

  private mutating func openWhy(_ argument: String?) -> [Effect] {
    guard let detail = liveDetail else { return [] }
    push(.why(WhyCard(endpoint: detail.name, field: TextField(argument?.trimmed ?? ""))))
    return argument?.trimmed.isEmpty == false ? askWhy() : []
  }

  /// Asks for the route of the key in the open card.
  mutating func askWhy() -> [Effect] {
    guard case .why(var card) = dialogs.last else { return [] }
    let key = card.field.text
    guard !key.isEmpty else {
      card.notice = "type the key that the caller sends"
      replaceTop(.why(card))
      return []
    }
    let ticket = ticket(.why)
    card.ticket = ticket
    card.notice = nil
    replaceTop(.why(card))
    return [.send(ticket, .why(endpoint: card.endpoint, key: key), .reading)]
  }
}

extension NodeSnapshot {
  /// Puts split, status and roles as they were decided by a past time in the place of today's.
  mutating func recall(_ past: AsOf) {
    endpoints = endpoints.compactMap { line in
      guard let then = past.endpoints.first(where: { $0.endpoint == line.name }) else { return nil }
      var line = line
      line.status = then.status.rawValue
      line.stable = then.stable
      line.candidate = then.rollout?.candidate
      line.candidateWeight = then.rollout.flatMap { then.split?.weight(of: $0.candidate) } ?? 0
      line.rollout = then.rollout.map { "step \($0.step) of \($0.steps), \($0.phase)" }
      return line
    }
    symptoms = []
    guard var shown = detail else { return }
    let then = past.endpoints.first { $0.endpoint == shown.name }
    shown.status = then?.status.rawValue ?? "not there yet"
    shown.split = then?.split
    shown.rollout = nil
    shown.rollback = nil
    shown.undo = nil
    shown.history = nil
    shown.versions = shown.versions.filter { $0.registered <= past.time }.map { row in
      var row = row
      row.weight = then?.split?.weight(of: row.version) ?? 0
      row.state =
        row.weight == 0 && row.version != then?.rollout?.candidate
        ? "idle" : row.version == then?.rollout?.candidate ? "canary" : "live"
      return row
    }
    detail = shown
  }
}
