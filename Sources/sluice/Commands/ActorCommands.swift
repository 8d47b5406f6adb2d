import Core
import Node

/// `sluice actor …`.
enum ActorCommands {
  static let group = CommandGroup(
    name: "actor", summary: "The persons behind the journal, whose names can be erased")
  static let all: [CommandDeclaration] = [list, show, forget]

  static let list = CommandDeclaration(
    "actor list", summary: "Shows who has acted, and what the journal has in place of the name",
    discussion: [
      "The journal has a pseudonym for each person: a hash under a key of the person's own. Names "
        + "and keys are in people.jsonl of the state directory, which only its user can read."
    ],
    examples: [("sluice actor list", "names, pseudonyms, and which were erased")]
  ) { call in
    try call.requireStateDirectory()
    let views = try Actors.list(stateDirectory: call.stateDirectory)
    var table = TextTable(["person", "pseudonym", "since", "erased"])
    for view in views {
      table.add([
        printable(view.name, limit: 40), view.pseudonym, view.since.map { "\($0)" } ?? "-",
        view.forgotten.map { "\($0)" } ?? "-",
      ])
    }
    try call.tell(views, text: views.isEmpty ? "no person has acted yet\n" : table.text)
    return .done
  }

  private static let name = Positional(
    "name", .text.named("NAME"), help: "a name, or a pseudonym from actor list")

  static let show = CommandDeclaration(
    "actor show", summary: "Shows one person and the pseudonym that the journal has",
    parameters: [name],
    examples: [("sluice actor show ana", "since when she is known, and as what")]
  ) { call in
    try call.requireStateDirectory()
    let view = try Actors.show(call[required: name], stateDirectory: call.stateDirectory)
    let erased = view.forgotten.map { ", erased \($0)" } ?? ""
    try call.tell(
      view,
      text: "\(printable(view.name, limit: 40))  pseudonym \(view.pseudonym)"
        + (view.since.map { ", since \($0)" } ?? "") + "\(erased)\n")
    return .done
  }

  private static let reason = Option<String>("reason", .text, help: "why; the journal keeps it")
  private static let person = Positional(
    "name", .text.named("NAME"), help: "the name that is erased")

  static let forget = CommandDeclaration(
    "actor forget", summary: "Erases a person's name, for good",
    discussion: [
      "Every view then says forgotten- and four digits in place of the name; the journal, its "
        + "chain and signed checkpoints never had it and go on fitting. Whoever acts again under "
        + "that name is somebody new. Not while a ramp runs that the person began or approved.",
      "What persons typed themselves (reasons, notes), rows of a journal from before pseudonyms, "
        + "and earlier backups still have the name: restore --forgotten erases it in the latter.",
    ],
    parameters: [person, reason],
    examples: [("sluice actor forget ana --reason \"left in March\"", "erases ana")]
  ) { call in
    try call.carryOut(
      .forgetActor(name: call[required: person], pseudonym: nil, reason: call[reason]))
  }
}
