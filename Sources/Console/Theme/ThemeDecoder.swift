import Core
import Documents

/// Makes a theme from what a file says.
///
/// A mistake never costs the look: what is not understood is left as the inherited theme has it,
/// with a warning that names the line.
public struct ThemeDecoder {
  /// What was not understood, by line.
  public private(set) var warnings: [ThemeWarning] = []
  private var palette: [String: ThemeColour] = [:]
  private var theme: Theme

  /// The keys of a theme's top level.
  static let topKeys = [
    "name", "inherits", "surface", "depth", "palette", "roles", "states", "chart",
  ]
  private static let roleKeys = ["fg", "bg", "attr", "mono"]
  private static let stateKeys = roleKeys + ["glyph", "ascii", "word"]
  private static let attributes: [(name: String, emphasis: Emphasis)] = [
    ("bold", .bold), ("reverse", .reverse), ("underline", .underline), ("faint", .faint),
  ]

  /// Decodes files, the most basic first: each overrides single keys of those before it, and a
  /// palette name that is given anew changes every role that uses it.
  ///
  /// - Returns: the theme, and the warnings of the last file.
  public static func decode(
    _ files: [ThemeSource], fallbackName: String
  ) -> (theme: Theme, warnings: [ThemeWarning]) {
    var decoder = ThemeDecoder(name: fallbackName)
    // Palettes first: a role of an inherited file takes the colour the inheriting file gives.
    var perFile: [[ThemeWarning]] = []
    for file in files {
      decoder.warnings = []
      decoder.readPalette(of: file)
      perFile.append(decoder.warnings)
    }
    for (index, file) in files.enumerated() {
      decoder.warnings = perFile[index]
      decoder.readLook(of: file)
    }
    let warnings = decoder.warnings.sorted { ($0.line, $0.message) < ($1.line, $1.message) }
    return (decoder.theme, warnings)
  }

  /// The name of the theme a file builds on; nil when it says none.
  public static func inherited(by file: ThemeSource) -> String? {
    guard case .map(let entries, _) = file else { return nil }
    guard let entry = entries.last(where: { $0.key == "inherits" }),
      case .text(let name, _) = entry.value
    else { return nil }
    return name
  }

  private init(name: String) { theme = Theme(name: name) }

  // MARK: - Parts of a file

  private mutating func readPalette(of file: ThemeSource) {
    guard case .map(let entries, _) = file else { return }
    for entry in entries where entry.key == "palette" {
      guard let names = map(entry.value, "palette") else { continue }
      for name in names {
        if let colour = paletteColour(name) { palette[name.key] = colour }
      }
    }
  }

  private mutating func readLook(of file: ThemeSource) {
    guard let entries = map(file, "a theme") else { return }
    for entry in entries {
      switch entry.key {
      case "name": if let name = text(entry) { theme.name = printable(name, limit: 40) }
      case "surface": readSurface(entry)
      case "depth": readDepth(entry)
      case "roles": readRoles(entry, states: false)
      case "states": readRoles(entry, states: true)
      case "chart": readChart(entry)
      case "palette", "inherits": break
      default: warnUnknown(entry, among: ThemeDecoder.topKeys)
      }
    }
  }

  private mutating func readSurface(_ entry: ThemeSource.Entry) {
    guard let value = text(entry) else { return }
    if let rgb = RGB(hex: value) ?? palette[value]?.shown(at: .truecolour) {
      theme.surface = rgb
    } else {
      warn(entry.line, "surface: expected a colour like \"#16181d\", got \"\(printable(value))\"")
    }
  }

  private mutating func readDepth(_ entry: ThemeSource.Entry) {
    guard let value = text(entry) else { return }
    if let depth = ColourDepth.allCases.first(where: { $0.name == value }) {
      theme.depthMax = depth
    } else {
      warn(
        entry.line,
        "depth: expected truecolor, 256, 16 or mono, got \"\(printable(value))\"")
    }
  }

