/// The themes of the folder `themes`, in the program itself, so that it needs no files.
///
/// Each text equals its file; a test keeps it so, and writes this file anew when run with
/// `SLUICE_EMBED_THEMES=1`.
enum BuiltInThemes {
  /// Name and text, the default first.
  static let texts: [(name: String, text: String)] = [
    (
      "dark",
      #"""
      # The default look, for terminals with a dark background.
      #
      # A role has fg and bg (a name from the palette, "#rrggbb", or default for the terminal's own),
      # attr (bold, reverse, underline, faint) where there are colours, and mono (the same words) where
      # there are none. A theme that inherits this one overrides single keys.
      name: dark
      surface: "#16181d"        # contrast is judged against this where bg is default

      palette:
        ink: { rgb: "#d8dee9", c256: 254, c16: white }
        white: { rgb: "#ffffff", c256: 231, c16: bright-white }
        grey: { rgb: "#9aa3b2", c256: 248, c16: white }
        slate: { rgb: "#6b7689", c256: 245, c16: bright-black }
        sky: { rgb: "#6fb3f2", c256: 75, c16: bright-blue }
        teal: { rgb: "#56c9bd", c256: 80, c16: bright-cyan }
        green: { rgb: "#7bc97b", c256: 114, c16: bright-green }
        amber: { rgb: "#e8b13c", c256: 214, c16: bright-yellow }
        red: { rgb: "#ff7b72", c256: 210, c16: bright-red }
        night: { rgb: "#1d2b40", c256: 235, c16: blue }
        blood: { rgb: "#9c1f24", c256: 88, c16: red }
        steel: { rgb: "#2b4a6f", c256: 24, c16: blue }

      roles:
        text: { fg: ink }
        dim: { fg: grey, mono: faint }
        title: { fg: white, attr: bold, mono: bold }
        border: { fg: slate }
        border-focus: { fg: sky, attr: bold, mono: bold }
        header: { fg: white, bg: night, attr: bold, mono: reverse }
        header-prod: { fg: white, bg: blood, attr: bold, mono: bold reverse }
        hint: { fg: grey }
        hint-key: { fg: sky, attr: bold, mono: bold }
        selection: { fg: white, bg: steel, attr: bold, mono: reverse }
        stable: { fg: sky }
        candidate: { fg: amber, mono: bold }
        reference: { fg: grey }
        current: { fg: teal, mono: bold }
        axis: { fg: grey, mono: faint }
        danger: { fg: red, attr: bold, mono: bold underline }
        input: { fg: white, bg: night, attr: underline, mono: underline }

      states:
        ok: { fg: green, glyph: "●", ascii: "o", word: ok }
        warn: { fg: amber, attr: bold, mono: bold, glyph: "▲", ascii: "!", word: warn }
        bad: { fg: red, attr: bold, mono: bold reverse, glyph: "✖", ascii: "X", word: BAD }
        stale: { fg: grey, mono: faint, glyph: "◌", ascii: "?", word: stale }

      chart:
        glyphs: auto            # auto, braille, block or ascii

      """#
    ),
    (
      "light",
      #"""
      # For terminals with a light background.
      inherits: dark
      name: light
      surface: "#fafafa"

      palette:
        ink: { rgb: "#24292f", c256: 235, c16: black }
        white: { rgb: "#0b0f14", c256: 232, c16: black }
        grey: { rgb: "#57606a", c256: 59, c16: bright-black }
        slate: { rgb: "#7b838d", c256: 243, c16: bright-black }
        sky: { rgb: "#0550ae", c256: 25, c16: blue }
        teal: { rgb: "#0b6b63", c256: 23, c16: cyan }
        green: { rgb: "#116329", c256: 22, c16: green }
        amber: { rgb: "#8a5a00", c256: 94, c16: yellow }
        red: { rgb: "#b3151d", c256: 124, c16: red }
        night: { rgb: "#d7e3f4", c256: 189, c16: bright-white }
        blood: { rgb: "#ffd1d1", c256: 224, c16: bright-white }
        steel: { rgb: "#b6d4f7", c256: 153, c16: bright-white }

      """#
    ),
    (
      "high-contrast",
      #"""
      # Strong colours on black, every text at 7:1 or more (WCAG AAA).
      inherits: dark
      name: high-contrast
      surface: "#000000"

      palette:
        paper: { rgb: "#000000", c256: 16, c16: black }
        ink: { rgb: "#ffffff", c256: 231, c16: bright-white }
        grey: { rgb: "#d0d0d0", c256: 252, c16: white }
        slate: { rgb: "#a8a8a8", c256: 248, c16: white }
        sky: { rgb: "#87d7ff", c256: 117, c16: bright-cyan }
        teal: { rgb: "#5fffff", c256: 87, c16: bright-cyan }
        green: { rgb: "#87ff87", c256: 120, c16: bright-green }
        amber: { rgb: "#ffd700", c256: 220, c16: bright-yellow }
        red: { rgb: "#ff9d9d", c256: 217, c16: bright-red }
        night: { rgb: "#00305f", c256: 17, c16: blue }
        blood: { rgb: "#870000", c256: 88, c16: red }
        steel: { rgb: "#ffffff", c256: 231, c16: bright-white }

      roles:
        text: { bg: paper, attr: bold }
        dim: { bg: paper }
        title: { bg: paper }
        border: { bg: paper }
        border-focus: { bg: paper }
        hint: { bg: paper }
        hint-key: { bg: paper }
        selection: { fg: paper, bg: steel }
        stable: { bg: paper, attr: bold }
        candidate: { bg: paper, attr: bold }
        reference: { bg: paper }
        current: { bg: paper, attr: bold }
        axis: { bg: paper }
        danger: { bg: paper, attr: bold underline }

      states:
        ok: { bg: paper, attr: bold }
        warn: { bg: paper }
        bad: { bg: paper, attr: bold reverse }
        stale: { bg: paper }

      """#
    ),
    (
      "colour-blind",
      #"""
      # Blue and orange alone: told apart with red-green blindness, and by lightness with blue-yellow
      # blindness. Hues after Okabe and Ito, "Color Universal Design" (2008).
      inherits: dark
      name: colour-blind

      palette:
        sky: { rgb: "#56b4e9", c256: 74, c16: bright-blue }
        teal: { rgb: "#9bd3f5", c256: 117, c16: bright-cyan }
        green: { rgb: "#56b4e9", c256: 74, c16: bright-blue }
        amber: { rgb: "#e69f00", c256: 178, c16: yellow }
        red: { rgb: "#ffcf5c", c256: 221, c16: bright-yellow }
        blood: { rgb: "#7a4300", c256: 94, c16: magenta }

      states:
        bad: { attr: bold reverse }

      """#
    ),
    (
      "mono",
      #"""
      # No colours: attributes, glyphs and words carry everything. NO_COLOR chooses this one.
      inherits: dark
      name: mono
      depth: mono

      """#
    ),
  ]

  /// The text of a built-in theme.
  static func text(_ name: String) -> String? {
    texts.first { $0.name == name }?.text
  }
}
