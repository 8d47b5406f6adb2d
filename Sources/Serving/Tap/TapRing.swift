import Synchronization
import Telemetry

/// A bounded queue from one worker to the analyst: one writer thread, one reader thread, no lock.
///
/// When it is full the record is dropped and counted; the worker never waits. Each slot holds a
/// ``TapRecord`` and the request's row.
public final class TapRing: @unchecked Sendable {
  // Safe to share: slots between `tail` and `head` belong to the reader and the others to the
  // writer; each side publishes its index with release and reads the other's with acquire. The
  // cached indices are each used by one side only.

  /// The reader's and the writer's indices, each on its own cache line.
  private let head = PaddedCounter()
  private let tail = PaddedCounter()
  private let drops = PaddedCounter()
  private let finished = Atomic<Bool>(false)
  private let slots: UnsafeMutableRawPointer
  private let slotBytes: Int
  private let rowOffset: Int
  private let mask: Int
  private var cachedTail = 0
  private var cachedHead = 0

  /// How the rows in it look.
  public let layout: RowLayout
  /// How many records fit.
  public let capacity: Int

  /// An empty ring.
  /// - Parameter capacity: rounded up to a power of two, 2 to 65,536.
  public init(layout: RowLayout, capacity: Int = 4_096) {
    var size = 2
    while size < min(capacity, 65_536) { size *= 2 }
    self.capacity = size
    self.layout = layout
    mask = size - 1
    rowOffset = MemoryLayout<TapRecord>.stride
    // The row's texts need 8-byte alignment, which both parts' sizes keep.
    slotBytes = rowOffset + layout.strideBytes
    slots = .allocate(byteCount: size * slotBytes, alignment: 64)
    slots.initializeMemory(as: UInt8.self, repeating: 0, count: size * slotBytes)
  }

  deinit { slots.deallocate() }

  /// Records dropped because the reader was behind.
  public var dropped: Int { drops.value.load(ordering: .relaxed) }

  /// True when the writer has gone and everything was read.
  var isFinished: Bool {
    finished.load(ordering: .acquiring)
      && head.value.load(ordering: .acquiring) == tail.value.load(ordering: .relaxed)
  }

  /// The writer's last word.
  func finish() { finished.store(true, ordering: .releasing) }

  /// Appends a record and the row; the writer's side.
  /// - Returns: false when the ring was full and the record was dropped.
  @discardableResult
  func push(_ record: TapRecord, row: RowBuffer) -> Bool {
    guard let slot = reserve() else { return false }
    // Not storeBytes or initialize, which allocate where they are not specialised.
    slot.assumingMemoryBound(to: TapRecord.self).pointee = record
    row.copy(to: slot + rowOffset)
    let at = head.value.load(ordering: .relaxed)
    head.value.store(at &+ 1, ordering: .releasing)
    return true
  }

  /// Appends a record and a row that lies in ``layout``'s form already; the writer's side.
  /// - Returns: false when the ring was full and the record was dropped.
  @discardableResult
  public func push(_ record: TapRecord, row: UnsafeRawPointer) -> Bool {
    guard let slot = reserve() else { return false }
    slot.storeBytes(of: record, as: TapRecord.self)
    (slot + rowOffset).copyMemory(from: row, byteCount: layout.strideBytes)
    let at = head.value.load(ordering: .relaxed)
    head.value.store(at &+ 1, ordering: .releasing)
    return true
  }

  private func reserve() -> UnsafeMutableRawPointer? {
    let at = head.value.load(ordering: .relaxed)
    if at &- cachedTail == capacity {
      cachedTail = tail.value.load(ordering: .acquiring)
      if at &- cachedTail == capacity {
        drops.value.add(1, ordering: .relaxed)
        return nil
      }
    }
    return slots + (at & mask) * slotBytes
  }

  /// Hands at most `limit` records to `body`, oldest first; the reader's side.
  /// - Parameter body: gets a record and its row, both valid during the call only.
  /// - Returns: how many there were.
  @discardableResult
  public func drain(
    limit: Int = .max, _ body: (TapRecord, UnsafeRawPointer) -> Void
  ) -> Int {
    let from = tail.value.load(ordering: .relaxed)
    if from == cachedHead { cachedHead = head.value.load(ordering: .acquiring) }
    let count = min(limit, cachedHead &- from)
    for i in 0..<max(0, count) {
      let slot = slots + ((from &+ i) & mask) * slotBytes
      body(slot.load(as: TapRecord.self), UnsafeRawPointer(slot + rowOffset))
      // Freed one by one, so that a slow reader makes room as it goes.
      tail.value.store(from &+ i &+ 1, ordering: .releasing)
    }
    return max(0, count)
  }
}
