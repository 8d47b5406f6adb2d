import Core
import Telemetry

/// What a shadow said beside the stable, until the request's true label comes.
///
/// A ring of the last pairs in memory, 32 bytes each and 4 for the index; memory is taken from the
/// system only as it fills. Several candidates may have answered one request. Used by one thread
/// (the analyst).
public final class ShadowLog {
  /// One pair of answers.
  public struct Pair: Sendable, Equatable, BitwiseCopyable {
    /// The generation that the request was routed by, its low 32 bits.
    public var generation: UInt32
    /// The shadow's tag on its endpoint.
    public var version: UInt16
    /// The stable's tag.
    public var primary: UInt16
  }

  private struct Entry: ChainedEntry {
    var requestID: UInt64
    var primaryLabel: UInt32
    var label: UInt32
    var pair: Pair
    var next: UInt32 = 0
  }

  /// How many pairs are remembered.
  public let capacity: Int
  private let ring: RequestRing<Entry>

  /// An empty log for `capacity` pairs, 1 to 2^28.
  /// - Throws: ``ServingError`` with the code `system` when there is no such memory.
  public init(capacity: Int = 1 << 19) throws(ServingError) {
    precondition((1...1 << 28).contains(capacity), "a shadow log has 1 to 2^28 entries")
    self.capacity = capacity
    guard let ring = RequestRing<Entry>(capacity: capacity) else {
      throw ServingError(
        .system, "there is no memory for a shadow log of \(capacity) pairs: ask for fewer")
    }
    self.ring = ring
  }

  /// Remembers a pair in which both answered; others have nothing that a label could be compared
  /// with.
  public func record(_ shadow: ShadowRecord) {
    guard !shadow.primaryFailed, !shadow.failed else { return }
    ring.append(
      Entry(
        requestID: shadow.requestID, primaryLabel: PredictionLog.code(shadow.primaryLabel),
        label: PredictionLog.code(shadow.label),
        pair: Pair(
          generation: UInt32(truncatingIfNeeded: shadow.generation), version: shadow.version,
          primary: shadow.primary)))
  }

  /// Compares a true label with every pair of its request.
  ///
  /// Call it once a request, when ``PredictionLog`` has bound the label.
  public func bind(
    requestID: UInt64, label: TextKey,
    _ body: (_ pair: Pair, _ primaryIsWrong: Bool, _ shadowIsWrong: Bool) -> Void
  ) {
    guard ring.written > 0 else { return }
    let truth = PredictionLog.code(label)
    var place = ring.first(of: requestID)
    while let at = place {
      let entry = ring[at]
      body(entry.pair, entry.primaryLabel != truth, entry.label != truth)
      place = ring.next(after: at)
    }
  }
}
