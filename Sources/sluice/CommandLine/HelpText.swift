import Core

/// Help for a terminal: aligned, at most 80 columns.
struct HelpText: Sendable {
  static let width = 80
  let set: CommandSet

  /// The help of the program (an empty path), a group or a command.
  func text(for path: [String]) -> String {
    if let command = set.command(path), !path.isEmpty { return page(of: command) }
    if let word = path.first, let group = set.group(word) { return page(of: group) }
    return programPage
  }

  private var programPage: String {
    var lines = ["usage: sluice [COMMAND] [--state DIR] [--json] ..."]
    lines += [""] + wrapped(set.root.summary + ".", width: HelpText.width)
    lines += ["", "commands:"]
    lines += HelpText.columns(
      set.commands.map { command in
        (command.path.joined(separator: " "), command.summary)
      })
    lines += ["", "the console takes:"] + HelpText.options(set.root.options)
    lines += ["", "every command takes:"] + HelpText.options(CommandSet.everywhere)
    lines += ["", "exit codes:"]
    lines += HelpText.columns(HelpText.exitCodes.map { ("\($0.0)", $0.1) })
    lines += ["", "`sluice help COMMAND` shows what a command takes and examples of it."]
    return lines.joined(separator: "\n") + "\n"
  }

  /// The contract with scripts.
  static let exitCodes: [(Int32, String)] = [
    (ExitCode.done.rawValue, "it was done"),
    (
      ExitCode.notSo.rawValue,
      "the thing asked about is not so: a gate failed, a check found differences"
    ),
    (ExitCode.usage.rawValue, "wrong usage or bad input; nothing was changed"),
    (ExitCode.system.rawValue, "the system could not do it: disk, permission, lock, no answer"),
  ]

  private func page(of group: CommandGroup) -> String {
    var lines = ["usage: sluice \(group.name) COMMAND ...", ""]
    lines += wrapped(group.summary + ".", width: HelpText.width)
    lines += ["", "commands:"]
    lines += HelpText.columns(set.members(of: group.name).map { ($0.path[1], $0.summary) })
    return lines.joined(separator: "\n") + "\n"
  }

  private func page(of command: CommandDeclaration) -> String {
    var lines = HelpText.usage(of: command)
    lines += [""] + wrapped(command.summary + ".", width: HelpText.width)
    for paragraph in command.discussion {
      lines += [""] + wrapped(paragraph, width: HelpText.width)
    }
    if !command.positionals.isEmpty {
      lines += ["", "arguments:"]
      lines += HelpText.columns(command.positionals.map { ($0.written, $0.help) })
    }
    lines += ["", "options:"] + HelpText.options(command.options + CommandSet.everywhere)
    if !command.examples.isEmpty {
      lines += ["", "examples:"]
      for example in command.examples {
        lines += ["  \(example.line)"]
        lines += wrapped(example.purpose, width: HelpText.width - 6).map { "      \($0)" }
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The usage line, broken between parameters and indented below the name.
  private static func usage(of command: CommandDeclaration) -> [String] {
    let head = "usage: \(command.fullName)"
    let indent = String(repeating: " ", count: head.count + 1)
    var lines: [String] = []
    var line = head
    for word in usageWords(of: command) {
      if line.count + 1 + word.count > width {
        lines.append(line)
        line = indent + word
      } else {
        line += " " + word
      }
    }
    return lines + [line]
  }

  private static func options(_ options: [Parameter]) -> [String] {
    columns(
      options.map { option in
        (option.written, option.help + (option.fallback.map { " (default: \($0))" } ?? ""))
      })
  }

  /// Two columns: what is typed, and what it does, wrapped beside it.
  private static func columns(_ rows: [(String, String)]) -> [String] {
    let left = min(26, rows.map(\.0.count).max() ?? 0)
    var lines: [String] = []
    for (word, help) in rows {
      let parts = wrapped(help, width: width - left - 4)
      let padding = String(repeating: " ", count: max(0, left - word.count))
      if word.count > left {
        lines.append("  \(word)")
        lines += parts.map { String(repeating: " ", count: left + 4) + $0 }
      } else {
        lines.append("  \(word)\(padding)  \(parts[0])")
        lines += parts.dropFirst().map { String(repeating: " ", count: left + 4) + $0 }
      }
    }
    return lines
  }
}
