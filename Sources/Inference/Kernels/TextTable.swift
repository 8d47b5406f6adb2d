import Core

/// Finds a text's number in a fixed set: the category of a column, the key of an encoder.
///
/// Open addressing over one flat array, at most half full. The hash is keyed with a random seed
/// for each table, so that a model file cannot be made whose keys all collide; the answers do not
/// depend on the seed.
///
/// `@unchecked Sendable`: written only before `init` returns.
final class TextTable: @unchecked Sendable {
  struct Slot {
    var hash: UInt64
    var start: UInt32
    var count: UInt32
    /// -1: the slot is free.
    var value: Int32
  }

  /// The number of keys.
  let count: Int
  private let slots: UnsafeMutablePointer<Slot>
  private let mask: Int
  private let bytes: UnsafeMutablePointer<UInt8>
  private let seed: UInt64

  /// Numbers the keys from 0 on; of equal keys the first or the last counts.
  init(_ keys: [[UInt8]], lastWins: Bool = false) {
    var capacity = 8
    while capacity < keys.count * 2 { capacity *= 2 }
    count = keys.count
    mask = capacity - 1
    seed = UInt64.random(in: .min ... .max)
    slots = .allocate(capacity: capacity)
    slots.initialize(
      repeating: Slot(hash: 0, start: 0, count: 0, value: -1), count: capacity)
    bytes = .allocate(capacity: max(keys.reduce(0) { $0 + $1.count }, 1))
    var used = 0
    for (index, key) in keys.enumerated() {
      key.withUnsafeBufferPointer { buffer in
        let text = TextRef(bytes: buffer.baseAddress, count: buffer.count)
        let hash = TextTable.hash(text, seed)
        let at = lookup.slot(of: text, hash)
        if slots[at].value >= 0 {
          if lastWins { slots[at].value = Int32(truncatingIfNeeded: index) }
          return
        }
        if let base = buffer.baseAddress { (bytes + used).update(from: base, count: key.count) }
        slots[at] = Slot(
          hash: hash, start: UInt32(truncatingIfNeeded: used),
          count: UInt32(truncatingIfNeeded: key.count), value: Int32(truncatingIfNeeded: index))
        used += key.count
      }
    }
  }

  deinit {
    slots.deallocate()
    bytes.deallocate()
  }

  /// The text's number, or -1.
  @inline(__always)
  func find(_ text: TextRef) -> Int { lookup.find(text) }

  /// The table without its owner: what kernels keep beside a reference to the table itself, so
  /// that a look-up counts no references.
  var lookup: Lookup { Lookup(slots: slots, mask: mask, bytes: bytes, seed: seed) }

  /// See ``lookup``.
  struct Lookup {
    fileprivate let slots: UnsafeMutablePointer<Slot>
    fileprivate let mask: Int
    fileprivate let bytes: UnsafeMutablePointer<UInt8>
    fileprivate let seed: UInt64

    /// The text's number, or -1.
    @inline(__always)
    func find(_ text: TextRef) -> Int {
      Int(slots[slot(of: text, TextTable.hash(text, seed))].value)
    }

    /// The slot that holds the text, or the free one where it would go.
    @inline(__always)
    fileprivate func slot(of text: TextRef, _ hash: UInt64) -> Int {
      var at = Int(truncatingIfNeeded: hash) & mask
      // Ends: at least half of the slots are free.
      while slots[at].value >= 0 {
        if slots[at].hash == hash && isEqual(slots[at], text) { return at }
        at = (at &+ 1) & mask
      }
      return at
    }

    @inline(__always)
    private func isEqual(_ slot: Slot, _ text: TextRef) -> Bool {
      guard Int(slot.count) == text.count, let other = text.bytes else {
        return Int(slot.count) == text.count
      }
      let key = bytes + Int(slot.start)
      var i = 0
      while i < text.count {
        if key[i] != other[i] { return false }
        i &+= 1
      }
      return true
    }
  }

  /// Eight bytes at a time through SplitMix64's mixer, chained.
  @inline(__always)
  fileprivate static func hash(_ text: TextRef, _ seed: UInt64) -> UInt64 {
    var state = seed ^ UInt64(truncatingIfNeeded: text.count)
    guard let bytes = text.bytes else { return SplitMix64.mix(state) }
    var i = 0
    while i &+ 8 <= text.count {
      let word = UnsafeRawPointer(bytes).loadUnaligned(fromByteOffset: i, as: UInt64.self)
      state = SplitMix64.mix(state ^ word)
      i &+= 8
    }
    var word: UInt64 = 0
    while i < text.count {
      word = word << 8 | UInt64(bytes[i])
      i &+= 1
    }
    return SplitMix64.mix(state ^ word)
  }
}
