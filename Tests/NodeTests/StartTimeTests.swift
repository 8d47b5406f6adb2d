import Control
import Core
import Node
import Testing

@Suite("When something begins")
struct StartTimeTests {
  private let now = Timestamp(microseconds: 1_773_496_951_000_000)  // 2026-03-14T14:02:31Z

  @Test(
    "from now on, or at a time",
    arguments: [
      ("+30m", 1_773_498_751), ("+1h30m", 1_773_502_351), ("2026-03-14T15:00:00Z", 1_773_500_400),
      ("2026-03-14T15:00:00+01:00", 1_773_496_800), ("2h ago", 1_773_489_751),
      ("now", 1_773_496_951),
    ])
  func moments(text: String, seconds: Int64) throws {
    #expect(try Timestamp(moment: text, now: now).microseconds == seconds * 1_000_000)
  }

  @Test(
    "what is no moment is refused",
    arguments: ["", "+", "+5", "+-5m", "+900d", "+9223372036854775807us", "soon", "30m"])
  func noMoments(text: String) {
    #expect(throws: InvalidValue.self) { try Timestamp(moment: text, now: now) }
  }

  @Test("a start lies ahead")
  func starts() throws {
    #expect(try Timestamp(start: "+1s", now: now) == now + .seconds(1))
    for text in ["now", "+0s", "2h ago", "2026-03-14T14:02:31Z", "soon"] {
      #expect(throws: InvalidValue.self, "\(text)") { try Timestamp(start: text, now: now) }
    }
  }

  @Test(
    "sizes are read as they are written",
    arguments: [(0, "0"), (1_048_576, "1MiB"), (1 << 30, "1 GiB"), (1_536 << 20, "1536MiB")])
  func sizes(bytes: Int, text: String) throws {
    #expect(try parseBytes(text) == bytes)
    #expect(try parseBytes(byteText(bytes)) == bytes)
  }

  @Test("what is no size is refused", arguments: ["", "GiB", "-1", "1GB", "9999999TiB", "1.5GiB"])
  func noSizes(text: String) {
    #expect(throws: InvalidValue.self) { try parseBytes(text) }
  }
}
