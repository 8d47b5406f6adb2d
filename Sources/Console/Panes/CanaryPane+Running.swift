import Control
import Core
import Node

/// A running rollout, told in blocks: those that matter most are kept where there is little room.
extension CanaryPane {
  /// Some rows of the pane.
  struct Block {
    /// The lower, the longer it is kept.
    let rank: Double
    let rows: Int
    let draw: (inout Canvas, Rect) -> Void
  }

  static func drawRunning(
    _ rollout: RolloutView, _ detail: EndpointDetail, _ model: ConsoleModel, in rect: Rect,
    on canvas: inout Canvas
  ) {
    let blocks = blocks(rollout, model, rect, canvas)
    var left = rect.height
    let hasButtons = rect.height >= 5
    if hasButtons { left -= 1 }
    var kept: Set<Int> = []
    for index in blocks.indices.sorted(by: {
      blocks[$0].rank != blocks[$1].rank ? blocks[$0].rank < blocks[$1].rank : $0 < $1
    }) where blocks[index].rows <= left {
      kept.insert(index)
      left -= blocks[index].rows
    }
    var y = rect.y
    for index in blocks.indices where kept.contains(index) {
      let block = blocks[index]
      block.draw(&canvas, Rect(x: rect.x, y: y, width: rect.width, height: block.rows))
      y += block.rows
    }
    if hasButtons { drawButtons(rollout, model, rect, rect.y + rect.height - 1, on: &canvas) }
  }

  private static func blocks(
    _ rollout: RolloutView, _ model: ConsoleModel, _ rect: Rect, _ canvas: Canvas
  ) -> [Block] {
    let facts = rollout.facts
    let bars = candidateWeights(rollout, model).count + 1
    let twoBars = rect.height >= 6 + bars + rollout.evidence.count
    var blocks = [
      Block(rank: 0, rows: twoBars ? bars : 1) { canvas, place in
        drawSplit(rollout, model, twoBars: twoBars, place, place.y, on: &canvas)
      },
      Block(rank: 1, rows: 1) { canvas, place in
        drawPlan(rollout, place, place.y, on: &canvas)
      },
    ]
    blocks += notices(rollout, facts, model, rect, canvas)
    blocks.append(
      Block(rank: 12, rows: 1) { canvas, place in
        drawStatus(rollout, model, place, place.y, on: &canvas)
      })
    if let facts { blocks += limits(facts) }
    blocks.append(Block(rank: 11, rows: 1) { _, _ in })
    blocks += evidenceBlocks(rollout)
    if let facts { blocks += partBlocks(rollout, facts, model) }
    let missing = (facts?.missing ?? []).prefix(3)
    if !missing.isEmpty { blocks.append(Block(rank: 14, rows: 1) { _, _ in }) }
    for (index, sentence) in missing.enumerated() {
      for (row, line) in CardView.wrapped(CardLine(sentence), rect.width - 7).enumerated() {
        blocks.append(
          Block(rank: 10 + Double(index) / 10 + Double(row) / 20, rows: 1) { canvas, place in
            canvas.put(row == 0 ? "waits:" : "", x: place.x, y: place.y, .dim)
            canvas.put(line.spans, x: place.x + 7, y: place.y, limit: place.width - 7)
          })
      }
    }
    return blocks
  }

  // MARK: What a person should know or do

