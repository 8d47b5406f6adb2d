import Core
import Node

/// Pane 1: requests, latency and errors over time, as a few lines with sparklines where there is
/// little room, as charts by version where there is more.
enum TrafficPane {
  /// What can be charted.
  enum Figure: CaseIterable {
    case rate, p50, p90, p99, errors, wrong

    var label: String {
      switch self {
      case .rate: "req/s"
      case .p50: "p50 ms"
      case .p90: "p90 ms"
      case .p99: "p99 ms"
      case .errors: "err %"
      case .wrong: "wrong %"
      }
    }

    func values(_ series: TrafficView.Series) -> [Double?] {
      switch self {
      case .rate: series.requestsPerSecond
      case .p50: series.p50Milliseconds
      case .p90: series.p90Milliseconds
      case .p99: series.p99Milliseconds
      case .errors: series.errorRate.map { $0.map { $0 * 100 } }
      case .wrong: series.wrongRate.map { $0.map { $0 * 100 } }
      }
    }

    func text(_ value: Double?) -> String {
      switch self {
      case .rate: Format.rate(value)
      case .p50, .p90, .p99: Format.milliseconds(value)
      case .errors, .wrong: Format.share(value.map { $0 / 100 })
      }
    }

    /// Figures for so many rows: what is most telling, in the usual order.
    static func fitting(rows: Int) -> [Figure] {
      let ranked: [Figure] = [.rate, .p99, .errors, .wrong, .p50, .p90]
      let chosen = Set(ranked.prefix(max(1, rows)))
      return allCases.filter(chosen.contains)
    }
  }

  static func draw(_ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas) {
    let window = Format.window(seconds: model.look.windowSeconds)
    let inside = canvas.pane(
      .traffic, rect, right: [Span(window, .dim)], isFocused: model.focus == .traffic)
    guard let traffic = model.detail?.traffic, inside.height > 0, inside.width > 8 else { return }
    canvas.frame.hits.add(inside, .chart)
    if inside.height < 6 || inside.width < 50 {
      drawLines(traffic, in: inside, on: &canvas)
    } else {
      drawCharts(traffic, model, in: inside, on: &canvas)
    }
  }

  /// How many points the widest chart of a screen can show, so that the node merges seconds into
  /// just as many.
  static func points(columns: Int) -> Int {
    let across = max(1, min(4, (columns - 4) / 38))
    return max(60, min(400, (columns / across - 10) * 2))
  }

  /// Keeps the groups of a chart together while time goes on.
  private static func firstIndex(_ traffic: TrafficView, _ count: Int) -> Int {
    let points = Int(traffic.end.microseconds / 1_000_000) / max(1, traffic.secondsPerPoint)
    return points - count
  }

  /// The newest value; a point that is still empty does not hide the one before it.
  private static func newest(_ values: [Double?]) -> Double? {
    values.suffix(3).last { $0 != nil } ?? nil
  }

  // MARK: Lines

  private static func drawLines(
    _ traffic: TrafficView, in rect: Rect, on canvas: inout Canvas
  ) {
    guard let whole = traffic.series.first else {
      canvas.put("no traffic yet", x: rect.x, y: rect.y, .dim, limit: rect.width)
      return
    }
    for (row, figure) in Figure.fitting(rows: rect.height).enumerated() where row < rect.height {
      let y = rect.y + row
      let values = figure.values(whole)
      let value = newest(values)
      canvas.put(figure.label, x: rect.x, y: y, .dim, limit: 7)
      canvas.putRight(
        figure.text(value), end: rect.x + 15, y: y, value == nil ? .dim : .text, .bold, limit: 7)
      Sparkline(
        values: values, firstIndex: firstIndex(traffic, values.count),
        role: figure == .errors || figure == .wrong ? .warn : .current,
        glyphs: canvas.glyphs.charts
      ).draw(into: &canvas.frame.buffer, x: rect.x + 16, y: y, width: rect.width - 16)
    }
  }

  // MARK: Charts

