import Core

/// When a freeze holds.
///
/// As text, and in the journal, `Fri 16:00-Mon 08:00 +02:00` each week,
/// `2026-12-24 16:00/2027-01-02 08:00` once, or `until released`.
public enum FreezeWindow: Sendable, Hashable {
  /// Always, until a person ends it.
  case untilReleased
  /// Each week, from one minute of the week to another, counted from Monday 00:00 of a clock that
  /// is `zone` minutes ahead of UTC.
  case weekly(from: Int, to: Int, zone: Int)
  /// Once.
  case once(from: Timestamp, to: Timestamp)

  private static let weekMinutes = 7 * 1_440
  private static let minute: Int64 = 60_000_000

  /// Whether it holds at `now`, and until when (nil: until a person ends it).
  func period(at now: Timestamp) -> FreezePeriod? {
    switch self {
    case .untilReleased: return FreezePeriod(until: nil)
    case .once(let from, let to):
      return from <= now && now < to ? FreezePeriod(until: to) : nil
    case .weekly(let from, let to, let zone):
      let week = Int64(FreezeWindow.weekMinutes) * FreezeWindow.minute
      // The epoch was a Thursday, three days after a Monday.
      let shift = Int64(zone + 3 * 1_440 - from) * FreezeWindow.minute
      let past = FreezeWindow.remainder(now.microseconds % week + shift, week)
      let minutes = FreezeWindow.remainder(Int64(to - from), Int64(FreezeWindow.weekMinutes))
      let length = minutes * FreezeWindow.minute
      guard past < length else { return nil }
      return FreezePeriod(until: now + TimeSpan(microseconds: length - past))
    }
  }

  /// When it begins to hold next, after `now`; nil when it does not begin again.
  func nextBegin(after now: Timestamp) -> Timestamp? {
    switch self {
    case .untilReleased: return nil
    case .once(let from, _): return from > now ? from : nil
    case .weekly(let from, _, let zone):
      let week = Int64(FreezeWindow.weekMinutes) * FreezeWindow.minute
      let shift = Int64(zone + 3 * 1_440 - from) * FreezeWindow.minute
      let past = FreezeWindow.remainder(now.microseconds % week + shift, week)
      return now + TimeSpan(microseconds: week - past)
    }
  }

  /// Whether it can hold at no time after `now`.
  func isOver(at now: Timestamp) -> Bool {
    if case .once(_, let to) = self { return to <= now }
    return false
  }

  private static func remainder(_ a: Int64, _ b: Int64) -> Int64 {
    let rest = a % b
    return rest < 0 ? rest + b : rest
  }
}

/// That a freeze holds now.
struct FreezePeriod: Sendable, Hashable {
  /// When it ends; nil when a person has to end it.
  let until: Timestamp?
}

extension FreezeWindow: CustomStringConvertible, Codable {
  private static let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

  /// Reads `Fri 16:00-Mon 08:00` or `2026-12-24 16:00/2027-01-02 08:00`, each with an optional zone
  /// like ` +02:00` at the end; UTC without.
  /// - Throws: ``InvalidValue`` that shows both forms.
  public init(_ text: String) throws(InvalidValue) {
    let complaint = InvalidValue(
      "expected a window like \"Fri 16:00-Mon 08:00\" or \"2026-12-24 16:00/2027-01-02 08:00\", "
        + "with a zone like +02:00 at the end when it is not UTC, got "
        + "\"\(printable(text, limit: 60))\"")
    var words = text.split(separator: " ").map(String.init)
    var zone = 0
    if let last = words.last, let given = FreezeWindow.zone(last) {
      zone = given
      words.removeLast()
    }
    let isOnce = words.first?.first.map { $0.isASCII && $0.isNumber } ?? false
    let ends = words.joined(separator: " ").split(
      separator: isOnce ? "/" : "-", omittingEmptySubsequences: false)
    guard ends.count == 2 else { throw complaint }
    if isOnce {
      guard let from = FreezeWindow.moment(ends[0], zone),
        let to = FreezeWindow.moment(ends[1], zone)
      else { throw complaint }
      guard from < to else { throw InvalidValue("the window ends before it begins: \(text)") }
      self = .once(from: from, to: to)
    } else {
      guard let from = FreezeWindow.minuteOfWeek(ends[0]),
        let to = FreezeWindow.minuteOfWeek(ends[1])
      else { throw complaint }
      guard from != to else {
        throw InvalidValue(
          "the window ends when it begins: \"sluice stop-the-line\" stops without an end")
      }
      self = .weekly(from: from, to: to, zone: zone)
    }
  }

