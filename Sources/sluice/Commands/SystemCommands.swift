import Console
import Core
import Node

/// `sluice doctor`, `completions`, `help`, `version`.
enum SystemCommands {
  static let all: [CommandDeclaration] = [doctor, completions, help, version]

  static let doctor = CommandDeclaration(
    "doctor", summary: "Checks terminal, locale, libraries, state directory and permissions",
    discussion: ["Each finding says what to do. The exit code is 1 when one of them is bad."],
    examples: [("sluice doctor", "before the first use, or when something looks wrong")]
  ) { call in
    let findings = Doctor.check(stateDirectory: call.stateDirectory)
    var text = ""
    for finding in findings {
      let mark = StatusText.word(finding.severity)
      text += mark + String(repeating: " ", count: max(1, 6 - mark.count))
      text += "\(printable(finding.name)): \(printable(finding.finding, limit: 400))\n"
      if !finding.remedy.isEmpty { text += "      \(printable(finding.remedy, limit: 400))\n" }
    }
    try call.tell(findings, text: text)
    return findings.contains { $0.severity == .bad } ? .notSo : .done
  }

  private static let shell = Positional(
    "shell", .choice("SHELL", of: CompletionScript.shells), help: "bash, zsh or fish")

  static let completions: CommandDeclaration = CommandDeclaration(
    "completions", summary: "Prints a completion script for a shell",
    parameters: [shell],
    examples: [
      (
        "sluice completions bash > ~/.local/share/bash-completion/completions/sluice",
        "for bash, from the next shell on"
      ),
      ("sluice completions zsh > ~/.zfunc/_sluice", "for zsh; ~/.zfunc must be in fpath"),
      ("sluice completions fish > ~/.config/fish/completions/sluice.fish", "for fish"),
    ]
  ) { call in
    let script = CompletionScript(set: .all).text(for: call[required: shell])
    try call.tell(["script": script], text: script)
    return .done
  }

  private static let topic = Positional(
    "command", .text.named("COMMAND"), count: .any, help: "a command; without one, all are listed")
  private static let markdown = Flag("markdown", help: "the whole reference as Markdown")
  private static let keys = Flag("keys", help: "the keys of the console as Markdown")

  static let help: CommandDeclaration = CommandDeclaration(
    "help", summary: "Shows what a command takes, with examples",
    parameters: [topic, markdown, keys],
    examples: [("sluice help model import", "the same as sluice model import --help")]
  ) { call in
    let set = CommandSet.all
    if call[markdown] {
      let page = MarkdownReference(set: set).text
      try call.tell(["markdown": page], text: page)
      return .done
    }
    if call[keys] {
      let page = keyReferenceMarkdown()
      try call.tell(["markdown": page], text: page)
      return .done
    }
    let path = call[all: topic]
    let isGroup = path.count == 1 && set.group(path[0]) != nil
    guard set.command(path) != nil || isGroup else {
      let names = set.commands.map { $0.path.joined(separator: " ") } + set.groups.map(\.name)
      let wanted = path.joined(separator: " ")
      throw InvalidValue(
        "there is no command \"\(printable(wanted, limit: 60))\""
          + didYouMean(wanted, among: names).ifEmpty("; sluice --help lists them"))
    }
    let text = HelpText(set: set).text(for: path)
    try call.tell(["help": text], text: text)
    return .done
  }

  static let version = CommandDeclaration(
    "version", summary: "Shows the program's version",
    examples: [("sluice version --json", "for a script")]
  ) { call in
    try call.tell(["version": Product.version], text: "sluice \(Product.version)\n")
    return .done
  }
}
