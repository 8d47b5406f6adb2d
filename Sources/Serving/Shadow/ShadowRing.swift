import Core
import Glibc
import Synchronization
import Telemetry

/// One request on its way to the shadows; followed in the ring by the row and its texts.
struct ShadowCopy: BitwiseCopyable {
  var requestID: UInt64
  var generation: UInt64
  var latencyNanoseconds: UInt64
  var label: TextKey
  var score: Float
  /// The stable's tag.
  var primary: UInt16
  var failed: Bool
}

/// A bounded queue of request copies from one worker to the shadows' thread: one writer, one
/// reader, no lock.
///
/// A copy holds all that a model reads, texts included, because the caller's memory is gone when a
/// shadow answers. When the ring is full, or the texts are too long, the copy is dropped and
/// counted; the worker never waits.
final class ShadowRing: @unchecked Sendable {
  // Safe to share: slots between `tail` and `head` belong to the reader and the others to the
  // writer; each side publishes its index with release and reads the other's with acquire. The
  // cached index is used by the writer only.
  private let head = PaddedCounter()
  private let tail = PaddedCounter()
  private let drops = PaddedCounter()
  private let finished = Atomic<Bool>(false)
  private let slots: UnsafeMutableRawPointer
  private let slotBytes: Int
  private let rowOffset: Int
  private let textOffset: Int
  private let textBytesMax: Int
  /// Where the row's texts lie.
  private let texts: [Int]
  private let rowBytes: Int
  private let mask: Int
  private var cachedTail = 0

  /// How many copies fit.
  let capacity: Int
  /// Bytes for the texts of one copy, beside a share for each text.
  private static let textBytesLeast = 512
  private static let textBytesEach = 64

  /// An empty ring.
  /// - Parameter capacity: rounded up to a power of two, 2 to 4,096.
  init(_ schema: RowSchema, capacity: Int = 256) {
    var size = 2
    while size < min(capacity, 4_096) { size *= 2 }
    self.capacity = size
    mask = size - 1
    texts = schema.columns.filter { $0.elementType == .text }.flatMap { column in
      (0..<column.width).map { column.offsetBytes + $0 * MemoryLayout<TextValue>.stride }
    }
    rowBytes = schema.bufferBytes
    rowOffset = (MemoryLayout<ShadowCopy>.stride + 15) / 16 * 16
    textOffset = rowOffset + rowBytes
    textBytesMax =
      texts.isEmpty ? 0 : max(ShadowRing.textBytesLeast, texts.count * ShadowRing.textBytesEach)
    slotBytes = (textOffset + textBytesMax + 63) / 64 * 64
    // Untouched pages cost nothing until copies come.
    slots = .allocate(byteCount: size * slotBytes, alignment: 64)
  }

  deinit { slots.deallocate() }

  /// Copies dropped so far.
  var dropped: Int { drops.value.load(ordering: .relaxed) }

  /// True when the writer has gone and everything was read.
  var isFinished: Bool {
    finished.load(ordering: .acquiring)
      && head.value.load(ordering: .acquiring) == tail.value.load(ordering: .relaxed)
  }

  /// The writer's last word.
  func finish() { finished.store(true, ordering: .releasing) }

  /// Counts a copy that could not be answered after all.
  func countDrop() { drops.value.add(1, ordering: .relaxed) }

  /// Appends a copy of the row; the writer's side.
  func push(_ copy: ShadowCopy, row: RowBuffer) {
    let at = head.value.load(ordering: .relaxed)
    if at &- cachedTail == capacity {
      cachedTail = tail.value.load(ordering: .acquiring)
      if at &- cachedTail == capacity { return countDrop() }
    }
    let slot = slots + (at & mask) * slotBytes
    guard copyRow(row, to: slot) else { return countDrop() }
    slot.assumingMemoryBound(to: ShadowCopy.self).pointee = copy
    head.value.store(at &+ 1, ordering: .releasing)
  }

  private func copyRow(_ row: RowBuffer, to slot: UnsafeMutableRawPointer) -> Bool {
    memcpy(slot + rowOffset, row.base, rowBytes)
    var next = textOffset
    let end = textOffset + textBytesMax
    // By index: an iterator allocates where it is not specialised.
    for index in 0..<texts.count {
      let offset = texts[index]
      let text = (slot + rowOffset + offset).assumingMemoryBound(to: TextValue.self)
      guard let bytes = text.pointee.bytes, text.pointee.count > 0 else { continue }
      guard text.pointee.count <= end - next else { return false }
      memcpy(slot + next, bytes, text.pointee.count)
      text.pointee.bytes = UnsafePointer((slot + next).assumingMemoryBound(to: UInt8.self))
      next += text.pointee.count
    }
    return true
  }

  /// Hands at most `limit` copies to `body`, oldest first, each after its row was put into `row`;
  /// the reader's side.
  ///
  /// The row's texts are valid during the call only.
  /// - Returns: how many there were.
  func drain(limit: Int, into row: RowBuffer, _ body: (ShadowCopy) -> Void) -> Int {
    let from = tail.value.load(ordering: .relaxed)
    let count = min(limit, head.value.load(ordering: .acquiring) &- from)
    for i in 0..<max(0, count) {
      let slot = slots + ((from &+ i) & mask) * slotBytes
      memcpy(row.base, slot + rowOffset, rowBytes)
      body(slot.load(as: ShadowCopy.self))
      tail.value.store(from &+ i &+ 1, ordering: .releasing)
    }
    return max(0, count)
  }
}

/// A bounded queue of plain values between two threads: one writer, one reader, no lock.
final class ValueRing<Value: BitwiseCopyable>: @unchecked Sendable {
  // Safe to share: as ``ShadowRing``.
  private let head = PaddedCounter()
  private let tail = PaddedCounter()
  private let slots: UnsafeMutablePointer<Value>
  private let capacity: Int

  /// An empty ring for a power of two of values.
  init(capacity: Int) {
    precondition(capacity > 0 && capacity & (capacity - 1) == 0)
    self.capacity = capacity
    slots = .allocate(capacity: capacity)
  }

  deinit { slots.deallocate() }

  /// Appends a value; the writer's side.
  /// - Returns: false when it was full.
  func push(_ value: Value) -> Bool {
    let at = head.value.load(ordering: .relaxed)
    guard at &- tail.value.load(ordering: .acquiring) < capacity else { return false }
    (slots + (at & (capacity - 1))).initialize(to: value)
    head.value.store(at &+ 1, ordering: .releasing)
    return true
  }

  /// Hands at most `limit` values to `body`, oldest first; the reader's side.
  func drain(limit: Int, _ body: (Value) -> Void) -> Int {
    let from = tail.value.load(ordering: .relaxed)
    let count = min(limit, head.value.load(ordering: .acquiring) &- from)
    for i in 0..<max(0, count) {
      body(slots[(from &+ i) & (capacity - 1)])
      tail.value.store(from &+ i &+ 1, ordering: .releasing)
    }
    return max(0, count)
  }
}
