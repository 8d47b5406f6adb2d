/// The reference page of the command line, made from the declarations.
struct MarkdownReference: Sendable {
  let set: CommandSet

  /// The whole page.
  var text: String {
    var lines = [
      "# Command line", "",
      "<!-- Made by `sluice help --markdown`; a test compares the two. -->", "",
    ]
    lines += contract
    lines += ["## Commands", "", "| command | does |", "|---|---|"]
    for command in set.commands {
      lines.append("| [`\(command.fullName)`](#\(anchor(command))) | \(cell(command.summary)) |")
    }
    for command in [set.root] + set.commands { lines += [""] + section(command) }
    return lines.joined(separator: "\n") + "\n"
  }

  private var contract: [String] {
    var lines = [
      "Every command talks to the node of its state directory through the node's socket when one",
      "runs, and opens the state itself when none does, so there is never a second writer. Results",
      "go to standard output, progress and errors to standard error. With `--json` the result is",
      "one line of JSON with sorted keys; times in it are microseconds since 1970 (UTC) and",
      "durations are microseconds. An error is one sentence on standard error and, with `--json`,",
      "also `{\"error\":{\"code\":…,\"message\":…}}` on standard output. Its code is `usage`,",
      "`badInput`, `unknown`, `refused`, `stale`, `unreachable` or `system`.", "",
      "| exit code | means |", "|---|---|",
    ]
    lines += HelpText.exitCodes.map { "| \($0.0) | \($0.1) |" }
    lines += ["", "Every command takes:", "", "| option | means |", "|---|---|"]
    lines += CommandSet.everywhere.map(row)
    return lines + [""]
  }

  private func section(_ command: CommandDeclaration) -> [String] {
    var lines = ["### \(command.fullName)", "", "\(escaped(command.summary)).", ""]
    lines += ["```text", usageLine(of: command), "```"]
    for paragraph in command.discussion { lines += [""] + wrapped(escaped(paragraph), width: 96) }
    if !command.parameters.isEmpty {
      lines += ["", "| argument | means |", "|---|---|"] + command.parameters.map(row)
    }
    if !command.examples.isEmpty {
      lines += ["", "```sh"]
      for example in command.examples {
        lines += wrapped(example.purpose, width: 94).map { "# \($0)" } + [example.line]
      }
      lines.append("```")
    }
    return lines
  }

  private func row(_ parameter: Parameter) -> String {
    let fallback = parameter.fallback.map { " (default: `\($0)`)" } ?? ""
    return "| `\(parameter.written)` | \(cell(parameter.help))\(fallback) |"
  }

  /// GitHub's anchor of a heading: lower case, spaces become dashes.
  private func anchor(_ command: CommandDeclaration) -> String {
    command.fullName.split(separator: " ").joined(separator: "-")
  }

  /// Text in a table's cell, where a bar would end it.
  private func cell(_ text: String) -> String {
    escaped(text).split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
  }

  /// Text in which `<` and `*` mean themselves.
  private func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      if character == "<" || character == "*" { result.append("\\") }
      result.append(character)
    }
    return result
  }
}
