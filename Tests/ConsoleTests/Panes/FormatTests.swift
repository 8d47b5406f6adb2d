import Core
import Testing

@testable import Console

@Suite struct FormatTests {
  @Test func numbers() {
    #expect(Format.count(0) == "0")
    #expect(Format.count(-1_234_567) == "-1,234,567")
    #expect(Format.count(.min) == "-9,223,372,036,854,775,808")
    #expect(Format.fixed(1234.567, 1) == "1,234.6")
    #expect(Format.fixed(-0.04, 1) == "0.0")
    #expect(Format.fixed(-0.06, 1) == "-0.1")
    #expect(Format.rate(1842.3) == "1,842")
    #expect(Format.rate(4.24) == "4.2")
    #expect(Format.rate(0) == "0")
    #expect(Format.milliseconds(0.0034) == "0.003")
    #expect(Format.milliseconds(0) == "0.00")
    #expect(Format.milliseconds(0.419) == "0.42")
    #expect(Format.milliseconds(20.63) == "20.6")
    #expect(Format.milliseconds(340.2) == "340")
    #expect(Format.share(0.0031) == "0.31")
    #expect(Format.share(0.125) == "12.5")
    #expect(Format.weight(1250) == "12.5")
    #expect(Format.evidence(1.84) == "1.8")
    #expect(Format.evidence(24.2) == "24")
    #expect(Format.evidence(1_234) == "1.2k")
    #expect(Format.evidence(.infinity) == ">1M")
  }

  @Test func spans() {
    #expect(Format.age(.seconds(59)) == "<1m")
    #expect(Format.age(.minutes(11)) == "11m")
    #expect(Format.age(.seconds(7200)) == "2h")
    #expect(Format.age(.seconds(6 * 86_400)) == "6d")
    #expect(Format.age(.seconds(-5)) == "<1m")
    #expect(Format.countdown(.seconds(134)) == "02:14")
    #expect(Format.countdown(.milliseconds(1)) == "00:01")
    #expect(Format.countdown(.seconds(3600)) == "1:00:00")
    #expect(Format.bytes(412 << 20) == "412 MiB")
    #expect(Format.bytes(-1) == "0 B")
  }

  @Test func nothingBreaksThem() {
    let values: [Double?] = [
      nil, .nan, .infinity, -.infinity, .greatestFiniteMagnitude, -.greatestFiniteMagnitude,
      .leastNonzeroMagnitude, 1e15, -1e15,
    ]
    for value in values {
      for text in [
        Format.rate(value), Format.milliseconds(value), Format.share(value),
        Format.distance(value), Format.fixed(value, 3), value.map(Format.evidence) ?? "",
      ] { #expect(text.utf8.count < 30) }
    }
    _ = Format.age(TimeSpan(microseconds: .max))
    _ = Format.countdown(TimeSpan(microseconds: .max))
    _ = Format.bytes(.max)
  }

  @Test func figuresOfCards() {
    #expect(Format.figure(0.8072) == "0.807")
    #expect(Format.figure(65_469) == "65,469")
    #expect(Format.figure(1) == "1.000")
    #expect(Format.figure(.nan) == "-")
    #expect(Format.percent(0.05) == "5 %")
    #expect(Format.percent(0.005) == "0.5 %")
    #expect(Format.percent(.nan) == "-")
  }
}
