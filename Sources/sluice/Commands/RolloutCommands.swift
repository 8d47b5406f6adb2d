import Control
import Core
import Node

extension ControlCommands {
  static let rollout: [CommandDeclaration] = [
    ramp, approve, pause, resume, step, abort, promote, drop, retry,
  ]

  private static let plan = DefaultedOption<String>(
    "plan", ValueKind.file.named("PLAN"), default: "standard-launch",
    help: "a plan's name, or the path of its YAML file")
  private static let supersede = Flag(
    "supersede", help: "rolls a running ramp of another version back first; both or neither")
  private static let versions = Positional(
    "version", .version, count: .oneOrMore,
    help: "the candidate, like flight-delay@2; several share the traffic evenly")
  private static let at = Option<Timestamp>(
    "at", .moment, help: "when it begins: 2026-03-14T14:00:00Z, or a time from now like +30m")
  private static let after = Option<[Name]>(
    "after", .names, help: "endpoints whose running ramps have to complete first")
  private static let dryRun = Flag("dry-run", help: "says what would happen, and does nothing")

  static let ramp = CommandDeclaration(
    "ramp", summary: "Moves an endpoint to a version step by step, watched by the guard",
    discussion: [
      "The plan is frozen when the rollout starts. The guard compares the candidate with the "
        + "stable version all the time; it holds, then rolls back, by itself. With `--dry-run` "
        + "the exit code is 1 when the rollout would be refused.",
      "With several versions each gets the plan's weight. One that breaches is dropped alone; "
        + "before all traffic a person picks one with `promote --version`, or drops the others.",
    ],
    parameters: [
      endpoint, versions, plan, at, after, supersede, dryRun, reason, overrideFreeze, ifGeneration,
    ],
    examples: [
      ("sluice ramp flight-delay flight-delay@2 --dry-run", "the steps, without doing them"),
      ("sluice ramp flight-delay flight-delay@2 --plan plans/quick.yaml", "a plan of one's own"),
      ("sluice ramp flight-delay flight-delay@3 --supersede", "in place of the running ramp"),
      ("sluice ramp flight-delay flight-delay@2 flight-delay@3 --plan ab-test", "two at once"),
      ("sluice ramp flight-delay flight-delay@2 --at +2h --after carriers", "later, and in order"),
    ]
  ) { call in
    let name = call[required: endpoint]
    let all = call[all: versions]
    guard let candidate = all.first else { throw InvalidValue("name a version to ramp") }
    let options = RampOptions(rivals: Array(all.dropFirst()), at: call[at])
    // A file that is no plan is told before anything is opened.
    let given = try PlanChoice.load(call[plan])
    return try call.withNode { client in
      var chosen = try given ?? PlanChoice.find(call[plan], client)
      if let after = call[after] { chosen = chosen.following(after) }
      guard !(call[dryRun] && call[supersede]) else {
        throw InvalidValue("--dry-run and --supersede cannot be given together")
      }
      if call[dryRun] { return try preview(call, client, name, candidate, chosen, options) }
      let command: Control.Command =
        call[supersede]
        ? .supersede(
          endpoint: name, version: candidate, plan: chosen, reason: call[reason], options: options)
        : .startRamp(endpoint: name, version: candidate, plan: chosen, options: options)
      let order = Order(
        command: command, actor: ActorID.currentPerson(),
        expectedGeneration: call[ifGeneration], freezeOverride: call[overrideFreeze])
      try call.tell(try client.outcome(of: .perform(order)))
      return .done
    }
  }

  private static func preview(
    _ call: Invocation, _ client: any NodeClient, _ name: Name, _ candidate: VersionID,
    _ plan: Plan, _ options: RampOptions
  ) throws -> ExitCode {
    let request = NodeRequest.previewRamp(
      endpoint: name, version: candidate, plan: plan, options: options)
    guard case .rampPreview(let preview) = try client.send(request) else { throw client.mismatch }
    var lines = [preview.summary] + preview.steps.map { "  \($0)" }
    lines += preview.conditions.map { "- \($0)" }
    if let refusal = preview.refusal { lines.append("it would be refused: \(refusal)") }
    try call.tell(
      preview, text: lines.map { printable($0, limit: 400) }.joined(separator: "\n") + "\n")
    return preview.refusal == nil ? .done : .notSo
  }

  static let pause = CommandDeclaration(
    "pause", summary: "Holds the running rollout at its weight",
    parameters: [endpoint, ifGeneration],
    examples: [("sluice pause flight-delay", "the candidate keeps its part of the traffic")]
  ) { call in
    try call.carryOut(.pause(endpoint: call[required: endpoint]))
  }

  static let resume = CommandDeclaration(
    "resume", summary: "Lets a held rollout go on",
    discussion: ["The same statistical test goes on; its evidence is not forgotten."],
    parameters: [endpoint, reason, overrideFreeze, ifGeneration],
    examples: [
      (
        "sluice resume flight-delay --reason \"the errors came from a bad client\"",
        "past a guard's hold"
      )
    ]
  ) { call in
    try call.carryOut(.resume(endpoint: call[required: endpoint], reason: call[reason]))
  }

