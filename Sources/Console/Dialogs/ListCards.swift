import Core
import Node

extension VersionPicker {
  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    let endpoint = model.liveDetail?.name.text ?? ""
    var content = CardContent(
      title: purpose == .deploy ? "Deploy on \(endpoint)" : "Unload from \(endpoint)")
    content.width = 76
    let versions = model.pickable(for: purpose)
    let width = min(32, versions.map { Canvas.columns(of: $0.description) }.max() ?? 8)
    let place = selected.flatMap(versions.firstIndex(of:)) ?? 0
    for index in Canvas.window(count: versions.count, rows: 120, selected: place) {
      let version = versions[index]
      let isOn = index == place
      let known = model.feed.registry[version]
      let now = model.feed.live?.time
      let age = known.flatMap { entry in now.map { Format.age($0 - entry.registered) } } ?? ""
      content.lines.append(
        CardLine(
          [
            Span(isOn ? "> " : "  ", .title, .bold),
            Span(
              SafeText.fitted(version.description, to: width, ellipsis: canvas.glyphs.ellipsis),
              .text, isOn ? .bold : []),
            Span("  \(SafeText.fitted(age, to: 5))", .dim), Span(known?.summary ?? "", .dim),
          ], hit: .entry(index), isSelected: isOn))
    }
    if versions.isEmpty { content.lines = [CardLine("There is none.", .dim)] }
    content.focusLine = 0
    content.buttons = [
      .init("Enter", purpose == .deploy ? "deploy" : "unload", .key(.enter)),
      .init("Esc", "cancel", .key(.escape)),
    ]
    return content
  }
}

extension Palette {
  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: "Command")
    content.width = 72
    for (index, entry) in entries(in: model).enumerated() {
      let spec = entry.action.spec
      let isOn = index == selected
      let obstacle = model.obstacle(to: entry.action)
      let text =
        entry.argument == nil && !spec.argument.placeholder.isEmpty
        ? "\(spec.word) \(spec.argument.placeholder)" : entry.text
      content.lines.append(
        CardLine(
          [
            Span(
              SafeText.fitted(text, to: 26, ellipsis: canvas.glyphs.ellipsis),
              obstacle == nil ? .text : .dim, isOn ? .bold : []),
            Span(SafeText.fitted(spec.keys.first.map(KeyText.of) ?? "", to: 7), .hintKey),
            Span(obstacle ?? spec.explanation, .dim),
          ], hit: .entry(index), isSelected: isOn))
    }
    if content.lines.isEmpty { content.lines = [CardLine("Nothing is called that", .dim)] }
    content.lines = Array(content.lines)
    content.focusLine = selected
    content.field = (":", field)
    content.notice = notice
    content.buttons = [
      .init("Enter", "run", .key(.enter)), .init("Tab", "complete", .key(.tab)),
      .init("Up", "history", .key(.up)), .init("Esc", "close", .key(.escape)),
    ]
    return content
  }
}

extension HelpSheet {
  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: "Help")
    content.width = 96
    var group: ActionSpec.Group?
    for (index, spec) in specs.enumerated() {
      if spec.group != group {
        if group != nil { content.lines.append(.blank) }
        content.lines.append(CardLine([Span(spec.group.rawValue, .title, .bold)]))
        group = spec.group
      }
      content.lines.append(
        CardLine(
          [
            Span(SafeText.fitted("  " + spec.keyText, to: 16), .hintKey, .bold),
            Span(SafeText.fitted(spec.name, to: 16, ellipsis: canvas.glyphs.ellipsis), .text),
            Span(spec.explanation, .dim),
          ], hit: .entry(index), isSelected: index == selected))
    }
    if content.lines.isEmpty { content.lines = [CardLine("Nothing matches", .dim)] }
    content.focusLine = selected
    content.field = ("search", field)
    content.buttons = [
      .init("Enter", "run", .key(.enter)), .init("Up/Down", "select", .key(.down)),
      .init("Esc", "close", .key(.escape)),
    ]
    return content
  }
}

extension ActionMenu {
  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: title)
    content.width = 40
    for (index, action) in actions.enumerated() {
      let spec = action.spec
      content.lines.append(
        CardLine(
          [
            Span(SafeText.fitted(spec.keys.first.map(KeyText.of) ?? ":", to: 7), .hintKey, .bold),
            Span(spec.name, spec.action == .rollBack ? .danger : .text),
          ], hit: .entry(index), isSelected: index == selected))
    }
    content.focusLine = selected
    content.buttons = [
      .init("Enter", "do", .key(.enter)), .init("Esc", "close", .key(.escape)),
    ]
    return content
  }
}

