import Documents
import Glibc
import Testing

@testable import Console

private let library = ThemeLibrary.yaml()

private func theme(_ text: String) throws -> (theme: Theme, warnings: [ThemeWarning]) {
  try library.theme(from: text, name: "test")
}

private func fileText(_ path: String) -> String? {
  guard let stream = fopen(path, "r") else { return nil }
  defer { fclose(stream) }
  var bytes = [UInt8](repeating: 0, count: 1 << 20)
  let count = fread(&bytes, 1, bytes.count, stream)
  return String(decoding: bytes[..<count], as: UTF8.self)
}

@Suite struct ThemeTests {
  static let root = #filePath.split(separator: "/").dropLast(4)
    .reduce(into: "") { $0 += "/" + $1 }

  @Test(arguments: ThemeLibrary.builtInNames)
  func builtInThemesAreCleanAndReadable(name: String) throws {
    let (theme, warnings) = try library.theme(named: name)
    #expect(warnings.isEmpty)
    #expect(theme.name == name)
    let problems = ThemeContrast.problems(of: theme)
    #expect(problems.isEmpty, "\(problems)")
  }

  /// The texts in the program and the files are the same; `SLUICE_EMBED_THEMES=1` writes the
  /// former.
  @Test func embeddedThemesEqualTheFiles() throws {
    if getenv("SLUICE_EMBED_THEMES") != nil {
      try embed()
      return
    }
    for name in ThemeLibrary.builtInNames {
      let file = try #require(fileText("\(ThemeTests.root)/themes/\(name).yaml"))
      #expect(BuiltInThemes.text(name) == file, "run with SLUICE_EMBED_THEMES=1 after editing")
    }
  }

