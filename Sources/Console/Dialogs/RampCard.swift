import Control
import Core
import Node

/// A ramp before it starts: candidate and plan are chosen, then its dry run is read, then `y`.
struct RampCard: Sendable {
  /// Which of the two looks it has.
  enum Stage: Sendable, Hashable {
    /// Candidate and plan are chosen.
    case choose
    /// Every step is spelled out; `y` starts it.
    case dryRun
  }

  let endpoint: Name
  let candidates: [VersionID]
  let plans: [Plan]
  /// The running candidate that is rolled back first; nil when none runs.
  let replaces: VersionID?
  private(set) var generation: Int
  var candidateIndex: Int
  var planIndex: Int
  var stage: Stage = .choose
  /// The question whose answer is waited for.
  var ticket: Ticket?
  /// What the node says the chosen ramp would do.
  var preview: RampPreview?
  /// Why the node could not say.
  var failure: String?
  private(set) var opened: Moment
  var notice: String?
  var scroll = 0

  /// - Precondition: both lists hold something.
  init(
    endpoint: Name, candidates: [VersionID], plans: [Plan], candidate: VersionID?, generation: Int,
    opened: Moment, replaces: VersionID? = nil
  ) {
    precondition(!candidates.isEmpty && !plans.isEmpty, "a ramp needs a candidate and a plan")
    self.endpoint = endpoint
    self.candidates = candidates
    self.plans = plans
    self.replaces = replaces
    self.generation = generation
    self.opened = opened
    candidateIndex = candidate.flatMap(candidates.firstIndex(of:)) ?? 0
    planIndex = 0
  }

  var candidate: VersionID { candidates[candidateIndex] }
  var plan: Plan { plans[planIndex] }

  /// Goes to another plan, round the ends; false when there is only one.
  mutating func movePlan(by count: Int) -> Bool {
    guard plans.count > 1 else { return false }
    planIndex = (planIndex + count + plans.count) % plans.count
    forgetPreview()
    return true
  }

  /// Goes to another candidate, stopping at the ends; false when there is none further.
  mutating func moveCandidate(by count: Int) -> Bool {
    let next = max(0, min(candidates.count - 1, candidateIndex + count))
    guard next != candidateIndex else { return false }
    candidateIndex = next
    forgetPreview()
    return true
  }

  private mutating func forgetPreview() {
    preview = nil
    failure = nil
    notice = nil
    stage = .choose
    scroll = 0
  }

  /// Goes back to choosing because the endpoint changed.
  mutating func endpointChanged(to generation: Int, at moment: Moment) {
    let old = self.generation
    self.generation = generation
    forgetPreview()
    opened = moment
    notice = "The endpoint changed (generation \(old) to \(generation)): look again"
  }

  /// The question that tells what it would do.
  var previewRequest: NodeRequest {
    replaces == nil
      ? .previewRamp(endpoint: endpoint, version: candidate, plan: plan)
      : .previewSupersede(endpoint: endpoint, version: candidate, plan: plan)
  }

  /// The order that `y` gives.
  func order(by actor: ActorID) -> Order {
    Order(
      command: replaces == nil
        ? .startRamp(endpoint: endpoint, version: candidate, plan: plan)
        : .supersede(endpoint: endpoint, version: candidate, plan: plan, reason: nil),
      actor: actor, expectedGeneration: generation)
  }
}
