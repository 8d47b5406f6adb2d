import Core
import Telemetry

/// What is to be answered a second time, out of the callers' sight.
///
/// A share of the requests that the stable answers is copied; each candidate answers every copy,
/// and the stable's clone too when asked for, to show how much two runs of one version differ.
public struct ShadowOrder: Sendable, Hashable {
  /// Who answers the copies.
  public let candidates: [VersionID]
  /// How many of the requests are copied, basis points; each is drawn on its own, whatever its key.
  public let share: BasisPoints
  /// Whether a second session of the stable answers the copies as well.
  public let clonesStable: Bool
  /// Which requests may be copied; nil for all.
  public let rule: RequestRule?
  /// The most processor time for copies, per cent of one processor, 1 to 100.
  public let processorPercentMax: Int

  /// Answers of a new session for copies whose times are not compared yet.
  public static let warmUpAnswers = 50

  /// Puts them together.
  public init(
    candidates: [VersionID], share: BasisPoints, clonesStable: Bool = true,
    rule: RequestRule? = nil, processorPercentMax: Int = 50
  ) {
    self.candidates = candidates
    self.share = min(max(0, share), Split.whole)
    self.clonesStable = clonesStable
    self.rule = rule
    self.processorPercentMax = min(max(1, processorPercentMax), 100)
  }
}

/// One candidate's answer to a copy, beside the answer that the caller got; plain bits.
public struct ShadowRecord: BitwiseCopyable {
  /// The caller's identifier.
  public var requestID: UInt64
  /// The generation that the request was routed by.
  public var generation: UInt64
  /// When all shadows had answered, monotonic nanoseconds.
  public var timeNanoseconds: Int64
  /// What the stable took for the caller's answer.
  public var primaryLatencyNanoseconds: UInt64
  /// What the candidate took, on the shadows' low-priority thread.
  public var latencyNanoseconds: UInt64
  /// What the stable's clone took, on the same thread beside it; 0 without a clone.
  public var cloneLatencyNanoseconds: UInt64
  /// The label that the caller got.
  public var primaryLabel: TextKey
  /// The candidate's label.
  public var label: TextKey
  /// The score that the caller got; NaN when there is none.
  public var primaryScore: Float
  /// The candidate's score.
  public var score: Float
  /// Who answered the caller: the stable's tag on the endpoint.
  public var primary: UInt16
  /// Who answered the copy.
  public var version: UInt16
  /// Whether the stable failed.
  public var primaryFailed: Bool
  /// Whether the candidate failed.
  public var failed: Bool
  /// Whether a clone of the stable answered the copy as well; the rest of it means nothing else.
  public var hasClone: Bool
  /// Whether the clone failed.
  public var cloneFailed: Bool
  /// Whether the clone's answer differs from the stable's.
  public var cloneDiffers: Bool
  /// Whether candidate and clone have answered often enough for their times to be compared.
  public var isWarm: Bool

  /// Puts them together.
  public init(
    requestID: UInt64, generation: UInt64, timeNanoseconds: Int64,
    primaryLatencyNanoseconds: UInt64, latencyNanoseconds: UInt64,
    cloneLatencyNanoseconds: UInt64, primaryLabel: TextKey, label: TextKey, primaryScore: Float,
    score: Float, primary: UInt16, version: UInt16, primaryFailed: Bool, failed: Bool,
    hasClone: Bool, cloneFailed: Bool, cloneDiffers: Bool, isWarm: Bool
  ) {
    self.requestID = requestID
    self.generation = generation
    self.timeNanoseconds = timeNanoseconds
    self.primaryLatencyNanoseconds = primaryLatencyNanoseconds
    self.latencyNanoseconds = latencyNanoseconds
    self.cloneLatencyNanoseconds = cloneLatencyNanoseconds
    self.primaryLabel = primaryLabel
    self.label = label
    self.primaryScore = primaryScore
    self.score = score
    self.primary = primary
    self.version = version
    self.primaryFailed = primaryFailed
    self.failed = failed
    self.hasClone = hasClone
    self.cloneFailed = cloneFailed
    self.cloneDiffers = cloneDiffers
    self.isWarm = isWarm
  }

  /// Whether the candidate's answer differs from the stable's: another label, or without labels
  /// another score; nil when one of them failed.
  public var differs: Bool? {
    if primaryFailed || failed { return nil }
    return ShadowRecord.differ((primaryLabel, primaryScore), (label, score))
  }

  /// Whether two answers differ: in their labels, or without labels in their scores.
  public static func differ(
    _ a: (label: TextKey, score: Float), _ b: (label: TextKey, score: Float)
  ) -> Bool {
    if a.label.isMissing && b.label.isMissing {
      return !(a.score == b.score || (a.score.isNaN && b.score.isNaN))
    }
    return a.label != b.label
  }
}
