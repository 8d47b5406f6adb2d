import Control
import Core

/// When and how a model is trained again, as a file of `retraining/` says.
public struct RetrainingPolicy: Sendable, Equatable {
  /// Inputs have drifted from the stable's training reference.
  public struct Drift: Sendable, Equatable {
    /// So many inputs or more.
    public var features: Int
    /// Without a break for so long.
    public var time: TimeSpan
  }

  /// Fewer right answers of the stable than wanted.
  public struct Accuracy: Sendable, Equatable {
    /// The share of right answers, basis points.
    public var below: BasisPoints
    /// Over at least so many labels.
    public var labels: Int
    /// That came within so long.
    public var window: TimeSpan
  }

  /// What the recorded rows must be like, and which are taken.
  public struct DataRules: Sendable, Equatable {
    /// The fewest rows with a label.
    public var minRows = 1_000
    /// The most; the newest are taken.
    public var maxRows = 1_000_000
    /// The least share of requests that must have a label.
    public var minLabelled: BasisPoints?
    /// The most by which a column's share of missing values may be over that of the stable's
    /// training.
    public var maxMissing: BasisPoints?
    /// The least share of the rarest class.
    public var minClassShare: BasisPoints?
    /// The most rows that another row is equal to.
    public var maxDuplicates: BasisPoints?
    /// The newest rows that the command does not get and the gates do.
    public var holdout: BasisPoints = 2_000
    /// Rows younger than that are left for the next time: their labels may be under way.
    public var settle: TimeSpan = .zero
    /// Rows that were learnt from before are taken again as far back as this.
    public var reach: TimeSpan?
  }

  /// What follows when the gates are passed.
  public enum Ending: String, Sendable, CaseIterable, Codable {
    /// A person decides.
    case propose
    /// The ramp begins.
    case ramp
  }

  /// Its name.
  public var name: Name
  /// The endpoint whose recorded traffic is learnt from.
  public var endpoint: Name
  /// The model that gets a new version.
  public var model: Name
  /// The command and its arguments, with placeholders.
  public var command: [String]
  /// Where the command is run.
  public var directory: String
  /// How long it may take.
  public var timeout: TimeSpan
  /// The least time between two beginnings that nobody asked for.
  public var coolDown: TimeSpan
  /// Runs whose folders are kept.
  public var keepRuns: Int
  /// Begins when inputs have drifted.
  public var drift: Drift?
  /// Begins when answers are too often wrong.
  public var accuracy: Accuracy?
  /// Begins at these minutes of the week.
  public var schedule: [WeeklyMoment]
  /// What the rows must be like.
  public var data: DataRules
  /// The column of right answers in the exported files.
  public var label: String
  /// The class that the gates are about; nil is the second of two.
  public var positive: String?
  /// The file of gates; nil takes the usual ones.
  public var gatesPath: String?
  /// What follows.
  public var ending: Ending
  /// The plan of the ramp.
  public var plan: String
  /// The SHA-256 of the file.
  public var digest: Digest

  /// The placeholders that a command may have, without their braces.
  static let placeholders = ["data", "out", "parent", "model", "endpoint", "label"]
  /// The window of accuracy reaches no further back than what the node keeps: an hour.
  static let accuracyWindowMax = TimeSpan.minutes(60)

  /// What begins a run, in words; empty when only people do.
  public var triggers: [String] {
    var words: [String] = []
    if let drift { words.append("drift of \(drift.features) inputs for \(drift.time)") }
    if let accuracy {
      words.append(
        "accuracy below \(percentWords(accuracy.below)) over \(accuracy.window) and "
          + "\(accuracy.labels) labels")
    }
    return words + schedule.map(\.description)
  }

  /// The first scheduled moment after `now`; nil without a schedule.
  func nextMoment(after now: Timestamp) -> Timestamp? {
    schedule.map { $0.next(after: now) }.min()
  }
}

/// `12.5 %`.
func percentWords(_ share: BasisPoints) -> String {
  "\(decimal(Double(share) / 100, share % 100 == 0 ? 0 : 2)) %"
}