/// One feature's distribution now over its reference, and its numbers.
enum FeatureCard {
  /// Draws it; false when there is no such feature in the picture.
  static func draw(_ name: String, _ model: ConsoleModel, on canvas: inout Canvas) -> Bool {
    guard let drift = model.detail?.drift,
      var feature = drift.features.first(where: { $0.name == name })
    else { return false }
    // A frozen picture has no histograms; the live one, asked for with them, does.
    if feature.bins.isEmpty, let live = model.liveDetail?.drift, live.version == drift.version,
      let newest = live.features.first(where: { $0.name == name })
    {
      feature.bins = newest.bins
    }
    let columns = canvas.frame.buffer.width
    let rows = canvas.frame.buffer.height
    let width = min(columns - (columns > 70 ? 4 : 0), 110)
    let height = min(rows - (rows > 20 ? 2 : 0), 30)
    guard width >= 20, height >= 8 else { return false }
    let rect = Rect(
      x: (columns - width) / 2, y: (rows - height) / 2, width: width, height: height)
    canvas.frame.buffer.fill(rect)
    canvas.frame.buffer.box(rect, glyphs: canvas.glyphs, role: .borderFocus)
    canvas.frame.hits.add(rect, .card)
    canvas.put(
      " \(DriftPane.title(feature)) of \(drift.version) ", x: rect.x + 2, y: rect.y, .title, .bold,
      limit: width - 4)
    let inside = Rect(x: rect.x + 2, y: rect.y + 1, width: width - 4, height: height - 2)
    drawNumbers(feature, drift, inside, on: &canvas)
    let chart = Rect(
      x: inside.x, y: inside.y + 4, width: inside.width, height: inside.height - 7)
    drawHistogram(feature, chart, on: &canvas)
    canvas.buttons(
      [
        .init("Up/Down", "others", .key(.down)), .init("y", "copy name", .key(.character("y"))),
        .init("Esc", "close", .key(.escape)),
      ], x: inside.x, y: inside.y + inside.height - 1, limit: inside.width)
    return true
  }

  private static func drawNumbers(
    _ feature: DriftView.Feature, _ drift: DriftView, _ rect: Rect, on canvas: inout Canvas
  ) {
    let role = drift.enough ? feature.severity.role : .dim
    canvas.put(
      [
        Span("PSI ", .dim), Span(Format.distance(feature.psi), .text, .bold),
        Span("   KS ", .dim), Span(DriftPane.bracket(feature), .text),
        Span("   q ", .dim), Span(Format.fixed(feature.qValue, 3), .text),
        Span("   \(drift.enough ? canvas.mark(role) : "not enough rows yet")", role, .bold),
      ], x: rect.x, y: rect.y, limit: rect.width)
    canvas.put(
      [
        Span("missing ", .dim),
        Span(
          "\(Format.share(feature.missingReference)) % \(canvas.glyphs.arrow) "
            + "\(Format.share(feature.missingCurrent)) %"
        ),
        Span(feature.kind == "categorical" ? "   unseen " : "", .dim),
        Span(feature.kind == "categorical" ? "\(Format.share(feature.unseen)) %" : ""),
        Span(
          "   \(Format.count(drift.rows)) rows now, "
            + "\(Format.count(drift.referenceRows)) in the reference",
          .dim),
      ], x: rect.x, y: rect.y + 1, limit: rect.width)
    canvas.put(
      [
        Span("\(canvas.glyphs.full) ", .current), Span("now   ", .dim),
        Span("\(canvas.glyphs.horizontal) ", .reference), Span("reference   ", .dim),
        Span("last row: each bin's part of the PSI", .dim),
      ], x: rect.x, y: rect.y + 2, limit: rect.width)
  }

  private static func drawHistogram(
    _ feature: DriftView.Feature, _ rect: Rect, on canvas: inout Canvas
  ) {
    guard rect.height > 0 else { return }
    guard !feature.bins.isEmpty else {
      canvas.put("Fetching the histogram...", x: rect.x, y: rect.y, .dim, limit: rect.width)
      return
    }
    OverlayHistogram(
      reference: feature.bins.map(\.reference), current: feature.bins.map(\.current),
      contributions: feature.bins.map(\.contribution), glyphs: canvas.glyphs.charts
    ).draw(into: &canvas.frame.buffer, rect: rect)
    let y = rect.y + rect.height
    if let first = feature.bins.first, let last = feature.bins.last {
      canvas.put(first.label, x: rect.x, y: y, .axis, limit: rect.width / 2 - 1)
      // The last bin ends where its columns do.
      let used =
        feature.bins.count <= rect.width
        ? rect.width / feature.bins.count * feature.bins.count : rect.width
      canvas.putRight(last.label, end: rect.x + used, y: y, .axis, limit: rect.width / 2 - 1)
    }
    if let worst = feature.bins.max(by: { $0.contribution < $1.contribution }),
      worst.contribution > 0
    {
      canvas.put(
        [
          Span("most from ", .dim), Span(worst.label, .text, .bold),
          Span(
            "  \(Format.share(worst.reference)) % \(canvas.glyphs.arrow) "
              + "\(Format.share(worst.current)) %",
            .text),
        ], x: rect.x, y: y + 1, limit: rect.width)
    }
  }
}
