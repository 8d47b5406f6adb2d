extension CommandSet {
  /// Every command of the program.
  static let all: CommandSet = CommandSet(
    root: ConsoleCommands.root,
    groups: [
      ModelCommands.group, EndpointCommands.group, FreezeCommands.group, JournalCommands.group,
      RunbookCommands.group, OnnxCommands.group, ThemeCommands.group, JudgeCommands.group,
      BenchCommands.group, ChecklistCommands.group,
    ],
    commands: ConsoleCommands.all + StatusCommands.all + ModelCommands.all + EvaluateCommands.all
      + [PredictCommand.declaration, VerdictCommand.declaration] + EndpointCommands.all
      + ControlCommands.all
      + FreezeCommands.all + JournalCommands.all + RunbookCommands.all + OnnxCommands.all
      + ThemeCommands.all + JudgeCommands.all + BackupCommands.all
      + BenchCommands.all + RegistryCommands.all + BundleCommands.all
      + ChecklistCommands.all + SystemCommands.all)
}
