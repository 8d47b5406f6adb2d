import Core

/// When the rows come, pass after pass, in microseconds since the rehearsal's start.
struct RehearsalClock: Sendable {
  /// Between two requests when nothing else is known.
  private static let gapDefault = 10_000.0

  let count: Int
  /// How long one pass lasts.
  let passMicroseconds: Int64
  /// Own times are multiplied by this; so are label delays.
  let scale: Double
  /// The times of the rows within a pass; nil when they come evenly.
  private let times: [Int64]?
  private let gap: Double

  /// Rows at their own times.
  init(own facts: [RehearsalRows.Facts]) {
    count = facts.count
    let first = facts.first?.time ?? 0
    let span = (facts.last?.time ?? 0) - first
    gap = span > 0 ? Double(span) / Double(max(1, count - 1)) : RehearsalClock.gapDefault
    times = span > 0 ? facts.map { $0.time - first } : nil
    passMicroseconds = Int64(gap * Double(count))
    scale = 1
  }

  /// Rows evenly, so many a second; label delays shrink as the whole recording does.
  init(even facts: [RehearsalRows.Facts], perSecond: Double) {
    count = facts.count
    gap = 1e6 / perSecond
    times = nil
    passMicroseconds = max(1, Int64(gap * Double(count)))
    let span = Double((facts.last?.time ?? 0) - (facts.first?.time ?? 0))
    scale = span > 0 ? Double(passMicroseconds) / span : 1
  }

  /// When a row comes in a pass.
  func time(_ row: Int, pass: Int) -> Int64 {
    Int64(pass) * passMicroseconds + (times?[row] ?? Int64(gap * Double(row)))
  }

  /// When its label comes after that.
  func delay(_ fact: RehearsalRows.Facts) -> Int64 { Int64(Double(fact.labelDelay) * scale) }
}

/// Labels on their way, the earliest first: a binary heap.
struct RehearsalLabels {
  /// A label that will be known.
  struct Entry {
    var due: Int64
    /// The generation of the route table that its request came by.
    var route: Int
    /// The request.
    var row: Int32
    /// Who was asked, by place among the rehearsal's versions.
    var version: UInt8
    /// Whether it is evidence of the version that was asked.
    var isEvidence: Bool
    /// Which versions got a copy, a bit each by place.
    var copies: UInt16
  }

  private var entries: [Entry] = []

  /// Adds one; a run has at most ``RehearsalRun/requestsMax``, one a request.
  mutating func add(_ entry: Entry) {
    entries.append(entry)
    var child = entries.count - 1
    while child > 0, entries[child].due < entries[(child - 1) / 2].due {
      entries.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func take(dueBy now: Int64) -> Entry? {
    guard let first = entries.first, first.due <= now else { return nil }
    let last = entries.removeLast()
    guard !entries.isEmpty else { return first }
    entries[0] = last
    var parent = 0
    while true {
      let left = 2 * parent + 1
      guard left < entries.count else { return first }
      let isRightLess = left + 1 < entries.count && entries[left + 1].due < entries[left].due
      let least = isRightLess ? left + 1 : left
      guard entries[least].due < entries[parent].due else { return first }
      entries.swapAt(parent, least)
      parent = least
    }
  }
}
