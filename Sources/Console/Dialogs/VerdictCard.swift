import Control
import Core
import Node

/// What the guard knows of a candidate and how it knows it, over the whole screen.
struct VerdictCard: Sendable {
  let endpoint: Name
  var ticket: Ticket?
  var view: VerdictView?
  var failure: String?
  var scroll = 0

  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: "Verdict on \(endpoint)")
    content.fillsScreen = true
    content.scroll = scroll
    if let view {
      let width = max(40, canvas.frame.buffer.width - 4)
      content.lines = VerdictText(view, model, canvas, width: width).lines
      if let failure { content.notice = "Not renewed: \(failure)" }
    } else if let failure {
      content.lines = [CardLine(failure.prefix(1).uppercased() + failure.dropFirst(), .warn)]
    } else {
      content.lines = [CardLine("Reading the verdict...", .dim)]
    }
    content.buttons = [
      .init("Up/Down", "scroll", .key(.down)), .init("y", "copy", .key(.character("y"))),
      .init("Esc", "close", .key(.escape)),
    ]
    return content
  }

  /// The verdict in a sentence, for the clipboard.
  var sentence: String {
    guard let view else { return endpoint.text }
    let metrics = view.metrics.map { verdict in
      "\(MetricText.of(verdict.evidence.metric)) \(verdict.word) (E "
        + "\(Format.evidence(verdict.evidence.eValue)))"
    }
    return "\(endpoint): \(view.candidate) against \(view.fallback), \(view.phase): "
      + metrics.joined(separator: ", ")
  }
}

/// The lines of a verdict.
struct VerdictText {
  let view: VerdictView
  let model: ConsoleModel
  let canvas: Canvas
  let width: Int

  init(_ view: VerdictView, _ model: ConsoleModel, _ canvas: Canvas, width: Int) {
    self.view = view
    self.model = model
    self.canvas = canvas
    self.width = width
  }

  private var isWide: Bool { width >= 100 }

  var lines: [CardLine] {
    var lines = head
    for verdict in view.metrics { lines += [.blank] + self.lines(of: verdict) }
    if view.metrics.isEmpty {
      lines += [.blank, CardLine("The plan judges no metric: it goes on by time alone.", .warn)]
    }
    for rival in view.rivals ?? [] {
      lines += [
        .blank,
        CardLine([
          Span("Rival ", .dim), Span(rival.version.description, .candidate, .bold),
          Span(rival.isBroken ? "  fails again and again" : "", .bad),
        ]),
      ]
      lines += rival.metrics.map { evidenceLine($0, name: MetricText.of($0.metric)) }
    }
    if let segments = view.segments, !segments.isEmpty {
      lines += [.blank, CardLine("Segments, the worst first", .title, .bold)]
      for segment in segments {
        let isClosed = view.closedSegments?.contains(segment.segment) == true
        lines.append(
          segment.worst.map { evidenceLine($0, name: segment.segment, isClosed: isClosed) }
            ?? CardLine("  \(segment.segment): not seen yet", .dim))
      }
    }
    if !view.missing.isEmpty {
      lines += [.blank, CardLine("Missing", .title, .bold)]
      lines += view.missing.map { CardLine("\(canvas.glyph(.stale)) \($0)") }
    }
    lines += [
      .blank,
      CardLine(
        "E is evidence: a version exactly as bad as tolerated reaches E with a chance of at most 1 "
          + "in E over the whole rollout, however often one looks. The bars are logarithmic; their "
          + "marks are the lines at which the guard holds and rolls back. Rates have exact 95 % "
          + "intervals; the effect's interval holds at every look together.", .dim),
    ]
    return lines
  }

