import Control
import Core
import Node

/// Pane 3: the split, the plan and where in it the rollout is, why it is held, and the evidence.
enum CanaryPane {
  static func draw(_ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas) {
    let detail = model.detail
    let rollout = detail?.rollout
    var title: String?
    var right: [Span] = []
    if let rollout, rollout.isRunning {
      let arrow = canvas.glyphs.arrow
      let rivals = rivals(of: rollout).map { ($0.version, model.label($0.version)) }
      title =
        "Canary \(model.label(rollout.fallback)) \(arrow) \(model.label(rollout.candidate))"
        + (rect.width < 60 && rivals.count > 1
          ? " +\(rivals.count)" : rivals.map { " \($0.1)" }.joined())
      right = [
        Span(
          "\(rect.width < 50 ? "" : "step ")\(min(rollout.step + 1, rollout.plan.steps.count))"
            + "/\(rollout.plan.steps.count) ", .dim),
        Span(phaseText(rollout, canvas), phaseRole(rollout), .bold),
      ]
    }
    let past = model.pastMark(canvas, width: rect.width)
    right =
      right.isEmpty ? past.map { Span($0.text.trimmed, $0.role, $0.emphasis) } : past + right
    let inside = canvas.pane(
      .canary, rect, title: title, right: right, isFocused: model.focus == .canary)
    guard let detail, inside.height > 0 else { return }
    if model.feed.past != nil {
      drawPast(model.pastEndpoint, model, in: inside, on: &canvas)
      return
    }
    if let rollout, rollout.isRunning {
      drawRunning(rollout, detail, model, in: inside, on: &canvas)
    } else {
      drawIdle(detail, model, in: inside, on: &canvas)
    }
  }

  static func phaseRole(_ rollout: RolloutView) -> Role {
    switch rollout.phase {
    case "held": .warn
    case "rolled back", "aborted": .bad
    case "completed": .ok
    default: .ok
    }
  }

  private static func phaseText(_ rollout: RolloutView, _ canvas: Canvas) -> String {
    "\(canvas.glyph(phaseRole(rollout))) \(rollout.phase)"
  }

  // MARK: A rollout runs

  static func drawSplit(
    _ rollout: RolloutView, _ model: ConsoleModel, twoBars: Bool, _ rect: Rect, _ y: Int,
    on canvas: inout Canvas
  ) {
    let dragged = model.draggedWeight
    let candidates = candidateWeights(rollout, model)
    let given = candidates.reduce(0) { $0 + $1.weight }
    let rest = max(0, Split.whole - given)
    let names = (candidates.map(\.version) + [rollout.fallback]).map(model.label)
    let nameWidth = min(20, names.map { Canvas.columns(of: $0) }.max() ?? 2)
    let emphasis: Emphasis = dragged == nil ? .bold : [.bold, .reverse]
    if twoBars {
      let width = rect.width - nameWidth - 8
      for (row, part)
        in (candidates.map { ($0.version, $0.weight, Role.candidate) }
        + [(rollout.fallback, rest, .stable)]).enumerated()
      {
        canvas.put(model.label(part.0), x: rect.x, y: y + row, part.2, .bold, limit: nameWidth)
        Gauge(
          fraction: Double(part.1) / Double(Split.whole), role: part.2, glyphs: canvas.glyphs.charts
        ).draw(into: &canvas.frame.buffer, x: rect.x + nameWidth + 1, y: y + row, width: width)
        canvas.putRight(
          percentText(part.1), end: rect.x + rect.width, y: y + row, part.2, emphasis, limit: 7)
      }
      canvas.frame.hits.add(
        Rect(x: rect.x + nameWidth + 1, y: y, width: width, height: candidates.count + 1),
        .splitBar(x: rect.x + nameWidth + 1, width: width))
      return
    }
    let left = candidateText(candidates, model)
    let right = " \(percentText(rest)) \(model.label(rollout.fallback))"
    let used = canvas.put(left, x: rect.x, y: y, .candidate, emphasis, limit: rect.width)
    let width = rect.width - used - Canvas.columns(of: right)
    guard width > 3 else { return }
    SplitBar(
      parts: [
        .init(role: .candidate, weight: given), .init(role: .stable, weight: rest),
      ],
      glyphs: canvas.glyphs.charts
    ).draw(into: &canvas.frame.buffer, x: rect.x + used, y: y, width: width)
    canvas.put(right, x: rect.x + used + width, y: y, .stable, .bold)
    canvas.frame.hits.add(
      Rect(x: rect.x + used, y: y, width: width, height: 1),
      .splitBar(x: rect.x + used, width: width))
  }

  /// The further candidates that still take part.
  private static func rivals(of rollout: RolloutView) -> [RolloutFacts.Rival] {
    (rollout.facts?.rivals ?? []).filter { !$0.part.isClosed }
  }

