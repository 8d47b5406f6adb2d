import Core
import Node

/// All models and versions, over the whole screen: filtered, sorted, with the chosen one's facts.
///
/// A registry has thousands of versions, so the order of the lines is made when the filter, the
/// sort or the registry changes, and a frame draws only what it shows.
struct RegistryCard: Sendable {
  /// What the lines are ordered by.
  enum Sort: Int, Sendable, Hashable, CaseIterable {
    case version, age, size, traffic

    var title: String {
      switch self {
      case .version: "VERSION"
      case .age: "SINCE"
      case .size: "SIZE"
      case .traffic: "SERVES"
      }
    }
  }

  private(set) var filter = TextField()
  var isTyping = false
  private(set) var sort: Sort = .version
  private(set) var descending = true
  /// Places in the registry, in the order of the lines.
  private(set) var order: [Int] = []
  /// The registry that ``order`` was made from.
  private(set) var edition = -1
  var selected: VersionID?

  /// Where the chosen version stands among the lines; the first when it is not there.
  func index(in book: RegistryBook) -> Int {
    guard let selected else { return 0 }
    return order.firstIndex { book.versions[$0].version == selected } ?? 0
  }

  /// The chosen version.
  func chosen(in book: RegistryBook) -> RegisteredVersionView? {
    guard edition == book.edition, !order.isEmpty else { return nil }
    return book.versions[order[index(in: book)]]
  }

  /// Makes the lines anew.
  mutating func refresh(_ book: RegistryBook) {
    edition = book.edition
    let words = filter.text.lowercased().split(separator: " ").map { Array($0.utf8) }
    let all = book.versions.indices.filter { place in
      words.allSatisfy { RegistryCard.contains(book.searchTexts[place], $0) }
    }
    // Equal lines keep the registry's own order, so that the list stands still.
    switch sort {
    case .version: order = descending ? all.reversed() : all
    case .age: order = sorted(all) { book.versions[$0].registered.microseconds }
    case .size: order = sorted(all) { Int64(book.versions[$0].bytes) }
    case .traffic:
      order = sorted(all) { place in
        (book.versions[place].traits?.places ?? []).reduce(Int64(0)) {
          $0 + Int64($1.weight) + 1
        }
      }
    }
  }

  private func sorted(_ places: [Int], by value: (Int) -> Int64) -> [Int] {
    let keyed = places.map { (key: value($0), place: $0) }
    return keyed.sorted { a, b in
      a.key != b.key ? (descending ? a.key > b.key : a.key < b.key) : a.place < b.place
    }.map(\.place)
  }

  /// Whether `text` holds `word` anywhere.
  static func contains(_ text: [UInt8], _ word: [UInt8]) -> Bool {
    guard let first = word.first else { return true }
    guard text.count >= word.count else { return false }
    return text.withUnsafeBufferPointer { text in
      word.withUnsafeBufferPointer { word in
        var at = 0
        let last = text.count - word.count
        while at <= last {
          if text[at] == first {
            var matched = 1
            while matched < word.count, text[at + matched] == word[matched] { matched += 1 }
            if matched == word.count { return true }
          }
          at += 1
        }
        return false
      }
    }
  }

  // MARK: Keys

  mutating func move(by count: Int, _ book: RegistryBook) {
    guard !order.isEmpty else { return }
    let (sum, overflow) = index(in: book).addingReportingOverflow(count)
    let place = overflow ? (count < 0 ? 0 : order.count - 1) : sum
    selected = book.versions[order[max(0, min(order.count - 1, place))]].version
  }

  mutating func sortNext(_ book: RegistryBook) {
    sort = Sort(rawValue: (sort.rawValue + 1) % Sort.allCases.count) ?? .version
    descending = true
    refresh(book)
  }

  mutating func turnRound(_ book: RegistryBook) {
    descending.toggle()
    refresh(book)
  }

  /// Edits the filter; false when the key is none of an editor's.
  mutating func edit(_ key: InputEvent.Key, _ book: RegistryBook) -> Bool {
    let before = filter.text
    guard filter.edit(key) else { return false }
    if filter.text != before { refresh(book) }
    return true
  }

  mutating func insert(_ text: String, _ book: RegistryBook) {
    filter.insert(text)
    refresh(book)
  }

  mutating func clearFilter(_ book: RegistryBook) {
    filter = TextField()
    refresh(book)
  }
}

extension RegistryCard {
  /// The columns there is room for, with their widths.
  private struct Columns {
    let version: Int
    let serves: Int
    let hasBy: Bool
    let hasSize: Bool
    let hasMarks: Bool
    let hasStanding: Bool

    init(_ width: Int) {
      hasSize = width >= 70
      hasMarks = width >= 84
      hasBy = width >= 130
      hasStanding = width >= 100
      version = width >= 100 ? 30 : 18
      serves = width >= 100 ? 34 : 20
    }
  }

