import Core

/// How bad an event is.
public enum EventSeverity: String, Sendable, Codable, CaseIterable {
  /// As wanted.
  case ok
  /// Somebody should look.
  case warn
  /// Something was wrong.
  case bad
}

extension Event {
  /// The word under which the journal keeps it.
  public var kind: String { body.kind }

  /// How bad it is: rollbacks by the guard are bad; holds by it, and aborts, are warnings.
  public var severity: EventSeverity {
    switch body {
    case .rolledBack(let rollback):
      [.operator, .superseded].contains(rollback.cause) ? .warn : .bad
    case .retraining(let change): change.severity
    case .freezeAdded, .retreatStarted, .segmentClosed, .holdExtended, .actorForgotten: .warn
    case .escalated: .bad
    case .candidateDropped(let drop): drop.cause == .operator ? .ok : .bad
    case .registry(let event): event.severity
    case .aborted, .endpointDrained: .warn
    case .held(let change): holdSeverity(change.hold)
    case .promoted(let change), .stepped(let change), .completed(let change):
      change.isUnverified ? .warn : .ok
    default: .ok
    }
  }

  private func holdSeverity(_ hold: HoldCause?) -> EventSeverity {
    switch hold {
    case .operator, .approval, .scheduled, .warming, .dependency: .ok
    case .stuck: .bad
    default: .warn
    }
  }

  /// One sentence, harmless for a terminal.
  ///
  /// As `flight-delay: @4 25% -> 0%, @2 75% -> 100%: wrong answers, E 131 at 214 labels`.
  public var summary: String {
    let sentence = endpoint.map { "\($0): \(news)" } ?? news
    let said = saidReason.map { " (\($0))" } ?? ""
    guard let override else { return sentence + said }
    let freezes = override.freezes.map { "\($0.freeze)" }.joined(separator: ", ")
    return "\(sentence)\(said), past freeze \(freezes) (\(printable(override.reason, limit: 200)))"
  }

  /// The reason given, unless the sentence tells it by itself.
  private var saidReason: String? {
    switch body {
    case .rolledBack(let rollback) where rollback.cause != .operator: return nil
    case .noted, .runbookRun, .candidateDropped: return nil
    default:
      guard let reason, isGiven(reason) else { return nil }
      return printable(reason, limit: 200)
    }
  }

  private var news: String {
    switch body {
    case .versionRegistered(let version):
      return "\(version.version) registered, \(version.draft.artifact.short)"
    case .endpointCreated: return "created"
    case .endpointDrained: return "drained, callers get 503"
    case .endpointEnabled: return "enabled, takes requests again"
    case .deployed(let deployed):
      let first = after == nil ? "" : " and gets all traffic"
      return "\(deployed.version) \(deployed.isReopened ? "deployed again" : "deployed")\(first)"
    case .unloaded(let version): return "\(version) unloaded"
    case .split: return splitNews
    case .rampStarted(let start):
      return startNews(start)
    case .rolledBack(let rollback): return rollbackNews(rollback)
    case .aborted: return "aborted: \(splitNews)"
    case .undone(let entry):
      let to = entry.generation.map { " to generation \($0)" } ?? ""
      return "undone\(to): \(splitNews)"
    case .freezeAdded(let freeze): return freezeNews(freeze)
    case .freezeRemoved(let freeze):
      return freeze.isLineStop ? "the line runs again" : "freeze \(freeze.id) removed"
    case .approved(let approval):
      let place = approval.step.map { "step \($0 + 1)" } ?? "the start"
      return "\(place) of the ramp of \(approval.candidate) approved by \(actor), "
        + "\(approval.given) of \(approval.wanted), plan \(approval.plan.short)"
    case .retraining(let change): return change.news
    case .candidateDropped(let drop): return dropNews(drop)
    case .segmentClosed(let closure):
      let evidence = closure.metric.map { ": \($0.sentence)" } ?? ""
      return "segment \(printable(closure.column, limit: 60))="
        + "\(printable(closure.segment, limit: 60)) closed to \(closure.candidate)\(evidence)"
    case .ruleAdded(let rule): return "rule \(rule.name) added: \(ruleText(rule))"
    case .ruleRemoved(let rule): return "rule \(rule.name) removed: \(ruleText(rule))"
    case .actorForgotten: return "the name of a person was erased"
    case .recordingSet(let change):
      return change.policy.map { "recorded: \($0.words)" } ?? "not recorded any more"
    case .registry(let event): return event.news
    case .noted(let text): return "note: \(printable(text, limit: 200))"
    case .runbookRun(let run):
      return "runbook \(printable(run.runbook, limit: 60)): \(printable(run.outcome))"
    default: return rolloutNews
    }
  }

