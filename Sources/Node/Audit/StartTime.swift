import Control
import Core

extension Timestamp {
  /// Reads a moment as ``init(written:now:)`` does, or as a duration from now on, like `+30m`.
  /// - Parameter now: what "now" is; nil for the system's clock.
  /// - Throws: ``InvalidValue`` that shows what was expected.
  public init(moment text: String, now: Timestamp? = nil) throws(InvalidValue) {
    guard text.hasPrefix("+") else {
      try self.init(written: text, now: now)
      return
    }
    let span = try TimeSpan(String(text.dropFirst()))
    guard span <= ControlLimits.spanMax else {
      throw InvalidValue("\"\(printable(text, limit: 60))\" is further away than 366d")
    }
    self = (now ?? SystemClock.now()) + span
  }

  /// Reads when something is to begin: a moment that has not passed.
  /// - Throws: ``InvalidValue`` that shows what was expected.
  public init(start text: String, now: Timestamp) throws(InvalidValue) {
    let moment: Timestamp
    do {
      moment = try Timestamp(moment: text, now: now)
    } catch {
      throw InvalidValue(
        "expected a start like 2026-03-14T14:00:00Z or +30m, got \"\(printable(text, limit: 60))\"")
    }
    guard moment > now else {
      throw InvalidValue("\(moment) has passed: a start lies ahead, like +30m")
    }
    self = moment
  }
}
