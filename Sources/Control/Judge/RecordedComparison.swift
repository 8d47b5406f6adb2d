import Core
import Statistics

/// What the rules of other tools would have said of one recorded metric.
///
/// They look at intervals: every so many events of the metric make a look. They know neither keys
/// nor shares, so every event counts for them.
public struct RecordedComparison: Sendable {
  /// What one rule said.
  public struct Verdict: Sendable, Encodable {
    /// The rule, in words.
    public let judge: String
    /// The line of the input after which it rolled back; nil when never.
    public let line: Int?
  }

  private let lookEvents: Int
  private var runs: [(judge: ComparisonJudge, run: ComparisonRun, line: Int?)]
  private var look = ComparisonJudge.Look(
    candidateTotal: 0, candidateBad: 0, stableTotal: 0, stableBad: 0)

  /// Nothing seen yet.
  /// - Parameter lookEvents: events of the metric that make a look, at least 1.
  public init(lookEvents: Int, judges: [ComparisonJudge] = ComparisonJudge.documented) {
    self.lookEvents = max(1, lookEvents)
    runs = judges.map { ($0, ComparisonRun($0), nil) }
  }

  /// Takes an event of the metric in; a look that is full is judged.
  public mutating func take(_ event: RecordedEvent, line: Int) {
    if event.arm == .candidate {
      look.candidateTotal += 1
      look.candidateBad += event.isBad ? 1 : 0
    } else {
      look.stableTotal += 1
      look.stableBad += event.isBad ? 1 : 0
    }
    guard look.candidateTotal + look.stableTotal >= lookEvents else { return }
    for index in runs.indices where runs[index].line == nil {
      if runs[index].run.rollsBack(after: look) { runs[index].line = line }
    }
    look = ComparisonJudge.Look(
      candidateTotal: 0, candidateBad: 0, stableTotal: 0, stableBad: 0)
  }

  /// What each rule said so far, in their order; events of a look that is not full are not judged.
  public var verdicts: [Verdict] { runs.map { Verdict(judge: $0.judge.words, line: $0.line) } }
}
