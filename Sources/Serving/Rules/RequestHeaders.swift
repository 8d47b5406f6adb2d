import Core

/// The attributes that came with one request, for rules to look at; filled like ``RowBuffer`` by
/// whoever brings the request.
///
/// Its memory is taken once. Names and values stay where the caller has them and must live until
/// the answer is given; the answer empties the buffer, so that nothing is left for the next
/// request. Used by one thread.
public final class RequestHeaders {
  /// One attribute.
  struct Entry {
    let name: TextValue
    let value: TextValue
  }

  /// The most attributes of a request; later ones are left out, so no rule sees them.
  public static let countMax = 64

  private let entries: UnsafeMutablePointer<Entry>
  /// How many there are.
  public private(set) var count = 0

  /// No attributes.
  public init() { entries = .allocate(capacity: RequestHeaders.countMax) }

  deinit { entries.deallocate() }

  /// Adds an attribute; both texts must live until the answer is given.
  /// - Returns: false when the buffer was full and it was left out.
  @discardableResult
  public func add(name: TextValue, value: TextValue) -> Bool {
    guard count < RequestHeaders.countMax else { return false }
    (entries + count).initialize(to: Entry(name: name, value: value))
    count += 1
    return true
  }

  /// Forgets them.
  public func clear() { count = 0 }

  /// Attribute `index`, from 0, in the order in which they were added.
  subscript(index: Int) -> Entry { entries[index] }
}