  private static func notices(
    _ rollout: RolloutView, _ facts: RolloutFacts?, _ model: ConsoleModel, _ rect: Rect,
    _ canvas: Canvas
  ) -> [Block] {
    var blocks: [Block] = []
    func notice(_ rank: Double, _ role: Role, _ text: String, rowsMax: Int = 1) {
      let all = CardView.wrapped(CardLine(text, role, .bold), rect.width)
      let lines =
        rowsMax > 1 ? Array(all.prefix(rowsMax)) : [CardLine(text, role, .bold)]
      for (index, line) in lines.enumerated() {
        blocks.append(
          Block(rank: rank + Double(index) * 4, rows: 1) { canvas, place in
            canvas.put(line.spans, x: place.x, y: place.y, limit: place.width)
          })
      }
    }
    let now = model.shown?.time ?? rollout.started
    if rollout.isHeld {
      let since = facts.map { " \(Format.age(now - $0.phaseSince))" } ?? ""
      notice(
        2, .warn, "\(canvas.glyph(.warn)) held\(since): \(rollout.cause)",
        rowsMax: rect.height >= 12 ? 3 : 1)
      if let ends = facts?.holdEnds {
        notice(
          5, .warn,
          "  rolled back in \(Format.countdown(ends - now)) (\(model.clock(ends))) "
            + "unless it goes on"
        )
      } else if facts?.endsByItself == true {
        notice(8, .dim, "  goes on by itself")
      }
    }
    for freeze in model.shownFreezes(on: model.detail?.name) {
      let until = freeze.until.map { " until \(model.dayAndClock($0))" } ?? " until it is released"
      let what = freeze.freeze.isLineStop ? "line stopped" : "frozen"
      notice(
        3, .warn,
        "\(canvas.glyph(.warn)) \(what) by \(freeze.freeze.by.name)\(until): "
          + freeze.freeze.reason
      )
    }
    if let approvals = facts?.approvals, !approvals.isComplete {
      let place = approvals.step.map { "after step \($0 + 1)" } ?? "to start"
      notice(
        2.5, .warn,
        "\(canvas.glyph(.warn)) \(ConsoleModel.words(approvals)) \(place)"
          + (model.approvalObstacle == nil ? "  A approves" : ""))
    }
    if let shares = facts?.sampleRatio, shares.isSuspect {
      notice(3, .bad, "\(canvas.glyph(.bad)) \(shares.sentence)")
    }
    if let retreat = facts?.retreat {
      notice(2.2, .warn, "\(canvas.glyph(.warn)) rolling back \(retreat)")
    }
    if let facts, let strategy = facts.strategy, strategy != .canary || facts.rule != nil {
      var text = CanaryPane.words(strategy)
      if let rule = facts.rule { text += ", only requests with \(rule)" }
      notice(4.5, .title, "\(canvas.glyphs.arrow) \(text)")
    }
    if let comparison = facts?.comparison { notice(5.5, .text, "judged by \(comparison)") }
    if facts?.isUnverified == true {
      notice(
        7, .warn, "\(canvas.glyph(.warn)) unverified: a step was passed without its evidence")
    }
    return blocks
  }

  /// What a step does, in words.
  static func words(_ strategy: Strategy) -> String {
    switch strategy {
    case .canary: "canary: callers get its answers"
    case .shadow: "shadow: copies only, its answers never leave"
    case .preview: "preview: loaded and probed, only pinned and test requests reach it"
    case .abTest: "A/B test: runs its full time"
    }
  }

  // MARK: What it may cost

  private static func limits(_ facts: RolloutFacts) -> [Block] {
    var blocks: [Block] = []
    func limit(
      _ rank: Double, _ label: String, _ use: RolloutFacts.Use, _ role: Role, _ end: String
    ) {
      blocks.append(
        Block(rank: rank, rows: 1) { canvas, place in
          let text = "\(Format.count(use.used)) of \(Format.count(use.limit))\(end)"
          let width = min(30, place.width - 13 - Canvas.columns(of: text) - 1)
          canvas.put(label, x: place.x, y: place.y, .dim, limit: 12)
          if width >= 6 {
            Gauge(fraction: use.fraction, role: role, glyphs: canvas.glyphs.charts)
              .draw(into: &canvas.frame.buffer, x: place.x + 13, y: place.y, width: width)
          }
          let x = place.x + 13 + (width >= 6 ? width + 1 : 0)
          canvas.put(
            text, x: x, y: place.y, use.fraction >= 0.8 ? role : .text,
            limit: max(0, place.x + place.width - x))
        })
    }
    if let warmUp = facts.warmUp { limit(6, "warm-up", warmUp, .candidate, ", not judged yet") }
    if let requests = facts.requests {
      limit(6.1, "cap requests", requests, requests.fraction >= 0.8 ? .warn : .current, "")
    }
    if let errors = facts.errors {
      limit(6.2, "cap errors", errors, errors.fraction >= 0.8 ? .bad : .current, "")
    }
    if let copies = facts.copies {
      limit(6.3, "differ", copies, .candidate, " copies")
    }
    return blocks
  }

  // MARK: Evidence

  private static func evidenceBlocks(_ rollout: RolloutView) -> [Block] {
    let evidence = rollout.evidence
    let countWidth = evidence.map { Canvas.columns(of: countText($0)) }.max() ?? 0
    // Where not all fit, those with most evidence; the plan's order, so that lines do not jump.
    let order = evidence.indices.sorted { a, b in
      let (x, y) = (evidence[a].eValue, evidence[b].eValue)
      return x != y ? x > y : a < b
    }
    var blocks: [Block] = []
    for (index, item) in evidence.enumerated() {
      let place = Double(order.firstIndex(of: index) ?? 0) / 10
      blocks.append(
        Block(rank: 4 + place, rows: 1) { canvas, rect in
          drawEvidence(item, countWidth, rect, rect.y, on: &canvas)
        })
      blocks.append(
        Block(rank: 13 + place / 10, rows: 1) { canvas, rect in
          let room = rect.width - 8
          canvas.put(detailSpans(item, width: room), x: rect.x + 8, y: rect.y, limit: room)
        })
      if let promotion = item.promotion {
        blocks.append(
          Block(rank: 9 + place / 10, rows: 1) { canvas, rect in
            drawPromotion(promotion, rect, on: &canvas)
          })
      }
    }
    return blocks
  }

