import Core
import Telemetry

/// Which version answered which request, so that a late label counts for the version that answered
/// and in the share at which it was routed.
///
/// A ring of the last requests in memory, 40 bytes each and 4 for the index; memory is taken from
/// the system only as it fills. Entries older than the lifetime are not bound any more. Used by one
/// thread (the analyst).
public final class PredictionLog {
  /// What is remembered of a request.
  public struct Entry: Sendable, Equatable, ChainedEntry {
    /// The caller's identifier.
    public var requestID: UInt64
    /// When it was answered, monotonic nanoseconds.
    public var timeNanoseconds: Int64
    /// The generation it was routed by, its low 32 bits.
    public var generation: UInt32
    /// The answered label, as the low 32 bits of its key's hash.
    public var label: UInt32
    /// The version's tag on its endpoint.
    public var version: UInt16
    /// The version's weight at routing, basis points.
    public var weight: UInt16
    /// The stable's weight at routing, basis points.
    public var stableWeight: UInt16
    /// The routing's flags, ``TapRecord/Flags``.
    public var flags: UInt8
    /// The place of the request's segment plus 1; 0 for none.
    var segmentCode: UInt8 = 0
    /// The label that came, as the low 32 bits of its key's hash.
    var truth: UInt32 = 0
    /// The next entry of the same index chain plus 1; 0 ends it.
    var next: UInt32 = 0

    /// The bit of ``flags`` that says that a label has come.
    fileprivate static let labelled: UInt8 = 64
    fileprivate var isLabelled: Bool {
      get { flags & Entry.labelled != 0 }
      set { flags = newValue ? flags | Entry.labelled : flags & ~Entry.labelled }
    }

    /// The place of the request's segment among those that are judged apart; nil for none.
    public var segment: Int? { segmentCode == 0 ? nil : Int(segmentCode) - 1 }

    /// Whether the version came by the bucket alone, so that the label is evidence.
    public var isDrawn: Bool {
      TapRecord.Flags(rawValue: flags).contains(.drawn)
        && !TapRecord.Flags(rawValue: flags).contains(.synthetic)
    }
  }

  /// What became of a label.
  public enum Binding: Sendable, Equatable {
    /// It belongs to this request; `isWrong` says whether the answer differed.
    case bound(Entry, isWrong: Bool)
    /// A label for this request had come before; the first one counts.
    case duplicate
    /// The request is too old.
    case expired
    /// No such request is known (never seen, or long overwritten).
    case unknown
  }

  /// Counts since the beginning.
  public struct Counts: Sendable, Equatable {
    /// Requests that were answered and remembered.
    public var requests = 0
    /// Labels bound.
    public var bound = 0
    /// Labels for requests that had one.
    public var duplicates = 0
    /// Labels that came too late.
    public var expired = 0
    /// Labels for unknown requests.
    public var unknown = 0
    /// The share of requests that have a label; nil before the first request.
    public var coverage: Double? { requests > 0 ? Double(bound) / Double(requests) : nil }
  }

  /// How many requests are remembered.
  public let capacity: Int
  /// How long a label is waited for, nanoseconds.
  public let lifetimeNanoseconds: Int64
  /// Counts since the beginning.
  public private(set) var counts = Counts()

  private let ring: RequestRing<Entry>

  /// An empty log.
  /// - Parameters:
  ///   - capacity: 1 to 2^28 requests.
  ///   - lifetime: how long a label is waited for.
  /// - Throws: ``ServingError`` with the code `system` when there is no such memory.
  public init(
    capacity: Int = 1 << 20, lifetime: TimeSpan = .minutes(60 * 24)
  ) throws(ServingError) {
    precondition((1...1 << 28).contains(capacity), "a prediction log has 1 to 2^28 entries")
    self.capacity = capacity
    lifetimeNanoseconds = lifetime.microseconds * 1_000
    guard let ring = RequestRing<Entry>(capacity: capacity) else {
      throw ServingError(
        .system, "there is no memory for a prediction log of \(capacity) requests: ask for fewer")
    }
    self.ring = ring
  }

  /// Bytes of one remembered request, its index included.
  public static let bytesPerRequest = MemoryLayout<Entry>.stride + MemoryLayout<UInt32>.stride

  /// Remembers an answered request; the oldest is forgotten when the ring is full.
  ///
  /// Refused, failed and synthetic requests are not remembered.
  /// - Parameter segment: the place of the request's segment, 0 to 253; nil for none.
  public func record(_ tap: TapRecord, segment: Int? = nil) {
    guard tap.outcome == .answered || tap.outcome == .fellBack, !tap.flags.contains(.synthetic)
    else { return }
    ring.append(
      Entry(
        requestID: tap.requestID, timeNanoseconds: tap.timeNanoseconds,
        generation: UInt32(truncatingIfNeeded: tap.generation),
        label: PredictionLog.code(tap.label), version: tap.answeredBy, weight: tap.weight,
        stableWeight: tap.stableWeight, flags: PredictionLog.flags(tap),
        segmentCode: segment.map { UInt8(clamping: $0 + 1) } ?? 0))
    counts.requests += 1
  }

  /// Binds a label to the version that answered.
  public func bind(_ arrival: LabelArrival) -> Binding {
    bind(
      requestID: arrival.requestID, label: TextKey(decimal: arrival.label),
      now: arrival.timeNanoseconds)
  }

  /// Binds a label given by its key; `now` in monotonic nanoseconds.
  public func bind(requestID: UInt64, label: TextKey, now: Int64) -> Binding {
    guard let place = ring.first(of: requestID) else {
      counts.unknown += 1
      return .unknown
    }
    return bind(at: place, label, now)
  }

  /// What a label that has come already says of two answers to its request; nil while none has.
  ///
  /// For a shadow that answered later than the label came.
  public func labelled(
    _ shadow: ShadowRecord
  ) -> (primaryIsWrong: Bool, shadowIsWrong: Bool)? {
    guard !shadow.primaryFailed, !shadow.failed else { return nil }
    guard let place = ring.first(of: shadow.requestID), ring[place].isLabelled else { return nil }
    let truth = ring[place].truth
    return (
      truth != PredictionLog.code(shadow.primaryLabel), truth != PredictionLog.code(shadow.label)
    )
  }

  private func bind(at index: Int, _ label: TextKey, _ now: Int64) -> Binding {
    if ring[index].isLabelled {
      counts.duplicates += 1
      return .duplicate
    }
    if now - ring[index].timeNanoseconds > lifetimeNanoseconds {
      counts.expired += 1
      return .expired
    }
    ring[index].isLabelled = true
    ring[index].truth = PredictionLog.code(label)
    counts.bound += 1
    return .bound(ring[index], isWrong: ring[index].label != PredictionLog.code(label))
  }

  /// A fallback's answer is no evidence for the version that failed, nor a draw of its own.
  private static func flags(_ tap: TapRecord) -> UInt8 {
    var flags = tap.flags
    if tap.answeredBy != tap.version { flags.remove(.drawn) }
    return flags.rawValue
  }

  /// What is kept of a label.
  static func code(_ label: TextKey) -> UInt32 { UInt32(truncatingIfNeeded: label.mixed) }
}
