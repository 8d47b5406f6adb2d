import Core
import Node

/// `sluice backup`, `sluice restore`, and how long a state takes to come back.
enum BackupCommands {
  static let all: [CommandDeclaration] = [backup, restore, recovery]

  private static let file = Positional("file", .file, help: "the backup, a tar archive")
  private static let withKey = Flag(
    "with-key", help: "also the secret that signs checkpoints: who has the file can sign")

  static let backup = CommandDeclaration(
    "backup", summary: "Copies the whole state into one file, while the node may be running",
    discussion: [
      "In it are the journal as of one moment, the artifacts, fences, checkpoints, plans, "
        + "runbooks and the names of persons. The file appears whole or not at all; a state that "
        + "is damaged is not backed up. tar tf lists it."
    ],
    parameters: [file, withKey],
    examples: [("sluice backup /mnt/backup/sluice.tar", "every night, from cron")]
  ) { call in
    try call.requireStateDirectory()
    let report = try Backup.write(
      stateDirectory: call.stateDirectory, to: call[required: file], withKey: call[withKey])
    try call.tell(report, text: "backed up: \(words(for: report))\n")
    return .done
  }

  private static let forgotten = Option<String>(
    "forgotten", .file, help: "a later state directory: names that were erased there are erased")

  static let restore = CommandDeclaration(
    "restore", summary: "Makes a state directory from a backup: all of it, or nothing",
    discussion: [
      "The folder that --state names must be new or empty. Every file is checked against the "
        + "backup's manifest, and the journal's chain, before the folder appears.",
      "An older backup still has the names of persons that were erased after it was made. "
        + "`--forgotten` takes the state directory that was in use since, and erases them again.",
    ],
    parameters: [file, forgotten],
    examples: [
      ("sluice restore /mnt/backup/sluice.tar --state /var/lib/sluice", "after a lost disk")
    ]
  ) { call in
    let report = try Backup.restore(
      call[required: file], to: call.stateDirectory, forgottenIn: call[forgotten])
    var text = "restored to \(printable(call.stateDirectory)): \(words(for: report))\n"
    if let names = report.names, names > 0, call[forgotten] == nil {
      text +=
        "\(grouped(names)) names of persons came with it, as of then: a name that was erased since "
        + "is erased again by \"sluice actor forget\"\n"
    }
    try call.tell(report, text: text)
    return .done
  }

  private static let events = DefaultedOption<Int>(
    "events", .integer(100...10_000_000), default: 100_000, help: "how long the journal is")

  static let recovery = CommandDeclaration(
    "bench recovery", summary: "Times how a state comes back from a long journal",
    discussion: [
      "The journal is made up, of ramps, steps, holds and rollbacks on eight endpoints, in a "
        + "folder of /tmp that is removed again. A figure is the median of five."
    ],
    parameters: [events],
    examples: [("sluice bench recovery --events 100000", "milliseconds, and who served then")]
  ) { call in
    let report = try RecoveryBench.run(events: call[events])
    try call.tell(
      report,
      text: "\(grouped(report.events)) events, \(grouped(report.sizeBytes)) bytes\n"
        + "chain checked in \(grouped(Int(report.verifyMilliseconds.rounded()))) ms\n"
        + "recovered in \(grouped(Int(report.recoveryMilliseconds.rounded()))) ms (processor "
        + "\(grouped(Int(report.recoveryProcessorMilliseconds.rounded()))) ms) from a saved state "
        + "of \(grouped(report.savedBytes)) bytes and \(grouped(report.eventsAfterSaved)) events\n"
        + "replayed from the beginning in "
        + "\(grouped(Int(report.fullMilliseconds.rounded()))) ms\n"
        + "as-of answered in \(grouped(Int(report.asOfMilliseconds.rounded()))) ms\n")
    return .done
  }

  private static func words(for report: BackupReport) -> String {
    "events up to \(grouped(report.sequence)), \(grouped(report.files)) files, "
      + "\(grouped(report.sizeBytes)) bytes, made \(report.created)"
  }
}