  private var rolloutNews: String {
    switch body {
    case .held(let change):
      let cause = change.hold?.words ?? "held"
      let evidence = change.metric.map { ": \($0.sentence)" } ?? ""
      return
        "ramp of \(change.candidate) held at \(percentText(change.weight)): \(cause)\(evidence)"
    case .resumed(let change):
      let cause = change.hold.map { $0 == .approval ? "approved" : "was \($0.words)" } ?? ""
      return "ramp of \(change.candidate) goes on at \(percentText(change.weight))"
        + (cause.isEmpty ? "" : ": \(cause)")
    case .stepped(let change):
      let skipped = change.isUnverified && change.step >= change.fromStep ? ", unverified" : ""
      let news = [change.doing, after == nil && change.doing != nil ? nil : splitNews]
        .compactMap { $0 }.joined(separator: ", ")
      return "step \(change.step + 1) of \(change.steps): \(news)\(skipped)"
    case .weightSet: return "weight set by hand: \(splitNews)"
    case .soaking(let change): return "\(change.candidate) has all traffic and soaks"
    case .promoted(let change):
      let end = change.completes ? ", ramp completed" : ""
      return "promoted: \(splitNews)\(end)\(change.isUnverified ? ", unverified" : "")"
    case .retreatStarted(let change):
      let span = change.retreat.map { " over \($0.over)" } ?? ""
      return "ramp of \(change.candidate) goes back from \(percentText(change.weight))\(span)"
    case .retreated: return "going back: \(splitNews)"
    case .escalated(let change):
      return "ramp of \(change.candidate) is held too long: \(change.hold?.words ?? "held")"
    case .holdExtended(let change):
      return "hold of the ramp of \(change.candidate) extended once: "
        + (change.hold?.words ?? "held")
    case .completed(let change):
      return "ramp of \(change.candidate) completed, it is the stable now"
        + (change.isUnverified ? ", unverified" : "")
    default: return kind
    }
  }

  private func rollbackNews(_ rollback: Rollback) -> String {
    switch rollback.cause {
    case .operator: "rolled back: \(splitNews)"
    case .evidence: "\(splitNews): \(rollback.metric?.sentence ?? "evidence over the line")"
    case .breaker: "\(splitNews): \(Judge.breakerFailures) answers failed one after another"
    case .holdDeadline: "\(splitNews): the hold lasted longer than the plan allows"
    case .budget: "\(splitNews): failed and wrong answers reached the plan's cap"
    case .superseded: "superseded: \(splitNews)"
    case .warming: "no candidate traffic: a candidate was not ready in time"
    case .unready: "\(splitNews): a candidate is not ready any more"
    case .comparison: "\(splitNews): the plan's comparison rule"
    }
  }

  private func startNews(_ start: RampStart) -> String {
    let names = ([start.candidate] + (start.rivals ?? [])).map(\.description)
    let news: String
    if let hold = start.hold {
      news = hold.words
    } else if start.waits == true {
      news = "waits for approvals"
    } else if after == nil, let doing = start.plan.steps.first?.doing {
      news = doing
    } else {
      news = splitNews
    }
    return "ramp of \(names.joined(separator: ", ")) by \(planText(start.plan.name)): \(news)"
  }

  private func dropNews(_ drop: CandidateDrop) -> String {
    let why: String
    switch drop.cause {
    case .evidence: why = drop.metric?.sentence ?? "evidence over the line"
    case .breaker: why = "\(Judge.breakerFailures) answers failed one after another"
    case .unready: why = "it is not ready any more"
    case .warming: why = "it was not ready in time"
    default: why = "by hand"
    }
    return "\(drop.version) dropped from the ramp, \(drop.leads) leads: \(splitNews): \(why)"
  }

  private func ruleText(_ rule: RouteRule) -> String {
    "\(printable(rule.rule.description, limit: 200)) to \(rule.split)"
  }

  private func freezeNews(_ freeze: Freeze) -> String {
    if freeze.isLineStop { return "\(freeze.by) stopped the line" }
    return "freeze \(freeze.id) on \(freeze.endpoint?.text ?? "all endpoints"), \(freeze.window)"
  }

  /// `@4 25% -> 0%, @2 75% -> 100%`: what loses first, then what gains.
  private var splitNews: String {
    guard let after else { return "weights unchanged" }
    let before = before?.shares ?? []
    let versions = Set(after.versions + before.map(\.version)).sorted()
    let isOneModel = Set(versions.map(\.model)).count == 1
    var parts: [(change: Int, text: String)] = []
    for version in versions {
      let old = before.first { $0.version == version }?.weight ?? 0
      let new = after.weight(of: version)
      if old == new { continue }
      let label = isOneModel ? version.short : "\(version)"
      parts.append((new - old, "\(label) \(percentText(old)) -> \(percentText(new))"))
    }
    if parts.isEmpty { return "weights unchanged" }
    // Stable for equal changes, because the versions are in order.
    let losing = parts.filter { $0.change < 0 }
    let gaining = parts.filter { $0.change > 0 }
    return (losing + gaining).map(\.text).joined(separator: ", ")
  }

  private func planText(_ name: String) -> String { printable(name, limit: 60) }
}
