import Control
import Core
import Node

/// The rules by hand of the shown endpoint.
struct RuleList: Sendable {
  var selected: Name?
  var notice: String?

  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    var content = CardContent(title: "Rules by hand on \(model.liveDetail?.name.text ?? "")")
    content.width = 84
    let rules = model.liveDetail?.rules ?? []
    let index = rules.firstIndex { $0.name == selected } ?? 0
    for (number, rule) in rules.enumerated() {
      let isOn = number == index
      content.lines.append(
        CardLine(
          [
            Span(isOn ? "> " : "  ", .title, .bold),
            Span(
              SafeText.fitted(rule.name.text, to: 20, ellipsis: canvas.glyphs.ellipsis) + " ",
              .text, isOn ? .bold : []),
            Span(
              SafeText.fitted(
                rule.rule.description, to: 28, ellipsis: canvas.glyphs.ellipsis) + " ", .title),
            Span(
              "\(canvas.glyphs.arrow) "
                + rule.split.shares.map { "\($0.version.short) \(percentText($0.weight))" }
                .joined(separator: " "), .stable),
          ], hit: .entry(number), isSelected: isOn))
    }
    if rules.isEmpty {
      content.lines = [
        CardLine("None: every request goes by the split. a adds one, p pins a caller.", .dim)
      ]
    }
    if rules.indices.contains(index) {
      let rule = rules[index]
      content.lines += [
        .blank, CardLine("\(rule.rule) \(canvas.glyphs.arrow) \(rule.split)"),
        CardLine("by \(rule.by.name), \(model.dayAndClock(rule.since))", .dim),
      ]
    }
    content.lines += [
      .blank, CardLine("What they route is never evidence; the first that matches wins.", .dim),
    ]
    content.focusLine = 0
    content.notice = notice
    let canAct = !model.look.isReadOnly
    content.buttons = [
      .init("a", "add", .key(.character("a")), isEnabled: canAct),
      .init("p", "pin a caller", .key(.character("p")), isEnabled: canAct),
      .init("d", "end it", .key(.character("d")), isEnabled: canAct && !rules.isEmpty),
      .init("Esc", "close", .key(.escape)),
    ]
    return content
  }
}
