import Control
import Core
import Node

/// A change of the shown endpoint, as a person asks for it: before it is known what command that
/// is and what is asked first.
enum Change: Sendable, Hashable {
  case stepNext, stepPrevious
  /// By so many basis points, from where it is.
  case nudge(BasisPoints)
  /// To so many basis points.
  case weight(BasisPoints)
  case pause, resume, abort, promote, undo
  case deploy(VersionID)
  case unload(VersionID)
  case drain, enable
  case approve, retry
  case undoTo(generation: Int)
  case stopLine(reason: String?)
  case releaseLine
  case addFreeze(FreezeWindow, endpoint: Name?, reason: String)
  case removeFreeze(Int)
  case pick(VersionID)
  case drop(VersionID)
  case sign(VersionID, item: String)
  case unsign(VersionID, item: String)
  case approveVersion(VersionID)
  case removeRule(Name)
  case addRule(RouteRule, reason: String?)
  /// Records by a policy, or (nil) no longer.
  case record(RecordingPolicy?)
  case declineProposal(RetrainingProposal)
}

/// What comes of a ``Change``.
enum Proposal: Sendable {
  /// It cannot be; why, in a sentence.
  case refuse(String)
  /// It is done at once.
  case direct(Order, what: String)
  /// It is shown and asked for first.
  case ask(ConfirmCard)
}

extension ConsoleModel {
  /// What a change would be now.
  func proposal(for change: Change) -> Proposal {
    switch change {
    case .stopLine, .releaseLine, .addFreeze, .removeFreeze: return freezeProposal(change)
    case .sign, .unsign, .approveVersion: return registryProposal(change)
    case .declineProposal(let proposal): return declineProposal(proposal)
    default: break
    }
    guard let detail = liveDetail else { return .refuse("No endpoint is shown yet") }
    switch change {
    case .stepNext, .stepPrevious, .nudge, .pause, .resume, .abort, .promote:
      guard let rollout = runningRollout else {
        return .refuse("No rollout runs on \(detail.name): c starts one")
      }
      return rolloutProposal(change, detail, rollout)
    case .weight(let weight): return weightProposal(weight, detail)
    case .undo: return undoProposal(detail)
    case .deploy(let version): return deployProposal(version, detail)
    case .unload(let version): return unloadProposal(version, detail)
    case .drain:
      guard detail.status != "drained" else { return .refuse("\(detail.name) is drained already") }
      return ask(
        .drain, "Drain \(detail.name)",
        ["Callers get 503 with Retry-After from now on, until it is enabled again."],
        .drainEndpoint(detail.name), detail,
        demands: isProduction ? [.typed(detail.name.text)] : [])
    case .enable:
      guard detail.status == "drained" else { return .refuse("\(detail.name) is not drained") }
      return ask(
        .enable, "Enable \(detail.name)", ["It takes requests again, with the split it had."],
        .enableEndpoint(detail.name), detail)
    case .approve: return approveProposal(detail)
    case .retry: return retryProposal(detail)
    case .undoTo(let generation): return undoProposal(detail, to: generation)
    case .pick(let version): return pickProposal(version, detail)
    case .drop(let version): return dropProposal(version, detail)
    case .removeRule(let name): return removeRuleProposal(name, detail)
    case .addRule(let rule, let reason): return addRuleProposal(rule, reason, detail)
    case .record(let policy): return recordProposal(policy, detail)
    default: return .refuse("This cannot be done here")
    }
  }

  /// Shows a change first.
  ///
  /// One that moves forward while a freeze holds says so and takes a reason.
  func ask(
    _ change: Change, _ title: String, _ sentences: [String], _ command: Command,
    _ detail: EndpointDetail, demands: [ConfirmCard.Demand] = [], rises: Bool = false
  ) -> Proposal {
    let frozen = command.isForward || rises ? freezeSentences(on: detail.name) : []
    return .ask(
      ConfirmCard(
        change, title, sentences + frozen.map { "Frozen: \($0)." }, command,
        endpoint: detail.name, generation: detail.generation,
        demands: demands + (frozen.isEmpty ? [] : [.freezeOverride]), opened: moment))
  }

