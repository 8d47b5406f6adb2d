import Core

/// Who gets which of the 10,000 buckets: the rules of the data plane's route table, over ranges.
///
/// Every version but the stable has an anchor and takes the nearest free buckets from there on, so
/// that raising one adds to its set, and lowering it gives back what was taken last.
package struct SimulatedTable: Equatable {
  /// Has the rest.
  package let stable: VersionID
  /// The other versions with their buckets, by version.
  private(set) var others: [Owner]
  /// Which rollout its keys are hashed for.
  let salt: Int

  /// One version's buckets.
  struct Owner: Equatable {
    let version: VersionID
    var buckets: Buckets
  }

  /// A first table, without history.
  init(_ split: Split, stable: VersionID, salt: Int) {
    self.init(split, stable: stable, salt: salt, old: [], shift: 0)
  }

  /// The table for another split, with as few buckets moved as possible.
  func changed(to split: Split, stable: VersionID) -> SimulatedTable {
    SimulatedTable(split, stable: stable, salt: salt, old: others + [rest], shift: 0)
  }

  /// A table that keeps nobody where they were.
  func reshuffled(to split: Split, stable: VersionID) -> SimulatedTable {
    SimulatedTable(split, stable: stable, salt: salt, old: [], shift: 5_000)
  }

  private var rest: Owner { Owner(version: stable, buckets: buckets(of: stable)) }

  private init(_ split: Split, stable: VersionID, salt: Int, old: [Owner], shift: Int) {
    self.stable = stable
    self.salt = salt
    others = []
    let wanted = split.shares.filter { $0.version != stable }
    // First what each may keep, so that nobody takes what another holds.
    for share in wanted {
      let held = old.first { $0.version == share.version }?.buckets ?? Buckets()
      let anchor = SimulatedTable.anchor(share.version) + shift
      others.append(
        Owner(
          version: share.version,
          buckets: held.turned(by: -anchor).first(share.weight).turned(by: anchor)))
    }
    // Then what each still lacks, from the stable's.
    for (index, share) in wanted.enumerated() {
      let lacking = share.weight - others[index].buckets.count
      let anchor = SimulatedTable.anchor(share.version) + shift
      let free = others.reduce(Buckets.all) { $0.without($1.buckets) }
      let taken = free.turned(by: -anchor).first(lacking).turned(by: anchor)
      others[index].buckets = others[index].buckets.joined(taken)
    }
  }

  private static func anchor(_ version: VersionID) -> Int {
    Int(SplitMix64.mix(UInt64(version.number)) >> 1) % Split.whole
  }

  /// Who gets a bucket.
  func owner(of bucket: Int) -> VersionID {
    others.first { $0.buckets.contains(bucket) }?.version ?? stable
  }

  /// A version's buckets.
  func buckets(of version: VersionID) -> Buckets {
    if let found = others.first(where: { $0.version == version }) { return found.buckets }
    guard version == stable else { return Buckets() }
    return others.reduce(Buckets.all) { $0.without($1.buckets) }
  }

  /// Everyone with buckets, and how many.
  var weights: [(version: VersionID, count: Int)] {
    let all = [(stable, buckets(of: stable).count)] + others.map { ($0.version, $0.buckets.count) }
    return all.filter { $0.1 > 0 }
  }
}

/// A set of buckets as sorted ranges that do not touch.
struct Buckets: Equatable {
  private var ranges: [Range<Int>]

  static let all = Buckets([0..<Split.whole])

  init() { ranges = [] }
  private init(_ ranges: [Range<Int>]) {
    self.ranges = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
      if let last = self.ranges.last, last.upperBound >= range.lowerBound {
        let end = max(last.upperBound, range.upperBound)
        self.ranges[self.ranges.count - 1] = last.lowerBound..<end
      } else {
        self.ranges.append(range)
      }
    }
  }

  var count: Int { ranges.reduce(0) { $0 + $1.count } }

  func contains(_ bucket: Int) -> Bool { ranges.contains { $0.contains(bucket) } }

  func joined(_ other: Buckets) -> Buckets { Buckets(ranges + other.ranges) }

  func without(_ other: Buckets) -> Buckets {
    var left = ranges
    for gone in other.ranges {
      left = left.flatMap { range -> [Range<Int>] in
        guard range.overlaps(gone) else { return [range] }
        var parts: [Range<Int>] = []
        if range.lowerBound < gone.lowerBound { parts.append(range.lowerBound..<gone.lowerBound) }
        if gone.upperBound < range.upperBound { parts.append(gone.upperBound..<range.upperBound) }
        return parts
      }
    }
    return Buckets(left)
  }

  func isSubset(of other: Buckets) -> Bool { without(other).ranges.isEmpty }

  /// The lowest so many.
  func first(_ count: Int) -> Buckets {
    var lacking = count
    var taken: [Range<Int>] = []
    for range in ranges where lacking > 0 {
      let part = range.prefix(lacking)
      taken.append(part)
      lacking -= part.count
    }
    return Buckets(taken)
  }

  /// The set with each bucket so much further, around the circle.
  func turned(by offset: Int) -> Buckets {
    let whole = Split.whole
    let by = ((offset % whole) + whole) % whole
    return Buckets(
      ranges.flatMap { range -> [Range<Int>] in
        let low = range.lowerBound + by
        let high = range.upperBound + by
        if high <= whole { return [low..<high] }
        if low >= whole { return [low - whole..<high - whole] }
        return [low..<whole, 0..<high - whole]
      })
  }
}
