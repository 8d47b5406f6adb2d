import Testing

@testable import Core

@Suite("Times and spans")
struct TimeTests {
  // Checked with `date -u -d @SECONDS`.
  @Test(
    "timestamps are civil UTC",
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (951_782_400, "2000-02-29T00:00:00.000Z"),
      (1_773_496_951, "2026-03-14T14:02:31.000Z"), (-1, "1969-12-31T23:59:59.000Z"),
      (4_107_542_399, "2100-02-28T23:59:59.000Z"), (4_107_542_400, "2100-03-01T00:00:00.000Z"),
    ])
  func civil(seconds: Int64, text: String) {
    #expect(Timestamp(microseconds: seconds * 1_000_000).description == text)
  }

  @Test(
    "durations as people write them",
    arguments: [
      ("5m", 300_000_000), ("1h30m", 5_400_000_000), ("250ms", 250_000), ("2d", 172_800_000_000),
      ("90s", 90_000_000), ("0s", 0), ("10us", 10),
    ])
  func spans(text: String, microseconds: Int64) throws {
    #expect(try TimeSpan(text).microseconds == microseconds)
  }

  @Test(
    "what is no duration is refused",
    arguments: [
      "", "5", "5 min", "m", "-5m", "1.5h", "5min", "99999999999999999999s", "9999999999999d", "٥m",
    ])
  func notASpan(text: String) {
    #expect(throws: InvalidValue.self) { try TimeSpan(text) }
  }

  @Test("a span's text reads back to within its two largest units")
  func spanRoundTrip() throws {
    var random = SplitMix64(seed: 3)
    for _ in 0..<1_000 {
      let span = TimeSpan(microseconds: Int64.random(in: 0...10_000_000_000_000, using: &random))
      #expect(try TimeSpan(span.exactText) == span)
      let back = try TimeSpan(span.description)
      #expect(back <= span)
      #expect(Double(span.microseconds - back.microseconds) <= Double(span.microseconds) / 20 + 1)
    }
  }
}
