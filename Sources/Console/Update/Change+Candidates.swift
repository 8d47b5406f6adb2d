import Control
import Core
import Node

/// Changes of one of several candidates, of rules by hand, and of what the registry says of a
/// version.
extension ConsoleModel {
  /// Why none of several candidates can be picked or dropped; nil when one can.
  var candidatesObstacle: String? {
    guard let rollout = runningRollout else { return "No rollout runs: c starts one" }
    return rollout.candidates.count < 2 ? "Only \(rollout.candidate) is a candidate" : nil
  }

  func pickProposal(_ version: VersionID, _ detail: EndpointDetail) -> Proposal {
    if let obstacle = candidatesObstacle { return .refuse(obstacle) }
    guard let rollout = runningRollout, rollout.candidates.contains(version) else {
      return .refuse("\(version) is no candidate of the running rollout")
    }
    let others = rollout.candidates.filter { $0 != version }.map(\.description)
    let gap = rollout.facts?.promotionGap.map { ["It would be marked unverified: \($0)."] } ?? []
    return ask(
      .pick(version), "Pick \(version)",
      [
        "\(version) gets all traffic; \(others.joined(separator: ", ")) "
          + "\(others.count == 1 ? "is" : "are") closed."
      ] + gap, .promote(endpoint: detail.name, reason: nil, version: version), detail,
      demands: (isProduction ? [.typed(version.description)] : []) + (gap.isEmpty ? [] : [.reason]))
  }

  func dropProposal(_ version: VersionID, _ detail: EndpointDetail) -> Proposal {
    if let obstacle = candidatesObstacle { return .refuse(obstacle) }
    guard let rollout = runningRollout, rollout.candidates.contains(version) else {
      return .refuse("\(version) is no candidate of the running rollout")
    }
    return ask(
      .drop(version), "Drop \(version)",
      [
        "\(version) is closed; its share goes back to \(rollout.fallback).",
        "The rollout goes on with the others.",
      ], .drop(endpoint: detail.name, version: version, reason: nil), detail)
  }

  func removeRuleProposal(_ name: Name, _ detail: EndpointDetail) -> Proposal {
    guard let rule = detail.rules?.first(where: { $0.name == name }) else {
      return .refuse("There is no rule \(name) on \(detail.name)")
    }
    return ask(
      .removeRule(name), "End the rule \(name)",
      [
        "\(rule.rule) no longer goes to \(rule.split): such requests go by the endpoint's split "
          + "again."
      ], .removeRule(endpoint: detail.name, name: name, reason: nil), detail)
  }

  func addRuleProposal(
    _ rule: RouteRule, _ reason: String?, _ detail: EndpointDetail
  ) -> Proposal {
    if let known = detail.rules?.first(where: { $0.name == rule.name }) {
      return .refuse(
        "\(detail.name) has a rule \(rule.name) already (\(known.rule)): d on the list ends it")
    }
    let stable = detail.split?.shares.max { $0.weight < $1.weight }?.version
    return ask(
      .addRule(rule, reason: reason), "Add the rule \(rule.name)",
      [
        "Requests with \(rule.rule) go to \(rule.split), whatever the endpoint's split.",
        "What it routes is no evidence for the guard; a rollback that closes one of its versions "
          + "ends it.",
      ] + (reason.map { ["Because: \($0)"] } ?? []),
      .addRule(endpoint: detail.name, rule: rule, reason: reason), detail,
      rises: rule.split.versions.contains { $0 != stable })
  }

  func recordProposal(_ policy: RecordingPolicy?, _ detail: EndpointDetail) -> Proposal {
    ask(
      .record(policy),
      policy == nil
        ? "Turn the recording of \(detail.name) off" : "Record requests of \(detail.name)",
      policy.map { policy in
        [
          "\(policy.words).",
          "A caller with a key is recorded whole or not at all; the key itself is not kept.",
          "No request waits for the recorder: what it cannot take it drops and counts.",
        ]
      } ?? ["Nothing more is recorded; what is on disk stays."],
      .setRecording(endpoint: detail.name, policy: policy), detail)
  }

  func declineProposal(_ proposal: RetrainingProposal) -> Proposal {
    .ask(
      ConfirmCard(
        .declineProposal(proposal), "Decline \(proposal.version)",
        [
          "\(proposal.version), which \(proposal.policy) proposes for \(proposal.endpoint), "
            + "is taken off the proposals.", "It stays registered.",
        ],
        .retraining(
          .decline(endpoint: proposal.endpoint, version: proposal.version, reason: nil)),
        endpoint: nil, generation: nil, demands: [.reason], opened: moment))
  }

  /// What is signed or approved of a version, in this person's name.
  func registryProposal(_ change: Change) -> Proposal {
    func ask(
      _ title: String, _ sentences: [String], _ command: RegistryCommand,
      demands: [ConfirmCard.Demand] = []
    ) -> Proposal {
      .ask(
        ConfirmCard(
          change, title, sentences, .registry(command), endpoint: nil, generation: nil,
          demands: demands, opened: moment))
    }
    switch change {
    case .sign(let version, let item):
      return ask(
        "Sign for \(version)", ["You sign off, by your name: \(item)"],
        .sign(version: version, item: item))
    case .unsign(let version, let item):
      return ask(
        "Take a signature back", ["\(item), of \(version), is open again."],
        .unsign(version: version, item: item, reason: nil), demands: [.reason])
    case .approveVersion(let version):
      return ask(
        "Approve \(version)", ["The registry will say that you approved it for traffic."],
        .decideApproval(version: version, status: .approved, reason: nil))
    default: return .refuse("This cannot be done here")
    }
  }
}
