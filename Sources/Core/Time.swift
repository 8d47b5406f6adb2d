/// A point in time: microseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// Durations that decide anything are measured on the monotonic clock; a timestamp is what people
/// read and what the journal keeps.
public struct Timestamp: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
  /// Microseconds since the Unix epoch.
  public let microseconds: Int64

  /// Keeps the count.
  public init(microseconds: Int64) { self.microseconds = microseconds }

  /// Orders by time.
  public static func < (a: Timestamp, b: Timestamp) -> Bool { a.microseconds < b.microseconds }
  /// The time `span` later.
  public static func + (time: Timestamp, span: TimeSpan) -> Timestamp {
    Timestamp(microseconds: time.microseconds &+ span.microseconds)
  }
  /// The span from `b` to `a`; negative when `a` is earlier.
  public static func - (a: Timestamp, b: Timestamp) -> TimeSpan {
    TimeSpan(microseconds: a.microseconds &- b.microseconds)
  }

  /// Year, month 1-12, day 1-31, hour, minute, second and microsecond in UTC.
  public var civil:
    (year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int, micro: Int)
  {
    let perDay: Int64 = 86_400_000_000
    var day = microseconds / perDay
    var rest = microseconds % perDay
    if rest < 0 {
      rest += perDay
      day -= 1
    }
    let (year, month, dayOfMonth) = civilDate(daysSinceEpoch: Int(day))
    let seconds = Int(rest / 1_000_000)
    return (
      year, month, dayOfMonth, seconds / 3600, seconds / 60 % 60, seconds % 60,
      Int(rest % 1_000_000)
    )
  }

  /// RFC 3339 in UTC with milliseconds: `2026-03-14T14:02:31.250Z`.
  public var description: String {
    let c = civil
    let date = "\(padded(c.year, 4))-\(padded(c.month, 2))-\(padded(c.day, 2))"
    return "\(date)T\(clock).\(padded(c.micro / 1000, 3))Z"
  }

  /// The time of day in UTC: `14:02:31`.
  public var clock: String {
    let c = civil
    return "\(padded(c.hour, 2)):\(padded(c.minute, 2)):\(padded(c.second, 2))"
  }

  /// Encodes as the number of microseconds.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(microseconds)
  }
  /// Decodes from the number of microseconds.
  public init(from decoder: any Decoder) throws {
    microseconds = try decoder.singleValueContainer().decode(Int64.self)
  }
}

/// A length of time in microseconds, written `5m`, `1h30m`, `250ms`, `90s`.
public struct TimeSpan: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
  /// The length; negative when it points back.
  public let microseconds: Int64

  /// Keeps the count.
  public init(microseconds: Int64) { self.microseconds = microseconds }
  /// A span of so many milliseconds.
  public static func milliseconds(_ count: Int) -> TimeSpan {
    TimeSpan(microseconds: Int64(count) * 1_000)
  }
  /// A span of so many seconds.
  public static func seconds(_ count: Int) -> TimeSpan {
    TimeSpan(microseconds: Int64(count) * 1_000_000)
  }
  /// A span of so many minutes.
  public static func minutes(_ count: Int) -> TimeSpan { seconds(count * 60) }

  /// No time.
  public static let zero = TimeSpan(microseconds: 0)
  /// The length in seconds.
  public var seconds: Double { Double(microseconds) / 1e6 }

  /// Orders by length.
  public static func < (a: TimeSpan, b: TimeSpan) -> Bool { a.microseconds < b.microseconds }
  /// The sum.
  public static func + (a: TimeSpan, b: TimeSpan) -> TimeSpan {
    TimeSpan(microseconds: a.microseconds &+ b.microseconds)
  }
  /// The difference.
  public static func - (a: TimeSpan, b: TimeSpan) -> TimeSpan {
    TimeSpan(microseconds: a.microseconds &- b.microseconds)
  }

  private static let units: [(name: String, microseconds: Int64)] = [
    ("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000),
    ("ms", 1_000), ("us", 1),
  ]

  /// Reads `5m`, `1h30m`, `250ms`, `2d`.
  /// - Throws: ``InvalidValue`` that shows what was expected.
  public init(_ text: String) throws(InvalidValue) {
    let complaint = InvalidValue("expected a duration like 5m, got \"\(printable(text))\"")
    var rest = text[...]
    var total: Int64 = 0
    var parts = 0
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      rest = rest.dropFirst(digits.count)
      let letters = rest.prefix { $0.isASCII && $0.isLetter }
      rest = rest.dropFirst(letters.count)
      guard let count = Int64(digits),
        let unit = TimeSpan.units.first(where: { $0.name == letters })
      else { throw complaint }
      let (product, tooLong) = count.multipliedReportingOverflow(by: unit.microseconds)
      let (sum, overflow) = total.addingReportingOverflow(product)
      guard !tooLong, !overflow else { throw complaint }
      total = sum
      parts += 1
    }
    guard parts > 0 else { throw complaint }
    microseconds = total
  }

  /// The two largest units: `1h30m`, `5m`, `2m05s` is written `2m5s`.
  public var description: String {
    if microseconds == 0 { return "0s" }
    var rest = abs(microseconds)
    var result = microseconds < 0 ? "-" : ""
    var written = 0
    for unit in TimeSpan.units where written < 2 {
      let count = rest / unit.microseconds
      if count > 0 {
        result += "\(count)\(unit.name)"
        rest -= count * unit.microseconds
        written += 1
      } else if written > 0 {
        break
      }
    }
    return result
  }

  /// All of its units: `1h30s`, which ``init(_:)`` reads back as the same span when it is not
  /// negative.
  public var exactText: String {
    if microseconds == 0 { return "0s" }
    var rest = microseconds.magnitude
    var result = microseconds < 0 ? "-" : ""
    for unit in TimeSpan.units {
      let (count, left) = rest.quotientAndRemainder(dividingBy: UInt64(unit.microseconds))
      if count > 0 { result += "\(count)\(unit.name)" }
      rest = left
    }
    return result
  }

  /// Encodes as the number of microseconds.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(microseconds)
  }
  /// Decodes from the number of microseconds.
  public init(from decoder: any Decoder) throws {
    microseconds = try decoder.singleValueContainer().decode(Int64.self)
  }
}

/// Year, month and day of a day count, after Howard Hinnant's `civil_from_days`.
private func civilDate(daysSinceEpoch: Int) -> (Int, Int, Int) {
  let z = daysSinceEpoch + 719_468
  let era = (z >= 0 ? z : z - 146_096) / 146_097
  let dayOfEra = z - era * 146_097
  let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
  let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  let m = (5 * dayOfYear + 2) / 153
  let day = dayOfYear - (153 * m + 2) / 5 + 1
  let month = m < 10 ? m + 3 : m - 9
  return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
}

/// `number` in decimal with leading zeros up to `width` digits.
public func padded(_ number: Int, _ width: Int) -> String {
  let digits = String(number)
  return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
