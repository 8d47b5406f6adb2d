import Control
import Core

extension RehearsalReport {
  /// What was seen while one weight lasted.
  public struct Step: Sendable, Codable, Hashable {
    /// The plan's step, from 1; nil for the soak.
    public var step: Int?
    /// What the step does: `canary`, `shadow`, `preview` or `ab`; nil for the soak.
    public var kind: Strategy?
    /// What it does in words, when it is no plain canary: `shadow of 50%`, `10% of carrier=AA`.
    public var doing: String?
    /// Each candidate's weight among callers' requests: 0 while none gets its answers.
    public var weight: BasisPoints
    /// When it began, since the start.
    public var began: TimeSpan
    /// How long it lasted.
    public var lasted: TimeSpan
    /// Callers' requests that candidates were asked, all of them together.
    public var candidateRequests: Int
    /// Callers' requests that the stable was asked.
    public var stableRequests: Int
    /// Of the stable's requests those that take no part: the step's rule is not about them, or
    /// their segment is closed.
    public var outsideRequests: Int
    /// Requests that were copied, out of callers' sight.
    public var copiedRequests: Int
    /// What was seen of each candidate that the step had.
    public var candidates: [Candidate]
    /// What was seen of each segment; nil when the plan tells none apart.
    public var segments: [Segment]?
    /// Every judged metric of the leading candidate at the step's end, over the whole rollout.
    public var metrics: [MetricEvidence]
    /// What ended it: `went on`, `rolled back: …`, `held: …`.
    public var decision: String
  }

  /// What was seen of one candidate in a step.
  public struct Candidate: Sendable, Codable, Hashable {
    /// Which version.
    public var version: VersionID
    /// Callers' requests that it was asked.
    public var requests = 0
    /// Of them it failed to answer.
    public var failed = 0
    /// Its answers whose label came in the step.
    public var labelled = 0
    /// Of them wrong.
    public var wrong = 0
    /// What it said to copies; nil when it got none.
    public var copies: Copies?
    /// Its judged metrics at the step's end, or when it was dropped, over the whole rollout.
    public var metrics: [MetricEvidence] = []
    /// Why it was dropped in the step; nil when it was not.
    public var dropped: String?
  }

  /// What one candidate said to copied requests in a step, beside the stable and its clone.
  public struct Copies: Sendable, Codable, Hashable {
    /// Copies, each a pair with the stable's answer to the caller.
    public var pairs = 0
    /// Copies that it failed to answer.
    public var candidateFailed = 0
    /// Requests of these that the stable failed to answer.
    public var stableFailed = 0
    /// Copies that all three answered: the stable, its clone and the candidate.
    public var compared = 0
    /// Of them it answered otherwise than the stable.
    public var candidateDiffers = 0
    /// Of them the clone did: what two runs of one version differ by.
    public var cloneDiffers = 0
    /// Disagreements beyond the clone's; negative when the clone differed more often.
    public var differsBeyondClone = 0
    /// Pairs whose label came in the step.
    public var labelled = 0
    /// Of them the candidate alone was wrong.
    public var onlyCandidateWrong = 0
    /// Of them the stable alone was wrong.
    public var onlyStableWrong = 0
  }

  /// What was seen of one segment of the requests in a step.
  public struct Segment: Sendable, Codable, Hashable {
    /// The value of the plan's column.
    public var segment: String
    /// Whether it was closed to the candidates by the step's end.
    public var isClosed = false
    /// Requests of each arm.
    public var candidateRequests = 0
    /// Requests of each arm.
    public var stableRequests = 0
    /// Failed answers of each arm.
    public var candidateFailed = 0
    /// Failed answers of each arm.
    public var stableFailed = 0
    /// Answers whose label came in the step, and how many of them were wrong.
    public var candidateLabelled = 0
    /// See ``candidateLabelled``.
    public var candidateWrong = 0
    /// See ``candidateLabelled``.
    public var stableLabelled = 0
    /// See ``candidateLabelled``.
    public var stableWrong = 0
    /// The metrics that are told apart by segment at the step's end, over the whole rollout.
    public var metrics: [MetricEvidence] = []
  }

  /// What a person who picks among several candidates would know.
  public struct Choice: Sendable, Codable, Hashable {
    /// The candidates that are left, the best by the evidence first.
    public var left: [Standing]
    /// By what they are put in order; nil when the evidence says nothing.
    public var by: Metric?
    /// The best; nil when the evidence puts none before the others.
    public var best: VersionID?
    /// Whether its 95% interval lies under all others'.
    public var isClear: Bool
  }

  /// One candidate that is left to pick.
  public struct Standing: Sendable, Codable, Hashable {
    /// Which version.
    public var version: VersionID
    /// Failed answers among those that are evidence.
    public var failed: Share
    /// Wrong answers among those with a label.
    public var wrong: Share
  }
}
