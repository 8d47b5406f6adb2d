import Control
import Core
import Node

/// `sluice retrain …`: a model trained again on recorded traffic.
enum RetrainCommands {
  static let group = CommandGroup(
    name: "retrain", summary: "Models trained again on recorded traffic, by policy")
  static let all: [CommandDeclaration] = [
    list, show, run, stop, log, proposals, accept, decline,
  ]

  private static let policy = Positional(
    "policy", .name.named("POLICY"), help: "a policy of retraining/ in the state directory")
  private static let number = Option<Int>(
    "run",
    ValueKind(placeholder: "N", completion: .nothing) { (word) throws(InvalidValue) in
      guard let number = Int(word), number > 0 else {
        throw InvalidValue("expected the number of a run, got \"\(printable(word, limit: 40))\"")
      }
      return number
    }, help: "which run (default: the newest)")
  private static let version = Positional(
    "version", .version, help: "the proposed version, like flight-delay@5")

  static let list = CommandDeclaration(
    "retrain list", summary: "Shows the policies, what they did last and when they run next",
    discussion: [
      "A policy is a file of retraining/ in the state directory: what begins a run, the command, "
        + "what the rows must be like, the gates, and whether a ramp is proposed or begun."
    ],
    examples: [("sluice retrain list", "all policies of the node")]
  ) { call in
    let overview = try overview(call)
    try call.tell(overview, text: RetrainText.list(overview))
    return .done
  }

  static let show = CommandDeclaration(
    "retrain show", summary: "Shows a policy, its triggers and its runs",
    parameters: [policy], examples: [("sluice retrain show flight-delay-weekly", "")]
  ) { call in
    let name = call[required: policy]
    let overview = try overview(call)
    guard let view = overview.policies.first(where: { $0.name == name }) else {
      let near = didYouMean(name.text, among: overview.policies.map(\.name.text))
      throw NodeError(
        .unknown,
        "there is no retraining policy \(name)" + near.ifEmpty("; sluice retrain list shows them"))
    }
    try call.tell(view, text: RetrainText.page(view))
    return .done
  }

  static let run = CommandDeclaration(
    "retrain run", summary: "Begins a run of a policy, whatever its triggers and cool-down say",
    parameters: [policy],
    examples: [("sluice retrain run flight-delay-weekly", "sluice retrain show tells how it goes")]
  ) { call in
    try change(call, .run(policy: call[required: policy]))
  }

  static let stop = CommandDeclaration(
    "retrain stop", summary: "Ends the run of a policy that goes on, with all its processes",
    parameters: [policy], examples: [("sluice retrain stop flight-delay-weekly", "")]
  ) { call in
    try change(call, .stop(policy: call[required: policy]))
  }

  static let log = CommandDeclaration(
    "retrain log", summary: "Shows what a run found of its rows and what its command said",
    parameters: [policy, number],
    examples: [
      ("sluice retrain log flight-delay-weekly", "the newest run"),
      ("sluice retrain log flight-delay-weekly --run 3", "an earlier one, while it is kept"),
    ]
  ) { call in
    let question = RetrainingQuestion.log(policy: call[required: policy], run: call[number])
    let view = try call.withNode { client in
      guard case .log(let view) = try client.retraining(question) else { throw client.mismatch }
      return view
    }
    try call.tell(view, text: RetrainText.log(view))
    return .done
  }

  static let proposals = CommandDeclaration(
    "retrain proposals", summary: "Shows the versions that wait for a person",
    examples: [("sluice retrain proposals", "what was made and passed its gates")]
  ) { call in
    let waiting = try overview(call).proposals
    try call.tell(waiting, text: RetrainText.proposals(waiting))
    return .done
  }

  static let accept = CommandDeclaration(
    "retrain accept", summary: "Starts the ramp of a proposed version by the proposal's plan",
    parameters: [
      ControlCommands.endpoint, version, ControlCommands.overrideFreeze,
      ControlCommands.ifGeneration,
    ],
    examples: [("sluice retrain accept flight-delay flight-delay@5", "the ramp begins")]
  ) { call in
    try change(
      call,
      .accept(
        endpoint: call[required: ControlCommands.endpoint], version: call[required: version],
        expectedGeneration: call[ControlCommands.ifGeneration],
        freezeOverride: call[ControlCommands.overrideFreeze]))
  }

  static let decline = CommandDeclaration(
    "retrain decline", summary: "Takes a version off the proposals; it stays registered",
    parameters: [
      ControlCommands.endpoint, version, ControlCommands.reason, ControlCommands.ifGeneration,
    ],
    examples: [
      ("sluice retrain decline flight-delay flight-delay@5 --reason \"trained on an outage\"", "")
    ]
  ) { call in
    try call.carryOut(
      .retraining(
        .decline(
          endpoint: call[required: ControlCommands.endpoint], version: call[required: version],
          reason: call[ControlCommands.reason])))
  }

  private static func overview(_ call: Invocation) throws -> RetrainingOverview {
    try call.withNode { client in
      guard case .overview(let overview) = try client.retraining(.overview) else {
        throw client.mismatch
      }
      return overview
    }
  }

  private static func change(
    _ call: Invocation, _ question: RetrainingQuestion
  ) throws -> ExitCode {
    let outcome = try call.withNode { client in
      guard case .outcome(let outcome) = try client.retraining(question) else {
        throw client.mismatch
      }
      return outcome
    }
    try call.tell(outcome)
    return .done
  }
}

extension NodeClient {
  fileprivate func retraining(_ question: RetrainingQuestion) throws -> RetrainingAnswer {
    let request = NodeRequest.retraining(question, actor: ActorID.currentPerson())
    guard case .retraining(let answer) = try send(request) else { throw mismatch }
    return answer
  }
}
