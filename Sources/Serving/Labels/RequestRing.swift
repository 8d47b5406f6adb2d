import Core
import Glibc
import Telemetry

/// An entry of a ``RequestRing``; plain bits.
protocol ChainedEntry: BitwiseCopyable {
  /// The caller's identifier, by which it is found.
  var requestID: UInt64 { get }
  /// The next entry of the same chain plus 1; 0 ends it.
  var next: UInt32 { get set }
}

/// The last so many entries, found by their request: a ring, and chains of places in it by hash.
///
/// Memory is taken from the system only as it fills. Used by one thread.
final class RequestRing<Entry: ChainedEntry> {
  /// How many entries are remembered.
  let capacity: Int
  /// How many were ever appended.
  private(set) var written = 0
  private let entries: UnsafeMutablePointer<Entry>
  /// The first entry of each chain plus 1, so that zeroed memory means "none".
  private let chains: UnsafeMutablePointer<UInt32>
  private let chainMask: Int

  /// An empty ring; nil when there is no such memory.
  init?(capacity: Int) {
    var chainCount = 2
    while chainCount < capacity { chainCount *= 2 }
    // calloc takes address space only; pages come as they are written.
    guard let entryMemory = calloc(capacity, MemoryLayout<Entry>.stride) else { return nil }
    guard let chainMemory = calloc(chainCount, MemoryLayout<UInt32>.stride) else {
      free(entryMemory)
      return nil
    }
    self.capacity = capacity
    chainMask = chainCount - 1
    entries = entryMemory.bindMemory(to: Entry.self, capacity: capacity)
    chains = chainMemory.bindMemory(to: UInt32.self, capacity: chainCount)
  }

  deinit {
    free(entries)
    free(chains)
  }

  /// The entry at a place that ``first(of:)`` or ``next(after:)`` gave.
  subscript(place: Int) -> Entry {
    get { entries[place] }
    set { entries[place] = newValue }
  }

  /// Remembers an entry; the oldest is forgotten when the ring is full.
  func append(_ entry: Entry) {
    let place = written % capacity
    if written >= capacity { unlink(place) }
    let chain = self.chain(of: entry.requestID)
    entries[place] = entry
    entries[place].next = chains[chain]
    chains[chain] = UInt32(place) + 1
    written += 1
  }

  /// The place of the newest entry of a request.
  func first(of requestID: UInt64) -> Int? { find(requestID, from: chains[chain(of: requestID)]) }

  /// The place of the next older entry of the same request.
  func next(after place: Int) -> Int? { find(entries[place].requestID, from: entries[place].next) }

  private func find(_ requestID: UInt64, from start: UInt32) -> Int? {
    var link = start
    while link != 0 {
      let place = Int(link - 1)
      if entries[place].requestID == requestID { return place }
      link = entries[place].next
    }
    return nil
  }

  private func chain(of requestID: UInt64) -> Int {
    Int(truncatingIfNeeded: SplitMix64.mix(requestID)) & chainMask
  }

  /// Takes the entry that is about to be overwritten out of its chain.
  private func unlink(_ place: Int) {
    let chain = self.chain(of: entries[place].requestID)
    let wanted = UInt32(place) + 1
    if chains[chain] == wanted {
      chains[chain] = entries[place].next
      return
    }
    var link = chains[chain]
    while link != 0 {
      let at = Int(link - 1)
      if entries[at].next == wanted {
        entries[at].next = entries[place].next
        return
      }
      link = entries[at].next
    }
  }
}
