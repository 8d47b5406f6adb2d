import Core

/// In which order recorded rows are sent: for ever, loop after loop, repeatable from a seed.
struct ReplayOrder {
  /// What decides the order.
  enum Kind {
    /// A new shuffle in each loop: no drift by construction.
    case shuffled
    /// By the rows' own time, each loop alike.
    case byTime([Float])
  }

  private let seed: UInt64
  private let kind: Kind
  private var rows: [UInt32]
  private var position = 0
  /// The loop that is running, from 0.
  private(set) var loop = 0

  init(rowCount: Int, kind: Kind, seed: UInt64) {
    self.seed = seed
    self.kind = kind
    rows = (0..<UInt32(rowCount)).map { $0 }
    if case .byTime(let minutes) = kind {
      rows.sort { (minutes[Int($0)], $0) < (minutes[Int($1)], $1) }
    }
    arrange()
  }

  /// The next row.
  mutating func next() -> Int {
    if position == rows.count {
      position = 0
      loop += 1
      arrange()
    }
    defer { position += 1 }
    return Int(rows[position])
  }

  /// Shuffles from the natural order (Fisher and Yates), so that a loop's order follows from the
  /// seed and the loop's number alone.
  private mutating func arrange() {
    guard case .shuffled = kind else { return }
    var random = SplitMix64(seed: SplitMix64.mix(seed) &+ UInt64(loop))
    for i in rows.indices { rows[i] = UInt32(i) }
    for i in stride(from: rows.count - 1, to: 0, by: -1) {
      rows.swapAt(i, Int(random.next().multipliedFullWidth(by: UInt64(i + 1)).high))
    }
  }
}
