import Glibc
import Testing

@testable import Console

/// What each role of a golden screen looks like in every theme and at every depth of colour: with
/// the role layer of the screens, this is the screen in truecolor, in mono and between.
@Suite struct LooksTests {
  @Test func looksOfEveryThemeAndDepth() throws {
    let library = ThemeLibrary.yaml(folders: [])
    var text = ""
    for name in ThemeLibrary.builtInNames {
      let theme = try library.theme(named: name).theme
      for depth in ColourDepth.allCases {
        text += "=== \(name) \(depth)\n"
        let colours = [ColourDepth.mono: 0, .ansi16: 16, .indexed256: 256, .truecolour: 1 << 24]
        let table = StyleTable(theme: theme, depth: depth, colours: colours[depth] ?? 0)
        for role in Role.allCases {
          let style = table.styles[Int(table.number(role: role, emphasis: []))]
          text += "\(role) \(colour(style.foreground)) on \(colour(style.background))"
          text += " \(words(style.emphasis))\n"
        }
      }
    }
    let path = Golden.folder + "/looks.txt"
    if getenv("SLUICE_UPDATE_GOLDENS") != nil { Golden.save(text, to: path) }
    let expected = try #require(Golden.load(path))
    if expected != text { Issue.record("looks differ:\n\(Golden.difference(expected, text))") }
  }

  @Test func monoTellsEveryStateApart() throws {
    let theme = try ThemeLibrary.yaml(folders: []).theme(named: "mono").theme
    let states: [Role] = [.ok, .warn, .bad, .stale]
    let marks = states.compactMap { theme.mark($0) }
    #expect(marks.count == states.count)
    #expect(Set(marks.map(\.word)).count == states.count)
    #expect(Set(marks.map { GlyphSet.ascii.mark($0) }).count == states.count)
  }

  private func colour(_ number: Int32) -> String {
    number < 0 ? "own" : number > 255 ? "#" + hexadecimal(number) : "\(number)"
  }

  private func hexadecimal(_ number: Int32) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: max(0, 6 - digits.count)) + digits
  }

  private func words(_ emphasis: Emphasis) -> String {
    let all: [(Emphasis, String)] = [
      (.bold, "bold"), (.reverse, "reverse"), (.underline, "underline"), (.faint, "faint"),
    ]
    return all.filter { emphasis.contains($0.0) }.map(\.1).joined(separator: " ")
  }
}
