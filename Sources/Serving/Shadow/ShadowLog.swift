import Core
import Glibc
import Telemetry

/// What a shadow said beside the stable, until the request's true label comes.
///
/// A ring of the last pairs in memory, 32 bytes each and 4 for the index; memory is taken from the
/// system only as it fills. Several candidates may have answered one request. Used by one thread
/// (the analyst).
public final class ShadowLog {
  /// One pair of answers.
  public struct Pair: Sendable, Equatable {
    /// The generation that the request was routed by, its low 32 bits.
    public var generation: UInt32
    /// The shadow's tag on its endpoint.
    public var version: UInt16
    /// The stable's tag.
    public var primary: UInt16
  }

  private struct Entry {
    var requestID: UInt64
    var primaryLabel: UInt32
    var label: UInt32
    var pair: Pair
    /// The next entry of the same chain plus 1; 0 ends it.
    var next: UInt32
  }

  /// How many pairs are remembered.
  public let capacity: Int
  private let entries: UnsafeMutablePointer<Entry>
  private let chains: UnsafeMutablePointer<UInt32>
  private let chainMask: Int
  private var written = 0

  /// An empty log for `capacity` pairs, 1 to 2^28.
  /// - Throws: ``ServingError`` with the code `system` when there is no such memory.
  public init(capacity: Int = 1 << 19) throws(ServingError) {
    precondition((1...1 << 28).contains(capacity), "a shadow log has 1 to 2^28 entries")
    self.capacity = capacity
    var chainCount = 2
    while chainCount < capacity { chainCount *= 2 }
    chainMask = chainCount - 1
    guard let entryMemory = calloc(capacity, MemoryLayout<Entry>.stride),
      let chainMemory = calloc(chainCount, MemoryLayout<UInt32>.stride)
    else {
      throw ServingError(
        .system, "there is no memory for a shadow log of \(capacity) pairs: ask for fewer")
    }
    entries = entryMemory.bindMemory(to: Entry.self, capacity: capacity)
    chains = chainMemory.bindMemory(to: UInt32.self, capacity: chainCount)
  }

  deinit {
    free(entries)
    free(chains)
  }

  /// Remembers a pair in which both answered; others have nothing that a label could be compared
  /// with.
  public func record(_ shadow: ShadowRecord) {
    guard !shadow.primaryFailed, !shadow.failed else { return }
    let index = written % capacity
    if written >= capacity { unlink(index) }
    let chain = self.chain(of: shadow.requestID)
    entries[index] = Entry(
      requestID: shadow.requestID, primaryLabel: PredictionLog.code(shadow.primaryLabel),
      label: PredictionLog.code(shadow.label),
      pair: Pair(
        generation: UInt32(truncatingIfNeeded: shadow.generation), version: shadow.version,
        primary: shadow.primary), next: chains[chain])
    chains[chain] = UInt32(index) + 1
    written += 1
  }

  /// Compares a true label with every pair of its request.
  ///
  /// Call it once a request, when ``PredictionLog`` has bound the label.
  public func bind(
    requestID: UInt64, label: TextKey,
    _ body: (_ pair: Pair, _ primaryIsWrong: Bool, _ shadowIsWrong: Bool) -> Void
  ) {
    guard written > 0 else { return }
    let truth = PredictionLog.code(label)
    var link = chains[chain(of: requestID)]
    while link != 0 {
      let entry = entries[Int(link - 1)]
      if entry.requestID == requestID {
        body(entry.pair, entry.primaryLabel != truth, entry.label != truth)
      }
      link = entry.next
    }
  }

  private func chain(of requestID: UInt64) -> Int {
    Int(truncatingIfNeeded: SplitMix64.mix(requestID)) & chainMask
  }

  /// Takes the entry that is about to be overwritten out of its chain.
  private func unlink(_ index: Int) {
    let chain = self.chain(of: entries[index].requestID)
    let wanted = UInt32(index) + 1
    if chains[chain] == wanted {
      chains[chain] = entries[index].next
      return
    }
    var link = chains[chain]
    while link != 0 {
      let at = Int(link - 1)
      if entries[at].next == wanted {
        entries[at].next = entries[index].next
        return
      }
      link = entries[at].next
    }
  }
}
