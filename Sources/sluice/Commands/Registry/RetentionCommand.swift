import Control
import Core
import Node

extension RegistryCommands {
  private static let action = Positional(
    "action", .choice("ACTION", of: ["show", "set", "run", "remove"]),
    help: "show, set, run or remove")
  private static let retained = Positional(
    "model", .name.named("MODEL"), count: .optional, help: "the model; run and show take all")
  private static let keep = Option<Int>(
    "keep", .integer(1...ControlLimits.versionsPerModelMax),
    help: "the newest versions that always stay")
  private static let days = Option<Int>(
    "days", .integer(1...36_500), help: "versions younger than so many days stay as well")
  private static let dryRun = Flag("dry-run", help: "shows what would go, deletes nothing")

  static let retention = CommandDeclaration(
    "model retention", summary: "Says how many versions of a model stay, and deletes the others",
    discussion: [
      "`set` keeps the rule; nothing goes before `run` is called, by hand or by cron, and without "
        + "a rule `run` deletes nothing. What model delete would refuse stays: what is on an "
        + "endpoint, rollback targets, aliases, protected tags.",
      "Each deletion is an event of its own in the journal.",
    ],
    parameters: [action, retained, keep, days, dryRun],
    examples: [
      ("sluice model retention set flight-delay --keep 10 --days 30", "the rule"),
      ("sluice model retention run --dry-run", "what would go"),
      ("sluice model retention run flight-delay", "deletes it"),
    ]
  ) { call in
    let model = call[retained]
    switch call[required: action] {
    case "set":
      guard let model else { throw InvalidValue("retention set needs MODEL") }
      guard let keep = call[keep] else {
        throw InvalidValue("--keep is missing: --keep N says how many versions stay")
      }
      return try call.carryOut(
        .registry(.setRetention(RetentionRule(model: model, keep: keep, days: call[days]))))
    case "remove":
      guard let model else { throw InvalidValue("retention remove needs MODEL") }
      return try call.carryOut(.registry(.removeRetention(model: model)))
    case "run" where !call[dryRun]: return try runRetention(model, call)
    default:
      let views = try call.withNode { try $0.retention(model) }
      try call.tell(views, text: RegistryText.retention(views))
      return .done
    }
  }

  /// What `model retention run --json` tells.
  private struct Retained: Encodable {
    let deleted: [VersionID]
    let refused: [String]
  }

  private static func runRetention(_ model: Name?, _ call: Invocation) throws -> ExitCode {
    let result: Retained = try call.withNode { client in
      var deleted: [VersionID] = []
      var refused: [String] = []
      for view in try client.retention(model) {
        for verdict in view.leaving {
          let order = Order(
            command: .registry(
              .delete(version: verdict.version, reason: "retention \(view.rule.words)")),
            actor: ActorID.currentPerson())
          do {
            _ = try client.outcome(of: .perform(order))
            deleted.append(verdict.version)
          } catch let error as NodeError where error.code == .refused || error.code == .unknown {
            // It came to be needed, or went, since the list was made.
            refused.append(error.message)
          }
        }
      }
      return Retained(deleted: deleted, refused: refused)
    }
    var text = result.deleted.map { "\($0) deleted\n" }.joined()
    for sentence in result.refused { text += "kept: \(printable(sentence, limit: 400))\n" }
    text += "\(result.deleted.count) versions deleted\n"
    try call.tell(result, text: text)
    return .done
  }
}
