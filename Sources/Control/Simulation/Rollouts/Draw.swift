import Core

/// Random choices of a simulation, by whole numbers only, so that a seed means the same everywhere.
package struct Draw {
  private var random: SplitMix64

  /// The choices that belong to a seed.
  package init(seed: UInt64) { random = SplitMix64(seed: seed) }

  /// 64 random bits.
  package mutating func bits() -> UInt64 { random.next() }

  /// A number from 0 up to but without `limit`; 0 when there is none.
  package mutating func below(_ limit: Int) -> Int {
    limit <= 1 ? 0 : Int(random.next() >> 1) % limit
  }

  /// True once in `count` times.
  package mutating func once(in count: Int) -> Bool { below(count) == 0 }

  /// One of several; nil when there are none.
  package mutating func one<Value>(of values: [Value]) -> Value? {
    values.isEmpty ? nil : values[below(values.count)]
  }

  /// How many of `total` when each counts with `millionths` of a chance: about the expected number,
  /// from none to twice as many.
  package mutating func about(_ total: Int, millionths: Int) -> Int {
    let scattered = millionths * below(2_001) / 1_000
    return min(total, (total * min(1_000_000, scattered) + below(1_000_000)) / 1_000_000)
  }
}

/// A hash that grows with what happened: FNV-1a over 64-bit words, mixed.
///
/// Only whole numbers and text go in, never a floating-point number, whose last digit may differ
/// between machines.
package struct TraceHash: Sendable, Hashable {
  /// The hash so far.
  package private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func add(_ word: UInt64) {
    value = SplitMix64.mix((value ^ word) &* 0x0000_0100_0000_01B3)
  }

  mutating func add(_ number: Int) { add(UInt64(bitPattern: Int64(number))) }

  mutating func add(_ text: String) {
    for byte in text.utf8 { value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    add(text.utf8.count)
  }

  /// The hash of some bytes after another hash: a chain of records.
  static func chain(_ bytes: [UInt8], after previous: UInt64) -> UInt64 {
    var hash = TraceHash()
    hash.add(previous)
    for byte in bytes { hash.value = (hash.value ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    hash.add(bytes.count)
    return hash.value
  }

  /// Sixteen hexadecimal digits.
  package var text: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
