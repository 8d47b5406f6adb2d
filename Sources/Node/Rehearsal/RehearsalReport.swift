import Control
import Core
import Statistics

/// What a plan would have seen and done on recorded requests.
public struct RehearsalReport: Sendable, Codable, Hashable {
  /// How a rehearsed rollout ended.
  public enum Outcome: String, Sendable, Codable, Hashable {
    /// The candidate has all traffic and the soak is over.
    case completed
    /// The guard took the traffic back.
    case rolledBack = "rolled-back"
    /// It stands still until a person decides.
    case held
    /// Several candidates are left before all traffic: the plan is done, and a person picks one.
    case choice
    /// The limit of replayed requests came first.
    case unfinished

    /// As people read it.
    public var words: String { self == .rolledBack ? "rolled back" : rawValue }
  }

  /// One decision on the way.
  public struct Decision: Sendable, Codable, Hashable {
    /// Since the start.
    public var after: TimeSpan
    /// What happened: an event's kind, as the journal has it.
    public var kind: String
    /// In words.
    public var words: String
  }

  /// What callers would have had of it, against the stable alone.
  public struct Cost: Sendable, Codable, Hashable {
    /// Requests that were routed to the candidate.
    public var exposed = 0
    /// Answers of the candidate that failed; the stable answers in its place when it can.
    public var candidateFailures = 0
    /// Requests of the whole rollout that nobody answered.
    public var userErrors = 0
    /// The same with the stable alone.
    public var userErrorsAlone = 0
    /// Requests with a known label, answered wrongly, that the stable alone would have answered
    /// rightly.
    public var wrongAnswersCaused = 0
    /// The reverse.
    public var wrongAnswersSpared = 0
    /// Wrong answers more than with the stable alone; negative when there were fewer.
    public var netWrongAnswers: Int { wrongAnswersCaused - wrongAnswersSpared }
  }

  /// A share of runs or rows with Clopper and Pearson's 95 % interval.
  public struct Share: Sendable, Codable, Hashable {
    /// How many.
    public var count: Int
    /// Of how many.
    public var total: Int
    /// The interval's ends.
    public var low: Double
    /// The interval's ends.
    public var high: Double
    /// The share itself; 0 of nothing.
    public var share: Double { total > 0 ? Double(count) / Double(total) : 0 }

    init(_ count: Int, of total: Int) {
      self.count = count
      self.total = total
      let interval = ProportionInterval.clopperPearson(count, of: total)
      (low, high) = (interval.low, interval.high)
    }
  }

  /// Both versions on every recorded request: what no canary can know.
  public struct Truth: Sendable, Codable, Hashable {
    /// Failed answers.
    public var stableFailed: Share
    /// Failed answers.
    public var candidateFailed: Share
    /// Answers whose labels differ, where both answered.
    public var disagreed: Share
    /// Wrong answers, where the label is known and both answered.
    public var stableWrong: Share
    /// Wrong answers, where the label is known and both answered.
    public var candidateWrong: Share
    /// Of those, the ones that only the candidate got wrong.
    public var onlyCandidateWrong: Int
    /// Of those, the ones that only the stable got wrong.
    public var onlyStableWrong: Int
    /// The engine's time for one row in microseconds, p50, p90 and p99; nil when not measured.
    public var stableMicroseconds: [Int]?
    /// The same of the candidate.
    public var candidateMicroseconds: [Int]?
  }

  /// A further candidate.
  public struct Rival: Sendable, Codable, Hashable {
    /// Which version.
    public var version: VersionID
    /// The stable and it on every request.
    public var truth: Truth
  }

  /// One rehearsed rollout.
  public struct Run: Sendable, Codable, Hashable {
    /// The seed of its draws.
    public var seed: UInt64
    /// How it ended.
    public var outcome: Outcome
    /// What caused it, without figures: `wrong answers`; empty when it completed.
    public var cause: String
    /// Why, in words.
    public var reason: String
    /// How long it took, in the recording's time.
    public var took: TimeSpan
    /// Requests of both arms.
    public var requests: Int
    /// Passes over the recording.
    public var passes: Int
    /// What callers would have had of it.
    public var cost: Cost
    /// What was seen at each weight; empty for all runs but the first.
    public var steps: [Step]
    /// What was decided; empty for all runs but the first.
    public var decisions: [Decision]
    /// Decisions beyond those that are listed.
    public var decisionsUnlisted: Int
    /// Who became the stable; nil when nobody did.
    public var winner: VersionID?
    /// What a person who picks among several candidates would know; nil when nobody has to.
    public var choice: Choice?
  }

  /// Several runs with other draws.
  public struct Distribution: Sendable, Codable, Hashable {
    /// How often each outcome came, the most frequent first.
    public var outcomes: [OutcomeShare]
    /// The median and the 90th percentile of how long it took.
    public var tookMedian: TimeSpan
    /// See ``tookMedian``.
    public var took90: TimeSpan
    /// The median and the 90th percentile of exposed requests.
    public var exposedMedian: Int
    /// See ``exposedMedian``.
    public var exposed90: Int
    /// The median and the 90th percentile of net wrong answers.
    public var wrongMedian: Int
    /// See ``wrongMedian``.
    public var wrong90: Int
    /// The mean of user-visible errors.
    public var userErrorsMean: Double
  }

  /// How often runs ended in one way.
  public struct OutcomeShare: Sendable, Codable, Hashable {
    /// The outcome with its cause, as `rolled back: wrong answers`.
    public var outcome: String
    /// How many runs.
    public var share: Share
  }

  /// The endpoint.
  public var endpoint: Name
  /// Whom it is compared with.
  public var stable: VersionID
  /// Who is rehearsed; the leading one of several.
  public var candidate: VersionID
  /// Further candidates, with what is true of them; nil is none.
  public var rivals: [Rival]?
  /// The plan's name.
  public var plan: String
  /// Distinct requests that were replayed.
  public var rows: Int
  /// Of them with a label.
  public var labelled: Int
  /// From the first to the last of them, as they were replayed.
  public var spans: TimeSpan
  /// What a reader should know: what is missing, scaled or assumed.
  public var notes: [String]
  /// What a node would do and the rehearsal did not play.
  public var notPlayed: [String]
  /// The first run, whole.
  public var run: Run
  /// What all runs came to; nil for a single one.
  public var distribution: Distribution?
  /// The stable and the leading candidate on every request.
  public var truth: Truth
  /// Rows a second that all models answered together; a row counts once for each, the stable's
  /// clone included.
  public var modelRowsPerSecond: Int
  /// Requests a second that were routed, counted and judged, over all runs.
  public var replayedPerSecond: Int
}
