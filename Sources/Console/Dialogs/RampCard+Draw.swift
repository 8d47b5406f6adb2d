import Control
import Core
import Node

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
    if stage == .choose { content.lines += candidateLines(model, canvas) }
    content.lines += planLines(model, canvas)
    if let entry {
      content.lines += [.blank] + help(for: entry.kind, model)
      content.field = (entry.kind == .at ? "begins" : "waits for", entry.field)
    } else {
      content.lines += [.blank] + outcome(canvas)
    }
    content.notice = notice
    content.scroll = stage == .dryRun ? scroll : 0
    content.buttons = buttons
    return content
  }

  private var buttons: [Canvas.Button] {
    if entry != nil {
      return [.init("Enter", "take it", .key(.enter)), .init("Esc", "leave it", .key(.escape))]
    }
    let start: [Canvas.Button] = [
      .init("t", "start time", .key(.character("t"))),
      .init("w", "wait for", .key(.character("w"))),
      .init("e", "edit plan", .key(.character("e"))),
    ]
    guard stage == .choose else {
      return [
        .init(
          "y", "START", .key(.character("y")),
          isEnabled: preview != nil && preview?.refusal == nil)
      ] + start + [.init("Esc", "back", .key(.escape))]
    }
    return [
      .init("Enter", "dry run", .key(.enter)),
      .init("Left/Right", "plan", .key(.right), isEnabled: plans.count > 1),
      .init("Up/Down", "version", .key(.down), isEnabled: candidates.count > 1),
      .init("Space", "several", .key(.character(" ")), isEnabled: candidates.count > 1),
    ] + start + [.init("Esc", "cancel", .key(.escape))]
  }

  private func candidateLines(_ model: ConsoleModel, _ canvas: Canvas) -> [CardLine] {
    let list = Canvas.window(count: candidates.count, rows: 5, selected: candidateIndex)
    var lines = [
      CardLine(
        marked.count < 2
          ? "Candidate"
          : "\(marked.count) candidates, \(candidate.short) leads; the same weight each", .dim)
    ]
    for index in list {
      let version = candidates[index]
      let isOn = index == candidateIndex
      let place = marked.firstIndex(of: version)
      let isTaken = place != nil || (isOn && marked.isEmpty)
      let row = model.liveDetail?.versions.first { $0.version == version }
      let state = row?.state ?? "registered"
      lines.append(
        CardLine(
          [
            Span(isOn ? "> " : "  ", .title, .bold),
            Span(marked.isEmpty ? "" : place.map { "\($0 + 1) " } ?? "  ", .candidate, .bold),
            Span(version.description, isTaken ? .candidate : .text, isTaken ? .bold : []),
            Span("  \(VersionsPane.stateText(state, canvas))", VersionsPane.stateRole(state)),
            Span("  \(summary(of: version, row, model))", .dim),
          ], hit: .entry(index)))
    }
    return lines + [.blank]
  }

  private func planLines(_ model: ConsoleModel, _ canvas: Canvas) -> [CardLine] {
    let plan = plan
    var lines: [CardLine] = []
    if stage == .dryRun {
      let noun = versions.count == 1 ? "Candidate" : "Candidates"
      let names = versions.map(\.description).joined(separator: ", ")
      lines.append(CardLine([Span("\(noun) ", .dim), Span(names, .candidate, .bold)]))
    }
    lines.append(
      CardLine([
        Span("Plan ", .dim), Span(plan.name, .text, .bold),
        Span(plans.count > 1 ? "  \(planIndex + 1) of \(plans.count)" : "", .dim),
      ]))
    lines.append(CardLine(CanaryPane.planSpans(plan, step: -1, canvas)))
    if !plan.summary.isEmpty { lines.append(CardLine(plan.summary, .dim)) }
    let waits = plan.after ?? []
    if at != nil || !waits.isEmpty {
      let names = waits.map(\.text).joined(separator: ", ")
      let parts =
        (at.map { ["at \(model.dayAndClock($0))"] } ?? [])
        + (names.isEmpty ? [] : ["after the running ramps on \(names)"])
      lines.append(
        CardLine([Span("Begins ", .dim), Span(parts.joined(separator: ", "), .warn, .bold)]))
    }
    return lines
  }

  /// What can be typed about the start.
  private func help(for kind: Entry, _ model: ConsoleModel) -> [CardLine] {
    switch kind {
    case .at:
      return [
        CardLine(
          "When it begins: 2026-03-14T14:00:00Z, or from now on like +30m or +2h; nothing is at "
            + "once. Until then it waits without traffic.", .dim)
      ]
    case .after:
      let running = (model.feed.live?.endpoints ?? [])
        .filter { $0.candidate != nil && $0.name != endpoint }.prefix(8).map(\.name.text)
      return [
        CardLine(
          "Endpoints whose running ramps have to complete first, with commas between; nothing "
            + "waits for none.", .dim),
        CardLine(
          running.isEmpty
            ? "No other endpoint has a running ramp now."
            : "Ramps run now on: \(running.joined(separator: ", ")).", .dim),
      ]
    }
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
