import Core

/// A minute of each week by a clock that is a fixed time ahead of UTC: `Sun 03:00 +01:00`.
///
/// The zone is an offset, so there is no daylight saving in it: every week has one such minute.
public struct WeeklyMoment: Sendable, Hashable, CustomStringConvertible {
  /// The minute of the week, from Monday 00:00 on.
  private let minute: Int
  /// How many minutes the clock is ahead of UTC.
  private let zone: Int

  private static let week: Int64 = 7 * 86_400_000_000

  /// Reads a day, a time and an optional zone like ` +02:00`; UTC without.
  /// - Throws: ``InvalidValue`` that shows the form.
  public init(_ text: String) throws(InvalidValue) {
    var words = text.split(separator: " ")
    var zone = 0
    if words.count == 3, let given = words.last.flatMap({ FreezeWindow.zone(String($0)) }) {
      zone = given
      words.removeLast()
    }
    guard words.count == 2,
      let minute = FreezeWindow.minuteOfWeek(Substring("\(words[0]) \(words[1])"))
    else {
      throw InvalidValue(
        "expected a time of the week like \"Sun 03:00\" or \"Sun 03:00 +02:00\", got "
          + "\"\(printable(text, limit: 60))\"")
    }
    self.minute = minute
    self.zone = zone
  }

  /// The first one after `now`, not at it.
  public func next(after now: Timestamp) -> Timestamp {
    // The epoch was a Thursday, three days after a Monday.
    let shift = Int64(zone + 3 * 1_440 - minute) * 60_000_000
    let past = (now.microseconds % WeeklyMoment.week + shift) % WeeklyMoment.week
    let since = past < 0 ? past + WeeklyMoment.week : past
    return now + TimeSpan(microseconds: WeeklyMoment.week - since)
  }

  /// The form that ``init(_:)`` reads.
  public var description: String {
    let sign = zone < 0 ? "-" : "+"
    let offset =
      zone == 0 ? "" : " \(sign)\(padded(abs(zone) / 60, 2)):\(padded(abs(zone) % 60, 2))"
    return FreezeWindow.text(minute) + offset
  }
}