  /// Draws the list over the whole screen.
  func draw(_ model: ConsoleModel, on canvas: inout Canvas) {
    let book = model.feed.registry
    let columns = canvas.frame.buffer.width
    let rect = Rect(x: 0, y: 1, width: columns, height: canvas.frame.buffer.height - 2)
    canvas.frame.buffer.fill(rect)
    canvas.frame.buffer.box(rect, glyphs: canvas.glyphs, role: .borderFocus)
    canvas.frame.hits.add(rect, .card)
    let count =
      filter.text.isEmpty
      ? "\(Format.count(book.versions.count)) versions"
      : "\(Format.count(order.count)) of \(Format.count(book.versions.count))"
    canvas.put(
      " Registry  \(count)\(book.isFetching ? "  reading..." : "") ", x: 2, y: rect.y, .title,
      .bold, limit: columns - 4)
    let inside = Rect(x: 2, y: rect.y + 1, width: columns - 4, height: rect.height - 2)
    let footer = inside.height >= 16 ? 5 : inside.height >= 10 ? 3 : 1
    let table = Rect(x: inside.x, y: inside.y, width: inside.width, height: inside.height - footer)
    drawTable(book, model, in: table, on: &canvas)
    let bottom = inside.y + inside.height - 1
    if footer > 1, let entry = chosen(in: book) {
      let facts = facts(entry, book, model, canvas)
      for (offset, line) in facts.prefix(footer - 2).enumerated() {
        canvas.put(
          line.spans, x: inside.x, y: table.y + table.height + 1 + offset, limit: inside.width)
      }
    }
    if isTyping {
      canvas.put("/", x: inside.x, y: bottom, .hintKey, .bold)
      canvas.put(filter.text, x: inside.x + 1, y: bottom, .input, limit: inside.width - 2)
      let ahead = Canvas.columns(of: String(filter.text.prefix(filter.cursor)))
      canvas.frame.cursor = CursorPlace(
        x: min(inside.x + inside.width - 1, inside.x + 1 + ahead), y: bottom)
    } else {
      canvas.buttons(buttons(model), x: inside.x, y: bottom, limit: inside.width)
    }
  }

  private func buttons(_ model: ConsoleModel) -> [Canvas.Button] {
    [
      .init("Enter", "open", .key(.enter)),
      .init(
        "/", filter.text.isEmpty ? "filter" : "filter \(filter.text.prefix(16))",
        .key(.character("/"))),
      .init("s", "sort", .key(.character("s"))), .init("S", "turn", .key(.character("S"))),
      .init("K", "checklist", .key(.character("K"))),
      .init("o", "deploy", .key(.character("o"))), .init("c", "ramp", .key(.character("c"))),
      .init("y", "copy", .key(.character("y"))), .init("Esc", "close", .key(.escape)),
    ]
  }

  private func drawTable(
    _ book: RegistryBook, _ model: ConsoleModel, in rect: Rect, on canvas: inout Canvas
  ) {
    let columns = Columns(rect.width)
    drawHeadings(columns, rect, on: &canvas)
    guard edition == book.edition, !order.isEmpty else {
      let sentence =
        book.versions.isEmpty
        ? (book.isFetching
          ? "Reading the registry..."
          : "No version is registered yet: sluice "
            + "model import adds one") : "Nothing matches /\(filter.text)"
      canvas.put(sentence, x: rect.x, y: rect.y + 1, .dim, limit: rect.width)
      return
    }
    let index = index(in: book)
    let window = Canvas.window(count: order.count, rows: rect.height - 1, selected: index)
    for (offset, number) in window.enumerated() {
      let y = rect.y + 1 + offset
      drawRow(book.versions[order[number]], columns, model, rect, y, on: &canvas)
      if number == index {
        canvas.put(">", x: rect.x, y: y, .title, .bold)
        canvas.highlight(x: rect.x + 1, y: y, width: rect.width - 1)
      }
      canvas.frame.hits.add(
        Rect(x: rect.x, y: y, width: rect.width, height: 1), .entry(number))
    }
  }

  private func drawHeadings(_ columns: Columns, _ rect: Rect, on canvas: inout Canvas) {
    let sign = String(descending ? canvas.glyphs.sortDown : canvas.glyphs.sortUp)
    var x = rect.x + 2
    func put(_ text: String, _ width: Int, _ own: Sort?, right: Bool = false) {
      let title = own == sort ? text + sign : text
      if right {
        canvas.putRight(title, end: x + width, y: rect.y, .dim, own == sort ? .bold : [])
      } else {
        canvas.put(title, x: x, y: rect.y, .dim, own == sort ? .bold : [], limit: width)
      }
      x += width + 1
    }
    put("VERSION", columns.version, .version)
    if columns.hasSize { put("SIZE", 8, .size, right: true) }
    put("SINCE", 6, .age, right: true)
    x += 1
    put("SERVES", columns.serves, .traffic)
    if columns.hasMarks { put("HAS", 5, nil) }
    if columns.hasStanding { put("STANDING", 20, nil) }
    if columns.hasBy { put("BY", 9, nil) }
    put("SUMMARY", max(7, rect.x + rect.width - x), nil)
  }

