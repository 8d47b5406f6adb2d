extension CommandSet {
  /// Every command of the program.
  static let all: CommandSet = CommandSet(
    root: ConsoleCommands.root,
    groups: [
      ModelCommands.group, EndpointCommands.group, FreezeCommands.group, RuleCommands.group,
      JournalCommands.group,
      RunbookCommands.group, OnnxCommands.group, ThemeCommands.group, JudgeCommands.group,
      BenchCommands.group, ActorCommands.group, RecordCommands.group, ChecklistCommands.group,
      RetrainCommands.group,
    ],
    commands: ConsoleCommands.all + StatusCommands.all + ModelCommands.all + EvaluateCommands.all
      + [
        PredictCommand.declaration, VerdictCommand.declaration, RehearseCommand.declaration,
      ] + EndpointCommands.all
      + RequestCommands.all
      + ControlCommands.all
      + RuleCommands.all + FreezeCommands.all + JournalCommands.all + RunbookCommands.all
      + OnnxCommands.all + ThemeCommands.all + JudgeCommands.all + SimulateCommands.all
      + BackupCommands.all + BenchCommands.all + ActorCommands.all + RecordCommands.all
      + RegistryCommands.all + BundleCommands.all + ChecklistCommands.all
      + RetrainCommands.all + SystemCommands.all)
}
