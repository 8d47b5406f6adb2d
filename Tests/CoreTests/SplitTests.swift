import Testing

@testable import Core

@Suite("Splits")
struct SplitTests {
  private func version(_ number: Int) throws -> VersionID {
    VersionID(model: try Name("m"), number: number)
  }

  @Test(
    "a split that does not sum to 100 % is refused with the sum", arguments: [0, 1, 9_999, 10_001])
  func wrongSum(weight: Int) throws {
    let first = try version(1)
    let shares =
      weight > 10_000
      ? [Split.Share(version: first, weight: 10_000), .init(version: try version(2), weight: 1)]
      : [Split.Share(version: first, weight: weight)]
    let error = #expect(throws: InvalidValue.self) { try Split(shares) }
    #expect(error?.message.contains(percentText(weight)) == true)
  }

  @Test("a version named twice, a negative or an oversized share is refused")
  func malformed() throws {
    let one = try version(1)
    let two = try version(2)
    #expect(throws: InvalidValue.self) {
      try Split([.init(version: one, weight: 5_000), .init(version: one, weight: 5_000)])
    }
    #expect(throws: InvalidValue.self) {
      try Split([.init(version: one, weight: -1), .init(version: two, weight: 10_001)])
    }
  }

  @Test("every legal split sums to 10,000, has no zero share and survives JSON")
  func properties() throws {
    var random = SplitMix64(seed: 7)
    for _ in 0..<500 {
      let count = Int.random(in: 1...6, using: &random)
      var rest = 10_000
      var shares: [Split.Share] = []
      for number in 1...count {
        let weight = number == count ? rest : Int.random(in: 0...rest, using: &random)
        rest -= weight
        shares.append(.init(version: try version(number), weight: weight))
      }
      let split = try Split(shares.shuffled(using: &random))
      #expect(split.shares.reduce(0) { $0 + $1.weight } == 10_000)
      #expect(split.shares.allSatisfy { $0.weight > 0 })
      #expect(split.versions == split.versions.sorted())
      for share in shares { #expect(split.weight(of: share.version) == share.weight) }
      #expect(try CanonicalJSON.decode(Split.self, from: try CanonicalJSON.encode(split)) == split)
    }
  }

  @Test("an altered split in a file is refused")
  func decodingChecks() {
    let bytes = Array(#"[{"version":"m@1","weight":9000}]"#.utf8)
    #expect(throws: InvalidValue.self) { try CanonicalJSON.decode(Split.self, from: bytes) }
  }

  @Test("percentages read what they write")
  func percentRoundTrip() throws {
    for weight in 0...10_000 { #expect(try parsePercent(percentText(weight)) == weight) }
  }

  @Test(
    "percentages as people write them",
    arguments: [("25%", 2_500), ("12.5 %", 1_250), ("100", 10_000), ("0.05%", 5), ("0.5", 50)])
  func percents(text: String, weight: Int) throws {
    #expect(try parsePercent(text) == weight)
  }

  @Test(
    "what is no percentage is refused",
    arguments: ["", "%", "-1%", "101%", "1.234%", "ten", "1e2", "5.%", ".5%", "9999%", "5%%", "٥%"])
  func notAPercentage(text: String) {
    #expect(throws: InvalidValue.self) { try parsePercent(text) }
  }
}
