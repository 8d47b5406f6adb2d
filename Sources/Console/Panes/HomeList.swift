import Core
import Node

/// The list of endpoints, when the node has several.
enum HomeList {
  static func draw(_ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas) {
    canvas.frame.buffer.box(rect, glyphs: canvas.glyphs, role: .borderFocus)
    let total = model.shown?.endpoints.count ?? 0
    let filter = model.look.homeFilter
    let title =
      filter.isEmpty
      ? " Endpoints \(total) " : " Endpoints \(model.endpointLines.count) of \(total)  /\(filter) "
    canvas.put(title, x: rect.x + 2, y: rect.y, .title, .bold, limit: rect.width - 4)
    let inside = Rect(
      x: rect.x + 2, y: rect.y + 1, width: rect.width - 4, height: rect.height - 2)
    let lines = model.endpointLines
    guard !lines.isEmpty else {
      let sentence =
        filter.isEmpty
        ? "No endpoint yet: sluice endpoint create NAME makes one" : "Nothing matches /\(filter)"
      canvas.put(sentence, x: inside.x, y: inside.y, .dim, limit: inside.width)
      return
    }
    let columns = Columns(inside.width, lines)
    for (title, x, width, isLeft) in columns.headings(from: inside.x) {
      if isLeft {
        canvas.put(title, x: x, y: inside.y, .dim, limit: width)
      } else {
        canvas.putRight(title, end: x + width, y: inside.y, .dim, limit: width)
      }
    }
    let selected = model.selectedEndpoint?.name
    let index = lines.firstIndex { $0.name == selected } ?? 0
    let window = Canvas.window(count: lines.count, rows: inside.height - 1, selected: index)
    for (offset, number) in window.enumerated() {
      drawRow(
        lines[number], columns, isSelected: lines[number].name == selected, inside,
        inside.y + 1 + offset, on: &canvas)
    }
  }

  private struct Columns {
    let name: Int
    let hasRollout: Bool
    let hasVersions: Bool

    init(_ width: Int, _ lines: [EndpointSummary]) {
      let longest = lines.map { Canvas.columns(of: $0.name.text) }.max() ?? 8
      hasVersions = width >= 74
      hasRollout = width >= 92
      let others = 2 + 9 + 9 + 8 + 7 + 6 + (hasVersions ? 22 : 0) + (hasRollout ? 18 : 0)
      name = max(8, min(longest, width - others))
    }

    /// Title, first column, width, whether it stands left.
    func headings(from x: Int) -> [(String, Int, Int, Bool)] {
      var list: [(String, Int, Int, Bool)] = []
      var at = x + 2
      func add(_ title: String, _ width: Int, _ isLeft: Bool) {
        list.append((title, at, width, isLeft))
        at += width + 1
      }
      add("ENDPOINT", name, true)
      add("STATUS", 8, true)
      if hasVersions {
        add("STABLE", 6, true)
        add("CANDIDATE", 14, true)
      }
      add("REQ/S", 7, false)
      add("P99", 6, false)
      add("ERR%", 5, false)
      add("STATE", 8, true)
      if hasRollout { add("ROLLOUT", 16, true) }
      return list
    }
  }

  private static func drawRow(
    _ line: EndpointSummary, _ columns: Columns, isSelected: Bool, _ rect: Rect, _ y: Int,
    on canvas: inout Canvas
  ) {
    let role = line.severity.role
    var texts: [(String, Role)] = [
      (line.name.text, .text), (line.status, line.status == "serving" ? .text : .warn),
    ]
    if columns.hasVersions {
      texts.append((line.stable?.short ?? Format.none, .stable))
      let candidate = line.candidate.map { "\($0.short) \(percentText(line.candidateWeight))" }
      texts.append((candidate ?? Format.none, candidate == nil ? .dim : .candidate))
    }
    texts += [
      (Format.rate(line.requestsPerSecond), .text),
      (Format.milliseconds(line.p99Milliseconds), .text),
      (Format.share(line.errorRate), .text), (canvas.mark(role), role),
    ]
    if columns.hasRollout { texts.append((line.rollout ?? Format.none, .dim)) }
    for (text, heading) in zip(texts, columns.headings(from: rect.x)) {
      let (_, x, width, isLeft) = heading
      if isLeft {
        canvas.put(text.0, x: x, y: y, text.1, isSelected ? .bold : [], limit: width)
      } else {
        canvas.putRight(text.0, end: x + width, y: y, text.1, isSelected ? .bold : [], limit: width)
      }
    }
    if isSelected {
      canvas.put(">", x: rect.x, y: y, .title, .bold)
      canvas.highlight(x: rect.x + 1, y: y, width: rect.width - 1)
    }
    canvas.frame.hits.add(Rect(x: rect.x, y: y, width: rect.width, height: 1), .endpoint(line.name))
  }
}