  /// Does it at once, unless a freeze holds that it would go past.
  private func direct(
    _ command: Command, _ what: String, _ detail: EndpointDetail, bound: Bool = true,
    asking change: Change? = nil, telling sentences: [String] = []
  ) -> Proposal {
    if let change, !freezeSentences(on: detail.name).isEmpty {
      return ask(
        change, what.prefix(1).uppercased() + what.dropFirst(), sentences, command, detail,
        rises: true)
    }
    return .direct(
      Order(
        command: command, actor: settings.actor,
        expectedGeneration: bound ? detail.generation : nil),
      what: what)
  }

  // MARK: The running rollout

  private func rolloutProposal(
    _ change: Change, _ detail: EndpointDetail, _ rollout: RolloutView
  ) -> Proposal {
    let name = detail.name
    switch change {
    case .stepNext: return stepProposal(detail, rollout)
    case .stepPrevious:
      guard rollout.step > 0, rollout.phase != "soaking" else {
        return .refuse("There is no step before this one: x aborts the rollout")
      }
      return direct(
        .step(endpoint: name, direction: .previous, reason: nil), "previous step", detail)
    case .nudge(let by): return nudgeProposal(by, detail, rollout)
    case .pause:
      guard !rollout.isHeld else { return .refuse("The rollout is held already: p resumes it") }
      // Holding is always safe, so it is not bound to what was seen.
      return direct(.pause(endpoint: name), "pause", detail, bound: false)
    case .resume:
      let command = Command.resume(endpoint: name, reason: nil)
      guard rollout.facts?.needsReason ?? rollout.isSuspect else {
        return direct(command, "resume", detail)
      }
      return ask(
        change, "Resume past the guard", ["It is held: \(rollout.cause)."], command, detail,
        demands: [.reason])
    case .abort:
      return ask(
        change, "Abort the rollout of \(rollout.candidate)",
        [
          "\(rollout.candidate)  \(percentText(rollout.candidateWeight)) \(arrow) 0%, closed.",
          "\(rollout.fallback) gets all traffic.",
          "Requests already running finish where they are.",
        ], .abort(endpoint: name, reason: nil), detail)
    default: return promoteProposal(detail, rollout)
    }
  }

  private var arrow: String { settings.glyphs.arrow }

  /// What is typed before a candidate gets all traffic, or goes on past its guard.
  private func demands(
    _ rollout: RolloutView, toWhole: Bool
  ) -> [ConfirmCard.Demand] {
    let isPast = rollout.isSuspect || (rollout.isHeld && rollout.facts?.needsReason == true)
    let lacksEvidence = toWhole && rollout.facts?.promotionGap != nil
    return (toWhole && isProduction ? [.typed(rollout.candidate.description)] : [])
      + (isPast || lacksEvidence ? [.reason] : [])
  }

  /// Why all traffic now would be without evidence, as a sentence for a card.
  private func gapSentences(_ rollout: RolloutView, toWhole: Bool) -> [String] {
    guard toWhole, let gap = rollout.facts?.promotionGap else { return [] }
    return ["It would be marked unverified: \(gap)."]
  }