  /// The form that ``init(_:)`` reads; times of a single window are in UTC.
  public var description: String {
    switch self {
    case .untilReleased: return "until released"
    case .once(let from, let to): return "\(FreezeWindow.text(from))/\(FreezeWindow.text(to))"
    case .weekly(let from, let to, let zone):
      let sign = zone < 0 ? "-" : "+"
      let offset =
        zone == 0 ? "" : " \(sign)\(padded(abs(zone) / 60, 2)):\(padded(abs(zone) % 60, 2))"
      return "\(FreezeWindow.text(from))-\(FreezeWindow.text(to))\(offset)"
    }
  }

  static func text(_ minute: Int) -> String {
    "\(days[minute / 1_440 % 7]) \(padded(minute / 60 % 24, 2)):\(padded(minute % 60, 2))"
  }

  static func text(_ time: Timestamp) -> String {
    let c = time.civil
    return "\(padded(c.year, 4))-\(padded(c.month, 2))-\(padded(c.day, 2)) "
      + "\(padded(c.hour, 2)):\(padded(c.minute, 2))"
  }

  /// So many digits and nothing else.
  private static func digits(_ text: Substring, _ count: Int) -> Int? {
    guard text.utf8.count == count, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return nil
    }
    return Int(text)
  }

  private static func clock(_ text: Substring) -> Int? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let hour = digits(parts[0], 2), let minute = digits(parts[1], 2),
      hour < 24, minute < 60
    else { return nil }
    return hour * 60 + minute
  }

  static func zone(_ word: String) -> Int? {
    if word == "Z" || word == "UTC" { return 0 }
    guard let sign = word.first, sign == "+" || sign == "-",
      let minutes = clock(word.dropFirst()), minutes <= 14 * 60
    else { return nil }
    return sign == "-" ? -minutes : minutes
  }

  static func minuteOfWeek(_ text: Substring) -> Int? {
    let words = text.split(separator: " ")
    guard words.count == 2, let minute = clock(words[1]),
      let day = days.firstIndex(where: { $0.lowercased() == words[0].lowercased() })
    else { return nil }
    return day * 1_440 + minute
  }

  private static func moment(_ text: Substring, _ zone: Int) -> Timestamp? {
    let words = text.split(separator: " ")
    guard words.count == 2, let minute = clock(words[1]) else { return nil }
    let date = words[0].split(separator: "-", omittingEmptySubsequences: false)
    guard date.count == 3, let year = digits(date[0], 4), let month = digits(date[1], 2),
      let day = digits(date[2], 2), year >= 1970, (1...12).contains(month), day >= 1
    else { return nil }
    let minutes = dayNumber(year, month, day) * 1_440 + minute
    let wall = Timestamp(microseconds: Int64(minutes) * FreezeWindow.minute)
    // A day that the month does not have becomes another one.
    guard wall.civil.month == month, wall.civil.day == day else { return nil }
    return wall + .minutes(-zone)
  }

  /// Days from 1970-01-01, counting leap days up to the year before March.
  private static func dayNumber(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let shifted = month > 2 ? year : year - 1
    let monthFromMarch = (month + 9) % 12
    let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400
    return days + (153 * monthFromMarch + 2) / 5 + day - 1 - 719_468
  }

  /// Encodes as the text.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  /// Decodes from the text.
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    if text == "until released" { self = .untilReleased } else { try self.init(text) }
  }
}