  private static func drawCharts(
    _ traffic: TrafficView, _ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas
  ) {
    let hasTotals = rect.height >= 8
    let height = rect.height - (hasTotals ? 1 : 0)
    var across = max(1, min(4, rect.width / 38))
    let down = max(1, min(height / 6, across == 1 ? 3 : 2))
    // Six charts stand in two even rows.
    if down == 2 && across == 4 { across = 3 }
    let figures: [Figure]
    switch across * down {
    case 1: figures = [.rate]
    case 2: figures = [.rate, .p99]
    case 3: figures = [.rate, .p99, .errors]
    case 4...5: figures = [.rate, .p99, .errors, .wrong]
    default: figures = Figure.allCases
    }
    let lines = (figures.count + across - 1) / across
    let heights = ScreenLayout.distribute(
      height, least: Array(repeating: 0, count: lines), growth: Array(repeating: 1, count: lines))
    var y = rect.y
    for line in 0..<lines {
      let row = figures.dropFirst(line * across).prefix(across)
      let widths = ScreenLayout.distribute(
        rect.width, least: row.map { _ in 0 }, growth: row.map { _ in 1 })
      var x = rect.x
      for (figure, width) in zip(row, widths) {
        let isLast = x + width >= rect.x + rect.width
        drawChart(
          figure, traffic, model,
          in: Rect(x: x, y: y, width: width - (isLast ? 0 : 2), height: heights[line]),
          on: &canvas)
        x += width
      }
      y += heights[line]
    }
    if hasTotals { drawTotals(traffic, in: rect, on: &canvas) }
  }

  private static func drawChart(
    _ figure: Figure, _ traffic: TrafficView, _ model: ConsoleModel, in rect: Rect,
    on canvas: inout Canvas
  ) {
    guard let whole = traffic.series.first else { return }
    var spans = [
      Span("\(figure.label) ", .dim),
      Span(figure.text(newest(figure.values(whole))), .text, .bold),
    ]
    let versions = traffic.series.dropFirst().filter { $0.version != nil }
    if versions.count > 1 {
      for series in versions.prefix(3) {
        guard let version = series.version else { continue }
        spans.append(Span("  \(model.label(version)) ", .dim))
        spans.append(
          Span(figure.text(newest(figure.values(series))), model.role(of: version), .bold))
      }
    }
    canvas.put(spans, x: rect.x, y: rect.y, limit: rect.width)
    let count = figure.values(whole).count
    var lines: [ChartSeries] = []
    if figure == .rate || versions.count < 2 {
      lines.append(
        ChartSeries(role: .current, values: figure.values(whole), isArea: figure == .rate))
    }
    if versions.count > 1 {
      // The candidate is drawn last and so stays visible where the lines meet.
      let ordered = versions.sorted { a, _ in a.version.map { model.role(of: $0) } != .candidate }
      for series in ordered {
        guard let version = series.version else { continue }
        lines.append(ChartSeries(role: model.role(of: version), values: figure.values(series)))
      }
    }
    LineChart(
      series: lines, firstIndex: firstIndex(traffic, count), glyphs: canvas.glyphs.charts
    ).draw(
      into: &canvas.frame.buffer,
      rect: Rect(x: rect.x, y: rect.y + 1, width: rect.width, height: rect.height - 1))
  }

  private static func drawTotals(
    _ traffic: TrafficView, in rect: Rect, on canvas: inout Canvas
  ) {
    let dropped = traffic.droppedTaps
    canvas.put(
      [
        Span("since start  ", .dim),
        Span("\(Format.count(traffic.totalRequests)) requests  ", .dim),
        Span(
          "\(Format.count(traffic.totalFailed)) failed  ", traffic.totalFailed > 0 ? .warn : .dim),
        Span("\(Format.count(traffic.totalLabels)) labels", .dim),
        Span(dropped > 0 ? "  \(Format.count(dropped)) not measured" : "", .warn),
      ], x: rect.x, y: rect.y + rect.height - 1, limit: rect.width)
  }
}