  private var head: [CardLine] {
    let role: Role =
      view.phase == "held" ? .warn : ["rolled back", "aborted"].contains(view.phase) ? .bad : .ok
    var lines = [
      CardLine([
        Span(view.candidate.description, .candidate, .bold), Span(" against ", .dim),
        Span(view.fallback.description, .stable, .bold),
        Span("   rollout \(view.rollout) by \(view.plan)", .dim),
      ]),
      CardLine([
        Span("\(canvas.glyph(role)) \(view.phase)", role, .bold),
        Span(
          "   step \(min(view.step + 1, view.steps)) of \(view.steps) at "
            + "\(percentText(view.weight))   \(Format.count(view.candidateRequests)) requests",
          .dim),
      ]),
    ]
    if !view.cause.isEmpty { lines.append(CardLine(model.news(view.cause), role)) }
    let copies = view.metrics.compactMap(\.evidence.shadow?.total).max() ?? 0
    let isOver = ["rolled back", "aborted", "completed", "superseded"].contains(view.phase)
    if !view.isWarm, !isOver, copies == 0 || view.candidateRequests > 0 {
      lines.append(
        CardLine(
          "\(canvas.glyph(.stale)) warm-up: \(Format.count(view.candidateRequests)) of "
            + "\(Format.count(view.warmUp)) answers, nothing is judged yet", .warn))
    }
    // Copies are not drawn: until callers get answers there are no shares.
    if copies == 0 || view.sampleRatio.candidate > 0 { lines.append(shares) }
    if let comparison = view.comparison {
      let role: Role =
        comparison.outcome == .rollback ? .bad : comparison.outcome == .hold ? .warn : .ok
      lines.append(
        CardLine(
          "judged by \(comparison.judge): \(comparison.sentence); its risks are its own", role))
    }
    return lines
  }

  private var shares: CardLine {
    let ratio = view.sampleRatio
    let total = ratio.candidate + ratio.stable
    guard total > 0 else { return CardLine("No request was drawn for either yet.", .dim) }
    let role: Role = ratio.isSuspect ? .bad : .ok
    return CardLine([
      Span("shares ", .dim),
      Span(
        "\(canvas.glyph(role)) \(ratio.isSuspect ? "NOT AS DRAWN, nothing is judged" : "as drawn")",
        role, .bold),
      Span(
        "  \(Format.count(ratio.candidate)) of \(Format.count(total)), "
          + "\(Format.count(Int(ratio.expectedCandidate.rounded()))) due, E "
          + "\(Format.evidence(ratio.eValue)) of \(Format.evidence(ratio.holdAt))",
        .dim),
    ])
  }

  // MARK: A metric

  private func role(_ verdict: MetricVerdict) -> Role {
    let metric = verdict.evidence
    guard verdict.isCompared, metric.isSeen || hasCopies(metric) else { return .stale }
    return metric.isBreach ? .bad : metric.isSuspect && !metric.isCertified ? .warn : .ok
  }

  private func hasCopies(_ metric: MetricEvidence) -> Bool { (metric.shadow?.total ?? 0) > 0 }

  private func lines(of verdict: MetricVerdict) -> [CardLine] {
    let metric = verdict.evidence
    let role = role(verdict)
    let stream = metric.stream.map { " (\(printable($0, limit: 16)))" } ?? ""
    var lines = [
      CardLine([
        Span("\(MetricText.of(metric.metric))\(stream)", .title, .bold),
        Span("  \(canvas.glyph(role)) \(verdict.word)", role, .bold),
      ]),
      evidenceLine(metric),
    ]
    // While there are copies alone, they are all there is to say.
    let isOfCopies = metric.candidateTotal == 0 && hasCopies(metric)
    let isUnseen = metric.candidateTotal == 0 && metric.stableTotal == 0 && !isOfCopies
    if isUnseen {
      lines.append(CardLine([Span(label("seen"), .dim), Span("nothing yet")]))
    } else if !isOfCopies {
      lines += [
        rateLine("candidate", verdict.candidate, metric, isCandidate: true),
        rateLine("stable", verdict.stable, metric, isCandidate: false), effectLine(verdict),
      ]
    }
    if let promotion = metric.promotion { lines.append(promotionLine(promotion)) }
    if let pairs = metric.shadow, pairs.total > 0 {
      var line = CardLine([
        Span(label("copies"), .dim),
        Span(
          "\(Format.count(pairs.total)) compared: bad \(Format.count(pairs.candidateOnly)) the "
            + "candidate's alone, \(Format.count(pairs.otherOnly)) the stable's, "
            + "\(Format.count(pairs.both)) both"),
      ])
      line.hangingIndent = 13
      lines.append(line)
    }
    if let labels = metric.labels, labels.isSuspect {
      lines.append(CardLine("  \(labels.sentence)", .warn))
    }
    if let requests = metric.requestsToVerdict, !metric.isBreach {
      var line = CardLine([
        Span(label("verdict"), .dim),
        Span(
          "a candidate twice as bad as tolerated would be off in about "
            + "\(Format.count(requests)) more requests of its own", .dim),
      ])
      line.hangingIndent = 13
      lines.append(line)
    }
    for stream in view.streams ?? []
    where stream.metric == metric.metric && !isOfCopies && !isUnseen {
      lines.append(streamLine(stream, isShown: stream.stream == metric.stream))
    }
    return lines
  }

