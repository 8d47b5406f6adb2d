import Core

/// What a committed row still has to do outside of the state: at least once, in any order.
struct SimulatedEffect: Hashable {
  /// The row's index in the journal.
  let row: Int
  /// What is done.
  enum Kind: Int, CaseIterable {
    /// Route the row's endpoint as the state says.
    case route
    /// Tell people of the row; each must be told once.
    case notify
    /// Forget versions that no endpoint has any more.
    case release
  }
  let kind: Kind
}

/// The effects of committed rows, kept until each is acknowledged as done.
struct SimulatedOutbox {
  private(set) var pending: [SimulatedEffect] = []

  /// The rows' effects, written in the rows' own transaction.
  mutating func add(rows: Range<Int>) {
    for row in rows {
      for kind in SimulatedEffect.Kind.allCases {
        pending.append(SimulatedEffect(row: row, kind: kind))
      }
    }
  }

  /// Takes some effects out in any order, some of them twice; those that are not acknowledged stay
  /// to be delivered again.
  mutating func deliver(_ draw: inout Draw, all: Bool) -> [SimulatedEffect] {
    var delivered: [SimulatedEffect] = []
    let count = all ? pending.count : min(pending.count, 1 + draw.below(6))
    for _ in 0..<count where !pending.isEmpty {
      let index = draw.below(pending.count)
      let effect = pending[index]
      delivered.append(effect)
      if draw.once(in: 4) { delivered.insert(effect, at: draw.below(delivered.count + 1)) }
      // The acknowledgement may be lost; at the end it is not.
      if all || !draw.once(in: 4) { pending.remove(at: index) }
    }
    return delivered
  }
}
