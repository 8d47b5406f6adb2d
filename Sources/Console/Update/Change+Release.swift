import Control
import Core
import Node

/// Changes around a release: approvals, another try, earlier generations, freezes.
extension ConsoleModel {
  /// Why nothing moves forward on an endpoint now, one sentence a freeze.
  func freezeSentences(on endpoint: Name) -> [String] {
    activeFreezes(on: endpoint).compactMap { $0.freeze.active(at: moment.wall)?.sentence }
  }

  /// The freezes that hold on an endpoint now, as the newest picture knows.
  func activeFreezes(on endpoint: Name) -> [FreezeView] {
    (feed.live?.freezes ?? []).filter { view in
      view.isActive && (view.freeze.endpoint == nil || view.freeze.endpoint == endpoint)
    }
  }

  /// The stop of the line; nil while it runs.
  var lineStop: FreezeView? { (feed.live?.freezes ?? []).first { $0.freeze.isLineStop } }

  // MARK: Approvals

  /// Why this person cannot approve now; nil when they can.
  var approvalObstacle: String? {
    guard let rollout = runningRollout else { return "No rollout runs: nothing to approve" }
    guard let approvals = rollout.facts?.approvals else {
      return rollout.isHeld
        ? "It wants no approval by name here: p lets it go on"
        : "The rollout wants no approvals by name here"
    }
    if approvals.isComplete { return "It has its approvals: \(Self.words(approvals))" }
    if rollout.startedBy.name == settings.actor.name {
      return "You began this rollout: somebody else has to approve it"
    }
    if approvals.given.contains(settings.actor.name) {
      return "You have approved already: \(Self.words(approvals))"
    }
    return nil
  }

  /// `1 of 2 approvals (bob), awaited from carol`.
  static func words(_ approvals: RolloutFacts.Approvals) -> String {
    let noun = approvals.wanted == 1 ? "approval" : "approvals"
    var text = "\(approvals.given.count) of \(approvals.wanted) \(noun)"
    if !approvals.given.isEmpty { text += " (\(approvals.given.joined(separator: ", ")))" }
    if !approvals.isComplete, !approvals.awaited.isEmpty {
      text += ", awaited from \(approvals.awaited.joined(separator: ", "))"
    }
    return text
  }

  func approveProposal(_ detail: EndpointDetail) -> Proposal {
    if let obstacle = approvalObstacle { return .refuse(obstacle) }
    guard let rollout = runningRollout, let approvals = rollout.facts?.approvals else {
      return .refuse("No rollout runs: nothing to approve")
    }
    let place = approvals.step.map { "going on after step \($0 + 1)" } ?? "its start"
    let left = approvals.wanted - approvals.given.count - 1
    return ask(
      .approve, "Approve \(rollout.candidate)",
      [
        "You agree to \(place), by the plan \(rollout.plan.name)"
          + (approvals.plan.map { " (\($0.short))" } ?? "") + " that \(rollout.startedBy.name) "
          + "started.", "Now: \(Self.words(approvals)).",
        left <= 0
          ? "With yours it goes on by itself."
          : "After yours \(left) more \(left == 1 ? "is" : "are") needed.",
        guardSentence(rollout),
      ], .approve(endpoint: detail.name, plan: approvals.plan, reason: nil), detail)
  }

  // MARK: Another try

  /// Why the last rollout cannot be tried again; nil when it can.
  var retryObstacle: String? {
    guard let detail = liveDetail else { return "No endpoint is shown yet" }
    guard let rollout = detail.rollout else { return "No rollout has ended on \(detail.name)" }
    if rollout.isRunning { return "A rollout of \(rollout.candidate) runs: C replaces it" }
    return rollout.phase == "completed"
      ? "The last rollout was completed: there is nothing to try again" : nil
  }

  func retryProposal(_ detail: EndpointDetail) -> Proposal {
    if let obstacle = retryObstacle { return .refuse(obstacle) }
    guard let rollout = detail.rollout else { return .refuse("No rollout has ended") }
    var sentences = [
      "\(rollout.candidate) is ramped again by \(rollout.plan.name), from its first step.",
      "Evidence and approvals begin anew. It was \(rollout.phase): \(news(rollout.cause))",
    ]
    if let first = rollout.plan.steps.first {
      sentences.append(
        "\(rollout.candidate)  0% \(settings.glyphs.arrow) "
          + percentText(first.weight))
    }
    return ask(
      .retry, "Try \(rollout.candidate) again", sentences, .retry(endpoint: detail.name), detail)
  }