  private mutating func readChart(_ entry: ThemeSource.Entry) {
    guard let entries = map(entry.value, "chart") else { return }
    for entry in entries {
      guard entry.key == "glyphs" else {
        warnUnknown(entry, among: ["glyphs"])
        continue
      }
      guard let value = text(entry) else { continue }
      if let glyphs = ChartGlyphs(rawValue: value) {
        theme.chartGlyphs = glyphs
      } else if value == "auto" {
        theme.chartGlyphs = nil
      } else {
        warn(
          entry.line,
          "chart.glyphs: expected auto, braille, block or ascii, got \"\(printable(value))\"")
      }
    }
  }

  private mutating func readRoles(_ section: ThemeSource.Entry, states: Bool) {
    guard let entries = map(section.value, section.key) else { return }
    let roles = Role.allCases.filter { Theme.states.contains($0) == states }
    for entry in entries {
      guard let role = roles.first(where: { $0.key == entry.key }) else {
        warnUnknown(entry, among: roles.map(\.key))
        continue
      }
      guard let keys = map(entry.value, "\(section.key).\(entry.key)") else { continue }
      for key in keys { readKey(key, of: role, states: states) }
    }
  }

  private mutating func readKey(_ entry: ThemeSource.Entry, of role: Role, states: Bool) {
    switch entry.key {
    case "fg": if let colour = colour(entry) { theme[role].foreground = colour }
    case "bg": if let colour = colour(entry) { theme[role].background = colour }
    case "attr": if let emphasis = emphasis(entry) { theme[role].emphasis = emphasis }
    case "mono": if let emphasis = emphasis(entry) { theme[role].monoEmphasis = emphasis }
    case "glyph" where states: readGlyph(entry, of: role, ascii: false)
    case "ascii" where states: readGlyph(entry, of: role, ascii: true)
    case "word" where states:
      guard let word = text(entry), var mark = theme.mark(role) else { return }
      guard !word.isEmpty, SafeText.columns(of: word) <= 12 else {
        warn(entry.line, "word: expected 1 to 12 characters, got \"\(printable(word))\"")
        return
      }
      mark.word = printable(word, limit: 12)
      theme.setMark(role, mark)
    default:
      warnUnknown(entry, among: states ? ThemeDecoder.stateKeys : ThemeDecoder.roleKeys)
    }
  }

  private mutating func readGlyph(_ entry: ThemeSource.Entry, of role: Role, ascii: Bool) {
    guard let value = text(entry), var mark = theme.mark(role) else { return }
    let scalars = Array(value.unicodeScalars)
    guard let scalar = scalars.first, scalars.count == 1, scalar.value > 0x20,
      printable(value) == value, CellWidth.columns(of: scalar) == 1,
      !ascii || scalar.value < 0x7F
    else {
      warn(
        entry.line,
        "\(entry.key): expected one character of one cell\(ascii ? " in ASCII" : ""), "
          + "got \"\(printable(value))\"")
      return
    }
    if ascii {
      mark.ascii = Character(scalar)
    } else {
      mark.glyph = Character(scalar)
    }
    theme.setMark(role, mark)
  }

  // MARK: - Values

  private mutating func colour(_ entry: ThemeSource.Entry) -> ThemeColour? {
    guard let value = text(entry) else { return nil }
    if value == "default" { return .terminalDefault }
    if let known = palette[value] { return known }
    if let rgb = RGB(hex: value) { return .nearest(to: rgb) }
    let hint = nearMiss(value, among: palette.keys.sorted())
    warn(
      entry.line,
      "\(entry.key): expected a palette name, \"#rrggbb\" or default, got \"\(printable(value))\""
        + (hint.map { "; did you mean \"\($0)\"?" } ?? ""))
    return nil
  }

