import Glibc

/// Finds where whole records end in bytes that go on.
///
/// The same bytes can be shown again with more behind them; what was seen is not looked at twice.
struct RecordCutter: Sendable {
  /// What ends a record.
  enum Rule: Sendable, Equatable {
    /// A line feed.
    case line
    /// A line feed outside of quotes (RFC 4180).
    case csv
    /// So many bytes.
    case bytes(Int)
  }

  private let rule: Rule
  private var seen = 0
  private var whole = 0
  private var isInQuotes = false

  init(_ rule: Rule) { self.rule = rule }

  /// Begins with new bytes, at the begin of a record.
  mutating func reset() {
    (seen, whole, isInQuotes) = (0, 0, false)
  }

  /// How many of `bytes` are whole records.
  ///
  /// - Parameter bytes: those shown since ``reset()`` and what came behind them.
  mutating func wholeRecords(in bytes: UnsafeBufferPointer<UInt8>) -> Int {
    guard let base = bytes.baseAddress, bytes.count > seen else { return whole }
    switch rule {
    case .bytes(let size): whole = bytes.count / size * size
    case .line:
      noteLastLine(base, seen, bytes.count)
      seen = bytes.count
    case .csv: followQuotes(base, bytes.count)
    }
    return whole
  }

  private mutating func noteLastLine(_ base: UnsafePointer<UInt8>, _ first: Int, _ end: Int) {
    var at = end
    while at > first, base[at - 1] != 0x0A { at -= 1 }
    if at > first { whole = at }
  }

  private mutating func followQuotes(_ base: UnsafePointer<UInt8>, _ count: Int) {
    while seen < count {
      let found = memchr(base + seen, 0x22, count - seen)
      let quote = found.map { UnsafeRawPointer($0) - UnsafeRawPointer(base) } ?? count
      if isInQuotes {
        // Whether a quote at the very end is doubled is seen only with the byte behind it.
        guard quote + 1 < count else {
          seen = min(quote, count)
          return
        }
        isInQuotes = base[quote + 1] == 0x22
        seen = isInQuotes ? quote + 2 : quote + 1
        continue
      }
      noteLastLine(base, seen, quote)
      guard quote < count else {
        seen = count
        return
      }
      isInQuotes = RecordCutter.beginsField(base, quote)
      seen = quote + 1
    }
  }

  /// Whether a quote opens a field: it stands behind a comma or where a record begins.
  private static func beginsField(_ base: UnsafePointer<UInt8>, _ quote: Int) -> Bool {
    var at = quote
    if at > 0, base[at - 1] == 0x2C { return true }
    // Carriage returns at the begin of a record are part of blank lines.
    while at > 0, base[at - 1] == 0x0D { at -= 1 }
    return at == 0 || base[at - 1] == 0x0A
  }
}
