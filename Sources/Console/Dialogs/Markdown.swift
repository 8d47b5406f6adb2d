/// A model card's Markdown as lines of a card: headings, lists, tables, quotes, code and emphasis;
/// marks of the language are not shown, and what it does not know stands as it was written.
struct MarkdownText {
  /// The most lines that are read: a card is a text of a page or two.
  static let lineLimit = 600

  private(set) var lines: [CardLine] = []
  private let width: Int
  private let glyphs: GlyphSet
  private var table: [[String]] = []
  private var isCode = false

  /// - Parameter width: columns for a line.
  init(_ text: some StringProtocol, width: Int, glyphs: GlyphSet) {
    self.width = max(20, width)
    self.glyphs = glyphs
    var paragraph: [Substring] = []
    for raw in text.split(separator: "\n", omittingEmptySubsequences: false)
      .prefix(MarkdownText.lineLimit)
    {
      let line = Substring(raw.last == "\r" ? raw.dropLast() : raw[...])
      if isParagraph(line) {
        paragraph.append(line)
        continue
      }
      flow(&paragraph)
      take(line)
    }
    flow(&paragraph)
    endTable()
    while lines.last?.spans.isEmpty == true { lines.removeLast() }
  }

  /// Whether a line is running text, which flows together with its neighbours.
  private func isParagraph(_ line: Substring) -> Bool {
    guard !isCode, let first = line.first(where: { $0 != " " }) else { return false }
    if "#>|`".contains(first) { return false }
    return item(line) == nil && !isRule(line)
  }

  private mutating func flow(_ paragraph: inout [Substring]) {
    guard !paragraph.isEmpty else { return }
    endTable()
    let text = paragraph.map { String($0).trimmed }.joined(separator: " ")
    add(spans(of: text), indent: 0)
    paragraph = []
  }

  private mutating func take(_ line: Substring) {
    let text = String(line).trimmed
    if text.hasPrefix("```") {
      endTable()
      isCode.toggle()
      return
    }
    if isCode {
      lines.append(CardLine([Span("  " + line, .dim)]))
      return
    }
    if text.hasPrefix("|") {
      addRow(text)
      return
    }
    endTable()
    if text.isEmpty {
      if lines.last?.spans.isEmpty == false { lines.append(.blank) }
    } else if text.hasPrefix("#") {
      heading(text)
    } else if isRule(line) {
      lines.append(
        CardLine([Span(String(repeating: glyphs.horizontal, count: min(width, 40)), .border)]))
    } else if text.hasPrefix(">") {
      let quoted = text.drop { $0 == ">" || $0 == " " }
      add([Span("\(glyphs.vertical) ", .border)] + spans(of: String(quoted), .dim), indent: 2)
    } else if let item = item(line) {
      let lead = String(repeating: " ", count: item.depth) + item.mark + " "
      add([Span(lead, .title)] + spans(of: item.text), indent: lead.count)
    } else {
      add(spans(of: text), indent: 0)
    }
  }

  private mutating func heading(_ text: String) {
    let level = text.prefix { $0 == "#" }.count
    let title = MarkdownText.plain(String(text.drop { $0 == "#" }).trimmed)
    guard !title.isEmpty else { return }
    if lines.last?.spans.isEmpty == false { lines.append(.blank) }
    lines.append(CardLine([Span(title, .title, level <= 2 ? .bold : [.underline])]))
  }

  private mutating func add(_ spans: [Span], indent: Int) {
    var line = CardLine(spans)
    line.hangingIndent = indent
    lines.append(line)
  }

  private func isRule(_ line: Substring) -> Bool {
    let marks = line.filter { $0 != " " }
    guard marks.count >= 3, let first = marks.first, "-*_".contains(first) else { return false }
    return marks.allSatisfy { $0 == first }
  }

  /// A list's item: how far in, its mark, its text.
  private func item(_ line: Substring) -> (depth: Int, mark: String, text: String)? {
    let depth = min(8, line.prefix { $0 == " " }.count)
    let rest = line.drop { $0 == " " }
    if let first = rest.first, "-*+".contains(first), rest.dropFirst().first == " " {
      return (depth, glyphs.isASCII ? "-" : "•", String(rest.dropFirst(2)).trimmed)
    }
    let number = rest.prefix { $0.isASCII && $0.isNumber }
    guard !number.isEmpty, number.count <= 3 else { return nil }
    let after = rest.dropFirst(number.count)
    guard let mark = after.first, mark == "." || mark == ")", after.dropFirst().first == " " else {
      return nil
    }
    return (depth, "\(number).", String(after.dropFirst(2)).trimmed)
  }

