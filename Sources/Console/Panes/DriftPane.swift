import Core
import Node

/// Pane 4: how far each feature and output of a version is from its training reference, worst
/// first.
///
/// Quiet when nothing drifts.
enum DriftPane {
  /// What PSI fills a bar; beyond it the bar stays full.
  static let barTop = 0.5

  static func draw(_ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas) {
    let drift = model.detail?.drift
    let filter = model.filter(for: .drift)
    var right: [Span] = []
    if !filter.isEmpty { right.append(Span("/\(filter)  ", .hintKey)) }
    if let drift { right += verdict(drift, canvas) }
    let title = drift.map { "Drift \(model.label($0.version))" }
    let inside = canvas.pane(
      .drift, rect, title: title, right: right, isFocused: model.focus == .drift)
    guard inside.height > 0 else { return }
    guard let drift else {
      canvas.put(
        "No training reference: nothing to compare with", x: inside.x, y: inside.y, .dim,
        limit: inside.width)
      return
    }
    let footer = inside.height >= 4
    let lines = model.featureLines
    let columns = Columns(inside.width, lines)
    let hasHeadings = inside.height >= 8 || columns.hasNumbers
    if hasHeadings { drawHeadings(columns, inside, on: &canvas) }
    let top = hasHeadings ? 1 : 0
    let rows = inside.height - top - (footer ? 1 : 0)
    let selected = model.selectedFeature?.name
    let index = lines.firstIndex { $0.name == selected } ?? 0
    for (offset, line) in Canvas.window(count: lines.count, rows: rows, selected: index)
      .enumerated()
    {
      let feature = lines[line]
      drawRow(
        feature, columns, isSelected: model.focus == .drift && feature.name == selected,
        isEnough: drift.enough, inside, inside.y + top + offset, on: &canvas)
    }
    if lines.isEmpty && !filter.isEmpty {
      canvas.put(
        "Nothing matches /\(filter)", x: inside.x, y: inside.y + top, .dim, limit: inside.width)
    }
    if footer { drawFooter(drift, inside, on: &canvas) }
  }

  private static func verdict(_ drift: DriftView, _ canvas: Canvas) -> [Span] {
    guard drift.enough else { return [Span("collecting", .dim)] }
    let worst = drift.features.map(\.severity).max() ?? .ok
    guard worst != .ok else { return [Span("quiet", .dim)] }
    let count = drift.features.count { $0.severity == worst }
    return [
      Span("\(canvas.glyph(worst.role)) \(count) of \(drift.features.count)", worst.role, .bold)
    ]
  }

  /// What there is room for beside name and PSI.
  struct Columns {
    let name: Int
    let bar: Int
    let spark: Int
    let hasWord = true
    let hasNumbers: Bool

    init(_ width: Int, _ lines: [DriftView.Feature]) {
      let longest = lines.map { Canvas.columns(of: DriftPane.title($0)) }.max() ?? 8
      name = max(8, min(longest, width / 3))
      // name, blank, PSI (5), blank, bar, blank, mark and word (7)
      var left = width - name - 1 - 5 - 1 - 1 - 7
      hasNumbers = left >= 50
      if hasNumbers { left -= 36 }
      spark = left >= 20 ? min(16, left / 2) : 0
      if spark > 0 { left -= spark + 1 }
      bar = max(0, min(40, left))
    }
  }

  static func title(_ feature: DriftView.Feature) -> String {
    feature.isOutput ? "\(feature.name) (out)" : feature.name
  }

  private static func drawHeadings(_ columns: Columns, _ rect: Rect, on canvas: inout Canvas) {
    canvas.put("FEATURE", x: rect.x, y: rect.y, .dim, limit: columns.name)
    var x = rect.x + columns.name + 1
    canvas.putRight("PSI", end: x + 5, y: rect.y, .dim)
    x += 6 + columns.bar + 1
    if columns.spark > 0 {
      canvas.put("HISTORY", x: x, y: rect.y, .dim, limit: columns.spark)
      x += columns.spark + 1
    }
    if columns.hasNumbers {
      canvas.putRight("KS", end: x + 10, y: rect.y, .dim)
      canvas.putRight("MISSING", end: x + 21, y: rect.y, .dim)
      canvas.putRight("UNSEEN%", end: x + 31, y: rect.y, .dim)
      x += 36
    }
  }

  private static func drawRow(
    _ feature: DriftView.Feature, _ columns: Columns, isSelected: Bool, isEnough: Bool,
    _ rect: Rect, _ y: Int, on canvas: inout Canvas
  ) {
    let severity = isEnough ? feature.severity : .ok
    let isQuiet = severity == .ok
    let role = severity.role
    canvas.put(
      title(feature), x: rect.x, y: y, isSelected ? .selection : isQuiet ? .text : role,
      isQuiet ? [] : .bold, limit: columns.name)
    if isSelected { canvas.highlight(x: rect.x, y: y, width: columns.name) }
    var x = rect.x + columns.name + 1
    canvas.putRight(
      Format.distance(feature.psi), end: x + 5, y: y, isQuiet ? .text : role, limit: 5)
    x += 6
    if columns.bar > 0 {
      Gauge(
        fraction: feature.psi / barTop, role: isQuiet ? .current : role,
        glyphs: canvas.glyphs.charts
      ).draw(into: &canvas.frame.buffer, x: x, y: y, width: columns.bar)
      x += columns.bar + 1
    }
    if columns.spark > 0 {
      Sparkline(
        values: feature.history, role: isQuiet ? .dim : role, glyphs: canvas.glyphs.charts
      ).draw(into: &canvas.frame.buffer, x: x, y: y, width: columns.spark)
      x += columns.spark + 1
    }
    if columns.hasNumbers {
      canvas.putRight(bracket(feature), end: x + 10, y: y, .dim)
      canvas.putRight(missing(feature, canvas), end: x + 21, y: y, .dim)
      canvas.putRight(
        feature.kind == "categorical" ? Format.share(feature.unseen) : Format.none, end: x + 31,
        y: y, .dim)
      x += 36
    }
    canvas.put(
      isEnough ? canvas.mark(role) : "", x: min(x, rect.x + rect.width - 7), y: y,
      isQuiet ? .dim : role, isQuiet ? [] : .bold, limit: 7)
    canvas.frame.hits.add(
      Rect(x: rect.x, y: y, width: rect.width, height: 1), .feature(feature.name))
  }

  /// The Kolmogorov-Smirnov distance as `0.04-0.06`.
  static func bracket(_ feature: DriftView.Feature) -> String {
    guard let low = feature.ksLow, let high = feature.ksHigh else { return Format.none }
    let (a, b) = (Format.distance(low), Format.distance(high))
    return a == b ? a : "\(a)-\(b)"
  }

  /// The share of missing values in per cent, then and now: `1.2>4.0`.
  static func missing(_ feature: DriftView.Feature, _ canvas: Canvas) -> String {
    guard feature.missingReference > 0 || feature.missingCurrent > 0 else { return Format.none }
    return "\(Format.share(feature.missingReference))\(canvas.glyphs.arrow)"
      + Format.share(feature.missingCurrent)
  }

  private static func drawFooter(_ drift: DriftView, _ rect: Rect, on canvas: inout Canvas) {
    let text =
      drift.enough
      ? "\(Format.count(drift.rows)) rows   reference \(Format.count(drift.referenceRows))"
      : "\(Format.count(drift.rows)) of \(Format.count(drift.windowRows)) rows that it takes"
    canvas.put(text, x: rect.x, y: rect.y + rect.height - 1, .dim, limit: rect.width)
  }
}
