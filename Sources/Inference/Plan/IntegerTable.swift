/// Finds an integer's number in a fixed set: the category of a column, the key of an encoder.
///
/// Keys close together are a plain array, others are searched by halves.
///
/// `@unchecked Sendable`: written only before `init` returns.
final class IntegerTable: @unchecked Sendable {
  /// The number of keys.
  let count: Int
  private let keys: UnsafeMutablePointer<Int64>
  private let places: UnsafeMutablePointer<Int32>
  private let least: Int64
  /// The length of the array, or 0 for the search.
  private let span: UInt64

  /// Numbers the keys from 0 on; of equal keys the first or the last counts.
  init(_ list: [Int64], lastWins: Bool = false) {
    var numbers: [Int64: Int32] = [:]
    numbers.reserveCapacity(list.count)
    for (index, key) in list.enumerated() where lastWins || numbers[key] == nil {
      numbers[key] = Int32(truncatingIfNeeded: index)
    }
    let sorted = numbers.keys.sorted()
    count = sorted.count
    least = sorted.first ?? 0
    let width = UInt64(bitPattern: (sorted.last ?? 0) &- least)
    // At most 16 times the room of the keys, so that a file cannot ask for much with little.
    let isClose = !sorted.isEmpty && width < UInt64(max(sorted.count * 16, 256))
    span = isClose ? width + 1 : 0
    let room = isClose ? Int(span) : sorted.count
    keys = .allocate(capacity: max(sorted.count, 1))
    places = .allocate(capacity: max(room, 1))
    keys.initialize(from: sorted, count: sorted.count)
    places.initialize(repeating: -1, count: max(room, 1))
    for (i, key) in sorted.enumerated() {
      places[isClose ? Int(key &- least) : i] = numbers[key] ?? -1
    }
  }

  deinit {
    keys.deallocate()
    places.deallocate()
  }

  /// The key's number, or -1.
  @inline(__always)
  func find(_ key: Int64) -> Int { lookup.find(key) }

  /// The table without its owner; see ``TextTable/lookup``.
  var lookup: Lookup {
    Lookup(keys: keys, places: places, count: count, least: least, span: span)
  }

  /// See ``lookup``.
  struct Lookup {
    fileprivate let keys: UnsafePointer<Int64>
    fileprivate let places: UnsafePointer<Int32>
    fileprivate let count: Int
    fileprivate let least: Int64
    fileprivate let span: UInt64

    fileprivate init(
      keys: UnsafeMutablePointer<Int64>, places: UnsafeMutablePointer<Int32>, count: Int,
      least: Int64, span: UInt64
    ) {
      self.keys = UnsafePointer(keys)
      self.places = UnsafePointer(places)
      self.count = count
      self.least = least
      self.span = span
    }

    /// The key's number, or -1.
    @inline(__always)
    func find(_ key: Int64) -> Int {
      if span > 0 {
        let at = UInt64(bitPattern: key &- least)
        return at < span ? Int(places[Int(truncatingIfNeeded: at)]) : -1
      }
      var low = 0
      var high = count
      while low < high {
        let middle = (low &+ high) / 2
        if keys[middle] < key { low = middle &+ 1 } else { high = middle }
      }
      return low < count && keys[low] == key ? Int(places[low]) : -1
    }
  }
}