  // MARK: Tables

  private mutating func addRow(_ text: String) {
    let inner = text.dropFirst().hasSuffix("|") ? text.dropFirst().dropLast() : text.dropFirst()
    let cells = inner.split(separator: "|", omittingEmptySubsequences: false)
      .prefix(12).map { MarkdownText.plain(String($0).trimmed) }
    let isRule = cells.allSatisfy { cell in
      !cell.isEmpty && cell.allSatisfy { $0 == "-" || $0 == ":" }
    }
    if !isRule && table.count < 200 { table.append(Array(cells)) }
  }

  private mutating func endTable() {
    guard let count = table.map(\.count).max(), count > 0 else { return }
    var widths = (0..<count).map { column in
      table.map { $0.indices.contains(column) ? SafeText.columns(of: $0[column]) : 0 }.max() ?? 0
    }
    // The widest column gives way until the rows fit.
    while widths.reduce(0, +) + 2 * (count - 1) > width {
      guard let widest = widths.indices.max(by: { widths[$0] < widths[$1] }), widths[widest] > 6
      else { break }
      widths[widest] -= 1
    }
    for (number, row) in table.enumerated() {
      var spans: [Span] = []
      for column in 0..<count {
        let text = row.indices.contains(column) ? row[column] : ""
        let cell = SafeText.fitted(text, to: widths[column], ellipsis: glyphs.ellipsis)
        spans.append(
          Span(
            cell + (column == count - 1 ? "" : "  "), number == 0 ? .dim : .text,
            number == 0 ? .bold : []))
      }
      lines.append(CardLine(spans))
    }
    table = []
  }

  // MARK: Emphasis

  /// A text without its marks.
  static func plain(_ text: String) -> String {
    MarkdownText.parts(of: text).map(\.text).joined()
  }

  private func spans(of text: String, _ role: Role = .text) -> [Span] {
    MarkdownText.parts(of: text).map { part in
      Span(part.text, part.isCode ? .title : role, part.emphasis)
    }
  }

  private struct Part {
    var text: String
    var emphasis: Emphasis = []
    var isCode = false
  }

  /// Strong and plain emphasis, code and links, nothing nested in code.
  private static func parts(of text: String) -> [Part] {
    var parts: [Part] = []
    var current = ""
    var emphasis: Emphasis = []
    var rest = text[...]
    func end(_ isCode: Bool = false) {
      if !current.isEmpty {
        parts.append(Part(text: current, emphasis: isCode ? [] : emphasis, isCode: isCode))
      }
      current = ""
    }
    while let first = rest.first {
      if first == "`", let close = rest.dropFirst().firstIndex(of: "`") {
        end()
        current = String(rest[rest.index(after: rest.startIndex)..<close])
        end(true)
        rest = rest[rest.index(after: close)...]
      } else if rest.hasPrefix("**") || rest.hasPrefix("__") {
        end()
        emphasis.formSymmetricDifference(.bold)
        rest = rest.dropFirst(2)
      } else if first == "*",
        rest.dropFirst().first.map({ $0 != " " }) ?? false
          || emphasis.contains(.underline)
      {
        end()
        emphasis.formSymmetricDifference(.underline)
        rest = rest.dropFirst()
      } else if first == "[", let link = link(rest) {
        current += link.label == link.target ? link.label : "\(link.label) (\(link.target))"
        rest = link.rest
      } else if first == "\\", let next = rest.dropFirst().first, next.isPunctuation {
        current.append(next)
        rest = rest.dropFirst(2)
      } else {
        current.append(first)
        rest = rest.dropFirst()
      }
    }
    end()
    return parts
  }

  private static func link(
    _ text: Substring
  ) -> (label: String, target: String, rest: Substring)? {
    guard let close = text.firstIndex(of: "]") else { return nil }
    let after = text[text.index(after: close)...]
    guard after.first == "(", let end = after.firstIndex(of: ")") else { return nil }
    return (
      String(text[text.index(after: text.startIndex)..<close]),
      String(after[after.index(after: after.startIndex)..<end]), after[after.index(after: end)...]
    )
  }
}
