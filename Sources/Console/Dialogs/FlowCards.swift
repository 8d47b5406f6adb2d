import Control
import Core
import Node

extension RollbackCard {
  /// What would happen, in words: weights, the target's record, whether it is ready, what becomes
  /// of requests under way.
  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: "Roll back \(endpoint)", role: .danger)
    let arrow = canvas.glyphs.arrow
    let new = Split(all: target)
    let versions = Set(preview.from.versions + [target]).sorted(by: >)
    let nameWidth = versions.map { Canvas.columns(of: $0.description) }.max() ?? 0
    for version in versions {
      let before = percentText(preview.from.weight(of: version))
      let after = percentText(new.weight(of: version))
      let isTarget = version == target
      content.lines.append(
        CardLine([
          Span(
            SafeText.fitted(version.description, to: nameWidth), isTarget ? .stable : .bad, .bold),
          Span("  \(SafeText.fitted(before, to: 6))", .dim),
          Span("\(arrow) ", .dim),
          Span(SafeText.fitted(after, to: 6), .text, .bold),
          Span(isTarget ? "gets all traffic" : "closed", isTarget ? .ok : .bad),
        ]))
    }
    content.lines.append(.blank)
    content.lines += record(model)
    if let symptom = preview.symptom, !symptom.isEmpty {
      content.lines.append(CardLine("Because: \(symptom)", .warn))
    }
    if preview.alternatives.count > 0 {
      content.lines.append(.blank)
      content.lines.append(CardLine("Targets:", .dim))
      for (index, version) in targets.enumerated() {
        content.lines.append(
          CardLine(
            [
              Span("[\(index + 1)] ", .hintKey, .bold),
              Span(
                version.description, index == chosen ? .stable : .text, index == chosen ? .bold : []
              ),
              Span(index == chosen ? "  chosen" : "", .dim),
            ], hit: .entry(index)))
      }
    }
    content.notice = notice
    content.buttons = [
      .init("y", "ROLL BACK", .key(.character("y")), role: .danger),
      .init("Esc", "cancel", .key(.escape)),
    ]
    return content
  }

  private func record(_ model: ConsoleModel) -> [CardLine] {
    let row = model.liveDetail?.versions.first { $0.version == target }
    var facts: [String] = []
    let isProposed = chosen == 0
    if isProposed, let live = preview.targetLive { facts.append("live for \(Format.age(live))") }
    let p99 = isProposed ? preview.targetP99Milliseconds : row?.p99Milliseconds
    if let p99 { facts.append("p99 \(Format.milliseconds(p99)) ms") }
    let errors = isProposed ? preview.targetErrorRate : row?.errorRate
    if let errors { facts.append("errors \(Format.share(errors)) %") }
    let isReady =
      isProposed
      ? preview.targetReady : row.map { ["live", "canary", "standby"].contains($0.state) } ?? false
    var lines: [CardLine] = []
    if !facts.isEmpty { lines.append(CardLine("\(target): \(facts.joined(separator: ", "))")) }
    lines.append(
      isReady
        ? CardLine("It is loaded and warm: it takes over at once.", .ok)
        : CardLine("It is not loaded: it is loaded first, which takes a moment.", .warn))
    let closed = preview.from.versions.filter { $0 != target }.map(\.description)
    if !closed.isEmpty {
      lines.append(
        CardLine("Requests already running finish on \(closed.joined(separator: ", ")).", .dim))
    }
    return lines
  }
}

