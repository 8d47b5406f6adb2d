import Testing

@testable import Core

@Suite("Lists in one word")
struct ListsTests {
  @Test(
    "names with commas between",
    arguments: [("carriers", ["carriers"]), ("a, b ,c-1", ["a", "b", "c-1"])])
  func names(text: String, expected: [String]) throws {
    #expect(try parseNames(text).map(\.text) == expected)
  }

  @Test("what holds no name is refused", arguments: ["", "a,", ",a", "a b", "A", "a,,b"])
  func noNames(text: String) {
    #expect(throws: InvalidValue.self) { try parseNames(text) }
  }

  @Test("one version's part of a split")
  func shares() throws {
    let read = { (text: String) throws(InvalidValue) in try VersionID(text) }
    let share = try Split.Share(written: "flight-delay@2=12.5%", version: read)
    #expect(share.version.number == 2 && share.weight == 1_250)
    for text in ["flight-delay@2", "flight-delay@2=", "=10%", "flight-delay@2=x", "flight=5%"] {
      #expect(throws: InvalidValue.self, "\(text)") {
        try Split.Share(written: text, version: read)
      }
    }
  }
}