  /// Further candidates and segments, each with its strongest evidence.
  private static func partBlocks(
    _ rollout: RolloutView, _ facts: RolloutFacts, _ model: ConsoleModel
  ) -> [Block] {
    var blocks: [Block] = []
    func add(_ part: RolloutFacts.Part, _ label: String, _ rank: Double, _ role: Role) {
      blocks.append(
        Block(rank: rank, rows: 1) { canvas, rect in
          let y = rect.y
          let state =
            part.isClosed ? "closed" : part.metric.map { MetricText.of($0) } ?? "not judged yet"
          canvas.put(label, x: rect.x, y: y, role, .bold, limit: 14)
          let bar = EvidenceBar(
            evidence: part.eValue, holdAt: part.holdAt, rollbackAt: part.endsAt,
            glyphs: canvas.glyphs.charts)
          canvas.put("E", x: rect.x + 15, y: y, .dim)
          canvas.putRight(
            Format.evidence(part.eValue), end: rect.x + 22, y: y,
            bar.role == .ok ? .text : bar.role, .bold, limit: 5)
          let width = min(24, rect.width - 24 - 15)
          if width >= 6 {
            bar.draw(into: &canvas.frame.buffer, x: rect.x + 23, y: y, width: width)
          }
          let x = rect.x + 23 + (width >= 6 ? width + 1 : 0)
          canvas.put(
            part.isClosed ? "\(canvas.glyph(.bad)) \(state)" : state, x: x, y: y,
            part.isClosed ? .bad : .dim, limit: max(0, rect.x + rect.width - x))
        })
    }
    for (index, rival) in (facts.rivals ?? []).enumerated() {
      // Beside the leading candidate's metrics, by how much there is against it.
      let above = rollout.evidence.count { $0.eValue >= rival.part.eValue }
      add(
        rival.part, "rival \(model.label(rival.version))",
        3.99 + Double(above) / 10 + Double(index) / 1000, .candidate)
    }
    for (index, segment) in (facts.segments ?? []).prefix(8).enumerated() {
      add(segment, segment.name, 8.5 + Double(index) / 100, .text)
    }
    return blocks
  }

  /// `p99  0.30 % : 0.18 %  x1.72 of 1.50  holds at 40, rolls back at 200`.
  private static func detailSpans(_ item: RolloutView.Evidence, width: Int) -> [Span] {
    if item.isCompared == false {
      return [Span("not judged yet: the stable's usual is not known", .dim)]
    }
    guard item.candidateTotal > 0 || item.stableTotal > 0 || item.copies != nil else {
      return [Span("nothing seen yet", .dim)]
    }
    func rate(_ bad: Int, _ total: Int) -> Double? {
      total > 0 ? Double(bad) / Double(total) : nil
    }
    let candidate = rate(item.candidateBad, item.candidateTotal)
    let stable = rate(item.stableBad, item.stableTotal)
    var spans: [Span] = []
    if let stream = item.stream { spans.append(Span("\(stream)  ", .dim)) }
    if item.candidateTotal == 0, let copies = item.copies {
      return spans + [
        Span(
          "\(Format.count(copies.total)) copies: bad \(Format.count(copies.candidateOnly)) the "
            + "candidate's alone, \(Format.count(copies.otherOnly)) the stable's, "
            + "\(Format.count(copies.both)) both")
      ]
    }
    spans += [
      Span("\(Format.share(candidate)) %", .candidate), Span(" : ", .dim),
      Span("\(Format.share(stable)) %", .stable),
    ]
    if let candidate, let stable, stable > 0 {
      spans.append(
        Span(
          "  x\(Format.fixed(candidate / stable, 2)), tolerated "
            + "\(Format.fixed(item.tolerance, 2))"))
    }
    let lines =
      "  holds at \(Format.evidence(item.holdAt)), rolls back at "
      + Format.evidence(item.rollbackAt)
    // The bar's marks say the same.
    if Canvas.columns(of: spans) + Canvas.columns(of: lines) <= width {
      spans.append(Span(lines, .dim))
    }
    return spans
  }