  // MARK: Earlier generations

  /// The generations that differ from now and can be given back, newest first.
  var generationChoices: [GenerationView] {
    guard let detail = liveDetail else { return [] }
    return (detail.history ?? []).filter {
      $0.generation != detail.generation && $0.split != detail.split
    }
  }

  func undoProposal(_ detail: EndpointDetail, to generation: Int) -> Proposal {
    if let rollout = runningRollout {
      return .refuse("A rollout of \(rollout.candidate) runs: x aborts it first")
    }
    guard let then = detail.history?.first(where: { $0.generation == generation }) else {
      return .refuse("The split of generation \(generation) is not kept: U lists those that are")
    }
    guard then.split != detail.split else {
      return .refuse("\(detail.name) has the split of generation \(generation) already")
    }
    return ask(
      .undoTo(generation: generation), "Back to generation \(generation)",
      splitSentences(from: detail.split, to: then.split)
        + [
          "As \(then.actor.name) left it: \(news(then.summary))",
          "This is a change of its own, with its own line in the journal.",
        ], .undoTo(endpoint: detail.name, generation: generation), detail)
  }

  // MARK: Freezes

  func freezeProposal(_ change: Change) -> Proposal {
    guard feed.live != nil else { return .refuse("The node has not answered yet") }
    switch change {
    case .stopLine(let reason):
      if let stop = lineStop {
        return .refuse("The line is stopped already, by \(stop.freeze.by.name)")
      }
      let running = (feed.live?.endpoints ?? []).count { $0.candidate != nil }
      return .ask(
        ConfirmCard(
          change, "Stop the line",
          [
            "Nothing moves forward on any endpoint until it is released.",
            running == 0
              ? "No rollout runs now."
              : "\(running) running \(running == 1 ? "rollout holds" : "rollouts hold") where "
                + "\(running == 1 ? "it is" : "they are").",
            "Rollback, abort, pause and lowering a weight go on working.",
          ], .addFreeze(endpoint: nil, window: .untilReleased, reason: reason),
          endpoint: nil, generation: nil, demands: [], opened: moment))
    case .releaseLine:
      guard let stop = lineStop else { return .refuse("The line is not stopped") }
      return .ask(
        ConfirmCard(
          change, "Release the line",
          [
            "\(stop.freeze.by.name) stopped it at \(dayAndClock(stop.freeze.since)): "
              + stop.freeze.reason, "What it held goes on by itself.",
          ], .removeFreeze(id: nil, reason: nil), endpoint: nil, generation: nil, demands: [],
          opened: moment))
    case .addFreeze(let window, let endpoint, let reason):
      return .ask(
        ConfirmCard(
          change, "Add a freeze",
          [
            "Nothing moves forward on \(endpoint?.text ?? "any endpoint"): \(window).",
            "Because: \(reason)", "A running rollout holds in it and goes on by itself afterwards.",
          ], .addFreeze(endpoint: endpoint, window: window, reason: reason), endpoint: nil,
          generation: nil, demands: [], opened: moment))
    case .removeFreeze(let id):
      guard let view = feed.live?.freezes?.first(where: { $0.freeze.id == id }) else {
        return .refuse("There is no freeze \(id) any more")
      }
      return .ask(
        ConfirmCard(
          change, "End freeze \(id)",
          [
            "\(view.freeze.window) on \(view.freeze.endpoint?.text ?? "every endpoint"), by "
              + "\(view.freeze.by.name): \(view.freeze.reason)",
            view.isActive
              ? "It holds now: what it holds goes on by itself." : "It does not hold now.",
          ], .removeFreeze(id: id, reason: nil), endpoint: nil, generation: nil, demands: [],
          opened: moment))
    default: return .refuse("This cannot be done here")
    }
  }
}

extension Command {
  /// Whether a freeze surely stops it; what else it stops, the node says.
  var isForward: Bool {
    switch self {
    case .startRamp, .supersede, .retry, .promote, .undo, .undoTo: true
    case .step(_, let direction, _): direction == .next
    default: false
    }
  }
}
