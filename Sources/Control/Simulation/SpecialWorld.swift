import Core

/// Made-up worlds of what only some rollouts have: copied requests, segments, rivals, labels that
/// do not come, shares that are not as drawn, confidence and scores.
///
/// The schedule is that of ``JudgeWorld``; copies come before it.
public struct SpecialWorld: Sendable {
  /// What is simulated.
  enum Kind: Sendable {
    /// Two hundred looks of 50 copied requests, each labelled, and then the canary.
    ///
    /// Of the stable's answers 10 % are wrong; `shared` of all requests are wrong by both versions,
    /// `candidateWrong` by the candidate.
    case shadow(shared: Double, candidateWrong: Double, differs: Double, clone: Double)
    /// Eight segments of unlike size and failure rate, which moves in all; one of them gets so much
    /// worse with the candidate.
    case segments(points: Double)
    /// Three candidates of the same weight, of which a rival is looked at.
    case rivals(points: Double)
    /// Half of the answers get a label, of the candidate's wrong ones only so many.
    case labels(ofWrong: Double)
    /// A part of the candidate's records is lost.
    case lostRecords(Double)
    /// Confidence and scores, spread so much wider with the candidate.
    case spread(Double)
  }

  /// What is simulated, in words.
  public let name: String
  /// By what it is judged, in words.
  public let judge: String
  /// Whether whoever holds or rolls back is wrong.
  public let isGood: Bool
  let kind: Kind
  let metrics: [JudgedMetric]

  /// The plan.
  var plan: Plan {
    Plan(name: "simulated", summary: "", steps: JudgeSimulation.steps, metrics: metrics)
  }

  /// Plays the runs of a range; each is decided by the seed and its number alone.
  public func play(_ numbers: Range<Int>, seed: UInt64) -> JudgeSimulation.Tally {
    var tally = JudgeSimulation.Tally()
    for number in numbers {
      var run = SpecialRun(self, seed: JudgeSimulation.seed(ofRun: number, seed))
      tally.count(run.play())
    }
    return tally
  }

  private static func judged(_ metrics: [Metric]) -> [JudgedMetric] {
    metrics.map {
      JudgedMetric(metric: $0, tolerance: 1, riskShare: 1 / Double(metrics.count))
    }
  }

  /// All of them.
  public static let all: [SpecialWorld] = good + harmful

  private static let good = [
    SpecialWorld(
      name: "good version, copied requests, half of the errors shared",
      judge: "failures, wrong answers, latency, disagreement", isGood: true,
      kind: .shadow(shared: 0.05, candidateWrong: 0.1, differs: 0.025, clone: 0.005),
      metrics: judged([.errors, .wrongAnswers, .latency, .disagreement])),
    SpecialWorld(
      name: "good version, copied requests, most errors shared",
      judge: "wrong answers", isGood: true,
      kind: .shadow(shared: 0.09, candidateWrong: 0.1, differs: 0.02, clone: 0),
      metrics: judged([.wrongAnswers])),
    SpecialWorld(
      name: "good version, disagreement at its limit", judge: "disagreement", isGood: true,
      kind: .shadow(shared: 0.09, candidateWrong: 0.1, differs: 0.02, clone: 0),
      metrics: judged([.disagreement])),
    SpecialWorld(
      name: "good version, eight segments", judge: "failures, whole and by segment",
      isGood: true, kind: .segments(points: 0), metrics: judged([.errors])),
    SpecialWorld(
      name: "good version, two rivals", judge: "failures", isGood: true,
      kind: .rivals(points: 0), metrics: judged([.errors])),
    SpecialWorld(
      name: "good version, labels of half the answers", judge: "wrong answers, label rate",
      isGood: true, kind: .labels(ofWrong: 0.5), metrics: judged([.wrongAnswers])),
    SpecialWorld(
      name: "good version, shares as drawn", judge: "shares", isGood: true,
      kind: .lostRecords(0), metrics: []),
    SpecialWorld(
      name: "good version, confidence and scores", judge: "confidence, scores", isGood: true,
      kind: .spread(1), metrics: judged([.confidence, .scores])),
  ]

  private static let harmful = [
    SpecialWorld(
      name: "copied requests, 88 instead of 90 % right, half of the errors shared",
      judge: "wrong answers", isGood: false,
      kind: .shadow(shared: 0.05, candidateWrong: 0.12, differs: 0, clone: 0),
      metrics: judged([.wrongAnswers])),
    SpecialWorld(
      name: "copied requests, 88 instead of 90 % right, most errors shared",
      judge: "wrong answers", isGood: false,
      kind: .shadow(shared: 0.09, candidateWrong: 0.12, differs: 0, clone: 0),
      metrics: judged([.wrongAnswers])),
    SpecialWorld(
      name: "copied requests, 4 % answered otherwise, limit 2 %", judge: "disagreement",
      isGood: false, kind: .shadow(shared: 0.09, candidateWrong: 0.1, differs: 0.04, clone: 0),
      metrics: judged([.disagreement])),
    SpecialWorld(
      name: "+5 points of failures in a segment of a fifth", judge: "failures by segment",
      isGood: false, kind: .segments(points: 0.05), metrics: judged([.errors])),
    SpecialWorld(
      name: "+2 points of failures of a rival", judge: "failures", isGood: false,
      kind: .rivals(points: 0.02), metrics: judged([.errors])),
    SpecialWorld(
      name: "no labels of the candidate's wrong answers", judge: "wrong answers, label rate",
      isGood: false, kind: .labels(ofWrong: 0), metrics: judged([.wrongAnswers])),
    SpecialWorld(
      name: "a tenth of the candidate's records lost", judge: "shares", isGood: false,
      kind: .lostRecords(0.1), metrics: []),
    SpecialWorld(
      name: "confidence and scores spread 15 % wider", judge: "confidence, scores",
      isGood: false, kind: .spread(1.15), metrics: judged([.confidence, .scores])),
  ]
}
