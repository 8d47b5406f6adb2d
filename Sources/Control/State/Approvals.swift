import Core

/// How many people have to agree, and who may.
public struct ApprovalRule: Sendable, Hashable, Codable {
  /// How many, none of them the rollout's author; a step may want another number.
  public let count: Int
  /// The login names of those who may; empty is everyone.
  public let from: [String]

  /// Puts the two together.
  public init(count: Int, from: [String] = []) {
    self.count = count
    self.from = from
  }
}

/// What a rollout may cost before its last step.
public struct BlastCap: Sendable, Hashable, Codable {
  /// Answers of the candidate after which the rollout is held without traffic; nil is no cap.
  public let requests: Int?
  /// Failed and wrong answers of the candidate after which it is rolled back; nil is no cap.
  public let errors: Int?

  /// Puts the two together.
  public init(requests: Int? = nil, errors: Int? = nil) {
    self.requests = requests
    self.errors = errors
  }
}

/// One person's agreement, as the rollout keeps it.
public struct GivenApproval: Sendable, Hashable, Codable {
  /// The step after which the rollout goes on by it; nil for its start.
  public let step: Int?
  /// Who agreed.
  public let by: ActorID
  /// When.
  public let time: Timestamp
}

/// One person's agreement, as the journal keeps it.
public struct Approval: Sendable, Hashable, Codable {
  /// The endpoint's count of rollouts.
  public let rollout: Int
  /// What is moved to.
  public let candidate: VersionID
  /// The step after which the rollout goes on by it; nil for its start.
  public let step: Int?
  /// What was agreed to: ``Plan/digest`` of the frozen plan.
  public let plan: Digest
  /// How many people have agreed by now.
  public let given: Int
  /// How many have to.
  public let wanted: Int
}

/// Who has agreed to a rollout's going on, and who could still.
public struct ApprovalStatus: Sendable, Hashable {
  /// The step after which it goes on; nil for its start.
  public let step: Int?
  /// How many have to agree.
  public let wanted: Int
  /// Who has.
  public let given: [ActorID]
  /// Who may still, of those the plan names; empty when the plan names nobody.
  public let awaited: [String]

  /// Whether enough have agreed.
  public var isComplete: Bool { given.count >= wanted }

  /// `1 of 2 approvals (bob), awaited from carol`, harmless for a terminal.
  public var sentence: String {
    let names = given.map(\.description).joined(separator: ", ")
    let by = names.isEmpty ? "" : " (\(names))"
    let from =
      isComplete || awaited.isEmpty
      ? ""
      : ", awaited from "
        + awaited.map { printable($0, limit: 40) }.joined(separator: ", ")
    return "\(given.count) of \(wanted) \(wanted == 1 ? "approval" : "approvals")\(by)\(from)"
  }
}

extension Rollout {
  /// The approvals that the start (nil) or a step wants; nil when it wants none by name.
  public func approvalStatus(step: Int?) -> ApprovalStatus? {
    let count: Int?
    if let step {
      guard plan.steps.indices.contains(step) else { return nil }
      count = plan.steps[step].approvals
    } else {
      count = plan.approvals?.count
    }
    guard let count else { return nil }
    let given = approvals.filter { $0.step == step }.map(\.by)
    let names = (plan.approvals?.from ?? []).filter { name in
      name != startedBy.name && !given.contains { $0.name == name }
    }
    return ApprovalStatus(step: step, wanted: count, given: given, awaited: names)
  }

  /// The approvals that the rollout needs where it is now; nil when none.
  public var approvalsNow: ApprovalStatus? { approvalStatus(step: isStarted ? step : nil) }

  /// The first approvals that are missing on the way to a step.
  func missingApprovals(to target: Int, includingIt: Bool) -> ApprovalStatus? {
    if let start = approvalStatus(step: nil), !isStarted, !start.isComplete { return start }
    let end = includingIt ? target : target - 1
    guard step <= end else { return nil }
    for index in step...end {
      if let status = approvalStatus(step: index), !status.isComplete { return status }
    }
    return nil
  }

  /// Whether the cap on requests is reached and nobody let the rollout past it.
  func isBlastSpent(_ evidence: RolloutEvidence) -> Bool {
    guard let cap = plan.blast?.requests, !isBlastPassed, isBeforeLastStep else { return false }
    return spentRequests(evidence) >= cap
  }

  /// What all candidates have answered, those that were dropped included.
  public func spentRequests(_ evidence: RolloutEvidence) -> Int {
    (evidence.rivals ?? []).reduce(
      saturated(evidence.candidateRequests, droppedRequests ?? 0)
    ) { saturated($0, $1.evidence.candidateRequests) }
  }

  /// What of it failed or was wrong.
  public func spentBadAnswers(_ evidence: RolloutEvidence) -> Int {
    (evidence.rivals ?? []).reduce(
      saturated(evidence.candidateBadAnswers, droppedBadAnswers ?? 0)
    ) { saturated($0, $1.evidence.candidateBadAnswers) }
  }

  /// The failed and wrong answers of the candidate, when they have reached the cap.
  func blastErrors(_ evidence: RolloutEvidence) -> Int? {
    guard let cap = plan.blast?.errors, isBeforeLastStep else { return nil }
    let bad = spentBadAnswers(evidence)
    return bad >= cap ? bad : nil
  }

  private var isBeforeLastStep: Bool { !isLastStep && !isSoaking && !hasAllTraffic }
}

extension RolloutEvidence {
  /// Failed answers and wrong labels of the candidate in the whole rollout.
  public var candidateBadAnswers: Int {
    epochs.reduce(0) { sum, epoch in
      saturated(sum, saturated(epoch.errors.candidateBad, epoch.wrongAnswers.candidateBad))
    }
  }
}
