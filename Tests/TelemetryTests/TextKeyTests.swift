import Testing

@testable import Telemetry

@Suite struct TextKeyTests {
  @Test func shortTextsAreHeldWhole() {
    for text in ["", "U", "UA", "12345678", "123456789", "exactly15 bytes", "Zürich"] {
      #expect(TextKey(text).text == text)
    }
    #expect(TextKey("").isMissing)
    #expect(!TextKey("\0").isMissing)
    #expect(TextKey("a") != TextKey("a\0"))
  }

  @Test func longTextsDifferByTheirEnd() {
    let a = TextKey("a carrier with a long name 1")
    let b = TextKey("a carrier with a long name 2")
    #expect(a != b)
    #expect(a == TextKey("a carrier with a long name 1"))
    #expect(a.text == "a carri…")
  }

  @Test func decimalsEqualTheirTexts() {
    for number: Int64 in [0, 1, 9, 10, -1, 123_456, .max, .min] {
      #expect(TextKey(decimal: number) == TextKey("\(number)"))
    }
  }

  @Test func rowLayoutKeepsFieldsApartAndAligned() {
    let layout = RowLayout([("a", .number), ("b", .text), ("c", .number), ("d", .text)])
    #expect(layout.fields.map(\.offsetBytes) == [32, 0, 36, 16])
    #expect(layout.strideBytes == 40)
    #expect(layout.field("c")?.offsetBytes == 36)
    #expect(layout.field("e") == nil)
  }
}
