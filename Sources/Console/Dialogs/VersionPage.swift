import Control
import Core
import Node

extension VersionCard {
  /// A version's page: its figures, where it serves, lineage, digests, signature, model card.
  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: version.description)
    content.fillsScreen = true
    content.scroll = scroll
    if let row = model.detail?.versions.first(where: { $0.version == version }) {
      content.lines.append(
        CardLine([
          Span(VersionsPane.stateText(row.state, canvas), VersionsPane.stateRole(row.state), .bold),
          Span("  \(percentText(row.weight))  \(Format.rate(row.requestsPerSecond))/s", .text),
          Span("  p50 \(Format.milliseconds(row.p50Milliseconds))", .text),
          Span("  p99 \(Format.milliseconds(row.p99Milliseconds)) ms", .text),
          Span("  err \(Format.share(row.errorRate)) %", .text),
          Span("  wrong \(Format.share(row.wrongRate)) %", .text),
        ]))
    }
    if let failure {
      content.lines.append(CardLine("The card could not be read: \(failure)", .bad))
    } else if let detail {
      let page = VersionPage(
        detail: detail, model: model, canvas: canvas,
        width: max(40, canvas.frame.buffer.width - 4))
      content.lines += page.lines
    } else {
      content.lines.append(CardLine("Reading the card...", .dim))
    }
    content.buttons = [
      .init("Up/Down", "scroll", .key(.down)), .init("K", "checklist", .key(.character("K"))),
      .init("y", "copy name", .key(.character("y"))), .init("Esc", "close", .key(.escape)),
    ]
    return content
  }
}

/// The lines of a version's page.
struct VersionPage {
  let detail: VersionDetail
  let model: ConsoleModel
  let canvas: Canvas
  let width: Int

  /// The deepest line of descent that is shown.
  private static let ancestorsMax = 12

  var lines: [CardLine] {
    head + places + figures + lineage + files + signature + card
  }

  private func row(_ label: String, _ spans: Span...) -> CardLine {
    var line = CardLine([Span("  " + SafeText.fitted(label, to: 12), .dim)] + spans)
    line.hangingIndent = 14
    return line
  }

  private func heading(_ text: String) -> [CardLine] { [.blank, CardLine(text, .title, .bold)] }

  private var head: [CardLine] {
    let known = detail.registered
    var lines: [CardLine] = []
    if !known.summary.isEmpty { lines.append(CardLine(known.summary)) }
    lines.append(
      CardLine([
        Span("registered ", .dim), Span(model.dayAndClock(known.registered)),
        Span(known.traits.map { " by \($0.by.name)" } ?? "", .text),
        Span("   \(Format.bytes(known.bytes))", .text), Span("   sha256 ", .dim),
        Span(known.digest.short),
      ]))
    if let standing = known.standing {
      var spans = [RegistryStanding.status(standing.status, canvas)]
      spans.append(
        Span(
          "  \(standing.gateWords)",
          standing.gatesPassed == true ? .ok : standing.gatesPassed == false ? .bad : .dim))
      spans.append(
        Span("  checklist \(standing.itemsSigned) of \(standing.items) signed", .dim))
      lines.append(CardLine(spans))
      if !standing.aliases.isEmpty {
        lines.append(
          CardLine([
            Span("aliases ", .dim),
            Span(standing.aliases.map(\.text).joined(separator: ", "), .title, .bold),
          ]))
      }
      if !standing.tags.isEmpty {
        lines.append(
          CardLine("tags " + standing.tags.map(\.description).joined(separator: ", "), .dim))
      }
    }
    if let damage = detail.damage {
      lines.append(CardLine("\(canvas.glyph(.bad)) damaged: \(damage)", .bad, .bold))
    }
    if let fault = detail.fault {
      lines.append(CardLine("\(canvas.glyph(.bad)) cannot be loaded: \(fault)", .bad, .bold))
    }
    if let golden = detail.golden {
      lines.append(
        golden.result.map { result in
          CardLine("\(canvas.glyph(.ok)) golden rows: \(Self.words(result))", .ok)
        } ?? CardLine("golden rows were not run yet: it is not loaded", .dim))
    } else {
      lines.append(
        CardLine("It has no golden rows: nothing checks that it answers as trained.", .dim))
    }
    lines.append(
      CardLine(
        detail.hasReference
          ? "It has a training reference for drift."
          : "It has no training reference: no drift is shown for it.",
        .dim))
    return lines
  }

  private static func words(_ result: GoldenResult) -> String {
    "\(Format.count(result.rows)) rows answer as trained"
      + (result.source.isEmpty ? "" : " (\(printable(result.source, limit: 60)))")
  }

  private var places: [CardLine] {
    guard let places = detail.registered.traits?.places else { return [] }
    guard !places.isEmpty else {
      return heading("Serves") + [CardLine("  nowhere: o deploys it", .dim)]
    }
    return heading("Serves")
      + places.sorted { $0.weight > $1.weight }.prefix(20).map { place in
        CardLine([
          Span("  " + SafeText.fitted(place.endpoint.text, to: 24), .text, .bold),
          Span(
            SafeText.fitted(VersionsPane.stateText(place.role, canvas), to: 13),
            VersionsPane.stateRole(place.role), .bold),
          Span(percentText(place.weight)),
        ])
      }
  }

