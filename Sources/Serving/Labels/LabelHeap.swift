/// Labels that will be known later, earliest first: a binary heap in memory taken once.
///
/// When it is full a label is dropped and counted; adding and taking cost O(log n).
struct LabelHeap {
  /// A label on its way.
  struct Entry {
    /// When it is known, monotonic nanoseconds.
    var due: Int64
    /// The request it belongs to.
    var requestID: UInt64
    /// The true label.
    var label: Int64
  }

  private var entries: [Entry] = []
  let capacity: Int
  private(set) var dropped = 0

  init(capacity: Int) {
    self.capacity = capacity
    entries.reserveCapacity(capacity)
  }

  var count: Int { entries.count }
  /// When the next label is known; nil when none is waiting.
  var nextDue: Int64? { entries.first?.due }

  mutating func add(_ entry: Entry) {
    guard entries.count < capacity else {
      dropped += 1
      return
    }
    entries.append(entry)
    var child = entries.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard isBefore(child, parent) else { break }
      entries.swapAt(child, parent)
      child = parent
    }
  }

  /// Takes the earliest label if it is known by `now`.
  mutating func take(dueBy now: Int64) -> Entry? {
    guard let first = entries.first, first.due <= now else { return nil }
    let last = entries.removeLast()
    if !entries.isEmpty {
      entries[0] = last
      sink()
    }
    return first
  }

  private mutating func sink() {
    var parent = 0
    while true {
      let left = 2 * parent + 1
      guard left < entries.count else { return }
      let right = left + 1
      let least = right < entries.count && isBefore(right, left) ? right : left
      guard isBefore(least, parent) else { return }
      entries.swapAt(parent, least)
      parent = least
    }
  }

  /// Equal times go by request, so that a replay repeats exactly.
  private func isBefore(_ a: Int, _ b: Int) -> Bool {
    (entries[a].due, entries[a].requestID) < (entries[b].due, entries[b].requestID)
  }
}
