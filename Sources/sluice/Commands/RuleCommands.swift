import Control
import Core
import Node

/// `sluice rule …`, `sluice pin` and `sluice unpin`.
enum RuleCommands {
  static let group = CommandGroup(
    name: "rule", summary: "Rules by hand: which requests go to which version, ahead of the split")
  static let all: [CommandDeclaration] = [add, remove, list, pin, unpin]

  private static let name = Positional("rule", .name.named("RULE"), help: "the rule's name")
  private static let when = Option<RequestRule>(
    "when",
    ValueKind(placeholder: "RULE", completion: .nothing) { (word) throws(InvalidValue) in
      try RequestRule(word)
    }, help: "which requests, like \"carrier=AA|UA header:x-beta=1 key=alice\": all must hold")
  private static let shares = Positional(
    "shares", .share, count: .oneOrMore, help: "each version's part; together exactly 100%")

  static let add = CommandDeclaration(
    "rule add", summary: "Sends the requests that match a rule by a split of their own",
    discussion: [
      "The first rule that matches wins. What a rule routes is no evidence for the guard. A "
        + "rollback that closes one of its versions removes it."
    ],
    parameters: [
      ControlCommands.endpoint, name, shares, when, ControlCommands.reason,
      ControlCommands.overrideFreeze, ControlCommands.ifGeneration,
    ],
    examples: [
      (
        "sluice rule add flight-delay beta flight-delay@3=100% --when header:x-beta=1",
        "those who ask for it"
      ),
      (
        "sluice rule add flight-delay aa flight-delay@2=50% flight-delay@1=50% --when carrier=AA",
        "half of one carrier's requests"
      ),
    ]
  ) { call in
    guard let when = call[when] else {
      throw InvalidValue("a rule needs --when, like --when carrier=AA")
    }
    let rule = RouteRule(
      name: call[required: name], rule: when, split: try Split(call[all: shares]))
    return try call.carryOut(
      .addRule(
        endpoint: call[required: ControlCommands.endpoint], rule: rule,
        reason: call[ControlCommands.reason]))
  }

  static let remove = CommandDeclaration(
    "rule remove", summary: "Ends a rule by hand; its requests go by the split again",
    parameters: [
      ControlCommands.endpoint, name, ControlCommands.reason, ControlCommands.ifGeneration,
    ],
    examples: [("sluice rule remove flight-delay beta", "everyone is routed alike again")]
  ) { call in
    try call.carryOut(
      .removeRule(
        endpoint: call[required: ControlCommands.endpoint], name: call[required: name],
        reason: call[ControlCommands.reason]))
  }

  static let list = CommandDeclaration(
    "rule list", summary: "Shows an endpoint's rules by hand, in the order in which they are tried",
    parameters: [ControlCommands.endpoint],
    examples: [("sluice rule list flight-delay", "who is routed otherwise, and by whom")]
  ) { call in
    let name = call[required: ControlCommands.endpoint]
    let detail = try call.withNode {
      try $0.snapshot(SnapshotRequest(endpoint: name, points: 1, eventLimit: 0)).detail
    }
    guard let detail, detail.name == name else {
      throw NodeError(.unknown, "there is no endpoint \(name): sluice endpoint list shows them")
    }
    let rules = detail.rules ?? []
    var table = TextTable(["rule", "when", "goes to", "by", "since"])
    for rule in rules {
      table.add([
        rule.name.text, printable(rule.rule.description, limit: 60), "\(rule.split)", "\(rule.by)",
        "\(rule.since)",
      ])
    }
    try call.tell(
      rules, text: rules.isEmpty ? "no rules: all requests go by the split\n" : table.text)
    return .done
  }

  private static let key = Option<String>("key", .text.named("KEY"), help: "the caller's key")

  static let pin = CommandDeclaration(
    "pin", summary: "Sends one caller's requests to one version, whatever the split",
    discussion: ["It is a rule with that key as its condition; `unpin` ends it."],
    parameters: [
      ControlCommands.endpoint, ControlCommands.version, key, ControlCommands.reason,
      ControlCommands.overrideFreeze, ControlCommands.ifGeneration,
    ],
    examples: [("sluice pin flight-delay flight-delay@3 --key alice", "alice tries the new one")]
  ) { call in
    try call.carryOut(
      .addRule(
        endpoint: call[required: ControlCommands.endpoint],
        rule: .pin(try given(call), to: call[required: ControlCommands.version]),
        reason: call[ControlCommands.reason]))
  }

  static let unpin = CommandDeclaration(
    "unpin", summary: "Ends the pin of a caller",
    parameters: [
      ControlCommands.endpoint, key, ControlCommands.reason, ControlCommands.ifGeneration,
    ],
    examples: [("sluice unpin flight-delay --key alice", "alice is routed like everyone")]
  ) { call in
    try call.carryOut(
      .removeRule(
        endpoint: call[required: ControlCommands.endpoint],
        name: RouteRule.pinName(try given(call)), reason: call[ControlCommands.reason]))
  }

  private static func given(_ call: Invocation) throws -> String {
    guard let key = call[key] else { throw InvalidValue("whose requests? give --key KEY") }
    return key
  }
}

extension ValueKind where Value == Timestamp {
  /// A moment: `2026-03-14T14:00:00Z`, `2h ago`, or `+30m` from now.
  static let moment = ValueKind(placeholder: "TIME", completion: .nothing) {
    (word) throws(InvalidValue) in
    try Timestamp(moment: word)
  }
}

extension ValueKind where Value == [Name] {
  /// Names with commas between.
  static let names = ValueKind(placeholder: "NAME,…", completion: .nothing) {
    (word) throws(InvalidValue) in
    try parseNames(word)
  }
}
