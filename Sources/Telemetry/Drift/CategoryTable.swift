/// Finds a category's number by its key: open addressing, at most half full, never changed.
final class CategoryTable {
  private let keys: UnsafeMutablePointer<TextKey>
  private let numbers: UnsafeMutablePointer<Int32>
  private let mask: Int
  private let count: Int

  /// Numbers the categories in order; of two with the same key the first stays.
  init(_ categories: [TextKey]) {
    var capacity = 4
    while capacity < 2 * categories.count + 2 { capacity *= 2 }
    mask = capacity - 1
    count = categories.count
    keys = .allocate(capacity: capacity)
    keys.initialize(repeating: .missing, count: capacity)
    numbers = .allocate(capacity: capacity)
    numbers.initialize(repeating: -1, count: capacity)
    for (number, key) in categories.enumerated() where self.number(of: key) == count {
      var place = Int(truncatingIfNeeded: key.mixed) & mask
      while numbers[place] >= 0 { place = (place + 1) & mask }
      keys[place] = key
      numbers[place] = Int32(number)
    }
  }

  deinit {
    keys.deallocate()
    numbers.deallocate()
  }

  /// The category's number; the number of categories when it is not among them.
  func number(of key: TextKey) -> Int { view.number(of: key) }

  /// The table without its object, for the hot path; valid as long as the object lives.
  var view: View { View(keys: keys, numbers: numbers, mask: mask, count: count) }

  /// Pointers into a table: no reference counts.
  struct View {
    fileprivate let keys: UnsafeMutablePointer<TextKey>
    fileprivate let numbers: UnsafeMutablePointer<Int32>
    fileprivate let mask: Int
    fileprivate let count: Int

    /// The category's number; the number of categories when it is not among them.
    @inline(__always)
    func number(of key: TextKey) -> Int {
      var place = Int(truncatingIfNeeded: key.mixed) & mask
      // Ends: the table is at most half full.
      while numbers[place] >= 0 {
        if keys[place] == key { return Int(numbers[place]) }
        place = (place + 1) & mask
      }
      return count
    }
  }
}