  private func label(_ text: String) -> String { "  " + SafeText.fitted(text, to: 11) }

  /// A rival's metric or a segment in one line.
  private func evidenceLine(
    _ metric: MetricEvidence, name: String, isClosed: Bool = false
  ) -> CardLine {
    var line = evidenceLine(metric)
    line.spans[0] = Span("  " + SafeText.fitted(name, to: 14, ellipsis: canvas.glyphs.ellipsis))
    line.spans.append(
      Span(
        isClosed ? "  \(canvas.glyph(.bad)) closed" : "  \(MetricText.of(metric.metric))",
        isClosed ? .bad : .dim))
    return line
  }

  private func evidenceLine(_ metric: MetricEvidence) -> CardLine {
    let bar = EvidenceBar(
      evidence: metric.eValue, holdAt: metric.holdAt, rollbackAt: metric.rollbackAt,
      glyphs: canvas.glyphs.charts)
    let length = isWide ? 32 : 20
    return CardLine(
      [
        Span(label("evidence"), .dim),
        Span(
          "E " + SafeText.fitted(Format.evidence(metric.eValue), to: 6),
          bar.role == .ok ? .text : bar.role, .bold),
      ] + Self.spans(length) { bar.draw(into: &$0, x: 0, y: 0, width: length) }
        + [
          Span(
            "  holds at \(Format.evidence(metric.holdAt)), rolls back at "
              + "\(Format.evidence(metric.rollbackAt))",
            .dim)
        ])
  }

  private func rateLine(
    _ name: String, _ rate: MetricVerdict.Rate, _ metric: MetricEvidence, isCandidate: Bool
  ) -> CardLine {
    let bad = isCandidate ? metric.candidateBad : metric.stableBad
    let total = isCandidate ? metric.candidateTotal : metric.stableTotal
    guard rate.rate != nil else {
      return CardLine([Span(label(name), .dim), Span("nothing seen", .dim)])
    }
    return CardLine([
      Span(label(name), isCandidate ? .candidate : .stable),
      Span(SafeText.fitted("\(Format.share(rate.rate)) %", to: 9), .text, .bold),
      Span("(\(Format.share(rate.low)) to \(Format.share(rate.high)))", .dim),
      Span("  \(Format.count(bad)) of \(Format.count(total))", .text),
    ])
  }

  private func effectLine(_ verdict: MetricVerdict) -> CardLine {
    let high = verdict.ratioHigh.map { Format.fixed($0, 2) } ?? "any"
    let plot = EffectBar(
      ratio: verdict.ratio, low: verdict.ratioLow, high: verdict.ratioHigh,
      tolerance: verdict.evidence.tolerance, margin: verdict.evidence.promotion?.margin)
    let length = isWide ? 33 : 21
    return CardLine(
      [
        Span(label("effect"), .dim),
        Span(
          SafeText.fitted(
            verdict.ratio.map { "x\(Format.fixed($0, 2))" } ?? Format.none, to: 8), .text, .bold),
      ] + Self.spans(length) { plot.draw(into: &$0, width: length, glyphs: canvas.glyphs) }
        + [
          Span(
            "  \(Format.fixed(verdict.ratioLow, 2)) to \(high), tolerated "
              + "\(Format.fixed(verdict.evidence.tolerance, 2))",
            .dim)
        ])
  }

