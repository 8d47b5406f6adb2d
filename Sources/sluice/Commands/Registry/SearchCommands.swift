import Control
import Core
import Node

/// Finding versions, and who served when.
extension RegistryCommands {
  private static let words = Positional(
    "words", .text.named("WORD"), count: .any,
    help: "comparisons like \"accuracy>0.9\", or words of the name, summary, tags or card")
  static let model = Option<Name>("model", .name, help: "only this model")
  static let tagged = Option<Tag>("tag", .tag, help: "with this tag; a key alone takes any value")
  static let withAlias = Option<Name>("alias", .name.named("ALIAS"), help: "with this alias")
  static let withStatus = Option<ReviewStatus>(
    "status", .approvalStatus, help: "in this status")
  private static let servedOn = Option<Name>(
    "served-on", .name.named("ENDPOINT"), help: "that has had weight on this endpoint")
  private static let deleted = Flag("deleted", help: "deleted versions too")

  static let search = CommandDeclaration(
    "model search", summary: "Finds versions by metric, tag, alias, status, endpoint or words",
    discussion: [
      "All that is given must hold. The exit code is 1 when nothing is found. Quote comparisons, "
        + "or the shell takes < and > for itself."
    ],
    parameters: [words, model, tagged, withAlias, withStatus, servedOn, deleted],
    examples: [
      ("sluice model search \"accuracy>0.78\" --status approved", "good ones that may serve"),
      ("sluice model search --served-on flight-delay weather", "what has served, by its card"),
    ]
  ) { call in
    var query = VersionQuery()
    for word in call[all: words] {
      if word.contains(where: { "<>=".contains($0) }) {
        query.metrics.append(try MetricCondition(word))
      } else {
        query.texts.append(word)
      }
    }
    query.model = call[model]
    query.tags = call[tagged].map { [$0] } ?? []
    query.alias = call[withAlias]
    query.status = call[withStatus]
    query.servedOn = call[servedOn]
    query.includesDeleted = call[deleted]
    let found = try call.withNode { try $0.search(query) }
    try call.tell(found, text: RegistryText.table(found))
    return found.isEmpty ? .notSo : .done
  }

  static let lineage = CommandDeclaration(
    "model lineage", summary: "Shows where a version came from and what became of it",
    discussion: [
      "Parent and training, files, gates, checklist, the rollouts it took part in, when and where "
        + "it served, and the versions made from it."
    ],
    parameters: [version],
    examples: [("sluice model lineage flight-delay@2", "its whole story as a tree")]
  ) { call in
    let lineage = try call.withNode { try $0.lineage(of: call[required: version]) }
    try call.tell(lineage, text: LineageText.page(lineage))
    return .done
  }

  private static let moment = Positional(
    "time", .text.named("TIME"), help: "2026-03-14T14:02:31Z, \"2h ago\", or now")

  /// What `model served-at --json` tells.
  private struct ServedAt: Encodable {
    let time: Timestamp
    let answer: EndpointAsOf
  }

  static let servedAt = CommandDeclaration(
    "model served-at", summary: "Shows which versions served an endpoint at a moment in the past",
    discussion: ["Read from the journal, also beside a node that hangs."],
    parameters: [ControlCommands.endpoint, moment],
    examples: [("sluice model served-at flight-delay \"2h ago\"", "who answered then, and why")]
  ) { call in
    try call.requireStateDirectory()
    let time = try Timestamp(written: call[required: moment])
    let answer = try AsOf.read(
      stateDirectory: call.stateDirectory, time: time,
      only: call[required: ControlCommands.endpoint])
    guard let endpoint = answer.endpoints.first else { return .notSo }
    try call.tell(
      ServedAt(time: time, answer: endpoint), text: LineageText.served(endpoint, at: time))
    return .done
  }
}
