/// How a role looks: colours for terminals that have them, attributes for each case.
public struct RoleStyle: Sendable, Hashable {
  /// Foreground.
  public var foreground: ThemeColour
  /// Background.
  public var background: ThemeColour
  /// Attributes beside colours.
  public var emphasis: Emphasis
  /// Attributes where there are no colours.
  public var monoEmphasis: Emphasis

  /// Puts them together.
  public init(
    foreground: ThemeColour = .terminalDefault, background: ThemeColour = .terminalDefault,
    emphasis: Emphasis = [], monoEmphasis: Emphasis = []
  ) {
    self.foreground = foreground
    self.background = background
    self.emphasis = emphasis
    self.monoEmphasis = monoEmphasis
  }
}

/// What stands beside the colour of a state, so that no state is told by colour alone.
public struct StateMark: Sendable, Hashable {
  /// One character of one cell.
  public var glyph: Character
  /// Its stand-in where only ASCII is shown.
  public var ascii: Character
  /// The word.
  public var word: String

  /// Puts them together.
  public init(glyph: Character, ascii: Character, word: String) {
    self.glyph = glyph
    self.ascii = ascii
    self.word = word
  }
}

/// A look: a style for each role, a mark for each state, the wish for chart glyphs.
///
/// Themes come from YAML files, see ``ThemeDecoder``; the built-in ones are in ``ThemeLibrary``.
public struct Theme: Sendable, Hashable {
  /// The name under which people choose it.
  public var name: String
  /// The background that contrast is judged against where a role has the terminal's own.
  public var surface: RGB
  /// The most colours it uses; `.mono` for a theme of attributes alone.
  public var depthMax: ColourDepth
  /// The wish for chart glyphs; nil leaves it to the terminal.
  public var chartGlyphs: ChartGlyphs?
  /// By ``Role``'s raw value.
  private var styles: [RoleStyle]
  /// By state, in the order of ``states``.
  private var marks: [StateMark]

  /// The roles that are states, and so carry a mark.
  public static let states: [Role] = [.ok, .warn, .bad, .stale]

  /// The plainest look: the terminal's own colours, no attributes, the usual marks.
  ///
  /// Files build on this one.
  public init(name: String) {
    self.name = name
    surface = RGB(packed: 0)
    depthMax = .truecolour
    chartGlyphs = nil
    styles = Array(repeating: RoleStyle(), count: Role.allCases.count)
    marks = [
      StateMark(glyph: "●", ascii: "o", word: "ok"),
      StateMark(glyph: "▲", ascii: "!", word: "warn"),
      StateMark(glyph: "✖", ascii: "X", word: "BAD"),
      StateMark(glyph: "◌", ascii: "?", word: "stale"),
    ]
  }

  /// The style of a role.
  public subscript(role: Role) -> RoleStyle {
    get { styles[Int(role.rawValue)] }
    set { styles[Int(role.rawValue)] = newValue }
  }

  /// The mark of a state; nil for a role that is none.
  public func mark(_ role: Role) -> StateMark? {
    Theme.states.firstIndex(of: role).map { marks[$0] }
  }

  /// Sets the mark of a state; does nothing for another role.
  public mutating func setMark(_ role: Role, _ mark: StateMark) {
    if let index = Theme.states.firstIndex(of: role) { marks[index] = mark }
  }

  /// The depth used on a terminal: its own, or less when the theme asks for less.
  public func depth(on terminal: ColourDepth) -> ColourDepth { min(depthMax, terminal) }
}

extension Role {
  /// The name in theme files: `border-focus` for ``borderFocus``.
  public var key: String {
    switch self {
    case .text: "text"
    case .dim: "dim"
    case .title: "title"
    case .border: "border"
    case .borderFocus: "border-focus"
    case .header: "header"
    case .headerProd: "header-prod"
    case .hint: "hint"
    case .hintKey: "hint-key"
    case .selection: "selection"
    case .ok: "ok"
    case .warn: "warn"
    case .bad: "bad"
    case .stale: "stale"
    case .stable: "stable"
    case .candidate: "candidate"
    case .reference: "reference"
    case .current: "current"
    case .axis: "axis"
    case .danger: "danger"
    case .input: "input"
    }
  }
}
