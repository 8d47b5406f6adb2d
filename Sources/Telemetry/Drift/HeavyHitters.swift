/// The most frequent of many names in 64 places: SpaceSaving (Metwally, Agrawal & El Abbadi 2005).
///
/// Counts are exact while at most 64 different names came; afterwards a count may be too high by at
/// most its `error`, and every name with more than 1/64 of all is among those kept.
public struct HeavyHitters: Sendable, Equatable {
  /// One name that was kept.
  public struct Entry: Sendable, Equatable {
    /// The name.
    public var key: TextKey
    /// How often it came, at most `error` too high.
    public var count: Int
    /// By how much the count may be too high.
    public var error: Int
    /// The sub-window in which it last came.
    var last: Int
  }

  /// How many names are kept.
  public static let capacity = 64

  private var places: [Entry] = []

  /// Nothing seen yet.
  public init() { places.reserveCapacity(HeavyHitters.capacity) }

  /// The names kept, most frequent first, equal counts by name.
  public var entries: [Entry] {
    places.sorted {
      ($1.count, $0.key.high, $0.key.low) < ($0.count, $1.key.high, $1.key.low)
    }
  }

  /// Counts one occurrence in the sub-window numbered `now`.
  mutating func record(_ key: TextKey, now: Int) {
    var least = 0
    for i in places.indices {
      if places[i].key == key {
        places[i].count += 1
        places[i].last = now
        return
      }
      if places[i].count < places[least].count { least = i }
    }
    guard places.count == HeavyHitters.capacity else {
      places.append(Entry(key: key, count: 1, error: 0, last: now))
      return
    }
    let displaced = places[least].count
    places[least] = Entry(key: key, count: displaced + 1, error: displaced, last: now)
  }

  /// Forgets names that last came before sub-window `oldest`.
  mutating func forget(before oldest: Int) { places.removeAll { $0.last < oldest } }

  /// Adds `other`'s counts and keeps the 64 most frequent; exact, and independent of the order,
  /// while both together hold at most 64 names.
  mutating func merge(_ other: HeavyHitters) {
    for entry in other.places {
      if let i = places.firstIndex(where: { $0.key == entry.key }) {
        places[i].count += entry.count
        places[i].error += entry.error
        places[i].last = max(places[i].last, entry.last)
      } else {
        places.append(entry)
      }
    }
    places = Array(entries.prefix(HeavyHitters.capacity))
  }

  /// Equal when the same names have the same counts, in whatever order they came.
  public static func == (a: HeavyHitters, b: HeavyHitters) -> Bool {
    a.entries.elementsEqual(b.entries) {
      $0.key == $1.key && $0.count == $1.count && $0.error == $1.error
    }
  }
}
