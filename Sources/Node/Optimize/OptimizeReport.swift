import Core
import Inference

/// What `model optimize` is asked for.
public struct OptimizeRequest: Sendable {
  /// The version to start from.
  public var version: VersionID
  /// The rewritings to do.
  public var passes: [OptimizationPass]
  /// The largest change of a number in the outputs that is accepted.
  public var tolerance: Double
  /// A file of rows to compare on; without one, rows are made up.
  public var rowsPath: String?
  /// The column of that file that has the right answers.
  public var labelColumn: String?
  /// Whether nothing is registered, whatever comes out.
  public var isDryRun: Bool
  /// The most rows that are compared, 1 to 20,000; of made-up rows there are 2,000 at most.
  public var rowLimit = 20_000
  /// Rounds that are timed, of at least 20 ms each for each model and batch size.
  public var timingRounds = 7

  /// Puts them together.
  public init(
    version: VersionID, passes: [OptimizationPass] = OptimizationPass.standard,
    tolerance: Double = 1e-5, rowsPath: String? = nil, labelColumn: String? = nil,
    isDryRun: Bool = false
  ) {
    self.version = version
    self.passes = passes
    self.tolerance = tolerance
    self.rowsPath = rowsPath
    self.labelColumn = labelColumn
    self.isDryRun = isDryRun
  }
}

/// What optimising a version came to.
public struct OptimizeReport: Sendable, Encodable {
  /// A model's size.
  public struct Size: Sendable, Encodable, Equatable {
    /// The file, bytes.
    public let bytes: Int
    /// Nodes of the graph.
    public let nodes: Int
    /// Steps of the plan after folding and fusing.
    public let steps: Int

    init(_ summary: ModelSummary) {
      bytes = summary.fileBytes
      nodes = summary.nodeCount
      steps = summary.stepCount
    }
  }

  /// Processor time a row.
  public struct Speed: Sendable, Encodable {
    /// Rows in a call.
    public let batch: Int
    /// Microseconds before.
    public let before: Double
    /// Microseconds after.
    public let after: Double

    enum CodingKeys: String, CodingKey {
      case batch
      case before = "before_us"
      case after = "after_us"
    }
  }

  /// How good the answers are, measured with labels.
  public struct Quality: Sendable, Encodable {
    /// `accuracy` or `rmse`.
    public let metric: String
    /// The parent's.
    public let before: Double
    /// The new version's.
    public let after: Double
  }

  /// The version it was made from.
  public let parent: VersionID
  /// The new version; `nil` when nothing was registered.
  public internal(set) var version: VersionID?
  /// Why the result was refused; `nil` when it is acceptable.
  public internal(set) var refusal: String?
  /// What each pass did.
  public let passes: [OptimizationStep]
  /// The parent's size.
  public let before: Size
  /// The result's.
  public let after: Size
  /// The rows that both were compared on, in words.
  public let rowsFrom: String
  /// How much the answers differ; the worse of calls with one row and with many.
  public let change: AnswerChange
  /// What was accepted.
  public let tolerance: Double
  /// With labels: how good both are.
  public let quality: Quality?
  /// Time at each batch size.
  public let speed: [Speed]

  enum CodingKeys: String, CodingKey {
    case parent, version, refusal, passes, before, after, change, tolerance, quality, speed
    case rowsFrom = "rows_from"
  }
}