extension RampCard {
  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(
      title: replaces == nil ? "Ramp on \(endpoint)" : "Supersede on \(endpoint)")
    content.width = 72
    if let replaces {
      content.lines.append(
        CardLine("\(replaces) is rolled back first, then this begins; both or neither.", .warn))
    }
    for sentence in model.freezeSentences(on: endpoint) {
      content.lines.append(
        CardLine("\(canvas.glyph(.warn)) Frozen: \(sentence). Starting takes a reason.", .warn))
    }
    let list = Canvas.window(count: candidates.count, rows: 5, selected: candidateIndex)
    if stage == .choose {
      content.lines.append(CardLine("Candidate", .dim))
      for index in list {
        let version = candidates[index]
        let isOn = index == candidateIndex
        let row = model.liveDetail?.versions.first { $0.version == version }
        let state = row?.state ?? "registered"
        content.lines.append(
          CardLine(
            [
              Span(isOn ? "> " : "  ", .title, .bold),
              Span(version.description, isOn ? .candidate : .text, isOn ? .bold : []),
              Span("  \(VersionsPane.stateText(state, canvas))", VersionsPane.stateRole(state)),
              Span("  \(summary(of: version, row, model))", .dim),
            ], hit: .entry(index)))
      }
      content.lines.append(.blank)
    }
    content.lines.append(
      CardLine([
        Span("Plan ", .dim), Span(plan.name, .text, .bold),
        Span(plans.count > 1 ? "  \(planIndex + 1) of \(plans.count)" : "", .dim),
      ]))
    content.lines.append(CardLine(CanaryPane.planSpans(plan, step: -1, canvas)))
    if !plan.summary.isEmpty { content.lines.append(CardLine(plan.summary, .dim)) }
    content.lines.append(.blank)
    content.lines += outcome(canvas)
    content.notice = notice
    content.scroll = stage == .dryRun ? scroll : 0
    content.buttons =
      stage == .choose
      ? [
        .init("Enter", "dry run", .key(.enter)),
        .init("Left/Right", "plan", .key(.right), isEnabled: plans.count > 1),
        .init("Up/Down", "candidate", .key(.down), isEnabled: candidates.count > 1),
        .init("e", "edit plan", .key(.character("e"))),
        .init("Esc", "cancel", .key(.escape)),
      ]
      : [
        .init(
          "y", "START", .key(.character("y")),
          isEnabled: preview != nil && preview?.refusal == nil),
        .init("e", "edit plan", .key(.character("e"))),
        .init("Esc", "back", .key(.escape)),
      ]
    return content
  }

  private func summary(of version: VersionID, _ row: VersionRow?, _ model: ConsoleModel) -> String {
    row?.summary ?? model.feed.registry[version]?.summary ?? ""
  }

  /// `errors 40 and 200, wrong answers 67 and 333`: where the guard holds and rolls back.
  ///
  /// A metric may spend its share of the risk, so its lines lie that much higher.
  private var guardLines: String {
    plan.metrics.map { item in
      let hold = Format.evidence(plan.holdEvidence / item.riskShare)
      let back = Format.evidence(plan.rollbackEvidence / item.riskShare)
      return "\(MetricText.of(item.metric)) \(hold) and \(back)"
    }.joined(separator: ", ")
  }

  /// What the node says: one sentence at first, every step in the dry run.
  private func outcome(_ canvas: Canvas) -> [CardLine] {
    if let failure {
      return [CardLine("The node could not say what it would do: \(failure)", .bad)]
    }
    guard let preview else { return [CardLine("Working out what it would do...", .dim)] }
    var lines: [CardLine] = []
    if let refusal = preview.refusal {
      lines.append(CardLine("\(canvas.glyph(.bad)) It would be refused: \(refusal)", .bad, .bold))
    }
    lines.append(CardLine(preview.summary))
    guard stage == .dryRun else { return lines }
    lines.append(.blank)
    for (index, step) in preview.steps.enumerated() {
      lines.append(CardLine("\(index + 1). \(step)"))
    }
    lines.append(.blank)
    for condition in preview.conditions { lines.append(CardLine("- \(condition)", .dim)) }
    if !preview.conditions.isEmpty { lines.append(.blank) }
    lines.append(
      CardLine(
        plan.metrics.isEmpty
          ? "Nothing judges this plan: it goes on by time alone."
          : "The guard holds, or rolls back to \(preview.fallback), by itself. Risk of a false "
            + "alarm over all metrics: hold \(Format.percent(plan.holdRisk)), roll back "
            + "\(Format.percent(plan.rollbackRisk)). Lines at E: \(guardLines).",
        plan.metrics.isEmpty ? .warn : .dim))
    return lines
  }
}