  private func promotionLine(_ promotion: PromotionEvidence) -> CardLine {
    let length = isWide ? 32 : 20
    let share =
      promotion.eValue > 1
      ? min(1, DecimalLogarithm.of(promotion.eValue) / DecimalLogarithm.of(promotion.neededAt)) : 0
    let more = promotion.requestsToCertainty.map { ", ~\(Format.count($0)) more" } ?? ""
    var line = CardLine(
      [
        Span(label("certainty"), .dim),
        Span(
          "E " + SafeText.fitted(Format.evidence(promotion.eValue), to: 6),
          promotion.isCertain ? .ok : .text, .bold),
      ]
        + Self.spans(length) {
          Gauge(fraction: share, role: .ok, glyphs: canvas.glyphs.charts)
            .draw(into: &$0, x: 0, y: 0, width: length)
        }
        + [
          Span(
            promotion.isCertain
              ? "  certainly under \(Format.fixed(promotion.margin, 2))"
              : "  of \(Format.evidence(promotion.neededAt)) for under "
                + "\(Format.fixed(promotion.margin, 2))\(more)",
            promotion.isCertain ? .ok : .dim)
        ])
    line.hangingIndent = 13
    return line
  }

  private func streamLine(_ stream: StreamEvidence, isShown: Bool) -> CardLine {
    CardLine([
      Span("    \(isShown ? ">" : " ") ", .title),
      Span(
        SafeText.fitted(stream.stream, to: 12, ellipsis: canvas.glyphs.ellipsis), .text,
        isShown ? .bold : []),
      Span("E " + SafeText.fitted(Format.evidence(stream.eValue), to: 6), .text),
      Span(
        "  candidate \(Format.count(stream.candidateBad)) of "
          + "\(Format.count(stream.candidateTotal)), stable "
          + "\(Format.count(stream.stableBad)) of \(Format.count(stream.stableTotal))",
        .dim),
    ])
  }

  /// A row of cells that something draws, as spans.
  private static func spans(
    _ width: Int, _ draw: (inout CellBuffer) -> Void
  ) -> [Span] {
    var buffer = CellBuffer(width: width, height: 1)
    draw(&buffer)
    var spans: [Span] = []
    for x in 0..<width {
      let cell = buffer[x, 0]
      let character = Unicode.Scalar(cell.scalar).map { String(Character($0)) } ?? " "
      if let last = spans.last, last.role == cell.role, last.emphasis == cell.emphasis {
        spans[spans.count - 1].text += character
      } else {
        spans.append(Span(character, cell.role, cell.emphasis))
      }
    }
    return spans
  }
}

/// A ratio with its interval on a logarithmic scale from a quarter to four times, with marks at 1,
/// at what is tolerated and at the margin that must be excluded.
struct EffectBar {
  let ratio: Double?
  let low: Double
  let high: Double?
  let tolerance: Double
  let margin: Double?

  /// The column of a ratio; the ends stand for everything beyond.
  static func column(of ratio: Double, width: Int) -> Int {
    guard ratio > 0.25 else { return 0 }
    guard ratio < 4 else { return width - 1 }
    let place = (DecimalLogarithm.of(ratio) / DecimalLogarithm.of(4) + 1) / 2
    return max(0, min(width - 1, Int((place * Double(width - 1)).rounded())))
  }

  func draw(into buffer: inout CellBuffer, width: Int, glyphs: GlyphSet) {
    guard width > 2 else { return }
    for x in 0..<width { buffer[x, 0] = Cell(glyphs.isASCII ? "." : "·", role: .dim) }
    let from = EffectBar.column(of: low, width: width)
    let to = high.map { EffectBar.column(of: $0, width: width) } ?? width - 1
    if from <= to {
      for x in from...to { buffer[x, 0] = Cell(glyphs.horizontal, role: .text) }
    }
    buffer[EffectBar.column(of: 1, width: width), 0] = Cell(
      glyphs.isASCII ? "1" : "┼", role: .dim)
    buffer[EffectBar.column(of: tolerance, width: width), 0] = Cell(glyphs.vertical, role: .warn)
    if let margin {
      buffer[EffectBar.column(of: margin, width: width), 0] = Cell(
        glyphs.isASCII ? "!" : "┃", role: .bad)
    }
    if let ratio {
      buffer[EffectBar.column(of: ratio, width: width), 0] = Cell(
        glyphs.isASCII ? "o" : "●", role: .candidate, emphasis: .bold)
    }
  }
}
