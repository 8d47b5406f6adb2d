/// Completion scripts for shells, made from the declarations.
struct CompletionScript: Sendable {
  /// The shells that there are scripts for.
  static let shells = ["bash", "zsh", "fish"]
  let set: CommandSet

  /// The script for one of ``shells``.
  func text(for shell: String) -> String {
    switch shell {
    case "zsh": zsh
    case "fish": fish
    default: bash
    }
  }

  /// A command's options that are completed after its name.
  private func options(of command: CommandDeclaration) -> [Parameter] {
    command.options + CommandSet.everywhere
  }

  /// Every option of the program that takes a value, once by name and by what completes it.
  private var valued: [(name: String, completion: Completion)] {
    var seen: Set<String> = []
    var result: [(name: String, completion: Completion)] = []
    for option in (CommandSet.everywhere + set.root.options + set.commands.flatMap(\.options))
    where option.form == .option && seen.insert(option.name).inserted {
      result.append((option.name, option.completion))
    }
    return result
  }

  // MARK: bash

  private var bash: String {
    var lines = [
      "# sluice completion for bash", "_sluice() {",
      "  local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\"",
      "  local -a path=()", "  local i skip=0",
      "  for ((i = 1; i < COMP_CWORD; i++)); do",
      "    if ((skip)); then skip=0; continue; fi",
      "    case \"${COMP_WORDS[i]}\" in",
      "      \(valued.map { "--\($0.name)" }.joined(separator: "|"))) skip=1 ;;",
      "      -*) ;;", "      *) path+=(\"${COMP_WORDS[i]}\") ;;", "    esac", "  done",
      "  case \"$before\" in",
    ]
    for option in valued {
      lines.append("    --\(option.name)) \(bashReply(option.completion)) ;;")
    }
    lines += ["  esac", "  local group=\"${path[0]} ${path[1]}\"", "  case \"$group\" in"]
    for command in set.commands where command.path.count == 2 {
      lines += bashArm("\"\(command.path.joined(separator: " "))\"", command)
    }
    lines += ["  esac", "  case \"${path[0]}\" in"]
    for group in set.groups {
      let members = set.members(of: group.name).map { $0.path[1] }.joined(separator: " ")
      lines.append(
        "    \(group.name)) COMPREPLY=($(compgen -W \"\(members)\" -- \"$word\")); return ;;")
    }
    for command in set.commands where command.path.count == 1 {
      lines += bashArm(command.path[0], command)
    }
    let words = set.firstWords + options(of: set.root).map { "--\($0.name)" }
    lines += [
      "  esac",
      "  COMPREPLY=($(compgen -W \"\(words.joined(separator: " "))\" -- \"$word\"))", "}",
      "complete -F _sluice sluice",
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  private func bashArm(_ pattern: String, _ command: CommandDeclaration) -> [String] {
    let names = options(of: command).map { "--\($0.name)" }.joined(separator: " ")
    let loose = command.positionals.last.map { bashReply($0.completion) } ?? "return"
    return [
      "    \(pattern))",
      "      if [[ $word == -* ]]; then "
        + "COMPREPLY=($(compgen -W \"\(names)\" -- \"$word\")); return; fi",
      "      \(loose) ;;",
    ]
  }

  private func bashReply(_ completion: Completion) -> String {
    switch completion {
    case .nothing: "return"
    case .files: "compopt -o filenames; COMPREPLY=($(compgen -f -- \"$word\")); return"
    case .folders: "compopt -o filenames; COMPREPLY=($(compgen -d -- \"$word\")); return"
    case .words(let words):
      "COMPREPLY=($(compgen -W \"\(words.joined(separator: " "))\" -- \"$word\")); return"
    }
  }

  // MARK: zsh

  private var zsh: String {
    var lines = ["#compdef sluice", "# sluice completion for zsh", "_sluice() {"]
    lines += ["  local context state line", "  typeset -A opt_args", "  _arguments -C \\"]
    lines += options(of: set.root).map { "    \(zshOption($0)) \\" }
    lines += ["    '1: :->command' '*:: :->rest' && return", "  case $state in", "    command)"]
    lines += ["      local -a names", "      names=("]
    for word in set.firstWords {
      let summary = set.group(word)?.summary ?? set.command([word])?.summary ?? ""
      lines.append("        \(zshQuoted("\(word):\(summary)"))")
    }
    lines += ["      )", "      _describe command names ;;", "    rest)", "      case $line[1] in"]
    for command in set.commands where command.path.count == 1 {
      lines += ["        \(command.path[0]))"] + zshArguments(command, indent: 10)
    }
    for group in set.groups { lines += zshGroup(group) }
    lines += ["      esac ;;", "  esac", "}", "_sluice \"$@\""]
    return lines.joined(separator: "\n") + "\n"
  }

  private func zshGroup(_ group: CommandGroup) -> [String] {
    var lines = ["        \(group.name))", "          local -a members", "          members=("]
    let members = set.members(of: group.name)
    for command in members {
      lines.append("            \(zshQuoted("\(command.path[1]):\(command.summary)"))")
    }
    lines += [
      "          )", "          if (( CURRENT == 2 )); then _describe command members; else",
    ]
    lines += ["          shift words; (( CURRENT-- ))", "          case $words[1] in"]
    for command in members {
      lines += ["            \(command.path[1]))"] + zshArguments(command, indent: 14)
    }
    return lines + ["          esac; fi ;;"]
  }

  private func zshArguments(_ command: CommandDeclaration, indent: Int) -> [String] {
    let space = String(repeating: " ", count: indent)
    var words = options(of: command).map(zshOption)
    for positional in command.positionals {
      let star = if case .positional(repeats: true, _) = positional.form { "*" } else { "" }
      let label = "\(star):\(positional.placeholder):\(zshAction(positional.completion))"
      words.append(zshQuoted(label))
    }
    return ["\(space)_arguments \(words.joined(separator: " \\\n\(space)  ")) ;;"]
  }

  private func zshOption(_ option: Parameter) -> String {
    let help = option.help.split(separator: "]").joined(separator: ")")
      .split(separator: "[").joined(separator: "(").split(separator: ":").joined(separator: ",")
    let value =
      option.form == .option ? ":\(option.placeholder):\(zshAction(option.completion))" : ""
    return zshQuoted("--\(option.name)[\(help)]\(value)")
  }

  private func zshAction(_ completion: Completion) -> String {
    switch completion {
    case .nothing: " "
    case .files: "_files"
    case .folders: "_files -/"
    case .words(let words): "(\(words.joined(separator: " ")))"
    }
  }

  /// A word in single quotes.
  private func zshQuoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
      + "'"
  }

  // MARK: fish

  private var fish: String {
    var lines = ["# sluice completion for fish", "complete -c sluice -f"]
    lines += options(of: set.root).map { "complete -c sluice \(fishOption($0))" }
    for word in set.firstWords {
      let summary = set.group(word)?.summary ?? set.command([word])?.summary ?? ""
      lines.append(
        "complete -c sluice -n __fish_use_subcommand -a \(word) -d \(fishQuoted(summary))")
    }
    for command in set.commands { lines += fishCommand(command) }
    return lines.joined(separator: "\n") + "\n"
  }

  private func fishCommand(_ command: CommandDeclaration) -> [String] {
    var lines: [String] = []
    let seen = command.path.map { "__fish_seen_subcommand_from \($0)" }.joined(separator: "; and ")
    if command.path.count == 2 {
      let others = set.members(of: command.path[0]).map { $0.path[1] }.joined(separator: " ")
      lines.append(
        "complete -c sluice -n '__fish_seen_subcommand_from \(command.path[0]); and not "
          + "__fish_seen_subcommand_from \(others)' -a \(command.path[1]) "
          + "-d \(fishQuoted(command.summary))")
    }
    lines += command.options.map { "complete -c sluice -n '\(seen)' \(fishOption($0))" }
    switch command.positionals.last?.completion {
    case .files: lines.append("complete -c sluice -n '\(seen)' -F")
    case .folders:
      lines.append("complete -c sluice -n '\(seen)' -a '(__fish_complete_directories)'")
    case .words(let words):
      lines.append("complete -c sluice -n '\(seen)' -a '\(words.joined(separator: " "))'")
    case .nothing, nil: break
    }
    return lines
  }

  private func fishOption(_ option: Parameter) -> String {
    let action =
      switch option.completion {
      case .nothing: option.form == .option ? " -x" : ""
      case .files: " -r -F"
      case .folders: " -x -a '(__fish_complete_directories)'"
      case .words(let words): " -x -a '\(words.joined(separator: " "))'"
      }
    return "-l \(option.name)\(action) -d \(fishQuoted(option.help))"
  }

  /// A word in single quotes as fish reads them, where a backslash protects a quote.
  private func fishQuoted(_ text: String) -> String {
    var result = "'"
    for character in text {
      if character == "'" || character == "\\" { result.append("\\") }
      result.append(character)
    }
    return result + "'"
  }
}
