import Synchronization

/// The order of an endpoint's routing decisions, and the versions closed to them.
///
/// A request takes a ticket and *then* reads the closed set; a fence closes a slot and *then* takes
/// a ticket. All tickets come from one counter by read-modify-write with acquire and release, so a
/// request whose ticket is later than a fence's has synchronised with it and sees the slot closed.
/// Therefore no request with a later ticket runs on a fenced version; one with an earlier ticket
/// was decided before the fence and may finish.
public final class FenceGate: Sendable {
  /// How many slots there are.
  public static let slotCount = 64

  private let tickets = PaddedCounter()
  private let closed = Atomic<UInt64>(0)

  /// A routing decision's place in the order, and what was closed at that moment.
  public struct Pass: Sendable {
    /// Rises by one with every decision and fence.
    public let ticket: Int
    /// One bit a slot.
    public let closed: UInt64
  }

  /// All slots open.
  public init() {}

  /// Takes the next ticket, then reads what is closed.
  ///
  /// One contended atomic addition.
  @inline(__always)
  public func enter() -> Pass {
    let ticket = tickets.value.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue
    return Pass(ticket: ticket, closed: closed.load(ordering: .acquiring))
  }

  /// Closes a slot at once.
  /// - Returns: the fence's ticket; every later one finds the slot closed.
  @discardableResult
  public func close(_ slot: Int) -> Int {
    closed.bitwiseOr(1 << UInt64(slot), ordering: .acquiringAndReleasing)
    return tickets.value.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue
  }

  /// Opens a slot again.
  public func open(_ slot: Int) {
    closed.bitwiseAnd(~(1 << UInt64(slot)), ordering: .acquiringAndReleasing)
  }

  /// Whether a slot is closed now.
  public func isClosed(_ slot: Int) -> Bool {
    closed.load(ordering: .acquiring) & (1 << UInt64(slot)) != 0
  }

  /// How many tickets were taken.
  public var ticketsTaken: Int { tickets.value.load(ordering: .relaxed) }
}