  private func drawRow(
    _ entry: RegisteredVersionView, _ columns: Columns, _ model: ConsoleModel, _ rect: Rect,
    _ y: Int, on canvas: inout Canvas
  ) {
    var x = rect.x + 2
    let aliases = (entry.standing?.aliases ?? []).map(\.text).joined(separator: " ")
    canvas.put(
      [Span(entry.version.description, .text, .bold), Span(" \(aliases)", .title)], x: x, y: y,
      limit: columns.version)
    x += columns.version + 1
    if columns.hasSize {
      canvas.putRight(Format.bytes(entry.bytes), end: x + 8, y: y, .dim, limit: 8)
      x += 9
    }
    let now = model.feed.live?.time ?? entry.registered
    canvas.putRight(Format.age(now - entry.registered), end: x + 6, y: y, .dim, limit: 6)
    x += 8
    canvas.put(RegistryCard.places(entry, canvas), x: x, y: y, limit: columns.serves)
    x += columns.serves + 1
    if columns.hasMarks {
      canvas.put(RegistryCard.marks(entry), x: x, y: y, .dim, limit: 5)
      x += 6
    }
    if columns.hasStanding {
      if let standing = entry.standing {
        canvas.put(RegistryStanding.short(standing, canvas), x: x, y: y, limit: 20)
      }
      x += 21
    }
    if columns.hasBy {
      canvas.put(entry.traits?.by.name ?? "", x: x, y: y, .dim, limit: 9)
      x += 10
    }
    canvas.put(entry.summary, x: x, y: y, .dim, limit: max(0, rect.x + rect.width - x))
  }

  /// `● flight-delay live 75%`, the busiest place first, the number of the others after it.
  static func places(_ entry: RegisteredVersionView, _ canvas: Canvas) -> [Span] {
    guard let places = entry.traits?.places, !places.isEmpty else {
      return [Span(entry.loadedOn.first?.text ?? "-", .dim)]
    }
    let sorted = places.sorted { $0.weight > $1.weight }
    guard let first = sorted.first else { return [] }
    var spans = [
      Span(
        VersionsPane.stateText(first.role, canvas), VersionsPane.stateRole(first.role), .bold),
      Span(
        " \(first.endpoint)" + (first.weight > 0 ? " \(percentText(first.weight))" : ""), .text),
    ]
    if sorted.count > 1 { spans.append(Span(" +\(sorted.count - 1)", .dim)) }
    return spans
  }

  /// What a version has beside its model file: card, reference, golden rows.
  static func marks(_ entry: RegisteredVersionView) -> String {
    guard let traits = entry.traits else { return "" }
    return [
      traits.hasCard ? "C" : "-", traits.hasReference ? "R" : "-", traits.hasGolden ? "G" : "-",
      traits.parent == nil ? "-" : "P",
    ].joined()
  }

  /// What is told of the chosen version under the list.
  private func facts(
    _ entry: RegisteredVersionView, _ book: RegistryBook, _ model: ConsoleModel, _ canvas: Canvas
  ) -> [CardLine] {
    var lines = [
      CardLine([
        Span(entry.version.description, .text, .bold), Span("  sha256 \(entry.digest.short)", .dim),
        Span("  registered \(model.dayAndClock(entry.registered))", .dim),
        Span(entry.traits.map { " by \($0.by.name)" } ?? "", .dim),
      ])
    ]
    let figures = entry.metrics.sorted { $0.key < $1.key }
      .map { "\($0.key) \(Format.figure($0.value))" }.joined(separator: "   ")
    lines.append(
      CardLine(figures.isEmpty ? "no evaluation in its card" : figures, .text))
    var last: [String] = []
    if let parent = entry.traits?.parent { last.append("made from \(parent)") }
    if let traits = entry.traits {
      last.append(traits.hasCard ? "model card" : "NO model card")
      last.append(traits.hasReference ? "drift reference" : "no drift reference")
      last.append(traits.hasGolden ? "golden rows" : "no golden rows")
    }
    if let standing = entry.standing {
      last.insert(standing.gateWords, at: 0)
      last.insert(standing.status.rawValue, at: 0)
      if !standing.tags.isEmpty {
        last.append(standing.tags.prefix(6).map(\.description).joined(separator: " "))
      }
    }
    lines.append(CardLine(last.joined(separator: ", "), .dim))
    return lines
  }

  /// The list as lines, where there is no screen: those around the chosen one.
  func content(_ model: ConsoleModel, _ canvas: Canvas) -> CardContent {
    let book = model.feed.registry
    var content = CardContent(title: "Registry, \(book.versions.count) versions")
    content.width = 100
    if edition == book.edition {
      let index = index(in: book)
      for number in Canvas.window(count: order.count, rows: 20, selected: index) {
        let entry = book.versions[order[number]]
        let places = RegistryCard.places(entry, canvas).map(\.text).joined()
        content.lines.append(
          CardLine(
            [Span("\(number == index ? "> " : "")\(entry.version) \(places) \(entry.summary)")],
            hit: .entry(number), isSelected: number == index))
      }
    }
    if isTyping { content.field = ("filter", filter) }
    content.buttons = buttons(model)
    return content
  }
}
