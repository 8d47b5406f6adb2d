import Core

extension Timestamp {
  /// Reads a moment as a person gives it: `2026-03-14T14:02:31Z` (RFC 3339, with an offset and a
  /// fraction if wanted), `now`, or a duration before now, as `2h ago`.
  /// - Parameter now: what "now" is; nil for the system's clock.
  /// - Throws: ``InvalidValue`` that shows what was expected.
  public init(written text: String, now: Timestamp? = nil) throws(InvalidValue) {
    let now = now ?? SystemClock.now()
    if text == "now" {
      self = now
      return
    }
    if text.hasSuffix(" ago") {
      let span = try TimeSpan(String(text.dropLast(4)))
      self = Timestamp(microseconds: now.microseconds &- span.microseconds)
      return
    }
    guard let moment = Timestamp(rfc3339: text) else {
      throw InvalidValue(
        "expected a time like 2026-03-14T14:02:31Z or \"2h ago\", got "
          + "\"\(printable(text, limit: 60))\"")
    }
    self = moment
  }

  /// RFC 3339 section 5.6; nil for anything else.
  ///
  /// A leap second counts as the second before.
  init?(rfc3339 text: String) {
    let pattern =
      /(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:([Zz])|([+-])(\d\d):(\d\d))/
    guard text.utf8.count <= 40, text.utf8.allSatisfy({ $0 < 0x80 }),
      let match = text.wholeMatch(of: pattern)?.output,
      let year = Int(match.1), let month = Int(match.2), let day = Int(match.3),
      let hour = Int(match.4), let minute = Int(match.5), let second = Int(match.6),
      (1...12).contains(month), day >= 1, day <= Timestamp.days(month, year), hour <= 23,
      minute <= 59, second <= 60
    else { return nil }
    var offset = 0
    if let sign = match.9, let hours = match.10.flatMap({ Int($0) }),
      let minutes = match.11.flatMap({ Int($0) })
    {
      guard hours <= 23, minutes <= 59 else { return nil }
      offset = (hours * 60 + minutes) * (sign == "-" ? -1 : 1)
    }
    let fraction = (match.7.map(String.init) ?? "") + "000000"
    let seconds =
      Timestamp.dayNumber(year, month, day) * 86_400 + hour * 3_600 + (minute - offset) * 60
      + min(second, 59)
    self.init(
      microseconds: Int64(seconds) * 1_000_000 + (Int64(fraction.prefix(6)) ?? 0))
  }

  private static func days(_ month: Int, _ year: Int) -> Int {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
  }

  /// Days since 1970-01-01 in the Gregorian calendar, after Howard Hinnant's `days_from_civil`.
  private static func dayNumber(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}
