import Core
import Node

/// Proving the journal, and asking it about the past.
///
/// These read the files of the state themselves, so that they work beside a node that hangs, and
/// need not believe what a node says of its own journal.
extension JournalCommands {
  private static let checkpoints = Option<String>(
    "checkpoints", .file,
    help: "signed checkpoints kept elsewhere: the file, or the folder of SLUICE_CHECKPOINTS")
  private static let pinned = Option<String>(
    "key", .text.named("PUBLIC"),
    help: "the only public key that counts (default: those that the state knows)")

  static let verify = CommandDeclaration(
    "journal verify", summary: "Checks the journal's chain, and it against signed checkpoints",
    discussion: [
      "The chain alone finds rows that were edited, inserted, removed or reordered. Signed "
        + "checkpoints also find a journal that was cut, rewritten as a whole, or replaced. Those "
        + "of the state directory are always looked at; keep others elsewhere, and the public key "
        + "too.",
      "The states that a start goes on from are compared with a replay of the whole journal, byte "
        + "for byte.",
      "The exit code is 1 when anything does not fit.",
    ],
    parameters: [checkpoints, pinned],
    examples: [
      ("sluice journal verify", "counts the rows and names the first broken one"),
      (
        "sluice journal verify --checkpoints /mnt/audit",
        "against what a node with SLUICE_CHECKPOINTS=/mnt/audit wrote there"
      ),
    ]
  ) { call in
    try call.requireStateDirectory()
    let proof = try JournalNotary.verify(
      stateDirectory: call.stateDirectory, checkpoints: call[checkpoints], key: call[pinned])
    try call.tell(proof, text: text(of: proof))
    return proof.faults.isEmpty ? .done : .notSo
  }

  private static func text(of proof: JournalProof) -> String {
    let head = proof.head.map { ", head \($0)" } ?? ""
    let verdict = proof.faults.isEmpty ? "the chain holds" : "BROKEN"
    var text = "\(grouped(proof.events)) events, \(verdict)\(head)\n"
    for fault in proof.faults { text += "BROKEN: \(printable(fault, limit: 400))\n" }
    if proof.checkpoints > 0, proof.faults.isEmpty {
      text +=
        "\(grouped(proof.checkpoints)) signed checkpoints fit; they prove the events up to "
        + "\(grouped(proof.provenSequence))\n"
    } else if proof.faults.isEmpty {
      text += "no signed checkpoint: a cut end or a whole rewrite would not be seen\n"
    }
    if proof.savedStates > 0, proof.faults.isEmpty {
      text +=
        "\(grouped(proof.savedStates)) saved states are what the events up to them come to\n"
    }
    return text
  }

  private static let target = Option<String>(
    "output", .file, help: "adds it to this file instead of printing it")

  static let checkpoint = CommandDeclaration(
    "journal checkpoint", summary: "Signs where the journal stands, as one line of JSON",
    discussion: [
      "Keep the line where the state's disk and its users cannot reach it: journal verify "
        + "--checkpoints then finds any later change of what it covers. The whole chain is checked "
        + "first; a broken one is not signed (exit code 1).",
      "A node does this by itself every 1,000 events, every 10 minutes with changes and when it "
        + "stops: into checkpoints.jsonl of the state directory, and to the file or folder that "
        + "SLUICE_CHECKPOINTS names.",
    ],
    parameters: [target],
    examples: [
      ("sluice journal checkpoint --output /mnt/audit/prod.jsonl", "adds one to a file elsewhere"),
      ("sluice journal checkpoint | mail -s checkpoint audit@example.org", "sends it away"),
    ]
  ) { call in
    try call.requireStateDirectory()
    let made = try JournalNotary.checkpoint(
      stateDirectory: call.stateDirectory, output: call[target])
    if let path = call[target] {
      call.note("events up to \(grouped(made.sequence)) signed in \(printable(path))")
      if call.wantsJSON { try call.streams.output.write(made.line + "\n") }
    } else {
      try call.streams.output.write(made.line + "\n")
    }
    return .done
  }

  static let key = CommandDeclaration(
    "journal key", summary: "Shows the public key that checkpoints are signed with",
    examples: [("sluice journal key", "for journal verify --key on another machine")]
  ) { call in
    try call.requireStateDirectory()
    let key = try JournalNotary.publicKey(stateDirectory: call.stateDirectory)
    try call.tell(["key": key], text: key + "\n")
    return .done
  }

  // MARK: The past

  private static let moment = Positional(
    "time", .text.named("TIME"), help: "2026-03-14T14:02:31Z, \"2h ago\", or now")
  private static let endpoint = Option<Name>(
    "endpoint", .name.named("ENDPOINT"), help: "only this endpoint")

  static let asOf = CommandDeclaration(
    "journal as-of", summary: "Shows who served at a moment in the past, since when and why",
    parameters: [moment, endpoint],
    examples: [
      ("sluice journal as-of 2026-03-14T14:02:31Z", "the split of every endpoint then"),
      ("sluice journal as-of \"2h ago\" --endpoint flight-delay --json", "for a script"),
    ]
  ) { call in
    try call.requireStateDirectory()
    let time = try Timestamp(written: call[required: moment])
    let answer = try AsOf.read(
      stateDirectory: call.stateDirectory, time: time, only: call[endpoint])
    try call.tell(answer, text: text(of: answer))
    return .done
  }

  private static func text(of answer: AsOf) -> String {
    var text = "at \(answer.time), after event \(grouped(answer.sequence))\n"
    if answer.endpoints.isEmpty { text += "no endpoint yet\n" }
    for endpoint in answer.endpoints {
      text += "\(endpoint.endpoint)  \(endpoint.status.rawValue)"
      text += endpoint.split.map { "  \($0)" } ?? ""
      text += endpoint.stable.map { "  stable \($0)" } ?? ""
      text += "\n"
      if let rollout = endpoint.rollout {
        text +=
          "  rollout of \(rollout.candidate) by \(printable(rollout.plan)), step "
          + "\(rollout.step) of \(rollout.steps), \(rollout.phase)\n"
      }
      text += "  since " + words(for: endpoint.change)
      text += endpoint.endedBy.map { "  until " + words(for: $0) } ?? "  until now\n"
    }
    if answer.misdatedEvents > 0 {
      text +=
        "the clock was set back: \(grouped(answer.misdatedEvents)) later events are dated before "
        + "this time and are not counted in\n"
    }
    return text
  }

  private static func words(for change: ChangeAsOf) -> String {
    let reason = change.reason.flatMap { $0.isEmpty ? nil : " (\(printable($0)))" } ?? ""
    return "\(change.time)  \(change.actor)  \(printable(change.summary, limit: 400))\(reason)"
      + "  [\(change.sequence)]\n"
  }
}
