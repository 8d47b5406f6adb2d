import Control
import Core
import Node

/// `sluice checklist …`: what people sign off before a version gets traffic.
enum ChecklistCommands {
  static let group = CommandGroup(
    name: "checklist", summary: "What people sign off by name before a version gets traffic")
  static let all: [CommandDeclaration] = [show, sign, unsign, use]

  private static let version = RegistryCommands.version
  private static let item = Positional(
    "item", .text.named("ITEM"), help: "the item, as it is shown")
  private static let gates = Option<String>(
    "gates", .file, help: "a file of gates whose checklist counts (default: the usual items)")

  /// What `checklist show --json` tells.
  private struct Page: Encodable {
    let version: VersionID
    let fourEyes: Bool
    let items: [ChecklistRow]
    let complete: Bool
  }

  static let show = CommandDeclaration(
    "checklist show", summary: "Shows a version's checklist with who signed what",
    discussion: ["The exit code is 1 while an item is not signed."],
    parameters: [version],
    examples: [("sluice checklist show flight-delay@2", "what is still to be done")]
  ) { call in
    let id = call[required: version]
    let record = try call.withNode { try $0.record(of: id) }
    let page = Page(
      version: id, fourEyes: record.fourEyes, items: record.checklist,
      complete: record.record.unsigned.isEmpty)
    try call.tell(page, text: RegistryText.checklist(record))
    return page.complete ? .done : .notSo
  }

  static let sign = CommandDeclaration(
    "checklist sign", summary: "Signs an item off in your name",
    discussion: [
      "The journal keeps who and when. With `four_eyes: true` in the file of gates, who imported "
        + "the version signs nothing."
    ],
    parameters: [version, item],
    examples: [("sluice checklist sign flight-delay@2 \"model card read\"", "in your name")]
  ) { call in
    try call.carryOut(
      .registry(.sign(version: call[required: version], item: call[required: item])))
  }

  static let unsign = CommandDeclaration(
    "checklist unsign", summary: "Takes a signature back",
    parameters: [version, item, RegistryCommands.reason],
    examples: [("sluice checklist unsign flight-delay@2 \"callers told\"", "not so after all")]
  ) { call in
    try call.carryOut(
      .registry(
        .unsign(
          version: call[required: version], item: call[required: item],
          reason: call[RegistryCommands.reason])))
  }

  static let use = CommandDeclaration(
    "checklist use", summary: "Gives a version the checklist of a file of gates",
    discussion: [
      "Running `model gate` does the same. Signatures of items that the new list has not are "
        + "forgotten."
    ],
    parameters: [version, gates],
    examples: [("sluice checklist use flight-delay@2 --gates prod.yaml", "its items, its eyes")]
  ) { call in
    var checklist: Checklist?
    if let path = call[gates] {
      checklist = try GateFile.load(path: path).signedChecklist
      guard checklist != nil else { throw InvalidValue("the file of gates has no checklist") }
    }
    return try call.carryOut(
      .registry(
        .setChecklist(version: call[required: version], checklist: checklist)))
  }
}
