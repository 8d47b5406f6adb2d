import CNcurses
import Glibc

/// What the environment says about the terminal, before it is opened.
public struct TerminalProfile: Sendable, Hashable {
  /// The terminal's type (`TERM`).
  public var type: String
  /// The most colours to use; nil leaves it to the terminal's description.
  public var depth: ColourDepth?
  /// The glyphs to draw with.
  public var glyphs: GlyphSet
  /// Whether the terminal takes UTF-8; if not, only ASCII is sent.
  public var isUTF8: Bool

  /// Reads the environment.
  ///
  /// - `NO_COLOR` (not empty) means mono, whatever else is said (no-color.org).
  /// - `SLUICE_COLOR` may say `truecolor`, `256`, `16` or `mono`.
  /// - `COLORTERM` `truecolor` or `24bit` means 24 bits, but not inside GNU screen and on the Linux
  ///   console, which inherit the variable and show something else.
  /// - `SLUICE_GLYPHS` may say `braille`, `block` or `ascii`; else ASCII is taken on the Linux
  ///   console, on `dumb` and `vt…` terminals, and where the locale is not UTF-8.
  ///
  /// - Parameters:
  ///   - environment: variables by name.
  ///   - localeIsUTF8: whether the character type of the locale is UTF-8.
  public init(environment: [String: String], localeIsUTF8: Bool) {
    func value(_ name: String) -> String { environment[name] ?? "" }
    type = value("TERM")
    isUTF8 = localeIsUTF8
    let isConsole = type == "linux" || type.hasPrefix("linux-")
    let isOld = type == "dumb" || type.hasPrefix("vt") || type.isEmpty
    let direct = ["truecolor", "24bit"].contains(value("COLORTERM"))
    if !value("NO_COLOR").isEmpty {
      depth = .mono
    } else if let asked = ColourDepth.allCases.first(where: { $0.name == value("SLUICE_COLOR") }) {
      depth = asked
    } else if direct && !isConsole && !isOld && value("STY").isEmpty {
      depth = .truecolour
    } else {
      depth = nil
    }
    if let asked = ChartGlyphs(rawValue: value("SLUICE_GLYPHS")) {
      glyphs = GlyphSet(charts: asked)
    } else {
      glyphs = isConsole || isOld || !localeIsUTF8 ? .ascii : .braille
    }
  }

  /// Sets the locale and reads the process's environment.
  public static func current() -> TerminalProfile {
    let isUTF8 = sl_set_locale()
    var environment: [String: String] = [:]
    for name in ["TERM", "COLORTERM", "NO_COLOR", "STY", "SLUICE_COLOR", "SLUICE_GLYPHS"] {
      if let value = getenv(name) { environment[name] = String(cString: value) }
    }
    return TerminalProfile(environment: environment, localeIsUTF8: isUTF8)
  }

  /// The depth used on a terminal whose description has so many colours.
  public func depth(colours: Int) -> ColourDepth {
    let able: ColourDepth =
      colours > 256 ? .truecolour : colours >= 256 ? .indexed256 : colours >= 8 ? .ansi16 : .mono
    return min(able, depth ?? able)
  }
}
