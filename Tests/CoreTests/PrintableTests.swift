import Testing

@testable import Core

@Suite("Text from outside")
struct PrintableTests {
  @Test("no control, bidirectional or zero-width character survives")
  func neutralised() {
    var random = SplitMix64(seed: 11)
    for _ in 0..<2_000 {
      var text = String.UnicodeScalarView()
      for _ in 0..<Int.random(in: 0...40, using: &random) {
        let value = UInt32.random(in: 0...0x10FFFF, using: &random)
        let low = UInt32.random(in: 0...0x2100, using: &random)
        if let scalar = Unicode.Scalar(Bool.random(using: &random) ? value : low) {
          text.append(scalar)
        }
      }
      for scalar in printable(String(text)).unicodeScalars {
        let v = scalar.value
        #expect(v >= 0x20 && !(0x7F...0x9F).contains(v))
        #expect(!(0x200B...0x200F).contains(v) && !(0x2028...0x202E).contains(v))
        #expect(!(0x2060...0x206F).contains(v) && v != 0xFEFF && v != 0x061C)
      }
    }
  }

  @Test("escape sequences become carets, ordinary text stays")
  func carets() {
    #expect(printable("\u{1B}[2J") == "^[[2J")
    #expect(printable("a\r\nb\tc") == "a^M^Jb^Ic")
    #expect(printable("Zürich 東京 naïve") == "Zürich 東京 naïve")
    #expect(printable("abcdef", limit: 3) == "abc…")
  }
}