extension ConfirmCard {
  /// What `y` does, in a word.
  private var verb: String {
    switch change {
    case .stepNext, .stepPrevious: "step"
    case .nudge, .weight: "apply"
    case .pause: "pause"
    case .resume: "resume"
    case .abort: "ABORT"
    case .promote: "promote"
    case .undo: "undo"
    case .deploy: "deploy"
    case .unload: "unload"
    case .drain: "drain"
    case .enable: "enable"
    case .approve: "APPROVE"
    case .retry: "retry"
    case .undoTo: "undo"
    case .stopLine: "STOP THE LINE"
    case .releaseLine: "release"
    case .addFreeze: "freeze"
    case .removeFreeze: "end freeze"
    case .pick: "PICK"
    case .drop: "drop"
    case .sign: "sign"
    case .unsign: "take back"
    case .approveVersion: "approve"
    case .removeRule: "end rule"
    }
  }

  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: title)
    switch change {
    case .abort, .stopLine: content.role = .danger
    default: break
    }
    content.lines = sentences.map { CardLine($0) }
    content.lines += [
      .blank, CardLine([Span("by ", .dim), Span(model.settings.actor.name, .text, .bold)]),
    ]
    content.notice = notice
    switch demand {
    case .typed(let expected):
      content.lines += [.blank, CardLine("Type \(expected) to confirm.", .warn)]
      content.field = (">", field)
      content.buttons = [
        .init("Enter", "confirm", .key(.enter)), .init("Esc", "cancel", .key(.escape)),
      ]
    case .reason:
      content.lines += [.blank, CardLine("Give a reason; it is recorded in the journal.", .warn)]
      content.field = ("reason", field)
      content.buttons = [
        .init("Enter", "confirm", .key(.enter)), .init("Esc", "cancel", .key(.escape)),
      ]
    case .freezeOverride:
      content.lines += [
        .blank,
        CardLine("A freeze holds. Going past it this once takes a reason for the journal.", .warn),
      ]
      content.field = ("override because", field)
      content.buttons = [
        .init("Enter", "go past it", .key(.enter)), .init("Esc", "cancel", .key(.escape)),
      ]
    case nil:
      content.buttons = [
        .init("y", verb, .key(.character("y")), role: .danger),
        .init("Esc", "cancel", .key(.escape)),
      ]
    }
    return content
  }
}

extension QuitCard {
  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: "Leave sluice", role: .danger)
    let rate = (model.feed.live?.endpoints ?? []).reduce(0) { $0 + $1.requestsPerSecond }
    content.lines = [
      CardLine("The engine runs in this process and answers \(Format.rate(rate)) requests/s."),
      CardLine(
        "Left running, it goes on without a screen: sluice attach opens one on it again.", .dim),
    ]
    content.buttons = [
      .init("s", "stop engine", .key(.character("s")), role: .danger),
      .init("d", "leave it running", .key(.character("d"))),
      .init("Esc", "cancel", .key(.escape)),
    ]
    return content
  }
}

extension RunbookCard {
  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    let known = model.feed.live?.runbooks.first { $0.name == name }
    var content = CardContent(title: known?.title ?? name)
    content.width = 76
    content.scroll = scroll
    content.notice = notice
    if let failure {
      content.lines = [CardLine("The node refused: \(failure)", .bad)]
      content.buttons = [.init("Esc", "close", .key(.escape))]
      return content
    }
    guard let run, !isRunning else {
      content.lines = [CardLine(isRunning ? "Running …" : "Working out what it would do...", .dim)]
      content.buttons = [.init("Esc", "close", .key(.escape))]
      return content
    }
    content.lines.append(
      CardLine(
        run.dryRun ? "On \(endpoint) it would now do this:" : "On \(endpoint) it did this:", .dim))
    content.lines.append(.blank)
    for (index, step) in run.steps.enumerated() {
      let role = Self.role(of: step.result)
      content.lines.append(
        CardLine([
          Span("\(Self.glyph(of: step.result, canvas)) ", role, .bold),
          Span("\(index + 1). \(step.text)", .text, .bold),
          Span("  \(step.result)", role),
        ]))
      if !step.detail.isEmpty { content.lines.append(CardLine("      " + step.detail, .dim)) }
    }
    content.lines += [.blank, CardLine(run.outcome, .text, .bold)]
    content.buttons =
      run.dryRun
      ? [
        .init("y", "run it", .key(.character("y")), isEnabled: !model.look.isReadOnly),
        .init("Esc", "cancel", .key(.escape)),
      ] : [.init("Esc", "close", .key(.escape))]
    return content
  }

  static func role(of result: String) -> Role {
    switch result {
    case "pass", "done": .ok
    case "fail", "refused": .bad
    case "would do": .warn
    default: .dim
    }
  }

  private static func glyph(of result: String, _ canvas: Canvas) -> String {
    let role = role(of: result)
    return role == .dim ? (canvas.glyphs.isASCII ? "." : "·") : canvas.glyph(role)
  }
}