  /// What each candidate has, or would have where the bar is dragged: a step's weight is that of
  /// each.
  static func candidateWeights(
    _ rollout: RolloutView, _ model: ConsoleModel
  ) -> [(version: VersionID, weight: BasisPoints)] {
    let shares = model.detail?.split?.shares ?? []
    let rivals = rivals(of: rollout).map(\.version)
    return [(rollout.candidate, model.draggedWeight ?? rollout.candidateWeight)]
      + rivals.map { rival in
        (rival, model.draggedWeight ?? shares.first { $0.version == rival }?.weight ?? 0)
      }
  }

  /// `@2 10% `, `@2 @4 10% each `.
  private static func candidateText(
    _ candidates: [(version: VersionID, weight: BasisPoints)], _ model: ConsoleModel
  ) -> String {
    let names = candidates.map { model.label($0.version) }
    let weight = percentText(candidates.first?.weight ?? 0)
    guard candidates.count > 1 else { return "\(names.joined()) \(weight) " }
    guard Set(candidates.map(\.weight)).count == 1 else {
      return zip(names, candidates).map { "\($0) \(percentText($1.weight)) " }.joined()
    }
    let shown = names.count > 3 ? "\(names[0]) +\(names.count - 1)" : names.joined(separator: " ")
    return "\(shown) \(weight) each "
  }

  /// `1 ─ 5 ─[25]─ 50 ─ 100   next 02:14`.
  static func drawPlan(
    _ rollout: RolloutView, _ rect: Rect, _ y: Int, on canvas: inout Canvas
  ) {
    let clock = clockText(rollout, canvas)
    let clockWidth = Canvas.columns(of: clock)
    let spans = planSpans(rollout.plan, step: rollout.step, canvas)
    let room = rect.width - clockWidth - 2
    if Canvas.columns(of: spans) <= room {
      canvas.put(spans, x: rect.x, y: y, limit: room)
    } else {
      // The step that runs and the ones after it matter most.
      let steps = rollout.plan.steps
      let from = max(0, min(rollout.step - 1, steps.count - 1))
      let rest = Array(planSpans(rollout.plan, step: rollout.step, canvas, from: from))
      let before = from > 0 ? [Span("\(canvas.glyphs.ellipsis) ", .dim)] : []
      canvas.put(before + rest, x: rect.x, y: y, limit: room)
    }
    canvas.put(
      clock, x: rect.x + rect.width - clockWidth, y: y, limit: clockWidth)
  }

  static func planSpans(
    _ plan: Plan, step: Int, _ canvas: Canvas, from: Int = 0
  ) -> [Span] {
    let line = String(canvas.glyphs.horizontal)
    var spans: [Span] = []
    for (index, item) in plan.steps.enumerated() where index >= from {
      let text = stepText(item)
      if index > from {
        spans.append(Span(index == step || index == step + 1 ? line : " \(line) ", .dim))
      }
      if index == step {
        spans.append(Span(index > from ? "[\(text)]" : "[\(text)]", .candidate, .bold))
      } else {
        let pad = index == step + 1 ? " " : ""
        let tail = index == step - 1 ? " " : ""
        spans.append(Span(pad + text + tail, index < step ? .dim : .text))
      }
    }
    return spans
  }

  /// What a step does, as short as can be: a share alone is a canary's.
  private static func stepText(_ step: PlanStep) -> String {
    switch step.kind {
    case .canary: Format.weight(step.weight)
    case .shadow: "shadow \(Format.weight(step.weight))"
    case .preview: "preview"
    case .abTest: "A/B \(Format.weight(step.weight))"
    }
  }

  private static func clockText(_ rollout: RolloutView, _ canvas: Canvas) -> [Span] {
    if rollout.isHeld { return [Span("\(canvas.glyph(.warn)) held", .warn, .bold)] }
    if let remaining = rollout.remaining {
      let next = rollout.facts?.nextWeight.map { "next \(percentText($0)) in" } ?? "next"
      let word = rollout.phase == "soaking" ? "done in" : next
      return [Span("\(word) ", .dim), Span(Format.countdown(remaining), .text, .bold)]
    }
    guard rollout.plan.steps.indices.contains(rollout.step) else { return [] }
    let step = rollout.plan.steps[rollout.step]
    if rollout.stepRequests < step.minRequests {
      return [
        Span("needs ", .dim),
        Span(
          "\(Format.count(rollout.stepRequests))/\(Format.count(step.minRequests))", .text, .bold),
      ]
    }
    if step.needsApproval { return [Span("waits for approval", .warn, .bold)] }
    return []
  }

