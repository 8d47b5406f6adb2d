import Core

/// A piece of text with its meaning.
struct Span: Sendable, Hashable {
  var text: String
  var role: Role
  var emphasis: Emphasis

  init(_ text: String, _ role: Role = .text, _ emphasis: Emphasis = []) {
    self.text = text
    self.role = role
    self.emphasis = emphasis
  }
}

/// What panes and cards draw on: the cells, the click map and the glyphs of one frame.
struct Canvas {
  var frame: Frame
  let glyphs: GlyphSet
  let theme: Theme

  init(columns: Int, rows: Int, glyphs: GlyphSet, theme: Theme) {
    frame = Frame(buffer: CellBuffer(width: columns, height: rows))
    self.glyphs = glyphs
    self.theme = theme
  }

  /// Writes text cut to `limit` columns, with a mark where it was cut; returns the columns used.
  @discardableResult
  mutating func put(
    _ text: String, x: Int, y: Int, _ role: Role = .text, _ emphasis: Emphasis = [],
    limit: Int = .max
  ) -> Int {
    let room = min(limit, frame.buffer.width - x)
    guard room > 0 else { return 0 }
    if let used = putASCII(text, x: x, y: y, role, emphasis, room: room) { return used }
    // Text from outside may be very long: no more of it is looked at than can be shown.
    let harmless = String(SafeText.scalars(of: text, columns: room + 1))
    let isCut = SafeText.columns(of: harmless) > room
    return frame.buffer.put(
      isCut ? SafeText.fitted(harmless, to: room, ellipsis: glyphs.ellipsis) : harmless, x: x, y: y,
      role: role, emphasis: emphasis, limit: room)
  }

  /// The quick way for text of printable ASCII that fits, which most is; nil for any other.
  private mutating func putASCII(
    _ text: String, x: Int, y: Int, _ role: Role, _ emphasis: Emphasis, room: Int
  ) -> Int? {
    let bytes = text.utf8
    guard bytes.count <= room, bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else { return nil }
    var column = x
    for byte in bytes {
      frame.buffer[column, y] = Cell(scalar: UInt32(byte), role: role, emphasis: emphasis)
      column += 1
    }
    return bytes.count
  }

  /// Columns of a text, the quick way where it is ASCII.
  static func columns(of text: String) -> Int {
    let bytes = text.utf8
    return bytes.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
      ? min(bytes.count, SafeText.columnsMax) : SafeText.columns(of: text)
  }

  /// Writes text so that it ends before column `end`.
  mutating func putRight(
    _ text: String, end: Int, y: Int, _ role: Role = .text, _ emphasis: Emphasis = [],
    limit: Int = .max
  ) {
    let width = min(limit, Canvas.columns(of: text))
    put(text, x: end - width, y: y, role, emphasis, limit: width)
  }

  /// Writes spans one after the other; returns the columns used.
  @discardableResult
  mutating func put(_ spans: [Span], x: Int, y: Int, limit: Int) -> Int {
    var used = 0
    for span in spans where used < limit {
      used += put(
        span.text, x: x + used, y: y, span.role, span.emphasis, limit: limit - used)
    }
    return used
  }

  static func columns(of spans: [Span]) -> Int {
    spans.reduce(0) { $0 + columns(of: $1.text) }
  }

  /// A run of the horizontal line.
  func rule(_ count: Int) -> String {
    String(repeating: glyphs.horizontal, count: max(0, count))
  }

  /// A state's glyph and word, as `● ok`.
  func mark(_ role: Role) -> String {
    guard let mark = theme.mark(role) else { return "" }
    return "\(glyphs.mark(mark)) \(mark.word)"
  }

  /// A state's glyph alone.
  func glyph(_ role: Role) -> String {
    theme.mark(role).map { String(glyphs.mark($0)) } ?? " "
  }

  /// Draws a pane's frame with its number and title left and its state right; returns the room
  /// inside, with a blank column on each side.
  mutating func pane(
    _ pane: PaneID, _ rect: Rect, title: String? = nil, right: [Span] = [], isFocused: Bool
  ) -> Rect {
    let role: Role = isFocused ? .borderFocus : .border
    frame.buffer.box(rect, glyphs: glyphs, role: role)
    frame.hits.add(rect, .pane(pane))
    let room = rect.width - 6
    let name = title ?? (rect.width < 60 ? pane.shortTitle : pane.title)
    let left = " \(pane.rawValue) \(name) "
    let used = put(
      left, x: rect.x + 2, y: rect.y, isFocused ? .title : .dim, isFocused ? .bold : [],
      limit: room)
    let width = Canvas.columns(of: right) + 2
    if !right.isEmpty && used + 1 + width <= room + 2 {
      let x = rect.x + rect.width - 2 - width
      put(" ", x: x, y: rect.y, role)
      put(right, x: x + 1, y: rect.y, limit: width - 2)
      put(" ", x: x + width - 1, y: rect.y, role)
    }
    return Rect(
      x: rect.x + 2, y: rect.y + 1, width: rect.width - 4, height: rect.height - 2)
  }