  /// `"#rrggbb"` or `{ rgb: "#rrggbb", c256: 74, c16: blue }`.
  private mutating func paletteColour(_ entry: ThemeSource.Entry) -> ThemeColour? {
    if case .text(let value, let line) = entry.value {
      guard let rgb = RGB(hex: value) else {
        warn(
          line, "palette.\(printable(entry.key)): expected \"#rrggbb\", got \"\(printable(value))\""
        )
        return nil
      }
      return .nearest(to: rgb)
    }
    guard let keys = map(entry.value, "palette.\(printable(entry.key))") else { return nil }
    var rgb: RGB?
    var c256: UInt8?
    var c16: UInt8?
    for key in keys {
      guard ["rgb", "c256", "c16"].contains(key.key) else {
        warnUnknown(key, among: ["rgb", "c256", "c16"])
        continue
      }
      guard let value = text(key) else { continue }
      switch key.key {
      case "rgb":
        rgb = RGB(hex: value)
        if rgb == nil { warn(key.line, "rgb: expected \"#rrggbb\", got \"\(printable(value))\"") }
      case "c256":
        c256 = UInt8(value)
        if c256 == nil { warn(key.line, "c256: expected 0 to 255, got \"\(printable(value))\"") }
      default:
        c16 = XtermPalette.names.firstIndex(of: value).map(UInt8.init)
        if c16 == nil { warnColourName(key, value) }
      }
    }
    guard let rgb else {
      warn(entry.line, "palette.\(printable(entry.key)): rgb is missing")
      return nil
    }
    return .rgb(
      rgb, c256: c256 ?? XtermPalette.nearest256(to: rgb),
      c16: c16 ?? XtermPalette.nearest16(to: rgb))
  }

  private mutating func emphasis(_ entry: ThemeSource.Entry) -> Emphasis? {
    let words: [(String, Int)]
    switch entry.value {
    case .text(let value, let line):
      words = value.split(whereSeparator: { $0 == " " || $0 == "," }).map { (String($0), line) }
    case .list(let values, _):
      words = values.compactMap { value in
        if case .text(let word, let line) = value { (word, line) } else { nil }
      }
    case .map:
      warn(entry.line, "\(entry.key): expected words like \"bold reverse\"")
      return nil
    }
    var result: Emphasis = []
    for (word, line) in words where word != "none" {
      if let known = ThemeDecoder.attributes.first(where: { $0.name == word }) {
        result.insert(known.emphasis)
      } else {
        warn(
          line,
          "\(entry.key): expected bold, reverse, underline, faint or none, "
            + "got \"\(printable(word))\"")
      }
    }
    return result
  }

  private mutating func text(_ entry: ThemeSource.Entry) -> String? {
    if case .text(let value, _) = entry.value { return value }
    warn(entry.line, "\(printable(entry.key)): expected a single value")
    return nil
  }

  private mutating func map(_ source: ThemeSource, _ what: String) -> [ThemeSource.Entry]? {
    if case .map(let entries, _) = source { return entries }
    // A key without a value stands for nothing said.
    if case .text("", _) = source { return [] }
    warn(source.line, "\(what): expected keys with values")
    return nil
  }

  // MARK: - Warnings

  private mutating func warn(_ line: Int, _ message: String) {
    // A hostile file must not fill the memory with complaints.
    if warnings.count < 100 { warnings.append(ThemeWarning(line: line, message: message)) }
  }

  private mutating func warnUnknown(_ entry: ThemeSource.Entry, among known: [String]) {
    let hint = nearMiss(entry.key, among: known)
    warn(
      entry.line,
      "unknown key \"\(printable(entry.key, limit: 60))\""
        + (hint.map { "; did you mean \"\($0)\"?" } ?? "; known: \(known.joined(separator: ", "))"))
  }

  private mutating func warnColourName(_ entry: ThemeSource.Entry, _ value: String) {
    let hint = nearMiss(value, among: XtermPalette.names)
    warn(
      entry.line,
      "c16: expected a colour name like blue or bright-blue, got \"\(printable(value))\""
        + (hint.map { "; did you mean \"\($0)\"?" } ?? ""))
  }
}
