import Core

/// How a reference's features are counted: which places of one flat row of counters belong to which
/// feature, and how bins are grouped for the statistics.
///
/// Immutable.
public struct DriftLayout: Sendable {
  /// One feature's counters.
  struct Slots: Sendable {
    /// The first counter in the flat row.
    let base: Int
    /// Bins, or categories and one for all others.
    let bins: Int
    /// Index of the counter of missing values.
    var missing: Int { base + bins }
    /// Index of the counter of infinite values.
    var infinite: Int { base + bins + 1 }
    /// Counters in all.
    var count: Int { bins + 2 }
    /// For every bin the number of its group; groups hold about equal parts of the reference.
    let groups: [Int]
    /// The number of groups, without those of missing and infinite values.
    let groupCount: Int
  }

  /// What the counters are compared with.
  public let reference: Reference
  let slots: [Slots]
  /// Counters in a row.
  let counterCount: Int

  /// Groups used for the population stability index.
  ///
  /// With missing and infinite values that makes at most 32: more, and small windows would be
  /// noise.
  static let groupsMax = 30

  /// Lays the counters out.
  public init(reference: Reference) {
    self.reference = reference
    var base = 0
    slots = reference.features.map { feature in
      let slots: Slots
      switch feature.distribution {
      case .numeric(let numeric):
        let groups = DriftLayout.equalParts(numeric.counts)
        slots = Slots(
          base: base, bins: numeric.counts.count, groups: groups,
          groupCount: (groups.last ?? 0) + 1)
      case .categorical(let categorical):
        slots = DriftLayout.categorySlots(base: base, categories: categorical.names.count)
      }
      base += slots.count
      return slots
    }
    counterCount = base
  }

  /// The reference's own counts of one feature, in the places of its slots (missing and infinite
  /// last).
  func referenceCounts(_ index: Int) -> [Int] {
    let feature = reference.features[index]
    switch feature.distribution {
    case .numeric(let numeric): return numeric.counts + [feature.missing, 0]
    case .categorical(let categorical):
      return categorical.counts + [categorical.other, feature.missing, 0]
    }
  }

  /// Adds `counts` (bins, missing, infinite) up into the feature's groups.
  func grouped(_ index: Int, _ counts: [Int]) -> [Int] {
    let slot = slots[index]
    var sums = [Int](repeating: 0, count: slot.groupCount + 2)
    for bin in 0..<slot.bins { sums[slot.groups[bin]] += counts[bin] }
    sums[slot.groupCount] = counts[slot.bins]
    sums[slot.groupCount + 1] = counts[slot.bins + 1]
    return sums
  }

  /// The frequent categories each have a group, the rest of the listed ones share one, and all
  /// that are not listed have the last. (Categories come by falling count.)
  private static func categorySlots(base: Int, categories: Int) -> Slots {
    let alone = categories < groupsMax ? categories : groupsMax - 2
    let rest = categories > alone ? 1 : 0
    var groups = (0..<categories).map { min($0, alone) }
    groups.append(alone + rest)
    return Slots(
      base: base, bins: categories + 1, groups: groups, groupCount: alone + rest + 1)
  }

  /// Groups neighbouring bins so that each group begins where the running sum has passed its part.
  private static func equalParts(_ counts: [Int]) -> [Int] {
    let total = counts.reduce(0, +)
    var groups: [Int] = []
    groups.reserveCapacity(counts.count)
    var group = 0
    var sum = 0
    var sumAtGroupStart = 0
    for count in counts {
      // A group is closed when it has its part; whole numbers, so that every machine agrees.
      if sum > sumAtGroupStart, group < groupsMax - 1,
        (sum - sumAtGroupStart) * groupsMax >= total
      {
        group += 1
        sumAtGroupStart = sum
      }
      groups.append(group)
      sum += count
    }
    return groups
  }
}
