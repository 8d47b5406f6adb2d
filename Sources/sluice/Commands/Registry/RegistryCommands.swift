import Control
import Core
import Node

/// `sluice model alias`, `tag`, `approve`, `search`, `lineage`, `served-at`, `delete`, `retention`.
enum RegistryCommands {
  static let all: [CommandDeclaration] = [
    search, alias, tag, approve, lineage, servedAt, delete, retention, require,
  ]

  static let version = Positional(
    "version", .version, help: "a version, like flight-delay@2 or flight-delay@champion")
  static let reason = Option<String>("reason", .text, help: "why, for the journal")

  // MARK: Names and tags

  private static let aliasName = Positional(
    "alias", .name.named("ALIAS"), help: "a name that begins with a letter, like champion")
  private static let removeAlias = Flag("remove", help: "takes the alias away")

  static let alias = CommandDeclaration(
    "model alias", summary: "Lets a name stand for a version: flight-delay@champion",
    discussion: [
      "An alias is accepted wherever a version is. The command is decided and journalled with the "
        + "number that it stands for at that moment. Each stands for one version of the model.",
      "The alias champion follows the stable: when another version takes its place on an endpoint, "
        + "by a ramp that completes, a rollback, an undo or a split, the alias goes along.",
    ],
    parameters: [version, aliasName, removeAlias],
    examples: [
      ("sluice model alias flight-delay@2 champion", "flight-delay@champion is @2"),
      ("sluice model alias flight-delay@2 challenger --remove", "the name is free again"),
    ]
  ) { call in
    let (version, alias) = (call[required: version], call[required: aliasName])
    return try call.carryOut(
      .registry(
        call[removeAlias]
          ? .removeAlias(alias: alias, model: version.model)
          : .setAlias(alias: alias, version: version)))
  }

  private static let tags = Positional(
    "tags", .tag, count: .any, help: "tags as key=value, or a key alone")
  private static let removeTags = Option<[String]>(
    "remove", .words("KEY,…"), help: "keys to be taken off")

  static let tag = CommandDeclaration(
    "model tag", summary: "Puts tags on a version, or takes them off",
    discussion: [
      "A tag replaces the one with the same key. A version with the tag protected is not deleted."
    ],
    parameters: [version, tags, removeTags],
    examples: [
      ("sluice model tag flight-delay@2 team=ops season=winter", "two tags"),
      ("sluice model tag flight-delay@2 protected", "it stays, whatever retention says"),
      ("sluice model tag flight-delay@2 --remove season", "one less"),
    ]
  ) { call in
    try call.carryOut(
      .registry(
        .tag(
          version: call[required: version], set: call[all: tags],
          remove: call[removeTags] ?? [])))
  }

  // MARK: Approval

  private static let status = DefaultedOption<ReviewStatus>(
    "status", .approvalStatus, default: .approved, shown: "approved",
    help: "draft, in-review, approved, rejected or archived")

  static let approve = CommandDeclaration(
    "model approve", summary: "Decides whether a version may serve: approved, rejected, archived",
    discussion: [
      "A plan with `requires: [approved]`, or an endpoint that requires it, ramps only approved "
        + "versions; a rejected or archived one is never ramped. Only a person approves, and not "
        + "who imported the version when its checklist asks for four eyes. A rejection needs a "
        + "reason. Nothing of this stops a rollback."
    ],
    parameters: [version, status, reason],
    examples: [
      ("sluice model approve flight-delay@2", "it may serve"),
      (
        "sluice model approve flight-delay@4 --status rejected --reason \"metric units\"",
        "it may not"
      ),
    ]
  ) { call in
    try call.carryOut(
      .registry(
        .decideApproval(
          version: call[required: version], status: call[status], reason: call[reason])))
  }

  // MARK: What an endpoint requires

  private static let requirements = Positional(
    "requirements",
    ValueKind<String>.choice(
      "WHAT", of: Requirement.allCases.map(\.rawValue) + ["nothing"]), count: .any,
    help: "gates, approved, checklist; or nothing")

  static let require = CommandDeclaration(
    "endpoint require",
    summary: "Says what every version must show before it gets traffic on an endpoint",
    discussion: [
      "Asked before a ramp, a first deployment and a split that lets another version in; never "
        + "before a rollback. Without words it shows what is required; less than before needs a "
        + "reason."
    ],
    parameters: [ControlCommands.endpoint, requirements, reason],
    examples: [
      ("sluice endpoint require flight-delay gates approved", "both, for every version"),
      ("sluice endpoint require flight-delay nothing --reason \"a test\"", "whatever comes"),
    ]
  ) { call in
    let name = call[required: ControlCommands.endpoint]
    let words = call[all: requirements]
    guard !words.isEmpty else {
      guard case .policies(let policies) = try call.withNode({ try $0.ask(.policies) }) else {
        return .system
      }
      let found = policies.first { $0.endpoint == name }?.requirements ?? []
      let text = found.map(\.rawValue).joined(separator: ", ").ifEmpty("nothing")
      try call.tell(found, text: "\(name) requires: \(text)\n")
      return .done
    }
    let wanted = words.compactMap(Requirement.init(rawValue:))
    guard wanted.isEmpty || !words.contains("nothing") else {
      throw InvalidValue("nothing cannot be required together with \(wanted[0].rawValue)")
    }
    return try call.carryOut(
      .registry(.setPolicy(endpoint: name, requirements: wanted, reason: call[reason])))
  }

  // MARK: Deletion

  static let delete = CommandDeclaration(
    "model delete", summary: "Deletes a version that nothing needs; its number is not used again",
    discussion: [
      "Refused for what is on an endpoint, what a rollback or an undo would go back to, what an "
        + "alias stands for and what is protected by a tag; the sentence names each. The model "
        + "file goes when no other version has it; the journal, the card and the lineage stay."
    ],
    parameters: [version, reason],
    examples: [("sluice model delete flight-delay@3 --reason \"never served\"", "frees its space")]
  ) { call in
    try call.carryOut(
      .registry(.delete(version: call[required: version], reason: call[reason])))
  }
}

extension ValueKind where Value == Tag {
  /// `key=value`, or a key alone.
  static let tag = ValueKind(placeholder: "KEY=VALUE", completion: .nothing) {
    (word) throws(InvalidValue) in try Tag(word)
  }
}

extension ValueKind where Value == [String] {
  /// Words with commas between them.
  static func words(_ placeholder: String) -> ValueKind {
    ValueKind(placeholder: placeholder, completion: .nothing) { (word) throws(InvalidValue) in
      let words = word.split(separator: ",").map(String.init)
      guard !words.isEmpty else { throw InvalidValue("expected words with commas between them") }
      return words
    }
  }
}

extension ValueKind where Value == ReviewStatus {
  /// What is decided of a version.
  static let approvalStatus = ValueKind(
    placeholder: "STATUS", completion: .words(ReviewStatus.allCases.map(\.rawValue))
  ) { (word) throws(InvalidValue) in
    guard let status = ReviewStatus(rawValue: word) else {
      let words = ReviewStatus.allCases.map(\.rawValue)
      throw InvalidValue(
        "expected \(spoken(words)), got \"\(printable(word, limit: 60))\""
          + didYouMean(word, among: words))
    }
    return status
  }
}
