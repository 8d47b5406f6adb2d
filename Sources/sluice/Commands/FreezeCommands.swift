import Control
import Core
import Node

/// `sluice freeze …` and `sluice stop-the-line`.
enum FreezeCommands {
  static let group = CommandGroup(
    name: "freeze", summary: "Freeze windows: times in which nothing moves forward")
  static let all: [CommandDeclaration] = [stopTheLine, add, list, remove]

  private static let reason = Option<String>("reason", .text, help: "why, for everyone it stops")
  private static let release = Flag("release", help: "lets things move forward again")

  static let stopTheLine = CommandDeclaration(
    "stop-the-line", summary: "Stops every forward move on the node, at once",
    discussion: [
      "Ramps hold, and nothing starts, steps up, is promoted or undone, until `--release`. "
        + "Rollback, abort, pause and lowering a weight are never stopped."
    ],
    parameters: [release, reason],
    examples: [
      ("sluice stop-the-line --reason \"incident 42\"", "every ramp holds where it is"),
      ("sluice stop-the-line --release", "ramps go on by themselves"),
    ]
  ) { call in
    if call[release] {
      return try call.carryOut(.removeFreeze(id: nil, reason: call[reason]))
    }
    return try call.carryOut(
      .addFreeze(endpoint: nil, window: .untilReleased, reason: call[reason]))
  }

  private static let window = Positional(
    "window",
    ValueKind<FreezeWindow>(placeholder: "WINDOW", completion: .nothing) {
      (word) throws(InvalidValue) in
      try FreezeWindow(word)
    }, help: "each week or once; UTC, or with a zone like +02:00 at the end")
  private static let place = DefaultedOption<String>(
    "endpoint", ValueKind.text.named("ENDPOINT"), default: "all", help: "where it holds")

  static let add = CommandDeclaration(
    "freeze add", summary: "Adds a window in which nothing moves forward",
    discussion: [
      "A running ramp holds in it and goes on by itself afterwards. One move goes past it with "
        + "`--override-freeze REASON`, which the journal keeps."
    ],
    parameters: [window, place, reason],
    examples: [
      ("sluice freeze add \"Fri 16:00-Mon 08:00 +01:00\" --reason \"weekend\"", "each week"),
      (
        "sluice freeze add \"2026-12-24 16:00/2027-01-02 08:00\" --reason \"holidays\"", "once"
      ),
    ]
  ) { call in
    let name = call[place] == "all" ? nil : try Name(call[place])
    return try call.carryOut(
      .addFreeze(endpoint: name, window: call[required: window], reason: call[reason]))
  }

  static let list = CommandDeclaration(
    "freeze list", summary: "Shows the freezes, and which of them hold now",
    examples: [("sluice freeze list", "who froze, why, until when")]
  ) { call in
    let snapshot = try call.withNode {
      try $0.snapshot(SnapshotRequest(points: 1, eventLimit: 0))
    }
    let views = snapshot.freezes ?? []
    var table = TextTable(["freeze", "where", "window", "now", "by", "reason"])
    for view in views {
      table.add([
        "\(view.freeze.id)", view.freeze.endpoint?.text ?? "all", "\(view.freeze.window)",
        view.isActive ? "holds" : "-", "\(view.freeze.by)",
        printable(view.freeze.reason, limit: 60),
      ])
    }
    try call.tell(views, text: views.isEmpty ? "nothing is frozen\n" : table.text)
    return .done
  }

  private static let id = Positional(
    "number", .integer(1...Int(Int32.max)), help: "the freeze's number, from freeze list")

  static let remove = CommandDeclaration(
    "freeze remove", summary: "Ends a freeze; what it held goes on by itself",
    parameters: [id, reason],
    examples: [("sluice freeze remove 2", "ends freeze 2")]
  ) { call in
    try call.carryOut(.removeFreeze(id: call[required: id], reason: call[reason]))
  }
}
