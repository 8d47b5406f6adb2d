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
          Span(
            isTarget ? "gets all traffic" : over == nil ? "closed" : "closed at the end",
            isTarget ? .ok : .bad),
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
    if let field {
      content.lines += [
        .blank,
        CardLine("Over how long, like 10m; nothing is at once. At most ten even moves.", .dim),
      ]
      content.field = ("over", field)
      content.buttons = [
        .init("Enter", "take it", .key(.enter)), .init("Esc", "leave it", .key(.escape)),
      ]
      return content
    }
    content.buttons = [
      .init(
        "y", over.map { "ROLL BACK over \($0)" } ?? "ROLL BACK", .key(.character("y")),
        role: .danger),
      .init(
        "o", over == nil ? "little by little" : "another time", .key(.character("o")),
        isEnabled: gradualObstacle == nil), .init("Esc", "cancel", .key(.escape)),
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
    if let over {
      lines.append(
        CardLine("It takes over little by little, in at most ten even moves over \(over).", .warn))
      lines.append(
        CardLine("Anything wrong meanwhile, or R and y again, ends it at once.", .dim))
      return lines
    }
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
    case .addRule: "add rule"
    case .record(let policy): policy == nil ? "turn off" : "record"
    case .declineProposal: "decline"
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