  private func embed() throws {
    var source = try #require(
      fileText("\(ThemeTests.root)/Sources/Console/Theme/BuiltInThemes.swift"))
    let begin = try #require(source.firstRange(of: "= [\n")?.upperBound)
    let end = try #require(source.firstRange(of: "\n  ]\n")?.lowerBound)
    let parts = try ThemeLibrary.builtInNames.map { name in
      let text = try #require(fileText("\(ThemeTests.root)/themes/\(name).yaml"))
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        .map { $0.isEmpty ? "" : "      \($0)" }
      return "    (\n      \"\(name)\",\n      #\"\"\"\n\(lines.joined(separator: "\n"))\n"
        + "      \"\"\"#\n    ),"
    }
    source.replaceSubrange(begin..<end, with: parts.joined(separator: "\n"))
    let stream = try #require(
      fopen("\(ThemeTests.root)/Sources/Console/Theme/BuiltInThemes.swift", "w"))
    defer { fclose(stream) }
    fputs(source, stream)
  }

  @Test func inheritanceOverridesSingleKeysAndPaletteNames() throws {
    let (mine, warnings) = try theme(
      """
      inherits: dark
      palette:
        sky: "#010203"
      roles:
        border: { attr: bold underline }
      states:
        warn: { word: careful }
      """)
    let dark = try library.theme(named: "dark").theme
    #expect(warnings.isEmpty)
    // Roles of the inherited file that use the name get the new colour.
    #expect(mine[.stable].foreground == .nearest(to: RGB(packed: 0x010203)))
    #expect(mine[.border].emphasis == [.bold, .underline])
    #expect(mine[.border].foreground == dark[.border].foreground)
    #expect(mine.mark(.warn)?.word == "careful")
    #expect(mine.mark(.warn)?.glyph == "▲")
    #expect(mine[.text] == dark[.text])
  }

  @Test func mistakesWarnWithLineAndNearMissAndKeepTheRest() throws {
    let (mine, warnings) = try theme(
      """
      inherits: dark
      surfac: "#000000"
      roles:
        bordr: { fg: sky }
        title: { fg: skyy, colour: red }
        axis: { fg: "#12345", attr: blod }
      states:
        ok: { glyph: "中", ascii: "●", word: "" }
      depth: 65k
      chart: { glyphs: dots }
      """)
    let text = warnings.map(\.description)
    #expect(text.count == 11, "\(text)")
    #expect(text.contains { $0.hasPrefix("2: ") && $0.contains("\"surface\"") })
    #expect(text.contains { $0.hasPrefix("4: ") && $0.contains("did you mean \"border\"?") })
    #expect(text.contains { $0.hasPrefix("5: ") && $0.contains("did you mean \"sky\"?") })
    #expect(text.contains { $0.hasPrefix("5: ") && $0.contains("\"colour\"") })
    #expect(text.contains { $0.hasPrefix("6: ") && $0.contains("blod") })
    #expect(text.contains { $0.hasPrefix("9: ") })
    let dark = try library.theme(named: "dark").theme
    #expect(mine[.title] == dark[.title])
    #expect(mine.mark(.ok) == dark.mark(.ok))
  }

  @Test func whatCannotBeUsedSaysSo() {
    func message(_ text: String) -> String {
      do {
        _ = try library.theme(from: text, name: "test")
        return ""
      } catch { return "\(error)" }
    }
    #expect(message("inherits: drak").contains("did you mean \"dark\"?"))
    #expect(message("roles: [").contains("test.yaml"))
    #expect(message(String(repeating: "#", count: 70_000)).contains("64 KiB"))
    #expect(message("").isEmpty)
    let circle = ThemeLibrary(
      parse: { _, _ in
        .map([.init(key: "inherits", line: 1, value: .text("b", line: 1))], line: 1)
      }, find: { name in "text of \(name)" })
    #expect(throws: ThemeError.self) { try circle.theme(named: "a") }
  }

  @Test func monoTellsEveryStateAndSelectionApart() throws {
    let mono = try library.theme(named: "mono").theme
    #expect(mono.depth(on: .truecolour) == .mono)
    let marks = Theme.states.compactMap { mono.mark($0) }
    #expect(Set(marks.map(\.glyph)).count == 4)
    #expect(Set(marks.map(\.ascii)).count == 4)
    #expect(Set(marks.map(\.word)).count == 4)
    let table = StyleTable(theme: mono, depth: .truecolour, colours: 1 << 24)
    #expect(table.styles.allSatisfy { $0.foreground == -1 && $0.background == -1 })
    let plain = table.number(role: .text, emphasis: [])
    for role in [Role.selection, .headerProd, .bad, .danger, .borderFocus, .input] {
      #expect(table.number(role: role, emphasis: []) != plain)
    }
  }

  @Test func luminanceAndContrastAsWCAG() {
    // Reference values: WCAG 2.2 definitions evaluated in Python.
    #expect(RGB.contrast(RGB(packed: 0), RGB(packed: 0xFFFFFF)) == 21)
    #expect(abs(RGB(packed: 0x777777).luminance - 0.184475) < 1e-6)
    #expect(abs(RGB.contrast(RGB(packed: 0x777777), RGB(packed: 0xFFFFFF)) - 4.478089) < 1e-5)
    #expect(abs(RGB(packed: 0x5E9BD6).luminance - 0.306774) < 1e-6)
  }

  @Test func nearestColoursOfThePalettes() {
    #expect(XtermPalette.nearest256(to: RGB(packed: 0xFF8700)) == 208)
    #expect(XtermPalette.nearest256(to: RGB(packed: 0x000000)) == 16)
    #expect(XtermPalette.nearest256(to: RGB(packed: 0x080808)) == 232)
    #expect(XtermPalette.nearest16(to: RGB(packed: 0xF01010)) == 9)
    for index in UInt8(16)...255 {
      let colour = XtermPalette.colour(index)
      #expect(XtermPalette.colour(XtermPalette.nearest256(to: colour)) == colour)
    }
  }

  @Test func depthIsChosenFromTheEnvironment() {
    func depth(_ environment: [String: String], colours: Int) -> ColourDepth {
      TerminalProfile(environment: environment, localeIsUTF8: true).depth(colours: colours)
    }
    let xterm = ["TERM": "xterm-256color"]
    #expect(depth(xterm, colours: 256) == .indexed256)
    #expect(
      depth(xterm.merging(["COLORTERM": "truecolor"]) { $1 }, colours: 1 << 24) == .truecolour)
    #expect(depth(xterm.merging(["COLORTERM": "truecolor"]) { $1 }, colours: 256) == .indexed256)
    let noColour = xterm.merging(["COLORTERM": "24bit", "NO_COLOR": "1"]) { $1 }
    #expect(depth(noColour, colours: 1 << 24) == .mono)
    #expect(depth(xterm.merging(["NO_COLOR": ""]) { $1 }, colours: 256) == .indexed256)
    #expect(depth(xterm.merging(["SLUICE_COLOR": "16"]) { $1 }, colours: 256) == .ansi16)
    #expect(depth(["TERM": "linux", "COLORTERM": "truecolor"], colours: 8) == .ansi16)
    #expect(depth(["TERM": "vt100"], colours: 0) == .mono)
    let screen = ["TERM": "screen-256color", "COLORTERM": "truecolor", "STY": "1.tty"]
    #expect(TerminalProfile(environment: screen, localeIsUTF8: true).depth == nil)
  }

  @Test func glyphsAreChosenFromTheEnvironment() {
    func glyphs(_ environment: [String: String], utf8: Bool = true) -> ChartGlyphs {
      TerminalProfile(environment: environment, localeIsUTF8: utf8).glyphs.charts
    }
    #expect(glyphs(["TERM": "xterm"]) == .braille)
    for type in ["linux", "dumb", "vt100", ""] { #expect(glyphs(["TERM": type]) == .ascii) }
    #expect(glyphs(["TERM": "xterm"], utf8: false) == .ascii)
    #expect(glyphs(["TERM": "linux", "SLUICE_GLYPHS": "block"]) == .block)
    #expect(glyphs(["TERM": "xterm", "SLUICE_GLYPHS": "nonsense"]) == .braille)
  }

  @Test func asciiSetHasOnlyASCII() {
    let set = GlyphSet.ascii
    var text = "\(set.ellipsis)\(set.full)\(set.empty)\(set.horizontal)\(set.vertical)\(set.cross)"
    text += "\(set.topLeft)\(set.topRight)\(set.bottomLeft)\(set.bottomRight)\(set.arrow)"
    text += "\(set.teeUp)\(set.teeDown)\(set.teeLeft)\(set.teeRight)\(set.atMost)\(set.atLeast)"
    text += "\(set.sortUp)\(set.sortDown)"
    text += String(Theme.states.compactMap { Theme(name: "x").mark($0) }.map { set.mark($0) })
    #expect(text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
  }
}