  static func drawStatus(
    _ rollout: RolloutView, _ model: ConsoleModel, _ rect: Rect, _ y: Int, on canvas: inout Canvas
  ) {
    // The parts that fit whole, the least important last.
    var parts = [
      "plan \(rollout.plan.name)",
      rollout.facts?.strategy == .shadow
        ? "\(Format.count(rollout.stepRequests)) copies in step"
        : "\(Format.count(rollout.stepRequests)) requests in step, "
          + "\(Format.count(rollout.candidateRequests)) in all", "by \(rollout.startedBy.name)",
    ]
    while parts.count > 1 && Canvas.columns(of: parts.joined(separator: "  ")) > rect.width {
      parts.removeLast()
    }
    canvas.put(parts.joined(separator: "  "), x: rect.x, y: y, .dim, limit: rect.width)
  }

  // MARK: Evidence

  /// `errors   E 1.2 ███░░░│░░│ 12/4,610 : 30/13,830  ~2,300 to verdict`; of copies while callers
  /// have got no answer.
  static func countText(_ item: RolloutView.Evidence) -> String {
    if item.candidateTotal == 0, item.stableTotal == 0, item.copies == nil { return Format.none }
    if item.candidateTotal == 0, let copies = item.copies {
      let total = Format.count(copies.total)
      return "\(Format.count(copies.candidate))/\(total) : \(Format.count(copies.other))/\(total)"
    }
    return "\(Format.count(item.candidateBad))/\(Format.count(item.candidateTotal)) : "
      + "\(Format.count(item.stableBad))/\(Format.count(item.stableTotal))"
  }

  static func drawEvidence(
    _ item: RolloutView.Evidence, _ countWidth: Int, _ rect: Rect, _ y: Int, on canvas: inout Canvas
  ) {
    let bar = EvidenceBar(
      evidence: item.eValue, holdAt: item.holdAt, rollbackAt: item.rollbackAt,
      glyphs: canvas.glyphs.charts)
    canvas.put(MetricText.short(item.metric), x: rect.x, y: y, .dim, limit: 7)
    canvas.put("E", x: rect.x + 8, y: y, .dim)
    canvas.putRight(
      Format.evidence(item.eValue), end: rect.x + 15, y: y, bar.role == .ok ? .text : bar.role,
      .bold, limit: 5)
    let counts = countText(item)
    let verdict =
      item.requestsToVerdict.map { "~\(Format.count($0)) to verdict" } ?? ""
    let verdictWidth = 20
    var barWidth = rect.width - 16
    var showsCounts = false
    var showsVerdict = false
    if barWidth - countWidth - 2 >= 8 {
      showsCounts = true
      barWidth -= countWidth + 2
    }
    if showsCounts && barWidth - verdictWidth >= 10 {
      showsVerdict = true
      barWidth -= verdictWidth
    }
    // A bar of the same length in every line is easier to compare; the text stands right.
    bar.draw(into: &canvas.frame.buffer, x: rect.x + 16, y: y, width: min(barWidth, 40))
    var end = rect.x + rect.width
    if showsVerdict {
      canvas.putRight(verdict, end: end, y: y, .dim)
      end -= verdictWidth
    }
    if showsCounts { canvas.putRight(counts, end: end, y: y, .text) }
  }

  static func drawButtons(
    _ rollout: RolloutView, _ model: ConsoleModel, _ rect: Rect, _ y: Int, on canvas: inout Canvas
  ) {
    let wide = rect.width >= 60
    var list: [Canvas.Button] = [
      .init(.stepNext, wide ? "Next" : "next", in: model),
      .init(.pauseResume, rollout.isHeld ? "resume" : "pause", in: model),
      .init(.abort, wide ? "Abort" : "abort", in: model),
    ]
    if wide {
      list.insert(.init(.weightDown, "1%", in: model), at: 1)
      list.insert(.init(.weightUp, "1%", in: model), at: 2)
      list.insert(.init(.stepPrevious, "Back", in: model), at: 0)
    }
    if rollout.facts?.approvals?.isComplete == false {
      list.insert(.init(.approve, wide ? "Approve" : "approve", in: model), at: 0)
      // The way back has its room before the small steps.
      if rect.width < 100 { list.removeAll { $0.label == "1%" } }
    }
    list.append(.init(.rollBack, "ROLLBACK", in: model))
    if wide { list.append(.init(.verdict, "Verdict", in: model)) }
    canvas.buttons(list, x: rect.x, y: y, limit: rect.width)
  }

  // MARK: No rollout

