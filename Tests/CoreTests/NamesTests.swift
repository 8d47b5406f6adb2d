import Testing

@testable import Core

@Suite("Names and versions")
struct NamesTests {
  @Test(
    "legal names are kept",
    arguments: ["a", "flight-delay", "0x", "a.b_c-d", String(repeating: "a", count: 63)])
  func legal(text: String) throws {
    #expect(try Name(text).text == text)
  }

  @Test(
    "names that could act as something else are refused",
    arguments: [
      "", "-a", ".hidden", "../etc", "a/b", "A", "é", "a b", "a\u{1B}[2J", "a\n", "a@1",
      String(repeating: "a", count: 64),
    ])
  func illegal(text: String) {
    let error = #expect(throws: InvalidValue.self) { try Name(text) }
    #expect(error?.message.unicodeScalars.contains { $0.value < 0x20 } == false)
    #expect(error?.exitCode == .usage)
  }

  @Test("a version reads what it writes", arguments: ["m@1", "flight-delay@12", "a.b@999999"])
  func versionRoundTrip(text: String) throws {
    #expect(try VersionID(text).description == text)
    let json = try CanonicalJSON.encode(try VersionID(text))
    #expect(try CanonicalJSON.decode(VersionID.self, from: json) == VersionID(text))
  }

  @Test(
    "what is no version is refused",
    arguments: [
      "m", "m@", "m@0", "m@-1", "m@1.5", "@1", "M@1", "m@١", "m@1x", "m@99999999999999999999",
    ])
  func notAVersion(text: String) {
    #expect(throws: InvalidValue.self) { try VersionID(text) }
  }

  @Test("decoding checks as parsing does")
  func decodingChecks() {
    #expect(throws: InvalidValue.self) {
      try CanonicalJSON.decode(Name.self, from: Array(#""../x""#.utf8))
    }
  }
}
