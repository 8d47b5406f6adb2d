/// The characters charts are drawn with.
public enum ChartGlyphs: String, Sendable, CaseIterable {
  /// 2 x 4 dots a cell.
  case braille
  /// Eighths of a cell.
  case block
  /// Characters of ASCII alone.
  case ascii
}

/// The characters a screen is drawn with; each is one cell wide.
public struct GlyphSet: Sendable, Hashable {
  /// What charts use.
  public let charts: ChartGlyphs

  /// The set around a kind of chart; `.ascii` gives ASCII for everything.
  public init(charts: ChartGlyphs) { self.charts = charts }

  /// Braille charts, Unicode boxes.
  public static let braille = GlyphSet(charts: .braille)
  /// Block charts, Unicode boxes.
  public static let block = GlyphSet(charts: .block)
  /// ASCII only.
  public static let ascii = GlyphSet(charts: .ascii)

  /// Whether only ASCII is used.
  public var isASCII: Bool { charts == .ascii }

  /// The end of a text that was cut.
  public var ellipsis: Character { isASCII ? "~" : "…" }
  /// A full cell of a bar.
  public var full: Character { isASCII ? "#" : "█" }
  /// An empty cell of a bar.
  public var empty: Character { isASCII ? "-" : "░" }
  /// Horizontal line.
  public var horizontal: Character { isASCII ? "-" : "─" }
  /// Vertical line.
  public var vertical: Character { isASCII ? "|" : "│" }
  /// Left upper corner.
  public var topLeft: Character { isASCII ? "+" : "╭" }
  /// Right upper corner.
  public var topRight: Character { isASCII ? "+" : "╮" }
  /// Left lower corner.
  public var bottomLeft: Character { isASCII ? "+" : "╰" }
  /// Right lower corner.
  public var bottomRight: Character { isASCII ? "+" : "╯" }
  /// Line with a branch downwards.
  public var teeDown: Character { isASCII ? "+" : "┬" }
  /// Line with a branch upwards.
  public var teeUp: Character { isASCII ? "+" : "┴" }
  /// Vertical line with a branch to the right.
  public var teeRight: Character { isASCII ? "+" : "├" }
  /// Vertical line with a branch to the left.
  public var teeLeft: Character { isASCII ? "+" : "┤" }
  /// Crossing lines.
  public var cross: Character { isASCII ? "+" : "┼" }
  /// Leads from old to new.
  public var arrow: String { isASCII ? "->" : "→" }
  /// "At most".
  public var atMost: String { isASCII ? "<=" : "≤" }
  /// "At least".
  public var atLeast: String { isASCII ? ">=" : "≥" }
  /// Sorted upwards.
  public var sortUp: Character { isASCII ? "^" : "▲" }
  /// Sorted downwards.
  public var sortDown: Character { isASCII ? "v" : "▼" }

  /// The mark of a state in this set.
  public func mark(_ mark: StateMark) -> Character { isASCII ? mark.ascii : mark.glyph }
}

extension CellBuffer {
  /// Draws the frame of a rectangle with one line; nothing inside is touched.
  public mutating func box(_ rect: Rect, glyphs: GlyphSet, role: Role = .border) {
    guard rect.width > 1, rect.height > 1 else { return }
    let right = rect.x + rect.width - 1
    let bottom = rect.y + rect.height - 1
    let line = Cell(glyphs.horizontal, role: role)
    for x in stride(from: max(0, rect.x + 1), to: min(width, right), by: 1) {
      self[x, rect.y] = line
      self[x, bottom] = line
    }
    let side = Cell(glyphs.vertical, role: role)
    for y in stride(from: max(0, rect.y + 1), to: min(height, bottom), by: 1) {
      self[rect.x, y] = side
      self[right, y] = side
    }
    self[rect.x, rect.y] = Cell(glyphs.topLeft, role: role)
    self[right, rect.y] = Cell(glyphs.topRight, role: role)
    self[rect.x, bottom] = Cell(glyphs.bottomLeft, role: role)
    self[right, bottom] = Cell(glyphs.bottomRight, role: role)
  }
}

extension Cell {
  /// A cell of one character of our own; its first scalar counts.
  public init(_ character: Character, role: Role = .text, emphasis: Emphasis = []) {
    self.init(
      scalar: character.unicodeScalars.first?.value ?? 0x20, role: role, emphasis: emphasis)
  }
}
