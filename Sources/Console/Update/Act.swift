import Control
import Core
import Node

/// Actions that change the node, and the tools.
extension ConsoleModel {
  mutating func act(_ action: Action, _ argument: String?) -> [Effect] {
    switch action {
    case .ramp: return openRamp(argument)
    case .stepNext: return propose(.stepNext)
    case .stepPrevious: return propose(.stepPrevious)
    case .weightUp: return propose(.nudge(100))
    case .weightDown: return propose(.nudge(-100))
    case .setWeight: return setWeight(argument)
    case .pauseResume: return propose(runningRollout?.isHeld == true ? .resume : .pause)
    case .abort: return propose(.abort)
    case .promote: return propose(.promote)
    case .rollBack: return openRollback(argument)
    case .undo: return propose(.undo)
    case .deploy: return choose(.deploy, argument)
    case .unload: return choose(.unload, argument)
    case .drain: return propose(.drain)
    case .enable: return propose(.enable)
    case .annotate: return annotate(argument)
    case .acknowledge: return acknowledge()
    case .runbook:
      guard let argument else {
        focus = .runbooks
        return []
      }
      guard feed.live?.runbooks.contains(where: { $0.name == argument }) == true else {
        say("There is no runbook \(argument)", .warn)
        return []
      }
      return openRunbook(argument)
    case .approve: return propose(.approve)
    case .retry: return propose(.retry)
    case .stopTheLine:
      return propose(lineStop == nil ? .stopLine(reason: argument?.trimmed) : .releaseLine)
    case .freezes:
      push(.freezes(FreezeList()))
      return []
    case .undoTo: return chooseGeneration(argument)
    case .supersede: return openRamp(argument, supersedes: true)
    case .editPlan: return openPlanEditor()
    case .pick, .drop:
      guard let argument else {
        openPalette(action.spec.word + " ")
        return []
      }
      guard let version = version(named: argument) else { return [] }
      return propose(action == .pick ? .pick(version) : .drop(version))
    default: return []
    }
  }

  /// Does a change, or shows what it would do and asks.
  mutating func propose(_ change: Change) -> [Effect] {
    switch proposal(for: change) {
    case .refuse(let sentence):
      say(sentence, .warn)
      return []
    case .direct(let order, let what):
      guard pending.isEmpty || change == .pause else {
        say("Still waiting for the node to answer the last change", .warn)
        return []
      }
      return send(order, what: what)
    case .ask(let card):
      push(.confirm(card))
      return []
    }
  }

  private mutating func setWeight(_ argument: String?) -> [Effect] {
    guard let argument else {
      openPalette("weight ")
      return []
    }
    do {
      return propose(.weight(try parsePercent(argument)))
    } catch {
      say(error.message, .warn)
      return []
    }
  }

  private mutating func choose(
    _ purpose: VersionPicker.Purpose, _ argument: String?
  ) -> [Effect] {
    if let argument {
      guard let version = version(named: argument) else { return [] }
      return propose(purpose == .deploy ? .deploy(version) : .unload(version))
    }
    guard liveDetail != nil else {
      say("No endpoint is shown yet", .warn)
      return []
    }
    let versions = pickable(for: purpose)
    guard let first = versions.first else {
      say(
        purpose == .deploy
          ? "Every registered version is deployed: sluice model import adds one"
          : "There is no loaded version without traffic", .warn)
      return []
    }
    let selected = versions.first { $0 == selection.version } ?? first
    push(.picker(VersionPicker(purpose: purpose, selected: selected)))
    return []
  }

  /// Reads `MODEL@N`, `@N`, or an alias in the place of the number.
  /// - Throws: ``InvalidValue`` that says what was expected.
  func readVersion(_ text: String) throws(InvalidValue) -> VersionID {
    let model = liveDetail?.versions.first?.version.model.text ?? ""
    let full = text.hasPrefix("@") ? model + text : text
    if let at = full.lastIndex(of: "@"), full[full.index(after: at)...].first?.isLetter == true {
      let alias = full[full.index(after: at)...]
      let known = feed.registry.versions.first { entry in
        entry.version.model.text == full[..<at]
          && entry.standing?.aliases.contains { $0.text == alias } == true
      }
      if let known { return known.version }
    }
    return try VersionID(full)
  }

  /// Reads a version as ``readVersion(_:)`` does, and says what is wrong with it.
  mutating func version(named text: String) -> VersionID? {
    do {
      return try readVersion(text)
    } catch {
      say(error.message, .warn)
      return nil
    }
  }

