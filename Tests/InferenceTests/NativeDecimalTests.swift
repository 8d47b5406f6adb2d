import Core
import Testing

@testable import Inference

/// Decimal numbers are rounded as the standard library rounds them.
struct NativeDecimalTests {
  private func parse(_ text: String, isLenient: Bool = false) -> (Float, Double)? {
    Array(text.utf8).withUnsafeBytes { bytes in
      guard let number = DecimalNumber(bytes, at: 0, isLenient: isLenient),
        number.end == bytes.count
      else { return nil }
      return (number.float, number.double)
    }
  }

  private func check(_ text: String) {
    let got = parse(text)
    #expect(got?.0.bitPattern == Float(text)?.bitPattern, "\(text)")
    #expect(got?.1.bitPattern == Double(text)?.bitPattern, "\(text)")
  }

  @Test func awkwardNumbers() {
    for text in [
      "0", "-0", "0.0", "1", "-1", "0.1", "1E0", "5E-1", "9007199254740993", "9007199254740992.5",
      "16777217", "16777217.0000001", "1.0000000180025095e-35", "1e-45", "1.4e-45", "3.4028236e38",
      "3.4028235e38", "1e39", "1e308", "1.8e308", "4.9e-324", "2.2250738585072014e-308", "1e27",
      "1e28", "123456789012345678901234567890", "0.000000000000000000000000000001234",
      "18446744073709551615", "18446744073709551616", "1e-27", "9999999999999999999e27",
      "1.00000005960464477539062", "1.000000059604644775390625", "1.00000005960464477539063",
      "1e99999", "-1e-99999",
    ] { check(text) }
  }

  @Test func randomNumbersOfAllSizes() {
    var random = SplitMix64(seed: 41)
    for _ in 0..<4_000 {
      let digits = Int(random.next() % 20) + 1
      var text = random.next() % 2 == 0 ? "-" : ""
      text += "\(random.next() % 9 + 1)."
      for _ in 0..<digits { text += "\(random.next() % 10)" }
      text += "e\(Int(random.next() % 90) - 45)"
      check(text)
      check("\(Double(bitPattern: random.next() & 0x47FF_FFFF_FFFF_FFFF | 0x3000 << 48))")
      check("\(Float(bitPattern: UInt32(random.next() & 0x7F7F_FFFF)))")
    }
  }

  /// Halfway between two floats, and a little off: the digits beyond decide.
  @Test func tiesGoToEven() {
    var random = SplitMix64(seed: 42)
    for _ in 0..<2_000 {
      let odd = (random.next() % (1 << 24) | 1 << 24) * 2 + 1
      check("\(odd)")
      check("\(odd).0000000001")
      check("\(Double(odd) / 1024)")
    }
  }

  @Test func whatIsNoNumber() {
    for text in ["", "-", "+1", ".5", "1.", "01", "e5", "- 1", "0x10", "1,5"] {
      #expect(parse(text) == nil, "\(text)")
    }
    for text in ["+1", ".5", "1.", "01"] {
      #expect(parse(text, isLenient: true)?.1 == Double(text), "\(text)")
    }
  }
}