  private func stepProposal(_ detail: EndpointDetail, _ rollout: RolloutView) -> Proposal {
    guard rollout.phase != "soaking", rollout.plan.steps.indices.contains(rollout.step + 1) else {
      return .refuse("There is no step after this one")
    }
    let weight = rollout.facts?.nextWeight ?? rollout.plan.steps[rollout.step + 1].weight
    let command = Command.step(endpoint: detail.name, direction: .next, reason: nil)
    let demands = demands(rollout, toWhole: weight == Split.whole)
    if demands.isEmpty && !isProduction {
      return direct(
        command, "next step", detail, asking: .stepNext,
        telling: [
          "\(rollout.candidate)  \(percentText(rollout.candidateWeight)) \(arrow) "
            + percentText(weight)
        ])
    }
    return ask(
      .stepNext, "Next step of \(rollout.candidate)",
      [
        "\(rollout.candidate)  \(percentText(rollout.candidateWeight)) \(arrow) "
          + "\(percentText(weight)), before the step's time and requests are through.",
        guardSentence(rollout),
      ] + gapSentences(rollout, toWhole: weight == Split.whole), command, detail, demands: demands)
  }

  private func nudgeProposal(
    _ by: BasisPoints, _ detail: EndpointDetail, _ rollout: RolloutView
  ) -> Proposal {
    let weight = max(0, min(Split.whole, rollout.candidateWeight + by))
    guard weight != rollout.candidateWeight else {
      return .refuse("\(rollout.candidate) has \(percentText(weight)) already")
    }
    guard by > 0 else {
      return direct(
        .setCandidateWeight(endpoint: detail.name, weight: weight, reason: nil),
        "weight \(percentText(weight))", detail)
    }
    let demands = demands(rollout, toWhole: weight == Split.whole)
    if demands.isEmpty {
      return direct(
        .setCandidateWeight(endpoint: detail.name, weight: weight, reason: nil),
        "weight \(percentText(weight))", detail, asking: .weight(weight),
        telling: [
          "\(rollout.candidate)  \(percentText(rollout.candidateWeight)) \(arrow) "
            + percentText(weight)
        ])
    }
    return weightCard(weight, detail, rollout, demands)
  }

  private func promoteProposal(_ detail: EndpointDetail, _ rollout: RolloutView) -> Proposal {
    guard rollout.phase != "soaking" else {
      return .refuse("\(rollout.candidate) has all traffic already")
    }
    let left = max(0, rollout.plan.steps.count - 1 - rollout.step)
    return ask(
      .promote, "Promote \(rollout.candidate)",
      [
        "\(rollout.candidate)  \(percentText(rollout.candidateWeight)) \(arrow) 100%, "
          + "past \(left) remaining \(left == 1 ? "step" : "steps").",
        guardSentence(rollout),
      ] + gapSentences(rollout, toWhole: true), .promote(endpoint: detail.name, reason: nil),
      detail,
      demands: demands(rollout, toWhole: true))
  }

  func guardSentence(_ rollout: RolloutView) -> String {
    guard let worst = rollout.worstEvidence else { return "Nothing guards this rollout." }
    let e = Format.evidence(worst.eValue)
    let name = MetricText.of(worst.metric)
    return worst.eValue >= worst.holdAt
      ? "The guard stands against it: \(name) E \(e), holds at \(Format.evidence(worst.holdAt))."
      : "The guard has nothing against it: \(name) E \(e), holds at "
        + "\(Format.evidence(worst.holdAt))."
  }

  // MARK: Weights

  private func weightProposal(_ weight: BasisPoints, _ detail: EndpointDetail) -> Proposal {
    guard (0...Split.whole).contains(weight) else {
      return .refuse("A weight is between 0 % and 100 %")
    }
    if let rollout = runningRollout {
      guard weight != rollout.candidateWeight else {
        return .refuse("\(rollout.candidate) has \(percentText(weight)) already")
      }
      let rises = weight > rollout.candidateWeight
      return weightCard(
        weight, detail, rollout,
        rises ? demands(rollout, toWhole: weight == Split.whole) : [])
    }
    guard let (stable, candidate) = pairForSplit(detail) else {
      return .refuse("\(detail.name) has one version only: o deploys another")
    }
    let split = Split(stable: stable, candidate: candidate, weight: weight)
    guard split != detail.split else { return .refuse("The split is that already") }
    return ask(
      .weight(weight), "Set the split of \(detail.name)",
      splitSentences(from: detail.split, to: split) + ["Nothing judges a split set by hand."],
      .setSplit(endpoint: detail.name, split: split), detail,
      demands: isProduction && weight == Split.whole ? [.typed(candidate.description)] : [])
  }