  private static func drawPromotion(
    _ promotion: PromotionEvidence, _ rect: Rect, on canvas: inout Canvas
  ) {
    let y = rect.y
    canvas.put("certain", x: rect.x, y: y, .dim, limit: 7)
    canvas.put("E", x: rect.x + 8, y: y, .dim)
    canvas.putRight(
      Format.evidence(promotion.eValue), end: rect.x + 15, y: y,
      promotion.isCertain ? .ok : .text, .bold, limit: 5)
    let more = promotion.requestsToCertainty.map { ", ~\(Format.count($0)) more" } ?? ""
    let text =
      promotion.isCertain
      ? "\(canvas.glyph(.ok)) under x\(Format.fixed(promotion.margin, 2))"
      : "of \(Format.evidence(promotion.neededAt)) for under x"
        + "\(Format.fixed(promotion.margin, 2))\(more)"
    let textWidth = Canvas.columns(of: text)
    let width = min(40, rect.width - 16 - textWidth - 2)
    if width >= 6 {
      let share =
        promotion.eValue > 1 && promotion.neededAt > 1
        ? min(
          1, DecimalLogarithm.of(promotion.eValue) / DecimalLogarithm.of(promotion.neededAt)) : 0
      Gauge(fraction: share, role: .ok, glyphs: canvas.glyphs.charts)
        .draw(into: &canvas.frame.buffer, x: rect.x + 16, y: y, width: width)
    }
    let x = width >= 6 ? max(rect.x + 16 + width + 1, rect.x + rect.width - textWidth) : rect.x + 16
    canvas.put(
      text, x: x, y: y, promotion.isCertain ? .ok : .dim,
      limit: max(0, rect.x + rect.width - x))
  }

  // MARK: The past

  /// What the endpoint did at the time that is looked at.
  static func drawPast(
    _ then: EndpointAsOf?, _ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas
  ) {
    guard let then else {
      canvas.put(
        "\(model.endpoint?.text ?? "It") was not there yet", x: rect.x, y: rect.y, .dim,
        limit: rect.width)
      return
    }
    var lines: [CardLine] = []
    for share in (then.split?.shares ?? []).sorted(by: { $0.weight > $1.weight }) {
      let isCandidate = share.version == then.rollout?.candidate
      lines.append(
        CardLine([
          Span(
            SafeText.fitted(
              model.label(share.version), to: 20, ellipsis: canvas.glyphs.ellipsis),
            isCandidate ? .candidate : .stable, .bold),
          Span(" \(percentText(share.weight))", isCandidate ? .candidate : .stable, .bold),
          Span(share.version == then.stable ? "  stable" : isCandidate ? "  candidate" : "", .dim),
        ]))
    }
    if then.split == nil { lines.append(CardLine("Nothing was deployed", .dim)) }
    if then.status == .drained { lines.append(CardLine("drained: callers got 503", .warn)) }
    if let rollout = then.rollout {
      lines.append(
        CardLine(
          "ramp to \(rollout.candidate) by \(rollout.plan): step \(rollout.step) of "
            + "\(rollout.steps), \(rollout.phase)"))
    } else {
      lines.append(CardLine("no rollout ran", .dim))
    }
    lines.append(.blank)
    lines += [change("since", then.change, model)]
    if let reason = then.change.reason { lines.append(CardLine("      \"\(reason)\"", .dim)) }
    if let ended = then.endedBy {
      lines.append(change("until", ended, model))
      if let reason = ended.reason { lines.append(CardLine("      \"\(reason)\"", .dim)) }
    } else {
      lines.append(CardLine("It is still so.", .ok))
    }
    if let misdated = model.feed.asOf?.misdatedEvents, misdated > 0 {
      lines.append(
        CardLine(
          "The clock was set back since: \(misdated) later events claim an earlier time.", .warn))
    }
    lines.append(CardLine("{ and } go from event to event, 0 is the present.", .dim))
    var shown = lines.flatMap { CardView.wrapped($0, rect.width) }
    if shown.count > rect.height { shown.removeAll(where: \.spans.isEmpty) }
    for (offset, line) in shown.prefix(rect.height).enumerated() {
      canvas.put(line.spans, x: rect.x, y: rect.y + offset, limit: rect.width)
    }
  }

  private static func change(
    _ word: String, _ change: ChangeAsOf, _ model: ConsoleModel
  ) -> CardLine {
    CardLine(
      "\(word) \(model.dayAndClock(change.time)) \(change.actor): "
        + model.news(change.summary))
  }
}

extension ConsoleModel {
  /// The freezes that hold on an endpoint in the picture that is shown.
  func shownFreezes(on endpoint: Name?) -> [FreezeView] {
    guard feed.pastAt == nil, let endpoint else { return [] }
    return (shown?.freezes ?? []).filter { view in
      view.isActive && (view.freeze.endpoint == nil || view.freeze.endpoint == endpoint)
    }
  }
}
