import Core
import Node

/// `sluice why` and `sluice try`: where one request goes, asked or tried.
enum RequestCommands {
  static let all: [CommandDeclaration] = [why, tryOut]

  private static let endpoint = ControlCommands.endpoint
  private static let key = Option<String>("key", .text, help: "the caller's sticky key")
  private static let row = Option<String>(
    "row", .text.named("JSON"), help: "the row, like {\"carrier\":\"AA\",\"distance\":733}")
  private static let headers = Option<[String: String]>(
    "header", .attributes, help: "attributes sent with the request: x-beta=1")
  private static let version = Option<VersionID>(
    "version", .version, help: "asks for a version, ahead of every rule")
  private static let sample = Flag(
    "sample", help: "sends the row of a recent request, or a golden row")

  static let why = CommandDeclaration(
    "why", summary: "Says which version a request gets, and by which rule",
    discussion: [
      "Rules by hand come first, then a rollout's own segment, then the endpoint's split. Columns "
        + "that are not given are not known: rules that need them are named.",
      "Requests without a key draw a version anew each time.",
    ],
    parameters: [endpoint, key, row, headers],
    examples: [
      ("sluice why flight-delay --key carrier-9E", "the bucket, its range, the version"),
      ("sluice why flight-delay --key k1 --header x-beta=1", "with a rule about a header"),
    ]
  ) { call in
    let given = call[key]
    let known = try call[row].map(TryRow.parse) ?? [:]
    let attributes = call[headers] ?? [:]
    guard given != nil || !known.isEmpty || !attributes.isEmpty else {
      throw InvalidValue("--key is missing: whose version is asked for? --row and --header do too")
    }
    let request = NodeRequest.why(
      endpoint: call[required: endpoint], key: given, row: known, headers: attributes)
    let found = try call.withNode { client in
      guard case .why(let found) = try client.send(request) else { throw client.mismatch }
      return found
    }
    try call.tell(found, text: text(found))
    return .done
  }

  private static func text(_ found: RouteExplanation) -> String {
    let version =
      found.version.map { "\($0)" } ?? (found.bucket < 0 ? "a version drawn anew" : "nobody")
    let place =
      found.bucket < 0 ? "" : "bucket \(found.bucket) of \(found.rangeFirst)-\(found.rangeLast); "
    var lines = [
      "\(version): \(place)\(printable(found.rule, limit: 400)) (generation \(found.generation))"
    ]
    if let shadow = found.shadow { lines.append("copies: \(printable(shadow, limit: 300))") }
    for rule in found.undecided ?? [] {
      lines.append("not known without more of the row: \(printable(rule, limit: 300))")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  static let tryOut = CommandDeclaration(
    "try", summary: "Sends one test request, outside of every verdict",
    discussion: [
      "It goes the way of callers' requests: rules, buckets, fences, fallback. It is no evidence, "
        + "is in no figure and is not copied for shadows.",
      "Without --row the row of a recent request is sent.",
    ],
    parameters: [endpoint, row, sample, key, headers, version],
    examples: [
      ("sluice try flight-delay --key carrier-9E", "who answers this caller, with what"),
      ("sluice try flight-delay --version flight-delay@2", "what a version without traffic says"),
    ]
  ) { call in
    guard call[row] == nil || !call[sample] else {
      throw InvalidValue("--row and --sample both say which row to send: give one of them")
    }
    let request = NodeRequest.tryRequest(
      endpoint: call[required: endpoint], row: try call[row].map(TryRow.parse) ?? [:],
      key: call[key], headers: call[headers] ?? [:], version: call[version])
    let tried = try call.withNode { client in
      guard case .tried(let tried) = try client.send(request) else { throw client.mismatch }
      return tried
    }
    try call.tell(tried, text: text(tried))
    return tried.version == nil ? .notSo : .done
  }

  private static func text(_ tried: TriedRequest) -> String {
    let who = tried.version.map { "\($0)" } ?? "nobody"
    var lines = [
      "\(who) (\(tried.outcome)): \(printable(tried.chosenBy, limit: 300)) "
        + "(generation \(tried.generation))"
    ]
    if let routed = tried.routedTo, let version = tried.version, routed != version {
      lines.append("routed to \(routed), which failed")
    }
    if let label = tried.label { lines.append("label  \(printable(label, limit: 60))") }
    if let score = tried.score { lines.append("score  \(score)") }
    for output in tried.outputs {
      let values = output.values.prefix(16).joined(separator: " ")
      lines.append(
        "\(printable(output.name, limit: 40)): \(printable(values, limit: 300))"
          + (output.values.count > 16 ? " and \(output.values.count - 16) more" : ""))
    }
    let stages = tried.stages.map { "\($0.name) \(microseconds($0.nanoseconds))" }
    if !stages.isEmpty {
      lines.append(
        "\(microseconds(tried.latencyNanoseconds)) us from routing to answer ("
          + stages.joined(separator: ", ") + ")")
    }
    if let source = tried.rowSource {
      let cells = tried.row.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
      lines.append("the row of \(source): \(printable(cells.joined(separator: " "), limit: 600))")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func microseconds(_ nanoseconds: Int) -> String {
    let tenths = (nanoseconds + 50) / 100
    return "\(tenths / 10).\(tenths % 10)"
  }
}

extension ValueKind where Value == [String: String] {
  /// `x-beta=1 x-region=eu`.
  static let attributes = ValueKind(placeholder: "NAME=VALUE", completion: .nothing) {
    (word) throws(InvalidValue) in
    var result: [String: String] = [:]
    for part in word.split(separator: " ") {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard pair.count == 2, let name = pair.first, !name.isEmpty else {
        throw InvalidValue(
          "expected attributes like x-beta=1 with blanks between them, got "
            + "\"\(printable(word, limit: 60))\"")
      }
      result[String(name)] = String(pair[1])
    }
    return result
  }
}
