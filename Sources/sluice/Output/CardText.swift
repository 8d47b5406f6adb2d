import Core
import Node

/// A model card for a terminal: wrapped, everything in it made harmless.
enum CardText {
  private static let width = 80
  private static let linesMax = 2_000

  static func page(
    _ version: VersionID, _ card: CardReview, _ history: [JournalRow]
  ) -> String {
    var text = "\(version)\n"
    for field in card.fields {
      text += "  \(field.isThere ? "ok     " : "MISSING")  \(printable(field.name, limit: 60))\n"
    }
    let there = card.fields.count { $0.isThere }
    text += "  \(there) of \(card.fields.count) required fields\n\n"
    for value in card.values {
      let name = printable(value.name, limit: 16)
      for (index, line) in folded(printable(value.text, limit: 2_000), width: width - 20)
        .enumerated()
      {
        let head = index == 0 ? name : ""
        text += "  " + head + String(repeating: " ", count: max(1, 18 - head.count)) + line + "\n"
      }
    }
    text += body(card.body)
    text += "\nhistory\n"
    if history.isEmpty { text += "  the journal does not name it\n" }
    for row in history {
      let line = "\(row.time)  \(row.actor)  \(printable(row.kind)): "
      let lines = folded(line + printable(row.summary, limit: 400), width: width - 4)
      text += "  " + lines.joined(separator: "\n    ") + "\n"
    }
    return text
  }

  /// The Markdown: headings and tables as they are, paragraphs wrapped.
  private static func body(_ markdown: String) -> String {
    var text = ""
    var paragraph = ""
    var isCode = false
    func flush() {
      guard !paragraph.isEmpty else { return }
      text += folded(paragraph, width: width).joined(separator: "\n") + "\n"
      paragraph = ""
    }
    let lines = markdown.split(separator: "\n", omittingEmptySubsequences: false)
    for line in lines.prefix(linesMax) {
      let shown = printable(String(line), limit: 4_000)
      if line.hasPrefix("```") { isCode.toggle() }
      let isOwn =
        isCode || shown.isEmpty
        || ["#", "|", "- ", "* ", "    ", "```", ">"].contains { shown.hasPrefix($0) }
      if isOwn {
        flush()
        text +=
          (isCode ? cut(shown, width: width) : folded(shown, width: width)).joined(separator: "\n")
          + "\n"
      } else {
        paragraph += (paragraph.isEmpty ? "" : " ") + shown
      }
    }
    flush()
    if lines.count > linesMax { text += "(\(lines.count - linesMax) more lines)\n" }
    return text.isEmpty ? "" : "\n" + text
  }

  /// Lines of at most `width` characters; a word longer than that is cut.
  private static func folded(_ text: String, width: Int) -> [String] {
    wrapped(text, width: width).flatMap { cut($0, width: width) }
  }

  /// The line in pieces of at most `width` characters.
  private static func cut(_ line: String, width: Int) -> [String] {
    var rest = line[...]
    var pieces: [String] = []
    repeat {
      pieces.append(String(rest.prefix(width)))
      rest = rest.dropFirst(width)
    } while !rest.isEmpty
    return pieces
  }
}
