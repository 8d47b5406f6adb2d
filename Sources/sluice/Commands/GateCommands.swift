import Core
import Glibc
import Node

extension EvaluateCommands {
  private static let version = Positional(
    "version", .version, help: "a version, like flight-delay@2")
  private static let gates = Option<String>(
    "gates", .file,
    help: "the file of gates, like samples/gates/standard.yaml (default: the usual ones)")
  private static let against = Option<VersionID>(
    "against", .version, help: "the version to be matched (default: the endpoint's stable)")
  private static let endpoint = Option<Name>(
    "endpoint", .name.named("ENDPOINT"), help: "the endpoint that it is to serve")
  private static let sign = Option<[String: String]>(
    "sign", .signatures, help: "items of the checklist with who did them: \"load test=ana\"")
  private static let dryRun = Flag("dry-run", help: "writes nothing into the journal")

  static let gate = CommandDeclaration(
    "model gate", summary: "Runs the gates that a version must pass before it gets traffic",
    discussion: [
      "A file of gates says what must be so: a signature that the endpoint's callers can use, "
        + "golden rows, limits of metrics over all and by segment, no worse than the stable, "
        + "fairness, latency alone and under load, memory, warm-up, a complete model card, a "
        + "checklist signed by name. All gates are run; the exit code is 1 when one fails. What "
        + "each found is kept with the version and in the journal.",
      "Without --gates the usual ones are run; they need no labels, and without --rows the model "
        + "is called with rows made up as in its training reference. A plan with `requires: "
        + "[gates]` starts no ramp before they have passed against the endpoint's stable.",
    ],
    parameters: [
      version, gates, rows, label, positive, against, endpoint, sign, dryRun, confidence,
    ],
    examples: [
      (
        "sluice model gate flight-delay@2 --gates standard.yaml --rows eval.csv --label late "
          + "--against flight-delay@1", "may it get traffic?"
      )
    ]
  ) { call in
    let request = GateRequest(
      version: call[required: version], gatesPath: call[gates], rowsPath: call[rows],
      label: call[label],
      positive: call[positive], against: call[against], endpoint: call[endpoint],
      signed: call[sign] ?? [:], confidence: call[confidence], isRecorded: !call[dryRun])
    let report = try call.withNode { client in
      try GateRunner.run(
        request, stateDirectory: call.stateDirectory, client: client,
        actor: ActorID.currentPerson())
    }
    try call.tell(report, text: EvaluationText.page(report))
    return report.passed ? .done : .notSo
  }

  /// What `model card --json` tells.
  private struct CardPage: Encodable {
    let version: VersionID
    let card: CardReview
    let missing: [String]
    let history: [JournalRow]
  }

  private static let historyRowsMax = 1_000_000
  private static let historyShownMax = 50

  static let card = CommandDeclaration(
    "model card", summary: "Shows a version's model card, what it lacks, and where it has served",
    discussion: ["The exit code is 1 when a required field is missing."],
    parameters: [version],
    examples: [("sluice model card flight-delay@2", "what it is for, and what happened to it")]
  ) { call in
    let id = call[required: version]
    let (text, rows): (String, [JournalRow]) = try call.withNode { client in
      (try client.detail(of: id).card, try history(of: id, client))
    }
    let review = try CardReview(text)
    let page = CardPage(version: id, card: review, missing: review.missing, history: rows)
    try call.tell(page, text: CardText.page(id, review, rows))
    return review.missing.isEmpty ? .done : .notSo
  }

  /// The newest journal rows that name the version, oldest first.
  private static func history(
    of version: VersionID, _ client: any NodeClient
  ) throws -> [JournalRow] {
    var found: [JournalRow] = []
    var last = max(0, try client.info().sequence - historyRowsMax)
    while true {
      let rows = try client.journal(after: last, limit: 1_000)
      guard let newest = rows.last else { break }
      last = newest.sequence
      found += rows.filter { mentions($0.summary, version.description) }
      if found.count > 2 * historyShownMax { found.removeFirst(found.count - historyShownMax) }
    }
    return found.suffix(historyShownMax)
  }

  /// Whether a text has a word, which no digit goes on: `m@1` is not in `m@12`.
  static func mentions(_ text: String, _ word: String) -> Bool {
    let (text, word) = (Array(text.utf8), Array(word.utf8))
    guard !word.isEmpty, text.count >= word.count else { return false }
    return (0...(text.count - word.count)).contains { start in
      let end = start + word.count
      guard text[start..<end].elementsEqual(word) else { return false }
      let goesOn = end < text.count && (0x30...0x39).contains(text[end])
      let before = start > 0 ? text[start - 1] : 0x20
      let isPart =
        (0x30...0x39).contains(before) || (0x61...0x7A).contains(before | 0x20)
        || before == 0x2D || before == 0x5F || before == 0x2E
      return !goesOn && !isPart
    }
  }
}

extension ValueKind where Value == [String: String] {
  /// `load test=ana,privacy=bob`.
  static let signatures = ValueKind(placeholder: "ITEM=NAME,…", completion: .nothing) {
    text throws(InvalidValue) in
    var signed: [String: String] = [:]
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let sign = part.lastIndex(of: "="), sign > part.startIndex,
        part.index(after: sign) < part.endIndex
      else {
        throw InvalidValue(
          "expected items with names like \"load test=ana\", got \"\(printable(text, limit: 80))\"")
      }
      signed[String(part[..<sign])] = String(part[part.index(after: sign)...])
    }
    return signed
  }
}
