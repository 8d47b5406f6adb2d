/// What a piece of the screen means.
///
/// Themes give each role a colour, attributes and, where it is a state, a glyph and a word; panes
/// never name a colour.
public enum Role: UInt8, Sendable, CaseIterable {
  case text, dim, title, border, borderFocus, header, headerProd, hint, hintKey, selection
  case ok, warn, bad, stale
  case stable, candidate, reference, current, axis, danger, input
}

/// Attributes that come on top of a role's own.
public struct Emphasis: OptionSet, Sendable, Hashable {
  /// One bit an attribute.
  public let rawValue: UInt8
  /// Keeps the bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Heavier or brighter.
  public static let bold = Emphasis(rawValue: 1)
  /// Foreground and background exchanged.
  public static let reverse = Emphasis(rawValue: 2)
  /// Underlined.
  public static let underline = Emphasis(rawValue: 4)
  /// Fainter.
  public static let faint = Emphasis(rawValue: 8)
}

/// One place of the screen: a base character with at most one combining mark, its meaning and its
/// emphasis.
///
/// The right half of a wide character is a cell whose `scalar` is 0.
public struct Cell: Sendable, Hashable {
  /// The base character's scalar value; 0 marks the right half of a wide character.
  public var scalar: UInt32
  /// A combining mark's scalar value, or 0.
  public var combining: UInt32
  /// What it means.
  public var role: Role
  /// Attributes on top of the role's.
  public var emphasis: Emphasis

  /// Puts them together.
  public init(
    scalar: UInt32 = 0x20, combining: UInt32 = 0, role: Role = .text, emphasis: Emphasis = []
  ) {
    self.scalar = scalar
    self.combining = combining
    self.role = role
    self.emphasis = emphasis
  }

  /// An empty place.
  public static let blank = Cell()
}

/// A rectangle of cells, counted from the top left corner.
public struct Rect: Sendable, Hashable {
  /// First column.
  public var x: Int
  /// First row.
  public var y: Int
  /// Columns.
  public var width: Int
  /// Rows.
  public var height: Int

  /// Puts the four together; negative sizes become 0.
  public init(x: Int, y: Int, width: Int, height: Int) {
    self.x = x
    self.y = y
    self.width = max(0, width)
    self.height = max(0, height)
  }

  /// Whether the place lies inside.
  public func contains(x column: Int, y row: Int) -> Bool {
    column >= x && column < x + width && row >= y && row < y + height
  }

  /// What both rectangles cover; empty when they do not meet.
  public func intersection(_ other: Rect) -> Rect {
    let left = max(x, other.x)
    let top = max(y, other.y)
    let right = min(x.addingSaturated(width), other.x.addingSaturated(other.width))
    let bottom = min(y.addingSaturated(height), other.y.addingSaturated(other.height))
    return Rect(x: left, y: top, width: right - left, height: bottom - top)
  }

  /// The rectangle without a frame of `margin` cells.
  public func inset(_ margin: Int = 1) -> Rect {
    Rect(x: x + margin, y: y + margin, width: width - 2 * margin, height: height - 2 * margin)
  }
}

extension Int {
  /// The sum, held at the largest number instead of overflowing.
  fileprivate func addingSaturated(_ other: Int) -> Int {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
