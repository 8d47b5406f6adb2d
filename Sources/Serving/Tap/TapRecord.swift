import Telemetry

/// How a request ended.
public enum Outcome: UInt8, Sendable {
  /// The version that was routed to answered.
  case answered
  /// That version failed, and the fallback answered in its place; the caller saw no failure, but it
  /// counts against the version.
  case fellBack
  /// Nobody could answer.
  case failed
  /// The endpoint is drained, or every version is closed.
  case unavailable
  /// The request asked for a version that is not loaded on the endpoint.
  case notLoaded
  /// The request asked for a version that is closed by a fence.
  case closed

  /// Whether no version was asked.
  public var isRefusal: Bool { self == .unavailable || self == .notLoaded || self == .closed }
}

/// What the data plane reports of one request; plain bits, followed in the ring by the row.
public struct TapRecord {
  /// Facts about the routing.
  public struct Flags: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt8
    /// Takes the bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// The version came by the bucket alone, so the request counts as evidence.
    public static let drawn = Flags(rawValue: 1)
    /// The bucket's version was closed by a fence, and the request went to the fallback.
    public static let redirected = Flags(rawValue: 2)
    /// A test request, outside of every verdict.
    public static let synthetic = Flags(rawValue: 4)
    /// The request had a sticky key.
    public static let keyed = Flags(rawValue: 8)
    /// The request asked for the version.
    public static let pinned = Flags(rawValue: 16)
    /// The request was copied for shadows.
    public static let copied = Flags(rawValue: 32)
    /// Requests that have nothing to do with a comparison.
    static let neverCopied = Flags(rawValue: 2 | 4 | 16)
    /// The analyst gave it to the recorder, so that its label is recorded too; the data plane never
    /// sets it.
    public static let recorded = Flags(rawValue: 128)
  }

  /// The tag that stands for no version.
  public static let noVersion = UInt16.max
  /// The place that stands for no rule: the endpoint's table routed.
  public static let noRule = UInt8.max

  /// The request's place in the endpoint's order of routing decisions.
  public var ticket: UInt64
  /// The caller's identifier, with which a late label comes back.
  public var requestID: UInt64
  /// When the answer was ready, monotonic nanoseconds.
  public var timeNanoseconds: Int64
  /// From the beginning of routing to the answer.
  public var latencyNanoseconds: UInt64
  /// How much later than intended the request was begun; 0 for live callers.
  public var lateNanoseconds: UInt64
  /// The endpoint's generation it was routed by.
  public var generation: UInt64
  /// The hash of the sticky key, salted for the rollout; 0 when the request had none.
  public var keyHash: UInt64 = 0
  /// The hash of the sticky key that is the same in every rollout; 0 when the request had none.
  public var keyIdentity: UInt64 = 0
  /// The answer's label.
  public var label: TextKey
  /// The answer's score; NaN when there is none.
  public var score: Float
  /// The version that was routed to (its tag on the endpoint): the one that is judged.
  public var version: UInt16
  /// The version that answered; ``noVersion`` when nobody did.
  public var answeredBy: UInt16
  /// That version's weight at routing, basis points; under a rule its weight there.
  public var weight: UInt16
  /// The stable's weight at routing, basis points; under a rule its weight there.
  public var stableWeight: UInt16
  /// How it ended.
  public var outcome: Outcome
  /// Facts about the routing.
  public var flags: Flags
  /// The place of the rule that routed, among the published ones; ``noRule`` when none did.
  public var rule: UInt8 = TapRecord.noRule

  /// Whether the version that was routed to failed by itself.
  public var versionFailed: Bool { outcome == .fellBack || outcome == .failed }
}
