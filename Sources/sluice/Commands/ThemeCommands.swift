import Console
import Core
import Node

/// `sluice theme …`.
enum ThemeCommands {
  static let group = CommandGroup(name: "theme", summary: "Colours and marks of the console")
  static let all = [check]

  private static let file = Positional("file", .file, help: "a theme's YAML file")

  /// What `theme check --json` tells scripts.
  private struct Report: Encodable {
    struct Warning: Encodable {
      let line: Int
      let message: String
    }
    struct Contrast: Encodable {
      let role: String
      let depth: String
      let ratio: Double
      let minimum: Double
    }
    let name: String
    let warnings: [Warning]
    let contrast: [Contrast]
  }

  static let check = CommandDeclaration(
    "theme check", summary: "Checks a theme file: keys, colours and contrast",
    discussion: [
      "Contrast is measured as WCAG 2.2 does, in 24-bit and 256 colours. The exit code is 1 when "
        + "something is not as it should be."
    ],
    parameters: [file],
    examples: [("sluice theme check themes/dark.yaml", "unknown keys by line, weak roles by name")]
  ) { call in
    let path = call[required: file]
    let library = ThemeLibrary.yaml(folders: ConsoleScreen.themeFolders())
    let (theme, warnings) = try library.theme(file: path)
    let problems = ThemeContrast.problems(of: theme)
    let report = Report(
      name: theme.name, warnings: warnings.map { .init(line: $0.line, message: $0.message) },
      contrast: problems.map {
        .init(role: "\($0.role)", depth: "\($0.depth)", ratio: $0.ratio, minimum: $0.minimum)
      })
    var text = ""
    for warning in report.warnings {
      text += "\(printable(path)):\(warning.line): \(printable(warning.message))\n"
    }
    for weak in report.contrast {
      text += "\(weak.role) at \(weak.depth): contrast \(fixed(weak.ratio, 2)), "
      text += "should be at least \(fixed(weak.minimum, 1))\n"
    }
    let isGood = warnings.isEmpty && problems.isEmpty
    if isGood { text = "\(printable(theme.name)): nothing is wrong\n" }
    try call.tell(report, text: text)
    return isGood ? .done : .notSo
  }
}