  /// Buttons side by side, as many as fit; returns the columns used.
  @discardableResult
  mutating func buttons(_ list: [Button], x: Int, y: Int, limit: Int) -> Int {
    var used = 0
    for button in list {
      let width = button.width
      guard used + width <= limit else { break }
      let start = x + used
      put(
        [
          Span("[", button.isEnabled ? .hint : .dim),
          Span(button.key, button.isEnabled ? button.role : .dim, button.isEnabled ? .bold : []),
          Span(" " + button.label, button.isEnabled ? .hint : .dim),
          Span("]", button.isEnabled ? .hint : .dim),
        ], x: start, y: y, limit: width)
      if button.isEnabled {
        frame.hits.add(Rect(x: start, y: y, width: width, height: 1), button.hit)
      }
      used += width + 1
    }
    return max(0, used - 1)
  }

  /// Buttons in as few lines as they need, at most `lineMax`; what does not fit then is left out.
  static func rows(of list: [Button], limit: Int, lineMax: Int) -> [[Button]] {
    var rows: [[Button]] = [[]]
    var used = 0
    for button in list {
      if used + button.width > limit, used > 0, rows.count < lineMax {
        rows.append([])
        used = 0
      }
      rows[rows.count - 1].append(button)
      used += button.width + 1
    }
    return rows
  }

  /// Something to press.
  struct Button {
    let key: String
    let label: String
    let role: Role
    let hit: Hit
    let isEnabled: Bool

    /// The columns that it takes.
    var width: Int { Canvas.columns(of: key) + Canvas.columns(of: label) + 3 }

    init(_ key: String, _ label: String, _ hit: Hit, role: Role = .hintKey, isEnabled: Bool = true)
    {
      self.key = key
      self.label = label
      self.hit = hit
      self.role = role
      self.isEnabled = isEnabled
    }

    /// A button for an action, with its first key.
    init(_ action: Action, _ label: String? = nil, in model: ConsoleModel) {
      let spec = action.spec
      self.init(
        spec.keys.first.map(KeyText.of) ?? ":", label ?? spec.name, .action(action),
        role: action == .rollBack ? .danger : .hintKey,
        isEnabled: model.obstacle(to: action) == nil)
    }
  }

  /// Marks a whole line as selected.
  mutating func highlight(x: Int, y: Int, width: Int) {
    for column in x..<x + max(0, width) {
      frame.buffer[column, y].role = .selection
    }
  }

  /// Makes the inside of a rectangle fainter: what it shows is old.
  mutating func fade(_ rect: Rect) {
    let inside = rect.intersection(frame.buffer.bounds)
    for y in inside.y..<inside.y + inside.height {
      for x in inside.x..<inside.x + inside.width {
        frame.buffer[x, y].emphasis.insert(.faint)
      }
    }
  }

  /// Makes a blank of each wide character that something else was drawn over half of.
  mutating func mendWideCharacters() {
    let width = frame.buffer.width
    let cells = frame.buffer.cells
    var isHalfExpected = false
    for (index, cell) in cells.enumerated() {
      let x = index % width
      let y = index / width
      if x == 0 { isHalfExpected = false }
      if isHalfExpected {
        isHalfExpected = false
        if cell.scalar == 0 { continue }
        blank(x - 1, y)
      } else if cell.scalar == 0 {
        blank(x, y)
        continue
      }
      // No character below is two cells wide.
      guard cell.scalar >= 0x1100, let scalar = Unicode.Scalar(cell.scalar),
        CellWidth.columns(of: scalar) == 2
      else { continue }
      if x + 1 < width { isHalfExpected = true } else { blank(x, y) }
    }
  }

  private mutating func blank(_ x: Int, _ y: Int) {
    frame.buffer[x, y].scalar = 0x20
    frame.buffer[x, y].combining = 0
  }

  /// Which lines of a list of `count` are shown in `rows` rows, so that `selected` is in view, near
  /// the middle where there is room on both sides.
  static func window(count: Int, rows: Int, selected: Int) -> Range<Int> {
    let rows = max(0, min(rows, count))
    let first = max(0, min(count - rows, selected - rows / 2))
    return first..<first + rows
  }
}