  private static let back = Flag("back", help: "to the previous step")
  private static let weight = Option<BasisPoints>(
    "to",
    ValueKind(placeholder: "PERCENT", completion: .nothing) { (word) throws(InvalidValue) in
      try parsePercent(word)
    }, help: "a weight between the plan's steps")

  static let step = CommandDeclaration(
    "step", summary: "Goes to the next step of the running rollout by hand",
    parameters: [endpoint, back, weight, reason, overrideFreeze, ifGeneration],
    examples: [
      ("sluice step flight-delay", "to the plan's next weight, now"),
      ("sluice step flight-delay --to 30%", "to a weight of one's own"),
    ]
  ) { call in
    let name = call[required: endpoint]
    guard let weight = call[weight] else {
      return try call.carryOut(
        .step(endpoint: name, direction: call[back] ? .previous : .next, reason: call[reason]))
    }
    guard !call[back] else { throw InvalidValue("--back and --to cannot be given together") }
    return try call.carryOut(
      .setCandidateWeight(endpoint: name, weight: weight, reason: call[reason]))
  }

  private static let planDigest = Option<Digest>(
    "plan-digest",
    ValueKind(placeholder: "SHA256", completion: .nothing) { (word) throws(InvalidValue) in
      try Digest(hex: word)
    }, help: "refuse when the ramp runs by another plan")

  static let approve = CommandDeclaration(
    "approve", summary: "Agrees to the start or the next step of the running rollout",
    discussion: [
      "For plans that want approvals: each person once, not the one who started the ramp, for the "
        + "plan as it was frozen then. The ramp goes on by itself when enough have agreed."
    ],
    parameters: [endpoint, planDigest, reason, ifGeneration],
    examples: [("sluice approve flight-delay", "one approval; tells how many there are")]
  ) { call in
    try call.carryOut(
      .approve(endpoint: call[required: endpoint], plan: call[planDigest], reason: call[reason]))
  }

  static let retry = CommandDeclaration(
    "retry", summary: "Starts the last ramp again, when it was rolled back or aborted",
    discussion: [
      "The same version by the same plan, as a new rollout: evidence and approvals begin anew."
    ],
    parameters: [endpoint, overrideFreeze, ifGeneration],
    examples: [("sluice retry flight-delay", "after the cause was mended")]
  ) { call in
    try call.carryOut(.retry(endpoint: call[required: endpoint]))
  }

  static let abort = CommandDeclaration(
    "abort", summary: "Ends the rollout; all traffic goes to the version it came from",
    parameters: [endpoint, reason, ifGeneration],
    examples: [("sluice abort flight-delay", "the candidate is closed")]
  ) { call in
    try call.carryOut(.abort(endpoint: call[required: endpoint], reason: call[reason]))
  }

  static let promote = CommandDeclaration(
    "promote", summary: "Gives the candidate all traffic now, past the remaining steps",
    parameters: [endpoint, picked, reason, overrideFreeze, ifGeneration],
    examples: [
      ("sluice promote flight-delay --reason \"hotfix\"", "skips the rest of the plan"),
      ("sluice promote flight-delay --version flight-delay@3", "picks one of several candidates"),
    ]
  ) { call in
    try call.carryOut(
      .promote(
        endpoint: call[required: endpoint], reason: call[reason], version: call[picked]))
  }

  private static let picked = Option<VersionID>(
    "version", .version, help: "which of several candidates; the others are closed")

  static let drop = CommandDeclaration(
    "drop", summary: "Goes on without one of several candidates of the running rollout",
    discussion: ["Its part of the traffic goes to the stable version, and it is closed."],
    parameters: [endpoint, version, reason, ifGeneration],
    examples: [("sluice drop flight-delay flight-delay@3", "the others go on")]
  ) { call in
    try call.carryOut(
      .drop(
        endpoint: call[required: endpoint], version: call[required: version],
        reason: call[reason]))
  }
}

/// Which plan a person means: a file's path or a known plan's name.
enum PlanChoice {
  /// The plan of a file, when the word is a path; nil when it is a name.
  static func load(_ word: String) throws -> Plan? {
    guard word.contains("/") || word.hasSuffix(".yaml") || word.hasSuffix(".yml") else {
      return PlanFile.builtIn(name: word)
    }
    return try PlanFile.load(path: word)
  }

  /// The plan of that name in the node's library.
  static func find(_ word: String, _ client: any NodeClient) throws -> Plan {
    let plans = try client.snapshot(SnapshotRequest(points: 1, eventLimit: 0)).plans
    if let plan = plans.first(where: { $0.name == word }) { return plan }
    let names = plans.map(\.name)
    throw NodeError(
      .unknown,
      "there is no plan \"\(printable(word, limit: 60))\": known are "
        + "\(printable(spoken(names).ifEmpty("none"), limit: 300)), "
        + "and a path ends in .yaml\(didYouMean(word, among: names))")
  }
}
