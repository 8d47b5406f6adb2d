import Core

/// What the words of a command line ask for.
enum Request: Sendable {
  /// A command with its values, without the streams it will write to.
  case run(CommandDeclaration, values: [String: [any Sendable]])
  /// The help of the program (empty), a group or a command.
  case help([String])
}

/// Reads the words of a command line.
///
/// Options may stand anywhere, as `--name value` or `--name=value`; after `--` every word is a
/// positional.
struct CommandParser: Sendable {
  let set: CommandSet

  /// - Throws: ``InvalidValue``, one sentence that names the word at fault and what was expected.
  func parse(_ words: [String]) throws(InvalidValue) -> Request {
    var rest = words[...]
    var leading: [String] = []
    // Options that every command takes may stand before the command's name.
    while let word = rest.first, word.hasPrefix("-"), word != "-", word != "--" {
      let name = optionName(word)
      guard let parameter = CommandSet.everywhere.first(where: { $0.name == name }) else { break }
      leading.append(word)
      rest = rest.dropFirst()
      if parameter.form == .option, !word.contains("="), let value = rest.first {
        leading.append(value)
        rest = rest.dropFirst()
      }
    }
    guard let first = rest.first, !first.hasPrefix("-") else {
      return try read(leading + rest, for: set.root)
    }
    return try command(first, rest.dropFirst(), leading)
  }

  private func command(
    _ first: String, _ rest: ArraySlice<String>, _ leading: [String]
  ) throws(InvalidValue) -> Request {
    if let command = set.command([first]) { return try read(leading + rest, for: command) }
    guard set.group(first) != nil else {
      throw InvalidValue(
        "unknown command \"\(printable(first, limit: 60))\""
          + (didYouMean(first, among: set.firstWords).ifEmpty("; sluice --help lists them")))
    }
    let members = set.members(of: first).map { $0.path[1] }
    guard let second = rest.first, !second.hasPrefix("-") else {
      if wantsHelp(leading + rest) { return .help([first]) }
      throw InvalidValue("\(first) needs one of \(spoken(members))")
    }
    guard let command = set.command([first, second]) else {
      throw InvalidValue(
        "unknown command \"\(first) \(printable(second, limit: 60))\": expected one of "
          + spoken(members) + didYouMean(second, among: members))
    }
    return try read(leading + rest.dropFirst(), for: command)
  }

  private func wantsHelp(_ words: [String]) -> Bool {
    words.prefix { $0 != "--" }.contains { $0 == "--help" || $0 == "-h" }
  }

  private func read(
    _ words: [String], for command: CommandDeclaration
  ) throws(InvalidValue) -> Request {
    if wantsHelp(words) { return .help(command.path) }
    var values: [String: [any Sendable]] = [:]
    var loose: [String] = []
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" {
        loose += rest
        break
      }
      if word == "-" || !word.hasPrefix("-") {
        loose.append(word)
      } else {
        try readOption(word, &rest, for: command, into: &values)
      }
    }
    try place(loose, for: command, into: &values)
    return .run(command, values: values)
  }

  private func readOption(
    _ word: String, _ rest: inout ArraySlice<String>, for command: CommandDeclaration,
    into values: inout [String: [any Sendable]]
  ) throws(InvalidValue) {
    let known = command.options + CommandSet.everywhere
    let name = optionName(word)
    guard word.hasPrefix("--"), let option = known.first(where: { $0.name == name }) else {
      let typed = word.split(separator: "=", maxSplits: 1).first.map(String.init) ?? word
      throw InvalidValue(
        "\(command.shortName) has no option \(printable(typed, limit: 60))"
          + didYouMean(typed, among: known.map { "--\($0.name)" })
          .ifEmpty("; \(command.fullName) --help lists them"))
    }
    let attached = word.firstIndex(of: "=").map { String(word[word.index(after: $0)...]) }
    guard values[name] == nil else { throw InvalidValue("--\(name) is given twice") }
    if option.form == .flag {
      guard attached == nil else { throw InvalidValue("--\(name) takes no value") }
      values[name] = [true]
      return
    }
    guard let text = attached ?? rest.popFirst() else {
      throw InvalidValue("--\(name) needs a value: --\(name) \(option.placeholder)")
    }
    guard attached != nil || text == "-" || !text.hasPrefix("--") else {
      throw InvalidValue(
        "--\(name) needs a value, and \(printable(text, limit: 60)) is an option; "
          + "--\(name)=VALUE takes any text")
    }
    values[name] = [try one(text, option, "--\(name)")]
  }

  /// Gives the loose words to the command's positionals, in order; only the last may repeat.
  private func place(
    _ words: [String], for command: CommandDeclaration, into values: inout [String: [any Sendable]]
  ) throws(InvalidValue) {
    var rest = words[...]
    for positional in command.positionals {
      guard case .positional(let repeats, let required) = positional.form else { continue }
      let taken = repeats ? rest : rest.prefix(1)
      rest = rest.dropFirst(taken.count)
      if taken.isEmpty, required {
        throw InvalidValue(
          "\(command.shortName) needs \(positional.written) (\(positional.help)); the form is "
            + usageLine(of: command))
      }
      var read: [any Sendable] = []
      for word in taken { read.append(try one(word, positional, positional.placeholder)) }
      if !read.isEmpty { values[positional.name] = read }
    }
    if let extra = rest.first {
      throw InvalidValue(
        "\(command.shortName) does not take \"\(printable(extra, limit: 60))\"; the form is "
          + usageLine(of: command))
    }
  }

  private func one(
    _ word: String, _ parameter: Parameter, _ shown: String
  ) throws(InvalidValue) -> any Sendable {
    do throws(InvalidValue) {
      return try parameter.parse(word)
    } catch {
      throw InvalidValue("\(shown): \(error.message)")
    }
  }

  /// `plan` of `--plan` and `--plan=x`; `-h` is `help`.
  private func optionName(_ word: String) -> String {
    if word == "-h" { return "help" }
    let body = word.drop { $0 == "-" }
    return String(body.prefix { $0 != "=" })
  }
}

/// `sluice ramp ENDPOINT M@N [--plan PLAN]`, in one line.
func usageLine(of command: CommandDeclaration) -> String {
  ([command.fullName] + usageWords(of: command)).joined(separator: " ")
}

/// The parameters of a command as usage lines write them; what may be left out is in brackets.
func usageWords(of command: CommandDeclaration) -> [String] {
  command.parameters.map { parameter in
    if case .positional(_, required: true) = parameter.form { return parameter.written }
    return "[\(parameter.written)]"
  }
}

extension String {
  /// The text, or `other` when it is empty.
  func ifEmpty(_ other: @autoclosure () -> String) -> String { isEmpty ? other() : self }
}