  private func weightCard(
    _ weight: BasisPoints, _ detail: EndpointDetail, _ rollout: RolloutView,
    _ demands: [ConfirmCard.Demand]
  ) -> Proposal {
    ask(
      .weight(weight), "Weight of \(rollout.candidate)",
      [
        "\(rollout.candidate)  \(percentText(rollout.candidateWeight)) \(arrow) "
          + percentText(weight),
        "\(rollout.fallback)  \(percentText(Split.whole - rollout.candidateWeight)) \(arrow) "
          + percentText(Split.whole - weight), guardSentence(rollout),
      ], .setCandidateWeight(endpoint: detail.name, weight: weight, reason: nil), detail,
      demands: demands, rises: weight > rollout.candidateWeight)
  }

  /// The two versions that a split by hand is set between: the one with most traffic, and the
  /// selected, or else newest, loaded other.
  func pairForSplit(_ detail: EndpointDetail) -> (stable: VersionID, candidate: VersionID)? {
    guard let split = detail.split, split.versions.count <= 2,
      let stable = split.shares.max(by: { $0.weight < $1.weight })?.version
    else { return nil }
    let others = detail.versions
      .filter { $0.version != stable && ["live", "canary", "standby"].contains($0.state) }
      .map(\.version)
    let weighted = split.versions.first { $0 != stable }
    let chosen = weighted ?? others.first { $0 == selection.version } ?? others.max()
    return chosen.map { (stable, $0) }
  }

  func splitSentences(from old: Split?, to new: Split) -> [String] {
    let versions = Set((old?.versions ?? []) + new.versions).sorted()
    return versions.map { version in
      "\(version)  \(percentText(old?.weight(of: version) ?? 0)) \(arrow) "
        + percentText(new.weight(of: version))
    }
  }

  // MARK: The rest

  private func undoProposal(_ detail: EndpointDetail) -> Proposal {
    guard let undo = detail.undo else { return .refuse("There is no change to undo") }
    return ask(
      .undo, "Undo: \(undo.change)",
      splitSentences(from: detail.split, to: undo.split)
        + ["This is a change of its own, with its own line in the journal."],
      .undo(endpoint: detail.name), detail)
  }

  private func deployProposal(_ version: VersionID, _ detail: EndpointDetail) -> Proposal {
    if let row = detail.versions.first(where: { $0.version == version }),
      ["live", "canary", "standby"].contains(row.state)
    {
      return .refuse("\(version) is loaded on \(detail.name) already")
    }
    let command = Command.deploy(endpoint: detail.name, version: version)
    let isFirst = detail.split == nil
    if !isFirst && !isProduction { return direct(command, "deploy \(version)", detail) }
    return ask(
      .deploy(version), "Deploy \(version)",
      [
        isFirst
          ? "It is the first version on \(detail.name) and gets all traffic."
          : "It is loaded and checked on \(detail.name), and gets no traffic yet."
      ], command, detail)
  }

  private func unloadProposal(_ version: VersionID, _ detail: EndpointDetail) -> Proposal {
    guard let row = detail.versions.first(where: { $0.version == version }),
      row.state != "registered"
    else { return .refuse("\(version) is not loaded on \(detail.name)") }
    guard row.weight == 0 else {
      return .refuse(
        "\(version) has \(percentText(row.weight)) of the traffic: take that away first")
    }
    return ask(
      .unload(version), "Unload \(version)",
      ["Its memory is freed; a rollback to it must load it first."],
      .unload(endpoint: detail.name, version: version), detail,
      demands: isProduction ? [.typed(version.description)] : [])
  }
}
