import Control
import Core
import Node

/// The commands that change which version answers.
enum ControlCommands {
  static let endpoint = Positional("endpoint", .name.named("ENDPOINT"), help: "the endpoint")
  static let version = Positional("version", .version, help: "a version, like flight-delay@2")
  static let reason = Option<String>(
    "reason", .text, help: "why, for the journal; needed past a guard's warning")
  static let ifGeneration = Option<Int>(
    "if-generation", .integer(0...Int(Int32.max)),
    help: "refuse when the endpoint has changed since this generation")

  static let overrideFreeze = Option<String>(
    "override-freeze", .text.named("REASON"), help: "goes past a freeze; the journal keeps why")

  static let all: [CommandDeclaration] = [deploy, unload, split] + rollout + [rollback, undo]

  static let deploy = CommandDeclaration(
    "deploy", summary: "Loads a version on an endpoint; the first one gets all traffic",
    discussion: [
      "A later version is loaded, checked against the endpoint's signature and gets no traffic "
        + "until `ramp` or `split` gives it some."
    ],
    parameters: [endpoint, version, overrideFreeze, ifGeneration],
    examples: [("sluice deploy flight-delay flight-delay@1", "the endpoint begins to serve")]
  ) { call in
    try call.carryOut(.deploy(endpoint: call[required: endpoint], version: call[required: version]))
  }

  static let unload = CommandDeclaration(
    "unload", summary: "Takes a version without traffic off an endpoint",
    parameters: [endpoint, version, ifGeneration],
    examples: [("sluice unload flight-delay flight-delay@3", "frees its memory")]
  ) { call in
    try call.carryOut(.unload(endpoint: call[required: endpoint], version: call[required: version]))
  }

  private static let shares = Positional(
    "shares", .share, count: .oneOrMore, help: "each version's part; together exactly 100%")

  static let split = CommandDeclaration(
    "split", summary: "Sets the parts of traffic by hand",
    discussion: ["Nothing guards a split that is set by hand; `ramp` is the guarded way."],
    parameters: [endpoint, shares, overrideFreeze, ifGeneration],
    examples: [
      ("sluice split flight-delay flight-delay@1=90% flight-delay@2=10%", "one request in ten"),
      ("sluice split flight-delay flight-delay@2=100%", "all traffic to one version"),
    ]
  ) { call in
    let split = try Split(call[all: shares])
    return try call.carryOut(.setSplit(endpoint: call[required: endpoint], split: split))
  }

  private static let target = Option<VersionID>(
    "to", .version, help: "this version instead of the last good one")
  private static let force = Flag(
    "force", help: "when the node does not answer: leaves a mark that it obeys when it wakes")
  private static let over = Option<TimeSpan>(
    "over", .duration(.seconds(1)...ControlLimits.spanMax),
    help: "takes the running ramp's traffic away little by little in this time")
  private static let symptom = Option<String>(
    "symptom", .text, help: "what was seen, for the journal")

  static let rollback = CommandDeclaration(
    "rollback", summary: "Gives all traffic back to the last good version, at once",
    discussion: [
      "The other versions are closed: no later request is routed to them. It needs no reason; "
        + "one can be added afterwards with `sluice note`.",
      "With `--over` a running ramp goes back in up to ten even moves, so that the version it goes "
        + "back to can warm up. Anything that is wrong meanwhile, `abort` or a rollback without "
        + "`--over` ends it at once.",
    ],
    parameters: [endpoint, target, over, symptom, force, ifGeneration],
    examples: [
      ("sluice rollback flight-delay", "back to the last good version"),
      ("sluice rollback flight-delay --to flight-delay@1", "back to a version of one's choice"),
      ("sluice rollback flight-delay --over 10m", "a running ramp, little by little"),
      ("sluice rollback flight-delay --force", "when the node hangs"),
    ]
  ) { call in
    let name = call[required: endpoint]
    guard call[force] else {
      return try call.carryOut(
        .rollBack(
          endpoint: name, to: call[target], symptom: call[symptom], over: call[over]))
    }
    guard call[over] == nil else {
      throw InvalidValue("--force rolls back at once: leave --over out")
    }
    try call.requireStateDirectory()
    let sentence = try NodeDoor.forceRollback(
      stateDirectory: call.stateDirectory, endpoint: name, to: call[target],
      actor: ActorID.currentPerson())
    try call.tell(ForcedRollback(endpoint: name, summary: sentence), text: sentence + "\n")
    return .done
  }

  /// What `rollback --force` tells scripts.
  private struct ForcedRollback: Encodable {
    let endpoint: Name
    let forced = true
    let summary: String

    enum CodingKeys: CodingKey { case endpoint, forced, summary }
  }

  private static let generation = Option<Int>(
    "to", .integer(1...Int(Int32.max)).named("GENERATION"),
    help: "the split of this generation, from the journal")

  static let undo = CommandDeclaration(
    "undo", summary: "Gives back the split from before the last change, or an earlier one",
    discussion: [
      "It is a change of its own in the journal, with a generation of its own. `--to` takes one of "
        + "the endpoint's last 32 generations, whose versions still have to be deployed and open."
    ],
    parameters: [endpoint, generation, overrideFreeze, ifGeneration],
    examples: [
      ("sluice undo flight-delay", "takes the last change back"),
      ("sluice undo flight-delay --to 7", "the split as it was at generation 7"),
    ]
  ) { call in
    let name = call[required: endpoint]
    guard let generation = call[generation] else { return try call.carryOut(.undo(endpoint: name)) }
    return try call.carryOut(.undoTo(endpoint: name, generation: generation))
  }
}
