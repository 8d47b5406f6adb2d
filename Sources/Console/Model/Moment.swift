import Core

/// When a message came: the reading of both clocks, given by whoever posts it, so that the
/// console's logic itself never looks at a clock.
public struct Moment: Sendable, Hashable {
  /// Milliseconds of a clock that never goes back; what ages and guards are measured on.
  public var milliseconds: Int
  /// The time of day that people read.
  public var wall: Timestamp

  /// Puts the two readings together.
  public init(milliseconds: Int, wall: Timestamp) {
    self.milliseconds = milliseconds
    self.wall = wall
  }

  /// Milliseconds from `earlier` to here, never negative.
  public func since(_ earlier: Moment) -> Int { max(0, milliseconds - earlier.milliseconds) }
}
