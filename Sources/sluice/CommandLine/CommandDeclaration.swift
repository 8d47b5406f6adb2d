import Core

/// Everything the program knows of one command: what it takes, what it says of itself, what it
/// does.
///
/// The parser, help, shell completions and the reference page are all made from this.
struct CommandDeclaration: Sendable {
  /// A line that can be typed, and what it is for.
  struct Example: Sendable {
    let line: String
    let purpose: String
  }

  /// The words that name it: `["model", "import"]`; empty for the program itself.
  let path: [String]
  /// One sentence without a full stop.
  let summary: String
  /// What a person must know beyond the summary, in paragraphs.
  let discussion: [String]
  /// Positionals in order, then options and flags.
  let parameters: [Parameter]
  let examples: [Example]
  /// Carries it out.
  ///
  /// Errors are told by the caller.
  let run: @Sendable (Invocation) throws -> ExitCode

  init(
    _ path: String, summary: String, discussion: [String] = [],
    parameters: [any ParameterConvertible] = [], examples: [(String, String)] = [],
    run: @escaping @Sendable (Invocation) throws -> ExitCode
  ) {
    self.path = path.split(separator: " ").map(String.init)
    self.summary = summary
    self.discussion = discussion
    self.parameters = parameters.map(\.parameter)
    self.examples = examples.map { Example(line: $0.0, purpose: $0.1) }
    self.run = run
  }

  /// `sluice model import`.
  var fullName: String { (["sluice"] + path).joined(separator: " ") }
  /// `model import`, or `sluice` for the program itself.
  var shortName: String { path.isEmpty ? "sluice" : path.joined(separator: " ") }
  var positionals: [Parameter] { parameters.filter(\.isPositional) }
  var options: [Parameter] { parameters.filter { !$0.isPositional } }
}

/// A word that only groups commands: `model`, `journal`.
struct CommandGroup: Sendable {
  let name: String
  let summary: String
}

/// All commands of the program.
struct CommandSet: Sendable {
  /// What the program does without a command.
  let root: CommandDeclaration
  let groups: [CommandGroup]
  /// In the order in which help lists them.
  let commands: [CommandDeclaration]

  /// What every command takes.
  static let state = Option<String>(
    "state", .folder, help: "where all state is (default: $XDG_STATE_HOME/sluice)")
  /// What every command takes.
  static let json = Flag("json", help: "stable JSON on standard output")
  /// What every command takes.
  static let help = Flag("help", help: "shows this help")
  /// The three of them, as the parser sees them.
  static let everywhere: [Parameter] = [state.parameter, json.parameter, help.parameter]

  /// The command with exactly this path.
  func command(_ path: [String]) -> CommandDeclaration? {
    path.isEmpty ? root : commands.first { $0.path == path }
  }

  func group(_ name: String) -> CommandGroup? { groups.first { $0.name == name } }

  /// The commands inside a group.
  func members(of group: String) -> [CommandDeclaration] {
    commands.filter { $0.path.count == 2 && $0.path[0] == group }
  }

  /// The words that may follow the program's name.
  var firstWords: [String] {
    var words: [String] = []
    for word in commands.map({ $0.path[0] }) where !words.contains(word) { words.append(word) }
    return words
  }
}
