/// Contrast of a theme, role by role.
public enum ThemeContrast {
  /// The least ratio for text (WCAG 2.2, success criterion 1.4.3).
  public static let textMinimum = 4.5
  /// The least ratio for lines that carry no text (WCAG 2.2, success criterion 1.4.11).
  public static let lineMinimum = 3.0

  /// What was found for one role at one depth.
  public struct Finding: Sendable, Hashable {
    /// The role.
    public var role: Role
    /// The depth.
    public var depth: ColourDepth
    /// Contrast of foreground and background, 1 to 21.
    public var ratio: Double
    /// What it should be at least.
    public var minimum: Double

    /// Whether it is enough.
    public var isEnough: Bool { ratio >= minimum }
  }

  /// The ratios of all roles at a depth, in the order of roles; empty for a theme or a depth
  /// without colours.
  ///
  /// Where the terminal's own background shows, the theme's `surface` stands for it, and where its
  /// own foreground shows, black or white, whichever differs more. At 16 colours the palette is the
  /// user's, so that nothing can be promised; xterm's own stands for it.
  public static func findings(of theme: Theme, at depth: ColourDepth) -> [Finding] {
    guard depth != .mono, theme.depth(on: depth) == depth else { return [] }
    return Role.allCases.map { role in
      let style = theme[role]
      let background = style.background.shown(at: depth) ?? theme.surface
      let foreground = style.foreground.shown(at: depth) ?? ownForeground(on: theme.surface)
      let isLine = role == .border || role == .borderFocus
      return Finding(
        role: role, depth: depth, ratio: RGB.contrast(foreground, background),
        minimum: isLine ? lineMinimum : textMinimum)
    }
  }

  /// The roles whose contrast is too low, in 24-bit and in 256 colours.
  public static func problems(of theme: Theme) -> [Finding] {
    [ColourDepth.truecolour, .indexed256].flatMap { findings(of: theme, at: $0) }
      .filter { !$0.isEnough }
  }

  private static func ownForeground(on surface: RGB) -> RGB {
    RGB(packed: surface.luminance < 0.18 ? 0xFFFFFF : 0x000000)
  }
}