  private var figures: [CardLine] {
    let metrics = detail.registered.metrics
    guard !metrics.isEmpty else { return [] }
    return heading("Evaluation")
      + metrics.sorted { $0.key < $1.key }.map { name, value in
        CardLine([
          Span("  " + SafeText.fitted(name, to: 24, ellipsis: canvas.glyphs.ellipsis), .dim),
          Span(Format.figure(value), .text, .bold),
        ])
      }
  }

  /// From what it was made, and what was made from it.
  private var lineage: [CardLine] {
    let book = model.feed.registry
    var lines: [CardLine] = []
    var seen: Set<VersionID> = [detail.registered.version]
    var parent = detail.draft?.parent ?? detail.registered.traits?.parent
    var depth = 1
    while let version = parent, !seen.contains(version), depth <= VersionPage.ancestorsMax {
      seen.insert(version)
      let known = book[version]
      let lead = String(repeating: "  ", count: depth)
      lines.append(
        CardLine([
          Span("\(lead)from ", .dim), Span(version.description, .text, .bold),
          Span("  \(known?.summary ?? "not in the registry")", .dim),
        ]))
      parent = known?.traits?.parent
      depth += 1
    }
    let children = book.versions.lazy.filter {
      $0.traits?.parent == detail.registered.version
    }.prefix(6)
    for child in children {
      lines.append(
        CardLine([
          Span("  to ", .dim), Span(child.version.description, .text, .bold),
          Span("  \(child.summary)", .dim),
        ]))
    }
    guard !lines.isEmpty else { return [] }
    return heading("Lineage") + lines
  }

  private var files: [CardLine] {
    guard let draft = detail.draft else { return [] }
    var lines = heading("Files, by SHA-256")
    lines.append(row("model", Span("\(draft.artifact)")))
    if let digest = draft.card { lines.append(row("card", Span("\(digest)"))) }
    if let digest = draft.reference { lines.append(row("reference", Span("\(digest)"))) }
    if let digest = draft.golden { lines.append(row("golden", Span("\(digest)"))) }
    if let backend = draft.backend { lines.append(row("runs on", Span(backend.rawValue))) }
    return lines
  }

  private var signature: [CardLine] {
    var lines = heading("Signature")
    for (side, specs) in [("in", detail.signature.inputs), ("out", detail.signature.outputs)] {
      for spec in specs.prefix(64) {
        lines.append(
          CardLine([
            Span("  " + SafeText.fitted(side, to: 5), .dim),
            Span(
              SafeText.fitted(spec.name, to: 28, ellipsis: canvas.glyphs.ellipsis), .text, .bold),
            Span(SafeText.fitted(spec.elementType.rawValue, to: 10)),
            Span(
              spec.shape.map { $0.map { "\($0)" } ?? "any" }.joined(separator: " x "), .dim),
          ]))
      }
      if specs.count > 64 { lines.append(CardLine("  and \(specs.count - 64) more", .dim)) }
    }
    return lines
  }

  private var card: [CardLine] {
    guard !detail.card.isEmpty else {
      return heading("Model card") + [CardLine("  It has none.", .warn)]
    }
    let (fields, body) = VersionPage.split(detail.card)
    var lines = heading("Model card")
    for field in fields { lines.append(row(field.name, Span(field.value))) }
    if !fields.isEmpty { lines.append(.blank) }
    return lines + MarkdownText(body, width: width, glyphs: canvas.glyphs).lines
  }

  /// A card's fields, without the figures that stand above already, and its text.
  static func split(
    _ card: String
  ) -> (fields: [(name: String, value: String)], body: String) {
    let lines = card.split(separator: "\n", omittingEmptySubsequences: false).prefix(1_000)
    guard lines.first == "---", let end = lines.dropFirst().firstIndex(of: "---") else {
      return ([], lines.joined(separator: "\n"))
    }
    var fields: [(name: String, value: String)] = []
    for line in lines[1..<end] {
      let text = String(line).trimmed
      guard !text.isEmpty, !text.hasPrefix("#") else { continue }
      let isInner = line.hasPrefix(" ") || text.hasPrefix("- ")
      if isInner, let last = fields.last {
        let piece = text.hasPrefix("- ") ? String(text.dropFirst(2)) : text
        fields[fields.count - 1].value = last.value.isEmpty ? piece : "\(last.value), \(piece)"
        continue
      }
      guard let colon = text.firstIndex(of: ":") else { continue }
      fields.append(
        (String(text[..<colon]), unquoted(String(text[text.index(after: colon)...]).trimmed)))
    }
    return (
      fields.filter { $0.name != "metrics" && !$0.value.isEmpty },
      lines[(end + 1)...].joined(separator: "\n")
    )
  }

  private static func unquoted(_ text: String) -> String {
    guard text.count >= 2, let first = text.first, first == text.last, first == "\"" || first == "'"
    else { return text }
    return String(text.dropFirst().dropLast())
  }
}