  private static func drawIdle(
    _ detail: EndpointDetail, _ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas
  ) {
    var y = rect.y
    let shares = (detail.split?.shares ?? []).sorted { $0.weight > $1.weight }
    if shares.isEmpty {
      canvas.put(
        "Nothing is deployed: o deploys a version", x: rect.x, y: y, .dim, limit: rect.width)
      y += 1
    }
    let nameWidth = min(24, shares.map { Canvas.columns(of: model.label($0.version)) }.max() ?? 2)
    for share in shares.prefix(max(1, rect.height - 2)) where y < rect.y + rect.height {
      let role = model.role(of: share.version)
      let width = rect.width - nameWidth - 8
      canvas.put(model.label(share.version), x: rect.x, y: y, role, .bold, limit: nameWidth)
      Gauge(
        fraction: Double(share.weight) / Double(Split.whole), role: role,
        glyphs: canvas.glyphs.charts
      ).draw(into: &canvas.frame.buffer, x: rect.x + nameWidth + 1, y: y, width: width)
      canvas.putRight(
        percentText(share.weight), end: rect.x + rect.width, y: y, role, .bold, limit: 7)
      y += 1
    }
    let bottom = rect.y + rect.height
    for freeze in model.shownFreezes(on: detail.name) where y + 2 < bottom {
      let until = freeze.until.map { " until \(model.dayAndClock($0))" } ?? " until it is released"
      let what = freeze.freeze.isLineStop ? "line stopped" : "frozen"
      canvas.put(
        "\(canvas.glyph(.warn)) \(what) by \(freeze.freeze.by.name)\(until): "
          + freeze.freeze.reason, x: rect.x, y: y, .warn, .bold, limit: rect.width)
      y += 1
    }
    guard y + 1 < bottom else { return }
    // The cause and the evidence of what ended come before a blank line.
    let needed =
      detail.rollout.map {
        1 + causeLines($0, model, rect.width).count
          + $0.evidence.count
      } ?? 2
    if y + 1 + needed < bottom { y += 1 }
    let hasButtons = y + 1 < bottom
    if let rollout = detail.rollout {
      let room = Rect(
        x: rect.x, y: y, width: rect.width, height: bottom - y - (hasButtons ? 1 : 0))
      drawEnded(rollout, model, in: room, on: &canvas)
    } else {
      canvas.put("No rollout runs", x: rect.x, y: y, .dim, limit: rect.width)
    }
    if hasButtons {
      canvas.buttons(
        idleButtons(model), x: rect.x, y: bottom - 1, limit: rect.width)
    }
  }

  private static func idleButtons(_ model: ConsoleModel) -> [Canvas.Button] {
    var list: [Canvas.Button] = [
      .init(.ramp, "ramp", in: model), .init(.undo, "undo", in: model),
      .init(.rollBack, "ROLLBACK", in: model),
    ]
    if model.detail?.rollout != nil { list.append(.init(.verdict, "verdict", in: model)) }
    if model.retryObstacle == nil { list.append(.init(.retry, "retry", in: model)) }
    return list + [.init(.editPlan, "plan", in: model)]
  }

  private static func seenText(_ rollout: RolloutView) -> String {
    let copies = rollout.evidence.compactMap { $0.copies?.total }.max()
    if rollout.candidateRequests == 0, let copies { return "\(Format.count(copies)) copies" }
    return "\(Format.count(rollout.candidateRequests)) requests"
  }

  private static func causeLines(
    _ rollout: RolloutView, _ model: ConsoleModel, _ width: Int
  ) -> [CardLine] {
    guard !rollout.cause.isEmpty else { return [] }
    let role: Role = phaseRole(rollout) == .bad ? .text : .dim
    // How it ended stands in the line above.
    var cause = model.news(rollout.cause)
    if cause.hasPrefix("\(rollout.phase): ") { cause.removeFirst(rollout.phase.count + 2) }
    return CardView.wrapped(CardLine(cause, role), width)
  }

  /// How the last rollout ended, the whole cause, and the evidence it ended with: what somebody
  /// wants to read who was called because the guard rolled back.
  private static func drawEnded(
    _ rollout: RolloutView, _ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas
  ) {
    let role = phaseRole(rollout)
    let bottom = rect.y + rect.height
    var y = rect.y
    canvas.put(
      [
        Span("Last: \(model.label(rollout.candidate)) ", .dim),
        Span("\(canvas.glyph(role)) \(rollout.phase)", role, .bold),
        Span("  \(seenText(rollout))", .dim),
      ], x: rect.x, y: y, limit: rect.width)
    y += 1
    for line in causeLines(rollout, model, rect.width) where y < bottom {
      canvas.put(line.spans, x: rect.x, y: y, limit: rect.width)
      y += 1
    }
    let evidence = rollout.evidence
    if bottom - y > evidence.count { y += 1 }
    let rows = max(0, min(evidence.count, bottom - y))
    let floor = evidence.map(\.eValue).sorted(by: >).prefix(rows).last ?? 0
    let countWidth = evidence.map { Canvas.columns(of: countText($0)) }.max() ?? 0
    for item in evidence.filter({ $0.eValue >= floor }).prefix(rows) {
      drawEvidence(item, countWidth, rect, y, on: &canvas)
      y += 1
    }
  }
}
