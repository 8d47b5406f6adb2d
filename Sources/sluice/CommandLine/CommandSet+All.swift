extension CommandSet {
  /// Every command of the program.
  static let all: CommandSet = CommandSet(
    root: ConsoleCommands.root,
    groups: [
      ModelCommands.group, EndpointCommands.group, JournalCommands.group, RunbookCommands.group,
      OnnxCommands.group, ThemeCommands.group, JudgeCommands.group, BenchCommands.group,
    ],
    commands: ConsoleCommands.all + StatusCommands.all + ModelCommands.all + [
      PredictCommand.declaration
    ]
      + EndpointCommands.all + ControlCommands.all + JournalCommands.all + RunbookCommands.all
      + OnnxCommands.all + ThemeCommands.all + JudgeCommands.all + BenchCommands.all
      + BackupCommands.all
      + SystemCommands.all)
}