  private mutating func annotate(_ argument: String?) -> [Effect] {
    guard let text = argument?.trimmed, !text.isEmpty else {
      openPalette("note ")
      return []
    }
    return send(
      Order(command: .annotate(endpoint: liveDetail?.name, text: text), actor: settings.actor),
      what: "note")
  }

  /// Takes the worst symptom off the message line; unless read-only, the journal hears of it.
  private mutating func acknowledge() -> [Effect] {
    guard let symptom = openSymptoms.first else { return [] }
    acknowledged.insert(Self.symptomKey(symptom))
    guard !look.isReadOnly else {
      say("Acknowledged here only, because this console is read-only", .dim)
      return []
    }
    return send(
      Order(
        command: .annotate(
          endpoint: symptom.endpoint, text: "acknowledged \(symptom.kind): \(symptom.sentence)"),
        actor: settings.actor),
      what: "acknowledge \(symptom.kind)")
  }

  /// Goes back to a generation, or shows those that are kept.
  private mutating func chooseGeneration(_ argument: String?) -> [Effect] {
    if let argument {
      guard let generation = Int(argument.filter { $0 != "," }) else {
        say("A generation is a number: U lists those that are kept", .warn)
        return []
      }
      return propose(.undoTo(generation: generation))
    }
    guard let first = generationChoices.first else {
      say("No earlier generation with another split is kept", .warn)
      return []
    }
    push(.generations(GenerationPicker(selected: first.generation)))
    return []
  }

  mutating func openPalette(_ text: String = "") {
    push(.palette(Palette(field: TextField(text))))
  }

  // MARK: The two flows

  /// Opens the rollback card on what the node says a rollback would do now.
  private mutating func openRollback(_ argument: String?) -> [Effect] {
    var target: VersionID?
    if let argument {
      guard let named = version(named: argument) else { return [] }
      target = named
    }
    guard let detail = liveDetail, let preview = detail.rollback else { return [] }
    if let target, target != preview.target, !preview.alternatives.contains(target) {
      say("\(target) is not a version that \(detail.name) can be rolled back to", .warn)
      return []
    }
    push(
      .rollback(
        RollbackCard(
          endpoint: detail.name, preview: preview, target: target, rollout: runningRollout,
          opened: moment)))
    return []
  }

  /// Opens the ramp card and asks the node what the proposed ramp would do.
  mutating func openRamp(
    _ argument: String?, supersedes: Bool = false, plan: String? = nil
  ) -> [Effect] {
    guard let detail = liveDetail, let plans = feed.live?.plans, !plans.isEmpty else {
      say("The node knows no plan: put one into its plans folder", .warn)
      return []
    }
    let replaced = supersedes ? runningRollout?.candidate : nil
    let candidates = rampCandidates.filter { $0 != replaced }
    guard !candidates.isEmpty else {
      say("There is no other version to ramp to: o deploys one", .warn)
      return []
    }
    var wanted = candidates.contains { $0 == selection.version } ? selection.version : nil
    if let argument {
      guard let named = version(named: argument) else { return [] }
      guard candidates.contains(named) else {
        say("\(named) cannot be ramped to on \(detail.name)", .warn)
        return []
      }
      wanted = named
    }
    var card = RampCard(
      endpoint: detail.name, candidates: candidates, plans: plans, candidate: wanted, plan: plan,
      generation: detail.generation, opened: moment, replaces: replaced)
    if let plan, card.plan.name != plan {
      card.notice = "The proposed plan \(plan) is gone: choose another one"
    }
    push(.ramp(card))
    return requestRampPreview()
  }

  /// Asks what the ramp on the open card would do.
  mutating func requestRampPreview() -> [Effect] {
    let ticket = ticket(.rampPreview)
    var request: NodeRequest?
    changeTop { (card: inout RampCard) in
      card.ticket = ticket
      request = card.previewRequest
    }
    return request.map { [.send(ticket, $0, .orders)] } ?? []
  }

  /// Asks again for the open ramp card when what the node said before is of another state.
  mutating func renewRampPreview() -> [Effect] {
    guard case .ramp(let card) = dialogs.last, card.ticket == nil, card.preview == nil,
      card.failure == nil
    else { return [] }
    return requestRampPreview()
  }

  /// Opens the ramp card of a proposal once its endpoint is shown.
  mutating func openAwaitedRamp() -> [Effect] {
    guard let wanted = awaitedRamp else { return [] }
    guard endpoint == wanted.endpoint, case .retraining? = dialogs.last else {
      // Somebody has gone on to something else meanwhile.
      awaitedRamp = nil
      return []
    }
    guard liveDetail?.name == wanted.endpoint else { return [] }
    awaitedRamp = nil
    return openRamp(
      wanted.version.description, supersedes: runningRollout != nil, plan: wanted.plan)
  }
}
